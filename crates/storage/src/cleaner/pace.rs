//! How fast the cleaner goes, and whether it goes on: its host says so.

/// Whether the work goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It does.
    Go,
    /// It ends here; what is not swapped in yet is removed.
    Stop,
}

/// Called with the bytes about to be read or written; it may wait, and may end the work.
pub(super) type PaceSetter<'a> = dyn FnMut(usize) -> Pace + 'a;
