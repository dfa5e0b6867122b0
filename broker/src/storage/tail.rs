//! The newest bytes of a log on disk, kept to be read without the disk.
//!
//! Owns how much is kept. A consumer that keeps up is served from here, so
//! that its fetches never leave the thread that serves its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ottla_core::ids::Offset;

use super::Storage;
use super::chunks::Chunks;
use super::walk::base_offset;

/// What one log may keep,
const TAIL_BYTES: u64 = 1 << 20;

/// and all logs together, before each keeps only what it appended last.
const TAILS_BYTES_MAX: u64 = 64 << 20;

/// What may be appended without a read before copying it is for nobody.
const UNREAD_BYTES_MAX: u64 = 4 << 20;

/// The end of one log, in memory, as long as it is read.
#[derive(Debug)]
pub(super) struct Tail {
    chunks: Chunks,
    /// Appended since the last read.
    unread_bytes: AtomicU64,
    storage: Arc<Storage>,
    /// What this tail has added to the sum of all.
    counted_bytes: u64,
}

impl Tail {
    pub fn new(storage: &Arc<Storage>) -> Self {
        Tail {
            chunks: Chunks::default(),
            unread_bytes: AtomicU64::new(0),
            storage: Arc::clone(storage),
            counted_bytes: 0,
        }
    }

    /// Keeps a batch that was appended to the log, and forgets old ones.
    pub fn append(&mut self, batch: &[u8]) {
        let unread_bytes = self.unread_bytes.get_mut();
        *unread_bytes += batch.len() as u64;
        if *unread_bytes > UNREAD_BYTES_MAX {
            self.chunks = Chunks::default();
        } else {
            self.chunks.append(batch);
            let is_crowded = self.total().load(Ordering::Relaxed) > TAILS_BYTES_MAX;
            self.chunks.evict(if is_crowded { 1 } else { TAIL_BYTES });
        }
        self.count();
    }

    /// Adds to the sum of all tails what this one holds now.
    fn count(&mut self) {
        let bytes = self.chunks.end() - self.chunks.start();
        if bytes >= self.counted_bytes {
            let added = bytes - self.counted_bytes;
            self.total().fetch_add(added, Ordering::Relaxed);
        } else {
            let removed = self.counted_bytes - bytes;
            self.total().fetch_sub(removed, Ordering::Relaxed);
        }
        self.counted_bytes = bytes;
    }

    /// Pieces from the batch that holds `from` on, enough for `max_bytes`, and
    /// the offset behind them. `None` when that batch is not kept any more.
    pub fn pieces(&self, from: Offset, max_bytes: usize, log_end: Offset) -> Option<Kept> {
        self.note_read();
        let first = self
            .chunks
            .last_piece_where(|piece| base_offset(piece).is_some_and(|base| base <= from))?;
        let (pieces, behind) = self.chunks.pieces_from(first, max_bytes);
        let end = match behind {
            Some(piece) => base_offset(piece)?,
            None => log_end,
        };
        Some(Kept { pieces, end })
    }

    /// Somebody reads this log, if only to wait for what comes next.
    pub fn note_read(&self) {
        self.unread_bytes.store(0, Ordering::Relaxed);
    }

    fn total(&self) -> &AtomicU64 {
        self.storage.tail_bytes()
    }
}

/// Bytes a tail has kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub pieces: Vec<Bytes>,
    /// The offset behind them.
    pub end: Offset,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.total()
            .fetch_sub(self.counted_bytes, Ordering::Relaxed);
    }
}
