//! How far this broker has come in the metadata.

use crate::Broker;
use base::Offset;
use std::sync::Arc;

/// The offset after the last record that is applied here: while the image is the committed one, all that is committed.
pub(crate) fn applied_end(broker: &Broker) -> Offset {
    let committed = broker.committed.borrow().clone();
    let applied = broker.image.borrow();
    if Arc::ptr_eq(&applied.image, &committed.image) {
        committed.end
    } else {
        applied.end
    }
}
