//! What a connection costs that nobody talks on: clusters have tens of thousands of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../protocol/tests/counting/mod.rs"]
mod counting;

use base::Windows;
use bytes::Bytes;
use network::{
    Admission, ConnectionCounts, ConnectionLimits, Listener, ListenerLimits, ListenerSettings, Reply, RequestContext,
    Service, Share,
};
use protocol::ApiKey;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const CONNECTIONS: usize = 64;
/// Bytes for each, without what the operating system keeps.
const MOST: isize = 4 * 1024;

/// Closes whoever asks for anything.
struct Silent;

impl Service for Silent {
    fn admit(&self, _: ApiKey, _: i16) -> Admission {
        Admission::Handle
    }

    async fn handle(self: &Arc<Self>, _: &RequestContext, _: Bytes) -> Reply {
        Reply::Close("test")
    }
}

// One thread, so that all it allocates is counted.
#[tokio::test(flavor = "current_thread")]
async fn an_idle_connection_takes_little_memory() {
    let all = ConnectionLimits {
        all: ListenerLimits {
            connections: 1_000,
            rate: None,
        },
        per_ip: 1_000,
        ..ConnectionLimits::default()
    };
    let (_limits, connections) = watch::channel(all);
    let settings = ListenerSettings {
        counts: ConnectionCounts::new(Windows::new(11, Duration::from_secs(1))).listener("TEST", Share::WithOthers),
        host: "127.0.0.1".to_owned(),
        port: 0,
        max_request_bytes: 1000,
        max_idle: Duration::from_secs(600),
        connections,
        backlog: 1_000,
        send_buffer: None,
        receive_buffer: None,
    };
    let listener = Listener::bind(settings).await.unwrap();
    let address = listener.address();
    let serving = listener.serve(Arc::new(Silent));
    let mut connected = serving.connections();
    let first = TcpStream::connect(address).unwrap();
    connected.wait_for(|count| *count == 1).await.unwrap();
    let mut streams = Vec::with_capacity(CONNECTIONS);
    let before = counting::live();
    streams.extend((0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()));
    connected.wait_for(|count| *count == 1 + CONNECTIONS).await.unwrap();
    // Every one of them has been looked at after another turn.
    tokio::task::yield_now().await;
    let each = (counting::live() - before) / isize::try_from(CONNECTIONS).unwrap();
    println!("{each} bytes for each idle connection");
    assert!(each <= MOST, "{each} bytes for each idle connection");
    drop((first, streams));
}
