//! Produce (0) by hand, versions 3–13: requests as slices of their frame,
//! responses straight into their buffer.
//!
//! - 3: transactional id. 5: log start offset. 8: record errors and a message
//!   (KIP-467). 9: flexible. 13: topic ids instead of names (KIP-516).
//! - 10 added the current leader of a partition that has moved (KIP-951);
//!   this node leads whatever it knows, so it never sends one.

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;
use ottla_core::ids::TopicId;

use super::fields::{FieldError, Reader, Writer};

const FIRST_FLEXIBLE: i16 = 9;
const FIRST_WITH_TOPIC_IDS: i16 = 13;

/// Topics and partitions in one request: far more than a client can have
/// reason to send, and what a hostile frame can make us set aside.
const ENTRIES_MAX: usize = 100_000;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TopicRef {
    Name(StrBytes),
    Id(TopicId),
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProduceRequest {
    pub(crate) transactional_id: Option<StrBytes>,
    pub(crate) acks: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) topics: Vec<ProduceTopic>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProduceTopic {
    pub(crate) topic: TopicRef,
    pub(crate) partitions: Vec<ProducePartition>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProducePartition {
    pub(crate) index: i32,
    pub(crate) records: Option<BytesMut>,
}

/// Reads a request body; record bytes stay slices of it.
pub(crate) fn decode_request(body: BytesMut, version: i16) -> Result<ProduceRequest, FieldError> {
    let mut reader = Reader::new(body, version >= FIRST_FLEXIBLE);
    let transactional_id = reader.nullable_string()?;
    let acks = reader.i16()?;
    let timeout_ms = reader.i32()?;
    let mut topics = Vec::new();
    let mut entries = Entries::default();
    for _ in 0..reader.array()? {
        entries.count_one()?;
        let topic = if version >= FIRST_WITH_TOPIC_IDS {
            TopicRef::Id(TopicId(reader.uuid()?))
        } else {
            TopicRef::Name(reader.string()?)
        };
        let mut partitions = Vec::new();
        for _ in 0..reader.array()? {
            entries.count_one()?;
            partitions.push(ProducePartition {
                index: reader.i32()?,
                records: reader.nullable_bytes()?,
            });
            reader.skip_tags()?;
        }
        reader.skip_tags()?;
        topics.push(ProduceTopic { topic, partitions });
    }
    reader.skip_tags()?;
    reader.end()?;
    Ok(ProduceRequest {
        transactional_id,
        acks,
        timeout_ms,
        topics,
    })
}

/// Counts topics and partitions while they are read.
#[derive(Default)]
struct Entries(usize);

impl Entries {
    fn count_one(&mut self) -> Result<(), FieldError> {
        self.0 += 1;
        if self.0 > ENTRIES_MAX {
            return Err(FieldError::TooManyEntries(ENTRIES_MAX));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct TopicProduced {
    pub(crate) topic: TopicRef,
    pub(crate) partitions: Vec<PartitionProduced>,
}

/// What became of one partition's records.
#[derive(Debug)]
pub(crate) struct PartitionProduced {
    pub(crate) index: i32,
    pub(crate) error_code: i16,
    pub(crate) base_offset: i64,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start_offset: i64,
    /// Which records made the batch fail, and why (KIP-467).
    pub(crate) record_errors: Vec<(i32, String)>,
    pub(crate) error_message: Option<String>,
}

/// Writes a response body.
pub(crate) fn encode_response(version: i16, topics: &[TopicProduced]) -> BytesMut {
    let partitions: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    let mut writer = Writer {
        // Ample for the usual names; more is found by growing.
        out: BytesMut::with_capacity(16 + 48 * topics.len() + 40 * partitions),
        flexible: version >= FIRST_FLEXIBLE,
    };
    writer.length(topics.len());
    for topic in topics {
        match &topic.topic {
            TopicRef::Name(name) => writer.string(name),
            TopicRef::Id(id) => writer.out.extend_from_slice(&id.0),
        }
        writer.length(topic.partitions.len());
        for partition in &topic.partitions {
            put_partition(&mut writer, version, partition);
        }
        writer.no_tags();
    }
    writer.i32(0); // throttle time
    writer.no_tags();
    writer.out
}

fn put_partition(writer: &mut Writer, version: i16, partition: &PartitionProduced) {
    writer.i32(partition.index);
    writer.i16(partition.error_code);
    writer.i64(partition.base_offset);
    writer.i64(partition.log_append_time_ms);
    if version >= 5 {
        writer.i64(partition.log_start_offset);
    }
    if version >= 8 {
        writer.length(partition.record_errors.len());
        for (index, message) in &partition.record_errors {
            writer.i32(*index);
            writer.nullable_string(Some(message));
            writer.no_tags();
        }
        writer.nullable_string(partition.error_message.as_deref());
    }
    writer.no_tags();
}

#[cfg(test)]
mod tests;
