//! A leader and its follower on real disks: what is asked, what is answered, and what either makes of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pair;

use base::{BrokerEpoch, Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch};
use pair::{F, L, NOW, Pair, at, batch, following, led_by};
use partition::{
    BrokerState, CommittedIsr, Heard, IsrRefusal, LeaderAnswer, LeaderExtent, NextFetch, ReplicaFetchRefused,
    ReplicateError, Replicated, Replication,
};
use records::ReplicatedBatches;
use std::sync::Arc;
use std::time::Duration;
use storage::{Durability, EpochEndOffset};

#[test]
fn a_follower_takes_over_bytes_epochs_and_the_high_watermark_a_round_later() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.append(batch(2));
    assert_eq!(pair.leader.high_watermark(), Offset(0));
    pair.round();
    assert_eq!(pair.follower.log().log_end_offset(), Offset(5));
    assert_eq!(pair.follower.log().latest_epoch(), Some(LeaderEpoch(5)));
    assert_eq!(
        (pair.leader.high_watermark(), pair.follower.high_watermark()),
        (Offset(0), Offset(0))
    );
    pair.round();
    assert_eq!(
        (pair.leader.high_watermark(), pair.follower.high_watermark()),
        (Offset(5), Offset(0))
    );
    pair.round();
    assert_eq!(pair.follower.high_watermark(), Offset(5));
    assert_eq!(pair::bytes(&pair.leader), pair::bytes(&pair.follower));
}

#[test]
fn a_follower_acknowledges_only_what_is_on_stable_storage() {
    let mut pair = Pair::new(Durability::Flush);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.round();
    assert_eq!(pair.follower.next_fetch(), NextFetch::AfterFlush(Offset(3)));
    pair.follower.log_mut().flush(Instant::ZERO).unwrap();
    pair.round();
    assert_eq!(
        pair.leader.high_watermark(),
        Offset(0),
        "the leader's own disk has not got it"
    );
    pair.flush_leader();
    assert_eq!(pair.leader.high_watermark(), Offset(3));
}

#[test]
fn the_high_watermark_stands_still_while_too_few_are_in_sync() {
    let mut pair = Pair::new(Durability::Os);
    pair.min_insync(2);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(1));
    pair.rounds(2);
    assert_eq!(pair.leader.high_watermark(), Offset(1));
    pair.leader.lead(led_by(L, 5, 6, &[L]), at(0)).unwrap().fire();
    pair.append_one_acknowledged_by_the_leader();
    pair.rounds(2);
    assert_eq!(pair.leader.high_watermark(), Offset(1));
    pair.leader.lead(led_by(L, 5, 7, &[L, F]), at(0)).unwrap().fire();
    assert_eq!(pair.leader.high_watermark(), Offset(2));
}

#[test]
fn a_replica_comes_into_sync_by_a_proposal_and_counts_from_then_on() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L]);
    pair.append(batch(4));
    assert_eq!(pair.round(), None, "it asks from 0");
    let proposal = pair.round().expect("it has all that is committed");
    assert_eq!(
        proposal.isr.iter().map(|member| member.node).collect::<Vec<_>>(),
        [L, F]
    );
    assert_eq!(proposal.isr[1].epoch, BrokerEpoch(20));
    assert_eq!(pair.leader.pending_isr(), Some(&proposal));
    pair.append(batch(1));
    assert_eq!(
        pair.leader.high_watermark(),
        Offset(4),
        "whoever may be in sync already counts"
    );
    assert_eq!(pair.round(), None, "one proposal at a time");
    // The same state of the metadata again does not make the proposal void.
    pair.leader.lead(led_by(L, 5, 5, &[L]), at(0)).unwrap().fire();
    assert_eq!(pair.leader.pending_isr(), Some(&proposal));
    let refused = Err(IsrRefusal::MetadataWillTell);
    pair.leader.isr_answered(&proposal, refused).fire();
    assert_eq!(pair.leader.maximal_isr(), [L, F]);
    let committed = CommittedIsr {
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(6),
        isr: vec![L, F],
    };
    pair.leader.isr_answered(&proposal, Ok(committed)).fire();
    assert_eq!(pair.leader.leadership().unwrap().isr, [L, F]);
    // Metadata of before the answer says nothing.
    pair.leader.lead(led_by(L, 5, 5, &[L]), at(0)).unwrap().fire();
    assert_eq!(pair.leader.leadership().unwrap().isr, [L, F]);
}

#[test]
fn what_was_certainly_not_applied_is_forgotten() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L]);
    pair.append(batch(4));
    pair.round();
    let proposal = pair.round().unwrap();
    pair.leader.isr_answered(&proposal, Err(IsrRefusal::NotApplied)).fire();
    assert_eq!((pair.leader.pending_isr(), pair.leader.maximal_isr()), (None, &[L][..]));
}

#[test]
fn who_had_everything_while_nothing_was_appended_has_its_time_from_then_on() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(1));
    pair.rounds(2);
    let session = Arc::new(Heard::default());
    assert!(pair.leader.is_settled(F));
    pair.leader.heard_with(F, &session);
    // A day on, of which the partition was told nothing but by the session.
    let day = 86_400_000;
    session.tell(at(day));
    assert_eq!(
        pair.leader.shrink_isr(at(day + 40_000)),
        None,
        "there is nothing that it lacks"
    );
    pair.append(batch(1));
    session.tell(at(day + 50_000));
    assert_eq!(pair.leader.shrink_isr(at(day + 30_000)), None);
    assert!(
        pair.leader.shrink_isr(at(day + 30_001)).is_some(),
        "what is heard since is of other partitions"
    );
}

#[test]
fn who_lags_too_long_falls_out_of_sync_but_counts_until_that_is_committed() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(1));
    assert_eq!(pair.leader.shrink_isr(at(30_000)), None);
    let proposal = pair.leader.shrink_isr(at(30_001)).expect("it never fetched");
    assert_eq!(proposal.isr.len(), 1);
    assert_eq!(pair.leader.high_watermark(), Offset(0));
    assert_eq!(pair.leader.shrink_isr(at(60_000)), None, "one proposal at a time");
    let committed = CommittedIsr {
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(6),
        isr: vec![L],
    };
    pair.leader.isr_answered(&proposal, Ok(committed)).fire();
    assert_eq!(pair.leader.high_watermark(), Offset(1));
}

#[test]
fn who_is_not_at_work_or_was_registered_anew_comes_not_into_sync() {
    for (state, epoch, fetches_as) in [
        (BrokerState::Fenced, 20, 20),
        (BrokerState::ShuttingDown, 20, 20),
        (BrokerState::Active, 20, 21),
    ] {
        let mut pair = Pair::new(Durability::Os);
        pair.registered(F, epoch, state);
        pair.broker_epoch = BrokerEpoch(fetches_as);
        pair.lead_from(5, &[L]);
        pair.append(batch(4));
        assert_eq!(
            (pair.round(), pair.round()),
            (None, None),
            "{state:?} {epoch} {fetches_as}"
        );
    }
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(4));
    pair.registered(F, 30, BrokerState::Active);
    let fetch = pair.fetch();
    let refused = pair.leader.replica_fetch(&fetch, at(0)).map(drop).unwrap_err();
    assert_eq!(refused, ReplicaFetchRefused::StaleBrokerEpoch(BrokerEpoch(20)));
}

#[test]
fn whom_a_leader_does_not_know_it_does_not_answer() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    let mut fetch = pair.fetch();
    fetch.replica = NodeId(9);
    let refused = pair.leader.replica_fetch(&fetch, at(0)).map(drop).unwrap_err();
    assert_eq!(refused, ReplicaFetchRefused::UnknownReplica(NodeId(9)));
    let mut fetch = pair.fetch();
    fetch.offset = Offset(1);
    let refused = pair.leader.replica_fetch(&fetch, at(0)).map(drop).unwrap_err();
    assert!(matches!(refused, ReplicaFetchRefused::OutOfRange(_)));
}

#[test]
fn a_log_that_diverged_is_cut_to_what_it_has_in_common() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.rounds(3);
    pair.append(batch(4));
    // The follower takes office without the last four, and writes others.
    pair.swap();
    pair.lead_from(6, &[L, F]);
    pair.append(batch(2));
    let end = pair.follower.log().log_end_offset();
    assert_eq!(end, Offset(7));
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    assert_eq!((asked.offset, asked.last_fetched_epoch), (Offset(7), LeaderEpoch(5)));
    pair.round();
    assert_eq!(pair.follower.log().log_end_offset(), Offset(3));
    assert_eq!(pair.follower.next_fetch(), NextFetch::AfterCheckpoint);
    pair.follower.recovery_point_noted().fire();
    pair.rounds(3);
    assert_eq!(pair::bytes(&pair.leader), pair::bytes(&pair.follower));
    assert_eq!(pair.follower.high_watermark(), Offset(5));
}

#[test]
fn an_epoch_without_records_at_the_end_of_a_follower_is_forgotten() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.rounds(3);
    pair.swap();
    pair.lead_from(6, &[L, F]);
    pair.swap();
    pair.lead_from(7, &[L, F]);
    pair.append(batch(1));
    assert_eq!(pair.follower.log().latest_epoch(), Some(LeaderEpoch(6)));
    pair.round();
    assert_eq!(pair.follower.log().latest_epoch(), Some(LeaderEpoch(5)));
    pair.follower.recovery_point_noted().fire();
    pair.round();
    assert_eq!(pair.follower.log().log_end_offset(), Offset(4));
}

#[test]
fn a_follower_without_the_leaders_epoch_goes_back_step_by_step() {
    let mut pair = Pair::new(Durability::Os);
    let append = |pair: &mut Pair, epoch: i32, count: usize| {
        pair.lead_from(epoch, &[L, F]);
        pair.append(batch(count));
    };
    append(&mut pair, 1, 2);
    pair.rounds(2);
    pair.swap();
    append(&mut pair, 3, 4);
    pair.swap();
    // This one knows epochs 1, 2 and 4, the other 1 and 3.
    append(&mut pair, 4, 5);
    let mut cuts = Vec::new();
    while pair.follower.log().log_end_offset() < Offset(7) {
        pair.round();
        cuts.push(pair.follower.log().log_end_offset().0);
        pair.follower.recovery_point_noted().fire();
        assert!(cuts.len() < 9, "{cuts:?}");
    }
    assert_eq!(cuts, [2, 7]);
    assert_eq!(pair::bytes(&pair.leader), pair::bytes(&pair.follower));
}

#[test]
fn an_answer_to_another_question_does_nothing() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    let answer = pair.answer();
    pair.follower.replicate(&asked, &answer, NOW).unwrap().1.fire();
    let again = pair.follower.replicate(&asked, &answer, NOW).unwrap_err();
    assert_eq!(again, ReplicateError::Stale);
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    pair.follower.follow(following(L, 6)).fire();
    let older = pair.follower.replicate(&asked, &answer, NOW).unwrap_err();
    assert_eq!(older, ReplicateError::Stale);
}

#[test]
fn batches_of_a_later_epoch_than_the_asked_one_are_left_out() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    pair.leader.lead(led_by(L, 6, 6, &[L, F]), at(0)).unwrap().fire();
    pair.append(batch(3));
    let records = ReplicatedBatches::verify(pair::bytes(&pair.leader)).unwrap();
    let answer = LeaderAnswer {
        high_watermark: Offset(0),
        log_start_offset: Offset(0),
        diverging: None,
        records,
    };
    pair.follower.replicate(&asked, &answer, NOW).unwrap().1.fire();
    assert_eq!(pair.follower.log().log_end_offset(), Offset(3));
}

#[test]
fn out_of_range_starts_anew_at_the_leaders_start_or_cuts_to_its_end() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.rounds(3);
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    let within = LeaderExtent {
        start: Offset(1),
        end: Offset(9),
    };
    assert!(pair.follower.out_of_range(&asked, within, NOW).unwrap().0.is_none());
    let above = LeaderExtent {
        start: Offset(7),
        end: Offset(9),
    };
    let (truncated, wakes) = pair.follower.out_of_range(&asked, above, NOW).unwrap();
    wakes.fire();
    assert_eq!(truncated.unwrap().to, Offset(7));
    let log = pair.follower.log();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(7), Offset(7)));
    assert_eq!((pair.follower.high_watermark(), log.latest_epoch()), (Offset(7), None));
    pair.follower.recovery_point_noted().fire();
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    let shorter = LeaderExtent {
        start: Offset(0),
        end: Offset(4),
    };
    let (truncated, wakes) = pair.follower.out_of_range(&asked, shorter, NOW).unwrap();
    wakes.fire();
    assert_eq!(truncated.unwrap().to, Offset(4));
}

#[test]
fn a_log_start_within_a_batch_is_replicated_with_the_whole_batch() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L]);
    pair.append(batch(4));
    assert_eq!(pair.leader.delete_records(Offset(2)), Ok(Some(Offset(2))));
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    let extent = LeaderExtent {
        start: Offset(2),
        end: Offset(4),
    };
    pair.follower.out_of_range(&asked, extent, NOW).unwrap().1.fire();
    pair.follower.recovery_point_noted().fire();
    pair.rounds(2);
    let log = pair.follower.log();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(2), Offset(4)));
}

#[test]
fn an_append_is_answered_for_its_own_epoch_only() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    let replication = |pair: &Pair| pair.leader.replication(LeaderEpoch(5), Offset(3));
    assert_eq!(replication(&pair), Replication::Waiting);
    pair.rounds(2);
    assert_eq!(replication(&pair), Replication::Committed);
    pair.leader.follow(following(F, 6)).fire();
    assert_eq!(
        replication(&pair),
        Replication::Committed,
        "it was when the leadership ended"
    );
    assert_eq!(
        pair.leader.replication(LeaderEpoch(5), Offset(4)),
        Replication::NotLeader
    );
    pair.leader.lead(led_by(L, 7, 7, &[L]), at(0)).unwrap().fire();
    pair.append(batch(3));
    assert_eq!(pair.leader.high_watermark(), Offset(6));
    assert_eq!(
        pair.leader.replication(LeaderEpoch(5), Offset(6)),
        Replication::NotLeader
    );
    pair.min_insync(2);
    assert_eq!(
        pair.leader.replication(LeaderEpoch(7), Offset(6)),
        Replication::NotEnoughReplicas
    );
}

#[test]
fn a_malformed_divergence_does_no_harm() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.rounds(2);
    let NextFetch::At(asked) = pair.follower.next_fetch() else {
        panic!()
    };
    let answer = LeaderAnswer {
        high_watermark: Offset(-1),
        log_start_offset: Offset(-1),
        diverging: Some(EpochEndOffset {
            epoch: LeaderEpoch(9),
            end_offset: Offset(99),
        }),
        records: ReplicatedBatches::verify(bytes::Bytes::new()).unwrap(),
    };
    let (replicated, wakes) = pair.follower.replicate(&asked, &answer, NOW).unwrap();
    wakes.fire();
    assert!(matches!(replicated, Replicated::Truncated(cut) if cut.to == Offset(3)));
    let nothing = LeaderAnswer {
        diverging: None,
        ..answer
    };
    pair.follower.recovery_point_noted().fire();
    pair.follower.replicate(&asked, &nothing, NOW).unwrap().1.fire();
    assert_eq!(pair.follower.log().log_start_offset(), Offset(0));
}

#[test]
fn the_low_watermark_is_that_of_the_living() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(4));
    pair.rounds(3);
    assert_eq!(pair.leader.delete_records(Offset(2)), Ok(Some(Offset(2))));
    assert_eq!(pair.leader.low_watermark(), Offset(0));
    pair.rounds(2);
    assert_eq!(pair.leader.low_watermark(), Offset(2));
    assert_eq!(pair.follower.log().log_start_offset(), Offset(2));
    assert_eq!(pair.leader.delete_records(Offset(3)), Ok(Some(Offset(3))));
    pair.registered(F, 20, BrokerState::Fenced);
    assert_eq!(pair.leader.low_watermark(), Offset(3));
    let follower = pair.leader.followers().next().unwrap();
    assert!(follower.can_serve(Offset(4)) && !follower.can_serve(Offset(1)) && !follower.can_serve(Offset(5)));
    assert_eq!(follower.last_caught_up.map(Instant::since_zero), Some(Duration::ZERO));
}

#[test]
fn what_a_leader_had_alone_is_not_committed_after_others_may_have_led_or_below_the_minimum() {
    for (min, epoch, committed) in [(1, 6, 3), (1, 7, 0), (2, 6, 0)] {
        let mut pair = Pair::new(Durability::Flush);
        pair.min_insync(min);
        pair.lead_from(5, &[L]);
        pair.append(batch(3));
        pair.leader.follow(following(NodeId::NONE, epoch)).fire();
        pair.flush_leader();
        assert_eq!(
            pair.leader.high_watermark(),
            Offset(committed),
            "min {min}, epoch {epoch}"
        );
    }
}

#[test]
fn a_log_that_was_cut_counts_nothing_above_before_the_checkpoint_knows_it() {
    let mut pair = Pair::new(Durability::Os);
    pair.lead_from(5, &[L, F]);
    pair.append(batch(3));
    pair.rounds(3);
    pair.append(batch(4));
    pair.swap();
    pair.lead_from(6, &[L, F]);
    pair.round();
    let cut = pair.follower.unnoted_cut().expect("the last four are gone");
    pair.swap();
    // It leads before that was written down.
    pair.lead_from(7, &[L]);
    pair.append(batch(2));
    assert_eq!(pair.leader.high_watermark(), Offset(3));
    pair.leader.cut_noted(cut).fire();
    assert_eq!(pair.leader.high_watermark(), Offset(5));
}

#[test]
fn who_left_the_in_sync_replicas_holds_nothing_back_once_it_is_gone_or_too_late() {
    for (state, now) in [(BrokerState::Fenced, 1), (BrokerState::Active, 30_001)] {
        let mut pair = Pair::new(Durability::Os);
        pair.lead_from(5, &[L, F]);
        pair.append(batch(1));
        pair.round();
        pair.round();
        pair.append(batch(1));
        pair.leader.lead(led_by(L, 5, 6, &[L]), at(0)).unwrap().fire();
        assert_eq!(
            pair.leader.high_watermark(),
            Offset(1),
            "it keeps up, and may come into sync next"
        );
        // Nothing is appended any more, and nobody fetches.
        pair.registered(F, 20, state);
        pair.leader.look_again(at(now)).fire();
        assert_eq!(pair.leader.high_watermark(), Offset(2), "{state:?} at {now}");
    }
}
