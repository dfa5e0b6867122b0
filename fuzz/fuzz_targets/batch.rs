//! A record batch as a producer sends it: header, checks, records, codecs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_core::batch::compression::record_bytes;
use ottla_core::batch::{Codec, batches, records};
use ottla_core::partition::{AppendOrigin, AppendRules, prepare_batch};
use ottla_core::time::Now;

/// What a batch may inflate to here.
const INFLATED_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let origin = AppendOrigin::Client { zstd_allowed: true };
    let rules = AppendRules {
        validate_compressed: true,
        compression: Some(Codec::Lz4.into()),
        ..AppendRules::default()
    };
    let now = Now { monotonic_ms: 0, wall_ms: 0 };
    drop(prepare_batch(&rules, now, origin, &mut bytes.to_vec()));
    for batch in batches(bytes) {
        let Ok((header, batch)) = batch else { return };
        let Ok(plain) = record_bytes(&header, batch, INFLATED_BYTES_MAX) else {
            continue;
        };
        assert!(plain.len() <= INFLATED_BYTES_MAX.max(batch.len()));
        for record in records(&header, &plain) {
            if record.is_err() {
                break;
            }
        }
    }
});
