//! What a connection is served over, and the one way that bytes in a file leave.
//!
//! On Linux a TCP socket takes them from the page cache (sendfile); elsewhere,
//! and over anything that is no TCP socket, they are read and written.

use std::io;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::storage::Stretch;

/// What leaves at once, so that a reader who takes all there is gets no more
/// than this before others have their turn.
pub(super) const SENT_AT_ONCE_BYTES: usize = 256 << 10;

/// Where answers are written.
pub(crate) trait Socket: AsyncWrite + Unpin + Send {
    /// Hands some of the bytes over and says how many; `None` where a file
    /// cannot be handed over, and has to be read and written.
    fn poll_send_file(
        &mut self,
        _task: &mut Context<'_>,
        _stretch: &Stretch,
    ) -> Poll<io::Result<Option<usize>>> {
        Poll::Ready(Ok(None))
    }

    /// Ready when a read would find something, as far as can be told without
    /// room to read into.
    fn poll_readable(&mut self, _task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Socket for TcpStream {
    #[cfg(target_os = "linux")]
    fn poll_send_file(
        &mut self,
        task: &mut Context<'_>,
        stretch: &Stretch,
    ) -> Poll<io::Result<Option<usize>>> {
        use std::task::ready;

        use nix::sys::sendfile::sendfile;
        use tokio::io::Interest;

        let Some((file, position)) = stretch.plain_file() else {
            return Poll::Ready(Ok(None));
        };
        let length = stretch.len().min(SENT_AT_ONCE_BYTES);
        let start = i64::try_from(position).map_err(|_| io::ErrorKind::InvalidInput)?;
        loop {
            ready!(self.poll_write_ready(task))?;
            let sent = self.try_io(Interest::WRITABLE, || {
                let mut offset = start;
                Ok(sendfile(&*self, file, Some(&mut offset), length)?)
            });
            match sent {
                // It is not ready any more: the next look waits.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent.map(Some)),
            }
        }
    }

    fn poll_readable(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(task)
    }
}

#[cfg(test)]
impl Socket for tokio::io::DuplexStream {}

#[cfg(test)]
impl Socket for tokio::io::Sink {}

#[cfg(fuzzing)]
impl Socket for tokio::io::Join<&[u8], tokio::io::Sink> {}

#[cfg(test)]
mod tests {
    use ottla_core::batch::{BatchHeader, RecordBatchBuilder};
    use ottla_core::ids::{Offset, TopicId};
    use tokio::io::{AsyncReadExt, duplex};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::apis::Reply;
    use crate::server::outbox::{Outbox, ReplyTo};
    use crate::storage::{Cold, Log, LogConfig, Piece, Storage};

    const BATCH_BYTES: usize = 700_000;
    /// Length and correlation id.
    const HEAD_BYTES: usize = 8;

    /// One batch, in a file.
    fn stretch(folder: &std::path::Path) -> Stretch {
        let open = || {
            let storage = Storage::open(folder).unwrap();
            let config = LogConfig::default();
            Log::open(
                &storage,
                "topic-0",
                TopicId([1; 16]),
                config,
                Offset(0),
                &mut |_| {},
            )
            .unwrap()
        };
        let mut builder = RecordBatchBuilder::new();
        let value: Vec<u8> = (0..BATCH_BYTES).map(|at| (at % 251) as u8).collect();
        builder.push(0, None, Some(&value), &[]).unwrap();
        let batch = builder.build();
        let header = BatchHeader::parse(&batch).unwrap();
        let mut log = open();
        log.append(0, &header, &batch).unwrap();
        drop(log);
        let plan = open().plan_read(Offset(0), Offset(1), 1, true).unwrap();
        match plan.send(Cold::Read).unwrap().unwrap().pop() {
            Some(Piece::File(stretch)) => stretch,
            other => panic!("it is long and in a file: {other:?}"),
        }
    }

    async fn send_all(mut socket: impl Socket, stretch: Stretch) {
        let mut outbox = Outbox::default();
        let to = ReplyTo {
            api_key: 1,
            api_version: 4,
            correlation_id: 7,
            received: Instant::now(),
        };
        let reply = Reply {
            chunks: vec![Piece::File(stretch)],
            ..Reply::default()
        };
        outbox.push(to, reply);
        outbox.flush(&mut socket).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_arrives_whole_over_tcp_and_over_anything_else() {
        let folder = tempfile::tempdir().unwrap();
        let stretch = stretch(folder.path());
        let expected = Piece::File(stretch.clone()).into_bytes().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let sending = tokio::spawn(send_all(socket, stretch.clone()));
        let mut arrived = Vec::new();
        reader.read_to_end(&mut arrived).await.unwrap();
        sending.await.unwrap();
        assert_eq!(arrived[HEAD_BYTES..], expected);

        let (here, mut there) = duplex(10_000);
        let sending = tokio::spawn(send_all(here, stretch));
        arrived.clear();
        there.read_to_end(&mut arrived).await.unwrap();
        sending.await.unwrap();
        assert_eq!(arrived[HEAD_BYTES..], expected);
    }
}
