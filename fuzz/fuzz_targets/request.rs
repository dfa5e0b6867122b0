//! One frame of any API and version, through header, guard, decoder and handler.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use ottla::fuzzing::Requests;

static BROKER: OnceLock<Requests> = OnceLock::new();

fuzz_target!(|frame: &[u8]| {
    BROKER.get_or_init(Requests::start).serve(frame);
});
