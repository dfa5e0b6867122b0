//! Time as a value. The core never reads a clock; it is told.

/// One reading of both clocks, taken by the shell once per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that never goes back; timers live on it.
    /// Its zero is arbitrary and differs from one process to the next.
    pub monotonic_ms: u64,
    /// Milliseconds since the Unix epoch; timestamps are taken from it. It may
    /// jump either way, so nothing but a timestamp may depend on it.
    pub wall_ms: i64,
}

impl Now {
    /// The monotonic instant `delay_ms` from now, saturating.
    pub fn after_ms(self, delay_ms: u64) -> u64 {
        self.monotonic_ms.saturating_add(delay_ms)
    }
}
