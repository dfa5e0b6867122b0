//! What drives a broker from outside of its clients: faults, its clock, a
//! reset. For a test in the same process, and for others over HTTP.

use super::clock::BrokerClock;
use super::faults::{Api, FaultBuilder};
use super::reset::reset;
use super::wait::{Wait, Waits};

/// Drives one broker, without keeping it alive. Made by
/// [`Broker::control`](crate::Broker::control).
#[derive(Clone, Debug)]
pub struct Control {
    waits: Waits,
}

impl Control {
    pub(crate) fn new(waits: Waits) -> Control {
        Control { waits }
    }

    /// As [`Broker::fault`](crate::Broker::fault).
    pub fn fault(&self, api: Api) -> FaultBuilder {
        FaultBuilder::new(self.waits.clone(), api)
    }

    /// Takes one fault back; false if it was gone already.
    pub fn remove_fault(&self, id: u64) -> bool {
        let node = self.waits.node();
        node.is_some_and(|node| node.faults.remove(id))
    }

    /// Takes every fault back, and says how many there were.
    pub fn clear_faults(&self) -> usize {
        self.waits.node().map_or(0, |node| node.faults.clear())
    }

    /// The broker's clock.
    pub fn clock(&self) -> BrokerClock {
        BrokerClock::new(self.waits.clone())
    }

    /// As [`Broker::reset`](crate::Broker::reset).
    pub fn reset(&self) -> Wait<()> {
        self.waits.wait("a reset".to_owned(), None, reset)
    }
}
