//! What the active controller does on its own: fences brokers that fell silent, moves leaderships back to the preferred
//! leaders, elects leaders where the topic allows an unclean election, and writes a no-op record every so often so that
//! the metadata log moves on (KIP-835).

use crate::context::OpContext;
use crate::fencing;
use crate::op::Outcome;
use crate::op::elect_leaders::{ElectionType, elect_leader};
use crate::sessions::Sessions;
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::Instant;
use metadata::image::PartitionImage;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::no_op_record::NoOpRecord;
use std::time::Duration;

/// The most elections held at once; the rest follows right after.
const MAX_ELECTIONS: usize = 1000;

/// When the active controller's own tasks are due. Begins with a leadership, ends with it.
#[derive(Clone, Debug)]
pub struct Periodic {
    no_op: Option<Instant>,
    preferred: Option<Instant>,
    unclean: Instant,
}

impl Periodic {
    /// The tasks of a controller that became active now.
    pub fn activate(settings: &ControllerSettings, now: Instant) -> Self {
        Self {
            no_op: settings.max_idle_interval.map(|interval| now.plus(interval)),
            preferred: settings.imbalance_check_interval.map(|interval| now.plus(interval)),
            unclean: now.plus(settings.unclean_election_interval),
        }
    }

    /// When [`Periodic::on_timeout`] is to be called next.
    pub fn next_deadline(&self, sessions: &Sessions) -> Instant {
        let optional = [self.no_op, self.preferred, sessions.next_expiry()];
        optional.into_iter().flatten().fold(self.unclean, Instant::min)
    }

    /// Does one task that is due. To be called again, on the state with these records, until the next deadline lies in
    /// the future.
    pub fn on_timeout(&mut self, state: &ControllerState, cx: &mut OpContext<'_>) -> Outcome<()> {
        let now = cx.now;
        if let Some((id, epoch)) = cx.sessions.take_expired(now) {
            let Some(broker) = state.broker(id).filter(|broker| broker.epoch == epoch) else {
                return Outcome::unchanged(());
            };
            tracing::info!(broker = %id, %epoch, "fencing a broker whose session timed out");
            cx.sessions.fence(id);
            return Outcome::splittable(fencing::fence(state, cx.settings, broker), ());
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.no_op) {
            self.no_op = cx.settings.max_idle_interval.map(|interval| now.plus(interval));
            return Outcome::atomic(vec![MetadataRecord::NoOp(NoOpRecord {})], ());
        }
        if due(self.preferred) {
            let records = preferred_elections(state, cx.settings);
            self.preferred = cx
                .settings
                .imbalance_check_interval
                .map(|interval| now.plus(pause(&records, interval)));
            return Outcome::splittable(records, ());
        }
        if self.unclean <= now {
            let records = unclean_elections(state, cx.settings);
            self.unclean = now.plus(pause(&records, cx.settings.unclean_election_interval));
            return Outcome::splittable(records, ());
        }
        Outcome::unchanged(())
    }
}

/// None, if there may be more to elect.
fn pause(records: &[MetadataRecord], interval: Duration) -> Duration {
    if records.len() < MAX_ELECTIONS {
        interval
    } else {
        Duration::ZERO
    }
}

fn preferred_elections(state: &ControllerState, settings: &ControllerSettings) -> Vec<MetadataRecord> {
    let away = |partition: &PartitionImage| !partition.has_preferred_leader();
    elections(state, settings, ElectionType::Preferred, |_, partition| away(partition))
}

fn unclean_elections(state: &ControllerState, settings: &ControllerSettings) -> Vec<MetadataRecord> {
    elections(state, settings, ElectionType::Unclean, |topic, partition| {
        !partition.has_leader() && settings.allows_unclean_election(state, topic)
    })
}

fn elections(
    state: &ControllerState,
    settings: &ControllerSettings,
    election: ElectionType,
    wants: impl Fn(&str, &PartitionImage) -> bool,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in state.image().topics.iter() {
        for (index, _) in topic
            .partitions()
            .filter(|(_, partition)| wants(&topic.name, partition))
        {
            if records.len() >= MAX_ELECTIONS {
                return records;
            }
            let elected = elect_leader(state, settings, &topic.name, index, election);
            records.extend(elected.ok().map(MetadataRecord::PartitionChange));
        }
    }
    records
}
