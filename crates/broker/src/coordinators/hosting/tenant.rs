//! What a coordinator has to be, to be hosted.

use super::Shards;
use super::linger::Linger;
use crate::Broker;
use base::{Instant, LeaderEpoch, ProducerId, Rng};
use bytes::Bytes;
use config::BrokerConfig;
use coordinator_runtime::{Lost, Moment, Outcome, Shard, Token};
use metadata::MetadataImage;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::wire::EncodeError;
use records::compression::Codec;
use records::control::TransactionOutcome;
use std::convert::Infallible;
use std::fmt::{Debug, Display};

/// Which coordinator of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The partition of the tenant's topic.
    pub(crate) partition: i32,
    /// The epoch of its leadership.
    pub(crate) epoch: LeaderEpoch,
}

/// A coordinator as long as this broker leads its partition: beside the state that the log folds to, what lives in
/// memory only. Groups and transactions are its two kinds.
pub(crate) trait Tenant: Debug + Sized + Send + 'static {
    /// One record of the log.
    type Record: Debug + Send;
    /// What the log folds to.
    type State: Shard<Record = Self::Record, Error = Infallible> + Default + Debug + Send;
    /// What is left to do once records are committed, or lost.
    type Completion: Debug + Send;
    /// What whoever asked is told.
    type Answer: Debug + Send;
    /// What it goes by.
    type Settings: Send + 'static;
    /// Where it puts what others are to do for it.
    type Outbox: Debug + Send + Sync + 'static;
    /// Why a record cannot be read.
    type Unreadable: Display;

    /// Its name in messages.
    const NAME: &'static str;
    /// The topic whose partitions are its logs.
    const TOPIC: &'static str;

    /// Where the broker keeps its coordinators.
    fn shards(broker: &Broker) -> &Shards<Self>;
    /// What it goes by: the node's settings, what the cluster has agreed on, and where to look for what changes.
    fn settings(broker: &Broker, config: &BrokerConfig, image: &MetadataImage) -> Self::Settings;
    /// Where it puts what others are to do for it.
    fn outbox(broker: &Broker) -> Self::Outbox;
    /// How much of the log is read at once.
    fn load_buffer(config: &BrokerConfig) -> i32;
    /// The topic as it is to be created.
    fn internal_topic(config: &BrokerConfig) -> CreatableTopic;
    /// How long its operations wait for others to share a batch.
    fn linger(config: &BrokerConfig) -> Linger;
    /// How its records are compressed.
    fn codec(config: &BrokerConfig) -> Codec;

    /// A record's key and value as they stand in the log.
    fn encode(record: &Self::Record) -> Result<(Bytes, Option<Bytes>), EncodeError>;
    /// Reads a record of a batch by `producer`, none unless the batch is transactional; a type of record that is not known
    /// is none.
    fn decode(
        key: &Bytes,
        value: Option<&Bytes>,
        producer: ProducerId,
    ) -> Result<Option<Self::Record>, Self::Unreadable>;
    /// What a transaction's marker in its log means to it.
    fn marker(producer: ProducerId, outcome: TransactionOutcome) -> Option<Self::Record>;

    /// Begins with what the log says.
    fn take_over(state: &Self::State, settings: Self::Settings, rng: Rng, moment: Moment) -> Self;
    /// How much there is to coordinate, for the log.
    fn size(state: &Self::State) -> usize;
    /// When [`Tenant::on_timeout`] has something to do.
    fn next_deadline(&self) -> Option<Instant>;
    /// Does one thing that is due.
    fn on_timeout(&mut self, state: &Self::State, moment: Moment) -> Option<Outcome<Self::Record, Self::Completion>>;
    /// Whether there is nothing left to do.
    fn is_nothing(completion: &Self::Completion) -> bool;
    /// The records of an outcome are committed.
    fn committed(&mut self, completion: Self::Completion, moment: Moment);
    /// The records of an outcome were not written; what follows from that is to be written.
    fn lost(
        &mut self,
        completion: Self::Completion,
        lost: Lost,
        moment: Moment,
    ) -> Outcome<Self::Record, Self::Completion>;
    /// The answers that are ready to be sent.
    fn take_replies(&mut self) -> Vec<(Token, Self::Answer)>;
    /// Puts what others are to do for it into the outbox. Called under the coordinator's lock: nothing may wait here.
    fn hand_over(&mut self, place: Place, outbox: &Self::Outbox);
}
