//! An encoded message: one buffer of ordinary fields, and between its parts the bytes and file regions it refers to.

use super::FileRegion;
use bytes::Bytes;
use std::io;

/// Something referred to, before byte `at` of the buffer.
#[derive(Clone, Debug)]
pub(super) struct Insert {
    pub(super) at: usize,
    pub(super) piece: Piece,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    File(FileRegion),
}

/// One part of an encoded message.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A part of a file.
    File(&'a FileRegion),
}

impl Segment<'_> {
    /// The part's length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(region) => u64::from(region.len),
        }
    }

    /// Whether the part has no bytes; [`Segments::iter`] yields no such part.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An encoded message as a list of parts; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    meta: Bytes,
    inserts: Vec<Insert>,
    inserted: u64,
}

impl Segments {
    pub(super) fn new(meta: Bytes, inserts: Vec<Insert>, inserted: u64) -> Self {
        Self {
            meta,
            inserts,
            inserted,
        }
    }

    /// The length in bytes of all parts.
    pub fn len(&self) -> u64 {
        self.meta.len() as u64 + self.inserted
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many parts there are at most.
    pub fn count(&self) -> usize {
        2 * self.inserts.len() + 1
    }

    /// Part `index` of [`Segments::count`], which may be empty: even ones are pieces of the buffer, odd ones what is
    /// inserted between them. For a writer that must remember how far it came.
    pub fn get(&self, index: usize) -> Option<Segment<'_>> {
        let which = index / 2;
        if index % 2 == 1 {
            return self.inserts.get(which).map(|insert| match &insert.piece {
                Piece::Bytes(bytes) => Segment::Bytes(bytes),
                Piece::File(region) => Segment::File(region),
            });
        }
        if which > self.inserts.len() {
            return None;
        }
        let start = which.checked_sub(1).map_or(0, |before| self.inserts[before].at);
        let end = self.inserts.get(which).map_or(self.meta.len(), |insert| insert.at);
        Some(Segment::Bytes(&self.meta[start..end]))
    }

    /// The parts that are not empty, in order.
    pub fn iter(&self) -> impl Iterator<Item = Segment<'_>> {
        (0..self.count())
            .filter_map(|index| self.get(index))
            .filter(|segment| !segment.is_empty())
    }

    /// Whether a part is in a file.
    pub fn has_files(&self) -> bool {
        self.inserts.iter().any(|insert| matches!(insert.piece, Piece::File(_)))
    }

    /// Makes a number among the ordinary fields, at this place of the whole, no less than `least`.
    ///
    /// # Panics
    /// If there is no such place before the first part that is referred to.
    pub fn raise_i32(&mut self, at: usize, least: i32) {
        assert!(
            self.inserts.first().is_none_or(|insert| at + 4 <= insert.at),
            "the place is before all that is referred to"
        );
        let mut meta = Vec::from(std::mem::take(&mut self.meta));
        let field = meta[at..].first_chunk_mut::<4>().expect("the field is there");
        *field = i32::from_be_bytes(*field).max(least).to_be_bytes();
        self.meta = meta.into();
    }

    /// All parts in one piece of memory, without copying if there is only one.
    ///
    /// # Panics
    /// If a part is in a file; see [`Segments::read_all`].
    pub fn into_bytes(self) -> Bytes {
        self.read_all().expect("no part is in a file, so nothing is read")
    }

    /// All parts in one piece of memory, those in files read from there. Fails if a file is shorter than its part.
    pub fn read_all(self) -> io::Result<Bytes> {
        if self.inserts.is_empty() {
            return Ok(self.meta);
        }
        let mut whole = Vec::with_capacity(usize::try_from(self.len()).map_err(io::Error::other)?);
        for segment in self.iter() {
            match segment {
                Segment::Bytes(bytes) => whole.extend_from_slice(bytes),
                Segment::File(region) => {
                    let begin = whole.len();
                    whole.resize(begin + region.len as usize, 0);
                    region.read_into(&mut whole[begin..])?;
                }
            }
        }
        Ok(whole.into())
    }
}

impl From<Bytes> for Segments {
    fn from(meta: Bytes) -> Self {
        Self {
            meta,
            ..Self::default()
        }
    }
}

impl From<Vec<u8>> for Segments {
    fn from(meta: Vec<u8>) -> Self {
        Bytes::from(meta).into()
    }
}
