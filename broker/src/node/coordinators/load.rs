//! Reads a shard's groups out of its log.

use std::sync::Arc;

use bytes::Bytes;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::{batches, records};
use ottla_core::group::{GroupRecord, GroupShard};
use ottla_core::ids::{LeaderEpoch, Offset};
use thiserror::Error;

use crate::node::partition::{FetchError, FetchFrom, Partition, Planned};
use crate::storage::ReadError;

/// Read at a time; a batch larger than this comes whole.
const READ_BYTES: usize = 1 << 20;

/// A compressed batch, which only another broker can have written, may inflate
/// to this much.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// Why the groups of a log cannot be known.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    #[error("the log of the groups cannot be read: {0}")]
    Read(#[from] FetchError),
    #[error("the log of the groups is corrupt before offset {before}: {problem}")]
    Corrupt { before: Offset, problem: String },
}

/// Replays the log from `next` to its end; returns the end.
pub(super) fn load(
    log: &Arc<Partition>,
    mut next: Offset,
    groups: &mut GroupShard,
) -> Result<Offset, LoadError> {
    loop {
        let bytes = read(log, next)?;
        if bytes.is_empty() {
            return Ok(next);
        }
        let corrupt = |before: Offset, problem: String| LoadError::Corrupt { before, problem };
        for batch in batches(&bytes) {
            let (header, batch) = batch.map_err(|error| corrupt(next, error.to_string()))?;
            let failed = |problem: String| corrupt(header.next_offset(), problem);
            if !header.attributes.is_control() {
                let plain = record_bytes(&header, batch, BATCH_BYTES_MAX)
                    .map_err(|error| failed(error.to_string()))?;
                for record in records(&header, &plain) {
                    let record = record.map_err(|error| failed(error.to_string()))?;
                    replay(groups, record.key, record.value).map_err(&failed)?;
                }
            }
            next = header.next_offset();
        }
    }
}

fn replay(groups: &mut GroupShard, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
    let key = Bytes::copy_from_slice(key.ok_or("a record without a key")?);
    let value = value.map(Bytes::copy_from_slice);
    match GroupRecord::decode(&key, value.as_ref()) {
        Ok(Some(record)) => groups.replay(&record),
        Ok(None) => {
            let kind = &key[..key.len().min(2)];
            tracing::warn!(
                ?kind,
                "skipped a record of a kind or version this broker does not know"
            );
        }
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

fn read(log: &Arc<Partition>, offset: Offset) -> Result<Bytes, FetchError> {
    let planned = log.plan_fetch(FetchFrom {
        offset,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
        max_bytes: READ_BYTES,
        at_least_one: true,
    })?;
    match planned.read {
        Planned::Read(plan) => Ok(plan.read().map_err(ReadError::from)?.into_bytes()),
        Planned::Diverging { .. } => unreachable!("no epoch was given to diverge from"),
    }
}

#[cfg(test)]
mod tests {
    use ottla_core::batch::{Codec, RecordBatchBuilder};
    use ottla_core::controller::MetadataImage;
    use ottla_core::decision::RequestToken;
    use ottla_core::group::offsets::{FetchRequest, OffsetReply, OffsetRequest};
    use ottla_core::group::record::{OffsetRecord, offset::CommittedOffset};
    use ottla_core::group::{GroupConfig, GroupEffect, GroupReply, GroupRequest};
    use ottla_core::ids::{PartitionIndex, TopicId};
    use ottla_core::partition::{AppendOrigin, AppendRules};
    use ottla_core::time::Now;

    use super::super::topics::ImageTopics;
    use super::*;
    use crate::node::partition::PartitionSettings;
    use crate::storage::{LogConfig, Storage};

    const NOW: Now = Now {
        monotonic_ms: 0,
        wall_ms: 1_700_000_000_000,
    };

    fn log() -> Arc<Partition> {
        let settings = PartitionSettings {
            rules: AppendRules::default(),
            log: LogConfig::default(),
            producer_id_expiration_ms: 1,
        };
        Partition::open(
            &Storage::in_memory(),
            "__consumer_offsets-0",
            TopicId([1; 16]),
            PartitionIndex(0),
            LeaderEpoch(0),
            settings,
        )
    }

    fn append(log: &Arc<Partition>, codec: Codec, records: &[(&[u8], Option<&[u8]>)]) {
        let mut batch = RecordBatchBuilder::new();
        for (key, value) in records {
            batch.push(NOW.wall_ms, Some(key), *value, &[]).unwrap();
        }
        let batch = batch.build_compressed(codec).unwrap();
        log.append(NOW, batch, AppendOrigin::Coordinator).unwrap();
    }

    fn offset(partition: i32, offset: i64) -> (Bytes, Bytes) {
        let record = GroupRecord::Offset(OffsetRecord {
            group: "readers".into(),
            topic: "orders".into(),
            partition: PartitionIndex(partition),
            committed: Some(CommittedOffset {
                offset: Offset(offset),
                leader_epoch: None,
                metadata: String::new(),
                commit_timestamp_ms: NOW.wall_ms,
                expire_timestamp_ms: None,
                topic_id: TopicId::ZERO,
            }),
        });
        let encoded = record.encode();
        (encoded.key, encoded.value.unwrap())
    }

    fn committed(groups: &GroupShard) -> Vec<i64> {
        let request = OffsetRequest::Fetch(FetchRequest {
            group: "readers".into(),
            member: None,
            member_epoch: -1,
            topics: None,
        });
        let image = MetadataImage::default();
        let request = GroupRequest::Offsets(request);
        let mut decision = groups.decide(NOW, RequestToken(0), request, &ImageTopics(&image));
        let Some(GroupEffect::Reply {
            reply: GroupReply::Offsets(OffsetReply::Fetch(Ok(topics))),
            ..
        }) = decision.effects.pop()
        else {
            panic!("no offsets");
        };
        let partitions = topics.into_iter().flat_map(|topic| topic.partitions);
        partitions
            .map(|fetched| fetched.committed.unwrap().offset.0)
            .collect()
    }

    #[test]
    fn batches_of_any_codec_are_read_and_unknown_records_passed_over() {
        let log = log();
        let (key, value) = offset(0, 7);
        append(
            &log,
            Codec::None,
            &[(&key, Some(&value)), (&[0, 99, 1], Some(&[0, 0]))],
        );
        let (key, newer) = (&key, [&[0, 77][..], &value[2..]].concat());
        append(&log, Codec::None, &[(key, Some(&newer))]);
        let (key, value) = offset(1, 8);
        append(&log, Codec::Lz4, &[(&key, Some(&value))]);
        let mut groups = GroupShard::new(GroupConfig::default());
        let end = load(&log, Offset(0), &mut groups).unwrap();
        assert_eq!(end, Offset(4));
        assert_eq!(committed(&groups), [7, 8]);
    }

    #[test]
    fn a_record_that_is_none_stops_the_load() {
        let log = log();
        let (key, value) = offset(0, 7);
        append(&log, Codec::None, &[(&key, Some(&value[..9]))]);
        let mut groups = GroupShard::new(GroupConfig::default());
        let error = load(&log, Offset(0), &mut groups).unwrap_err();
        assert!(
            error.to_string().contains("corrupt before offset 1"),
            "{error}"
        );
    }
}
