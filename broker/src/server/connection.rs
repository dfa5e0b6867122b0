//! One connection, run to completion on its own task.
//!
//! ```text
//! read ─► whole frames ─► dispatch ─┬─ ready ─► outbox ─► one write ─► wait
//!                                   └─ later ─► pending, in order
//! ```
//!
//! Everything that can be answered is answered and written before the task
//! waits. A reply that has to wait holds back the replies behind it, never the
//! decisions. Dropping the connection drops its pending answers, and with them
//! whatever they wait for.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::budget::Share;
use super::dispatch::{Ends, Received, Refusal, dispatch, dispatch_produce, is_produce};
use super::idle::{IdleTimer, Silence};
use super::outbox::{Outbox, ReplyTo};
use super::socket::Socket;
use crate::apis::{Answer, Reply};
use crate::node::Node;
use crate::wire::frame::{FrameBuffer, FrameError};

/// Requests decided but not answered; beyond it the connection stops reading.
const PENDING_MAX: usize = 1_000;
/// Reply bytes waiting to be written, beyond which no further request is
/// decided: a burst of large fetches must not fill the memory.
const HELD_BYTES_MAX: usize = 1 << 20;
/// Produce requests that are decided at once, and their bytes, unless the first
/// alone has more: nobody else gets to their partition meanwhile.
const BURST_MAX: usize = 64;
const BURST_BYTES_MAX: usize = 256 << 10;
/// A peer that takes nothing for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a connection ended before its peer closed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the stream ended inside a frame")]
    Cut,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Refused(String),
    #[error("no whole request for connections.max.idle.ms")]
    Idle,
    #[error("the peer took no byte for {} s", WRITE_TIMEOUT.as_secs())]
    SlowReader,
}

impl From<Refusal> for ConnectionError {
    fn from(refusal: Refusal) -> Self {
        ConnectionError::Refused(refusal.to_string())
    }
}

/// A reply that still has to leave, or nothing where the client wants none.
enum Pending {
    Ready(Reply),
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

struct Connection<S> {
    node: Arc<Node>,
    stream: S,
    ends: Ends,
    inbox: FrameBuffer,
    pending: VecDeque<(ReplyTo, Pending)>,
    /// Bytes of the replies that are ready and stand behind one that is not.
    held_bytes: usize,
    outbox: Outbox,
    idle: IdleTimer,
    /// Of `queued.max.request.bytes`.
    share: Share,
    /// False while the share does not cover the frame that has begun.
    has_room: bool,
}

/// Serves `stream` until the peer closes it or breaks the protocol.
pub(crate) fn serve<S>(
    node: Arc<Node>,
    stream: S,
    peer: SocketAddr,
    local: SocketAddr,
) -> impl Future<Output = Result<(), ConnectionError>>
where
    S: AsyncRead + Socket,
{
    let mut connection = Connection::new(node, stream, Ends { peer, local });
    async move { connection.run().await }
}

impl<S: AsyncRead + Socket> Connection<S> {
    fn new(node: Arc<Node>, stream: S, ends: Ends) -> Connection<S> {
        Connection {
            stream,
            ends,
            inbox: FrameBuffer::new(node.config.request_bytes_max),
            pending: VecDeque::new(),
            held_bytes: 0,
            outbox: Outbox::default(),
            idle: IdleTimer::new(node.config.connections_idle_max),
            share: Share::of(node.request_bytes.clone()),
            has_room: true,
            node,
        }
    }

    async fn run(&mut self) -> Result<(), ConnectionError> {
        loop {
            let decided = self.decide_whole_frames();
            // What was decided before a broken frame is still answered.
            self.flush().await?;
            let all = decided?;
            if !all && self.may_decide() {
                continue;
            }
            if !self.wait().await? {
                return if self.inbox.is_inside_frame() {
                    Err(ConnectionError::Cut)
                } else {
                    Ok(())
                };
            }
        }
    }

    /// Whether one more request's answer may be held in memory.
    fn may_decide(&self) -> bool {
        self.pending.len() < PENDING_MAX
            && self.held_bytes < HELD_BYTES_MAX
            && self.outbox.len_bytes() < HELD_BYTES_MAX
    }

    /// Decides what has been read; false when it had to stop before the end.
    fn decide_whole_frames(&mut self) -> Result<bool, ConnectionError> {
        let mut received = Received::read(&self.node.clock);
        let mut decided_any = false;
        while self.may_decide() {
            if self.decide_produce(&mut received)? {
                decided_any = true;
                continue;
            }
            let Some(frame) = self.inbox.next_frame()? else {
                self.note_the_rest(decided_any, received.at);
                return Ok(true);
            };
            decided_any = true;
            let (to, answer) = dispatch(&self.node, self.ends, received, frame)?;
            received.go_on(&self.node.clock);
            self.take_answers([(to, answer)], received.at)?;
        }
        self.idle.is_inside_frame = false;
        Ok(false)
    }

    /// Decides the Produce requests at the front of what was read, all at once;
    /// false when there is none.
    fn decide_produce(&mut self, received: &mut Received) -> Result<bool, ConnectionError> {
        let kind = self.inbox.begins_with();
        let Some(kind) = kind.filter(|kind| is_produce(&self.node, *kind)) else {
            return Ok(false);
        };
        let count_max = BURST_MAX.min(PENDING_MAX - self.pending.len());
        let frames = self.inbox.whole_frames(&kind, count_max, BURST_BYTES_MAX);
        let count = frames.len();
        if count == 0 {
            return Ok(false);
        }
        let (answered, refused) = dispatch_produce(&self.node, self.ends, received, frames);
        self.inbox.pass(count);
        self.take_answers(answered, received.at)?;
        refused?;
        Ok(true)
    }

    /// Puts the answers to requests that are decided where they have to wait.
    fn take_answers(
        &mut self,
        answered: impl IntoIterator<Item = (ReplyTo, Answer)>,
        now: Instant,
    ) -> Result<(), ConnectionError> {
        let (mut at_once, mut ended) = (None, Ok(()));
        for (to, answer) in answered {
            match answer {
                Answer::Ready(reply) if self.pending.is_empty() => {
                    self.outbox.push(to, reply);
                    let (_, count) = at_once.unwrap_or((to, 0));
                    at_once = Some((to, count + 1));
                }
                Answer::Ready(reply) => {
                    self.held_bytes += reply.len_bytes();
                    self.pending.push_back((to, Pending::Ready(reply)));
                }
                Answer::Later(reply) => self.pending.push_back((to, Pending::Later(reply))),
                Answer::Nothing => {}
                Answer::HangUp(reason) => ended = Err(ConnectionError::Refused(reason)),
            }
        }
        if let Some((to, count)) = at_once {
            let took = now - to.received;
            self.node.counters.answered(to.api_key, took, count);
        }
        ended
    }

    /// Every whole frame is decided; another one may have begun.
    fn note_the_rest(&mut self, decided_any: bool, now: Instant) {
        if decided_any {
            self.share.give_back();
        }
        self.idle
            .note(decided_any, self.inbox.is_inside_frame(), now);
        self.has_room = self.share.covers(self.inbox.begun_bytes());
    }

    async fn flush(&mut self) -> Result<(), ConnectionError> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let bytes = self.outbox.len_bytes();
        let Connection { outbox, stream, .. } = self;
        // Nearly always the socket takes all of it: no timer for that.
        let at_once = poll_fn(|task| Poll::Ready(outbox.poll_flush(task, stream))).await;
        match at_once {
            Poll::Ready(written) => written?,
            Poll::Pending => {
                let flush = poll_fn(|task| outbox.poll_flush(task, stream));
                // Apart, for a connection that only waits should not be larger for it.
                Box::pin(tokio::time::timeout(WRITE_TIMEOUT, flush))
                    .await
                    .map_err(|_| ConnectionError::SlowReader)??;
            }
        }
        self.node.counters.sent(bytes);
        Ok(())
    }

    /// Waits for bytes or for the first pending reply, whichever comes first.
    /// False when the peer has closed its side: it waits for no answer either.
    async fn wait(&mut self) -> Result<bool, ConnectionError> {
        if !self.has_room {
            self.wait_for_room().await;
            return Ok(true);
        }
        loop {
            if !self.idle.is_in_burst() {
                self.give_back();
            }
            let may_read = self.may_decide();
            let waits_for_answer = !self.pending.is_empty();
            // Who waits for an answer is not idle, but must end its frame in time.
            let listens = !waits_for_answer || self.idle.is_inside_frame || self.idle.is_in_burst();
            tokio::select! {
                biased;
                settled_bytes = settle_front(&self.node, &mut self.pending, &mut self.outbox),
                    if waits_for_answer => {
                        self.held_bytes -= settled_bytes;
                        return Ok(true);
                    }
                read = receive(&mut self.stream, &mut self.inbox), if may_read => {
                    let read = read?;
                    self.node.counters.received(read);
                    return Ok(read > 0);
                }
                silence = self.idle.silence(), if may_read && listens => match silence {
                    Silence::AfterBurst => {}
                    Silence::TooLong => return Err(ConnectionError::Idle),
                }
            }
        }
    }

    /// Lets go of what is kept for requests to come.
    fn give_back(&mut self) {
        self.inbox.give_back();
        self.outbox.give_back();
        if self.pending.is_empty() {
            self.pending = VecDeque::new();
        }
    }

    /// Reads nothing until `queued.max.request.bytes` allows it; answers leave
    /// meanwhile. The peer is not to blame for the time this takes.
    async fn wait_for_room(&mut self) {
        tokio::select! {
            biased;
            settled_bytes = settle_front(&self.node, &mut self.pending, &mut self.outbox),
                if !self.pending.is_empty() => self.held_bytes -= settled_bytes,
            () = self.share.returned() => {}
        }
        self.idle.is_inside_frame = false;
    }
}

/// Reads some bytes. Nothing is kept to read them into before they come.
/// Cancel-safe.
async fn receive<S>(stream: &mut S, inbox: &mut FrameBuffer) -> io::Result<usize>
where
    S: AsyncRead + Socket,
{
    poll_fn(|task| {
        if inbox.keeps_nothing() {
            ready!(stream.poll_readable(task))?;
        }
        pin!(stream.read_buf(inbox.for_reading())).poll(task)
    })
    .await
}

/// Moves replies that are ready, from the front on, to the outbox, until that
/// is full; pending until there is at least one. Returns the bytes of those that
/// were held. Cancel-safe: nothing is taken and not moved.
async fn settle_front(
    node: &Node,
    pending: &mut VecDeque<(ReplyTo, Pending)>,
    outbox: &mut Outbox,
) -> usize {
    poll_fn(|task| {
        let (mut moved, mut held_bytes) = (false, 0);
        // A long poll reads its records when it is polled: once the outbox is
        // full, those behind it have to wait until it is written.
        while let Some((_, front)) = pending.front_mut()
            && outbox.len_bytes() < HELD_BYTES_MAX
        {
            let was_held = matches!(front, Pending::Ready(_));
            let Poll::Ready(reply) = poll_reply(front, task) else {
                break;
            };
            if was_held {
                held_bytes += reply.len_bytes();
            }
            if let Some((to, _)) = pending.pop_front() {
                send(node, outbox, to, reply);
            }
            moved = true;
        }
        if moved {
            Poll::Ready(held_bytes)
        } else {
            Poll::Pending
        }
    })
    .await
}

fn send(node: &Node, outbox: &mut Outbox, to: ReplyTo, reply: Reply) {
    node.counters.answered(to.api_key, to.received.elapsed(), 1);
    outbox.push(to, reply);
}

fn poll_reply(pending: &mut Pending, task: &mut Context<'_>) -> Poll<Reply> {
    match pending {
        Pending::Ready(reply) => Poll::Ready(std::mem::take(reply)),
        Pending::Later(reply) => reply.as_mut().poll(task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeConfig;
    use bytes::Bytes;
    use ottla_core::config::BrokerConfigs;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test(start_paused = true)]
    async fn buffers_live_as_long_as_a_burst_of_requests() {
        let config = NodeConfig::new(BrokerConfigs::default(), None, None).unwrap();
        let node = Node::start(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let mut here = TcpStream::connect(local).await.unwrap();
        here.set_nodelay(true).unwrap();
        let (there, peer) = listener.accept().await.unwrap();
        let mut connection = Connection::new(node, there, Ends { peer, local });
        let mut run_for = async |milliseconds| {
            let time = Duration::from_millis(milliseconds);
            let ran = tokio::time::timeout(time, connection.run()).await;
            assert!(ran.is_err(), "{ran:?}");
            let Connection { inbox, outbox, .. } = &connection;
            (inbox.keeps_nothing(), outbox.keeps_nothing())
        };
        let hello = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
        here.write_all(&hello).await.unwrap();
        assert_eq!(run_for(100).await, (true, true), "it came alone");
        here.write_all(&hello).await.unwrap();
        assert_eq!(run_for(100).await, (false, false), "another may follow");
        assert_eq!(run_for(400).await, (true, true));
        here.write_all(&hello[..3]).await.unwrap();
        assert_eq!(run_for(1_000).await, (false, true), "a frame has begun");
        here.write_all(&hello[3..]).await.unwrap();
        assert_eq!(run_for(100).await, (true, true));
    }

    #[tokio::test]
    async fn long_polls_that_wake_together_are_written_before_the_next_is_read() {
        let config = NodeConfig::new(BrokerConfigs::default(), None, None).unwrap();
        let node = Node::start(config).unwrap();
        let to = ReplyTo {
            api_key: 1,
            api_version: 12,
            correlation_id: 7,
            received: Instant::now(),
        };
        let reply = || Reply {
            chunks: vec![Bytes::from_static(&[0; HELD_BYTES_MAX / 2]).into()],
            ..Reply::default()
        };
        let later = || Pending::Later(Box::pin(async move { reply() }));
        let mut pending: VecDeque<_> = (0..10).map(|_| (to, later())).collect();
        let mut outbox = Outbox::default();
        settle_front(&node, &mut pending, &mut outbox).await;
        assert_eq!(pending.len(), 8);
        outbox.flush(&mut tokio::io::sink()).await.unwrap();
        settle_front(&node, &mut pending, &mut outbox).await;
        assert_eq!(pending.len(), 6);
    }
}
