//! A committed offset: key types 0 and 1.

use bytes::Bytes;

use super::field::{Reader, Writer};
use super::{EncodedRecord, RecordError};
use crate::group::{GroupId, TopicName};
use crate::ids::{Offset, PartitionIndex, TopicId};

/// Keys of type 0 are of brokers before 0.9; the layout is the same.
const KEY_KIND: i16 = 1;
/// What Kafka 4.3 writes; version 1 is for offsets with a deadline of their own.
const VALUE_VERSION: i16 = 4;
const VALUE_VERSION_WITH_EXPIRY: i16 = 1;
const TOPIC_ID_TAG: u32 = 0;

/// A group's position in one partition, or that it has none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRecord {
    /// Who committed.
    pub group: GroupId,
    /// The topic read.
    pub topic: TopicName,
    /// The partition read.
    pub partition: PartitionIndex,
    /// `None` deletes.
    pub committed: Option<CommittedOffset>,
}

/// What a group said of one partition when it committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, if the client told.
    pub leader_epoch: Option<i32>,
    /// A note of the client's own.
    pub metadata: String,
    /// When it was committed, in wall-clock milliseconds.
    pub commit_timestamp_ms: i64,
    /// When it expires, for commits that asked for a retention (versions 2–4).
    pub expire_timestamp_ms: Option<i64>,
    /// Which life of the topic, if known.
    pub topic_id: TopicId,
}

impl OffsetRecord {
    pub(super) fn encode(&self) -> EncodedRecord {
        let mut key = Writer::key(KEY_KIND);
        key.string(self.group.as_str());
        key.string(self.topic.as_str());
        key.i32(self.partition.0);
        EncodedRecord {
            key: key.finish(),
            value: self.committed.as_ref().map(encode_value),
        }
    }

    pub(super) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, RecordError> {
        let mut key = Reader::new(key);
        key.i16()?;
        let group = GroupId::from(key.string()?);
        let topic = TopicName::from(key.string()?);
        let partition = PartitionIndex(key.i32()?);
        let committed = match value {
            None => None,
            Some(value) => match decode_value(value)? {
                None => return Ok(None),
                committed => committed,
            },
        };
        Ok(Some(OffsetRecord {
            group,
            topic,
            partition,
            committed,
        }))
    }
}

fn encode_value(committed: &CommittedOffset) -> Bytes {
    match committed.expire_timestamp_ms {
        Some(expire_timestamp_ms) => {
            let mut value = Writer::value(VALUE_VERSION_WITH_EXPIRY);
            value.i64(committed.offset.0);
            value.string(&committed.metadata);
            value.i64(committed.commit_timestamp_ms);
            value.i64(expire_timestamp_ms);
            value.finish()
        }
        None => {
            let mut value = Writer::value(VALUE_VERSION);
            value.i64(committed.offset.0);
            value.i32(committed.leader_epoch.unwrap_or(-1));
            value.compact_string(&committed.metadata);
            value.i64(committed.commit_timestamp_ms);
            encode_topic_id(&mut value, committed.topic_id);
            value.finish()
        }
    }
}

fn encode_topic_id(value: &mut Writer, topic_id: TopicId) {
    if topic_id == TopicId::ZERO {
        return value.no_tagged_fields();
    }
    value.unsigned_varint(1);
    value.unsigned_varint(TOPIC_ID_TAG);
    value.unsigned_varint(topic_id.0.len() as u32);
    value.uuid(topic_id);
}

fn decode_value(value: &Bytes) -> Result<Option<CommittedOffset>, RecordError> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    if !(0..=VALUE_VERSION).contains(&version) {
        return Ok(None);
    }
    let offset = Offset(value.i64()?);
    let leader_epoch = if version >= 3 { value.i32()? } else { -1 };
    let metadata = match version {
        4.. => value.compact_string()?,
        _ => value.string()?,
    };
    let commit_timestamp_ms = value.i64()?;
    let expire_timestamp_ms = if version == 1 { value.i64()? } else { -1 };
    let mut topic_id = TopicId::ZERO;
    if version >= 4 {
        value.tagged_fields(|tag, bytes| {
            if tag == TOPIC_ID_TAG {
                topic_id = Reader::new(bytes).uuid()?;
            }
            Ok(())
        })?;
    }
    Ok(Some(CommittedOffset {
        offset,
        leader_epoch: (leader_epoch >= 0).then_some(leader_epoch),
        metadata,
        commit_timestamp_ms,
        expire_timestamp_ms: (expire_timestamp_ms >= 0).then_some(expire_timestamp_ms),
        topic_id,
    }))
}
