//! Reading in two steps: planned under the partition's lock, done outside it.
//!
//! Owns the plan. Appends, rolls and deletions between the two steps are
//! harmless: a plan holds on to what it needs, and sees whole batches only.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::segment::Segment;
use super::tail::Kept;
use super::walk::{Walked, Wanted, take_batches};
use super::{Piece, StorageError};

/// What to do about records that are not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cold {
    /// Give up: the caller's thread must not wait for a disk.
    LeaveOut,
    Read,
}

/// Which bytes a read will return.
#[derive(Debug)]
pub(crate) struct ReadPlan {
    wanted: Wanted,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// There is nothing to read.
    Nothing,
    /// Some of the newest bytes.
    Tail(Kept),
    /// The segment to look in, and those behind it in case compaction left
    /// nothing from the offset on.
    Segments {
        first: Arc<Segment>,
        rest: Vec<Arc<Segment>>,
    },
}

impl ReadPlan {
    pub(super) fn nothing(wanted: Wanted) -> Self {
        let source = Source::Nothing;
        ReadPlan { wanted, source }
    }

    pub(super) fn tail(wanted: Wanted, kept: Kept) -> Self {
        let source = Source::Tail(kept);
        ReadPlan { wanted, source }
    }

    pub(super) fn segments(wanted: Wanted, first: Arc<Segment>, rest: Vec<Arc<Segment>>) -> Self {
        let source = Source::Segments { first, rest };
        ReadPlan { wanted, source }
    }

    /// The same batches as [`read`](Self::read) returns, for a socket: what is
    /// long stays in its file, and is brought into memory first. `None` if that
    /// takes a wait and there shall be none. What is in memory is a guess for
    /// files: one that is wrong makes this thread wait for the disk, 256 KiB at
    /// a time at most, as a network thread of Apache Kafka does.
    pub fn send(self, cold: Cold) -> Result<Option<Vec<Piece>>, StorageError> {
        if let Source::Segments { first, rest } = &self.source
            && !first.is_memory()
        {
            for segment in std::iter::once(first).chain(rest) {
                if cold == Cold::LeaveOut && !segment.is_warm(&self.wanted) {
                    return Ok(None);
                }
                let Some(stretch) = segment.stretch(&self.wanted)? else {
                    continue;
                };
                // One batch may be longer than what was asked for.
                if cold == Cold::LeaveOut && !stretch.is_warm() {
                    return Ok(None);
                }
                return Ok(Some(vec![segment.piece(stretch)?]));
            }
            return Ok(Some(Vec::new()));
        }
        let pieces = self.read()?.into_pieces();
        Ok(Some(pieces.into_iter().map(Piece::from).collect()))
    }

    /// The batches, whole and as they were appended. None of them is missing
    /// between the first and the last; how many there are is up to the sizes.
    pub fn read(self) -> Result<Records, StorageError> {
        match self.source {
            Source::Nothing => Ok(Records::default()),
            Source::Tail(kept) => match take_batches(kept.pieces, &self.wanted, Some(kept.end)) {
                Walked::Took(pieces) => Ok(Records::new(pieces)),
                _ => Ok(Records::default()),
            },
            Source::Segments { first, rest } => {
                for segment in std::iter::once(first).chain(rest) {
                    if let Some(pieces) = segment.read(&self.wanted)? {
                        return Ok(Records::new(pieces));
                    }
                }
                Ok(Records::default())
            }
        }
    }
}

/// Whole batches that follow one another, in one or more pieces; a piece never
/// begins or ends inside of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pieces: Vec<Bytes>,
    size_bytes: usize,
}

impl Records {
    fn new(pieces: Vec<Bytes>) -> Self {
        let size_bytes = pieces.iter().map(Bytes::len).sum();
        Records { pieces, size_bytes }
    }

    /// Bytes in all pieces.
    #[cfg(test)]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The pieces, to be written one after the other.
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }

    /// All in one piece: copied, unless it is one already.
    pub fn into_bytes(mut self) -> Bytes {
        if self.pieces.len() < 2 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut joined = BytesMut::with_capacity(self.size_bytes);
        for piece in &self.pieces {
            joined.extend_from_slice(piece);
        }
        joined.freeze()
    }
}
