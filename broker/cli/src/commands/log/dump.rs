//! `ottla log dump`: what lies in a partition's segment files. Only reads; the
//! broker may be running.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::crc::checksum_fits;
use ottla_core::batch::{BATCH_HEADER_BYTES, BatchHeader, HeaderError, records};
use serde::Serialize;

use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Output, Report, printable};

/// A batch larger than this is taken for garbage: no broker accepts one.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// The most a batch may inflate to.
const INFLATED_BYTES_MAX: usize = 1 << 30;

const EXAMPLES: &str = "\
Examples:
  ottla log dump --data ./data --topic orders --partition 0
  ottla log dump --data ./data --topic orders --partition 0 --batches-only --json";

/// Arguments of `ottla log dump`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DumpArguments {
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The topic
    #[arg(long, short = 't')]
    topic: String,
    /// The partition
    #[arg(long, short = 'p', default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..))]
    partition: i32,
    /// Leave the records out
    #[arg(long)]
    batches_only: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Batch(Batch),
    Record(Record),
    /// Bytes that are no batch; the rest of the file cannot be read.
    Damage {
        file: String,
        position: u64,
        reason: String,
    },
}

#[derive(Debug, Serialize)]
struct Batch {
    file: String,
    position: u64,
    base_offset: i64,
    last_offset: i64,
    record_count: i32,
    leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    codec: String,
    size_bytes: usize,
    crc: u32,
    crc_ok: bool,
}

#[derive(Debug, Serialize)]
struct Record {
    offset: i64,
    timestamp: i64,
    key: Option<String>,
    value_bytes: Option<usize>,
    headers: usize,
}

impl Report for Line {
    fn text(&self, language: Language) -> String {
        match self {
            Line::Batch(batch) => batch.text(),
            Line::Record(record) => {
                let key = record.key.as_deref().map(printable);
                let bytes = record
                    .value_bytes
                    .map_or_else(|| "null".to_owned(), |bytes| bytes.to_string());
                format!(
                    "| offset: {} timestamp: {} headers: {} valueBytes: {bytes} key: {}\n",
                    record.offset,
                    record.timestamp,
                    record.headers,
                    key.as_deref().unwrap_or("null"),
                )
            }
            Line::Damage {
                file,
                position,
                reason,
            } => language.pick(
                format!("{file} at byte {position}: {reason}\n"),
                format!("{file} {position}번째 바이트: {reason}\n"),
            ),
        }
    }
}

impl Batch {
    fn text(&self) -> String {
        format!(
            "baseOffset: {} lastOffset: {} count: {} leaderEpoch: {} producerId: {} \
             producerEpoch: {} baseSequence: {} codec: {} position: {} size: {} crc: {} {}\n",
            self.base_offset,
            self.last_offset,
            self.record_count,
            self.leader_epoch,
            self.producer_id,
            self.producer_epoch,
            self.base_sequence,
            self.codec,
            self.position,
            self.size_bytes,
            self.crc,
            if self.crc_ok { "CRC ok" } else { "CRC BAD" },
        )
    }
}

/// Carries the verb out. Damage is reported where it is and fails the command.
pub fn run(arguments: &DumpArguments, output: Output) -> Result<(), Failure> {
    let language = output.language;
    let folder = arguments
        .data
        .join(format!("{}-{}", arguments.topic, arguments.partition));
    let mut damaged = 0;
    for file in segments(&folder, language)? {
        let mut show = |line: &Line| {
            damaged += u64::from(is_damage(line));
            output.report(line)
        };
        if !dump(&file, arguments.batches_only, &mut show)? {
            return Ok(());
        }
    }
    match damaged {
        0 => Ok(()),
        count => Err(Failure::failed(language.pick(
            format!("{count} damaged places; restore them from a replica or a backup"),
            format!("손상된 곳이 {count}군데 있어요. 복제본이나 백업에서 복구하세요"),
        ))),
    }
}

fn is_damage(line: &Line) -> bool {
    match line {
        Line::Batch(batch) => !batch.crc_ok,
        Line::Record(_) => false,
        Line::Damage { .. } => true,
    }
}

/// The segment files in order of their base offset, which is their name.
fn segments(folder: &Path, language: Language) -> Result<Vec<PathBuf>, Failure> {
    let shown = folder.display();
    let unreadable = |error: io::Error| {
        Failure::failed(language.pick(
            format!("cannot read {shown}: {error}. Is it the --data of `ottla serve`?"),
            format!("{shown}을(를) 읽을 수 없어요: {error}. `ottla serve`의 --data가 맞나요?"),
        ))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Shows one file. False when nobody reads what is shown any more.
fn dump(
    path: &Path,
    batches_only: bool,
    show: &mut impl FnMut(&Line) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let cannot_read = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut input = BufReader::new(File::open(path).map_err(cannot_read)?);
    let mut position = 0;
    loop {
        let damage = |reason: String| Line::Damage {
            file: name.clone(),
            position,
            reason,
        };
        match next_batch(&mut input) {
            Ok(None) => return Ok(true),
            Err(Unreadable::Io(error)) => return Err(cannot_read(error)),
            Err(Unreadable::Damage(reason)) => return show(&damage(reason)),
            Ok(Some((header, bytes))) => {
                let crc_ok = checksum_fits(&bytes);
                if !show(&Line::Batch(describe(&name, position, &header, crc_ok)))? {
                    return Ok(false);
                }
                // Without its checksum a batch's records mean nothing.
                if crc_ok && !batches_only {
                    match show_records(&header, &bytes, show)? {
                        Shown::All => {}
                        Shown::Unread => return Ok(false),
                        Shown::Damaged(reason) => {
                            show(&damage(reason))?;
                        }
                    }
                }
                position += bytes.len() as u64;
            }
        }
    }
}

enum Unreadable {
    Io(io::Error),
    Damage(String),
}

/// The next batch; `None` at the end of the file, which preallocated space
/// full of zeros is as well.
fn next_batch(input: &mut impl Read) -> Result<Option<(BatchHeader, Vec<u8>)>, Unreadable> {
    let mut bytes = Vec::new();
    read_up_to(input, BATCH_HEADER_BYTES, &mut bytes)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let header = match BatchHeader::parse(&bytes) {
        Ok(header) => header,
        Err(HeaderError::Incomplete { .. }) => {
            return Err(Unreadable::Damage(
                "the file ends inside a batch".to_owned(),
            ));
        }
        Err(error) => return Err(Unreadable::Damage(error.to_string())),
    };
    let size = header.size_bytes();
    if size > BATCH_BYTES_MAX {
        return Err(Unreadable::Damage(format!("a batch claims {size} bytes")));
    }
    read_up_to(input, size - BATCH_HEADER_BYTES, &mut bytes)?;
    if bytes.len() < size {
        return Err(Unreadable::Damage(
            "the file ends inside a batch".to_owned(),
        ));
    }
    Ok(Some((header, bytes)))
}

/// Memory grows with what is there, not with what is claimed.
fn read_up_to(input: &mut impl Read, count: usize, into: &mut Vec<u8>) -> Result<(), Unreadable> {
    let read = input.take(count as u64).read_to_end(into);
    read.map(drop).map_err(Unreadable::Io)
}

fn describe(file: &str, position: u64, header: &BatchHeader, crc_ok: bool) -> Batch {
    let codec = header.attributes.codec();
    Batch {
        file: file.to_owned(),
        position,
        base_offset: header.base_offset.0,
        last_offset: header.last_offset().0,
        record_count: header.record_count,
        leader_epoch: header.leader_epoch.0,
        producer_id: header.producer_id.0,
        producer_epoch: header.producer_epoch.0,
        base_sequence: header.base_sequence.0,
        codec: codec.map_or_else(
            || "unknown".to_owned(),
            |codec| format!("{codec:?}").to_lowercase(),
        ),
        size_bytes: header.size_bytes(),
        crc: header.crc,
        crc_ok,
    }
}

enum Shown {
    All,
    Unread,
    Damaged(String),
}

fn show_records(
    header: &BatchHeader,
    bytes: &[u8],
    show: &mut impl FnMut(&Line) -> Result<bool, Failure>,
) -> Result<Shown, Failure> {
    let plain = match record_bytes(header, bytes, INFLATED_BYTES_MAX) {
        Ok(plain) => plain,
        Err(error) => return Ok(Shown::Damaged(error.to_string())),
    };
    for record in records(header, &plain) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok(Shown::Damaged(error.to_string())),
        };
        let line = Line::Record(Record {
            offset: record.offset.0,
            timestamp: record.timestamp_ms,
            key: record
                .key
                .map(|key| String::from_utf8_lossy(key).into_owned()),
            value_bytes: record.value.map(<[u8]>::len),
            headers: record.headers.len(),
        });
        if !show(&line)? {
            return Ok(Shown::Unread);
        }
    }
    Ok(Shown::All)
}

#[cfg(test)]
mod tests {
    use ottla_core::batch::RecordBatchBuilder;
    use proptest::prelude::*;

    use super::*;

    fn batch() -> Vec<u8> {
        let mut builder = RecordBatchBuilder::new();
        builder.push(1, Some(b"key"), Some(b"value"), &[]).unwrap();
        builder.build().to_vec()
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("00000000000000000000.log");
        fs::write(&file, bytes).unwrap();
        let mut texts = Vec::new();
        dump(&file, false, &mut |line: &Line| {
            texts.push(line.text(Language::En));
            Ok(true)
        })
        .unwrap();
        texts
    }

    #[test]
    fn a_batch_and_its_records_are_shown_with_their_checksum() {
        let texts = texts(&batch());
        assert!(texts[0].contains("baseOffset: 0 lastOffset: 0 count: 1"));
        assert!(texts[0].ends_with("CRC ok\n"));
        assert_eq!(
            texts[1],
            "| offset: 0 timestamp: 1 headers: 0 valueBytes: 5 key: key\n"
        );
    }

    #[test]
    fn a_flipped_bit_shows_as_a_bad_checksum_and_hides_the_records() {
        let mut bytes = batch();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let texts = texts(&[bytes, batch()].concat());
        assert!(texts[0].ends_with("CRC BAD\n"));
        assert!(
            texts[1].ends_with("CRC ok\n"),
            "the next batch is still shown"
        );
    }

    #[test]
    fn a_torn_end_is_damage_and_zeros_are_the_end() {
        let bytes = batch();
        let torn = texts(&bytes[..bytes.len() - 1]);
        assert!(torn[0].contains("ends inside a batch"));
        let padded = texts(&[bytes, vec![0; 100]].concat());
        assert_eq!(padded.len(), 2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            texts(&bytes);
        }
    }
}
