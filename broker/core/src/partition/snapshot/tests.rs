//! Snapshots are read as they were written, and a state that goes on from one
//! is the state that saw everything.

use proptest::prelude::*;

use super::*;
use crate::batch::{Attributes, BatchHeader};
use crate::partition::PartitionState;

/// Some producer's batch, where nobody checks whether it may be appended.
#[derive(Clone, Copy, Debug)]
struct Sent {
    producer: i64,
    producer_epoch: i16,
    sequence: i32,
    count: i32,
    leader_epoch: i32,
}

fn sent() -> impl Strategy<Value = Sent> {
    let sequence = prop_oneof![0..9i32, (i32::MAX - 6)..=i32::MAX];
    (-1..4i64, 0..3i16, sequence, 1..4i32, 0..3i32).prop_map(
        |(producer, producer_epoch, sequence, count, leader_epoch)| Sent {
            producer,
            producer_epoch,
            sequence,
            count,
            leader_epoch,
        },
    )
}

fn header(sent: Sent, base_offset: Offset) -> BatchHeader {
    BatchHeader {
        base_offset,
        batch_length: 100,
        leader_epoch: LeaderEpoch(sent.leader_epoch),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: sent.count - 1,
        base_timestamp_ms: 5,
        max_timestamp_ms: 7 + base_offset.0,
        producer_id: ProducerId(sent.producer),
        producer_epoch: ProducerEpoch(sent.producer_epoch),
        base_sequence: Sequence(sent.sequence),
        record_count: sent.count,
    }
}

fn one_producer() -> PartitionState {
    let mut state = PartitionState::empty_at(Offset(0));
    for number in 0..3 {
        let sent = Sent {
            producer: 4_000,
            producer_epoch: 2,
            sequence: 10 * number,
            count: 10,
            leader_epoch: 6,
        };
        state.replay(&header(sent, Offset(i64::from(10 * number))));
    }
    state
}

/// What Kafka's `ProducerStateManager.writeSnapshot` writes in front.
#[test]
fn the_front_of_a_snapshot_is_kafkas() {
    let file = one_producer().snapshot();
    let mut kafkas = vec![0, 0, 0, 1];
    kafkas.extend(4_000i64.to_be_bytes());
    kafkas.extend(2i16.to_be_bytes());
    kafkas.extend(29i32.to_be_bytes());
    kafkas.extend(29i64.to_be_bytes());
    kafkas.extend(9i32.to_be_bytes());
    kafkas.extend(27i64.to_be_bytes());
    kafkas.extend((-1i32).to_be_bytes());
    kafkas.extend((-1i64).to_be_bytes());
    assert_eq!(file[..2], [0, 1]);
    assert_eq!(file[2..6], crc32c::crc32c(&file[6..]).to_be_bytes());
    assert_eq!(file[6..6 + kafkas.len()], kafkas);
}

#[test]
fn kafkas_own_file_is_not_gone_on_from_for_it_knows_less() {
    let file = one_producer().snapshot();
    let mut kafkas = file[..6 + 4 + 46].to_vec();
    let crc = crc32c::crc32c(&kafkas[6..]);
    kafkas[2..6].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(decode(&kafkas), Err(SnapshotError::Foreign));
    let mut newer = file;
    newer[1] = 2;
    assert_eq!(decode(&newer), Err(SnapshotError::Foreign));
}

#[test]
fn a_snapshot_with_any_bit_changed_or_bytes_missing_is_refused() {
    let file = one_producer().snapshot();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            assert!(decode(&changed).is_err(), "bit {bit} of byte {at}");
        }
        assert!(decode(&file[..at]).is_err(), "cut at {at}");
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(1_000))]

    #[test]
    fn going_on_from_a_snapshot_is_going_on_from_the_beginning(
        story in proptest::collection::vec(sent(), 1..60),
        taken_at in 0.0..1.0,
    ) {
        let taken_at = (story.len() as f64 * taken_at) as usize;
        let mut whole = PartitionState::empty_at(Offset(0));
        let mut resumed = None;
        let mut end = Offset(0);
        for (number, sent) in story.into_iter().enumerate() {
            if number == taken_at {
                let snapshot = whole.snapshot();
                resumed = Some(PartitionState::resume(&snapshot).unwrap());
            }
            let header = header(sent, end);
            end = header.next_offset();
            whole.replay(&header);
            if let Some(resumed) = &mut resumed {
                resumed.replay(&header);
            }
        }
        let mut resumed = resumed.unwrap();
        resumed.finish_recovery(Offset(0), end);
        whole.finish_recovery(Offset(0), end);
        prop_assert_eq!(resumed.snapshot(), whole.snapshot());
        prop_assert_eq!(resumed.marks(), whole.marks());
        prop_assert_eq!(resumed, whole);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        count in 0..4i32,
        is_sealed: bool,
    ) {
        if is_sealed && bytes.len() >= 10 {
            bytes[..2].copy_from_slice(&[0, 1]);
            bytes[6..10].copy_from_slice(&count.to_be_bytes());
            let after = 10 + 46 * count as usize;
            if bytes.len() > after + 5 {
                bytes[after..after + 5].copy_from_slice(b"OTLA\x01");
            }
            let crc = crc32c::crc32c(&bytes[6..]);
            bytes[2..6].copy_from_slice(&crc.to_be_bytes());
        }
        if let Ok((producers, epochs)) = decode(&bytes) {
            // What a forger may have written is still a table that holds.
            let again = decode(&encode(&producers, &epochs)).unwrap();
            prop_assert_eq!(again, (producers, epochs));
        }
    }
}
