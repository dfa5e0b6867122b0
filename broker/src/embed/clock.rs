//! The clock of an embedded broker, in a test's hand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::wait::Waits;

/// The clock of one broker. Made by [`Broker::clock`](crate::Broker::clock).
///
/// Sessions, rebalances, retention, producer ids, delays of faults and the
/// timestamps the broker sets follow it. How long a client is prepared to wait
/// (`fetch.max.wait.ms`, the timeout of a produce, an idle connection) is real
/// time always: the client measures it too.
#[derive(Clone, Debug)]
pub struct BrokerClock {
    waits: Waits,
}

impl BrokerClock {
    pub(crate) fn new(waits: Waits) -> BrokerClock {
        BrokerClock { waits }
    }

    /// Moves the clock forward: sessions expire and retention is due as if `by`
    /// had passed, at most some hundred million years. It never goes back.
    /// Nothing once the broker has stopped.
    pub fn advance(&self, by: Duration) {
        if let Some(node) = self.waits.node() {
            node.clock.advance(by);
            node.timers.clock_advanced();
        }
    }

    /// What time it is for the broker; the epoch once it has stopped.
    pub fn now(&self) -> SystemTime {
        let wall_ms = self.waits.node().map_or(0, |node| node.clock.now().wall_ms);
        UNIX_EPOCH + Duration::from_millis(wall_ms.max(0) as u64)
    }
}
