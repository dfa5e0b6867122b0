//! The one thing the coordinator reads of the consumers' own protocol: which
//! topics they subscribe to, so that offsets of others may expire or be deleted.

use std::collections::BTreeSet;

use bytes::Buf;

use super::super::TopicName;
use super::Member;

/// The protocol type of consumers.
pub(super) const CONSUMER: &str = "consumer";

/// The topics all `members` together subscribe to; `None` when one of them says
/// something else than a consumer's subscription.
pub(super) fn of_members<'a>(
    members: impl Iterator<Item = &'a Member>,
    protocol: Option<&str>,
) -> Option<BTreeSet<TopicName>> {
    let mut topics = BTreeSet::new();
    for member in members {
        read(&member.metadata(protocol), &mut topics)?;
    }
    Some(topics)
}

/// Version 0 of the schema is how every later version begins.
fn read(mut metadata: &[u8], topics: &mut BTreeSet<TopicName>) -> Option<()> {
    let version = metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    if version < 0 {
        return None;
    }
    for _ in 0..count {
        let length = usize::try_from(metadata.try_get_i16().ok()?).ok()?;
        let name = std::str::from_utf8(metadata.get(..length)?).ok()?;
        topics.insert(TopicName::from(name));
        metadata.advance(length);
    }
    Some(())
}
