//! How many connections a broker, or one of its listeners, takes at a time (KIP-308, KIP-402).

use anyhow::Result;
use protocol::messages::metadata_request::MetadataRequest;
use std::time::Duration;
use testkit::talk::{Resource, eventually};
use testkit::{Settings, Talk};

const OF_LISTENER: &str = "listener.name.plaintext.max.connections";
const INVALID_REQUEST: i16 = 42;

fn no_topics() -> MetadataRequest {
    MetadataRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    }
}

#[test]
fn a_connection_too_many_for_its_listener_waits_until_another_ends() -> Result<()> {
    let broker = testkit::chosen::start_one(&Settings::default())?;
    let mut staying = Talk::to(&*broker)?;
    for key in [OF_LISTENER, "max.connections", "max.connection.creation.rate"] {
        for refused in ["0", "-1", "many"] {
            let error = staying.alter(Resource::Broker("1"), &[(key, Some(refused))])?;
            assert_eq!(error, INVALID_REQUEST, "{key}={refused}");
        }
    }
    let mut going = Talk::to(&*broker)?;
    going.ask(&no_topics(), 12)?;
    for (resource, key) in [
        (Resource::AllBrokers, OF_LISTENER),
        (Resource::Broker("1"), OF_LISTENER),
        (Resource::AllBrokers, "max.connections"),
    ] {
        staying.set(resource, &[(key, "2")])?;
        let mut waiting = eventually("a third waits", || {
            let mut third = Talk::to(&*broker)?;
            third.wire().set_timeout(Duration::from_millis(200))?;
            Ok(third.ask(&no_topics(), 12).is_err().then_some(third))
        })?;
        drop(going);
        waiting.wire().set_timeout(Duration::from_secs(30))?;
        waiting.receive::<MetadataRequest>(12)?;
        going = waiting;
        assert_eq!(staying.alter(resource, &[(key, None)])?, 0);
    }
    Ok(())
}
