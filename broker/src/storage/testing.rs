//! What the tests of this folder share: batches as a producer would send them,
//! and a disk that fails when it is told to.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ottla_core::batch::{Attributes, BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES, BatchHeader};
use ottla_core::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::memory::MemoryDisk;
use super::{Disk, DiskFile, Log, ReadError, StorageError};

/// A batch of `count` empty records at `timestamp_ms`, each with `padding`
/// bytes of value.
pub(super) fn batch(
    base: i64,
    count: i32,
    timestamp_ms: i64,
    padding: usize,
) -> (BatchHeader, Vec<u8>) {
    let mut records = Vec::new();
    for delta in 0..count {
        let mut body = vec![0];
        write_varint(&mut body, 0);
        write_varint(&mut body, i64::from(delta));
        write_varint(&mut body, -1);
        write_varint(&mut body, padding as i64);
        body.extend((0..padding).map(|at| (at as u8) ^ (base as u8)));
        write_varint(&mut body, 0);
        write_varint(&mut records, body.len() as i64);
        records.extend(body);
    }
    let length = BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES + records.len();
    let mut header = BatchHeader {
        base_offset: Offset(base),
        batch_length: length as i32,
        leader_epoch: LeaderEpoch(0),
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: count - 1,
        base_timestamp_ms: timestamp_ms,
        max_timestamp_ms: timestamp_ms,
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch(-1),
        base_sequence: Sequence(-1),
        record_count: count,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(&records);
    header.crc = ottla_core::batch::crc::checksum(&bytes);
    bytes[..BATCH_HEADER_BYTES].copy_from_slice(&header.to_bytes());
    (header, bytes)
}

fn write_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Appends a batch at the log's end and returns its bytes.
pub(super) fn append(
    log: &mut Log,
    count: i32,
    timestamp_ms: i64,
    padding: usize,
) -> Result<Vec<u8>, StorageError> {
    let (header, bytes) = batch(log.log_end().0, count, timestamp_ms, padding);
    log.append(timestamp_ms, &header, &bytes)?;
    Ok(bytes)
}

/// Reads at least one batch from `from` on.
pub(super) fn read(log: &Log, from: i64, max_bytes: usize) -> Result<Vec<u8>, ReadError> {
    let plan = log.plan_read(Offset(from), log.log_end(), max_bytes, true)?;
    Ok(plan.read()?.into_bytes().to_vec())
}

/// Deletes the records before `offset`, as a partition does.
pub(super) fn delete_before(log: &mut Log, offset: Offset) {
    if offset > log.log_start() {
        log.start_mark(offset).save().unwrap();
        log.raise_start(offset);
    }
}

/// A disk in memory that forgets nothing and can be told to fail.
#[derive(Debug, Default)]
pub(super) struct TestDisk {
    memory: MemoryDisk,
    boot_id: Mutex<String>,
    faults: Arc<Faults>,
}

/// What goes wrong, as long as it is set.
#[derive(Default)]
pub(super) struct Faults {
    /// Bytes that may still be written to logs; what is more finds no space.
    pub space_bytes: Mutex<Option<usize>>,
    pub truncate_fails: AtomicBool,
    pub sync_fails: AtomicBool,
    /// Happens in the middle of the next sync.
    pub during_sync: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// The most bytes that were asked for at once.
    pub largest_read: AtomicU64,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "space {:?}", self.space_bytes)
    }
}

#[derive(Debug)]
struct TestFile {
    file: Arc<dyn DiskFile>,
    is_log: bool,
    faults: Arc<Faults>,
}

impl TestDisk {
    pub fn new() -> Arc<TestDisk> {
        Arc::new(TestDisk::default())
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A copy as another start of the system finds it.
    pub fn after_power_cut(&self) -> Arc<TestDisk> {
        let copy = TestDisk::new();
        *copy.boot_id.lock().unwrap() = "another".into();
        for path in self.paths() {
            copy.write(&path, &self.bytes(&path));
        }
        copy
    }

    /// A copy as the same system finds it once the process was killed.
    pub fn after_kill(&self) -> Arc<TestDisk> {
        let copy = self.after_power_cut();
        copy.boot_id.lock().unwrap().clear();
        copy
    }

    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for name in self.memory.list("").unwrap() {
            let inside = self.memory.list(&name).unwrap();
            match inside.is_empty() {
                true => paths.push(name),
                false => paths.extend(inside.iter().map(|file| format!("{name}/{file}"))),
            }
        }
        paths
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let file = self.memory.open(path).unwrap();
        let size = file.size().unwrap();
        file.read_at(0, size as usize).unwrap().concat()
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        self.memory
            .create(path)
            .unwrap()
            .write_at(0, bytes)
            .unwrap();
    }

    /// All files whose names end so, with their bytes.
    pub fn all(&self, suffix: &str) -> Vec<(String, Vec<u8>)> {
        let mut paths = self.paths();
        paths.retain(|path| path.ends_with(suffix));
        paths
            .into_iter()
            .map(|path| (path.clone(), self.bytes(&path)))
            .collect()
    }

    fn wrap(&self, path: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TestFile {
            file,
            is_log: path.ends_with(".log"),
            faults: Arc::clone(&self.faults),
        })
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.memory.open(path)?))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.memory.create(path)?))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.memory.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.memory.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.memory.remove(path)
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.memory.remove_folder(folder)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.memory.sync_folder(folder)
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot {}", self.boot_id.lock().unwrap()))
    }

    fn is_memory(&self) -> bool {
        false
    }
}

impl DiskFile for TestFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let mut space = self.faults.space_bytes.lock().unwrap();
        match &mut *space {
            Some(left) if self.is_log => {
                let fitting = bytes.len().min(*left);
                *left -= fitting;
                self.file.write_at(position, &bytes[..fitting])?;
                match fitting == bytes.len() {
                    true => Ok(()),
                    false => Err(io::ErrorKind::StorageFull.into()),
                }
            }
            _ => self.file.write_at(position, bytes),
        }
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Vec<Bytes>> {
        self.faults
            .largest_read
            .fetch_max(length as u64, Ordering::Relaxed);
        self.file.read_at(position, length)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        match self.faults.truncate_fails.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.file.truncate(size),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let during_sync = self.faults.during_sync.lock().unwrap().take();
        if let Some(happen) = during_sync {
            happen();
        }
        match self.faults.sync_fails.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.file.sync(),
        }
    }

    fn reserve(&self, size: u64) -> io::Result<()> {
        self.file.reserve(size)
    }

    fn modified_ms(&self) -> io::Result<i64> {
        self.file.modified_ms()
    }
}
