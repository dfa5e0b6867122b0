//! Kafka's range assignor: for each topic, members in order of their id get
//! consecutive partitions; the first ones get one more when it does not divide.

use super::{Assignments, Members, PartitionCounts, nothing_yet, subscribers};
use crate::record::TopicPartition;

pub(super) fn assign(members: &Members, counts: &PartitionCounts) -> Assignments {
    let mut assignments = nothing_yet(members);
    for (topic, subscribers) in subscribers(members) {
        let count = counts.get(topic).copied().unwrap_or(0).max(0);
        let size = i32::try_from(subscribers.len()).unwrap_or(i32::MAX);
        let (each, more) = (count / size, count % size);
        let mut next = 0;
        for (place, member) in (0..).zip(subscribers) {
            let share = each + i32::from(place < more);
            let mine = (next..next + share).map(|index| TopicPartition::new(topic, index));
            assignments
                .entry(member.to_owned())
                .or_default()
                .extend(mine);
            next += share;
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Subscription;
    use super::*;

    #[test]
    fn the_first_members_get_one_more_of_each_topic() {
        let subscription = Subscription {
            topics: vec!["a".to_owned(), "b".to_owned()],
            ..Subscription::default()
        };
        let members = Members::from([
            ("m1".to_owned(), subscription.clone()),
            ("m2".to_owned(), subscription),
        ]);
        let counts = PartitionCounts::from([("a".to_owned(), 3), ("b".to_owned(), 3)]);
        let assignments = assign(&members, &counts);
        let text: Vec<_> = assignments["m1"].iter().map(ToString::to_string).collect();
        assert_eq!(text, ["a-0", "a-1", "b-0", "b-1"]);
        let text: Vec<_> = assignments["m2"].iter().map(ToString::to_string).collect();
        assert_eq!(text, ["a-2", "b-2"]);
    }

    #[test]
    fn members_beyond_the_partitions_stand_by() {
        let subscription = Subscription {
            topics: vec!["a".to_owned()],
            ..Subscription::default()
        };
        let members: Members = (1..=4)
            .map(|n| (format!("A{n}"), subscription.clone()))
            .collect();
        let counts = PartitionCounts::from([("a".to_owned(), 3)]);
        assert!(assign(&members, &counts)["A4"].is_empty());
    }
}
