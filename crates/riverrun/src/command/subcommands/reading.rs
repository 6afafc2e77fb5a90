//! The words of a command line, read against the options that there are.

use super::{Argument, Arguments, Need, Takes};

/// What ends the options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The first word that is none.
    Command,
    /// The end of the line.
    End,
}

/// Reads options; gives what is left, or nothing where help is asked for.
pub fn read<'a>(
    arguments: Arguments,
    args: &'a [String],
    until: Until,
    values: &mut Vec<(&'static str, String)>,
) -> Result<Option<&'a [String]>, String> {
    let mut at = 0;
    while let Some(word) = args.get(at) {
        if !looks_like_option(word) {
            match until {
                Until::Command => return Ok(Some(&args[at..])),
                Until::End => return Err(format!("unrecognized arguments: '{word}'")),
            }
        }
        if matches!(word.as_str(), "-h" | "--help") {
            return Ok(None);
        }
        at += 1;
        let Some((argument, inline)) = find(arguments, word) else {
            return Err(format!("unrecognized arguments: '{word}'"));
        };
        let value = match (argument.takes, inline) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(inline)) => {
                return Err(format!(
                    "argument {}: ignored explicit argument '{inline}'",
                    argument.shown()
                ));
            }
            (_, Some(inline)) => inline,
            (_, None) => {
                let next = args.get(at).filter(|next| !looks_like_option(next));
                at += 1;
                next.cloned()
                    .ok_or_else(|| format!("argument {}: expected one argument", argument.shown()))?
            }
        };
        check(arguments, argument, &value, values)?;
        values.push((argument.name, value));
    }
    Ok(Some(&[]))
}

/// Negative numbers are values.
fn looks_like_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<i64>().is_err()
}

/// The option that a word is, or is the beginning of, and the value that hangs on it.
fn find(arguments: Arguments, word: &str) -> Option<(&'static Argument, Option<String>)> {
    let (flag, inline) = match word.split_once('=') {
        Some((flag, value)) => (flag, Some(value.to_owned())),
        None => (word, None),
    };
    let Some(name) = flag.strip_prefix("--") else {
        let mut letters = word.strip_prefix('-')?.chars();
        let short = letters.next()?;
        let argument = arguments.all().find(|argument| argument.short == Some(short))?;
        let rest = letters.as_str();
        return Some((argument, (!rest.is_empty()).then(|| rest.to_owned())));
    };
    if let Some(argument) = arguments.all().find(|argument| argument.name == name) {
        return Some((argument, inline));
    }
    let mut begun = arguments.all().filter(|argument| argument.name.starts_with(name));
    match (begun.next(), begun.next()) {
        (Some(argument), None) => Some((argument, inline)),
        _ => None,
    }
}

fn check(
    arguments: Arguments,
    argument: &Argument,
    value: &str,
    values: &[(&'static str, String)],
) -> Result<(), String> {
    let is_one = |name: &str| arguments.one_of.iter().find(|one| one.name == name);
    if is_one(argument.name).is_some() {
        let other = values
            .iter()
            .find_map(|(given, _)| is_one(given).filter(|one| one.name != argument.name));
        if let Some(other) = other {
            let (shown, other) = (argument.shown(), other.shown());
            return Err(format!("argument {shown}: not allowed with argument {other}"));
        }
    }
    if argument.takes == Takes::Integer && value.parse::<i32>().is_err() {
        return Err(format!(
            "argument {}: could not convert '{value}' to Integer (For input string: \"{value}\")",
            argument.shown()
        ));
    }
    Ok(())
}

/// Whether everything that must be given was.
pub fn complete(arguments: Arguments, values: &[(&'static str, String)], entrance: Need) -> Result<(), String> {
    let is_given = |argument: &&Argument| values.iter().any(|(name, _)| *name == argument.name);
    let absent = |argument: &&Argument| argument.need == Need::Required && !is_given(argument);
    // The last one first, as that library does.
    if let Some(argument) = arguments.single.iter().rev().find(absent) {
        return Err(format!("argument {} is required", argument.shown()));
    }
    let must = arguments.need == Need::Required && entrance == Need::Required;
    if must && !arguments.one_of.iter().any(|argument| is_given(&argument)) {
        let names: Vec<String> = arguments.one_of.iter().map(Argument::shown).collect();
        return Err(format!("one of the arguments {} is required", names.join(" ")));
    }
    Ok(())
}
