//! Frames: a 4-byte length, then that many bytes, cut from one growing buffer.
//!
//! Reads no socket and judges nothing inside a frame. The buffer grows with
//! the bytes that came, never with the length they claim: a peer that says
//! 100 MiB and sends 4 bytes costs 4 bytes' worth.

use bytes::{Buf, BytesMut};
use thiserror::Error;

/// The prefix of every frame: its length without the prefix, big-endian.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Room made for a read when nothing is known about the frame it belongs to.
const READ_BYTES_MIN: usize = 8 << 10;
/// Largest room made for a new buffer because earlier frames were that large.
const READ_BYTES_MAX: usize = 256 << 10;

/// A length no frame may have. The stream cannot be read on.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum FrameError {
    #[error("the frame length {length} is not positive; is the peer speaking Kafka?")]
    NotPositive { length: i32 },
    #[error(
        "a frame of {length_bytes} bytes exceeds socket.request.max.bytes, which is {max_bytes}"
    )]
    TooLarge {
        length_bytes: usize,
        max_bytes: usize,
    },
}

/// What a connection has received and not yet answered for.
#[derive(Debug)]
pub(crate) struct FrameBuffer {
    received: BytesMut,
    max_bytes: usize,
    /// Size of the last whole frame with its prefix: what the next is likely
    /// to need. Learned from bytes received, not from a claim.
    usual_bytes: usize,
}

impl FrameBuffer {
    /// `max_bytes` is the longest frame accepted (`socket.request.max.bytes`).
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            received: BytesMut::new(),
            max_bytes,
            usual_bytes: 0,
        }
    }

    /// The buffer to read into, with room. What lies in it is only ever
    /// appended to.
    pub(crate) fn for_reading(&mut self) -> &mut BytesMut {
        let free_bytes = self.received.capacity() - self.received.len();
        if free_bytes < READ_BYTES_MIN / 2 {
            self.received.reserve(self.room_bytes());
        }
        &mut self.received
    }

    /// Gives the buffer back while nothing lies in it; the next read makes one.
    pub(crate) fn give_back(&mut self) {
        if self.received.is_empty() {
            self.received = BytesMut::new();
        }
    }

    /// Whether there is no buffer.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.received.capacity() == 0
    }

    /// The next whole frame without its prefix, or `None` until more is read.
    /// Call until `None` before reading again.
    pub(crate) fn next_frame(&mut self) -> Result<Option<BytesMut>, FrameError> {
        let Some(length_bytes) = self.claimed_bytes()? else {
            return Ok(None);
        };
        if self.received.len() < LENGTH_BYTES + length_bytes {
            return Ok(None);
        }
        self.usual_bytes = LENGTH_BYTES + length_bytes;
        self.received.advance(LENGTH_BYTES);
        Ok(Some(self.received.split_to(length_bytes)))
    }

    /// How the frame at the front begins, if so much of it has come.
    pub(crate) fn begins_with<const COUNT: usize>(&self) -> Option<[u8; COUNT]> {
        let frame = self.received.get(LENGTH_BYTES..)?;
        frame.first_chunk().copied()
    }

    /// The whole frames at the front without their prefixes, where they lie: as
    /// long as they begin like this, at most so many, and no more than so many
    /// bytes unless the first is longer. They stay until [`FrameBuffer::pass`].
    pub(crate) fn whole_frames(
        &mut self,
        beginning: &[u8],
        count_max: usize,
        bytes_max: usize,
    ) -> impl ExactSizeIterator<Item = &mut [u8]> {
        let max_bytes = self.max_bytes;
        let (mut count, mut bytes) = (0, 0);
        while count < count_max
            && let Some(frame) = whole_frame(&self.received[bytes..], max_bytes)
            && (count == 0 || bytes + frame.len() <= bytes_max)
            && frame.starts_with(beginning)
        {
            count += 1;
            bytes += LENGTH_BYTES + frame.len();
        }
        let mut rest = &mut self.received[..bytes];
        (0..count).map(move |_| {
            let length_bytes = whole_frame(rest, max_bytes).map_or(0, <[u8]>::len);
            let (frame, behind) =
                std::mem::take(&mut rest).split_at_mut(LENGTH_BYTES + length_bytes);
            rest = behind;
            &mut frame[LENGTH_BYTES..]
        })
    }

    /// Drops so many whole frames from the front.
    pub(crate) fn pass(&mut self, count: usize) {
        let mut passed_bytes = 0;
        for _ in 0..count {
            let frame = whole_frame(&self.received[passed_bytes..], self.max_bytes);
            let frame = frame.expect("it was found whole before");
            self.usual_bytes = LENGTH_BYTES + frame.len();
            passed_bytes += self.usual_bytes;
        }
        self.received.advance(passed_bytes);
    }

    /// Whether a frame has begun and not ended: a peer that stops now is late,
    /// not idle, and a stream that ends now is cut.
    pub(crate) fn is_inside_frame(&self) -> bool {
        !self.received.is_empty()
    }

    /// What the frame that has begun will take with its prefix, as far as its
    /// prefix has come; zero between two frames. Call after
    /// [`FrameBuffer::next_frame`], which refuses impossible lengths.
    pub(crate) fn begun_bytes(&self) -> usize {
        let claimed_bytes = self.claimed_bytes().ok().flatten();
        claimed_bytes.map_or(self.received.len(), |length| LENGTH_BYTES + length)
    }

    fn claimed_bytes(&self) -> Result<Option<usize>, FrameError> {
        claimed_bytes(&self.received, self.max_bytes)
    }

    /// Doubles what has been received of this frame, so that the copying done
    /// by growth stays below the frame's own size.
    fn room_bytes(&self) -> usize {
        let usual_bytes = self.usual_bytes.min(READ_BYTES_MAX);
        self.received.len().max(usual_bytes).max(READ_BYTES_MIN)
    }
}

/// The length in the prefix at the front of `received`, if it is there.
fn claimed_bytes(received: &[u8], max_bytes: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = received.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*prefix);
    match usize::try_from(length) {
        Err(_) | Ok(0) => Err(FrameError::NotPositive { length }),
        Ok(length_bytes) if length_bytes > max_bytes => Err(FrameError::TooLarge {
            length_bytes,
            max_bytes,
        }),
        Ok(length_bytes) => Ok(Some(length_bytes)),
    }
}

/// The frame at the front without its prefix, if it is there whole.
fn whole_frame(received: &[u8], max_bytes: usize) -> Option<&[u8]> {
    let length_bytes = claimed_bytes(received, max_bytes).ok().flatten()?;
    received.get(LENGTH_BYTES..LENGTH_BYTES + length_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: usize = 100 << 20;

    fn framed(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for body in bodies {
            stream.extend_from_slice(&(body.len() as i32).to_be_bytes());
            stream.extend_from_slice(body);
        }
        stream
    }

    fn buffer_with(bytes: &[u8]) -> FrameBuffer {
        let mut buffer = FrameBuffer::new(MAX_BYTES);
        buffer.for_reading().extend_from_slice(bytes);
        buffer
    }

    #[test]
    fn a_length_of_zero_or_less_is_refused() {
        for length in [0, -1, i32::MIN] {
            let mut buffer = buffer_with(&length.to_be_bytes());
            assert_eq!(buffer.next_frame(), Err(FrameError::NotPositive { length }));
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_by_its_length_alone_and_names_the_limit() {
        let mut buffer = FrameBuffer::new(10);
        buffer
            .for_reading()
            .extend_from_slice(&11_i32.to_be_bytes());
        let error = buffer.next_frame().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a frame of 11 bytes exceeds socket.request.max.bytes, which is 10"
        );
    }

    #[test]
    fn the_longest_and_the_shortest_frame_are_accepted() {
        for length in [1, 10] {
            let mut buffer = FrameBuffer::new(10);
            buffer
                .for_reading()
                .extend_from_slice(&framed(&[vec![7; length]]));
            assert_eq!(buffer.next_frame().unwrap().unwrap(), vec![7; length]);
            assert!(!buffer.is_inside_frame());
        }
    }

    #[test]
    fn a_claim_of_a_hundred_megabytes_makes_no_room_for_it() {
        let mut buffer = buffer_with(&(MAX_BYTES as i32).to_be_bytes());
        assert_eq!(buffer.next_frame(), Ok(None));
        assert!(buffer.is_inside_frame());
        assert!(buffer.for_reading().capacity() <= 2 * READ_BYTES_MIN);
    }

    #[test]
    fn the_buffer_stays_within_a_small_multiple_of_what_was_received() {
        let mut buffer = buffer_with(&(MAX_BYTES as i32).to_be_bytes());
        let mut received = LENGTH_BYTES;
        while received < 4 << 20 {
            let room = buffer.for_reading();
            let bytes = (room.capacity() - room.len()).min(64 << 10);
            room.resize(room.len() + bytes, 0);
            received += bytes;
            assert_eq!(buffer.next_frame(), Ok(None));
            assert!(buffer.received.capacity() <= 3 * received + 2 * READ_BYTES_MIN);
        }
    }

    #[test]
    fn a_connection_of_large_frames_gets_room_for_the_next_at_once() {
        let body = vec![1; 64 << 10];
        let mut buffer = buffer_with(&framed(std::slice::from_ref(&body)));
        let kept = buffer.next_frame().unwrap().unwrap();
        let room = buffer.for_reading();
        assert!(room.capacity() - room.len() >= body.len());
        assert_eq!(kept.len(), body.len());
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            cuts in prop::collection::vec(1..200_usize, 1..50),
        ) {
            let stream = framed(&bodies);
            let mut buffer = FrameBuffer::new(MAX_BYTES);
            let mut frames = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                buffer.for_reading().extend_from_slice(piece);
                while let Some(frame) = buffer.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(frames, bodies);
            prop_assert!(!buffer.is_inside_frame());
        }

        #[test]
        fn frames_seen_where_they_lie_are_those_that_come_out(
            bodies in prop::collection::vec(prop::collection::vec(0..2_u8, 1..300), 0..20),
            beginning in prop::collection::vec(0..2_u8, 0..2),
            cut in 0..6_000_usize,
            count_max in 0..20_usize,
            bytes_max in 0..2_000_usize,
        ) {
            let stream = framed(&bodies);
            let mut buffer = buffer_with(&stream[..cut.min(stream.len())]);
            let is_taken = |frame: &[u8]| frame.starts_with(&beginning);
            let seen: Vec<Vec<u8>> = buffer
                .whole_frames(&beginning, count_max, bytes_max)
                .map(|frame| frame.to_vec())
                .collect();
            let seen_bytes: usize = framed(&seen).len();
            prop_assert!(seen.len() <= count_max && seen.iter().all(|frame| is_taken(frame)));
            prop_assert!(seen.len() <= 1 || seen_bytes <= bytes_max + LENGTH_BYTES);
            let mut other = buffer_with(&buffer.received);
            buffer.pass(seen.len());
            for frame in &seen {
                prop_assert_eq!(&other.next_frame().unwrap().unwrap(), frame);
            }
            prop_assert_eq!(&buffer.received, &other.received);
            prop_assert_eq!(buffer.usual_bytes, other.usual_bytes);
            if let Some(next) = other.next_frame().unwrap() {
                let is_full = seen.len() == count_max || seen_bytes + next.len() > bytes_max;
                prop_assert!(is_full || !is_taken(&next), "one more could have been taken");
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = buffer_with(&bytes);
            let whole = buffer.whole_frames(&[], 10, 100).len();
            buffer.pass(whole);
            while let Ok(Some(frame)) = buffer.next_frame() {
                prop_assert!(!frame.is_empty());
            }
        }
    }
}
