//! Records on their way to one partition, in the order they were given.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ottla_core::batch::{Codec, RecordBatchBuilder, RecordHeader};
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};

use super::identity::Identity;
use crate::error::ClientError;
use crate::record::{ProducerRecord, TopicPartition};

/// A record and its place in the caller's list.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) place: usize,
    pub(super) timestamp_ms: i64,
    pub(super) record: ProducerRecord,
}

/// Records that are sent, acknowledged or refused together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Queued>,
    /// What `records` add up to at most, uncompressed.
    size_bytes: usize,
    /// Made at the first try and sent again unchanged, so that the broker
    /// recognises it.
    encoded: Option<Encoded>,
    /// A try ended without an answer: the broker may have the records.
    pub(super) outcome_unknown: bool,
}

/// A batch as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Encoded {
    pub(super) bytes: Bytes,
    pub(super) producer_id: ProducerId,
    pub(super) first_sequence: Sequence,
}

impl Batch {
    pub(super) fn record_count(&self) -> i32 {
        i32::try_from(self.records.len()).unwrap_or(i32::MAX)
    }

    /// The wire form, made now if there is none yet.
    pub(super) fn encode(
        &mut self,
        partition: &TopicPartition,
        identity: Option<&Identity>,
        codec: Codec,
    ) -> Result<Encoded, ClientError> {
        if let Some(encoded) = &self.encoded {
            return Ok(encoded.clone());
        }
        let first_sequence =
            identity.map_or(Sequence::NONE, |identity| identity.next_sequence(partition));
        let (id, epoch) = identity.map_or((ProducerId::NONE, ProducerEpoch::NONE), |identity| {
            (identity.id, identity.epoch)
        });
        let builder = RecordBatchBuilder::new().with_producer(id, epoch, first_sequence);
        let encoded = Encoded {
            bytes: self.write(builder, codec)?,
            producer_id: id,
            first_sequence,
        };
        self.encoded = Some(encoded.clone());
        Ok(encoded)
    }

    /// Makes the next try write the batch anew, under another producer id.
    pub(super) fn forget_encoding(&mut self) {
        self.encoded = None;
    }

    fn write(&self, mut builder: RecordBatchBuilder, codec: Codec) -> Result<Bytes, ClientError> {
        let refused =
            |error: &dyn std::error::Error| ClientError::InvalidArgument(error.to_string());
        for queued in &self.records {
            let record = &queued.record;
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|header| RecordHeader {
                    key: header.key.as_bytes(),
                    value: header.value.as_deref(),
                })
                .collect();
            builder
                .push(
                    queued.timestamp_ms,
                    record.key.as_deref(),
                    record.value.as_deref(),
                    &headers,
                )
                .map_err(|error| refused(&error))?;
        }
        let bytes = builder
            .build_compressed(codec)
            .map_err(|error| refused(&error))?;
        Ok(bytes.freeze())
    }
}

/// Every partition's batches, oldest first.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub(super) by_partition: BTreeMap<TopicPartition, VecDeque<Batch>>,
}

impl Batches {
    /// Appends a record, in a new batch when it would make the last one larger
    /// than `batch_bytes_max`. True when a batch was closed by that.
    pub(super) fn push(
        &mut self,
        partition: TopicPartition,
        queued: Queued,
        batch_bytes_max: usize,
    ) -> bool {
        let size_bytes = queued.record.size_bytes_max();
        let batches = self.by_partition.entry(partition).or_default();
        if let Some(last) = batches.back_mut()
            && last.size_bytes + size_bytes <= batch_bytes_max
        {
            last.size_bytes += size_bytes;
            last.records.push(queued);
            return false;
        }
        let closed = !batches.is_empty();
        batches.push_back(Batch {
            records: vec![queued],
            size_bytes,
            ..Batch::default()
        });
        closed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_partition.is_empty()
    }

    /// The batch of the partition that is to be sent next.
    pub(super) fn first_mut(&mut self, partition: &TopicPartition) -> Option<&mut Batch> {
        self.by_partition.get_mut(partition)?.front_mut()
    }

    /// Takes the first batch out: it is done, one way or the other.
    pub(super) fn take_first(&mut self, partition: &TopicPartition) -> Option<Batch> {
        let batches = self.by_partition.get_mut(partition)?;
        let batch = batches.pop_front();
        if batches.is_empty() {
            self.by_partition.remove(partition);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(place: usize) -> Queued {
        Queued {
            place,
            timestamp_ms: 0,
            record: ProducerRecord::new("t", vec![0; 60]),
        }
    }

    #[test]
    fn a_batch_is_closed_before_it_would_grow_past_its_limit() {
        let mut batches = Batches::default();
        let partition = TopicPartition::new("t", 0);
        let closed: Vec<_> = (0..5)
            .map(|place| batches.push(partition.clone(), queued(place), 250))
            .collect();
        assert_eq!(closed, [false, false, true, false, true]);
        assert_eq!(batches.take_first(&partition).unwrap().record_count(), 2);
        assert_eq!(batches.take_first(&partition).unwrap().record_count(), 2);
        assert_eq!(batches.take_first(&partition).unwrap().record_count(), 1);
        assert!(batches.is_empty());
    }

    #[test]
    fn a_record_larger_than_the_limit_goes_alone() {
        let mut batches = Batches::default();
        let partition = TopicPartition::new("t", 0);
        batches.push(partition.clone(), queued(0), 10);
        batches.push(partition.clone(), queued(1), 10);
        assert_eq!(batches.by_partition[&partition].len(), 2);
    }
}
