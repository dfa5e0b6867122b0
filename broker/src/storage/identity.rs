//! `partition.metadata`: whose a log's folder is.
//!
//! Owns that file, which is Kafka's. A topic may be deleted and made again under
//! its name, and a power cut may bring the old folder back: its name alone does
//! not tell which of the two has written it. It is synced with the first bytes of
//! the log: see `Storage::claim` for a folder without a file that can be read.
//!
//! ```text
//! version: 0
//! topic_id: AAAAAAAAAAEAAAAAAAAAAg
//! ```

use ottla_core::ids::TopicId;

use super::StorageError;
use super::durability::failed;
use super::folder::Folder;

const FILE: &str = "partition.metadata";

/// Which topic has written this folder, if it says so.
pub(super) fn read(folder: &Folder) -> Result<Option<TopicId>, StorageError> {
    let bytes = folder.read(FILE);
    let bytes = bytes.map_err(|error| StorageError::io("read", &folder.path(FILE), error))?;
    let topic_id = bytes.as_deref().map(decode);
    if topic_id == Some(None) {
        let path = folder.path(FILE);
        tracing::warn!(path, "not readable");
    }
    Ok(topic_id.flatten())
}

/// Writes down whose the folder is; durable with [`sync`] and the names.
pub(super) fn write(folder: &Folder, topic_id: TopicId) -> Result<(), StorageError> {
    let written = folder.replace(FILE, encode(topic_id).as_bytes(), false);
    written.map_err(|error| StorageError::io("write", &folder.path(FILE), error))
}

/// Returns once the file, if there is one, has its bytes for good.
pub(super) fn sync(folder: &str, disk: &dyn super::Disk) -> Result<(), StorageError> {
    let path = format!("{folder}/{FILE}");
    match disk.open(&path).and_then(|file| file.sync()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, error)),
        _ => Ok(()),
    }
}

fn encode(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}\n")
}

fn decode(bytes: &[u8]) -> Option<TopicId> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    (lines.next()? == "version: 0").then_some(())?;
    let topic_id = TopicId::parse(lines.next()?.strip_prefix("topic_id: ")?)?;
    lines.next().is_none().then_some(topic_id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_written_as_kafka_writes_it() {
        let mut id = [0; 16];
        (id[7], id[15]) = (1, 2);
        let text = "version: 0\ntopic_id: AAAAAAAAAAEAAAAAAAAAAg\n";
        assert_eq!(encode(TopicId(id)), text);
        assert_eq!(decode(text.as_bytes()), Some(TopicId(id)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_no_part_of_it(id: [u8; 16], length in 0usize..42) {
            let text = encode(TopicId(id));
            prop_assert_eq!(decode(text.as_bytes()), Some(TopicId(id)));
            prop_assert_eq!(decode(&text.as_bytes()[..length]), None);
        }

        #[test]
        fn any_bytes_are_read_or_count_as_missing(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "(version: [0-9]\n)?(topic_id: )?[A-Za-z0-9_-]{20,24}.{0,3}\n?".prop_map(String::into_bytes),
            ],
        ) {
            if let Some(id) = decode(&bytes) {
                let read = String::from_utf8(bytes).unwrap();
                prop_assert!(read.contains(&id.to_string()));
            }
        }
    }
}
