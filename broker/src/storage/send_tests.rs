//! What goes to a socket is what would have been read, whatever is asked for.

use std::path::Path;

use bytes::Bytes;
use ottla_core::batch::batches;
use ottla_core::ids::Offset;
use proptest::prelude::*;

use super::segment::COPIED_BYTES_MAX;
use super::testing::{TOPIC, append};
use super::{Cold, Log, LogConfig, Piece, Storage};

fn log_on_disk(folder: &Path, sizes: &[(i32, usize)]) -> Log {
    let mut log = open(folder);
    for (count, bytes) in sizes {
        append(&mut log, *count, 1_000, *bytes).unwrap();
    }
    drop(log);
    // One that was just opened keeps nothing in memory.
    open(folder)
}

fn open(folder: &Path) -> Log {
    let storage = Storage::open(folder).unwrap();
    let config = LogConfig {
        segment_bytes: 80_000,
        index_interval_bytes: 1_000,
        ..LogConfig::default()
    };
    Log::open(&storage, "topic-0", TOPIC, config, Offset(0), &mut |_| {}).unwrap()
}

proptest! {
    #![proptest_config(crate::testing::cases(32))]

    #[test]
    fn what_is_sent_from_a_file_is_what_would_be_read(
        sizes in prop::collection::vec((1..4_i32, 1..3_000_usize), 1..120),
        asks in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..90_000_usize, any::<bool>()),
            20,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = log_on_disk(folder.path(), &sizes);
        let ends = log.log_end().0 as usize + 1;
        for (from, below, max_bytes, at_least_one) in asks {
            let (from, below) = (Offset(from.index(ends) as i64), Offset(below.index(ends) as i64));
            let plan = || log.plan_read(from, below, max_bytes, at_least_one).unwrap();
            let read = plan().read().unwrap().into_bytes();
            let pieces = plan().send(Cold::Read).unwrap().unwrap();
            for piece in &pieces {
                let is_in_file = matches!(piece, Piece::File(_));
                prop_assert_eq!(is_in_file, piece.len() > COPIED_BYTES_MAX);
            }
            let sent: Vec<Bytes> = pieces.into_iter().map(|piece| piece.into_bytes().unwrap()).collect();
            let sent = sent.concat();
            // A read may end a batch early; what is sent goes as far as it may.
            prop_assert!(sent.starts_with(&read), "{} of {} bytes", read.len(), sent.len());
            prop_assert_eq!(read.is_empty(), sent.is_empty());
            let mut whole_bytes = 0;
            for batch in batches(&sent) {
                let (header, bytes) = batch.unwrap();
                prop_assert!(header.last_offset() >= from && header.last_offset() < below);
                whole_bytes += bytes.len();
            }
            prop_assert_eq!(whole_bytes, sent.len());
            prop_assert!(sent.len() <= max_bytes || batches(&sent).count() == 1);
        }
    }
}
