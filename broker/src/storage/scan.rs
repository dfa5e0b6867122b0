//! One batch after the other through a file, trusting nothing in it.
//!
//! Owns the window that is in memory. No length found in a header makes it
//! larger than the file.

use bytes::{Bytes, BytesMut};
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader};
use std::io;

use super::DiskFile;

/// A place in a file of `end` bytes of batches.
#[derive(Debug)]
pub(super) struct BatchScan<'a> {
    file: &'a dyn DiskFile,
    position: u64,
    end: u64,
    window_bytes: usize,
    /// What is in memory, and where it lies.
    window: Bytes,
    window_at: u64,
}

impl<'a> BatchScan<'a> {
    /// Begins at `position`, reading `window_bytes` at a time: few to hop from
    /// header to header, many to look at every byte.
    pub fn new(file: &'a dyn DiskFile, position: u64, end: u64, window_bytes: usize) -> Self {
        BatchScan {
            file,
            position,
            end,
            window_bytes: window_bytes.max(BATCH_HEADER_BYTES),
            window: Bytes::new(),
            window_at: position,
        }
    }

    /// Reads that many bytes at a time from now on.
    pub fn set_window(&mut self, window_bytes: usize) {
        self.window_bytes = window_bytes.max(BATCH_HEADER_BYTES);
    }

    /// Where the next batch would begin.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether every byte was passed.
    pub fn is_at_end(&self) -> bool {
        self.position >= self.end
    }

    /// The header at this place; `None` when there is none, or when it claims
    /// more bytes than there are.
    pub fn header(&mut self) -> io::Result<Option<BatchHeader>> {
        let bytes = self.bytes(BATCH_HEADER_BYTES)?;
        let there = self.end - self.position;
        Ok(BatchHeader::parse(&bytes)
            .ok()
            .filter(|header| header.size_bytes() as u64 <= there))
    }

    /// All bytes of the batch whose header is at this place.
    pub fn batch(&mut self, header: &BatchHeader) -> io::Result<Bytes> {
        self.bytes(header.size_bytes())
    }

    /// Goes on behind that batch.
    pub fn pass(&mut self, header: &BatchHeader) {
        self.position += header.size_bytes() as u64;
    }

    /// `length` bytes from here on, or what there is of them.
    fn bytes(&mut self, length: usize) -> io::Result<Bytes> {
        let there = self.end.saturating_sub(self.position);
        let length = usize::try_from(there).map_or(length, |there| length.min(there));
        if !self.holds(length) {
            let read = length.max(self.window_bytes);
            let read = usize::try_from(there).map_or(read, |there| read.min(there));
            let pieces = self.file.read_at(self.position, read)?;
            self.window = front(pieces, length);
            self.window_at = self.position;
        }
        let from = (self.position - self.window_at) as usize;
        let to = (from + length).min(self.window.len());
        Ok(self.window.slice(from.min(to)..to))
    }

    fn holds(&self, length: usize) -> bool {
        let window_end = self.window_at + self.window.len() as u64;
        self.position >= self.window_at && self.position + length as u64 <= window_end
    }
}

/// One piece with at least `length` bytes if there are as many: the first one,
/// or a copy of all.
fn front(mut pieces: Vec<Bytes>, length: usize) -> Bytes {
    match pieces.first() {
        Some(first) if first.len() >= length => pieces.swap_remove(0),
        Some(_) => {
            let mut joined = BytesMut::new();
            for piece in &pieces {
                joined.extend_from_slice(piece);
            }
            joined.freeze()
        }
        None => Bytes::new(),
    }
}
