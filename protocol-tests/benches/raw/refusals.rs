//! What a broker refuses. Being quick by not looking does not count, so this
//! runs before anything is measured, against the same binary and settings.

use super::peers::{Peer, Storage};
use super::rivals::Rival;
use super::{driver, frames};

/// Where the fields of a batch lie.
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const RECORD_COUNT_AT: usize = 57;
const RECORDS_AT: usize = 61;

/// A fault, what Kafka answers, and how it is made of a batch that is whole.
type Fault = (&'static str, i16, fn(&mut Vec<u8>));

const FAULTS: &[Fault] = &[
    ("wrong checksum", 2, |batch| batch[CRC_AT] ^= 1),
    ("one bit of the payload flipped", 2, |batch| {
        let last = batch.len() - 3;
        batch[last] ^= 1;
    }),
    ("wrong batch length", 87, |batch| add(batch, LENGTH_AT, 1)),
    ("magic 9", 2, |batch| batch[MAGIC_AT] = 9),
    ("unknown codec", -1, |batch| {
        batch[ATTRIBUTES_AT + 1] = 7;
        write_checksum(batch);
    }),
    ("control batch from a client", 87, |batch| {
        batch[ATTRIBUTES_AT + 1] = 0x20;
        write_checksum(batch);
    }),
    (
        "record count other than the last offset delta",
        87,
        |batch| {
            add(batch, RECORD_COUNT_AT, 1);
            write_checksum(batch);
        },
    ),
    ("record count other than the records", 87, |batch| {
        add(batch, RECORD_COUNT_AT, 1);
        add(batch, LAST_OFFSET_DELTA_AT, 1);
        write_checksum(batch);
    }),
    ("wrong record length", 87, |batch| {
        batch[RECORDS_AT] += 2;
        write_checksum(batch);
    }),
];

/// Sends each faulty batch to each broker. Panics when Ottla, or Apache Kafka,
/// does not refuse it with Kafka's error code.
pub fn check() {
    let mut peers = vec![Peer::Broker(Storage::Disk), Peer::Broker(Storage::Memory)];
    peers.extend(Rival::present().into_iter().map(Peer::Rival));
    let running: Vec<_> = peers.iter().map(|peer| (*peer, peer.start())).collect();
    let names: Vec<String> = peers.iter().map(Peer::to_string).collect();
    println!("\n## faulty batches, and the error code each is refused with\n");
    println!(
        "| | {} |\n|---{}|",
        names.join(" | "),
        "|---".repeat(peers.len())
    );
    for (name, expected, damage) in FAULTS {
        let frame = frames::produce_damaged(damage);
        let codes = running.iter().map(|(peer, running)| {
            let answer = driver::ask(running.address(), &frame);
            let (code, _) = frames::produced(&answer);
            let may_differ = *peer == Peer::Rival(Rival::Kfake);
            assert!(
                may_differ || code == *expected,
                "{peer} answers {code} to {name}"
            );
            code.to_string()
        });
        println!("| {name} | {} |", codes.collect::<Vec<_>>().join(" | "));
    }
}

/// Adds to a 32-bit number.
fn add(batch: &mut [u8], at: usize, more: i32) {
    let mut field = [0; 4];
    field.copy_from_slice(&batch[at..at + 4]);
    let sum = i32::from_be_bytes(field) + more;
    batch[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}

fn write_checksum(batch: &mut [u8]) {
    let checksum = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&checksum.to_be_bytes());
}
