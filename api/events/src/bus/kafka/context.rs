//! librdkafka's own log, sent where the service's log goes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// How long a client keeps its troubles to itself after it has told one.
/// librdkafka tells each attempt to reconnect, many a second.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The context of clients that need no rebalance callback.
#[derive(Debug, Default)]
pub(super) struct ServiceContext {
    troubles: Troubles,
}

impl ClientContext for ServiceContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.troubles.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.error(&error, reason);
    }
}

impl ConsumerContext for ServiceContext {}

/// One client's complaints: one in a while for whoever runs the service, all of
/// them for whoever debugs it.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told_at: Mutex<Option<Instant>>,
}

impl Troubles {
    /// librdkafka reconnects by itself; whether that hurts, readiness says.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        if self.may_tell() {
            tracing::warn!(%error, reason, "librdkafka");
        } else {
            tracing::debug!(%error, reason, "librdkafka");
        }
    }

    pub(super) fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                if self.may_tell() {
                    tracing::warn!(facility, message, "librdkafka");
                } else {
                    tracing::debug!(facility, message, "librdkafka");
                }
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, message, "librdkafka");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "librdkafka"),
        }
    }

    fn may_tell(&self) -> bool {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = told_at.is_none_or(|at| now.duration_since(at) >= TELL_AGAIN_AFTER);
        if may {
            *told_at = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_troubles_in_a_row_one_is_told() {
        let troubles = Troubles::default();
        let told = (0..100).filter(|_| troubles.may_tell()).count();
        assert_eq!(told, 1);
        *troubles.told_at.lock().unwrap() = Instant::now().checked_sub(TELL_AGAIN_AFTER);
        assert!(troubles.may_tell());
    }
}
