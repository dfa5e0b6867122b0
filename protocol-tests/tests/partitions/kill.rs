//! `ottla serve` killed in the middle of its work, again and again: rows 2, 3,
//! 5, 11 and what acks=1 and acks=all promise when the machine stays up.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use ottla_core::batch::Codec;
use protocol_tests::batches::{OwnedRecord, ProducerStamp, batch, records_of};

use crate::back_ends::process::Served;
use crate::cluster::{Cluster, Command, Outcome, Place};
use crate::wire::Wire;

/// How often it is killed without `KILL_CYCLES`.
const CYCLES: usize = 10;

const PRODUCERS: i64 = 4;

/// What one producer knows across the lives of the broker.
#[derive(Default)]
struct Producer {
    /// Values by offset, as acknowledged.
    acknowledged: BTreeMap<i64, Vec<u8>>,
    next_sequence: i32,
    /// Sent and not answered: sent again to the next life.
    unanswered: Option<(i32, Vec<u8>)>,
}

impl Producer {
    /// Sends until the connection breaks. A batch whose answer was lost is sent
    /// again, as idempotent producers do.
    fn work(
        &mut self,
        id: i64,
        wire: &mut Wire,
        place: &Place,
        is_over: &AtomicBool,
        count: &AtomicI64,
    ) {
        while !is_over.load(Ordering::Relaxed) {
            let next = self.next_sequence;
            let (sequence, value) = self
                .unanswered
                .get_or_insert_with(|| (next, format!("{id}:{next}").into_bytes()));
            let stamp = ProducerStamp {
                producer_id: 9_000 + id,
                epoch: 0,
                base_sequence: *sequence,
            };
            let record = OwnedRecord::of_value(1_750_000_000_000, value.clone());
            let produce = Command::Produce {
                place: place.clone(),
                batch: batch(&[record], Codec::None, Some(stamp)),
            };
            let Ok(outcome) = wire.try_perform(&produce) else {
                return;
            };
            let Outcome::Produced {
                code: 0,
                base_offset,
                ..
            } = outcome
            else {
                panic!("producer {id}, sequence {sequence}: {outcome:?}");
            };
            let before = self.acknowledged.insert(base_offset, value.clone());
            assert!(before.is_none(), "offset {base_offset} was given twice");
            self.next_sequence = *sequence + 1;
            self.unanswered = None;
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn place() -> Place {
    Place {
        topic: "killed".to_owned(),
        partition: 0,
    }
}

/// Everything that can be read, by offset.
fn read_all(served: &mut Served) -> BTreeMap<i64, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut offset = 0;
    loop {
        let fetch = Command::Fetch {
            place: place(),
            offset,
            partition_bytes_max: 8 << 20,
            bytes_max: 8 << 20,
        };
        let Outcome::Fetched {
            code: 0, records, ..
        } = served.perform(&fetch)
        else {
            panic!("cannot read from {offset}");
        };
        let records = records_of(&records).unwrap();
        let Some((last, _)) = records.last() else {
            return all;
        };
        offset = last + 1;
        all.extend(
            records
                .into_iter()
                .map(|(at, record)| (at, record.value.unwrap())),
        );
    }
}

/// Rows 2, 3, 5 and 11: no acknowledged record is lost to `kill -9`, none is
/// there twice, and a value read once is read again.
#[test]
fn row_11_what_a_killed_process_acknowledged_is_there_once_in_its_next_life() {
    let cycles = std::env::var("KILL_CYCLES").ok();
    let cycles = cycles.map_or(CYCLES, |cycles| {
        cycles.parse().expect("KILL_CYCLES is a number")
    });
    let mut served = Served::start();
    let outcome = served.perform(&Command::CreateTopic {
        topic: place().topic,
        settings: vec![("retention.ms".to_owned(), "-1".to_owned())],
    });
    assert_eq!(outcome, Outcome::Done { code: 0 });
    let producers: Vec<Mutex<Producer>> = (0..PRODUCERS).map(|_| Mutex::default()).collect();
    let mut read_before = BTreeMap::new();
    for cycle in 0..cycles {
        let is_over = AtomicBool::new(false);
        let count = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for (id, producer) in producers.iter().enumerate() {
                let mut wire = Wire::connect(served.address());
                let (is_over, count) = (&is_over, &count);
                scope.spawn(move || {
                    let mut producer = producer.lock().unwrap();
                    producer.work(id as i64, &mut wire, &place(), is_over, count);
                });
            }
            // In the middle of it, at another moment each time.
            while count.load(Ordering::Relaxed) < 50 + (cycle as i64 * 37) % 200 {
                std::thread::sleep(Duration::from_millis(1));
            }
            served.kill();
            is_over.store(true, Ordering::Relaxed);
        });
        served.start_again();
        let found = read_all(&mut served);
        for producer in &producers {
            for (offset, value) in &producer.lock().unwrap().acknowledged {
                assert_eq!(
                    found.get(offset),
                    Some(value),
                    "at {offset}, in cycle {cycle}"
                );
            }
        }
        for (offset, value) in &read_before {
            assert_eq!(
                found.get(offset),
                Some(value),
                "at {offset}: read before cycle {cycle}"
            );
        }
        let distinct: std::collections::BTreeSet<&Vec<u8>> = found.values().collect();
        assert_eq!(distinct.len(), found.len(), "a value is there twice");
        assert!(
            found.keys().copied().eq(0..found.len() as i64),
            "offsets are dense"
        );
        read_before = found;
    }
    println!("{cycles} lives, {} records", read_before.len());
}
