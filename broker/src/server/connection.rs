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
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, Sleep};

use super::budget::Share;
use super::dispatch::{Ends, Received, Refusal, dispatch};
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
pub(crate) async fn serve<S>(
    node: Arc<Node>,
    stream: S,
    peer: SocketAddr,
    local: SocketAddr,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + Socket,
{
    let inbox = FrameBuffer::new(node.config.request_bytes_max);
    let (pending, outbox) = (VecDeque::new(), Outbox::default());
    let idle = IdleTimer::new(node.config.connections_idle_max);
    let share = Share::of(node.request_bytes.clone());
    Connection {
        node,
        stream,
        ends: Ends { peer, local },
        inbox,
        pending,
        held_bytes: 0,
        outbox,
        idle,
        share,
        has_room: true,
    }
    .run()
    .await
}

impl<S: AsyncRead + Socket> Connection<S> {
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
            let Some(frame) = self.inbox.next_frame()? else {
                self.note_the_rest(decided_any, received.at);
                return Ok(true);
            };
            decided_any = true;
            let (to, answer) = dispatch(&self.node, self.ends, received, frame)?;
            received.go_on(&self.node.clock);
            match answer {
                Answer::Ready(reply) if self.pending.is_empty() => {
                    let took = received.at - to.received;
                    self.node.counters.answered(to.api_key, took);
                    self.outbox.push(to, reply);
                }
                Answer::Ready(reply) => {
                    self.held_bytes += reply.len_bytes();
                    self.pending.push_back((to, Pending::Ready(reply)));
                }
                Answer::Later(reply) => self.pending.push_back((to, Pending::Later(reply))),
                Answer::Nothing => {}
                Answer::HangUp(reason) => return Err(ConnectionError::Refused(reason)),
            }
        }
        self.idle.is_inside_frame = false;
        Ok(false)
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
        let mut flush = pin!(self.outbox.flush(&mut self.stream));
        // Nearly always the socket takes all of it: no timer for that.
        let at_once = poll_fn(|task| Poll::Ready(flush.as_mut().poll(task))).await;
        let bytes = match at_once {
            Poll::Ready(written) => written?,
            Poll::Pending => tokio::time::timeout(WRITE_TIMEOUT, flush)
                .await
                .map_err(|_| ConnectionError::SlowReader)??,
        };
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
        let read = if self.pending.is_empty() {
            tokio::select! {
                biased;
                read = self.stream.read_buf(self.inbox.for_reading()) => read?,
                () = self.idle.passed() => return Err(ConnectionError::Idle),
            }
        } else {
            let may_read = self.may_decide();
            tokio::select! {
                biased;
                settled_bytes = settle_front(&self.node, &mut self.pending, &mut self.outbox) => {
                    self.held_bytes -= settled_bytes;
                    return Ok(true);
                }
                read = self.stream.read_buf(self.inbox.for_reading()), if may_read => read?,
                // Who waits for an answer is not idle, and must end its frame in time.
                () = self.idle.passed(), if may_read && self.idle.is_inside_frame => {
                    return Err(ConnectionError::Idle);
                }
            }
        };
        self.node.counters.received(read);
        Ok(read > 0)
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

/// Tells when nothing was asked for so long, or when a frame has not ended so
/// long after it began. One timer for the connection's life: a request only
/// notes the time, and the timer looks when it fires.
struct IdleTimer {
    limit: Duration,
    active_at: Instant,
    /// A frame had begun at `active_at`, and more of it is no activity: a peer
    /// that sends a byte now and then would stay for ever.
    is_inside_frame: bool,
    /// Set when the connection waits for the first time.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleTimer {
    fn new(limit: Duration) -> IdleTimer {
        IdleTimer {
            limit,
            active_at: Instant::now(),
            is_inside_frame: false,
            sleep: None,
        }
    }

    /// Something was read; a frame has begun with it if `is_inside_frame`.
    fn note(&mut self, decided_any: bool, is_inside_frame: bool, now: Instant) {
        if decided_any || !self.is_inside_frame {
            self.active_at = now;
        }
        self.is_inside_frame = is_inside_frame;
    }

    /// Returns once the limit has passed. Cancel-safe.
    async fn passed(&mut self) {
        loop {
            let until = self.active_at + self.limit;
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            sleep.as_mut().await;
            if sleep.deadline() >= until {
                return;
            }
            sleep.as_mut().reset(until);
        }
    }
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
    node.counters.answered(to.api_key, to.received.elapsed());
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
