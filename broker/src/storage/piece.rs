//! Record bytes on their way to a reader: in memory, or still in their file.
//!
//! A large answer whose bytes lie in the page cache leaves from there, without
//! passing through this process. A stretch holds its file open: segments only
//! grow, and one that is removed or replaced keeps its bytes for who holds it.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::DiskFile;

/// Bytes that follow one another.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Memory(Bytes),
    File(Stretch),
}

/// Bytes of whole batches in a file.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    file: Arc<dyn DiskFile>,
    position: u64,
    length: usize,
}

impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Self {
        Piece::Memory(bytes)
    }
}

impl Piece {
    pub fn len(&self) -> usize {
        match self {
            Piece::Memory(bytes) => bytes.len(),
            Piece::File(stretch) => stretch.length,
        }
    }

    /// The bytes themselves, read if they are not in memory.
    pub fn into_bytes(self) -> io::Result<Bytes> {
        match self {
            Piece::Memory(bytes) => Ok(bytes),
            Piece::File(stretch) => stretch.read(stretch.length),
        }
    }
}

impl Stretch {
    pub(super) fn new(file: Arc<dyn DiskFile>, position: u64, length: usize) -> Stretch {
        Stretch {
            file,
            position,
            length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The file of the operating system and where in it the bytes begin, for
    /// who can hand these over without reading them.
    pub fn plain_file(&self) -> Option<(&File, u64)> {
        Some((self.file.plain()?, self.position))
    }

    pub fn len(&self) -> usize {
        self.length
    }

    /// The first `length` bytes, or all if there are fewer.
    pub fn read(&self, length: usize) -> io::Result<Bytes> {
        let length = length.min(self.length);
        let mut pieces = self.file.read_at(self.position, length)?;
        if pieces.iter().map(Bytes::len).sum::<usize>() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if pieces.len() < 2 {
            return Ok(pieces.pop().unwrap_or_default());
        }
        let mut joined = BytesMut::with_capacity(length);
        for piece in &pieces {
            joined.extend_from_slice(piece);
        }
        Ok(joined.freeze())
    }

    /// Waits until the bytes are in memory, so that handing them over does not.
    pub(super) fn warm_up(&self) -> io::Result<()> {
        self.file.warm_up(self.position, self.length)
    }

    /// Whether handing the bytes over waits for nothing, to all appearances.
    pub(super) fn is_warm(&self) -> bool {
        self.file.is_warm(self.position, self.length)
    }

    /// The first `count` bytes have been taken.
    pub fn advance(&mut self, count: usize) {
        self.position += count as u64;
        self.length -= count;
    }
}
