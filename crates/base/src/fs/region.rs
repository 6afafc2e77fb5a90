//! A stretch of an open file: how records travel from the log to a socket without being copied.

use super::File;
use std::io;
use std::sync::Arc;

/// `len` bytes of `file` from `position` on. The one type for it: `storage` makes them, `protocol` carries them in a
/// response, `network` sends them with `sendfile`.
#[derive(Clone, Debug)]
pub struct FileRegion {
    /// The file, kept open (and, once unlinked, kept alive) by this handle.
    pub file: Arc<dyn File>,
    /// Where the bytes begin.
    pub position: u64,
    /// How many bytes there are.
    pub len: u32,
}

impl FileRegion {
    /// Reads the whole region into memory; `UnexpectedEof` if the file ends within it.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        self.read_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the region's first bytes, as many as `bytes` has room for; `UnexpectedEof` if the file ends before.
    pub fn read_into(&self, bytes: &mut [u8]) -> io::Result<()> {
        match self.file.read_at(bytes, self.position)? {
            count if count < bytes.len() => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The same stretch of the same open file; the bytes are not compared.
impl PartialEq for FileRegion {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.position == other.position && self.len == other.len
    }
}

impl Eq for FileRegion {}
