//! What an embedded broker says of itself when a wait was in vain: groups,
//! members and what they have, offsets against the ends of logs, and the last
//! requests of every connection.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::requests::Requests;
use crate::node::Node;
use crate::observe::{self, GroupState, TopicState};

/// Whoever waited in vain wants an answer, even of a coordinator in trouble.
const GROUPS_TIMEOUT: Duration = Duration::from_secs(1);

/// The explanation, `about` a group or of everything there is.
pub(super) async fn of(node: &Arc<Node>, about: Option<&str>) -> String {
    let topics = observe::topics(node);
    let groups = tokio::time::timeout(GROUPS_TIMEOUT, observe::groups(node, &topics)).await;
    let requests = node.requests.as_ref().map(|requests| requests.snapshot());
    let mut text = String::new();
    write_all(
        &mut text,
        about,
        groups.ok().as_deref(),
        &topics,
        &requests.unwrap_or_default(),
    )
    .expect("writing to a String cannot fail");
    text
}

fn write_all(
    out: &mut String,
    about: Option<&str>,
    groups: Option<&[GroupState]>,
    topics: &[TopicState],
    requests: &[Requests],
) -> fmt::Result {
    match (about, groups) {
        (_, None) => writeln!(out, "the groups' coordinators do not answer")?,
        (None, Some(groups)) => {
            for group in groups {
                write_group(out, group, topics)?;
            }
        }
        (Some(id), Some(groups)) => match groups.iter().find(|group| group.id == id) {
            Some(group) => write_group(out, group, topics)?,
            None => write_no_group(out, id, groups)?,
        },
    }
    write_topics(out, topics)?;
    write_requests(out, requests)
}

fn write_no_group(out: &mut String, id: &str, groups: &[GroupState]) -> fmt::Result {
    let others: Vec<_> = groups.iter().map(|group| group.id.as_str()).collect();
    let others = match others.is_empty() {
        true => "no other either".to_owned(),
        false => format!("only {}", others.join(", ")),
    };
    writeln!(out, "there is no group {id}, {others}")
}

fn write_group(out: &mut String, group: &GroupState, topics: &[TopicState]) -> fmt::Result {
    let GroupState {
        id, kind, state, ..
    } = group;
    let count = group.members.len();
    writeln!(out, "group {id} ({kind}): {state}, members: {count}")?;
    for member in &group.members {
        let (id, client, host) = (&member.id, &member.client_id, &member.client_host);
        write!(out, "  member {id} (client.id {client}, {host}):")?;
        for assigned in &member.assigned {
            write!(out, " {}{:?}", assigned.topic, assigned.partitions)?;
        }
        let nothing = member.assigned.iter().all(|of| of.partitions.is_empty());
        writeln!(out, "{}", if nothing { " nothing" } else { "" })?;
    }
    for offset in &group.offsets {
        let (topic, partition) = (&offset.topic, offset.partition);
        write!(out, "  committed {topic}-{partition}: {}", offset.committed)?;
        match end_of(topics, topic, partition) {
            Some(end) => writeln!(out, " of {end}")?,
            None => writeln!(out, ", but that partition is not there")?,
        }
    }
    for (topic, partition, end) in uncommitted(group, topics) {
        writeln!(out, "  committed {topic}-{partition}: nothing of {end}")?;
    }
    Ok(())
}

fn uncommitted<'a>(
    group: &'a GroupState,
    topics: &'a [TopicState],
) -> impl Iterator<Item = (&'a str, i32, i64)> {
    let assigned = group.members.iter().flat_map(|member| &member.assigned);
    let assigned = assigned.flat_map(|of| of.partitions.iter().map(|index| (&of.topic, *index)));
    assigned.filter_map(|(topic, partition)| {
        let mut offsets = group.offsets.iter();
        let is_committed =
            offsets.any(|offset| offset.topic == *topic && offset.partition == partition);
        let end = end_of(topics, topic, partition)?;
        (!is_committed).then_some((topic.as_str(), partition, end))
    })
}

fn end_of(topics: &[TopicState], topic: &str, partition: i32) -> Option<i64> {
    let topic = topics.iter().find(|known| known.name == topic)?;
    let partition = topic.partitions.get(usize::try_from(partition).ok()?)?;
    Some(partition.log?.high_watermark)
}

fn write_topics(out: &mut String, topics: &[TopicState]) -> fmt::Result {
    for topic in topics {
        write!(out, "topic {}:", topic.name)?;
        for partition in &topic.partitions {
            match partition.log {
                Some(log) => write!(out, " {}..{}", log.start_offset, log.high_watermark)?,
                None => write!(out, " offline")?,
            }
        }
        writeln!(out)?;
    }
    if topics.is_empty() {
        writeln!(out, "there is no topic")?;
    }
    Ok(())
}

fn write_requests(out: &mut String, connections: &[Requests]) -> fmt::Result {
    if connections.is_empty() {
        return writeln!(out, "no client has sent a request");
    }
    for connection in connections {
        let (peer, client) = (connection.peer, &connection.client_id);
        writeln!(out, "last requests of {peer} (client.id {client})")?;
        for request in &connection.requests {
            writeln!(out, "  {request}")?;
        }
    }
    Ok(())
}
