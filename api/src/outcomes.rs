//! Reading what the push service says became of events.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{BusError, Consumer, ConsumerSettings, Delivery, Handled};
use social_events::{Bus, Envelope, PushOutcome, topics};

use crate::store::Store;

/// The consumer group of all instances: each outcome is stored once.
pub(crate) const GROUP: &str = "social-server-api";
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Starts to store outcomes.
pub(crate) fn consume(bus: &Bus, store: &Arc<dyn Store>) -> Result<Consumer, BusError> {
    let store = Arc::clone(store);
    bus.consume(
        ConsumerSettings::new(GROUP, &[topics::PUSH_OUTCOME]),
        move |delivery| {
            let store = Arc::clone(&store);
            async move { save(&*store, &delivery).await }
        },
    )
}

async fn save(store: &dyn Store, delivery: &Delivery) -> Handled {
    let outcome = match Envelope::<PushOutcome>::parse(&delivery.record) {
        Ok(envelope) => envelope.event,
        Err(error) => {
            return Handled::DeadLetter {
                cause: error.to_string(),
            };
        }
    };
    match store.save_outcome(&outcome, delivery.arrival.at).await {
        Ok(()) => Handled::Done,
        Err(error) => Handled::Retry {
            after: RETRY_AFTER,
            cause: error.to_string(),
        },
    }
}
