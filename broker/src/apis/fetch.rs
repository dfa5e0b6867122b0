//! Fetch (1), versions 4–18.
//!
//! - 4: isolation level; read_committed reads to the high watermark, since
//!   nothing is transactional here. 5: log start offset. 7: sessions (KIP-227).
//!   9: leader epoch fencing (KIP-320). 12: diverging epoch. 13: topic ids.
//!   15: the replica id is a tagged field. 16: the current leader's address
//!   comes with a wrong epoch (KIP-951).
//! - At least one whole batch is returned, however large (KIP-74).
//! - A request that finds too few bytes waits for them without polling.

mod attempt;
mod lookup;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::FetchRequest;
use ottla_core::fetch_session::{NO_SESSION, SessionError, SessionPartition, TopicKey, Turn};
use ottla_core::time::Now;
use tokio::time::Instant;

use super::errors::ApiError;
use super::isolation::Isolation;
use super::{Answer, Malformed, Reply, RequestContext, decode};
use crate::node::Node;
use crate::node::partition::FetchSignal;
use crate::storage::Cold;
use crate::wire::fetch::{
    FetchResponse, NodeEndpoint, PartitionFetched, TopicFetched, encode_response,
};
use attempt::{Attempt, Seen, news_of};
use lookup::{Unknown, Wanted, find_all};

const FIRST_WITH_SESSIONS: i16 = 7;
const FIRST_WITH_TOPIC_IDS: i16 = 13;
const FIRST_WITH_LEADER_ADDRESS: i16 = 16;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: FetchRequest = decode(context, body)?;
    let image = node.metadata.image();
    let (turn, asked) = match request::begin(node, context, &image, &request) {
        Ok(begun) => begun,
        Err(error) => {
            let response = no_partitions(NO_SESSION, error);
            return Ok(Answer::Ready(reply(context.api_version, response)));
        }
    };
    let (wanted, unknown) = find_all(node, &image, asked);
    let isolation = match Isolation::parse(request.isolation_level) {
        Ok(isolation) => isolation,
        // As in Kafka the level is nobody's concern while there is nothing to read.
        Err(_) if wanted.is_empty() => Isolation::ReadUncommitted,
        Err(error) => {
            let response = refuse_all(context.api_version, &request, &error);
            return Ok(Answer::Ready(reply(context.api_version, response)));
        }
    };
    let found = (wanted, unknown);
    let fetch = Arc::new(Fetch::new(node, context, &request, isolation, turn, found));
    Ok(match Attempt::make(&fetch, Cold::LeaveOut) {
        Some(attempt) if fetch.is_satisfied_by(&attempt) => Answer::Ready(fetch.reply(attempt)),
        // What was read is read again: while others stand before this request,
        // its records must not fill the memory.
        first => Answer::Later(Box::pin(fetch.wait(first.map(Attempt::forget)))),
    })
}

/// The answer to a request whose session does not go on.
fn no_partitions(session_id: i32, error: SessionError) -> FetchResponse {
    FetchResponse {
        error_code: ApiError::from(error).code(),
        session_id,
        ..FetchResponse::default()
    }
}

/// The answer to a request that makes no sense: without partitions where the
/// version has an error of its own for the whole, else to each of them.
fn refuse_all(version: i16, request: &FetchRequest, error: &ApiError) -> FetchResponse {
    let mut topics = Vec::new();
    if version < FIRST_WITH_TOPIC_IDS {
        topics.extend(request.topics.iter().map(|topic| {
            TopicFetched {
                topic: TopicKey::Name(Arc::from(topic.topic.0.as_str())),
                partitions: topic
                    .partitions
                    .iter()
                    .map(|wanted| PartitionFetched::unknown(wanted.partition, error.code()))
                    .collect(),
            }
        }));
    }
    FetchResponse {
        error_code: error.code(),
        session_id: request.session_id,
        topics,
        ..FetchResponse::default()
    }
}

fn reply(version: i16, response: FetchResponse) -> Reply {
    let (head, chunks) = encode_response(version, response);
    Reply { head, chunks }
}

/// A Fetch request with its partitions found.
///
/// ```text
/// request ─► its session ─► all partitions, found ─► attempt ─┬─ enough ─► what the reader lacks
///                                                      ▲      └─ not yet ─┐
///                                                      └── woken ◄────────┘
/// ```
struct Fetch {
    version: i16,
    now: Now,
    deadline: Instant,
    min_bytes: usize,
    max_bytes: usize,
    has_negative_limit: bool,
    with_aborted: bool,
    poses_as_follower: bool,
    node: Arc<Node>,
    /// The address of ours that the reader reached.
    local: SocketAddr,
    turn: Turn,
    wanted: Vec<Wanted>,
    unknown: Vec<Unknown>,
}

impl Fetch {
    fn new(
        node: &Arc<Node>,
        context: &RequestContext,
        request: &FetchRequest,
        isolation: Isolation,
        turn: Turn,
        (wanted, unknown): (Vec<Wanted>, Vec<Unknown>),
    ) -> Fetch {
        let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        let max_bytes = (request.max_bytes.max(0) as usize).min(node.config.fetch_bytes_max);
        Fetch {
            has_negative_limit: request.max_bytes < 0,
            version: context.api_version,
            now: context.now,
            deadline: Instant::now() + wait,
            min_bytes: (request.min_bytes.max(0) as usize).min(max_bytes),
            max_bytes,
            with_aborted: isolation == Isolation::ReadCommitted,
            poses_as_follower: request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0,
            node: Arc::clone(node),
            local: context.local,
            turn,
            wanted,
            unknown,
        }
    }

    fn is_satisfied_by(&self, attempt: &Attempt) -> bool {
        attempt.is_urgent
            || attempt.bytes >= self.min_bytes
            || self.wanted.is_empty()
            || Instant::now() >= self.deadline
    }

    fn reply(&self, attempt: Attempt) -> Reply {
        let found = attempt.partitions.into_iter();
        let found = found.map(|(place, fetched)| (&self.wanted[place].asked, fetched));
        let unknown = self.unknown.iter().map(|unknown| {
            let (index, code) = (unknown.asked.key.index, unknown.error.code());
            (&unknown.asked, PartitionFetched::unknown(index, code))
        });
        let partitions: Vec<_> = found.chain(unknown).collect();
        let session_id = match self.told(&partitions) {
            Ok(session_id) => session_id,
            Err((session_id, error)) => {
                return reply(self.version, no_partitions(session_id, error));
            }
        };
        let names_leader = partitions
            .iter()
            .any(|(_, fetched)| fetched.current_leader.is_some());
        let response = FetchResponse {
            error_code: 0,
            session_id,
            topics: by_topic(partitions),
            node_endpoints: names_leader
                .then(|| self.own_endpoint())
                .into_iter()
                .collect(),
        };
        reply(self.version, response)
    }

    /// Has the session take note of what the reader is told; answers its id.
    fn told(
        &self,
        partitions: &[(&SessionPartition, PartitionFetched)],
    ) -> Result<i32, (i32, SessionError)> {
        let sessions = &self.node.fetch_sessions;
        let news = partitions
            .iter()
            .map(|(asked, fetched)| (&asked.key, news_of(fetched)));
        match self.turn {
            Turn::Sessionless => Ok(NO_SESSION),
            Turn::Full { uses_topic_ids } => {
                let asked =
                    partitions
                        .iter()
                        .zip(news)
                        .map(|((asked, _), (_, news))| SessionPartition {
                            told: news.marks,
                            ..SessionPartition::clone(asked)
                        });
                Ok(sessions.create(self.now, uses_topic_ids, asked.collect()))
            }
            Turn::Incremental {
                session_id,
                next_epoch,
            } => match sessions.answer(session_id, next_epoch, news) {
                Ok(()) => Ok(session_id),
                Err(error) => Err((session_id, error)),
            },
        }
    }

    fn own_endpoint(&self) -> NodeEndpoint {
        let (host, port) = self.node.address_for(self.local);
        NodeEndpoint {
            node_id: self.node.config.node_id.0,
            host,
            port: port.into(),
        }
    }

    /// Looks again whenever something happened, until there is enough or the
    /// time is up. `seen` is `None` when looking would have blocked.
    async fn wait(self: Arc<Self>, mut seen: Option<Seen>) -> Reply {
        loop {
            let without_blocking = match seen {
                Some(seen) => {
                    self.sleep(seen).await;
                    Attempt::make(&self, Cold::LeaveOut)
                }
                None => None,
            };
            let attempt = match without_blocking {
                Some(attempt) => attempt,
                None => self.attempt_blocking().await,
            };
            if self.is_satisfied_by(&attempt) {
                return self.reply(attempt);
            }
            seen = Some(attempt.forget());
        }
    }

    /// Returns when enough bytes may have arrived, or at the deadline.
    async fn sleep(&self, seen: Seen) {
        let missing = self.min_bytes.saturating_sub(seen.bytes);
        let signal = FetchSignal::new(missing as i64);
        let looked_at = seen.high_watermarks.iter();
        let watches: Vec<_> = looked_at
            .filter_map(|&(place, high_watermark)| {
                let partition = self.wanted[place].partition.as_ref().ok()?;
                Some(partition.watch(high_watermark, &signal))
            })
            .collect();
        let _ = tokio::time::timeout_at(self.deadline, signal.woken()).await;
        drop(watches);
    }

    /// Reads on a thread that may block on the disk.
    async fn attempt_blocking(self: &Arc<Self>) -> Attempt {
        let fetch = Arc::clone(self);
        let attempt = tokio::task::spawn_blocking(move || Attempt::make(&fetch, Cold::Read));
        match attempt.await {
            Ok(attempt) => attempt.expect("an attempt that may block leaves nothing out"),
            Err(error) => {
                tracing::error!(%error, "a fetch broke off while it read");
                Attempt::failed(self)
            }
        }
    }
}

/// Puts partitions of one topic together where they follow one another: the
/// order is the request's, or the session's.
fn by_topic(partitions: Vec<(&SessionPartition, PartitionFetched)>) -> Vec<TopicFetched> {
    let mut topics: Vec<TopicFetched> = Vec::new();
    for (asked, fetched) in partitions {
        match topics.last_mut() {
            Some(topic) if topic.topic == asked.key.topic => topic.partitions.push(fetched),
            _ => topics.push(TopicFetched {
                topic: asked.key.topic.clone(),
                partitions: vec![fetched],
            }),
        }
    }
    topics
}
