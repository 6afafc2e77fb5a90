//! Members of a group, which come and go: together they are handed every record.

use super::{PLAIN, Stage, Work, records};
use base::Rng;
use client::consume::group::{AutoCommit, GroupConsumer, GroupProtocol, GroupSettings, Subscription};
use client::consume::{ConsumerSettings, OffsetReset};
use std::time::Duration;
use tokio::time::Instant;

pub const GROUP: &str = "readers";

pub async fn run(work: Work, who: &'static str, protocol: GroupProtocol, mut rng: Rng) {
    let consuming = ConsumerSettings {
        reset: OffsetReset::Earliest,
        ..ConsumerSettings::default()
    };
    let mut settings = GroupSettings::new(GROUP);
    settings.protocol = protocol;
    settings.session_timeout = Duration::from_secs(10);
    settings.heartbeat_interval = Duration::from_secs(1);
    // Also how long an answer to JoinGroup is waited for, which never comes from a coordinator whose power went.
    settings.max_poll_interval = Duration::from_secs(20);
    settings.auto_commit = AutoCommit::Every(Duration::from_millis(700));
    while work.stage() < Stage::Nothing {
        let subscription = Subscription::Named(vec![PLAIN.to_owned()]);
        let mut member = GroupConsumer::new(work.cluster(who), settings.clone(), consuming.clone(), subscription);
        let leaves = Instant::now() + Duration::from_millis(4000 + rng.below(20_000));
        while work.stage() < Stage::Nothing && (Instant::now() < leaves || work.stage() == Stage::Reading) {
            match member.poll(Duration::from_millis(200)).await {
                Ok(chunks) => {
                    let mut told = work.history.lock();
                    for (place, records) in chunks.iter().map(records) {
                        let offsets = (records.first().map(|first| first.0), records.last().map(|last| last.0));
                        told.note(format_args!("{who} is handed {offsets:?} of {place:?}"));
                        for (offset, value) in records {
                            told.sees(who, place, offset, &value);
                            told.group_saw.insert((place, value));
                        }
                    }
                }
                Err(error) => {
                    // A member that was away for too long is none any more, and joins anew.
                    work.history.note(format_args!("{who} is no member: {error}"));
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    break;
                }
            }
        }
        // Some leave, and some are just gone.
        let closes = rng.below(3) > 0;
        work.history.note(format_args!("{who} goes, tells {closes}"));
        if closes {
            member.close().await;
        }
    }
}
