//! Apache Kafka, where the variable `BOOTSTRAP` names one.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::cluster::{Cluster, Command, Event, Outcome};
use crate::wire::Wire;

/// A broker that somebody else started and that has other users.
pub struct Apache {
    wire: Wire,
}

impl Apache {
    /// The broker named by `BOOTSTRAP`, if any is.
    pub fn named() -> Option<Apache> {
        let name = std::env::var("BOOTSTRAP").ok()?;
        let address: SocketAddr = name
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.find(SocketAddr::is_ipv4))
            .unwrap_or_else(|| panic!("BOOTSTRAP={name} is no host:port"));
        Some(Apache {
            wire: Wire::connect(address),
        })
    }
}

impl Cluster for Apache {
    fn perform(&mut self, command: &Command) -> Outcome {
        self.wire.perform(command)
    }

    fn allows(&self, _event: Event) -> bool {
        false
    }

    fn undergo(&mut self, event: Event) {
        panic!("{event:?} is not ours to do to it");
    }
}
