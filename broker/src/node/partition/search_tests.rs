//! ListOffsets against a plain list of records: in memory and on disk, over
//! compressed batches, segments, deletions, and timestamps in any order.

use bytes::BytesMut;
use ottla_core::batch::{Codec, RecordBatchBuilder};
use proptest::prelude::*;

use super::tests::{CLIENT, NOW, settings};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A batch of records with these timestamps.
    Append(Vec<i64>, Codec),
    /// Deletes that share of the records, in 255ths.
    Delete(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let timestamp = prop_oneof![9 => 0i64..60, 1 => Just(-1)];
    let codec = prop::sample::select(vec![Codec::None, Codec::Gzip, Codec::Lz4, Codec::Snappy]);
    prop_oneof![
        8 => (prop::collection::vec(timestamp, 1..5), codec)
            .prop_map(|(timestamps, codec)| Step::Append(timestamps, codec)),
        1 => any::<u8>().prop_map(Step::Delete),
    ]
}

/// What is in the partition.
#[derive(Default)]
struct Model {
    /// By offset.
    timestamps_ms: Vec<i64>,
    log_start: usize,
}

impl Model {
    fn first(&self, matches: impl Fn(i64) -> bool) -> Option<(i64, i64)> {
        let readable = self.timestamps_ms.iter().enumerate().skip(self.log_start);
        readable
            .map(|(offset, &timestamp_ms)| (offset as i64, timestamp_ms))
            .find(|&(_, timestamp_ms)| matches(timestamp_ms))
    }

    fn at_least(&self, wanted_ms: i64) -> Option<(i64, i64)> {
        self.first(|timestamp_ms| timestamp_ms >= wanted_ms)
    }

    fn largest(&self) -> Option<(i64, i64)> {
        let largest_ms = self.timestamps_ms[self.log_start..].iter().max()?;
        self.first(|timestamp_ms| timestamp_ms == *largest_ms)
    }
}

fn open_in(storage: &Arc<Storage>) -> Arc<Partition> {
    let mut settings = settings();
    settings.rules.timestamp_before_max_ms = i64::MAX;
    settings.log.segment_bytes = 700;
    settings.log.index_interval_bytes = 100;
    let (id, index) = (TopicId([1; 16]), PartitionIndex(0));
    Partition::open(storage, "topic-0", id, index, LeaderEpoch(3), settings)
}

fn batch(timestamps_ms: &[i64], codec: Codec) -> BytesMut {
    let mut builder = RecordBatchBuilder::new();
    for timestamp_ms in timestamps_ms {
        builder
            .push(*timestamp_ms, None, Some(b"twenty bytes of it"), &[])
            .unwrap();
    }
    builder.build_compressed(codec).unwrap()
}

fn find(partition: &Arc<Partition>, search: Search) -> Option<(i64, i64)> {
    let query = OffsetQuery {
        search,
        reader: Reader::Consumer,
        current_leader_epoch: LeaderEpoch::NONE,
    };
    let found = partition.plan_search(query).unwrap().find().unwrap();
    found.map(|found| (found.offset.0, found.timestamp_ms))
}

fn run(partition: &Arc<Partition>, steps: &[Step]) {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append(timestamps_ms, codec) => {
                partition
                    .append(NOW, batch(timestamps_ms, *codec), CLIENT)
                    .unwrap();
                model.timestamps_ms.extend(timestamps_ms);
            }
            Step::Delete(share) => {
                let left = model.timestamps_ms.len() - model.log_start;
                model.log_start += left * usize::from(*share) / 255;
                let before = Offset(model.log_start as i64);
                partition.delete_records(Some(before)).unwrap();
            }
        }
        let log_end = model.timestamps_ms.len() as i64;
        assert_eq!(find(partition, Search::Latest), Some((log_end, -1)));
        let log_start = model.log_start as i64;
        assert_eq!(find(partition, Search::Earliest), Some((log_start, -1)));
        assert_eq!(find(partition, Search::MaxTimestamp), model.largest());
        for timestamp_ms in (0..62).step_by(3) {
            let found = find(partition, Search::AtLeast { timestamp_ms });
            assert_eq!(
                found,
                model.at_least(timestamp_ms),
                "from {timestamp_ms} on"
            );
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(48))]

    #[test]
    fn a_search_finds_what_a_plain_list_holds(
        steps in prop::collection::vec(any_step(), 1..40),
        on_disk: bool,
    ) {
        if on_disk {
            let folder = tempfile::tempdir().unwrap();
            let storage = Storage::open(folder.path()).unwrap();
            run(&open_in(&storage), &steps);
        } else {
            run(&open_in(&Storage::in_memory()), &steps);
        }
    }
}
