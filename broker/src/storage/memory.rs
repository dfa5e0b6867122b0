//! A disk without a disk: files are bytes in memory, gone with the value.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::chunks::Chunks;
use super::{Disk, DiskFile};

/// All files of one broker that keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    files: Mutex<BTreeMap<String, Arc<MemoryFile>>>,
}

#[derive(Debug, Default)]
struct MemoryFile {
    chunks: Mutex<Chunks>,
}

impl MemoryDisk {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MemoryFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryFile {
    fn chunks(&self) -> MutexGuard<'_, Chunks> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.files().get(path) {
            Some(file) => Ok(Arc::clone(file) as Arc<dyn DiskFile>),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = Arc::new(MemoryFile::default());
        self.files().insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = prefix_of(folder);
        let files = self.files();
        let mut names: Vec<String> = files
            .range(prefix.clone()..)
            .map_while(|(path, _)| path.strip_prefix(&prefix))
            .map(|below| below.split('/').next().unwrap_or(below).to_owned())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn create_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        if let Some(file) = files.remove(from) {
            files.insert(to.to_owned(), file);
            return Ok(());
        }
        let prefix = prefix_of(from);
        let inside: Vec<String> = files
            .range(prefix.clone()..)
            .map(|(path, _)| path.clone())
            .take_while(|path| path.starts_with(&prefix))
            .collect();
        for path in inside {
            if let Some(file) = files.remove(&path) {
                files.insert(format!("{to}/{}", &path[prefix.len()..]), file);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.files().remove(path);
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        let prefix = prefix_of(folder);
        self.files().retain(|path, _| !path.starts_with(&prefix));
        Ok(())
    }

    fn sync_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn boot_id(&self) -> Option<String> {
        None
    }

    fn is_memory(&self) -> bool {
        true
    }
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.chunks().end())
    }

    fn write_at(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let mut chunks = self.chunks();
        if position > chunks.end() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        chunks.truncate(position);
        chunks.append(bytes);
        Ok(())
    }

    fn read_at(&self, position: u64, length: usize) -> io::Result<Vec<Bytes>> {
        Ok(self.chunks().slice(position, length))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.chunks().truncate(size);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn reserve(&self, _size: u64) -> io::Result<()> {
        Ok(())
    }

    fn modified_ms(&self) -> io::Result<i64> {
        // Nothing in memory outlives the log that knows when it appended.
        Ok(0)
    }
}

/// What the paths inside of a folder begin with; the root is the empty path.
fn prefix_of(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_folder_and_move_with_it() {
        let disk = MemoryDisk::default();
        disk.create("a-0/x").unwrap().write_at(0, b"one").unwrap();
        disk.create("a-0/y").unwrap();
        disk.create("a-00").unwrap();
        assert_eq!(disk.list("a-0").unwrap(), ["x", "y"]);
        assert_eq!(disk.list("").unwrap(), ["a-0", "a-00"]);
        disk.rename("a-0", "a-0.gone").unwrap();
        assert!(disk.list("a-0").unwrap().is_empty());
        let file = disk.open("a-0.gone/x").unwrap();
        disk.remove_folder("a-0.gone").unwrap();
        assert!(disk.open("a-0.gone/x").is_err());
        assert_eq!(file.read_at(1, 9).unwrap().concat(), b"ne");
    }
}
