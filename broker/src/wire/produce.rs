//! Produce (0) by hand, versions 3–13: requests as slices of their frame,
//! responses straight into their buffer.
//!
//! - 3: transactional id. 5: log start offset. 8: record errors and a message
//!   (KIP-467). 9: flexible. 13: topic ids instead of names (KIP-516).
//! - 10 added the current leader of a partition that has moved (KIP-951);
//!   this node leads whatever it knows, so it never sends one.

use bytes::BytesMut;
use ottla_core::ids::TopicId;
use smallvec::SmallVec;

use super::fields::{FieldError, Reader, Writer};

const FIRST_FLEXIBLE: i16 = 9;
const FIRST_WITH_TOPIC_IDS: i16 = 13;

/// Topics and partitions in one request: far more than a client can have
/// reason to send, and what a hostile frame can make us set aside.
const ENTRIES_MAX: usize = 100_000;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicRef<'a> {
    Name(&'a str),
    Id(TopicId),
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProduceRequest<'frame> {
    pub(crate) transactional_id: Option<&'frame str>,
    pub(crate) acks: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) topics: SmallVec<[ProduceTopic<'frame>; 1]>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProduceTopic<'frame> {
    pub(crate) topic: TopicRef<'frame>,
    pub(crate) partitions: SmallVec<[ProducePartition<'frame>; 1]>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct ProducePartition<'frame> {
    pub(crate) index: i32,
    pub(crate) records: Option<&'frame mut [u8]>,
}

/// Reads a request body; topics and record bytes stay slices of it.
pub(crate) fn decode_request(
    body: &mut [u8],
    version: i16,
) -> Result<ProduceRequest<'_>, FieldError> {
    let mut reader = Reader::new(body, version >= FIRST_FLEXIBLE);
    let transactional_id = reader.nullable_string()?;
    let acks = reader.i16()?;
    let timeout_ms = reader.i32()?;
    // Nearly every request has one of each; room for more comes with the bytes.
    let mut topics = SmallVec::new();
    let mut entries = Entries::default();
    for _ in 0..reader.array()? {
        entries.count_one()?;
        let topic = if version >= FIRST_WITH_TOPIC_IDS {
            TopicRef::Id(TopicId(reader.uuid()?))
        } else {
            TopicRef::Name(reader.string()?)
        };
        let mut partitions = SmallVec::new();
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

/// Writes a response body while the request is carried out, topic by topic.
#[derive(Debug)]
pub(crate) struct ResponseWriter {
    writer: Writer,
    version: i16,
}

/// Where in a response the error code of one partition stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCodeAt(usize);

impl ResponseWriter {
    /// A response that tells of so many topics.
    pub(crate) fn new(version: i16, topics: usize) -> ResponseWriter {
        let mut writer = Writer {
            // Enough for one topic of one partition; more is found by growing.
            out: BytesMut::with_capacity(128),
            flexible: version >= FIRST_FLEXIBLE,
        };
        writer.length(topics);
        ResponseWriter { writer, version }
    }

    /// The next topic, of which so many partitions follow.
    pub(crate) fn topic(&mut self, topic: TopicRef<'_>, partitions: usize) {
        match topic {
            TopicRef::Name(name) => self.writer.string(name),
            TopicRef::Id(id) => self.writer.out.extend_from_slice(&id.0),
        }
        self.writer.length(partitions);
    }

    /// The topic's next partition.
    pub(crate) fn partition(&mut self, partition: &PartitionProduced) -> ErrorCodeAt {
        let at = self.writer.out.len() + size_of::<i32>();
        put_partition(&mut self.writer, self.version, partition);
        ErrorCodeAt(at)
    }

    /// The topic has no more partitions.
    pub(crate) fn end_topic(&mut self) {
        self.writer.no_tags();
    }

    /// There are no more topics.
    pub(crate) fn finish(mut self) -> BytesMut {
        self.writer.i32(0); // throttle time
        self.writer.no_tags();
        self.writer.out
    }
}

impl ErrorCodeAt {
    /// Changes the code in the finished `response`.
    pub(crate) fn set(self, response: &mut BytesMut, error_code: i16) {
        response[self.0..self.0 + size_of::<i16>()].copy_from_slice(&error_code.to_be_bytes());
    }
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
