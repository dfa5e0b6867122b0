//! Small files that remember one line per log, replaced whole.
//!
//! Owns their formats. Offsets by partition are written as Kafka writes its
//! checkpoints; the two files of our own begin with a version as well. What
//! cannot be read counts as missing: it costs time at recovery, never data.
//!
//! ```text
//! recovery-point-offset-checkpoint    0 · count · topic partition offset …      synced below
//! log-start-offset-checkpoint         0 · count · topic partition offset …      not to be read below
//! cleaner-offset-checkpoint           0 · count · topic partition offset …      compacted below
//! verified-offset-checkpoint          2 · boot id · count · topic partition offset base position timestamp offset …
//! clean-shutdown                      1 · count · topic partition end base size timestamp offset …
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use ottla_core::ids::Offset;

use super::durability::failed;
use super::{Disk, StorageError};

/// Below these offsets a log is synced.
pub(super) const SYNCED_FILE: &str = "recovery-point-offset-checkpoint";
/// Below these offsets nothing may be read.
pub(super) const LOG_START_FILE: &str = "log-start-offset-checkpoint";
/// Below these offsets a log was compacted.
pub(super) const CLEANED_FILE: &str = "cleaner-offset-checkpoint";
/// Below these offsets a log was written whole, as long as the system runs.
pub(super) const VERIFIED_FILE: &str = "verified-offset-checkpoint";
/// How every log ended, written last by an orderly stop.
pub(super) const CLEAN_FILE: &str = "clean-shutdown";
const CLEAN_VERSION: &str = "2";

/// Offsets by folder (`topic-0`).
pub(super) type Offsets = BTreeMap<String, Offset>;

/// How a log ended: enough to open it without reading a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CleanEnd {
    /// The offset behind the last batch.
    pub log_end: Offset,
    /// The last segment,
    pub active_base: Offset,
    /// and its bytes.
    pub active_bytes: u64,
    /// The largest timestamp in it, or −1,
    pub max_timestamp_ms: i64,
    /// and the last offset of the first batch that has it.
    pub offset_of_max: Offset,
    /// The checksum of its index files, which nobody syncs: after a power cut
    /// they may hold anything.
    pub index_checksum: u32,
}

/// How far a log was written whole, and enough to go on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    /// Everything below was written whole.
    pub offset: Offset,
    /// The segment that ends, or goes on, there,
    pub base: Offset,
    /// and its bytes up to there.
    pub position: u64,
    /// The largest timestamp in these, or −1,
    pub max_timestamp_ms: i64,
    /// and the last offset of the first batch that has it.
    pub offset_of_max: Offset,
}

/// How far every log was written whole, by folder.
pub(super) type VerifiedMarks = BTreeMap<String, Verified>;

/// How every log ended, by folder.
pub(super) type CleanEnds = BTreeMap<String, CleanEnd>;

/// Kafka's format of an offset checkpoint.
pub(super) fn encode_offsets(offsets: &Offsets) -> String {
    let mut text = format!("0\n{}\n", offsets.len());
    for (folder, offset) in offsets {
        push_line(&mut text, folder, &[offset.0]);
    }
    text
}

/// Reads [`encode_offsets`]' text.
pub(super) fn decode_offsets(text: &str) -> Option<Offsets> {
    let mut lines = text.lines();
    (lines.next()? == "0").then_some(())?;
    let entries = decode_lines(lines)?;
    Some(entries.map_values(|[offset]| Offset(offset)))
}

/// Marks that hold as long as the system with this boot id runs.
pub(super) fn encode_verified(boot_id: &str, marks: &VerifiedMarks) -> String {
    let mut text = format!("2\n{boot_id}\n{}\n", marks.len());
    for (folder, mark) in marks {
        let numbers = [
            mark.offset.0,
            mark.base.0,
            i64::try_from(mark.position).unwrap_or(i64::MAX),
            mark.max_timestamp_ms,
            mark.offset_of_max.0,
        ];
        push_line(&mut text, folder, &numbers);
    }
    text
}

/// Reads [`encode_verified`]'s text; nothing holds under another boot.
pub(super) fn decode_verified(text: &str, boot_id: &str) -> Option<VerifiedMarks> {
    let mut lines = text.lines();
    (lines.next()? == "2" && lines.next()? == boot_id).then_some(())?;
    let entries = decode_lines(lines)?;
    Some(entries.map_values(
        |[offset, base, position, timestamp, offset_of_max]| Verified {
            offset: Offset(offset),
            base: Offset(base),
            position: position as u64,
            max_timestamp_ms: timestamp,
            offset_of_max: Offset(offset_of_max),
        },
    ))
}

/// The marker of an orderly stop.
pub(super) fn encode_clean(ends: &CleanEnds) -> String {
    let mut text = format!("{CLEAN_VERSION}\n{}\n", ends.len());
    for (folder, end) in ends {
        let size = i64::try_from(end.active_bytes).unwrap_or(i64::MAX);
        let numbers = [
            end.log_end.0,
            end.active_base.0,
            size,
            end.max_timestamp_ms,
            end.offset_of_max.0,
            i64::from(end.index_checksum),
        ];
        push_line(&mut text, folder, &numbers);
    }
    text
}

/// Reads [`encode_clean`]'s text.
pub(super) fn decode_clean(text: &str) -> Option<CleanEnds> {
    let mut lines = text.lines();
    (lines.next()? == CLEAN_VERSION).then_some(())?;
    let entries = decode_lines(lines)?;
    Some(entries.map_values(
        |[log_end, base, size, timestamp, offset, checksum]| CleanEnd {
            log_end: Offset(log_end),
            active_base: Offset(base),
            active_bytes: size as u64,
            max_timestamp_ms: timestamp,
            offset_of_max: Offset(offset),
            index_checksum: checksum as u32,
        },
    ))
}

/// Puts `text` in the place of the file at `path`: after a crash either the old
/// or the new one is there, whole. `durably` also after a power cut, and once
/// this returns the new one.
pub(super) fn replace(
    disk: &dyn Disk,
    path: &str,
    text: &str,
    durably: bool,
) -> Result<(), StorageError> {
    let temporary = format!("{path}.tmp");
    let refused = |error| StorageError::io("replace", path, error);
    let file = disk.create(&temporary).map_err(refused)?;
    file.write_at(0, text.as_bytes()).map_err(refused)?;
    if durably {
        // No better than a log that could not be synced.
        file.sync().map_err(|error| failed(path, error))?;
    }
    disk.rename(&temporary, path).map_err(refused)?;
    if durably {
        disk.sync_folder("").map_err(|error| failed(path, error))?;
    }
    Ok(())
}

/// The text at `path`; `None` when it is missing or no text.
pub(super) fn read(disk: &dyn Disk, path: &str) -> Result<Option<String>, StorageError> {
    let read = || -> io::Result<Vec<u8>> {
        let file = disk.open(path)?;
        let size = usize::try_from(file.size()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        Ok(file.read_at(0, size)?.concat())
    };
    match read() {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", path, error)),
    }
}

fn push_line(text: &mut String, folder: &str, numbers: &[i64]) {
    // A folder is `topic-partition`, and a topic may hold a hyphen itself.
    let (topic, partition) = folder.rsplit_once('-').unwrap_or((folder, "-1"));
    let _ = write!(text, "{topic} {partition}");
    for number in numbers {
        let _ = write!(text, " {number}");
    }
    text.push('\n');
}

/// A count and as many lines, each of a partition and `N` numbers that are not
/// negative, except for "none", −1.
fn decode_lines<'a, const N: usize>(
    mut lines: impl Iterator<Item = &'a str>,
) -> Option<Entries<N>> {
    let count: usize = lines.next()?.parse().ok()?;
    let mut entries = BTreeMap::new();
    for line in lines {
        let mut words = line.split(' ');
        let (topic, partition) = (words.next()?, words.next()?);
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = words.next()?.parse().ok().filter(|number| *number >= -1)?;
        }
        if words.next().is_some() {
            return None;
        }
        entries.insert(format!("{topic}-{partition}"), numbers);
    }
    (entries.len() == count).then_some(Entries(entries))
}

struct Entries<const N: usize>(BTreeMap<String, [i64; N]>);

impl<const N: usize> Entries<N> {
    fn map_values<V>(self, value: impl Fn([i64; N]) -> V) -> BTreeMap<String, V> {
        let entries = self.0.into_iter();
        entries
            .map(|(folder, numbers)| (folder, value(numbers)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::memory::MemoryDisk;

    #[test]
    fn offsets_are_written_as_kafka_writes_them() {
        let offsets = Offsets::from([("a-b-0".into(), Offset(7)), ("c-12".into(), Offset(0))]);
        assert_eq!(encode_offsets(&offsets), "0\n2\na-b 0 7\nc 12 0\n");
    }

    #[test]
    fn what_was_verified_under_another_boot_does_not_count() {
        let mark = Verified {
            offset: Offset(7),
            base: Offset(5),
            position: 900,
            max_timestamp_ms: 1_000,
            offset_of_max: Offset(6),
        };
        let marks = VerifiedMarks::from([("a-0".into(), mark)]);
        let text = encode_verified("this-boot", &marks);
        assert_eq!(decode_verified(&text, "this-boot"), Some(marks));
        assert_eq!(decode_verified(&text, "another"), None);
    }

    #[test]
    fn a_file_cut_short_counts_as_missing() {
        let end = CleanEnd {
            log_end: Offset(9),
            active_base: Offset(0),
            active_bytes: 100,
            max_timestamp_ms: -1,
            offset_of_max: Offset(0),
            index_checksum: u32::MAX,
        };
        let ends = CleanEnds::from([("a-0".into(), end), ("a-1".into(), end)]);
        let text = encode_clean(&ends);
        assert_eq!(decode_clean(&text), Some(ends));
        let line = text[..text.len() - 1].rfind('\n').unwrap();
        assert_eq!(decode_clean(&text[..line]), None);
    }

    #[test]
    fn replacing_leaves_no_other_file() {
        let disk = MemoryDisk::default();
        replace(&disk, "x", "one", true).unwrap();
        replace(&disk, "x", "two", false).unwrap();
        assert_eq!(read(&disk, "x").unwrap().as_deref(), Some("two"));
        assert_eq!(disk.list("").unwrap(), ["x"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_counts_as_missing(text in "[01 \n-]{0,80}|.{0,200}") {
            let _ = decode_offsets(&text);
            let _ = decode_verified(&text, "0");
            let _ = decode_clean(&text);
        }

        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::btree_map("[a-zA-Z0-9._-]{1,9}-[0-9]{1,3}", 0i64..i64::MAX, 0..9),
        ) {
            let offsets: Offsets = entries.into_iter().map(|(folder, offset)| (folder, Offset(offset))).collect();
            let text = encode_offsets(&offsets);
            prop_assert_eq!(decode_offsets(&text), Some(offsets));
        }
    }
}
