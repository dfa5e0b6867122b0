//! Kafka's round robin assignor: partitions of all topics in order, to members
//! in turn, skipping those that do not subscribe.

use super::{Assignments, Members, PartitionCounts, all_partitions, nothing_yet, subscribers};

pub(super) fn assign(members: &Members, counts: &PartitionCounts) -> Assignments {
    let mut assignments = nothing_yet(members);
    let subscribers = subscribers(members);
    let ids: Vec<_> = members.keys().collect();
    let mut turn = 0;
    for partition in all_partitions(&subscribers, counts) {
        // Its topic comes from a subscription, so somebody takes it.
        for _ in 0..ids.len() {
            let member = ids[turn];
            turn = (turn + 1) % ids.len();
            if members[member].topics.contains(&partition.topic) {
                assignments
                    .entry(member.clone())
                    .or_default()
                    .push(partition);
                break;
            }
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::super::Subscription;
    use super::*;

    #[test]
    fn partitions_of_all_topics_go_round() {
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
        assert_eq!(text, ["a-0", "a-2", "b-1"]);
    }
}
