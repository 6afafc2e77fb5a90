//! Topics by regular expression: when to look which topics match. The looking itself is a [`Search`].

use super::draft::Draft;
use super::member::Member;
use super::refusal::Refusal;
use super::search::Search;
use crate::desk::Desk;
use crate::regex::TopicRegex;
use protocol::ErrorCode;
use std::sync::Arc;

/// A group's topics are looked for at most so often, in milliseconds.
const LEAST_INTERVAL_MS: i64 = 10_000;

/// Whether a member's regular expression has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Regex {
    /// It has not.
    Same,
    /// It has, and what it matches is not known yet.
    Changed,
    /// It has, and what it matches is known.
    ChangedAndResolved,
}

/// Takes over a member's regular expression, which the draft has already, and begins a search if one is due.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION.
pub(crate) fn update(desk: &mut Desk, draft: &mut Draft, before: &Member, wanted: &Member) -> Result<Regex, Refusal> {
    let (status, is_new) = change(draft, before, wanted)?;
    if is_due(desk, draft, is_new) {
        search(desk, draft);
    }
    Ok(status)
}

/// What has changed, and whether nobody had the regular expression before.
fn change(draft: &mut Draft, before: &Member, wanted: &Member) -> Result<(Regex, bool), Refusal> {
    if before.regex == wanted.regex {
        return Ok((Regex::Same, false));
    }
    if let Some(old) = before.regex()
        && draft.group.index().regexes.get(old) == 0
    {
        draft.forget_regex(old);
    }
    let Some(new) = wanted.regex() else {
        return Ok((Regex::ChangedAndResolved, false));
    };
    if draft.group.index().regexes.get(new) == 1 {
        let compiled = TopicRegex::compile(new);
        compiled.map_err(|error| Refusal::new(ErrorCode::InvalidRegularExpression, error.to_string()))?;
        return Ok((Regex::Changed, true));
    }
    let is_resolved = draft.group.regexes.contains_key(new);
    let status = if is_resolved {
        Regex::ChangedAndResolved
    } else {
        Regex::Changed
    };
    Ok((status, false))
}

fn is_due(desk: &Desk, draft: &Draft, is_new: bool) -> bool {
    let (wanted, resolved) = (&draft.group.index().regexes, &draft.group.regexes);
    if wanted.is_empty() || desk.searching.contains(&draft.id) {
        return false;
    }
    let Some(last) = resolved.values().next() else {
        return true;
    };
    let age = desk.moment.wall.0.saturating_sub(last.timestamp);
    let interval = i64::try_from(desk.settings.consumer.regex_refresh_interval.as_millis()).unwrap_or(i64::MAX);
    age > LEAST_INTERVAL_MS
        && (is_new || wanted.len() != resolved.len() || last.version < desk.picture.topics.newest() || age > interval)
}

fn search(desk: &mut Desk, draft: &Draft) {
    desk.searching.insert(Arc::clone(&draft.id));
    desk.searches.push(Search {
        group: Arc::clone(&draft.id),
        patterns: draft
            .group
            .index()
            .regexes
            .iter()
            .map(|(regex, _)| Arc::clone(regex))
            .collect(),
        topics: desk.picture.topics.clone(),
        began: desk.moment.wall,
    });
}
