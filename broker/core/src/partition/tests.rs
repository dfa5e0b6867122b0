//! Stories of batches that arrive at a partition, and then anything at all.

use proptest::prelude::*;

use super::*;
use crate::batch::crc::checksum;
use crate::batch::header::stamp_position;
use crate::batch::record::RecordError;
use crate::batch::{Attributes, BATCH_HEADER_BYTES, BatchHeader, Codec, RecordBatchBuilder};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
use crate::time::Now;

const NOW: Now = Now {
    monotonic_ms: 0,
    wall_ms: 1_700_000_000_000,
};
const CLIENT: AppendOrigin = AppendOrigin::Client { zstd_allowed: true };

fn builder(count: i32) -> RecordBatchBuilder {
    let mut builder = RecordBatchBuilder::new();
    for index in 0..count {
        let value = [b'v'; 10];
        builder
            .push(
                NOW.wall_ms + i64::from(index),
                Some(b"key"),
                Some(&value),
                &[],
            )
            .unwrap();
    }
    builder
}

fn batch(count: i32) -> Vec<u8> {
    builder(count).build().to_vec()
}

/// The batch with header bytes changed and the checksum made to fit again.
fn forged(mut batch: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let sum = checksum(&batch);
    batch[17..21].copy_from_slice(&sum.to_be_bytes());
    batch
}

fn check_batch(
    rules: &AppendRules,
    now: Now,
    origin: AppendOrigin,
    bytes: &[u8],
) -> Result<BatchHeader, AppendRefusal> {
    prepare_batch(rules, now, origin, &mut bytes.to_vec()).map(|prepared| prepared.header)
}

fn check(bytes: &[u8]) -> Result<BatchHeader, AppendRefusal> {
    check_batch(&AppendRules::default(), NOW, CLIENT, bytes)
}

/// One partition and its log, as the shell drives them.
struct Story {
    state: PartitionState,
    log: Vec<BatchHeader>,
}

impl Story {
    fn begin() -> Story {
        let mut state = PartitionState::empty_at(Offset(0));
        state.become_leader(LeaderEpoch(0));
        Story {
            state,
            log: Vec::new(),
        }
    }

    fn append(&mut self, mut bytes: Vec<u8>) -> Result<AppendDecision, AppendRefusal> {
        let header = check(&bytes)?;
        let decision = self.state.decide_append(CLIENT, &header)?;
        if let AppendDecision::Append {
            base_offset,
            leader_epoch,
        } = decision
        {
            stamp_position(&mut bytes, base_offset, leader_epoch);
            let stamped = BatchHeader::parse(&bytes).unwrap();
            self.state.replay(&stamped);
            self.log.push(stamped);
        }
        Ok(decision)
    }
}

fn placed_at(base_offset: i64) -> Result<AppendDecision, AppendRefusal> {
    Ok(AppendDecision::Append {
        base_offset: Offset(base_offset),
        leader_epoch: LeaderEpoch(0),
    })
}

#[test]
fn each_batch_begins_where_the_one_before_ended() {
    let mut story = Story::begin();
    assert_eq!(story.append(batch(3)), placed_at(0));
    assert_eq!(story.append(batch(1)), placed_at(3));
    assert_eq!(story.append(batch(5)), placed_at(4));
    assert_eq!(story.state.marks().log_end, Offset(9));
    assert_eq!(
        story.state.marks().high_watermark,
        Offset(0),
        "the shell says what is committed"
    );
}

#[test]
fn a_lost_acknowledgement_does_not_append_twice() {
    let mut story = Story::begin();
    let numbered = |sequence| {
        let producer = (ProducerId(9), ProducerEpoch(0), Sequence(sequence));
        builder(2)
            .with_producer(producer.0, producer.1, producer.2)
            .build()
            .to_vec()
    };
    assert_eq!(story.append(batch(4)), placed_at(0));
    assert_eq!(story.append(numbered(0)), placed_at(4));
    assert_eq!(story.append(numbered(2)), placed_at(6));
    let again = story.append(numbered(0));
    let first = AppendDecision::Duplicate {
        base_offset: Offset(4),
        last_offset: Offset(5),
        timestamp_ms: NOW.wall_ms + 1,
    };
    assert_eq!(again, Ok(first));
    assert_eq!(story.state.marks().log_end, Offset(8));
}

#[test]
fn what_is_replayed_after_a_restart_is_what_was_known_before() {
    let mut story = Story::begin();
    for sequence in 0..8 {
        let numbered =
            builder(1).with_producer(ProducerId(1), ProducerEpoch(0), Sequence(sequence));
        story.append(numbered.build().to_vec()).unwrap();
    }
    story.state.raise_high_watermark(Offset(8));
    let mut recovered = PartitionState::empty_at(Offset(0));
    for header in &story.log {
        recovered.replay(header);
    }
    recovered.finish_recovery(Offset(0), Offset(8));
    recovered.become_leader(LeaderEpoch(0));
    assert_eq!(recovered, story.state);
}

#[test]
fn a_log_that_retention_emptied_goes_on_where_it_was() {
    let mut state = PartitionState::empty_at(Offset(0));
    state.finish_recovery(Offset(120), Offset(120));
    state.become_leader(LeaderEpoch(3));
    let marks = state.marks();
    assert_eq!((marks.log_start, marks.log_end), (Offset(120), Offset(120)));
    let header = check(&batch(1)).unwrap();
    let place = AppendDecision::Append {
        base_offset: Offset(120),
        leader_epoch: LeaderEpoch(3),
    };
    assert_eq!(state.decide_append(CLIENT, &header), Ok(place));
}

#[test]
fn records_are_deleted_up_to_the_high_watermark_and_no_further() {
    let mut story = Story::begin();
    story.append(batch(4)).unwrap();
    let refused = |before| {
        Err(DeleteRefusal {
            before: Offset(before),
            high_watermark: Offset(0),
        })
    };
    let state = &story.state;
    assert_eq!(state.decide_delete_records(Some(Offset(1))), refused(1));
    assert_eq!(state.decide_delete_records(Some(Offset(-1))), refused(-1));
    assert_eq!(state.decide_delete_records(None), Ok(Offset(0)));
    story.state.raise_high_watermark(Offset(4));
    assert_eq!(story.state.decide_delete_records(None), Ok(Offset(4)));
    story.state.raise_log_start(Offset(3));
    let before = story.state.decide_delete_records(Some(Offset(2)));
    assert_eq!(before, Ok(Offset(3)), "the start never goes back");
}

/// The nine faults of `docs/performance.md`'s comparison with other brokers.
#[test]
fn the_nine_faulty_batches_are_refused_as_kafka_refuses_them() {
    use AppendRefusal as Refused;
    let good = batch(3);
    let mut wrong_sum = good.clone();
    wrong_sum[17] ^= 1;
    assert_eq!(check(&wrong_sum), Err(Refused::Checksum));
    let mut flipped = good.clone();
    flipped[80] ^= 1;
    assert_eq!(check(&flipped), Err(Refused::Checksum));
    let mut too_long = good.clone();
    too_long[11] += 1;
    assert_eq!(check(&too_long), Err(Refused::NoWholeBatch));
    let mut magic = good.clone();
    magic[16] = 9;
    assert_eq!(check(&magic), Err(Refused::UnknownMagic(9)));
    assert_eq!(
        check(&forged(good.clone(), 22, &[5])),
        Err(Refused::UnknownCodec)
    );
    assert_eq!(
        check(&forged(good.clone(), 22, &[0x20])),
        Err(Refused::ControlBatch)
    );
    let counts = Refused::Counts {
        record_count: 3,
        last_offset_delta: 3,
    };
    assert_eq!(check(&forged(good.clone(), 26, &[3])), Err(counts));
    let both_claim_four = forged(forged(good.clone(), 26, &[3]), 60, &[4]);
    let missing = Refused::Records(RecordError::Missing { index: 3 });
    assert_eq!(check(&both_claim_four), Err(missing));
    let lengths = check(&forged(
        good.clone(),
        BATCH_HEADER_BYTES,
        &[good[BATCH_HEADER_BYTES] + 2],
    ));
    assert!(matches!(lengths, Err(Refused::Records(_))), "{lengths:?}");
    assert!(check(&good).is_ok());
}

#[test]
fn a_partition_gets_exactly_one_batch() {
    use AppendRefusal as Refused;
    assert_eq!(check(&[]), Err(Refused::NoWholeBatch));
    assert_eq!(
        check(&[batch(1), batch(1)].concat()),
        Err(Refused::SeveralBatches)
    );
    let mut short = batch(1);
    short[8..12].copy_from_slice(&13i32.to_be_bytes());
    assert_eq!(check(&short), Err(Refused::Length(13)));
    let mut old = batch(1);
    old[16] = 1;
    assert_eq!(check(&old), Err(Refused::OldMagic(1)));
}

#[test]
fn bytes_behind_the_batch_that_are_no_batch_are_left_out() {
    let good = batch(2);
    let header = check(&[&good[..], b"tail"].concat()).unwrap();
    assert_eq!(header.size_bytes(), good.len());
}

#[test]
fn limits_of_size_are_checked_in_kafkas_order() {
    let rules = AppendRules {
        max_message_bytes: 100,
        segment_bytes: 90,
        ..AppendRules::default()
    };
    let size_bytes = batch(2).len();
    let too_large = AppendRefusal::TooLarge {
        size_bytes,
        max_bytes: 100,
    };
    assert_eq!(check_batch(&rules, NOW, CLIENT, &batch(2)), Err(too_large));
    let rules = AppendRules {
        max_message_bytes: 1_000,
        ..rules
    };
    let no_segment = AppendRefusal::LargerThanSegment {
        size_bytes,
        segment_bytes: 90,
    };
    assert_eq!(check_batch(&rules, NOW, CLIENT, &batch(2)), Err(no_segment));
}

#[test]
fn an_idempotent_batch_needs_a_sequence_and_a_client_no_offset_or_transaction() {
    let unnumbered = builder(1)
        .with_producer(ProducerId(3), ProducerEpoch(0), Sequence::NONE)
        .build();
    assert!(matches!(
        check(&unnumbered),
        Err(AppendRefusal::BaseSequence { .. })
    ));
    let mut moved = batch(1);
    stamp_position(&mut moved, Offset(5), LeaderEpoch(-1));
    assert_eq!(check(&moved), Err(AppendRefusal::BaseOffset(Offset(5))));
    let attributes = Attributes::default().with_transactional();
    let transactional = builder(1).with_attributes(attributes).build();
    assert_eq!(check(&transactional), Err(AppendRefusal::Transactional));
}

#[test]
fn zstandard_is_refused_only_where_the_request_is_too_old_for_it() {
    let zstd = forged(batch(1), 22, &[4]);
    assert!(check(&zstd).is_ok(), "it is passed through, not inflated");
    let old = AppendOrigin::Client {
        zstd_allowed: false,
    };
    let refused = check_batch(&AppendRules::default(), NOW, old, &zstd);
    assert_eq!(refused, Err(AppendRefusal::ZstdNotAllowed));
}

#[test]
fn compressed_records_are_looked_into_only_when_asked() {
    let mut lying = builder(3).build_compressed(Codec::Lz4).unwrap().to_vec();
    lying = forged(forged(lying, 26, &[3]), 60, &[4]);
    assert!(check(&lying).is_ok());
    let rules = AppendRules {
        validate_compressed: true,
        ..AppendRules::default()
    };
    let missing = AppendRefusal::Records(RecordError::Missing { index: 3 });
    assert_eq!(check_batch(&rules, NOW, CLIENT, &lying), Err(missing));
}

#[test]
fn a_coordinator_may_write_a_control_batch() {
    let control = builder(1)
        .with_attributes(Attributes::default().with_control())
        .build();
    assert!(check(&control).is_err());
    let rules = AppendRules::default();
    assert!(check_batch(&rules, NOW, AppendOrigin::Coordinator, &control).is_ok());
}

#[test]
fn a_reader_with_other_records_is_told_where_its_log_parted() {
    let mut state = PartitionState::empty_at(Offset(0));
    for (epoch, base_offset) in [(2, 0), (4, 10)] {
        let bytes = placed_batch(base_offset, epoch);
        state.replay(&BatchHeader::parse(&bytes).unwrap());
    }
    let end = state.marks().log_end;
    let compare = |epoch, offset| state.compare(LeaderEpoch(epoch), Offset(offset));
    let parted = |epoch, end| ReaderLog::Parted {
        epoch: LeaderEpoch(epoch),
        end: Offset(end),
    };
    assert_eq!(compare(2, 10), ReaderLog::Agrees);
    assert_eq!(compare(4, end.0), ReaderLog::Agrees);
    assert_eq!(
        compare(2, 11),
        parted(2, 10),
        "it read on in an epoch that was over"
    );
    assert_eq!(compare(3, 10), parted(2, 10), "nobody led in epoch 3");
    assert_eq!(compare(4, end.0 + 1), parted(4, end.0));
    assert_eq!(compare(5, 0), ReaderLog::Unknown);
    assert_eq!(compare(-1, 1_000), ReaderLog::Agrees, "it does not say");
}

fn placed_batch(base_offset: i64, epoch: i32) -> Vec<u8> {
    let mut bytes = batch(10);
    stamp_position(&mut bytes, Offset(base_offset), LeaderEpoch(epoch));
    bytes
}

proptest! {
    #[test]
    fn any_bytes_are_checked_without_a_panic(bytes: Vec<u8>, compacted: bool) {
        let rules = AppendRules { compacted, validate_compressed: true, ..AppendRules::default() };
        let _ = check_batch(&rules, NOW, CLIENT, &bytes);
    }

    #[test]
    fn a_damaged_batch_is_refused_or_placed_and_never_panics(
        count in 1..5i32,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        mend_checksum: bool,
    ) {
        let mut bytes = batch(count);
        for (position, byte) in changes {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if mend_checksum {
            let sum = checksum(&bytes);
            bytes[17..21].copy_from_slice(&sum.to_be_bytes());
        }
        let rules = AppendRules {
            compacted: true, validate_compressed: true, ..AppendRules::default()
        };
        let _ = check_batch(&rules, NOW, CLIENT, &bytes);
        let mut story = Story::begin();
        if story.append(bytes).is_ok() {
            prop_assert_eq!(story.state.marks().log_end, Offset(i64::from(count)));
        }
    }

    #[test]
    fn offsets_are_dense_whatever_is_appended(counts in proptest::collection::vec(1..50i32, 1..30)) {
        let mut story = Story::begin();
        let mut end = 0;
        for count in counts {
            prop_assert_eq!(story.append(batch(count)), placed_at(end));
            end += i64::from(count);
        }
        prop_assert_eq!(story.state.marks().log_end, Offset(end));
    }
}
