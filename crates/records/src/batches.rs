//! The batches that lie one after the other in a buffer.

use crate::batch::BatchView;
use crate::header::BatchError;

/// Iterates over the batches in `bytes`; the checksums are left to the caller.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

/// See [`batches`]. Ends after the first error; a tail cut within a batch is [`BatchError::Partial`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match BatchView::split(self.rest) {
            Ok((batch, rest)) => {
                self.rest = rest;
                Some(Ok(batch))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::BatchBuilder;
    use base::{Offset, Timestamp};

    #[test]
    fn batches_follow_one_another_and_a_cut_tail_is_told() {
        let mut bytes = Vec::new();
        for base in 0..3 {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(base), None, Some(b"value"), &[]);
            bytes.extend_from_slice(&builder.build_at(Offset(base)).to_bytes());
        }
        let one = bytes.len() / 3;
        let found: Vec<_> = batches(&bytes)
            .map(|batch| batch.map(|batch| batch.header().base_offset.0))
            .collect();
        assert_eq!(found, [Ok(0), Ok(1), Ok(2)]);
        assert!(batches(&bytes).all(|batch| batch.is_ok_and(|batch| batch.check().is_ok())));
        let cut: Vec<_> = batches(&bytes[..one * 2 + 10])
            .map(|batch| batch.map(|batch| batch.bytes().len()))
            .collect();
        assert_eq!(
            cut,
            [
                Ok(one),
                Ok(one),
                Err(BatchError::Partial {
                    needed: 61,
                    available: 10
                })
            ]
        );
    }
}
