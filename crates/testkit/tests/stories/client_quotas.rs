//! Who sends or fetches more than a quota allows is told for how long to wait, and is not heard meanwhile (KIP-13, KIP-55, KIP-219).

use anyhow::{Result, ensure};
use protocol::messages::alter_client_quotas_request::{AlterClientQuotasRequest, EntityData, EntryData, OpData};
use protocol::messages::fetch_request::FetchRequest;
use protocol::messages::fetch_response::FetchResponse;
use protocol::messages::metadata_request::MetadataRequest;
use protocol::messages::produce_request::ProduceRequest;
use protocol::messages::produce_response::ProduceResponse;
use protocol::{Request, frame};
use std::time::{Duration, Instant};
use testkit::talk::{batch_of, eventually, fetch_request, produce_request, records, until};
use testkit::{Cluster, Settings, Talk};

/// What a rate may be saved up for: all samples but the last of two.
const SAVED_UP_SECONDS: u64 = 10;
const PRODUCE: i16 = 9;
const FETCH: i16 = 12;

fn settings(seconds: u64) -> Settings {
    let settings = Settings::default().with("quota.window.num", 2);
    settings.with("quota.window.size.seconds", seconds)
}

/// Sets or removes a quota: of a client id by name, or of all who have none of their own.
fn alter(broker: &dyn Cluster, entity: &[(&str, Option<&str>)], key: &str, value: Option<f64>) -> Result<()> {
    alter_over(&mut Talk::to(broker)?, entity, key, value)
}

fn alter_over(talk: &mut Talk, entity: &[(&str, Option<&str>)], key: &str, value: Option<f64>) -> Result<()> {
    let part = |(kind, name): &(&str, Option<&str>)| EntityData {
        entity_type: (*kind).to_owned(),
        entity_name: name.map(str::to_owned),
    };
    let op = OpData {
        key: key.to_owned(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    };
    let request = AlterClientQuotasRequest {
        entries: vec![EntryData {
            entity: entity.iter().map(part).collect(),
            ops: vec![op],
        }],
        validate_only: false,
    };
    let answer = talk.ask(&request, 1)?;
    ensure!(answer.entries.iter().all(|entry| entry.error_code == 0), "{answer:?}");
    Ok(())
}

/// How many bytes the broker counts for a request: all that follows its length.
fn length<R: Request>(request: &R, version: i16) -> Result<u64> {
    Ok(frame::encode_request(request, version, 1, Some("testkit"))?.len() - 4)
}

/// For how many milliseconds a client that has sent nothing of late is to wait after so many bytes.
fn wait_for(bytes: u64, rate: u64, saved_up_seconds: u64) -> i32 {
    let debt = bytes.saturating_sub(rate * saved_up_seconds);
    i32::try_from((debt as f64 * 1_000.0 / rate as f64).round() as i64).expect("a short wait")
}

fn no_topics() -> MetadataRequest {
    MetadataRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    }
}

fn produce(broker: &dyn Cluster, request: &ProduceRequest) -> Result<ProduceResponse> {
    // A connection of its own: others are not read from while their client is to wait.
    let answer = Talk::to(broker)?.ask(request, PRODUCE)?;
    let partition = &answer.responses[0].partition_responses[0];
    ensure!(partition.error_code == 0, "{partition:?}");
    Ok(answer)
}

#[test]
fn a_producer_over_its_quota_is_told_to_wait_and_not_heard_meanwhile() -> Result<()> {
    const RATE: u64 = 10_000;
    let broker = super::broker(&settings(SAVED_UP_SECONDS))?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("events", 1, &[])?;
    let large = produce_request("events", 0, -1, batch_of(120_000).encode());
    assert_eq!(produce(&*broker, &large)?.throttle_time_ms, 0, "nobody has a quota yet");

    // What is said of all client ids counts for each by itself.
    alter(
        &*broker,
        &[("client-id", None)],
        "producer_byte_rate",
        Some(RATE as f64),
    )?;
    let wanted = wait_for(length(&large, PRODUCE)?, RATE, SAVED_UP_SECONDS);
    assert!(wanted > 2_000, "{wanted} ms");
    let sent = eventually("the quota to be in force", || {
        let sent = Instant::now();
        let told = talk.ask(&large, PRODUCE)?.throttle_time_ms;
        ensure!([0, wanted].contains(&told), "{told} ms instead of {wanted}");
        Ok((told > 0).then_some(sent))
    })?;

    // The same client is heard on another connection, and told to wait again; on this one only once it has waited.
    let small = produce_request("events", 0, 1, batch_of(10).encode());
    talk.send(&small, PRODUCE)?;
    assert!(produce(&*broker, &large)?.throttle_time_ms > 0);
    talk.receive::<ProduceRequest>(PRODUCE)?;
    let wanted = Duration::from_millis(u64::try_from(wanted)?);
    assert!(sent.elapsed() >= wanted, "heard after {:?}", sent.elapsed());

    // Another quota, or none, is in force without a restart.
    alter(
        &*broker,
        &[("client-id", Some("testkit"))],
        "producer_byte_rate",
        Some(1e9),
    )?;
    until("a wider quota", || Ok(produce(&*broker, &large)?.throttle_time_ms == 0))?;
    alter(&*broker, &[("client-id", Some("testkit"))], "producer_byte_rate", None)?;
    until("the quota of all", || {
        Ok(produce(&*broker, &small)?.throttle_time_ms > 0)
    })?;
    alter(&*broker, &[("client-id", None)], "producer_byte_rate", None)?;
    until("no quota", || Ok(produce(&*broker, &large)?.throttle_time_ms == 0))
}

#[test]
fn who_wants_no_answer_is_not_heard_either() -> Result<()> {
    const RATE: u64 = 10_000;
    let broker = super::broker(&settings(1))?;
    Talk::to(&*broker)?.create_topic("events", 1, &[])?;
    alter(
        &*broker,
        &[("user", Some("ANONYMOUS"))],
        "producer_byte_rate",
        Some(RATE as f64),
    )?;
    let small = produce_request("events", 0, 1, batch_of(10).encode());
    let large = produce_request("events", 0, 0, batch_of(18_000).encode());
    let wanted = wait_for(length(&large, PRODUCE)?, RATE, 1);
    assert!(wanted > 800, "{wanted} ms");
    // Whether the quota is in force can only be seen from what is answered.
    let answered = produce_request("events", 0, 1, batch_of(18_000).encode());
    until("the quota to be in force", || {
        Ok(produce(&*broker, &answered)?.throttle_time_ms > 0)
    })?;
    let mut talk = Talk::to(&*broker)?;
    let sent = Instant::now();
    talk.send(&large, PRODUCE)?;
    let answer = talk.ask(&small, PRODUCE)?;
    let wanted = Duration::from_millis(u64::try_from(wanted)?);
    assert!(sent.elapsed() >= wanted, "heard after {:?}", sent.elapsed());
    // What is not answered is taken all the same, before what comes after it.
    let offset = answer.responses[0].partition_responses[0].base_offset;
    assert!(offset >= 2, "offset {offset}");
    Ok(())
}

#[test]
fn a_fetch_over_the_quota_is_answered_with_nothing_and_told_to_wait() -> Result<()> {
    const RATE: u64 = 1_000;
    let broker = super::broker(&settings(SAVED_UP_SECONDS))?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("events", 1, &[])?;
    talk.append("events", 0, 9_000)?;
    let mut request = fetch_request("events", 0, 0);
    (request.session_id, request.session_epoch) = (0, 0);
    // A connection of its own each time: others are not read from while their client is to wait.
    let fetch = |request: &FetchRequest| -> Result<FetchResponse> {
        let answer = Talk::to(&*broker)?.ask(request, FETCH)?;
        ensure!(answer.error_code == 0, "{answer:?}");
        if answer.throttle_time_ms > 0 {
            ensure!(answer.responses.is_empty(), "{answer:?}");
        }
        Ok(answer)
    };
    let bytes = |answer: &FetchResponse| {
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| records(partition).len()).sum::<usize>()
    };
    let free = fetch(&request)?;
    assert!(free.throttle_time_ms == 0 && bytes(&free) > 9_000, "{free:?}");

    let of_everybody = [("user", None), ("client-id", None)];
    alter(&*broker, &of_everybody, "consumer_byte_rate", Some(RATE as f64))?;
    // One fits into what may be saved up, two do not.
    let throttled = eventually("a fetch that is too much", || {
        let answer = fetch(&request)?;
        Ok((answer.throttle_time_ms > 0).then_some(answer))
    })?;
    assert_eq!(throttled.session_id, 0, "a session that was not answered is begun anew");
    assert!((1_000..10_000).contains(&throttled.throttle_time_ms), "{throttled:?}");
    let again = fetch(&request)?.throttle_time_ms;
    assert!(
        again <= throttled.throttle_time_ms,
        "what was not given is not counted: {again} ms"
    );

    // A session that goes on stays, and nothing of it is lost.
    alter(&*broker, &of_everybody, "consumer_byte_rate", Some(1e9))?;
    let begun = eventually("a session", || {
        let answer = fetch(&request)?;
        Ok((answer.session_id != 0).then_some(answer))
    })?;
    request.session_id = begun.session_id;
    alter(&*broker, &of_everybody, "consumer_byte_rate", Some(RATE as f64))?;
    until("a session's fetch that is too much", || {
        request.session_epoch += 1;
        let answer = fetch(&request)?;
        ensure!(answer.session_id == begun.session_id, "{answer:?}");
        Ok(answer.throttle_time_ms > 0)
    })?;
    alter(&*broker, &of_everybody, "consumer_byte_rate", None)?;
    request.topics.clear();
    let answer = eventually("the session without a quota", || {
        request.session_epoch += 1;
        let answer = fetch(&request)?;
        Ok((answer.throttle_time_ms == 0).then_some(answer))
    })?;
    assert_eq!(bytes(&answer), bytes(&free));
    Ok(())
}

#[test]
fn whose_requests_take_too_long_is_told_to_wait_in_every_answer() -> Result<()> {
    // Any request takes more than this; nobody waits for longer than a sample.
    const PERCENT: f64 = 1e-7;
    const SAMPLE_MS: i32 = 1_000;
    let broker = super::broker(&settings(1))?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("events", 1, &[])?;
    talk.append("events", 0, 10)?;
    let of_this = [("user", Some("ANONYMOUS")), ("client-id", Some("testkit"))];
    alter(&*broker, &of_this, "request_percentage", Some(PERCENT))?;
    let metadata = no_topics();
    let sent = eventually("the quota to be in force", || {
        let sent = Instant::now();
        let told = talk.ask(&metadata, 12)?.throttle_time_ms;
        ensure!([0, SAMPLE_MS].contains(&told), "{told} ms");
        Ok((told > 0).then_some(sent))
    })?;
    let told = talk.ask(&metadata, 12)?.throttle_time_ms;
    assert_eq!(told, SAMPLE_MS);
    assert!(
        sent.elapsed() >= Duration::from_secs(1),
        "heard after {:?}",
        sent.elapsed()
    );

    let answer = produce(&*broker, &produce_request("events", 0, -1, batch_of(10).encode()))?;
    assert_eq!(answer.throttle_time_ms, SAMPLE_MS);
    let answer = Talk::to(&*broker)?.ask(&fetch_request("events", 0, 0), FETCH)?;
    assert!(
        answer.throttle_time_ms == SAMPLE_MS && answer.responses.is_empty(),
        "{answer:?}"
    );
    alter(&*broker, &of_this, "request_percentage", None)?;
    until("no quota", || {
        Ok(Talk::to(&*broker)?.ask(&metadata, 12)?.throttle_time_ms == 0)
    })
}

#[test]
fn an_address_that_comes_too_fast_is_not_heard() -> Result<()> {
    let broker = super::broker(&settings(1))?;
    let mut staying = Talk::to(&*broker)?;
    let is_heard = || -> Result<bool> { Ok(Talk::to(&*broker)?.ask(&no_topics(), 12).is_ok()) };
    let of_this = [("ip", Some("127.0.0.1"))];
    alter_over(&mut staying, &of_this, "connection_creation_rate", Some(1.0))?;
    until("one that is too much", || is_heard().map(|heard| !heard))?;
    until("one in its time", is_heard)?;
    // What is there stays, and an address of its own quota is not bound by that of all.
    alter_over(&mut staying, &of_this, "connection_creation_rate", Some(1e6))?;
    alter_over(&mut staying, &[("ip", None)], "connection_creation_rate", Some(1.0))?;
    let all_of_many = || Ok((0..10).all(|_| is_heard().is_ok_and(|heard| heard)));
    until("a wider quota", all_of_many)?;
    alter_over(&mut staying, &of_this, "connection_creation_rate", None)?;
    until("the quota of all", || is_heard().map(|heard| !heard))?;
    alter_over(&mut staying, &[("ip", None)], "connection_creation_rate", None)?;
    until("no quota", all_of_many)
}
