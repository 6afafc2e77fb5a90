//! What must be true of transactions after a power cut: one whose commit was acknowledged is there whole, one that was to be aborted is
//! not there at all, and of every other there is all or nothing.

use super::history::{History, Transaction};
use super::transactor::{self, PARTITIONS, TOPIC, answered};
use anyhow::{Context, Result, ensure};
use protocol::messages::fetch_response::PartitionData;
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::collections::{BTreeMap, BTreeSet};
use testkit::Talk;
use testkit::batch::batches;
use testkit::talk::{LATEST, eventually, fetch_request, records};

const READ_COMMITTED: i8 = 1;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// Judges a cluster that was started on what a cut at that moment left; what was open then is aborted first.
pub fn judge(talk: &mut Talk, history: &History, at: u64) -> Result<()> {
    let mut transactions = history.transactions.lock().unwrap().clone();
    transactions.retain(|transaction| transaction.begun_at <= at);
    if transactions.is_empty() {
        return Ok(());
    }
    let producers: BTreeSet<u64> = transactions.iter().map(|transaction| transaction.who).collect();
    for who in &producers {
        transactor::initialize(talk, *who)?;
    }
    let mut shown = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let values = committed(talk, partition).with_context(|| format!("{TOPIC}-{partition}"))?;
        for value in values {
            *shown.entry((partition, value)).or_insert(0) += 1;
        }
    }
    let mut offsets: BTreeMap<u64, i64> = BTreeMap::new();
    for transaction in &transactions {
        let is_there = judge_one(transaction, &mut shown, at).with_context(|| name(transaction))?;
        if let Some(offset) = transaction.offset.filter(|_| is_there) {
            offsets.insert(transaction.who, offset);
        }
    }
    if let Some((place, value)) = shown.keys().next() {
        let value = String::from_utf8_lossy(&value[..value.len().min(20)]);
        anyhow::bail!("{TOPIC}-{place} shows {value:?}, which nobody had sent");
    }
    for who in producers {
        let (found, expected) = (offset(talk, who)?, offsets.get(&who).copied().unwrap_or(-1));
        ensure!(
            found == expected,
            "the offset of transactor {who} is {found}, and its newest committed transaction said {expected}"
        );
    }
    Ok(())
}

fn name(transaction: &Transaction) -> String {
    let kind = if transaction.commits { "commits" } else { "aborts" };
    let value = &transaction.values[0].1;
    let value = String::from_utf8_lossy(&value[..value.len().min(12)]);
    format!("the transaction that begins with {value:?} and {kind}")
}

/// Whether it is there; takes what it wrote out of what is shown.
fn judge_one(transaction: &Transaction, shown: &mut BTreeMap<(i32, Vec<u8>), u32>, at: u64) -> Result<bool> {
    let counts: Vec<u32> = transaction
        .values
        .iter()
        .map(|place| shown.remove(place).unwrap_or(0))
        .collect();
    ensure!(
        counts.iter().all(|count| *count <= 1),
        "some of it is there twice: {counts:?}"
    );
    let is_there = counts.iter().all(|count| *count == 1);
    let is_partial = !is_there && counts.contains(&1);
    ensure!(!is_partial, "it shows in part: {counts:?}");
    let was_before = |moment: Option<u64>| moment.is_some_and(|moment| moment <= at);
    if !transaction.commits {
        ensure!(!is_there, "it is shown");
    } else if was_before(transaction.ended_at) {
        ensure!(is_there, "its commit was acknowledged, and it is lost");
    } else if !was_before(transaction.end_asked_at) {
        ensure!(!is_there, "it is shown, and nobody had asked for its commit");
    }
    Ok(is_there)
}

/// All that readers of committed records are shown of a partition, once nothing there is open.
fn committed(talk: &mut Talk, partition: i32) -> Result<Vec<Vec<u8>>> {
    let end = talk.offset(TOPIC, partition, LATEST)?;
    let (mut next, mut found) = (0, Vec::new());
    eventually("every transaction has ended", || {
        let answer = fetch(talk, partition, next)?;
        found.extend(shown_by(&answer, &mut next)?);
        Ok((next >= end).then_some(()))
    })?;
    Ok(found)
}

fn fetch(talk: &mut Talk, partition: i32, from: i64) -> Result<PartitionData> {
    let mut request = fetch_request(TOPIC, partition, from);
    request.isolation_level = READ_COMMITTED;
    answered("Fetch", || {
        let mut answer = talk.ask(&request, 12)?;
        let of_topic = answer.responses.pop().and_then(|mut topic| topic.partitions.pop());
        let of_partition = of_topic.context("an answer for the partition")?;
        Ok((of_partition.error_code, of_partition))
    })
}

/// As a consumer does it: the answer names aborted transactions by their producer and first offset; the next marker ends each.
fn shown_by(answer: &PartitionData, next: &mut i64) -> Result<Vec<Vec<u8>>> {
    let mut aborted = answer.aborted_transactions.clone().unwrap_or_default();
    aborted.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
    let (mut open, mut shown) = (BTreeSet::new(), Vec::new());
    for batch in batches(records(answer)) {
        while let Some(begun) = aborted.pop_if(|transaction| transaction.first_offset <= batch.last_offset) {
            open.insert(begun.producer_id);
        }
        if batch.attributes & CONTROL != 0 {
            open.remove(&batch.producer_id);
        } else if batch.attributes & TRANSACTIONAL == 0 || !open.contains(&batch.producer_id) {
            for (offset, value) in batch.values {
                if offset >= *next {
                    shown.push(value.context("every record has a value")?);
                }
            }
        }
        *next = (*next).max(batch.last_offset + 1);
    }
    Ok(shown)
}

/// What the group of a transactor has committed; -1 if nothing.
fn offset(talk: &mut Talk, who: u64) -> Result<i64> {
    let topic = OffsetFetchRequestTopics {
        name: TOPIC.to_owned(),
        partition_indexes: vec![0],
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: transactor::group(who),
        topics: Some(vec![topic]),
        member_epoch: -1,
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        require_stable: true,
        ..Default::default()
    };
    transactor::find_coordinator(talk, &transactor::group(who), 0)?;
    answered("OffsetFetch", || {
        let group = talk.ask(&request, 8)?.groups.pop().context("an answer for the group")?;
        if group.error_code != 0 {
            return Ok((group.error_code, -1));
        }
        let partition = &group.topics[0].partitions[0];
        Ok((partition.error_code, partition.committed_offset))
    })
}

/// The judge sees each way in which it may be wrong.
#[test]
fn of_a_transaction_there_is_all_or_nothing() {
    let transaction = |commits, end_asked_at, ended_at| Transaction {
        who: 0,
        values: vec![(0, b"a".to_vec()), (1, b"b".to_vec())],
        offset: None,
        commits,
        begun_at: 1,
        end_asked_at,
        ended_at,
    };
    let judged = |transaction: &Transaction, shown: &[(i32, &str, u32)]| {
        let shown = shown
            .iter()
            .map(|(place, value, count)| ((*place, value.as_bytes().to_vec()), *count));
        judge_one(transaction, &mut shown.collect(), 10).ok()
    };
    let (whole, part): (&[_], &[_]) = (&[(0, "a", 1), (1, "b", 1)], &[(0, "a", 1)]);
    let twice = &[(0, "a", 2), (1, "b", 1)];
    // Aborted, committed for sure, asked to be, asked to be too late, and never asked to be.
    for (of, nothing, all) in [
        (transaction(false, Some(5), Some(7)), Some(false), None),
        (transaction(true, Some(5), Some(7)), None, Some(true)),
        (transaction(true, Some(5), Some(12)), Some(false), Some(true)),
        (transaction(true, Some(11), None), Some(false), None),
        (transaction(true, None, None), Some(false), None),
    ] {
        assert_eq!(judged(&of, &[]), nothing, "{of:?}");
        assert_eq!(judged(&of, whole), all, "{of:?}");
        assert_eq!(judged(&of, part), None, "{of:?}");
        assert_eq!(judged(&of, twice), None, "{of:?}");
    }
}
