//! Frames: a length, a correlation id, a body. Reads whole ones, with a cap,
//! and never reserves more than has arrived.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

const LENGTH_BYTES: usize = 4;
const READ_BYTES_MIN: usize = 16 * 1024;

/// Reads frames off one stream.
pub(crate) struct FrameReader<R> {
    stream: R,
    buffer: BytesMut,
    frame_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R, frame_bytes_max: usize) -> Self {
        FrameReader {
            stream,
            buffer: BytesMut::new(),
            frame_bytes_max,
        }
    }

    /// The next frame without its length. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(frame);
            }
            self.read_more().await?;
        }
    }

    /// Waits until bytes are there; an error when the peer closed the stream.
    pub(crate) async fn readable(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.read_more().await?;
        }
        Ok(())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ_BYTES_MIN);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the broker closed it",
            )),
            _ => Ok(()),
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<Bytes>> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let claimed = i32::from_be_bytes(*prefix);
        let length = usize::try_from(claimed)
            .ok()
            .filter(|length| (LENGTH_BYTES..=self.frame_bytes_max).contains(length))
            .ok_or_else(|| invalid(format!("a frame claims {claimed} bytes")))?;
        if self.buffer.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

pub(crate) fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8], frame_bytes_max: usize) -> (Vec<Bytes>, io::Error) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut reader = FrameReader::new(bytes, frame_bytes_max);
            let mut frames = Vec::new();
            loop {
                match reader.next().await {
                    Ok(frame) => frames.push(frame),
                    Err(error) => return (frames, error),
                }
            }
        })
    }

    #[test]
    fn two_frames_in_one_read_come_out_one_by_one() {
        let bytes = [0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 5, 5, 6, 7, 8, 9];
        let (frames, error) = read_all(&bytes, 100);
        assert_eq!(frames, [&[1u8, 2, 3, 4][..], &[5, 6, 7, 8, 9]]);
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_length_that_is_negative_too_small_or_too_large_ends_the_stream() {
        for length in [-1, 0, 3, 101, i32::MAX] {
            let (frames, error) = read_all(&length.to_be_bytes(), 100);
            assert!(frames.is_empty());
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (frames, _) = read_all(&bytes, 64);
            prop_assert!(frames.iter().all(|frame| frame.len() <= 64));
        }
    }
}
