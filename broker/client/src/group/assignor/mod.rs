//! Who gets which partition in a classic group. The leader of a generation
//! runs this on everybody's subscriptions; plain functions of their input.

mod cooperative;
mod range;
mod round_robin;

use std::collections::BTreeMap;
use std::str::FromStr;

pub(super) use cooperative::withhold_moving;

use super::protocol::Subscription;
use crate::record::TopicPartition;

/// Member id → subscription.
pub type Members = BTreeMap<String, Subscription>;

/// Topic → number of partitions.
pub type PartitionCounts = BTreeMap<String, i32>;

/// Member id → its partitions. Every member has an entry.
pub type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// A way to share partitions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Topic by topic, neighbouring partitions to one member.
    Range,
    /// All topics' partitions in turn.
    RoundRobin,
    /// As even as round robin, and members keep what they hold; what moves is
    /// given up in one generation and given out in the next (KIP-429).
    CooperativeSticky,
}

impl Assignor {
    /// The name members agree on.
    pub fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether members keep reading what they hold while they rejoin.
    pub fn is_cooperative(self) -> bool {
        self == Assignor::CooperativeSticky
    }

    /// Shares out every partition of every subscribed topic, each to one of
    /// the members that subscribe to it.
    pub fn assign(self, members: &Members, counts: &PartitionCounts) -> Assignments {
        match self {
            Assignor::Range => range::assign(members, counts),
            Assignor::RoundRobin => round_robin::assign(members, counts),
            Assignor::CooperativeSticky => cooperative::assign(members, counts),
        }
    }
}

impl FromStr for Assignor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = [
            Assignor::Range,
            Assignor::RoundRobin,
            Assignor::CooperativeSticky,
        ];
        known
            .into_iter()
            .find(|assignor| assignor.name() == name)
            .ok_or_else(|| {
                "unknown assignor; known are range, roundrobin, cooperative-sticky".to_owned()
            })
    }
}

/// An entry without partitions for every member.
fn nothing_yet(members: &Members) -> Assignments {
    members
        .keys()
        .map(|member| (member.clone(), Vec::new()))
        .collect()
}

/// Topic → the members that subscribe to it, in order of member id.
fn subscribers(members: &Members) -> BTreeMap<&str, Vec<&str>> {
    let mut subscribers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (member, subscription) in members {
        for topic in &subscription.topics {
            let of_topic = subscribers.entry(topic).or_default();
            // A topic named twice is still one subscription.
            if of_topic.last() != Some(&member.as_str()) {
                of_topic.push(member);
            }
        }
    }
    subscribers
}

/// Every partition of every subscribed topic, in order.
fn all_partitions<'a>(
    subscribers: &'a BTreeMap<&str, Vec<&str>>,
    counts: &'a PartitionCounts,
) -> impl Iterator<Item = TopicPartition> + 'a {
    subscribers.keys().flat_map(|topic| {
        let count = counts.get(*topic).copied().unwrap_or(0);
        (0..count).map(|partition| TopicPartition::new(*topic, partition))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn members() -> impl Strategy<Value = Members> {
        let subscription =
            proptest::collection::btree_set("[t-w]", 1..4).prop_map(|topics| Subscription {
                topics: topics.into_iter().collect(),
                owned: Vec::new(),
                generation: -1,
            });
        proptest::collection::btree_map("m[0-9]", subscription, 1..6)
    }

    fn counts() -> impl Strategy<Value = PartitionCounts> {
        proptest::collection::btree_map("[t-w]", 0..9, 0..4)
    }

    proptest! {
        #[test]
        fn every_partition_has_exactly_one_owner_who_subscribes_to_it(
            members in members(),
            counts in counts(),
        ) {
            for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::CooperativeSticky] {
                let assignments = assignor.assign(&members, &counts);
                prop_assert!(assignments.keys().eq(members.keys()));
                let mut seen = BTreeSet::new();
                for (member, partitions) in &assignments {
                    for partition in partitions {
                        prop_assert!(members[member].topics.contains(&partition.topic));
                        prop_assert!(seen.insert(partition.clone()), "two owners");
                    }
                }
                let subscribers = subscribers(&members);
                let all: BTreeSet<_> = all_partitions(&subscribers, &counts).collect();
                prop_assert_eq!(seen, all, "{:?}", assignor);
            }
        }

        #[test]
        fn equal_subscriptions_differ_by_at_most_one_partition(
            size in 1usize..7,
            counts in counts(),
        ) {
            let subscription = Subscription {
                topics: counts.keys().cloned().collect(),
                owned: Vec::new(),
                generation: -1,
            };
            let members: Members = (0..size)
                .map(|n| (format!("m{n}"), subscription.clone()))
                .collect();
            for assignor in [Assignor::RoundRobin, Assignor::CooperativeSticky] {
                let assignments = assignor.assign(&members, &counts);
                let sizes: Vec<_> = assignments.values().map(Vec::len).collect();
                let spread = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
                prop_assert!(spread <= 1, "{:?}: {:?}", assignor, sizes);
            }
        }
    }
}
