use super::super::session::Position;
use super::*;

fn wanted(index: i32) -> Wanted {
    let position = Position {
        fetch_offset: 0,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        max_bytes: 100,
    };
    Wanted {
        key: FetchPartitionKey {
            topic_id: base::Uuid::ZERO,
            topic: Arc::from("t"),
            index,
        },
        position,
    }
}

fn request(id: i32, epoch: i32, indexes: &[i32]) -> SessionRequest {
    let wanted = indexes.iter().map(|index| wanted(*index)).collect();
    SessionRequest {
        id,
        epoch,
        uses_topic_ids: false,
        wanted,
        forgotten: Vec::new(),
        owner: Owner::Consumer,
        surroundings: Surroundings::default(),
        scope: Scope::Due,
    }
}

fn indexes(opened: &Opened) -> Vec<i32> {
    match opened {
        Opened::Sessionless(wanted) | Opened::Full { wanted, .. } => {
            wanted.iter().map(|wanted| wanted.key.index).collect()
        }
        Opened::Incremental { due, .. } => due.iter().map(|due| due.wanted.key.index).collect(),
    }
}

fn id(opened: &Opened) -> i32 {
    match opened {
        Opened::Sessionless(_) => 0,
        Opened::Full { id, .. } | Opened::Incremental { id, .. } => *id,
    }
}

#[test]
fn a_session_remembers_adds_and_forgets() {
    let sessions = FetchSessions::new(10, Rng::from_seed(1));
    let now = Instant::ZERO;
    let first = sessions.open(request(0, 0, &[1, 2]), now).unwrap();
    let session = id(&first);
    assert_ne!(session, 0);
    assert_eq!(
        indexes(&sessions.open(request(session, 1, &[3]), now).unwrap()),
        [1, 2, 3]
    );
    let mut forgetting = request(session, 2, &[]);
    forgetting.forgotten = vec![wanted(1).key];
    forgetting.scope = Scope::All;
    assert_eq!(indexes(&sessions.open(forgetting, now).unwrap()), [2, 3]);
    sessions.open(request(session, SESSIONLESS, &[]), now).unwrap();
    assert_eq!(
        sessions.open(request(session, 3, &[]), now).err(),
        Some(ErrorCode::FetchSessionIdNotFound)
    );
}

#[test]
fn epochs_and_ids_that_do_not_fit_are_refused() {
    let sessions = FetchSessions::new(10, Rng::from_seed(1));
    let now = Instant::ZERO;
    assert_eq!(
        sessions.open(request(7, 1, &[1]), now).err(),
        Some(ErrorCode::FetchSessionIdNotFound)
    );
    let session = id(&sessions.open(request(0, 0, &[1]), now).unwrap());
    assert_eq!(
        sessions.open(request(session, 2, &[]), now).err(),
        Some(ErrorCode::InvalidFetchSessionEpoch)
    );
    let mut by_id = request(session, 1, &[]);
    by_id.uses_topic_ids = true;
    assert_eq!(
        sessions.open(by_id, now).err(),
        Some(ErrorCode::FetchSessionTopicIdError)
    );
    assert!(sessions.open(request(session, 1, &[]), now).is_ok());
    assert_eq!(next_epoch(i32::MAX), 1);
}

#[test]
fn a_full_cache_gives_no_session_until_one_is_old() {
    let sessions = FetchSessions::new(1, Rng::from_seed(1));
    let first = id(&sessions.open(request(0, 0, &[1]), Instant::ZERO).unwrap());
    let soon = Instant::from_zero(EVICTABLE_AFTER);
    assert_eq!(id(&sessions.open(request(0, 0, &[1]), soon).unwrap()), 0);
    let later = soon.plus(Duration::from_millis(1));
    assert_ne!(id(&sessions.open(request(0, 0, &[1]), later).unwrap()), 0);
    assert_eq!(
        sessions.open(request(first, 1, &[]), later).err(),
        Some(ErrorCode::FetchSessionIdNotFound)
    );
}

#[test]
fn a_follower_takes_the_place_of_a_consumer_but_not_of_another_follower() {
    let sessions = FetchSessions::new(1, Rng::from_seed(1));
    let now = Instant::ZERO;
    let consumer = sessions.open(request(0, 0, &[0]), now).unwrap();
    let follower = || SessionRequest {
        owner: Owner::Follower,
        ..request(0, 0, &[0])
    };
    let first = sessions.open(follower(), now).unwrap();
    assert_ne!(id(&first), 0);
    assert!(
        sessions.open(request(id(&consumer), 1, &[]), now).is_err(),
        "it was evicted"
    );
    assert_eq!(id(&sessions.open(follower(), now).unwrap()), 0);
    assert_eq!(id(&sessions.open(request(0, 0, &[0]), now).unwrap()), 0);
}
