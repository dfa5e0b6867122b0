//! From header to header through bytes that hold batches.
//!
//! Owns the choice of which whole batches a reader gets. It never reads a file
//! and never looks behind a header.

use bytes::Bytes;
use ottla_core::batch::BatchHeader;
use ottla_core::ids::Offset;
use ottla_core::mutants::{self, Mutant};

/// What a reader asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The first offset that must be in the answer.
    pub from: Offset,
    /// No batch that reaches this offset is taken.
    pub below: Offset,
    /// No more bytes than this,
    pub max_bytes: usize,
    /// unless the first batch alone is larger and this is set (KIP-74).
    pub at_least_one: bool,
}

impl Wanted {
    /// Whether a batch belongs to the answer, of which so much is taken already.
    pub fn takes(&self, batch: &BatchHeader, taken_bytes: usize) -> bool {
        let fits = taken_bytes.saturating_add(batch.size_bytes()) <= self.max_bytes;
        let is_first_of_all = taken_bytes == 0
            && self.at_least_one
            && !mutants::on(Mutant::GivesNothingAboveTheLimit);
        batch.last_offset() < self.below && (fits || is_first_of_all)
    }
}

/// How far a walk came.
#[derive(Debug)]
pub(super) enum Walked {
    /// These bytes are the answer, and may be none.
    Took(Vec<Bytes>),
    /// All batches lie before `from`; the next one begins `0` bytes in, which
    /// may be behind the pieces.
    Behind(usize),
    /// The first batch that is wanted begins `skipped` bytes in, but only a
    /// part of its `size` bytes is there. A `size` of 0: not even its header.
    CutOff { skipped: usize, size: usize },
    /// What lies `0` bytes in is no batch.
    NoBatch(usize),
}

/// Takes the wanted batches out of `pieces`, the first of which begins with a
/// batch. Only the last piece may end inside of one. `end` is the offset behind
/// the last piece, if it is known.
pub(super) fn take_batches(pieces: Vec<Bytes>, wanted: &Wanted, end: Option<Offset>) -> Walked {
    let mut taken: Vec<Bytes> = Vec::with_capacity(pieces.len());
    let mut taken_bytes = 0;
    let mut skipped = 0;
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let next = pieces.peek().map_or(end, |next| base_offset(next));
        if is_wanted_whole(&piece, next, wanted, taken_bytes) {
            taken_bytes += piece.len();
            taken.push(piece);
            continue;
        }
        match walk_piece(&piece, wanted, taken_bytes) {
            PieceWalk::Skipped { to } => skipped += to,
            PieceWalk::Took { from, to, goes_on } => {
                taken_bytes += to - from;
                taken.push(piece.slice(from..to));
                if !goes_on {
                    return Walked::Took(taken);
                }
            }
            PieceWalk::Full => return Walked::Took(taken),
            _ if taken_bytes > 0 => return Walked::Took(taken),
            PieceWalk::CutOff { at, size } => {
                let skipped = skipped + at;
                return Walked::CutOff { skipped, size };
            }
            PieceWalk::NoBatch { at } => return Walked::NoBatch(skipped + at),
        }
    }
    if taken.is_empty() {
        Walked::Behind(skipped)
    } else {
        Walked::Took(taken)
    }
}

/// The base offset of the batch at the front of `bytes`.
pub(super) fn base_offset(bytes: &[u8]) -> Option<Offset> {
    let first = bytes.first_chunk::<8>()?;
    Some(Offset(i64::from_be_bytes(*first)))
}

/// Whether a look at the neighbours is enough: many small batches are then
/// taken without touching each.
fn is_wanted_whole(piece: &Bytes, next: Option<Offset>, wanted: &Wanted, taken: usize) -> bool {
    base_offset(piece).is_some_and(|base| wanted.from <= base)
        && next.is_some_and(|next| next <= wanted.below)
        && taken.saturating_add(piece.len()) <= wanted.max_bytes
}

enum PieceWalk {
    Skipped {
        to: usize,
    },
    Took {
        from: usize,
        to: usize,
        goes_on: bool,
    },
    Full,
    CutOff {
        at: usize,
        size: usize,
    },
    NoBatch {
        at: usize,
    },
}

fn walk_piece(piece: &Bytes, wanted: &Wanted, taken_bytes: usize) -> PieceWalk {
    let mut at = 0;
    let mut from = None;
    while at < piece.len() {
        let first = from.unwrap_or(at);
        let header = BatchHeader::parse(&piece[at..]);
        let size = header.as_ref().map_or(0, BatchHeader::size_bytes);
        let is_whole = size > 0 && size <= piece.len() - at;
        match header {
            Ok(batch) if batch.next_offset() <= wanted.from => {}
            Ok(batch) if !wanted.takes(&batch, taken_bytes + (at - first)) => {
                return from.map_or(PieceWalk::Full, |from| took(from, at, false));
            }
            Ok(_) if is_whole => from = Some(first),
            _ if from.is_some() => return took(first, at, false),
            Ok(_) => return PieceWalk::CutOff { at, size },
            Err(ottla_core::batch::HeaderError::Incomplete { .. }) => {
                return PieceWalk::CutOff { at, size: 0 };
            }
            Err(_) => return PieceWalk::NoBatch { at },
        }
        at += size;
    }
    from.map_or(PieceWalk::Skipped { to: at }, |from| took(from, at, true))
}

fn took(from: usize, to: usize, goes_on: bool) -> PieceWalk {
    PieceWalk::Took { from, to, goes_on }
}
