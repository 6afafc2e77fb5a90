//! The topics that consumers say they read, as far as they can be understood.

use crate::classic::member::Member;
use protocol::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::wire::{Message, Reader};
use std::collections::BTreeSet;

/// The protocol type of consumers; Connect and others have their own.
pub(crate) const CONSUMER: &str = "consumer";

/// The topics of all members, or `None` if one cannot be read. Only the fields of version 0 are looked at: they come
/// first in every version.
pub(crate) fn topics<'a>(members: impl Iterator<Item = &'a Member>, protocol: &str) -> Option<BTreeSet<String>> {
    let mut topics = BTreeSet::new();
    for member in members {
        let metadata = member.metadata(protocol);
        let mut reader = Reader::new(&metadata);
        let _version = reader.i16().ok()?;
        let subscription = ConsumerProtocolSubscription::decode(&mut reader, 0).ok()?;
        topics.extend(subscription.topics);
    }
    Some(topics)
}
