//! Fetch (1), versions 4–18.
//!
//! - 4: isolation level; read_committed reads to the high watermark, since
//!   nothing is transactional here. 5: log start offset. 7: sessions: always
//!   answered with id 0, so every request names all it wants (KIP-227). 9:
//!   leader epoch fencing (KIP-320). 12: diverging epoch. 13: topic ids.
//!   15: the replica id is a tagged field. 16: the current leader's address
//!   comes with a wrong epoch (KIP-951).
//! - At least one whole batch is returned, however large (KIP-74).
//! - A request that finds too few bytes waits for them without polling.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::FetchPartition;
use ottla_core::ids::{LeaderEpoch, Offset, TopicId};
use tokio::time::Instant;

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, Reply, RequestContext, decode};
use crate::node::Node;
use crate::node::partition::{
    FetchError, FetchFrom, FetchSignal, Partition, Planned, PlannedFetch,
};

use crate::wire::fetch::{
    FetchResponse, NodeEndpoint, PartitionFetched, TopicFetched, encode_response,
};
use crate::wire::produce::TopicRef;

/// A session is asked for, or none; every other epoch continues one.
const SESSION_EPOCHS_OF_FULL_FETCHES: [i32; 2] = [0, -1];
const FIRST_WITH_TOPIC_IDS: i16 = 13;
const FIRST_WITH_LEADER_ADDRESS: i16 = 16;
const READ_COMMITTED: i8 = 1;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: FetchRequest = decode(context, body)?;
    if continues_session(context, &request) {
        let response = FetchResponse {
            error_code: ResponseError::FetchSessionIdNotFound.code(),
            ..FetchResponse::default()
        };
        return Ok(Answer::Ready(reply(context.api_version, response)));
    }
    let fetch = Arc::new(Fetch::new(node, context, &request));
    Ok(match fetch.attempt(Cold::LeaveOut) {
        Some(attempt) if fetch.is_satisfied_by(&attempt) => Answer::Ready(fetch.reply(attempt)),
        // What was read is read again: while others stand before this request,
        // its records must not fill the memory.
        first => Answer::Later(Box::pin(fetch.wait(first.map(Attempt::forget)))),
    })
}

fn continues_session(context: &RequestContext, request: &FetchRequest) -> bool {
    context.api_version >= 7 && !SESSION_EPOCHS_OF_FULL_FETCHES.contains(&request.session_epoch)
}

fn reply(version: i16, response: FetchResponse) -> Reply {
    let (head, chunks) = encode_response(version, response);
    Reply { head, chunks }
}

/// A Fetch request with its partitions found.
struct Fetch {
    version: i16,
    deadline: Instant,
    min_bytes: usize,
    max_bytes: usize,
    with_aborted: bool,
    node: Arc<Node>,
    /// The address of ours that the reader reached.
    local: SocketAddr,
    topics: Vec<(TopicRef, Vec<Wanted>)>,
}

/// One partition's part.
struct Wanted {
    index: i32,
    partition: Result<Arc<Partition>, ApiError>,
    from: FetchFrom,
}

/// What to do about records that only a blocking read can get.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cold {
    /// Give up: the caller's thread must not block.
    LeaveOut,
    Read,
}

/// One look at all partitions.
struct Attempt {
    topics: Vec<Vec<PartitionFetched>>,
    bytes: usize,
    /// An error or a diverging log: the reader must hear of it at once.
    is_urgent: bool,
    /// The high watermark of each partition that was looked at.
    seen: Vec<(Arc<Partition>, Offset)>,
}

/// What a look that did not find enough leaves behind.
struct Seen {
    bytes: usize,
    high_watermarks: Vec<(Arc<Partition>, Offset)>,
}

impl Fetch {
    fn new(node: &Arc<Node>, context: &RequestContext, request: &FetchRequest) -> Fetch {
        let wait = Duration::from_millis(request.max_wait_ms.max(0) as u64);
        let max_bytes = (request.max_bytes.max(0) as usize).min(node.config.fetch_bytes_max);
        Fetch {
            version: context.api_version,
            deadline: Instant::now() + wait,
            min_bytes: (request.min_bytes.max(0) as usize).min(max_bytes),
            max_bytes,
            with_aborted: request.isolation_level == READ_COMMITTED,
            node: Arc::clone(node),
            local: context.local,
            topics: find_all(node, context, request),
        }
    }

    /// Reads what there is now, up to the limits; `None` if that would block
    /// and must not.
    fn attempt(&self, cold: Cold) -> Option<Attempt> {
        let mut attempt = Attempt {
            topics: Vec::new(),
            bytes: 0,
            is_urgent: false,
            seen: Vec::new(),
        };
        for (_, wanted) in &self.topics {
            let mut partitions = Vec::with_capacity(wanted.len());
            for wanted in wanted {
                partitions.push(self.read(wanted, cold, &mut attempt)?);
            }
            attempt.topics.push(partitions);
        }
        Some(attempt)
    }

    fn read(&self, wanted: &Wanted, cold: Cold, attempt: &mut Attempt) -> Option<PartitionFetched> {
        let partition = match &wanted.partition {
            Ok(partition) => partition,
            Err(error) => return Some(attempt.fail(wanted.index, error.code())),
        };
        let from = FetchFrom {
            max_bytes: wanted
                .from
                .max_bytes
                .min(self.max_bytes - attempt.bytes.min(self.max_bytes)),
            at_least_one: attempt.bytes == 0,
            ..wanted.from
        };
        let planned = match partition.plan_fetch(from) {
            Ok(planned) => planned,
            Err(error) => return Some(self.refuse(wanted.index, error, attempt)),
        };
        if let Planned::Read(plan) = &planned.read
            && cold == Cold::LeaveOut
            && !plan.is_immediate()
        {
            return None;
        }
        attempt
            .seen
            .push((Arc::clone(partition), planned.marks.high_watermark));
        Some(self.carry_out(wanted.index, planned, attempt))
    }

    fn carry_out(
        &self,
        index: i32,
        planned: PlannedFetch,
        attempt: &mut Attempt,
    ) -> PartitionFetched {
        let mut fetched = PartitionFetched {
            index,
            error_code: 0,
            high_watermark: planned.marks.high_watermark.0,
            last_stable_offset: planned.marks.last_stable.0,
            log_start_offset: planned.marks.log_start.0,
            diverging: None,
            current_leader: None,
            with_aborted: self.with_aborted,
            records: Vec::new(),
        };
        match planned.read {
            Planned::Diverging { epoch, end_offset } => {
                fetched.diverging = Some((epoch.0, end_offset.0));
                attempt.is_urgent = true;
            }
            Planned::Read(plan) => match plan.read() {
                Ok(records) => {
                    attempt.bytes += records.size_bytes();
                    fetched.records = records.into_pieces();
                }
                Err(error) => {
                    tracing::warn!(%error, "a fetch could not read its records");
                    return attempt.fail(index, ResponseError::KafkaStorageError.code());
                }
            },
        }
        fetched
    }

    fn refuse(&self, index: i32, error: FetchError, attempt: &mut Attempt) -> PartitionFetched {
        let epoch = match &error {
            FetchError::Epoch(error) => Some(error.current()),
            _ => None,
        };
        let mut failed = attempt.fail(index, ApiError::from(error).code());
        if self.version >= FIRST_WITH_LEADER_ADDRESS
            && failed.error_code == ResponseError::FencedLeaderEpoch.code()
        {
            failed.current_leader = epoch.map(|epoch| (self.node.config.node_id.0, epoch.0));
        }
        failed
    }

    fn is_satisfied_by(&self, attempt: &Attempt) -> bool {
        attempt.is_urgent
            || attempt.bytes >= self.min_bytes
            || self.topics.is_empty()
            || Instant::now() >= self.deadline
    }

    fn reply(&self, attempt: Attempt) -> Reply {
        let topics = self.topics.iter().zip(attempt.topics);
        let topics: Vec<TopicFetched> = topics
            .map(|((topic, _), partitions)| TopicFetched {
                topic: topic.clone(),
                partitions,
            })
            .collect();
        let mut partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let names_leader = partitions.any(|partition| partition.current_leader.is_some());
        let node_endpoints = names_leader
            .then(|| self.own_endpoint())
            .into_iter()
            .collect();
        reply(
            self.version,
            FetchResponse {
                error_code: 0,
                topics,
                node_endpoints,
            },
        )
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
                    self.attempt(Cold::LeaveOut)
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
        let watches: Vec<_> = seen
            .high_watermarks
            .iter()
            .map(|(partition, high_watermark)| partition.watch(*high_watermark, &signal))
            .collect();
        let _ = tokio::time::timeout_at(self.deadline, signal.woken()).await;
        drop(watches);
    }

    /// Reads on a thread that may block on the disk.
    async fn attempt_blocking(self: &Arc<Self>) -> Attempt {
        let fetch = Arc::clone(self);
        let attempt = tokio::task::spawn_blocking(move || fetch.attempt(Cold::Read));
        attempt
            .await
            .expect("reading does not panic, and the runtime outlives its connections")
            .expect("an attempt that may block leaves nothing out")
    }
}

impl Attempt {
    /// Lets go of the records.
    fn forget(self) -> Seen {
        Seen {
            bytes: self.bytes,
            high_watermarks: self.seen,
        }
    }

    fn fail(&mut self, index: i32, error_code: i16) -> PartitionFetched {
        self.is_urgent = true;
        PartitionFetched::failed(index, error_code)
    }
}

fn find_all(
    node: &Node,
    context: &RequestContext,
    request: &FetchRequest,
) -> Vec<(TopicRef, Vec<Wanted>)> {
    let image = node.metadata.image();
    // A follower would have to be one of the partition's replicas (and to be
    // allowed to say so, CVE-2018-1288): here there are none.
    let is_follower = request.replica_id.0 >= 0 || request.replica_state.replica_id.0 >= 0;
    let find = |topic: &TopicRef, index| {
        if is_follower {
            return Err(ApiError::new(
                ResponseError::NotLeaderOrFollower,
                "this replica is not assigned to the partition",
            ));
        }
        find_partition(node, find_topic(&image, topic)?, index)
    };
    let topics = request.topics.iter().map(|topic| {
        let name_or_id = if context.api_version >= FIRST_WITH_TOPIC_IDS {
            TopicRef::Id(TopicId(topic.topic_id.into_bytes()))
        } else {
            TopicRef::Name(topic.topic.0.clone())
        };
        let partitions = topic.partitions.iter().map(|wanted| Wanted {
            index: wanted.partition,
            partition: find(&name_or_id, wanted.partition),
            from: fetch_from(wanted),
        });
        let partitions = partitions.collect();
        (name_or_id, partitions)
    });
    topics.collect()
}

fn fetch_from(wanted: &FetchPartition) -> FetchFrom {
    FetchFrom {
        offset: Offset(wanted.fetch_offset),
        current_leader_epoch: LeaderEpoch(wanted.current_leader_epoch),
        last_fetched_epoch: LeaderEpoch(wanted.last_fetched_epoch),
        max_bytes: wanted.partition_max_bytes.max(0) as usize,
        at_least_one: true,
    }
}
