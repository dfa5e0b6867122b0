//! Bytes in memory that grow at one end and are shared without copying.
//!
//! Owns the allocations. Every append ends up whole in one piece, so a piece
//! made of whole batches never splits one.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

const ALLOCATION_BYTES_MIN: usize = 4 << 10;
const ALLOCATION_BYTES_MAX: usize = 1 << 20;

/// Pieces of one allocation beyond which they are copied into one: a reader of
/// many small appends would otherwise hold a reference for each.
const PIECES_PER_ALLOCATION_MAX: usize = 16;

/// A run of bytes with positions, from `start` to `end`.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    pieces: VecDeque<Piece>,
    /// Room behind the last piece's allocation; holds no bytes itself.
    spare: BytesMut,
    /// How many of the last pieces lie in the allocation `spare` belongs to.
    in_allocation: usize,
    end: u64,
}

#[derive(Debug)]
struct Piece {
    position: u64,
    bytes: Bytes,
}

impl Chunks {
    /// The position of the first byte that is kept.
    pub fn start(&self) -> u64 {
        self.pieces.front().map_or(self.end, |piece| piece.position)
    }

    /// The position the next append gets.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Copies `bytes` behind the last ones, as one piece.
    pub fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.spare.capacity() < bytes.len() {
            self.merge_allocation();
            let grown = ((self.end - self.start()) as usize)
                .clamp(ALLOCATION_BYTES_MIN, ALLOCATION_BYTES_MAX);
            self.spare = BytesMut::with_capacity(grown.max(bytes.len()));
        }
        self.spare.extend_from_slice(bytes);
        self.pieces.push_back(Piece {
            position: self.end,
            bytes: self.spare.split().freeze(),
        });
        self.in_allocation += 1;
        self.end += bytes.len() as u64;
    }

    /// The pieces from `position` on, `length` bytes in all or up to the end.
    pub fn slice(&self, position: u64, length: usize) -> Vec<Bytes> {
        let first = self.piece_at(position);
        let stop = position.saturating_add(length as u64).min(self.end);
        let mut slices = Vec::new();
        for piece in self.pieces.range(first..) {
            if piece.position >= stop {
                break;
            }
            let from = position.saturating_sub(piece.position) as usize;
            let to = (stop - piece.position).min(piece.bytes.len() as u64) as usize;
            if from < to {
                slices.push(piece.bytes.slice(from..to));
            }
        }
        slices
    }

    /// The index of the last piece for which `is_before` holds, as in a binary
    /// search over pieces in order.
    pub fn last_piece_where(&self, is_before: impl Fn(&Bytes) -> bool) -> Option<usize> {
        self.pieces
            .partition_point(|piece| is_before(&piece.bytes))
            .checked_sub(1)
    }

    /// The piece at `index`, the following ones until these have `length` bytes,
    /// and the one behind them.
    pub fn pieces_from(&self, index: usize, length: usize) -> (Vec<Bytes>, Option<&Bytes>) {
        let mut pieces: Vec<Bytes> = Vec::new();
        let mut following_bytes = 0;
        for piece in self.pieces.range(index..) {
            if following_bytes >= length && !pieces.is_empty() {
                return (pieces, Some(&piece.bytes));
            }
            if !pieces.is_empty() {
                following_bytes += piece.bytes.len();
            }
            pieces.push(piece.bytes.clone());
        }
        (pieces, None)
    }

    /// Forgets the bytes from `position` on; the next append goes there.
    pub fn truncate(&mut self, position: u64) {
        while let Some(last) = self.pieces.back_mut() {
            if last.position < position {
                let keep = (position - last.position).min(last.bytes.len() as u64);
                last.bytes.truncate(keep as usize);
                break;
            }
            self.pieces.pop_back();
            self.in_allocation = self.in_allocation.saturating_sub(1);
        }
        self.end = self.end.min(position);
    }

    /// Forgets the oldest whole pieces while at least `keep` bytes remain.
    pub fn evict(&mut self, keep: u64) {
        while let Some(first) = self.pieces.front() {
            let after = first.position + first.bytes.len() as u64;
            if self.end - after < keep {
                break;
            }
            self.pieces.pop_front();
            self.in_allocation = self.in_allocation.min(self.pieces.len());
        }
    }

    fn piece_at(&self, position: u64) -> usize {
        self.pieces
            .partition_point(|piece| piece.position <= position)
            .saturating_sub(1)
    }

    /// Makes one piece of many small ones, now that nothing fits behind them.
    fn merge_allocation(&mut self) {
        let count = std::mem::take(&mut self.in_allocation);
        if count <= PIECES_PER_ALLOCATION_MAX {
            return;
        }
        let small = self.pieces.split_off(self.pieces.len() - count);
        let Some(position) = small.front().map(|piece| piece.position) else {
            return;
        };
        let mut merged = BytesMut::with_capacity((self.end - position) as usize);
        for piece in &small {
            merged.extend_from_slice(&piece.bytes);
        }
        self.pieces.push_back(Piece {
            position,
            bytes: merged.freeze(),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        Truncate(u64),
        Evict(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0usize..700).prop_map(Step::Append),
            1 => (0u64..40_000).prop_map(Step::Truncate),
            1 => (0u64..40_000).prop_map(Step::Evict),
        ]
    }

    #[test]
    fn what_was_sliced_shares_the_memory_it_was_appended_to() {
        let mut chunks = Chunks::default();
        chunks.append(b"first");
        chunks.append(b"second");
        let once = chunks.slice(5, 6);
        let again = chunks.slice(5, 6);
        assert_eq!(once[0], "second");
        assert_eq!(once[0].as_ptr(), again[0].as_ptr());
    }

    proptest! {
        #[test]
        fn it_reads_as_one_vector_does(
            steps in proptest::collection::vec(step(), 1..200),
            position in 0u64..40_000,
            length in 0usize..40_000,
        ) {
            let mut model: Vec<u8> = Vec::new();
            let mut chunks = Chunks::default();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Append(size) => {
                        let bytes = vec![number as u8; size];
                        model.extend_from_slice(&bytes);
                        chunks.append(&bytes);
                    }
                    Step::Truncate(at) => {
                        let at = at.max(chunks.start());
                        model.truncate(at as usize);
                        chunks.truncate(at);
                    }
                    Step::Evict(keep) => {
                        let before = chunks.end() - chunks.start();
                        chunks.evict(keep);
                        prop_assert!(chunks.end() - chunks.start() >= keep.min(before));
                    }
                }
                prop_assert_eq!(chunks.end(), model.len() as u64);
            }
            let from = position.max(chunks.start()).min(chunks.end());
            let to = (from as usize).saturating_add(length).min(model.len());
            prop_assert_eq!(chunks.slice(from, length).concat(), &model[from as usize..to]);
            let (whole, behind) = chunks.pieces_from(0, usize::MAX);
            prop_assert!(behind.is_none());
            prop_assert_eq!(whole.concat(), &model[chunks.start() as usize..]);
        }
    }
}
