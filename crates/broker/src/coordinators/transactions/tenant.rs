//! A transaction coordinator as the host sees it.

use super::agreed;
use super::markers::MarkerQueue;
use crate::Broker;
use crate::coordinators::TRANSACTIONS_TOPIC;
use crate::coordinators::hosting::Shards;
use crate::coordinators::hosting::internal_topic::describe;
use crate::coordinators::hosting::linger::Linger;
use crate::coordinators::hosting::tenant::{Place, Tenant};
use base::{Instant, ProducerId, Rng};
use bytes::Bytes;
use config::BrokerConfig;
use coordinator_runtime::{Lost, Moment, Token};
use metadata::MetadataImage;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::wire::EncodeError;
use records::compression::Codec;
use records::control::TransactionOutcome;
use std::sync::Arc;
use transaction_coordinator::record::RecordError;
use transaction_coordinator::{
    Answer, Completion, Outcome, TransactionCoordinator, TransactionRecord, TransactionSettings, TransactionState,
};

impl Tenant for TransactionCoordinator {
    type Record = TransactionRecord;
    type State = TransactionState;
    type Completion = Completion;
    type Answer = Answer;
    type Settings = TransactionSettings;
    type Outbox = Arc<MarkerQueue>;
    type Unreadable = RecordError;

    const NAME: &'static str = "transaction coordinator";
    const TOPIC: &'static str = TRANSACTIONS_TOPIC;

    fn shards(broker: &Broker) -> &Shards<Self> {
        &broker.transactions
    }

    fn settings(_broker: &Broker, config: &BrokerConfig, image: &MetadataImage) -> TransactionSettings {
        let transactions = &config.transactions;
        TransactionSettings {
            max_timeout_ms: transactions.transaction_max_timeout_ms,
            id_expiration: transactions.transactional_id_expiration,
            abort_timed_out_interval: transactions.transaction_abort_timed_out_transaction_cleanup_interval,
            remove_expired_interval: transactions.transaction_remove_expired_transaction_cleanup_interval,
            version: agreed::version(image),
        }
    }

    fn outbox(broker: &Broker) -> Arc<MarkerQueue> {
        Arc::clone(&broker.markers)
    }

    fn load_buffer(config: &BrokerConfig) -> i32 {
        config.transactions.transaction_state_log_load_buffer_size
    }

    fn internal_topic(config: &BrokerConfig) -> CreatableTopic {
        let topics = &config.internal_topics;
        let configs = [
            ("cleanup.policy", "compact"),
            ("compression.type", "uncompressed"),
            ("min.insync.replicas", &topics.transaction_state_log_min_isr.to_string()),
            ("segment.bytes", &topics.transaction_state_log_segment_bytes.to_string()),
            ("unclean.leader.election.enable", "false"),
        ];
        let partitions = topics.transaction_state_log_num_partitions;
        let replicas = topics.transaction_state_log_replication_factor;
        describe(TRANSACTIONS_TOPIC, partitions, replicas, &configs)
    }

    fn linger(_config: &BrokerConfig) -> Linger {
        // Kafka has nothing like it for transactions.
        Linger::Never
    }

    fn codec(_config: &BrokerConfig) -> Codec {
        Codec::None
    }

    fn encode(record: &TransactionRecord) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        record.encode()
    }

    fn decode(
        key: &Bytes,
        value: Option<&Bytes>,
        _producer: ProducerId,
    ) -> Result<Option<TransactionRecord>, RecordError> {
        TransactionRecord::decode(key, value)
    }

    fn marker(_producer: ProducerId, _outcome: TransactionOutcome) -> Option<TransactionRecord> {
        None
    }

    fn take_over(state: &TransactionState, settings: TransactionSettings, _rng: Rng, moment: Moment) -> Self {
        Self::take_over(state, settings, moment)
    }

    fn size(state: &TransactionState) -> usize {
        state.transactions().count()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn on_timeout(&mut self, state: &TransactionState, moment: Moment) -> Option<Outcome> {
        self.on_timeout(state, moment)
    }

    fn is_nothing(completion: &Completion) -> bool {
        *completion == Completion::Nothing
    }

    fn committed(&mut self, completion: Completion, moment: Moment) {
        self.committed(completion, moment);
    }

    fn lost(&mut self, completion: Completion, lost: Lost, moment: Moment) -> Outcome {
        self.lost(completion, lost, moment)
    }

    fn take_replies(&mut self) -> Vec<(Token, Answer)> {
        let replies = self.take_replies().into_iter();
        replies.map(|reply| (reply.to, reply.answer)).collect()
    }

    fn hand_over(&mut self, place: Place, outbox: &Arc<MarkerQueue>) {
        let due = self.take_markers();
        if !due.is_empty() {
            outbox.put(place, due);
        }
        if self.wants_producer_id() {
            outbox.want_producer_id(place);
        }
    }
}
