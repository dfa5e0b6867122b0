//! From a frame to an answer: header, table, versions, guard, handler.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use ottla_core::time::Now;
use tokio::time::Instant;

use super::outbox::ReplyTo;
use crate::apis::{self, Answer, Body, Malformed, RequestContext, Row};
use crate::embed::answer_with_faults;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::wire::guard::{self, GuardError};
use crate::wire::header::{HeaderError, RequestHeader};

/// Why a connection is closed after a frame: nothing after it can be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the api key {api_key} is not served here")]
    UnknownApi { api_key: i16 },
    #[error("version {api_version} of {name} is not served here; ask ApiVersions for the range")]
    UnknownVersion { name: String, api_version: i16 },
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// When a frame was taken up: both clocks for the rules, and one that is fine
/// enough to measure with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) now: Now,
    pub(super) at: Instant,
    /// When `now` was read.
    read_at: Instant,
}

/// The wall clock is read at most this often while a burst is decided.
const CLOCKS_READ_EVERY: Duration = Duration::from_millis(1);

impl Received {
    /// A frame is taken up now.
    pub(super) fn read(clock: &Clock) -> Received {
        let at = clock.instant();
        Received {
            now: clock.now(),
            at,
            read_at: at,
        }
    }

    /// The next one of the same burst is.
    pub(super) fn go_on(&mut self, clock: &Clock) {
        self.at = clock.instant();
        if self.at - self.read_at >= CLOCKS_READ_EVERY {
            *self = Received::read(clock);
        }
    }
}

/// Decides one frame. The answer goes to the client named by [`ReplyTo`].
pub(super) fn dispatch(
    node: &Arc<Node>,
    ends: Ends,
    received: Received,
    frame: BytesMut,
) -> Result<(ReplyTo, Answer), Refusal> {
    let decided = decide(node, ends, received, frame);
    match &decided {
        Ok((to, _)) => node.counters.requested(to.api_key, to.api_version),
        Err(Refusal::UnknownApi { .. } | Refusal::UnknownVersion { .. }) => {
            node.counters.unsupported();
        }
        Err(Refusal::Header(_) | Refusal::Guard(_) | Refusal::Malformed(_)) => {
            node.counters.malformed();
        }
    }
    decided
}

fn decide(
    node: &Arc<Node>,
    ends: Ends,
    received: Received,
    mut frame: BytesMut,
) -> Result<(ReplyTo, Answer), Refusal> {
    let header = RequestHeader::split_from(&mut frame)?;
    let row = apis::find(header.api_key).ok_or(Refusal::UnknownApi {
        api_key: header.api_key,
    })?;
    if !row.serves(header.api_version) {
        return unsupported_version(row, &header, received.at);
    }
    let to = reply_to(&header, header.api_version, received.at);
    let context = RequestContext {
        api_key: header.api_key,
        api_version: header.api_version,
        client_id: header.client_id,
        peer: ends.peer,
        local: ends.local,
        now: received.now,
    };
    if row.body == Body::Guarded {
        guard::check(context.api_key, context.api_version, &frame)?;
    }
    let answer = match node.faults.are_set() {
        false => (row.handle)(node, &context, frame)?,
        true => answer_with_faults(node, row, &context, frame)?,
    };
    let answer = match &node.requests {
        None => answer,
        Some(requests) => requests.note(&context, received.at, answer),
    };
    Ok((to, answer))
}

/// KIP-511: ApiVersions alone is answered, at version 0; for any other API
/// Kafka closes the connection.
fn unsupported_version(
    row: &Row,
    header: &RequestHeader,
    received: Instant,
) -> Result<(ReplyTo, Answer), Refusal> {
    if row.key as i16 == apis::API_VERSIONS_KEY && header.api_version > row.max_version {
        return Ok((
            reply_to(header, 0, received),
            Answer::Ready(apis::unsupported_version()),
        ));
    }
    Err(Refusal::UnknownVersion {
        name: format!("{:?}", row.key),
        api_version: header.api_version,
    })
}

fn reply_to(header: &RequestHeader, api_version: i16, received: Instant) -> ReplyTo {
    ReplyTo {
        api_key: header.api_key,
        api_version,
        correlation_id: header.correlation_id,
        received,
    }
}
