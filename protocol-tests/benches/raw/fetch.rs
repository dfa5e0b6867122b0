//! How fast does what lies in the page cache reach a reader?
//!
//! The limits are a file that goes to the socket by sendfile, and the same by
//! pread and write. The reader has the kernel drop the bytes, so that its own
//! copying is in nobody's way.

use super::files::{ANSWER_BYTES, FILE_BYTES};
use super::frames::Frame;
use super::peers::{Peer, Storage};
use super::process::Running;
use super::report::{Table, Verdicts};
use super::rivals::Rival;
use super::{Effort, driver, frames};

const IN_FLIGHT: usize = 2;
/// How often the log is read from its beginning.
const TIMES: usize = 4;

pub fn measure(effort: &Effort, verdicts: &mut Verdicts) {
    let mut table = Table::new("fetch of 1 MiB, warm, 1 connection x 2");
    let batch = frames::produce(1024, 64 << 10);
    let mut peers = vec![
        Peer::SendFile,
        Peer::CopyFile,
        Peer::Broker(Storage::Disk),
        Peer::Broker(Storage::Memory),
    ];
    peers.extend(Rival::present().into_iter().map(Peer::Rival));
    let running: Vec<_> = peers.iter().map(|peer| (*peer, peer.start())).collect();
    for (peer, running) in &running {
        if peer.is_broker() {
            let requests = FILE_BYTES as usize / batch.records_bytes();
            driver::saturate(running.address(), &batch, requests, 1, 8);
            // Once for nothing.
            read(running, &batch, effort);
        }
    }
    for _ in 0..effort.rounds {
        let (mut rate_limit, mut cpu_limit) = (0.0_f64, 0.0);
        for (peer, running) in &running {
            let (rate, cost) = read(running, &batch, effort);
            table.add(&format!("{peer}: MB/s"), rate);
            table.add(&format!("{peer}: CPU-s/GB"), cost);
            if peer.is_broker() {
                table.add(
                    &format!("{peer}: throughput, of the better limit's"),
                    rate / rate_limit,
                );
                table.add(
                    &format!("{peer}: CPU, of the better limit's"),
                    cost / cpu_limit,
                );
            } else if rate > rate_limit {
                (rate_limit, cpu_limit) = (rate, cost);
            }
        }
    }
    table.print();
    judge(&table, verdicts);
}

fn judge(table: &Table, verdicts: &mut Verdicts) {
    verdicts.at_least(
        "warm fetch of 1 MiB, disk: throughput, of the better limit's",
        0.85,
        table,
        "ottla, disk: throughput, of the better limit's",
    );
    verdicts.at_most(
        "warm fetch of 1 MiB, disk: processor time for a byte, of the better limit's",
        1.2,
        table,
        "ottla, disk: CPU, of the better limit's",
    );
    if let Some(kafka) = table.median("Apache Kafka: MB/s") {
        verdicts.at_least(
            "warm fetch of 1 MiB, disk: MB/s, as Apache Kafka's",
            kafka.round(),
            table,
            "ottla, disk: MB/s",
        );
    }
}

/// Reads the log front to back, some times. Megabytes a second, and processor
/// seconds for a gigabyte.
fn read(running: &Running, batch: &Frame, effort: &Effort) -> (f64, f64) {
    let batches_each = ANSWER_BYTES / batch.records_bytes();
    let records_each = batches_each * batch.records();
    let answers = FILE_BYTES as usize / batch.records_bytes() / batches_each;
    let once = (0..answers).map(|answer| (answer * records_each) as i64);
    let fetches: Vec<Frame> = std::iter::repeat_n(once, TIMES)
        .flatten()
        .map(|offset| frames::fetch(offset, ANSWER_BYTES as i32))
        .take(answers * TIMES / effort.divisor)
        .collect();
    let before = running.cpu_seconds();
    let (seconds, bytes) = driver::drain(running.address(), &fetches, IN_FLIGHT);
    let cpu = running.cpu_seconds() - before;
    // Some brokers leave out the last batch when it comes close to the limit.
    let least = fetches.len() * (batches_each - 1) * batch.records_bytes();
    assert!(
        bytes >= least,
        "answers are short: {bytes} of {least} bytes"
    );
    let megabytes = bytes as f64 / 1e6;
    (megabytes / seconds, cpu / megabytes * 1e3)
}
