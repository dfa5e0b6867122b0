//! How a test asks for a fault, and takes it back.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::api::Api;
use super::effect::Effect;
use super::error_code::ErrorCode;
use super::rules::Rule;
use super::selection::About;
use crate::embed::wait::{Wait, Waits};

/// A fault that is about to be set: which requests it is about and how often it
/// strikes. The last call says what it does, and sets it. Made by
/// [`Broker::fault`](crate::Broker::fault).
///
/// Of several faults the oldest that is about a request strikes, and no other.
/// A fault goes once it has struck for the last time; one without
/// [`times`](Self::times) strikes until it is removed.
#[derive(Clone, Debug)]
#[must_use = "it is set by what comes last: error, delay, disconnect, …"]
pub struct FaultBuilder {
    waits: Waits,
    api: Api,
    about: About,
    times: Option<u64>,
}

impl FaultBuilder {
    pub(crate) fn new(waits: Waits, api: Api) -> FaultBuilder {
        FaultBuilder {
            waits,
            api,
            about: About::default(),
            times: None,
        }
    }

    /// Only requests that name this topic, and of those only what they ask of
    /// it. A request of an API [without topics](Api::names_topics) never does.
    pub fn topic(mut self, name: impl Into<String>) -> Self {
        self.about.topic = Some(name.into());
        self
    }

    /// Only requests that name this partition, and of those only what they ask
    /// of it.
    pub fn partition(mut self, topic: impl Into<String>, index: i32) -> Self {
        self.about.partition = Some(index);
        self.topic(topic)
    }

    /// Strikes so many requests, then goes.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// They are not carried out and answered with this code, where the API has
    /// a place for it: the partition, the topic, the group, or the whole. What
    /// else they ask for is carried out.
    ///
    /// A fault of Fetch also ends the client's fetch sessions (KIP-227) while
    /// it is set, so that every Fetch names its partitions.
    pub fn error(self, code: impl Into<ErrorCode>) -> FaultHandle {
        self.set(Effect::Error(code.into()))
    }

    /// They are carried out, and answered so much later, by the broker's clock.
    pub fn delay(self, by: Duration) -> FaultHandle {
        self.set(Effect::Delay(by))
    }

    /// They are not carried out; the connection is closed.
    pub fn disconnect(self) -> FaultHandle {
        self.set(Effect::Disconnect)
    }

    /// They are carried out, and the connection is closed instead of an answer:
    /// what a client must not take for a failure.
    pub fn apply_then_disconnect(self) -> FaultHandle {
        self.set(Effect::ApplyThenDisconnect)
    }

    /// They are carried out. Records that a Fetch returns get one wrong bit,
    /// which their checksum shows; any other answer ends in the middle.
    pub fn corrupt(self) -> FaultHandle {
        self.set(Effect::Corrupt)
    }

    fn set(self, effect: Effect) -> FaultHandle {
        let rule = self.waits.node().map(|node| {
            let key = self.api.key();
            node.faults.add(key, self.about, self.times, effect)
        });
        FaultHandle {
            waits: self.waits,
            api: self.api,
            rule,
        }
    }
}

/// A fault that was set. Dropping this changes nothing.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    waits: Waits,
    api: Api,
    /// None if the broker had stopped.
    rule: Option<Arc<Rule>>,
}

impl FaultHandle {
    /// Tells this fault from every other of the broker.
    pub fn id(&self) -> u64 {
        self.rule.as_ref().map_or(0, |rule| rule.id)
    }

    /// How many requests it has struck.
    pub fn struck(&self) -> u64 {
        self.rule.as_ref().map_or(0, |rule| rule.struck())
    }

    /// Waits until it has struck so many requests.
    pub fn wait_struck(&self, requests: u64) -> Wait<()> {
        let what = format!("a fault to strike {requests} requests of {}", self.api);
        let fault = self.clone();
        self.waits.wait(what, None, move |node| async move {
            loop {
                // Enabled before looking, so that no strike falls in between.
                let mut changed = pin!(node.changes.next());
                changed.as_mut().enable();
                if fault.struck() >= requests {
                    return Ok(());
                }
                changed.await;
            }
        })
    }

    /// Takes it back; false if it was gone already.
    pub fn remove(&self) -> bool {
        match (self.waits.node(), &self.rule) {
            (Some(node), Some(rule)) => node.faults.remove(rule.id),
            _ => false,
        }
    }
}
