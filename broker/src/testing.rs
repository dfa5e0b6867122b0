//! What the property tests of this crate share.

use proptest::test_runner::Config;

/// So many cases, unless `PROPTEST_CASES` asks for more, or for fewer: proptest
/// itself obeys that only where no number is given.
pub(crate) fn cases(usual: u32) -> Config {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => Config::default(),
        None => Config::with_cases(usual),
    }
}
