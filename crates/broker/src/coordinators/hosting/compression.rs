//! How coordinators compress what they write (`offsets.topic.compression.codec`).

use records::BatchBuilder;
use records::compression::{Codec, Level};

/// A batch to fill.
pub(super) fn batch(codec: Codec) -> BatchBuilder {
    match codec {
        Codec::None => BatchBuilder::new(),
        codec => BatchBuilder::new().compressed(codec, Level::default_of(codec)),
    }
}

/// The codec with that number; none for a number that is none, as Kafka refuses it only when it writes.
pub(crate) fn codec(id: i32) -> Codec {
    u8::try_from(id).ok().and_then(Codec::from_id).unwrap_or(Codec::None)
}
