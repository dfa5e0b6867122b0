//! Putting poison aside, so that one bad record never stops a partition, and is never lost.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Bus, Incoming};

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Publishes `record` to its dead-letter topic, however long that takes: true. False when
/// `stop` came first; the record is then read again after the restart.
pub(super) async fn put(
    bus: &Bus,
    record: &Incoming,
    cause: &str,
    attempts: u32,
    stop: &CancellationToken,
) -> bool {
    let mut pause = PAUSE_FIRST;
    loop {
        match bus.publish(record.dead_letter(cause, attempts)).await {
            Ok(position) => {
                let from = &record.position;
                tracing::error!(%from, to = %position, cause, "put a record on the dead-letter topic");
                return true;
            }
            Err(error) => {
                tracing::error!(from = %record.position, %error, "dead-letter topic refuses; retrying");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            () = stop.cancelled() => return false,
        }
    }
}
