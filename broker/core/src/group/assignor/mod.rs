//! Server-side assignors (KIP-848): who should own which partition.
//!
//! An assignor is a pure function from members, their subscriptions and what
//! they have been promised so far, to what they should be promised next. It
//! never looks at what a member still holds, nor talks to anybody: moving from
//! one promise to the next is the business of
//! [`consumer`](super::consumer).

mod balance;
mod range;
mod topic_partitions;
mod uniform;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub use topic_partitions::TopicPartitions;

use super::names::{InstanceId, MemberId};
use crate::ids::TopicId;

/// An assignor the broker knows, named in `group.consumer.assignors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// Spreads partitions evenly and moves as few as it can.
    Uniform,
    /// Gives each member a contiguous range of every topic, so that topics
    /// with equally many partitions line up.
    Range,
}

/// What an assignor knows of one member.
#[derive(Clone, Debug)]
pub struct MemberSpec<'a> {
    /// Identifies the member; unique in a [`GroupSpec`].
    pub member_id: &'a MemberId,
    /// Its static name, if it has one: a steadier key than `member_id`.
    pub instance_id: Option<&'a InstanceId>,
    /// The topics it subscribes to, all of them in [`GroupSpec::topics`].
    pub subscribed: Rc<BTreeSet<TopicId>>,
    /// What it was promised last; may name topics and partitions that are gone.
    pub promised: &'a TopicPartitions,
}

/// What an assignor knows of a group.
#[derive(Clone, Debug)]
pub struct GroupSpec<'a> {
    /// In the order of their ids, so that equal groups get equal assignments.
    pub members: Vec<MemberSpec<'a>>,
    /// The number of partitions of every topic that somebody subscribes to.
    pub topics: BTreeMap<TopicId, i32>,
}

impl Assignor {
    /// Kafka's defaults; the first is used when no member asks for one.
    pub const ALL: [Assignor; 2] = [Assignor::Uniform, Assignor::Range];

    /// The name members ask for it by.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// The assignor of that name.
    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// What each member of `spec` should own, in the order of
    /// [`GroupSpec::members`]. Every partition of a subscribed topic goes to
    /// exactly one of its subscribers.
    pub fn assign(self, spec: &GroupSpec<'_>) -> Vec<TopicPartitions> {
        if spec.members.is_empty() {
            return Vec::new();
        }
        match self {
            Assignor::Range => range::assign(spec),
            Assignor::Uniform if spec.is_homogeneous() => uniform::assign(spec),
            Assignor::Uniform => balance::assign(spec),
        }
    }
}

impl GroupSpec<'_> {
    /// Whether all members subscribe to the same topics.
    fn is_homogeneous(&self) -> bool {
        self.members.windows(2).all(|pair| {
            Rc::ptr_eq(&pair[0].subscribed, &pair[1].subscribed)
                || pair[0].subscribed == pair[1].subscribed
        })
    }
}

#[cfg(test)]
mod tests;
