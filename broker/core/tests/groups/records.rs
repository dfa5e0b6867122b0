//! The records of `__consumer_offsets`, held against bytes Apache Kafka wrote.

use bytes::Bytes;
use ottla_core::group::GroupRecord;
use ottla_core::group::record::offset::CommittedOffset;
use ottla_core::group::record::{EncodedRecord, OffsetRecord};
use ottla_core::ids::{Offset, PartitionIndex, TopicId};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_unknown_or_an_error(
        key in prop::collection::vec(any::<u8>(), 0..40),
        kind in 0i16..18,
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..120)),
        version in 0i16..6,
    ) {
        let mut typed_key = kind.to_be_bytes().to_vec();
        typed_key.extend(&key);
        let value = value.map(|value| {
            let mut versioned = version.to_be_bytes().to_vec();
            versioned.extend(value);
            Bytes::from(versioned)
        });
        let _ = GroupRecord::decode(&Bytes::from(key), value.as_ref());
        let _ = GroupRecord::decode(&Bytes::from(typed_key), value.as_ref());
    }

    #[test]
    fn an_offset_comes_back_as_it_was_written(
        group in ".{0,20}",
        topic in "[a-z.]{1,20}",
        partition: i32,
        offset: i64,
        leader_epoch in prop::option::of(0i32..),
        metadata in ".{0,40}",
        commit_timestamp_ms: i64,
        topic_id: [u8; 16],
        delete: bool,
    ) {
        let record = GroupRecord::Offset(OffsetRecord {
            group: group.as_str().into(),
            topic: topic.as_str().into(),
            partition: PartitionIndex(partition),
            committed: (!delete).then_some(CommittedOffset {
                offset: Offset(offset),
                leader_epoch,
                metadata,
                commit_timestamp_ms,
                expire_timestamp_ms: None,
                topic_id: TopicId(topic_id),
            }),
        });
        let EncodedRecord { key, value } = record.encode();
        prop_assert_eq!(GroupRecord::decode(&key, value.as_ref()).unwrap(), Some(record));
        // Every shorter value is refused, none is read past its end.
        if let Some(value) = value {
            for length in 0..value.len() {
                let cut = value.slice(..length);
                prop_assert!(GroupRecord::decode(&key, Some(&cut)).is_err());
            }
        }
    }
}
