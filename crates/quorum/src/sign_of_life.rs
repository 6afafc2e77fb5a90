//! What a broker leaves with the controller in the same process instead of a heartbeat that asks for nothing: nobody is woken for it,
//! and it is read before the next thing is decided.

use base::{BrokerEpoch, Instant, NodeId, Offset};
use controller::{ControllerState, Sessions};
use std::sync::{Arc, Mutex, PoisonError};

/// A broker is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignOfLife {
    /// Which.
    pub broker: NodeId,
    /// The registration it has.
    pub epoch: BrokerEpoch,
    /// The last metadata record that it has applied.
    pub metadata_offset: Offset,
    /// When it was so.
    pub at: Instant,
}

/// Where it is left; the last one counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWord(Arc<Mutex<Option<SignOfLife>>>);

impl LastWord {
    /// Leaves it.
    pub(crate) fn leave(&self, sign: SignOfLife) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    /// Does with it what a heartbeat that asks for nothing does, if it is of the broker that is registered, and at work.
    pub(crate) fn take(&self, state: &ControllerState, sessions: &mut Sessions) {
        let Some(sign) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let registered = state.broker(sign.broker);
        let is_at_work = registered.is_some_and(|broker| broker.epoch == sign.epoch && !broker.fenced);
        // It may have lain there since an earlier office of this controller.
        if is_at_work && !sessions.heard_since(sign.broker, sign.epoch, sign.at) {
            sessions.touch(sign.broker, sign.epoch, sign.at);
            sessions.record_offset(sign.broker, sign.metadata_offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coordinator_runtime::Shard;
    use protocol::metadata_records::MetadataRecord;
    use protocol::metadata_records::register_broker_record::RegisterBrokerRecord;
    use std::time::Duration;

    const EPOCH: BrokerEpoch = BrokerEpoch(5);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.plus(Duration::from_secs(seconds))
    }

    /// What broker 1, at work, says in an epoch and at a time.
    fn sign(epoch: BrokerEpoch, seconds: u64) -> SignOfLife {
        SignOfLife {
            broker: NodeId(1),
            epoch,
            metadata_offset: Offset(70),
            at: at(seconds),
        }
    }

    fn at_work() -> ControllerState {
        let mut state = ControllerState::default();
        let record = RegisterBrokerRecord {
            broker_id: 1,
            broker_epoch: EPOCH.0,
            fenced: false,
            ..Default::default()
        };
        let record = MetadataRecord::RegisterBroker(record);
        state.replay(Offset(EPOCH.0), &record).expect("the first");
        state
    }

    #[test]
    fn a_word_left_is_good_for_a_session_from_when_it_was_left() {
        let (state, word) = (at_work(), LastWord::default());
        let mut sessions = Sessions::activate(Duration::from_secs(9), &state, at(10));
        word.leave(sign(EPOCH, 11));
        word.leave(sign(EPOCH, 12));
        word.take(&state, &mut sessions);
        assert!(sessions.is_valid(NodeId(1), EPOCH, at(21)));
        assert!(!sessions.is_valid(NodeId(1), EPOCH, at(22)));
        assert_eq!(sessions.lowest_active_offset(&state), Some(Offset(70)));
        // It counts once.
        word.take(&state, &mut sessions);
        assert_eq!(sessions.take_expired(at(22)), Some((NodeId(1), EPOCH)));
        word.take(&state, &mut sessions);
        assert_eq!(sessions.next_expiry(), None);
    }

    #[test]
    fn a_word_of_another_registration_or_an_earlier_office_is_not_heard() {
        let (state, word) = (at_work(), LastWord::default());
        let mut sessions = Sessions::activate(Duration::from_secs(9), &state, at(100));
        for sign in [sign(BrokerEpoch(4), 105), sign(EPOCH, 20)] {
            word.leave(sign);
            word.take(&state, &mut sessions);
            assert!(sessions.is_valid(NodeId(1), EPOCH, at(109)), "{sign:?}");
            assert!(!sessions.is_valid(NodeId(1), EPOCH, at(110)), "{sign:?}");
            assert!(!sessions.is_valid(NodeId(1), BrokerEpoch(4), at(105)), "{sign:?}");
        }
    }
}
