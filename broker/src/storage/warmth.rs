//! What of the files lies in the page cache, as far as this process can tell.
//!
//! Owns a guess, and bounds it. Nothing that a library free of C may ask says
//! whether reading will wait for the disk, but who wrote or read a chunk lately
//! finds it in memory as a rule. A wrong guess costs what it costs Apache
//! Kafka's network threads: one of them waits for one read. Knows no file.
//!
//! ```text
//! Warmth (of a disk) ── a clock that counts chunks made warm
//!   └ WarmChunks (of a file) ── when each chunk was; warm while fewer than
//!                               a budget of chunks were after it
//! ```

use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A chunk is warm as a whole or not at all.
pub(super) const CHUNK_BYTES: u64 = 256 << 10;

/// What is taken to be in memory is at most this part of what was available
/// when the disk was opened,
const SHARE_OF_MEMORY: u64 = 4;

/// and this where nobody says how much that is.
const WARM_BYTES_UNTOLD: u64 = 64 << 20;

/// How many chunks of all files may count as warm.
#[derive(Debug)]
pub(super) struct Warmth {
    budget: u64,
    /// The time the last chunk was made warm; the first one is at 1.
    clock: AtomicU64,
}

impl Warmth {
    /// As many as a share of this machine's memory, or of this container's, can
    /// hold.
    pub fn of_this_machine() -> Arc<Warmth> {
        let available = available_bytes().map(|bytes| bytes / SHARE_OF_MEMORY);
        Warmth::of_bytes(available.unwrap_or(WARM_BYTES_UNTOLD))
    }

    fn of_bytes(bytes: u64) -> Arc<Warmth> {
        Arc::new(Warmth {
            budget: bytes / CHUNK_BYTES,
            clock: AtomicU64::new(0),
        })
    }

    fn is_warm(&self, time: u64) -> bool {
        self.made_warm_since(time) < self.budget
    }

    /// Chunks that are used now. The clock stands still while one is young, so
    /// that the same chunk used often does not age the others.
    fn use_all(&self, times: &mut [u64]) {
        for time in times {
            if self.made_warm_since(*time) >= self.budget / 2 {
                *time = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
            }
        }
    }

    fn made_warm_since(&self, time: u64) -> u64 {
        match time {
            0 => u64::MAX,
            time => self.clock.load(Ordering::Relaxed).saturating_sub(time),
        }
    }
}

/// Which chunks of one file are warm.
#[derive(Debug)]
pub(super) struct WarmChunks {
    warmth: Arc<Warmth>,
    /// By number: when it was made warm, 0 for never.
    times: Mutex<Vec<u64>>,
}

impl WarmChunks {
    pub fn none(warmth: &Arc<Warmth>) -> WarmChunks {
        WarmChunks {
            warmth: Arc::clone(warmth),
            times: Mutex::default(),
        }
    }

    /// Whether these bytes are in memory, to all appearances. Who asks is about
    /// to read them: they stay warm.
    pub fn cover(&self, position: u64, length: usize) -> bool {
        let mut times = self.times();
        let Some(times) = times.get_mut(chunks_with(position, length)) else {
            return false;
        };
        let are_warm = times.iter().all(|time| self.warmth.is_warm(*time));
        if are_warm {
            self.warmth.use_all(times);
        }
        are_warm
    }

    /// These bytes were read, and those beside them in their chunks.
    pub fn read(&self, position: u64, length: usize) {
        self.make_warm(&mut self.times(), chunks_with(position, length));
    }

    /// These bytes were written. What lies in front of them in the same chunk
    /// may be cold.
    pub fn written(&self, position: u64, length: usize) {
        let mut times = self.times();
        let mut chunks = chunks_with(position, length);
        let is_warm_before = position.is_multiple_of(CHUNK_BYTES) || {
            let time = times.get(chunks.start);
            time.is_some_and(|time| self.warmth.is_warm(*time))
        };
        if !is_warm_before {
            chunks.start += 1;
        }
        self.make_warm(&mut times, chunks);
    }

    fn make_warm(&self, times: &mut Vec<u64>, chunks: Range<usize>) {
        if times.len() < chunks.end {
            times.resize(chunks.end, 0);
        }
        self.warmth.use_all(&mut times[chunks]);
    }

    fn times(&self) -> MutexGuard<'_, Vec<u64>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes from the beginning of the first chunk to the end of the last one
/// that holds some of these.
pub(super) fn whole_chunks(position: u64, length: usize) -> Range<u64> {
    let chunks = chunks_with(position, length);
    chunks.start as u64 * CHUNK_BYTES..chunks.end as u64 * CHUNK_BYTES
}

fn chunks_with(position: u64, length: usize) -> Range<usize> {
    let end = (position + length as u64).div_ceil(CHUNK_BYTES);
    (position / CHUNK_BYTES) as usize..end as usize
}

/// Memory that could be had without swapping, or what the container may use if
/// that is less.
fn available_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let available = available_in(&meminfo)?;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|limit| limit.trim().parse().ok());
    Some(limit.map_or(available, |limit: u64| limit.min(available)))
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNK: usize = CHUNK_BYTES as usize;

    fn file_of(budget: u64) -> WarmChunks {
        WarmChunks::none(&Warmth::of_bytes(budget * CHUNK_BYTES))
    }

    #[test]
    fn what_was_written_from_a_chunks_beginning_is_warm_and_what_lay_there_before_is_not() {
        let file = file_of(100);
        file.written(CHUNK_BYTES + 10, 2 * CHUNK);
        assert!(
            !file.cover(CHUNK_BYTES + 10, 1),
            "in front of it may be cold bytes"
        );
        assert!(file.cover(2 * CHUNK_BYTES, CHUNK + 10));
        assert!(
            !file.cover(2 * CHUNK_BYTES, 3 * CHUNK),
            "nobody wrote there"
        );
        file.written(3 * CHUNK_BYTES + 10, CHUNK);
        assert!(file.cover(3 * CHUNK_BYTES, CHUNK + 10));
    }

    #[test]
    fn what_is_used_stays_warm_and_what_is_not_gives_way() {
        let warmth = Warmth::of_bytes(10 * CHUNK_BYTES);
        let (used, unused) = (WarmChunks::none(&warmth), WarmChunks::none(&warmth));
        used.read(0, 1);
        unused.read(0, 1);
        let others = WarmChunks::none(&warmth);
        for chunk in 0..20 {
            others.read(chunk * CHUNK_BYTES, CHUNK);
            assert!(used.cover(5, 10));
        }
        assert!(!unused.cover(5, 10));
    }

    #[test]
    fn without_a_budget_nothing_is_warm() {
        let file = file_of(0);
        file.read(0, CHUNK);
        assert!(!file.cover(0, 1));
    }

    #[test]
    fn the_memory_that_can_be_had_is_found_among_the_rest() {
        let meminfo =
            "MemTotal:       24 kB\nMemFree:  1 kB\nMemAvailable:   12 kB\nBuffers: 5 kB\n";
        assert_eq!(available_in(meminfo), Some(12 << 10));
        for wrong in [
            "",
            "MemTotal: 1 kB",
            "MemAvailable: 12",
            "MemAvailable: x kB",
        ] {
            assert_eq!(available_in(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn never_more_chunks_are_warm_than_the_budget_allows(
            budget in 0..20_u64,
            uses in prop::collection::vec((0..3_usize, 0..40_u64, 1..4_usize, any::<bool>()), 0..300),
        ) {
            let warmth = Warmth::of_bytes(budget * CHUNK_BYTES);
            let files: Vec<_> = (0..3).map(|_| WarmChunks::none(&warmth)).collect();
            for (file, chunk, count, writes) in uses {
                let (position, length) = (chunk * CHUNK_BYTES, count * CHUNK);
                match writes {
                    true => files[file].written(position, length),
                    false => files[file].read(position, length),
                }
                let warm = |file: &WarmChunks| {
                    let times = file.times();
                    times.iter().filter(|time| warmth.is_warm(**time)).count()
                };
                prop_assert!(files.iter().map(warm).sum::<usize>() as u64 <= budget);
                prop_assert!(count as u64 > budget / 2 || files[file].cover(position, length));
            }
        }
    }
}
