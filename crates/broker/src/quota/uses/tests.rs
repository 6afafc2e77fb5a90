use super::*;
use metadata::image::MetadataImage;
use network::{Alarm, ConnectionContext, Principal, Throttle};
use protocol::ApiKey;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::client_quota_record::{ClientQuotaRecord, EntityData};
use std::net::{Ipv4Addr, SocketAddr};

const KEY: &str = "producer_byte_rate";

fn at(millis: u64) -> Instant {
    Instant::from_zero(Duration::from_millis(millis))
}

pub(in crate::quota) fn client(id: &str) -> RequestContext {
    RequestContext {
        api_key: ApiKey::Produce,
        api_version: 9,
        correlation_id: 1,
        client_id: Arc::from(id),
        connection: Arc::new(ConnectionContext {
            id: 1,
            listener: Arc::from("PLAINTEXT"),
            peer: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1),
            principal: Principal::anonymous(),
            client_software: network::ClientSoftware::default(),
            life: None,
            alarm: Alarm::default(),
            throttle: Throttle::default(),
        }),
    }
}

/// Quotas of client ids; none is the default.
fn quotas(given: &[(Option<&str>, f64)]) -> ClientQuotasImage {
    let mut image = MetadataImage::default();
    for (id, limit) in given {
        let entity = EntityData {
            entity_type: "client-id".to_owned(),
            entity_name: id.map(str::to_owned),
        };
        let record = ClientQuotaRecord {
            entity: vec![entity],
            key: KEY.to_owned(),
            value: *limit,
            remove: false,
        };
        image.apply(&MetadataRecord::ClientQuota(record)).unwrap();
    }
    image.client_quotas
}

fn uses(given: &[(Option<&str>, f64)]) -> Uses {
    let mut uses = Uses::new(KEY, Windows::new(11, Duration::from_secs(1)));
    uses.replace(Some(&quotas(given)));
    uses
}

fn charge(uses: &mut Uses, id: &str, amount: f64, now: u64) -> u128 {
    uses.charge(&client(id), amount, at(now)).as_millis()
}

#[test]
fn each_owner_uses_its_own() {
    let mut uses = uses(&[(None, 100.0), (Some("fast"), 1_000.0)]);
    assert_eq!(charge(&mut uses, "a", 1_000.0, 0), 0, "ten seconds' worth");
    assert_eq!(charge(&mut uses, "a", 500.0, 0), 5_000);
    assert_eq!(charge(&mut uses, "b", 1_000.0, 0), 0, "another");
    assert_eq!(charge(&mut uses, "fast", 10_000.0, 0), 0);
    assert_eq!(charge(&mut uses, "fast", 1.0, 0), 1);
    assert_eq!(uses.limit(&client("")), None, "who gives no id");
    assert_eq!(charge(&mut uses, "", 1e12, 0), 0);
}

#[test]
fn another_limit_holds_for_what_was_used_before_it() {
    let mut uses = uses(&[(None, 100.0)]);
    assert_eq!(charge(&mut uses, "a", 1_000.0, 0), 0);
    uses.replace(Some(&quotas(&[(None, 100.0), (Some("a"), 50.0)])));
    assert_eq!(charge(&mut uses, "a", 0.0, 0), 10_000);
    uses.replace(None);
    assert_eq!(charge(&mut uses, "a", 1e12, 0), 0, "nobody has a quota any more");
    uses.replace(Some(&quotas(&[(None, 100.0)])));
    assert_eq!(
        charge(&mut uses, "a", 1_000.0, 0),
        0,
        "and what was used without one does not count"
    );
}

#[test]
fn what_is_taken_back_can_be_used_again() {
    let mut uses = uses(&[(None, 100.0)]);
    assert_eq!(charge(&mut uses, "a", 2_000.0, 0), 10_000);
    uses.take_back(&client("a"), 2_000.0, at(0));
    assert_eq!(charge(&mut uses, "a", 1_000.0, 0), 0);
}

#[test]
fn names_that_never_come_back_take_no_memory() {
    let mut uses = uses(&[(None, 1.0)]);
    assert_eq!(charge(&mut uses, "known", 20.0, 0), 10_000);
    for number in 0..25_000 {
        charge(&mut uses, &number.to_string(), 20.0, 1);
        if number % 5_000 == 0 {
            let wait = charge(&mut uses, "known", 0.0, 1 + number / 5_000);
            assert!(wait > 9_000, "who comes back is remembered: {wait}");
        }
    }
    assert!(uses.uses.len() <= MOST && uses.bound_count <= MOST);
    assert_eq!(uses.bound.values().map(FxHashMap::len).sum::<usize>(), uses.bound_count);
}

#[test]
fn shown_is_who_was_heard_of_lately() {
    let mut uses = uses(&[(None, 100.0)]);
    charge(&mut uses, "a", 2_000.0, 0);
    uses.waits(&client("a"), Duration::from_secs(10), at(0));
    charge(&mut uses, "b", 1_000.0, 0);
    let mut shown = Vec::new();
    uses.show(at(0), |owner, rate, wait| {
        shown.push((owner.client_id.clone(), rate, wait))
    });
    shown.sort_by(|left, right| left.0.cmp(&right.0));
    assert_eq!(
        shown,
        [("a".to_owned(), 200.0, Some(10_000.0)), ("b".to_owned(), 100.0, None)]
    );
    uses.show(at(3_600_001), |owner, _, _| panic!("{owner:?} is shown for ever"));
}
