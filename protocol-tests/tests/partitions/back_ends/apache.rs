//! Apache Kafka, where the variable `BOOTSTRAP` names one.

use std::net::{SocketAddr, ToSocketAddrs};

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Command, Event, Outcome, Place};
use crate::model::UNKNOWN_TOPIC;
use crate::wire::{PARTITIONS, Wire};

/// How long the broker takes to hear of a setting, with much to spare.
const CONFIGURED_AFTER: Duration = Duration::from_millis(150);

/// How long the broker may take to hear of a topic.
const PATIENCE: Duration = Duration::from_secs(30);

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

impl Apache {
    /// The controller answers before the broker has heard of it.
    fn wait_until(&mut self, topic: &str, code: i16) {
        let is_so = |wire: &mut Wire, partition| {
            let place = Place {
                topic: topic.to_owned(),
                partition,
            };
            let timestamp = -1;
            wire.perform(&Command::ListOffsets { place, timestamp })
                .code()
                == code
        };
        let began = Instant::now();
        while !(0..PARTITIONS).all(|partition| is_so(&mut self.wire, partition)) {
            assert!(
                began.elapsed() < PATIENCE,
                "{topic} does not get code {code}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Cluster for Apache {
    fn perform(&mut self, command: &Command) -> Outcome {
        let outcome = self.wire.perform(command);
        match command {
            Command::CreateTopic { topic, .. } => self.wait_until(topic, 0),
            Command::DeleteTopic { topic } => self.wait_until(topic, UNKNOWN_TOPIC),
            // Nothing a client can ask tells when a log obeys.
            Command::Configure { .. } => std::thread::sleep(CONFIGURED_AFTER),
            _ => {}
        }
        outcome
    }

    fn allows(&self, _event: Event) -> bool {
        false
    }

    fn undergo(&mut self, event: Event) {
        panic!("{event:?} is not ours to do to it");
    }
}
