use super::*;
use metadata::image::MetadataImage;

/// Types and names, and a rate.
type Given<'a> = (&'a [(&'a str, Option<&'a str>)], f64);

fn quotas(given: &[Given<'_>]) -> ClientQuotasImage {
    let mut image = MetadataImage::default();
    for (entity, rate) in given {
        use protocol::metadata_records::MetadataRecord;
        use protocol::metadata_records::client_quota_record::{ClientQuotaRecord, EntityData};
        let part = |(kind, name): &(&str, Option<&str>)| EntityData {
            entity_type: (*kind).to_owned(),
            entity_name: name.map(str::to_owned),
        };
        let record = MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: entity.iter().map(part).collect(),
            key: RATE.to_owned(),
            value: *rate,
            remove: false,
        });
        image.apply(&record).unwrap();
    }
    image.client_quotas.clone()
}

fn at(seconds: u64) -> Instant {
    Instant::from_zero(Duration::from_secs(seconds))
}

fn asker(user: &str, client: &str, excess: Excess) -> Asker {
    Asker {
        user: user.to_owned(),
        client_id: client.to_owned(),
        excess,
    }
}

#[test]
fn a_burst_is_free_a_debt_is_not() {
    let quotas = quotas(&[(&[("user", Some("u"))], 2.0)]);
    let mut mutations = MutationQuotas::new(Duration::from_secs(11));
    let mut ask = |second: u64, partitions: usize| {
        mutations.open(&quotas, asker("u", "c", Excess::Refused), at(second));
        let charged = mutations.charge(partitions).is_ok();
        (charged, mutations.close())
    };
    assert_eq!(ask(0, 22), (true, 0), "eleven seconds' worth");
    assert_eq!(ask(0, 5), (true, 0), "nobody is in debt yet");
    assert_eq!(ask(0, 1), (false, 2_500), "five partitions at two a second");
    assert_eq!(ask(2, 1), (false, 500));
    assert_eq!(ask(3, 1_000), (true, 0));
    assert_eq!(ask(4, 1), (false, 498_500));
    assert_eq!(ask(10_000, 22), (true, 0), "no more than a burst is saved up");
    assert_eq!(ask(10_000, 1), (true, 0));
    assert_eq!(ask(10_000, 1), (false, 500));
}

#[test]
fn who_is_charged_can_be_looked_at() {
    let quotas = quotas(&[(&[("user", Some("u"))], 2.0)]);
    let mut mutations = MutationQuotas::new(Duration::from_secs(11));
    mutations.open(&quotas, asker("u", "c", Excess::Refused), at(0));
    for topic in [3, 21] {
        assert!(mutations.charge(topic).is_ok());
    }
    assert!(mutations.charge(1).is_err());
    let standing = Standing {
        owner: QuotaOwner {
            user: "u".to_owned(),
            client_id: String::new(),
        },
        charged: 24,
        tokens: -2.0,
        rate: 2.0,
        burst: 22.0,
    };
    assert_eq!(mutations.standing(), Some(standing));
    mutations.close();
    assert_eq!(mutations.standing(), None);
    mutations.open(&quotas, asker("other", "c", Excess::Refused), at(0));
    assert_eq!(mutations.standing(), None, "without a quota");
}

#[test]
fn who_knows_no_refusal_is_told_to_wait() {
    let quotas = quotas(&[(&[("client-id", None)], 1.0)]);
    let mut mutations = MutationQuotas::new(Duration::from_secs(1));
    mutations.open(&quotas, asker("u", "c", Excess::Allowed), at(0));
    mutations.charge(3).unwrap();
    mutations.charge(2).unwrap();
    assert_eq!(mutations.close(), 4_000);
    mutations.open(&quotas, asker("u", "d", Excess::Allowed), at(0));
    mutations.charge(1).unwrap();
    assert_eq!(mutations.close(), 0, "each id has its own");
}

#[test]
fn names_that_never_come_back_take_no_memory() {
    let quotas = quotas(&[(&[("client-id", None)], 1.0)]);
    let mut mutations = MutationQuotas::new(Duration::from_secs(1));
    for number in 0..5_000 {
        mutations.open(&quotas, asker("u", &number.to_string(), Excess::Refused), at(number));
        mutations.charge(1).unwrap();
        mutations.close();
    }
    assert!(mutations.buckets.len() <= MANY_BUCKETS);
}

#[test]
fn nobody_without_a_quota_is_counted() {
    let mut mutations = MutationQuotas::new(Duration::from_secs(1));
    mutations.open(&quotas(&[]), asker("u", "c", Excess::Refused), at(0));
    mutations.charge(1_000_000).unwrap();
    mutations.charge(1).unwrap();
    assert_eq!(mutations.close(), 0);
}
