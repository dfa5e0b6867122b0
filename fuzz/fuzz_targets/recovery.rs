//! Any bytes as the files a partition finds: its log, its indexes, its snapshot, its checkpoints.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|files: Vec<(u8, &[u8])>| {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (usize::from(*name), *bytes))
        .collect();
    ottla::fuzzing::recover(&files);
});
