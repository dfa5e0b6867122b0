//! From a frame to an answer: header, table, versions, guard, handler.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use kafka_protocol::protocol::StrBytes;
use ottla_core::time::Now;
use tokio::time::Instant;

use super::outbox::ReplyTo;
use crate::apis::produce::{self, Asked};
use crate::apis::{self, Answer, Body, Malformed, RequestContext, Row};
use crate::embed::answer_with_faults;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::node::partition::Few;
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
            now: clock.now_at(at),
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
        Ok((to, _)) => node.counters.requested(to.api_key, to.api_version, 1),
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
    let frame_bytes = frame.len();
    let (header, body) = RequestHeader::split(&mut frame)?;
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
        correlation_id: header.correlation_id,
        client_id: header
            .client_id
            .map(|id| StrBytes::from_string(id.to_owned())),
        peer: ends.peer,
        local: ends.local,
        now: received.now,
    };
    let header_bytes = frame_bytes - body.len();
    frame.advance(header_bytes);
    if row.body == Body::Guarded {
        guard::check(context.api_key, context.api_version, &frame)?;
    }
    let answer = match node.faults.are_set() {
        false => (row.handle)(node, &context, frame)?,
        true => answer_with_faults(node, row, &context, frame)?,
    };
    let answer = match &node.requests {
        None => answer,
        Some(requests) => requests.note(context.peer, &context.header(), received.at, answer),
    };
    Ok((to, answer))
}

/// Whether a frame that begins like this, with an API and a version, is a Produce
/// request, to be carried out together with those behind it.
pub(super) fn is_produce(node: &Node, [k0, k1, v0, v1]: [u8; 4]) -> bool {
    i16::from_be_bytes([k0, k1]) == apis::PRODUCE.key as i16
        && apis::PRODUCE.serves(i16::from_be_bytes([v0, v1]))
        && !node.faults.are_set()
}

/// Decides Produce requests of one version that came at once; they are carried
/// out as one after the other would be. The answers of those that were, in order,
/// and why the connection has to be closed behind them, if it has.
pub(super) fn dispatch_produce<'frame>(
    node: &Node,
    ends: Ends,
    received: &mut Received,
    frames: impl ExactSizeIterator<Item = &'frame mut [u8]>,
) -> (Few<(ReplyTo, Answer)>, Result<(), Refusal>) {
    let mut requests: Few<Asked<'_>> = Few::with_capacity(frames.len());
    let mut refused = Ok(());
    for frame in frames {
        match split_produce(frame) {
            Ok(request) => requests.push(request),
            Err(refusal) => {
                node.counters.malformed();
                refused = Err(refusal);
                break;
            }
        }
    }
    let mut answered = Few::with_capacity(requests.len());
    let received_at = received.at;
    produce::carry_out(node, received.now, &mut requests, |asked, answer| {
        let header = &asked.header;
        answered.push((reply_to(header, header.api_version, received_at), answer));
    });
    received.go_on(&node.clock);
    if let Some(Asked { header, .. }) = requests.first() {
        let count = answered.len() as u64;
        node.counters
            .requested(header.api_key, header.api_version, count);
        if let Some(requests) = &node.requests {
            let answers = answered.iter_mut().map(|(_, answer)| answer);
            requests.note_all(
                ends.peer,
                header,
                received_at,
                received.at - received_at,
                answers,
            );
        }
    }
    (answered, refused)
}

fn split_produce(frame: &mut [u8]) -> Result<Asked<'_>, Refusal> {
    let (header, body) = RequestHeader::split(frame)?;
    Ok(Asked::read(header, body)?)
}

/// KIP-511: ApiVersions alone is answered, at version 0; for any other API
/// Kafka closes the connection.
fn unsupported_version(
    row: &Row,
    header: &RequestHeader<'_>,
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

fn reply_to(header: &RequestHeader<'_>, api_version: i16, received: Instant) -> ReplyTo {
    ReplyTo {
        api_key: header.api_key,
        api_version,
        correlation_id: header.correlation_id,
        received,
    }
}
