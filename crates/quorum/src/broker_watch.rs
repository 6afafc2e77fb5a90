//! Looks whether a broker's process has ended, once its connection to the active controller has (ADR 11).
//!
//! A connection that ends proves nothing. But when every listener that the broker registered refuses connections, time and
//! again, and nothing is heard of it meanwhile, then no process is there that could lead a partition: waiting for
//! `broker.session.timeout.ms` would help nobody. Where nothing answers, or something accepts, the session decides.

use crate::active_controller::ActiveController;
use crate::handle::{BrokerProbes, Entrance};
use base::NodeId;
use controller::op::broker_suspicion::{Suspicion, at_work, confirm, holds, suspect};
use metadata::image::Listener;
use network::{RequestContext, socket};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The pauses before each look: a process that ends may close its listeners a little after its connections.
const PAUSES_MS: [u64; 8] = [0, 40, 60, 150, 250, 500, 1000, 2000];
/// How many looks in a row must find nobody.
const ENOUGH: u32 = 2;
/// How long a listener may take to accept or refuse.
const PATIENCE: Duration = Duration::from_millis(500);

/// A heartbeat came: the connection that it came by is watched, if it is not yet.
pub(crate) fn heartbeat(entrance: &Arc<Entrance>, context: &RequestContext, broker: NodeId) {
    if entrance.quorum.broker_probes == BrokerProbes::Off {
        return;
    }
    let Some(ended) = context.connection.life.as_ref().and_then(network::Life::watch) else {
        return;
    };
    let entrance = Arc::clone(entrance);
    tokio::spawn(async move {
        ended.await;
        look_for(&entrance, broker).await;
    });
}

/// Looks for all brokers at work whenever this node becomes the active controller: it has heard of none of them yet, and
/// the node that it follows may have been a broker, too.
pub(crate) async fn after_elections(
    entrance: Arc<Entrance>,
    own: NodeId,
    mut active: watch::Receiver<ActiveController>,
) {
    let mut known = None;
    loop {
        let now = active.borrow_and_update().clone();
        if now.id == Some(own) && known != Some(now.epoch) {
            known = Some(now.epoch);
            let brokers = entrance.operate(|state, _| at_work(state)).await.unwrap_or_default();
            for broker in brokers.into_iter().filter(|broker| *broker != own) {
                let entrance = Arc::clone(&entrance);
                tokio::spawn(async move { look_for(&entrance, broker).await });
            }
        }
        if active.changed().await.is_err() {
            return;
        }
    }
}

/// Looks for a broker until it is heard of, is found to have ended, or it is left to its session.
async fn look_for(entrance: &Entrance, broker: NodeId) {
    // A node that is not, or no longer, the active controller has nothing to find out.
    let Ok(Some(suspicion)) = entrance.operate(move |state, cx| suspect(state, cx, broker)).await else {
        return;
    };
    let mut refused = 0;
    for pause in PAUSES_MS {
        sleep(Duration::from_millis(pause)).await;
        let suspected = suspicion.clone();
        let held = entrance.operate(move |state, cx| holds(state, cx, &suspected)).await;
        if held != Ok(true) {
            return;
        }
        match knock(&suspicion.listeners).await {
            Answer::Refused => refused += 1,
            Answer::Other => refused = 0,
        }
        if refused == ENOUGH {
            return take_for_dead(entrance, suspicion).await;
        }
    }
}

async fn take_for_dead(entrance: &Entrance, suspicion: Suspicion) {
    let broker = suspicion.broker;
    let confirmed = entrance.operate(move |state, cx| confirm(state, cx, &suspicion)).await;
    if confirmed == Ok(true) {
        tracing::info!(%broker, "the broker's process has ended: its connections are closed and its listeners refuse others");
    }
}

/// What a broker's listeners say to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Its host says of each that nobody listens there.
    Refused,
    /// One accepts, or is not reached.
    Other,
}

async fn knock(listeners: &[Listener]) -> Answer {
    for listener in listeners {
        match timeout(PATIENCE, socket::connect(&listener.host, listener.port, None)).await {
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {}
            _ => return Answer::Other,
        }
    }
    if listeners.is_empty() {
        Answer::Other
    } else {
        Answer::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Listener {
        Listener {
            name: String::from("PLAINTEXT"),
            host: String::from("127.0.0.1"),
            port,
            security_protocol: metadata::image::SecurityProtocol::Plaintext,
        }
    }

    #[tokio::test]
    async fn only_refusals_of_all_listeners_count() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = open.local_addr().unwrap().port();
        // Bound, but nobody listens: nobody else gets the port meanwhile.
        let bound = tokio::net::TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refusing = bound.local_addr().unwrap().port();
        assert_eq!(knock(&[at(refusing)]).await, Answer::Refused);
        assert_eq!(knock(&[at(refusing), at(port)]).await, Answer::Other);
        assert_eq!(knock(&[]).await, Answer::Other);
    }
}
