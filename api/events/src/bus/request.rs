//! Request and reply over two topics: correlation ids, deadlines, bounded waiting.
//!
//! ```text
//!  request() ─ register id ─ publish (ack) ─► request topic ─► … ─► reply topic
//!      ▲                                                                │
//!      └──────────── oneshot of that id ◄── reader: all partitions, no group
//! ```
//!
//! Every process reads the whole reply topic by an assignment of its own, from the end it saw at
//! its start, before it sends its first request. So several instances never take each other's
//! replies, and no reply can arrive before somebody reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Bus, BusError, Incoming, Position, Record, RequestError, kafka, local};
use crate::headers;

/// How many requests of one process may wait for replies.
pub const WAITING_MAX: usize = 1024;

/// Sends requests and hands each its reply. Clones share the reader, which ends with the last.
#[derive(Clone)]
pub struct Requester {
    inner: Arc<Inner>,
}

struct Inner {
    bus: Bus,
    reply_topic: String,
    replies: Arc<Replies>,
    ready: watch::Receiver<bool>,
    stop: CancellationToken,
}

/// A reply, with the facts of its journey.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The reply.
    pub reply: Incoming,
    /// Where the request was stored.
    pub request: Position,
    /// What ties the two together.
    pub correlation_id: Uuid,
    /// From before the request was sent until the reply was read.
    pub round_trip: Duration,
}

/// Where a reader puts what it reads.
#[derive(Default)]
pub(super) struct Replies {
    waiting: Mutex<HashMap<Bytes, oneshot::Sender<(Incoming, Instant)>>>,
}

impl Requester {
    pub(super) fn start(bus: Bus, reply_topic: &str) -> Result<Self, BusError> {
        let replies = Arc::new(Replies::default());
        let stop = CancellationToken::new();
        let (ready_sender, ready) = watch::channel(false);
        let reader = ReplyReader {
            topic: reply_topic.to_owned(),
            replies: Arc::clone(&replies),
            ready: ready_sender,
            stop: stop.clone(),
        };
        match &bus {
            Bus::Kafka(bus) => kafka::read_replies(bus, reader)?,
            Bus::Local(bus) => local::read_replies(bus, &reader),
        }
        let reply_topic = reply_topic.to_owned();
        Ok(Self {
            inner: Arc::new(Inner {
                bus,
                reply_topic,
                replies,
                ready,
                stop,
            }),
        })
    }

    /// Whether replies are being read.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.inner.ready.borrow()
    }

    /// Waits until replies are being read; false when `deadline` passes first.
    pub async fn ready(&self, deadline: Duration) -> bool {
        let mut ready = self.inner.ready.clone();
        let arrived = tokio::time::timeout(deadline, ready.wait_for(|is| *is)).await;
        matches!(arrived, Ok(Ok(_)))
    }

    /// Publishes `request`, to which the reply topic and a new correlation id are added, and
    /// waits for its reply, `deadline` in all.
    ///
    /// # Errors
    /// When no reply came in time. Whether the request was carried out is then unknown: requests
    /// must be such that asking again does no harm.
    pub async fn request(
        &self,
        mut request: Record,
        deadline: Duration,
    ) -> Result<Answered, RequestError> {
        let started = Instant::now();
        if !self.ready(deadline).await {
            return Err(RequestError::NotReady);
        }
        let correlation_id = Uuid::new_v4();
        let key = Bytes::from(correlation_id.to_string());
        request
            .headers
            .push(headers::REPLY_TOPIC, self.inner.reply_topic.clone());
        request.headers.push(headers::CORRELATION_ID, key.clone());

        let waiting = Waiting::register(&self.inner.replies, key)?;
        let left = deadline.saturating_sub(started.elapsed());
        let asked = tokio::time::timeout(left, self.ask(request, waiting)).await;
        let (request, reply, arrived) = asked.map_err(|_| RequestError::Timeout(deadline))??;
        let round_trip = arrived.saturating_duration_since(started);
        Ok(Answered {
            reply,
            request,
            correlation_id,
            round_trip,
        })
    }

    async fn ask(
        &self,
        request: Record,
        mut waiting: Waiting<'_>,
    ) -> Result<(Position, Incoming, Instant), RequestError> {
        let position = self.inner.bus.publish(request).await?;
        // The sender leaves the map only to send, so it is never dropped before.
        let (reply, arrived) = (&mut waiting.reply)
            .await
            .map_err(|_| RequestError::NotReady)?;
        Ok((position, reply, arrived))
    }
}

/// A registered wait; dropping it, for whatever reason, forgets the correlation id.
struct Waiting<'a> {
    replies: &'a Replies,
    key: Bytes,
    reply: oneshot::Receiver<(Incoming, Instant)>,
}

impl<'a> Waiting<'a> {
    fn register(replies: &'a Replies, key: Bytes) -> Result<Self, RequestError> {
        let (sender, reply) = oneshot::channel();
        let mut waiting = replies
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            return Err(RequestError::TooMany { limit: WAITING_MAX });
        }
        waiting.insert(key.clone(), sender);
        Ok(Self {
            replies,
            key,
            reply,
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.replies.take(&self.key);
    }
}

impl Replies {
    fn take(&self, key: &Bytes) -> Option<oneshot::Sender<(Incoming, Instant)>> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key)
    }

    /// Gives a reply to whoever waits for it; another instance's is passed over.
    pub(super) fn deliver(&self, reply: Incoming) {
        let Ok(correlation_id) = reply.headers.correlation_id() else {
            tracing::warn!(position = %reply.position, "a reply has no legible correlation id");
            return;
        };
        if let Some(waiting) = self.take(&correlation_id) {
            // It may have given up at this very moment: then nobody needs the reply.
            let _ = waiting.send((reply, Instant::now()));
        }
    }
}

/// What a bus needs to read replies.
pub(super) struct ReplyReader {
    pub(super) topic: String,
    pub(super) replies: Arc<Replies>,
    pub(super) ready: watch::Sender<bool>,
    pub(super) stop: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requester")
            .field("reply_topic", &self.inner.reply_topic)
            .field("ready", &self.is_ready())
            .finish_non_exhaustive()
    }
}
