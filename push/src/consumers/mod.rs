//! What arrives from the bus: events that become pushes, and requests about subscriptions.

pub(crate) mod events;
pub(crate) mod requests;

use std::time::Duration;

use social_events::bus::Handled;

use crate::store::StoreError;

/// The group that reads events.
pub(crate) const EVENTS_GROUP: &str = "social-server-push";
/// The group that reads requests. One of its own, so that neither waits for the other's rebalance.
pub(crate) const REQUESTS_GROUP: &str = "social-server-push-requests";

/// The pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

fn retry(error: &StoreError) -> Handled {
    Handled::Retry {
        after: PAUSE,
        cause: error.to_string(),
    }
}
