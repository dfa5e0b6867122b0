//! The embedded broker: in memory, on a disk, and on a disk that forgets.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ottla::{Broker, BrokerBuilder, FaultyDisk, Loss};
use tempfile::TempDir;

use crate::cluster::{Cluster, Command, Event, Outcome};
use crate::wire::Wire;

/// What keeps the bytes.
enum Keeps {
    Memory,
    Folder(TempDir),
    Faulty(Arc<FaultyDisk>),
}

/// A broker in this process.
pub struct Embedded {
    keeps: Keeps,
    /// What its clock was moved by: a start of the system keeps the time.
    advanced: Duration,
    broker: Option<Broker>,
    wire: Wire,
}

impl Embedded {
    pub fn in_memory() -> Embedded {
        Embedded::with(Keeps::Memory)
    }

    pub fn on_disk() -> Embedded {
        Embedded::with(Keeps::Folder(tempfile::tempdir().unwrap()))
    }

    pub fn on_faulty_disk(disk: Arc<FaultyDisk>) -> Embedded {
        Embedded::with(Keeps::Faulty(disk))
    }

    pub fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("only a restart takes it")
    }

    fn with(keeps: Keeps) -> Embedded {
        let broker = start(&keeps);
        Embedded {
            keeps,
            advanced: Duration::ZERO,
            wire: Wire::connect(broker.address()),
            broker: Some(broker),
        }
    }

    /// An orderly stop.
    pub fn stop(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.shutdown_blocking();
        }
    }

    /// On what it kept.
    pub fn start_again(&mut self) {
        let broker = start(&self.keeps);
        broker.clock().advance(self.advanced);
        self.wire = Wire::connect(broker.address());
        self.broker = Some(broker);
    }
}

impl Cluster for Embedded {
    fn perform(&mut self, command: &Command) -> Outcome {
        self.wire.perform(command)
    }

    fn allows(&self, event: Event) -> bool {
        match (&self.keeps, event) {
            (_, Event::Advance(_)) | (Keeps::Faulty(_), _) => true,
            (Keeps::Folder(_), event) => event == Event::Restart,
            (Keeps::Memory, _) => false,
        }
    }

    fn undergo(&mut self, event: Event) {
        match event {
            Event::Advance(by) => {
                self.advanced += by;
                self.broker().clock().advance(by);
            }
            Event::Restart => {
                self.stop();
                self.start_again();
            }
            Event::Crash(loss) => {
                let Keeps::Faulty(disk) = &self.keeps else {
                    panic!("only a faulty disk forgets");
                };
                let left = match loss {
                    Loss::Nothing => disk.after_kill(),
                    loss => disk.after_power_cut_with(loss),
                };
                // What the old broker does from here on happens to its old disk.
                self.keeps = Keeps::Faulty(left);
                self.broker = None;
                self.start_again();
            }
        }
    }
}

/// A broker as the suite wants it: nothing happens by itself but what the
/// passing of time makes due.
pub fn builder() -> BrokerBuilder {
    Broker::builder()
        .config("auto.create.topics.enable", "false")
        .config("log.retention.check.interval.ms", "1000")
        .config("log.segment.delete.delay.ms", "0")
}

fn start(keeps: &Keeps) -> Broker {
    let builder = match keeps {
        Keeps::Memory => builder(),
        Keeps::Folder(folder) => builder().data_dir(Path::new(folder.path())),
        Keeps::Faulty(disk) => builder().disk(Arc::clone(disk)),
    };
    builder.start_blocking().unwrap()
}
