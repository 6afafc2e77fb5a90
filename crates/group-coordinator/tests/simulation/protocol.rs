//! What classic consumers tell each other through the coordinator, in Kafka's encoding: the coordinator reads it when a group
//! changes from one protocol to the other.

use crate::member::{Partitions, View};
use base::Uuid;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::BTreeMap;

/// A subscription of version 1, by somebody who owns nothing while it joins.
pub fn subscription(topics: &[String]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        put_name(&mut bytes, topic);
    }
    bytes.put_i32(-1);
    bytes.put_i32(0);
    bytes.freeze()
}

/// An assignment; topics that are not there any more are left out.
pub fn assignment(partitions: &Partitions, view: &View) -> Bytes {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        if let Some(name) = view.name(*topic) {
            topics.entry(name).or_default().push(*partition);
        }
    }
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for (name, partitions) in topics {
        put_name(&mut bytes, name);
        bytes.put_i32(i32::try_from(partitions.len()).unwrap());
        partitions.iter().for_each(|partition| bytes.put_i32(*partition));
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

/// What an assignment says; an empty one says nothing.
pub fn assigned(assignment: &Bytes, view: &View) -> Partitions {
    let mut bytes = assignment.clone();
    let mut partitions = Partitions::new();
    if bytes.is_empty() {
        return partitions;
    }
    bytes.advance(2);
    for _ in 0..bytes.get_i32() {
        let length = usize::try_from(bytes.get_i16()).unwrap();
        let name = bytes.split_to(length);
        let topic = view.topics.iter().find(|(known, ..)| known.as_bytes() == &name[..]);
        let topic: Option<Uuid> = topic.map(|(_, id, _)| *id);
        for _ in 0..bytes.get_i32() {
            let partition = bytes.get_i32();
            partitions.extend(topic.map(|topic| (topic, partition)));
        }
    }
    partitions
}

fn put_name(bytes: &mut BytesMut, name: &str) {
    bytes.put_i16(i16::try_from(name.len()).unwrap());
    bytes.put_slice(name.as_bytes());
}
