//! What is proposed on a disk that takes its time, or fails.

use std::sync::atomic::Ordering;
use std::sync::mpsc;

use ottla_core::ids::{LeaderEpoch, PartitionIndex, TopicId};
use ottla_core::partition::AppendRules;

use super::*;
use crate::node::partition::PartitionSettings;
use crate::storage::LogConfig;
use crate::storage::faulty::FaultyDisk;

const NOW: Now = Now {
    monotonic_ms: 0,
    wall_ms: 1_700_000_000_000,
};

/// Publishes only when it is told to.
fn unpublished(disk: &Arc<FaultyDisk>) -> Arc<Metadata> {
    let settings = PartitionSettings {
        rules: AppendRules::default(),
        log: LogConfig {
            flush_messages: 1,
            ..LogConfig::default()
        },
        producer_id_expiration_ms: i64::MAX,
    };
    let (storage, index) = (disk.storage().unwrap(), PartitionIndex(0));
    let id = TopicId([1; 16]);
    let log = Partition::open(
        &storage,
        METADATA_FOLDER,
        id,
        index,
        LeaderEpoch(0),
        settings,
    );
    Arc::new(Metadata::new(load(&log).unwrap(), log))
}

fn metadata(disk: &Arc<FaultyDisk>) -> Arc<Metadata> {
    let metadata = unpublished(disk);
    let weak = Arc::downgrade(&metadata);
    metadata.on_committed(move || {
        if let Some(metadata) = weak.upgrade() {
            metadata.publish(|_| {}, |_, _| {});
        }
    });
    metadata
}

fn propose(metadata: &Metadata, id: u8) -> bool {
    let topic = MetadataRecord::Topic {
        name: format!("topic-{id}").into(),
        id: TopicId([id; 16]),
    };
    let proposed = metadata.propose(NOW, |draft| {
        let is_known = draft.image().topic_by_id(TopicId([id; 16])).is_some();
        draft.write([topic]);
        is_known
    });
    // Committed or not yet: the syncing thread may be fast, and publishes.
    proposed.unwrap().0
}

fn topics(metadata: &Metadata) -> usize {
    metadata.image().topics().count()
}

#[test]
fn a_change_is_seen_once_it_is_synced_and_by_the_next_change_before() {
    let disk = FaultyDisk::new();
    let metadata = metadata(&disk);
    let (seen, meanwhile) = mpsc::channel();
    let looking = Arc::clone(&metadata);
    let look = move || seen.send(topics(&looking)).unwrap();
    *disk.faults().during_sync.lock().unwrap() = Some(Box::new(look));
    assert!(!propose(&metadata, 1));
    assert!(propose(&metadata, 1), "it was proposed before");
    metadata.committed().unwrap().wait_here().unwrap();
    assert_eq!(meanwhile.recv().unwrap(), 0);
    assert_eq!(topics(&metadata), 1);
    assert!(metadata.committed().unwrap().is_certain());
}

#[test]
fn a_change_is_not_certain_while_it_is_being_published() {
    let metadata = unpublished(&FaultyDisk::new());
    propose(&metadata, 1);
    while metadata.log.marks().unwrap().high_watermark == Offset(0) {
        std::thread::yield_now();
    }
    let mut waiting = None;
    let look = std::cell::RefCell::new(&mut waiting);
    metadata.publish(
        |_| **look.borrow_mut() = Some(metadata.committed().unwrap()),
        |_, _| {},
    );
    let waiting = waiting.unwrap();
    assert!(!waiting.is_certain());
    waiting.wait_here().unwrap();
    assert_eq!(topics(&metadata), 1);
}

#[test]
fn a_change_that_was_never_synced_is_never_seen() {
    let disk = FaultyDisk::new();
    let metadata = metadata(&disk);
    disk.faults().sync_fails.store(true, Ordering::Relaxed);
    propose(&metadata, 1);
    // Before or after the sync has failed.
    let waited = metadata.committed().and_then(Committed::wait_here);
    assert!(
        matches!(waited, Err(MetadataError::LogFailed)),
        "{waited:?}"
    );
    assert_eq!(topics(&metadata), 0);
}
