//! A listener with a small service behind it, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base::Windows;
use base::fs::{FileRegion, Fs, Open, RealFs};
use bytes::Bytes;
use network::{
    Admission, ConnectionCounts, ConnectionLimits, Later, Listener, ListenerCounts, ListenerLimits, ListenerSettings,
    Reply, RequestContext, Service, Share,
};
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::messages::metadata_request::MetadataRequest;
use protocol::{ApiKey, Records, frame};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

/// Answers Metadata at once, Fetch with records from a file, Heartbeat and, later, Produce once told to, JoinGroup so that the
/// client is held back for as many milliseconds as its id says, and nothing else.
struct Pets {
    records: FileRegion,
    go: Notify,
    /// The requests that were begun.
    begun: watch::Sender<Vec<i32>>,
}

impl Service for Pets {
    fn admit(&self, api_key: ApiKey, _api_version: i16) -> Admission {
        match api_key {
            ApiKey::Metadata | ApiKey::Fetch | ApiKey::Heartbeat | ApiKey::Produce | ApiKey::JoinGroup => {
                Admission::Handle
            }
            _ => Admission::Refuse,
        }
    }

    async fn handle(self: &Arc<Self>, context: &RequestContext, _body: Bytes) -> Reply {
        self.begun.send_modify(|begun| begun.push(context.correlation_id));
        let mut response = FetchResponse::default();
        match context.api_key {
            ApiKey::Produce => {
                let (pets, id) = (Arc::clone(self), context.correlation_id);
                return Reply::Later(Later::new(async move {
                    pets.go.notified().await;
                    answer(&FetchResponse::default(), id)
                }));
            }
            ApiKey::Fetch => {
                let records = Some(Records::File(self.records.clone()));
                let partitions = vec![PartitionData {
                    records,
                    ..PartitionData::default()
                }];
                response.responses = vec![FetchableTopicResponse {
                    partitions,
                    ..FetchableTopicResponse::default()
                }];
            }
            ApiKey::Heartbeat => self.go.notified().await,
            ApiKey::JoinGroup => context.connection.throttle.hold(millis(context.correlation_id)),
            _ => {}
        }
        answer(&response, context.correlation_id)
    }
}

fn millis(id: i32) -> Duration {
    Duration::from_millis(u64::try_from(id).unwrap())
}

fn answer(response: &FetchResponse, correlation_id: i32) -> Reply {
    match frame::encode_response(response, ApiKey::Fetch, 4, correlation_id) {
        Ok(segments) => Reply::Answer(segments),
        Err(_) => Reply::Close("test"),
    }
}

fn limits(all: usize) -> ConnectionLimits {
    ConnectionLimits {
        all: ListenerLimits {
            connections: all,
            rate: None,
        },
        per_ip: all,
        ..ConnectionLimits::default()
    }
}

fn counts() -> ConnectionCounts {
    ConnectionCounts::new(Windows::new(2, Duration::from_secs(1)))
}

fn settings(counts: ListenerCounts, connections: watch::Receiver<ConnectionLimits>) -> ListenerSettings {
    ListenerSettings {
        counts,
        host: "127.0.0.1".to_owned(),
        port: 0,
        max_request_bytes: 1000,
        max_idle: Duration::from_secs(600),
        connections,
        backlog: 50,
        send_buffer: None,
        receive_buffer: None,
    }
}

struct Rig {
    serving: network::listener::Serving,
    address: SocketAddr,
    pets: Arc<Pets>,
    limits: watch::Sender<ConnectionLimits>,
    _dir: tempfile::TempDir,
}

async fn rig(file_len: usize) -> Rig {
    let (limits, connections) = watch::channel(limits(3));
    rig_of(
        file_len,
        counts().listener("TEST", Share::WithOthers),
        limits,
        connections,
    )
    .await
}

async fn rig_of(
    file_len: usize,
    counts: ListenerCounts,
    limits: watch::Sender<ConnectionLimits>,
    connections: watch::Receiver<ConnectionLimits>,
) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let file = RealFs.open(&dir.path().join("records"), Open::Create).unwrap();
    let content: Vec<u8> = (0..file_len).map(|at| u8::try_from(at % 251).unwrap()).collect();
    file.write_at(&content, 0).unwrap();
    let records = FileRegion {
        file,
        position: 0,
        len: u32::try_from(file_len).unwrap(),
    };
    let pets = Arc::new(Pets {
        records,
        go: Notify::new(),
        begun: watch::Sender::default(),
    });
    let listener = Listener::bind(settings(counts, connections)).await.unwrap();
    let address = listener.address();
    Rig {
        serving: listener.serve(Arc::clone(&pets)),
        address,
        pets,
        limits,
        _dir: dir,
    }
}

fn request(key: ApiKey, correlation_id: i32) -> Vec<u8> {
    let version = match key {
        ApiKey::Fetch => 4,
        ApiKey::Produce => 3,
        _ => 1,
    };
    frame::encode_raw_request(key, version, correlation_id, Some("tester"), &[0xff; 4])
        .unwrap()
        .into_bytes()
        .to_vec()
}

async fn response(stream: &mut TcpStream) -> (i32, Vec<u8>) {
    let len = stream.read_i32().await.unwrap();
    let correlation_id = stream.read_i32().await.unwrap();
    let mut body = vec![0; usize::try_from(len - 4).unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (correlation_id, body)
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let rig = rig(100).await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let mut bytes = Vec::new();
    for id in 0..200 {
        bytes.extend(request(
            if id == 100 { ApiKey::Heartbeat } else { ApiKey::Metadata },
            id,
        ));
    }
    stream.write_all(&bytes).await.unwrap();
    for id in 0..100 {
        assert_eq!(
            response(&mut stream).await.0,
            id,
            "answers before the waiting one are not held back"
        );
    }
    rig.pets.go.notify_one();
    for id in 100..200 {
        assert_eq!(response(&mut stream).await.0, id);
    }
}

#[tokio::test]
async fn an_answer_that_comes_later_holds_up_only_other_apis() {
    let rig = rig(0).await;
    let mut begun = rig.pets.begun.subscribe();
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(&request(ApiKey::Produce, 1)).await.unwrap();
    begun.wait_for(|begun| begun == &[1]).await.unwrap();
    for id in 2..=4 {
        stream.write_all(&request(ApiKey::Produce, id)).await.unwrap();
    }
    begun.wait_for(|begun| begun == &[1, 2, 3, 4]).await.unwrap();
    stream.write_all(&request(ApiKey::Metadata, 5)).await.unwrap();
    stream.write_all(&request(ApiKey::Produce, 6)).await.unwrap();
    // The peer closes its side, and is owed its answers all the same.
    stream.shutdown().await.unwrap();
    for id in 1..=4 {
        assert_eq!(
            *begun.borrow_and_update(),
            [1, 2, 3, 4],
            "Metadata waits for all that is owed"
        );
        rig.pets.go.notify_one();
        assert_eq!(response(&mut stream).await.0, id);
    }
    rig.pets.go.notify_one();
    assert_eq!(response(&mut stream).await.0, 5);
    assert_eq!(response(&mut stream).await.0, 6);
    assert!(stream.read_u8().await.is_err(), "then the connection is closed");
}

#[tokio::test]
async fn no_more_requests_are_begun_than_may_be_owed() {
    let rig = rig(0).await;
    let mut begun = rig.pets.begun.subscribe();
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let requests: Vec<u8> = (0..300).flat_map(|id| request(ApiKey::Produce, id)).collect();
    stream.write_all(&requests).await.unwrap();
    for id in 0..300 {
        let most = begun.wait_for(|begun| begun.len() >= 256).await.unwrap().len();
        assert!(
            most <= 256 + usize::try_from(id).unwrap(),
            "{most} begun, {id} answered"
        );
        rig.pets.go.notify_one();
        assert_eq!(response(&mut stream).await.0, id);
    }
}

#[tokio::test]
async fn records_come_from_the_file_whatever_their_size() {
    for len in [0, 1, 16 * 1024, 3 * 1024 * 1024 + 7] {
        let rig = rig(len).await;
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let mut bytes = request(ApiKey::Fetch, 1);
        bytes.extend(request(ApiKey::Fetch, 2));
        stream.write_all(&bytes).await.unwrap();
        for id in 1..=2 {
            let (correlation_id, body) = response(&mut stream).await;
            assert_eq!(correlation_id, id);
            assert!(body.len() >= len);
            let records = &body[body.len() - len..];
            assert!(
                records
                    .iter()
                    .enumerate()
                    .all(|(at, byte)| usize::from(*byte) == at % 251),
                "{len}"
            );
        }
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_the_connection_and_no_other() {
    let rig = rig(0).await;
    let mut good = TcpStream::connect(rig.address).await.unwrap();
    let unserved = frame::encode_request(&MetadataRequest::default(), 1, 1, None)
        .unwrap()
        .into_bytes();
    let mut unserved = unserved.to_vec();
    unserved[5] = 19;
    for hostile in [
        vec![0xff; 4],
        vec![0, 0, 4, 0],
        vec![0, 0, 0, 0],
        vec![0, 0, 0, 1, 7],
        unserved,
    ] {
        let mut bad = TcpStream::connect(rig.address).await.unwrap();
        bad.write_all(&hostile).await.unwrap();
        assert_eq!(
            bad.read_u8().await.map_err(|error| error.kind()),
            Err(std::io::ErrorKind::UnexpectedEof)
        );
    }
    good.write_all(&request(ApiKey::Metadata, 9)).await.unwrap();
    assert_eq!(response(&mut good).await.0, 9);
}

/// Connects and asks for something.
async fn ask(address: SocketAddr, id: i32) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request(ApiKey::Metadata, id)).await.unwrap();
    stream
}

/// Connects, asks for something, and is answered.
async fn served(address: SocketAddr, id: i32) -> TcpStream {
    let mut stream = ask(address, id).await;
    assert_eq!(response(&mut stream).await.0, id);
    stream
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_until_there_is_room() {
    let rig = rig(0).await;
    let mut held = Vec::new();
    for id in 0..3 {
        held.push(served(rig.address, id).await);
    }
    let mut fourth = ask(rig.address, 3).await;
    let mut fifth = ask(rig.address, 4).await;
    assert_eq!(*rig.pets.begun.borrow(), [0, 1, 2]);
    drop(held.remove(0));
    assert_eq!(response(&mut fourth).await.0, 3);
    // A limit that is raised meanwhile holds at once.
    assert_eq!(*rig.pets.begun.borrow(), [0, 1, 2, 3]);
    rig.limits.send_replace(limits(4));
    assert_eq!(response(&mut fifth).await.0, 4);
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_closed_at_once() {
    let rig = rig(0).await;
    let mut few = limits(10);
    few.per_ip = 1;
    rig.limits.send_replace(few.clone());
    let first = served(rig.address, 1).await;
    assert!(ask(rig.address, 2).await.read_u8().await.is_err());
    few.overrides.insert("127.0.0.1".parse().unwrap(), 2);
    rig.limits.send_replace(few);
    let second = served(rig.address, 3).await;
    assert!(ask(rig.address, 4).await.read_u8().await.is_err());
    drop((first, second));
    rig.serving.connections().wait_for(|count| *count == 0).await.unwrap();
    served(rig.address, 5).await;
}

/// Three listeners that are counted together, the last that of the brokers.
async fn three(limits: ConnectionLimits) -> (ConnectionCounts, [Rig; 3]) {
    // Who has to wait for a rate does so for longer than any test.
    let counts = ConnectionCounts::new(Windows::new(2, Duration::from_secs(3_600)));
    let one = async |name, share| {
        let (limits, connections) = watch::channel(limits.clone());
        rig_of(0, counts.listener(name, share), limits, connections).await
    };
    let rigs = [
        one("A", Share::WithOthers).await,
        one("B", Share::WithOthers).await,
        one("BROKERS", Share::Apart).await,
    ];
    (counts, rigs)
}

#[tokio::test]
async fn listeners_share_the_limits_and_the_brokers_own_does_not_wait() {
    let mut two = limits(2);
    two.per_ip = 3;
    two.listeners.insert("BROKERS".to_owned(), limits(10).all);
    let (_, [a, b, brokers]) = three(two).await;
    let of_a = served(a.address, 1).await;
    let of_b = served(b.address, 2).await;
    let mut waits = ask(a.address, 3).await;
    let of_brokers = served(brokers.address, 4).await;
    let mut fourth = ask(brokers.address, 5).await;
    assert!(
        fourth.read_u8().await.is_err(),
        "three from one address, over whatever listener"
    );
    drop(of_b);
    b.serving.connections().wait_for(|count| *count == 0).await.unwrap();
    assert_eq!(
        *a.pets.begun.borrow(),
        [1],
        "the brokers' counts, although it did not wait"
    );
    drop(of_brokers);
    assert_eq!(response(&mut waits).await.0, 3);
    drop(of_a);
}

#[tokio::test]
async fn a_listener_has_limits_of_its_own_and_holds_up_no_other() {
    let mut own = limits(10);
    let of = |connections, rate| ListenerLimits { connections, rate };
    own.listeners.insert("A".to_owned(), of(1, None));
    own.listeners.insert("B".to_owned(), of(10, Some(0)));
    let (counts, [a, b, brokers]) = three(own).await;
    let first = served(a.address, 1).await;
    let mut second = ask(a.address, 2).await;
    // It would be accepted in an hour.
    let mut never = ask(b.address, 3).await;
    served(brokers.address, 4).await;
    assert_eq!(*a.pets.begun.borrow(), [1]);
    drop(first);
    assert_eq!(response(&mut second).await.0, 2);
    let metrics = base::metric::Registry::default();
    network::counts::show(&metrics, [counts.clone(), counts.other_side()]);
    let page = metrics.text();
    let blocked = |listener: &str| {
        let name = format!("kafka_network_acceptor_acceptorblocked_percent{{listener=\"{listener}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        line.parse::<f64>().unwrap()
    };
    let of_b = page.contains("connection_accept_throttle_time{listener=\"B\"} 3600000\n");
    assert!(blocked("A") > 0.0 && blocked("BROKERS") == 0.0 && of_b, "{page}");
    // Who stops does not wait for it either.
    b.serving.stop(Duration::from_secs(3_600)).await;
    assert!(never.read_u8().await.is_err());
    assert!(b.pets.begun.borrow().is_empty());
}

#[tokio::test]
async fn stopping_answers_what_is_in_flight() {
    let rig = rig(0).await;
    let mut idle = TcpStream::connect(rig.address).await.unwrap();
    let mut busy = TcpStream::connect(rig.address).await.unwrap();
    busy.write_all(&request(ApiKey::Heartbeat, 5)).await.unwrap();
    busy.write_all(&request(ApiKey::Metadata, 6)).await.unwrap();
    idle.write_all(&request(ApiKey::Metadata, 1)).await.unwrap();
    response(&mut idle).await;
    let stopping = tokio::spawn(rig.serving.stop(Duration::from_secs(60)));
    assert!(idle.read_u8().await.is_err(), "an idle connection is closed");
    rig.pets.go.notify_one();
    assert_eq!(response(&mut busy).await.0, 5);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_client_over_its_quota_is_answered_and_held_back() {
    let rig = rig(0).await;
    let mut begun = rig.pets.begun.subscribe();
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let mut other = TcpStream::connect(rig.address).await.unwrap();
    let sent = tokio::time::Instant::now();
    // What is owed is waited for, whatever comes after it.
    let requests = [(ApiKey::Produce, 1), (ApiKey::JoinGroup, 700), (ApiKey::Metadata, 2)];
    let bytes: Vec<u8> = requests.into_iter().flat_map(|(key, id)| request(key, id)).collect();
    stream.write_all(&bytes).await.unwrap();
    begun.wait_for(|begun| begun == &[1]).await.unwrap();
    rig.pets.go.notify_one();
    assert_eq!(response(&mut stream).await.0, 1);
    assert_eq!(response(&mut stream).await.0, 700, "the answer itself does not wait");
    other.write_all(&request(ApiKey::Metadata, 3)).await.unwrap();
    assert_eq!(response(&mut other).await.0, 3, "nor does anybody else");
    assert_eq!(response(&mut stream).await.0, 2);
    assert!(sent.elapsed() >= millis(700), "{:?}", sent.elapsed());
    assert_eq!(*begun.borrow(), [1, 700, 3, 2]);
}

#[tokio::test]
async fn who_is_held_back_may_go_and_is_let_go() {
    let rig = rig(0).await;
    let mut connections = rig.serving.connections();
    let mut held = Vec::new();
    for id in [500_000, 500_001] {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(&request(ApiKey::JoinGroup, id)).await.unwrap();
        assert_eq!(response(&mut stream).await.0, id);
        held.push(stream);
    }
    connections.wait_for(|count| *count == 2).await.unwrap();
    drop(held.pop());
    connections.wait_for(|count| *count == 1).await.unwrap();
    // The other has more to say, which nobody hears any more.
    held[0].write_all(&request(ApiKey::Metadata, 1)).await.unwrap();
    rig.serving.stop(Duration::from_secs(60)).await;
    assert_eq!(*connections.borrow(), 0);
    assert!(held[0].read_u8().await.is_err());
    assert_eq!(*rig.pets.begun.borrow(), [500_000, 500_001]);
}

#[tokio::test]
async fn an_address_that_comes_too_fast_is_closed_and_others_are_not() {
    let rig = rig(0).await;
    let mut slow = limits(3);
    slow.ip_rates.default = Some(1);
    rig.limits.send_replace(slow.clone());
    let mut first = TcpStream::connect(rig.address).await.unwrap();
    first.write_all(&request(ApiKey::Metadata, 1)).await.unwrap();
    assert_eq!(response(&mut first).await.0, 1);
    let came = tokio::time::Instant::now();
    let mut second = TcpStream::connect(rig.address).await.unwrap();
    assert!(second.read_u8().await.is_err(), "closed unheard");
    assert!(came.elapsed() >= millis(900), "but not at once: {:?}", came.elapsed());
    // A quota that is widened meanwhile holds for the next that comes.
    slow.ip_rates.overrides.insert("127.0.0.1".parse().unwrap(), 1_000);
    rig.limits.send_replace(slow);
    let mut third = TcpStream::connect(rig.address).await.unwrap();
    third.write_all(&request(ApiKey::Metadata, 3)).await.unwrap();
    assert_eq!(response(&mut third).await.0, 3);
}

#[tokio::test]
async fn connections_that_come_too_fast_wait_to_be_accepted() {
    let rig = rig(0).await;
    let mut slow = limits(10);
    slow.all.rate = Some(2);
    rig.limits.send_replace(slow);
    let came = tokio::time::Instant::now();
    for id in 0..4 {
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        stream.write_all(&request(ApiKey::Metadata, id)).await.unwrap();
        assert_eq!(response(&mut stream).await.0, id);
    }
    // The third and the fourth for half a second each.
    assert!(came.elapsed() >= millis(900), "{:?}", came.elapsed());
}
