//! What the leader of a consumers' group has given a member, in the consumers'
//! own protocol. The coordinator passes it on unread; this is for people who
//! want to see it.

use bytes::Buf;

/// Partitions of one topic that a member was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedTopic {
    /// The topic.
    pub name: String,
    /// Indexes of partitions, as the leader listed them.
    pub partitions: Vec<i32>,
}

/// The partitions in a consumer's assignment; `None` if it is none. Nothing at
/// all is no partition: so a member is told that there is none for it.
pub fn assigned_topics(mut assignment: &[u8]) -> Option<Vec<AssignedTopic>> {
    if assignment.is_empty() {
        return Some(Vec::new());
    }
    let version = assignment.try_get_i16().ok()?;
    if version < 0 {
        return None;
    }
    // Version 0 of the schema is how every later version begins. Counts are
    // not believed: what they claim is read one by one.
    let count = assignment.try_get_i32().ok()?;
    (0..count).map(|_| topic(&mut assignment)).collect()
}

fn topic(assignment: &mut &[u8]) -> Option<AssignedTopic> {
    let length = usize::try_from(assignment.try_get_i16().ok()?).ok()?;
    let (name, rest) = assignment.split_at_checked(length)?;
    *assignment = rest;
    let count = assignment.try_get_i32().ok()?;
    let partitions = (0..count).map(|_| assignment.try_get_i32().ok());
    Some(AssignedTopic {
        name: std::str::from_utf8(name).ok()?.to_owned(),
        partitions: partitions.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_assignment_names_its_partitions() {
        let bytes = b"\0\x01\0\0\0\x01\0\x06orders\0\0\0\x02\0\0\0\0\0\0\0\x02\xff\xff\xff\xff";
        let orders = AssignedTopic {
            name: "orders".to_owned(),
            partitions: vec![0, 2],
        };
        assert_eq!(assigned_topics(bytes), Some(vec![orders]));
        assert_eq!(assigned_topics(b""), Some(Vec::new()));
        assert_eq!(assigned_topics(&bytes[..20]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = assigned_topics(&bytes);
        }

        #[test]
        fn counts_that_nothing_follows_take_no_memory(count in 1..i32::MAX) {
            let mut bytes = vec![0, 0];
            bytes.extend(count.to_be_bytes());
            prop_assert_eq!(assigned_topics(&bytes), None);
        }
    }
}
