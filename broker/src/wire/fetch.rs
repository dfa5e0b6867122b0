//! Fetch (1) responses by hand, versions 4–18: the fields of all partitions in
//! one buffer, with the record bytes between them as the log handed them out.
//!
//! - 5: log start offset. 7: sessions (KIP-227). 11: preferred read replica.
//!   12: flexible; diverging epoch (KIP-595). 13: topic ids (KIP-516).
//!   16: where the current leader can be reached (KIP-951).
//! - 14, 15, 17 and 18 changed only the request.

use bytes::BytesMut;
use ottla_core::fetch_session::TopicKey;

use super::fields::Writer;
use crate::storage::Piece;

const FIRST_FLEXIBLE: i16 = 12;

/// One answer to a Fetch.
#[derive(Debug, Default)]
pub(crate) struct FetchResponse {
    /// Of the session; then there are no topics.
    pub(crate) error_code: i16,
    /// The session the answer belongs to, or 0.
    pub(crate) session_id: i32,
    pub(crate) topics: Vec<TopicFetched>,
    /// Where the leaders named below can be reached.
    pub(crate) node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Debug)]
pub(crate) struct TopicFetched {
    pub(crate) topic: TopicKey,
    pub(crate) partitions: Vec<PartitionFetched>,
}

/// What one partition has for the reader.
#[derive(Clone, Debug)]
pub(crate) struct PartitionFetched {
    pub(crate) index: i32,
    pub(crate) error_code: i16,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
    /// Epoch and end offset where the reader's log parted from the leader's.
    pub(crate) diverging: Option<(i32, i64)>,
    /// Id and epoch of the leader, when the reader's epoch was wrong.
    pub(crate) current_leader: Option<(i32, i32)>,
    /// Whether the list of aborted transactions is there, empty; else null.
    pub(crate) with_aborted: bool,
    /// Whole batches, one after the other.
    pub(crate) records: Vec<Piece>,
}

impl PartitionFetched {
    /// A partition that could not be read.
    pub(crate) fn failed(index: i32, error_code: i16) -> PartitionFetched {
        PartitionFetched {
            index,
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            diverging: None,
            current_leader: None,
            with_aborted: false,
            records: Vec::new(),
        }
    }

    /// A partition that is not known.
    pub(crate) fn unknown(index: i32, error_code: i16) -> PartitionFetched {
        PartitionFetched {
            // Kafka's answers differ in this as well: empty, not null.
            with_aborted: true,
            ..PartitionFetched::failed(index, error_code)
        }
    }

    pub(crate) fn record_bytes(&self) -> usize {
        self.records.iter().map(Piece::len).sum()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct NodeEndpoint {
    pub(crate) node_id: i32,
    pub(crate) host: String,
    pub(crate) port: i32,
}

/// A response body in pieces to be written one after the other: the first has
/// fields only, the others are records or fields.
pub(crate) fn encode_response(version: i16, response: FetchResponse) -> (BytesMut, Vec<Piece>) {
    let partitions: usize = response
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    let mut pieces = Pieces {
        writer: Writer {
            // Ample for the usual names; more is found by growing.
            out: BytesMut::with_capacity(32 + 48 * response.topics.len() + 64 * partitions),
            flexible: version >= FIRST_FLEXIBLE,
        },
        head: None,
        rest: Vec::new(),
    };
    let writer = &mut pieces.writer;
    writer.i32(0); // throttle time
    if version >= 7 {
        writer.i16(response.error_code);
        writer.i32(response.session_id);
    }
    writer.length(response.topics.len());
    for topic in response.topics {
        match &topic.topic {
            TopicKey::Name(name) => pieces.writer.string(name),
            TopicKey::Id(id) => pieces.writer.out.extend_from_slice(&id.0),
        }
        pieces.writer.length(topic.partitions.len());
        for partition in topic.partitions {
            put_partition(&mut pieces, version, partition);
        }
        pieces.writer.no_tags();
    }
    put_end(&mut pieces.writer, version, &response.node_endpoints);
    pieces.finish()
}

fn put_partition(pieces: &mut Pieces, version: i16, partition: PartitionFetched) {
    let writer = &mut pieces.writer;
    writer.i32(partition.index);
    writer.i16(partition.error_code);
    writer.i64(partition.high_watermark);
    writer.i64(partition.last_stable_offset);
    if version >= 5 {
        writer.i64(partition.log_start_offset);
    }
    if partition.with_aborted {
        writer.length(0);
    } else {
        writer.null_length();
    }
    if version >= 11 {
        writer.i32(-1); // preferred read replica: there is none but the leader
    }
    writer.length(partition.record_bytes());
    let (diverging, current_leader) = (partition.diverging, partition.current_leader);
    for records in partition.records {
        pieces.pass_on(records);
    }
    put_partition_tags(&mut pieces.writer, diverging, current_leader);
}

fn put_partition_tags(
    writer: &mut Writer,
    diverging: Option<(i32, i64)>,
    current_leader: Option<(i32, i32)>,
) {
    if !writer.flexible {
        return;
    }
    writer.varint(u32::from(diverging.is_some()) + u32::from(current_leader.is_some()));
    if let Some((epoch, end_offset)) = diverging {
        writer.tagged(0, |content| {
            content.i32(epoch);
            content.i64(end_offset);
            content.no_tags();
        });
    }
    if let Some((leader_id, leader_epoch)) = current_leader {
        writer.tagged(1, |content| {
            content.i32(leader_id);
            content.i32(leader_epoch);
            content.no_tags();
        });
    }
}

fn put_end(writer: &mut Writer, version: i16, node_endpoints: &[NodeEndpoint]) {
    if version < 16 || node_endpoints.is_empty() {
        return writer.no_tags();
    }
    writer.varint(1);
    writer.tagged(0, |content| {
        content.length(node_endpoints.len());
        for endpoint in node_endpoints {
            content.i32(endpoint.node_id);
            content.string(&endpoint.host);
            content.i32(endpoint.port);
            content.nullable_string(None); // rack
            content.no_tags();
        }
    });
}

/// Fields, broken off wherever records are passed on.
struct Pieces {
    writer: Writer,
    head: Option<BytesMut>,
    rest: Vec<Piece>,
}

impl Pieces {
    fn pass_on(&mut self, records: Piece) {
        self.break_off();
        self.rest.push(records);
    }

    fn break_off(&mut self) {
        let fields = self.writer.out.split();
        if self.head.is_none() {
            self.head = Some(fields);
        } else if !fields.is_empty() {
            self.rest.push(fields.freeze().into());
        }
    }

    fn finish(mut self) -> (BytesMut, Vec<Piece>) {
        self.break_off();
        (self.head.unwrap_or_default(), self.rest)
    }
}

#[cfg(test)]
mod tests;
