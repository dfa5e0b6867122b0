//! The files that spare a restart the replay of a whole log: `.snapshot`, named
//! by the offset it was taken at, and `leader-epoch-checkpoint`.
//!
//! Owns which of them are there. One snapshot is kept for each segment, taken
//! at its base offset, and the newest one behind; nothing here depends on any
//! of them: one that is missing or damaged costs time, and its checksum says
//! so. That is why none of them is synced. What is in them is the partition's.

use std::io;
use std::sync::Arc;

use ottla_core::ids::{LeaderEpoch, Offset, TopicId};

use super::folder::Folder;
use super::{Storage, StorageError};

/// What the name of a snapshot ends with.
pub(super) const SNAPSHOT: &str = ".snapshot";

/// In Kafka's format and for Kafka's tools: the same is in every snapshot.
const EPOCHS_FILE: &str = "leader-epoch-checkpoint";

/// What a partition remembers of its log up to its end.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    /// The bytes of a snapshot file.
    pub snapshot: Vec<u8>,
    /// Where the leader epochs began.
    pub epochs: Vec<(LeaderEpoch, Offset)>,
}

impl Storage {
    /// The newest snapshot of this topic's log in `folder` that nothing can have been
    /// cut off below of, as `read` understands it; those it does not are
    /// removed. The log is opened with this offset as `replay_from`.
    pub fn newest_snapshot<T>(
        &self,
        folder: &str,
        topic_id: TopicId,
        mut read: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Option<(Offset, T)>, StorageError> {
        let folder = self.claim(folder, topic_id)?.folder;
        let trusted = self.marks().of(folder.name()).trusted();
        if trusted == Offset(0) {
            return Ok(None);
        }
        let offsets = taken_at(&folder)?;
        for &offset in offsets.iter().rev().filter(|offset| **offset <= trusted) {
            let name = snapshot_name(offset);
            let bytes = folder.read(&name);
            let bytes =
                bytes.map_err(|error| StorageError::io("read", &folder.path(&name), error))?;
            match bytes.and_then(|bytes| read(&bytes)) {
                Some(understood) => return Ok(Some((offset, understood))),
                None => {
                    tracing::warn!(
                        path = folder.path(&name),
                        "not a snapshot: an older one must do"
                    );
                    remove(&folder, offset)?;
                }
            }
        }
        Ok(None)
    }
}

/// The name of the snapshot taken when the log ended at `offset`.
pub(super) fn snapshot_name(offset: Offset) -> String {
    // Kafka's: 20 digits.
    format!("{:020}{SNAPSHOT}", offset.0)
}

/// The offset in a snapshot's name.
pub(super) fn offset_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(SNAPSHOT)?;
    let is_offset = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| digits.parse().ok().map(Offset))?
}

/// Writes down what was remembered when the log ended at `offset`. Fails
/// nobody: it is only a matter of time.
pub(super) fn save(folder: &Folder, offset: Offset, remembered: &Remembered) {
    let snapshot = snapshot_name(offset);
    let written = folder
        .replace(
            EPOCHS_FILE,
            epochs_text(&remembered.epochs).as_bytes(),
            false,
        )
        .and_then(|()| folder.replace(&snapshot, &remembered.snapshot, false));
    if let Err(error) = written {
        let path = folder.path(&snapshot);
        tracing::warn!(path, %error, "no snapshot: a restart will read more");
    }
}

/// Writes down where the leader epochs began, for a log that has just begun.
pub(super) fn save_epochs(folder: &Folder, epochs: &[(LeaderEpoch, Offset)]) {
    let text = epochs_text(epochs);
    if let Err(error) = folder.replace(EPOCHS_FILE, text.as_bytes(), false) {
        tracing::warn!(path = folder.path(EPOCHS_FILE), %error, "not written");
    }
}

/// Removes the snapshots that no longer serve: behind the log's end, where
/// other batches may come to lie, and below it all but the newest that are not
/// at the beginning of a segment. Says whether one was behind the end.
pub(super) fn keep_useful(
    folder: &Arc<Folder>,
    bases: impl Fn(Offset) -> bool,
    log_end: Offset,
) -> Result<bool, StorageError> {
    let offsets = taken_at(folder)?;
    let newest = offsets.iter().rev().find(|offset| **offset <= log_end);
    let mut was_behind = false;
    for &offset in &offsets {
        let is_useful = offset <= log_end && (bases(offset) || Some(&offset) == newest);
        if !is_useful {
            remove(folder, offset)?;
            was_behind |= offset > log_end;
        }
    }
    Ok(was_behind)
}

/// Removes one that a newer one has taken the place of.
pub(super) fn remove_quietly(folder: &Folder, offset: Offset) {
    if let Err(error) = remove(folder, offset) {
        tracing::debug!(%error, "an old snapshot stays until the next start");
    }
}

fn remove(folder: &Folder, offset: Offset) -> Result<(), StorageError> {
    let name = snapshot_name(offset);
    let removed = folder.remove(&name);
    removed.map_err(|error| StorageError::io("remove", &folder.path(&name), error))
}

/// The offsets there are snapshots of, in order.
fn taken_at(folder: &Folder) -> Result<Vec<Offset>, StorageError> {
    let names: io::Result<_> = folder.list();
    let names = names.map_err(|error| StorageError::io("list", folder.name(), error))?;
    let mut offsets: Vec<Offset> = names.iter().filter_map(|name| offset_of(name)).collect();
    offsets.sort_unstable();
    Ok(offsets)
}

/// Kafka's format of a checkpoint: version, count, a line each.
fn epochs_text(epochs: &[(LeaderEpoch, Offset)]) -> String {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, start) in epochs {
        text.push_str(&format!("{epoch} {start}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_epochs_are_written_as_kafka_writes_them() {
        assert_eq!(snapshot_name(Offset(42)), "00000000000000000042.snapshot");
        assert_eq!(offset_of("00000000000000000042.snapshot"), Some(Offset(42)));
        assert_eq!(offset_of("0000000000000000042.snapshot"), None);
        assert_eq!(offset_of("00000000000000000042.log"), None);
        let epochs = [(LeaderEpoch(0), Offset(0)), (LeaderEpoch(3), Offset(17))];
        assert_eq!(epochs_text(&epochs), "0\n2\n0 0\n3 17\n");
    }
}
