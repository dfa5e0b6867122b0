//! The records of the metadata log, in Apache Kafka's own formats
//! (`kafka-metadata`, `common/metadata/*.json`): a frame version, the record's
//! key and version, then the fields in the flexible encoding of KIP-482.

use std::sync::Arc;

use super::configs::ConfigResource;
use super::image::PartitionImage;
use crate::ids::{LeaderEpoch, NodeId, PartitionIndex, TopicId};

/// The version of the envelope around every record.
const FRAME_VERSION: u32 = 1;

const TOPIC: u32 = 2;
const PARTITION: u32 = 3;
const CONFIG: u32 = 4;
const REMOVE_TOPIC: u32 = 9;
const PRODUCER_IDS: u32 = 15;

/// Kafka's `ConfigResource.Type` codes.
const RESOURCE_TOPIC: u8 = 2;
const RESOURCE_BROKER: u8 = 4;

/// One change of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataRecord {
    /// `TopicRecord`: a topic begins.
    Topic {
        /// The topic's name.
        name: Arc<str>,
        /// The topic's id.
        id: TopicId,
    },
    /// `PartitionRecord`: a partition begins, or is described anew.
    Partition {
        /// The topic.
        topic_id: TopicId,
        /// The partition.
        index: PartitionIndex,
        /// Where it lives.
        partition: PartitionImage,
    },
    /// `ConfigRecord`: a property gets a value, or loses it.
    Config {
        /// What it belongs to.
        resource: ConfigResource,
        /// The property.
        name: Arc<str>,
        /// Its value; `None` goes back to what applies without it.
        value: Option<Arc<str>>,
    },
    /// `RemoveTopicRecord`: a topic ends.
    RemoveTopic {
        /// The topic.
        topic_id: TopicId,
    },
    /// `ProducerIdsRecord`: a block of producer ids is set aside.
    ProducerIds {
        /// For whom.
        broker: NodeId,
        /// The first id after the block.
        next_producer_id: i64,
    },
}

/// Why bytes are not a metadata record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end in the middle of a field, or go on after the last one.
    #[error("metadata record of {0} bytes does not end where its fields end")]
    Length(usize),
    /// A record this version does not know.
    #[error("metadata record with key {key} and version {version} is not known here")]
    Unknown {
        /// The record's key.
        key: u32,
        /// The record's version.
        version: u32,
    },
    /// A field holds what it cannot hold.
    #[error("metadata record has an invalid {0}")]
    Field(&'static str),
}

impl MetadataRecord {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            MetadataRecord::Topic { name, id } => {
                start(&mut out, TOPIC);
                put_text(&mut out, name);
                out.extend_from_slice(&id.0);
            }
            MetadataRecord::Partition {
                topic_id,
                index,
                partition,
            } => {
                start(&mut out, PARTITION);
                put_partition(&mut out, *topic_id, *index, partition);
            }
            MetadataRecord::Config {
                resource,
                name,
                value,
            } => {
                start(&mut out, CONFIG);
                let (code, owner) = match resource {
                    ConfigResource::Topic(topic) => (RESOURCE_TOPIC, topic),
                    ConfigResource::Broker(broker) => (RESOURCE_BROKER, broker),
                };
                out.push(code);
                put_text(&mut out, owner);
                put_text(&mut out, name);
                match value {
                    Some(value) => put_text(&mut out, value),
                    None => out.push(0),
                }
            }
            MetadataRecord::RemoveTopic { topic_id } => {
                start(&mut out, REMOVE_TOPIC);
                out.extend_from_slice(&topic_id.0);
            }
            MetadataRecord::ProducerIds {
                broker,
                next_producer_id,
            } => {
                start(&mut out, PRODUCER_IDS);
                out.extend_from_slice(&broker.0.to_be_bytes());
                // One node has one life as far as this record goes.
                out.extend_from_slice(&(-1i64).to_be_bytes());
                out.extend_from_slice(&next_producer_id.to_be_bytes());
            }
        }
        out.push(0); // no tagged fields
        out
    }

    /// The record that `bytes` hold.
    pub fn decode(bytes: &[u8]) -> Result<MetadataRecord, RecordError> {
        let mut reader = Reader {
            rest: bytes,
            total: bytes.len(),
        };
        if reader.uvarint()? != FRAME_VERSION {
            return Err(RecordError::Field("frame version"));
        }
        let (key, version) = (reader.uvarint()?, reader.uvarint()?);
        let record = match (key, version) {
            (TOPIC, 0) => MetadataRecord::Topic {
                name: reader.text()?,
                id: reader.topic_id()?,
            },
            (PARTITION, 0) => reader.partition()?,
            (CONFIG, 0) => reader.config()?,
            (REMOVE_TOPIC, 0) => MetadataRecord::RemoveTopic {
                topic_id: reader.topic_id()?,
            },
            (PRODUCER_IDS, 0) => {
                let broker = NodeId(reader.i32()?);
                reader.i64()?; // the broker's epoch
                MetadataRecord::ProducerIds {
                    broker,
                    next_producer_id: reader.i64()?,
                }
            }
            _ => return Err(RecordError::Unknown { key, version }),
        };
        reader.end(record)
    }
}

fn start(out: &mut Vec<u8>, key: u32) {
    put_uvarint(out, FRAME_VERSION);
    put_uvarint(out, key);
    put_uvarint(out, 0); // the first version of each record has all we need
}

fn put_partition(
    out: &mut Vec<u8>,
    topic_id: TopicId,
    index: PartitionIndex,
    partition: &PartitionImage,
) {
    out.extend_from_slice(&index.0.to_be_bytes());
    out.extend_from_slice(&topic_id.0);
    put_nodes(out, &partition.replicas);
    put_nodes(out, &partition.isr);
    put_nodes(out, &[]); // being removed
    put_nodes(out, &[]); // being added
    let leader = partition.leader.map_or(-1, |node| node.0);
    out.extend_from_slice(&leader.to_be_bytes());
    out.extend_from_slice(&partition.leader_epoch.0.to_be_bytes());
    out.extend_from_slice(&partition.partition_epoch.to_be_bytes());
}

fn put_uvarint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_uvarint(out, text.len() as u32 + 1);
    out.extend_from_slice(text.as_bytes());
}

fn put_nodes(out: &mut Vec<u8>, nodes: &[NodeId]) {
    put_uvarint(out, nodes.len() as u32 + 1);
    for node in nodes {
        out.extend_from_slice(&node.0.to_be_bytes());
    }
}

/// Takes fields off the front; never reads or reserves past the end.
struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (front, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(RecordError::Length(self.total))?;
        self.rest = rest;
        Ok(*front)
    }

    fn i32(&mut self) -> Result<i32, RecordError> {
        self.take().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, RecordError> {
        self.take().map(i64::from_be_bytes)
    }

    fn topic_id(&mut self) -> Result<TopicId, RecordError> {
        self.take().map(TopicId)
    }

    fn uvarint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| RecordError::Field("varint"));
            }
        }
        Err(RecordError::Field("varint"))
    }

    fn nullable_text(&mut self) -> Result<Option<Arc<str>>, RecordError> {
        let Some(length) = (self.uvarint()? as usize).checked_sub(1) else {
            return Ok(None);
        };
        let (text, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(RecordError::Length(self.total))?;
        self.rest = rest;
        let text = std::str::from_utf8(text).map_err(|_| RecordError::Field("text"))?;
        Ok(Some(text.into()))
    }

    fn text(&mut self) -> Result<Arc<str>, RecordError> {
        self.nullable_text()?.ok_or(RecordError::Field("null"))
    }

    fn nodes(&mut self) -> Result<Vec<NodeId>, RecordError> {
        let count = (self.uvarint()? as usize)
            .checked_sub(1)
            .ok_or(RecordError::Field("null"))?;
        if count > self.rest.len() / size_of::<i32>() {
            return Err(RecordError::Length(self.total));
        }
        (0..count).map(|_| self.i32().map(NodeId)).collect()
    }

    fn partition(&mut self) -> Result<MetadataRecord, RecordError> {
        let index = PartitionIndex(self.i32()?);
        if index.0 < 0 {
            return Err(RecordError::Field("partition index"));
        }
        let topic_id = self.topic_id()?;
        let (replicas, isr) = (self.nodes()?, self.nodes()?);
        self.nodes()?; // being removed
        self.nodes()?; // being added
        let leader = self.i32()?;
        let partition = PartitionImage {
            replicas: replicas.into(),
            isr: isr.into(),
            leader: (leader >= 0).then_some(NodeId(leader)),
            leader_epoch: LeaderEpoch(self.i32()?),
            partition_epoch: self.i32()?,
        };
        Ok(MetadataRecord::Partition {
            topic_id,
            index,
            partition,
        })
    }

    fn config(&mut self) -> Result<MetadataRecord, RecordError> {
        let [code] = self.take()?;
        let owner = self.text()?;
        let resource = match code {
            RESOURCE_TOPIC => ConfigResource::Topic(owner),
            RESOURCE_BROKER => ConfigResource::Broker(owner),
            _ => return Err(RecordError::Field("resource type")),
        };
        Ok(MetadataRecord::Config {
            resource,
            name: self.text()?,
            value: self.nullable_text()?,
        })
    }

    /// Tagged fields carry nothing this version knows; they end the record.
    fn end(&mut self, record: MetadataRecord) -> Result<MetadataRecord, RecordError> {
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let length = self.uvarint()? as usize;
            self.rest = self
                .rest
                .get(length..)
                .ok_or(RecordError::Length(self.total))?;
        }
        if self.rest.is_empty() {
            Ok(record)
        } else {
            Err(RecordError::Length(self.total))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Arc<str>> {
        "[a-z가-힣.]{0,20}".prop_map(Arc::from)
    }

    fn nodes() -> impl Strategy<Value = Vec<NodeId>> {
        vec((0..100).prop_map(NodeId), 0..4)
    }

    fn record() -> impl Strategy<Value = MetadataRecord> {
        let id = any::<[u8; 16]>().prop_map(TopicId);
        let partition = (
            id.clone(),
            0..i32::MAX,
            nodes(),
            nodes(),
            proptest::option::of(0..9),
            any::<i32>(),
        );
        prop_oneof![
            (text(), id.clone()).prop_map(|(name, id)| MetadataRecord::Topic { name, id }),
            partition.prop_map(|(topic_id, index, replicas, isr, leader, epoch)| {
                MetadataRecord::Partition {
                    topic_id,
                    index: PartitionIndex(index),
                    partition: PartitionImage {
                        replicas: replicas.into(),
                        isr: isr.into(),
                        leader: leader.map(NodeId),
                        leader_epoch: LeaderEpoch(epoch),
                        partition_epoch: epoch,
                    },
                }
            }),
            (any::<bool>(), text(), text(), proptest::option::of(text())).prop_map(
                |(of_topic, owner, name, value)| MetadataRecord::Config {
                    resource: if of_topic {
                        ConfigResource::Topic(owner)
                    } else {
                        ConfigResource::Broker(owner)
                    },
                    name,
                    value,
                }
            ),
            id.prop_map(|topic_id| MetadataRecord::RemoveTopic { topic_id }),
            (any::<i32>(), any::<i64>()).prop_map(|(broker, next_producer_id)| {
                MetadataRecord::ProducerIds {
                    broker: NodeId(broker),
                    next_producer_id,
                }
            }),
        ]
    }

    #[test]
    fn a_topic_record_has_the_bytes_kafka_writes() {
        let record = MetadataRecord::Topic {
            name: "foo".into(),
            id: TopicId([7; 16]),
        };
        let mut expected = vec![1, 2, 0, 4, b'f', b'o', b'o'];
        expected.extend_from_slice(&[7; 16]);
        expected.push(0);
        assert_eq!(record.encode(), expected);
    }

    proptest! {
        #[test]
        fn every_record_survives_its_bytes(record in record()) {
            prop_assert_eq!(MetadataRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn a_cut_record_is_refused(record in record(), cut in any::<prop::sample::Index>()) {
            let bytes = record.encode();
            let cut = cut.index(bytes.len());
            prop_assert!(MetadataRecord::decode(&bytes[..cut]).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = MetadataRecord::decode(&bytes);
        }
    }
}
