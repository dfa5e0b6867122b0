//! What a connection still has to write.
//!
//! Small replies are gathered into one buffer, so that the acknowledgements of
//! a burst leave in one write; record bytes are passed on without a copy, and
//! those that lie in a file leave from there.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::Instant;

use super::socket::{SENT_AT_ONCE_BYTES, Socket};
use crate::apis::Reply;
use crate::storage::{Piece, Stretch};
use crate::wire::frame::LENGTH_BYTES;
use crate::wire::header::{put_response_header, response_header_bytes};

/// A chunk below this is copied: cheaper than a slice of its own in the write.
const COPY_BYTES_MAX: usize = 4 << 10;
/// Slices handed to one vectored write.
const SLICES_MAX: usize = 64;
/// The gathering buffer is given back when one burst made it larger than this.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Replies on their way out, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    sealed: VecDeque<Piece>,
    gathering: BytesMut,
}

/// What the response header of a reply needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyTo {
    pub(super) api_key: i16,
    pub(super) api_version: i16,
    pub(super) correlation_id: i32,
    /// When the request was parsed.
    pub(super) received: Instant,
}

impl Outbox {
    /// Queues a reply behind the others.
    pub(super) fn push(&mut self, to: ReplyTo, reply: Reply) {
        let header_bytes = response_header_bytes(to.api_key, to.api_version);
        let length = header_bytes + reply.len_bytes();
        let length = i32::try_from(length)
            .expect("no reply is longer than fetch.max.bytes and one batch, far below 2 GiB");
        self.gathering
            .reserve(LENGTH_BYTES + header_bytes + reply.head.len());
        self.gathering.extend_from_slice(&length.to_be_bytes());
        put_response_header(
            &mut self.gathering,
            to.api_key,
            to.api_version,
            to.correlation_id,
        );
        if reply.head.len() <= COPY_BYTES_MAX {
            self.gathering.extend_from_slice(&reply.head);
        } else {
            self.push_bytes(reply.head.freeze());
        }
        for chunk in reply.chunks {
            match chunk {
                Piece::Memory(bytes) => self.push_bytes(bytes),
                Piece::File(stretch) => self.push_file(stretch),
            }
        }
    }

    fn push_bytes(&mut self, bytes: Bytes) {
        if bytes.len() <= COPY_BYTES_MAX {
            self.gathering.extend_from_slice(&bytes);
        } else {
            self.seal();
            self.sealed.push_back(bytes.into());
        }
    }

    fn push_file(&mut self, stretch: Stretch) {
        if !stretch.is_empty() {
            self.seal();
            self.sealed.push_back(Piece::File(stretch));
        }
    }

    fn seal(&mut self) {
        if !self.gathering.is_empty() {
            let gathered = self.gathering.split().freeze();
            self.sealed.push_back(gathered.into());
        }
    }

    /// Bytes that still have to be written.
    pub(super) fn len_bytes(&self) -> usize {
        self.sealed.iter().map(Piece::len).sum::<usize>() + self.gathering.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.gathering.is_empty()
    }

    /// Writes all of it. A connection that gives up in the middle has to be
    /// closed.
    pub(super) fn poll_flush<S: Socket>(
        &mut self,
        task: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<()>> {
        if !self.sealed.is_empty() {
            self.seal();
        }
        while !self.is_empty() {
            let written = ready!(self.poll_write(task, stream))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        if self.gathering.capacity() > KEPT_BYTES_MAX {
            self.give_back();
        }
        Pin::new(stream).poll_flush(task)
    }

    /// Lets go of the room for replies to come.
    pub(super) fn give_back(&mut self) {
        if self.is_empty() {
            *self = Outbox::default();
        }
    }

    /// Writes some of it.
    fn poll_write<S: Socket>(
        &mut self,
        task: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        match self.sealed.front_mut() {
            None => Pin::new(stream).poll_write(task, &self.gathering),
            Some(Piece::Memory(_)) => self.poll_write_memory(task, stream),
            Some(Piece::File(stretch)) => {
                if let Some(sent) = ready!(stream.poll_send_file(task, stretch))? {
                    return Poll::Ready(Ok(sent));
                }
                let read = stretch.read(SENT_AT_ONCE_BYTES)?;
                stretch.advance(read.len());
                self.sealed.push_front(read.into());
                self.poll_write_memory(task, stream)
            }
        }
    }

    /// Writes what is in memory, up to the next stretch of a file.
    fn poll_write_memory<S: Socket>(
        &self,
        task: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut used = 0;
        let in_memory = self.sealed.iter().map_while(|piece| match piece {
            Piece::Memory(bytes) => Some(bytes),
            Piece::File(_) => None,
        });
        for (slice, bytes) in slices.iter_mut().zip(in_memory) {
            *slice = IoSlice::new(bytes);
            used += 1;
        }
        Pin::new(stream).poll_write_vectored(task, &slices[..used])
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.sealed.front_mut() {
            if front.len() > written {
                match front {
                    Piece::Memory(bytes) => bytes.advance(written),
                    Piece::File(stretch) => stretch.advance(written),
                }
                return;
            }
            written -= front.len();
            self.sealed.pop_front();
        }
        if written == self.gathering.len() {
            self.gathering.clear();
        } else {
            self.gathering.advance(written);
        }
    }
}

#[cfg(test)]
impl Outbox {
    pub(super) fn keeps_nothing(&self) -> bool {
        self.sealed.capacity() + self.gathering.capacity() == 0
    }

    pub(super) async fn flush<S: Socket>(&mut self, stream: &mut S) -> io::Result<()> {
        std::future::poll_fn(|task| self.poll_flush(task, stream)).await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn replies_leave_in_order_whatever_their_size_and_however_small_the_pipe() {
        let to = |correlation_id| ReplyTo {
            api_key: 3,
            api_version: 0,
            correlation_id,
            received: Instant::now(),
        };
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for (correlation_id, chunk_bytes) in [(1, 0), (2, 10_000), (3, 1), (4, 70_000)] {
            let chunk = Bytes::from(vec![correlation_id as u8; chunk_bytes]);
            let head = BytesMut::from(&b"head"[..]);
            expected.extend_from_slice(&(8 + chunk_bytes as i32).to_be_bytes());
            expected.extend_from_slice(&i32::to_be_bytes(correlation_id));
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&chunk);
            outbox.push(
                to(correlation_id),
                Reply {
                    head,
                    chunks: vec![chunk.into()],
                },
            );
        }
        let (mut here, mut there) = tokio::io::duplex(100);
        let reading = tokio::spawn(async move {
            let mut bytes = Vec::new();
            there.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        outbox.flush(&mut here).await.unwrap();
        assert!(outbox.is_empty());
        drop(here);
        assert_eq!(reading.await.unwrap(), expected);
    }
}
