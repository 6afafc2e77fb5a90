//! How a consumer takes part in its group, under the names of Kafka's consumer properties.

use crate::settings::{Applied, SettingError, millis};
use std::time::Duration;

/// Which protocol the group is kept together with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Members agree among themselves, all at once.
    Classic,
    /// The coordinator decides, member by member (KIP-848).
    Consumer,
}

/// When offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCommit {
    /// So often, before partitions are given up, and at the end.
    Every(Duration),
    /// Never.
    Off,
}

/// How a consumer takes part in its group. The defaults are those of Kafka's consumer.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// `group.id`.
    pub group_id: String,
    /// `group.instance.id`: the name of a static member.
    pub instance_id: Option<String>,
    /// `group.protocol`.
    pub protocol: GroupProtocol,
    /// `group.remote.assignor`: how partitions are assigned in the new protocol, if not by the coordinator's choice.
    pub remote_assignor: Option<String>,
    /// `session.timeout.ms`: how long a silent member is kept.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long a member that does not poll is kept.
    pub max_poll_interval: Duration,
    /// `enable.auto.commit` and `auto.commit.interval.ms`.
    pub auto_commit: AutoCommit,
    commit_interval: Duration,
}

impl GroupSettings {
    /// Kafka's defaults for a group.
    pub fn new(group_id: &str) -> Self {
        let commit_interval = Duration::from_secs(5);
        Self {
            group_id: group_id.to_owned(),
            instance_id: None,
            protocol: GroupProtocol::Classic,
            remote_assignor: None,
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(300),
            auto_commit: AutoCommit::Every(commit_interval),
            commit_interval,
        }
    }

    /// Applies one of Kafka's consumer properties.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<Applied, SettingError> {
        let wrong = |reason: &str| SettingError::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            reason: reason.to_owned(),
        };
        match key {
            "group.id" => value.clone_into(&mut self.group_id),
            "group.instance.id" if value.is_empty() => return Err(wrong("String must be non-empty")),
            "group.instance.id" => self.instance_id = Some(value.to_owned()),
            "group.protocol" => {
                self.protocol = match value.to_ascii_lowercase().as_str() {
                    "classic" => GroupProtocol::Classic,
                    "consumer" => GroupProtocol::Consumer,
                    _ => return Err(wrong("String must be one of (case insensitive): CLASSIC, CONSUMER")),
                }
            }
            "group.remote.assignor" => self.remote_assignor = Some(value.to_owned()),
            "session.timeout.ms" => self.session_timeout = millis(key, value)?,
            "heartbeat.interval.ms" => self.heartbeat_interval = millis(key, value)?.max(Duration::from_millis(1)),
            "max.poll.interval.ms" => self.max_poll_interval = millis(key, value)?.max(Duration::from_millis(1)),
            "auto.commit.interval.ms" => {
                self.commit_interval = millis(key, value)?;
                if let AutoCommit::Every(interval) = &mut self.auto_commit {
                    *interval = self.commit_interval;
                }
            }
            "enable.auto.commit" => {
                self.auto_commit = match value.trim().to_ascii_lowercase().as_str() {
                    "true" => AutoCommit::Every(self.commit_interval),
                    "false" => AutoCommit::Off,
                    _ => return Err(wrong("Expected value to be either true or false")),
                }
            }
            "partition.assignment.strategy" => assignors(key, value)?,
            _ => return Ok(Applied::Unknown),
        }
        Ok(Applied::Yes)
    }
}

/// The one way to assign that this client can lead a group with; one that is not there would change who reads what.
fn assignors(key: &str, value: &str) -> Result<(), SettingError> {
    let known = |name: &str| matches!(name.rsplit('.').next(), Some("RangeAssignor" | "range"));
    if value.split(',').any(|name| known(name.trim())) {
        return Ok(());
    }
    Err(SettingError::NotBuilt {
        key: key.to_owned(),
        value: value.to_owned(),
        instead: "use org.apache.kafka.clients.consumer.RangeAssignor, or group.protocol=consumer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_switched_and_timed_in_any_order() {
        let mut settings = GroupSettings::new("g");
        settings.apply("enable.auto.commit", "false").unwrap();
        settings.apply("auto.commit.interval.ms", "7").unwrap();
        assert_eq!(settings.auto_commit, AutoCommit::Off);
        settings.apply("enable.auto.commit", "TRUE").unwrap();
        assert_eq!(settings.auto_commit, AutoCommit::Every(Duration::from_millis(7)));
        assert!(
            settings
                .apply("partition.assignment.strategy", "a.b.StickyAssignor")
                .is_err()
        );
        let both = "org.apache.kafka.clients.consumer.RangeAssignor,x.Other";
        assert_eq!(settings.apply("partition.assignment.strategy", both), Ok(Applied::Yes));
        assert!(settings.apply("group.protocol", "share").is_err());
        assert_eq!(settings.apply("group.protocol", "CONSUMER"), Ok(Applied::Yes));
    }
}
