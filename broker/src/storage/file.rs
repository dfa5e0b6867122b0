//! The disk: files below one folder.
//!
//! Owns every system call on them. Reads and writes name their position, so
//! that one descriptor serves all threads.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};

#[cfg(target_os = "linux")]
use super::DiskSpace;
use super::warmth::{WarmChunks, Warmth, whole_chunks};
use super::{Disk, DiskFile};

/// How far apart the bytes lie that are touched to have a stretch in memory: the
/// page cache is filled in larger steps.
const TOUCHED_EVERY_BYTES: usize = 64 << 10;

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct FileDisk {
    root: PathBuf,
    /// For syncs of all of it, where the system tells of what fails in them.
    #[cfg(target_os = "linux")]
    whole: Option<File>,
    warmth: Arc<Warmth>,
}

#[derive(Debug)]
struct PlainFile {
    file: File,
    warm: WarmChunks,
}

impl FileDisk {
    /// The folder at `root`, which is made when it is missing.
    pub fn open(root: &Path) -> io::Result<FileDisk> {
        fs::create_dir_all(root)?;
        Ok(FileDisk {
            root: root.to_owned(),
            #[cfg(target_os = "linux")]
            whole: whole_file_system(root)?,
            warmth: Warmth::of_this_machine(),
        })
    }

    fn opened(&self, file: File) -> Arc<dyn DiskFile> {
        let warm = WarmChunks::none(&self.warmth);
        Arc::new(PlainFile { file, warm })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

impl Disk for FileDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.at(path))?;
        Ok(self.opened(file))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.at(path))?;
        Ok(self.opened(file))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.at(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        fs::create_dir_all(self.at(folder))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        gone_is_fine(fs::remove_file(self.at(path)))
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        gone_is_fine(fs::remove_dir_all(self.at(folder)))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.at(folder))?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn can_sync_all(&self) -> bool {
        self.whole.is_some()
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> io::Result<()> {
        match &self.whole {
            Some(whole) => Ok(nix::unistd::syncfs(whole)?),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn boot_id(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }

    #[cfg(target_os = "linux")]
    fn space(&self) -> Option<DiskSpace> {
        let file_system = nix::sys::statvfs::statvfs(&self.root).ok()?;
        let block_bytes = file_system.fragment_size() as u64;
        Some(DiskSpace {
            total_bytes: block_bytes.saturating_mul(file_system.blocks() as u64),
            usable_bytes: block_bytes.saturating_mul(file_system.blocks_available() as u64),
        })
    }

    fn is_memory(&self) -> bool {
        false
    }
}

impl DiskFile for PlainFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, position)?;
        self.warm.written(position, bytes.len());
        Ok(())
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Vec<Bytes>> {
        let mut bytes = BytesMut::zeroed(length);
        let mut filled = 0;
        while filled < length {
            match self
                .file
                .read_at(&mut bytes[filled..], position + filled as u64)
            {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(vec![bytes.freeze()])
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: it covers the size, but not times nobody asks for.
        self.file.sync_data()
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, size: u64) -> io::Result<()> {
        use nix::errno::Errno;
        use nix::fcntl::{FallocateFlags, fallocate};

        let length = i64::try_from(size).map_err(|_| io::ErrorKind::InvalidInput)?;
        match fallocate(&self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
            // Not every file system can.
            Ok(()) | Err(Errno::EOPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn reserve(&self, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn warm_up(&self, position: u64, length: usize) -> io::Result<()> {
        if self.warm.cover(position, length) {
            return Ok(());
        }
        let chunks = whole_chunks(position, length);
        read_ahead(&self.file, &chunks);
        for at in chunks.step_by(TOUCHED_EVERY_BYTES) {
            self.file.read_at(&mut [0], at)?;
        }
        self.warm.read(position, length);
        Ok(())
    }

    fn is_warm(&self, position: u64, length: usize) -> bool {
        self.warm.cover(position, length)
    }

    fn plain(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn modified_ms(&self) -> io::Result<i64> {
        let modified = self.file.metadata()?.modified()?;
        let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The file system as a file. It is opened before anything is written: a sync
/// tells of the writes that failed since then. `None` before Linux 5.8, where it
/// told of none.
#[cfg(target_os = "linux")]
fn whole_file_system(root: &Path) -> io::Result<Option<File>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    match tells_of_failed_writes(&release) {
        true => File::open(root).map(Some),
        false => Ok(None),
    }
}

#[cfg(target_os = "linux")]
fn tells_of_failed_writes(kernel_release: &str) -> bool {
    let mut numbers = kernel_release
        .split(|character: char| !character.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next(), numbers.next());
    version >= (Some(5), Some(8))
}

fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Has the operating system begin to read all of it at once: a hint.
#[cfg(target_os = "linux")]
fn read_ahead(file: &File, bytes: &Range<u64>) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

    let length = bytes.end - bytes.start;
    if let (Ok(offset), Ok(length)) = (i64::try_from(bytes.start), i64::try_from(length)) {
        // Without it the touches wait one after the other.
        let _ = posix_fadvise(
            file,
            offset,
            length,
            PosixFadviseAdvice::POSIX_FADV_WILLNEED,
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn read_ahead(_file: &File, _bytes: &Range<u64>) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_sync_of_all_is_trusted_from_the_kernel_on_that_tells_of_failed_writes() {
        for (release, expected) in [
            ("5.8.0-generic", true),
            ("6.1", true),
            ("5.7.19", false),
            ("4.19.0-27-amd64", false),
            ("", false),
            ("linux", false),
        ] {
            assert_eq!(tells_of_failed_writes(release), expected, "{release}");
        }
    }
}
