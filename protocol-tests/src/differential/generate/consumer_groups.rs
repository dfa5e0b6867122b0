//! Groups of the consumer protocol (KIP-848).

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ApiKey, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Draft, text};
use crate::differential::placeholders;

pub fn heartbeat(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::ConsumerGroupHeartbeat)?;
    let client = draft.client();
    let group = draft.dice.pick(&[1, 1, 1, 1, 2]);
    let group = match draft.dice.below(20) {
        0 => StrBytes::default(),
        1 => text(&draft.names.group(0)),
        _ => text(&draft.names.group(group)),
    };
    let request = ConsumerGroupHeartbeatRequest::default().with_group_id(group.into());
    let request = match draft.dice.below(10) {
        0..=3 => joining(draft, version, client, request),
        4 => leaving(draft, client, request),
        _ => staying(draft, version, client, request),
    };
    draft.push(client, version, request);
    Some(())
}

fn joining(
    draft: &mut Draft<'_>,
    version: i16,
    client: usize,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatRequest {
    let mut request = request
        .with_member_epoch(0)
        .with_rebalance_timeout_ms(draft.dice.pick(&[60_000, 60_000, 60_000, 60_000, -1, 0]))
        .with_topic_partitions(Some(Vec::new()));
    // Since version 1 the client brings its own id (KIP-1082).
    if version >= 1 {
        request.member_id = text(&format!("{}m{client}", draft.names.prefix()));
    }
    subscribe(draft, version, &mut request);
    match draft.dice.below(14) {
        0 => request.topic_partitions = None,
        1 => request.member_id = StrBytes::default(),
        2 => request.subscribed_topic_names = None,
        3 => request.topic_partitions = Some(owned(draft)),
        _ => {}
    }
    if draft.dice.once_in(5) {
        request.instance_id = Some(text(&format!("static-{}", draft.dice.below(2))));
    }
    if draft.dice.once_in(4) {
        let assignor = draft
            .dice
            .pick(&["uniform", "range", "range", "nonsense", ""]);
        request.server_assignor = Some(text(assignor));
    }
    request
}

fn subscribe(draft: &mut Draft<'_>, version: i16, request: &mut ConsumerGroupHeartbeatRequest) {
    let topics: &[usize] = draft
        .dice
        .pick(&[&[0][..], &[0, 1], &[0, 1], &[1], &[2], &[]]);
    let names = topics
        .iter()
        .map(|number| text(&draft.names.topic(*number)).into());
    request.subscribed_topic_names = Some(names.collect());
    if version >= 1 && draft.dice.once_in(16) {
        // Only one that cannot be: Kafka finds what others match in the
        // background, and nobody knows when.
        request.subscribed_topic_regex = Some(text("("));
    }
}

fn staying(
    draft: &mut Draft<'_>,
    version: i16,
    client: usize,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatRequest {
    let more = draft.dice.pick(&[0, 0, 0, 0, 0, 0, 1, -1, -1]);
    let mut request = request
        .with_member_id(placeholders::member(client))
        .with_member_epoch(placeholders::epoch(more))
        .with_rebalance_timeout_ms(-1);
    if draft.dice.once_in(16) {
        request.member_id = text("nobody");
        request.member_epoch = draft.dice.pick(&[1, 7]);
    }
    if draft.dice.once_in(3) {
        request.topic_partitions = Some(owned(draft));
    }
    if draft.dice.once_in(5) {
        subscribe(draft, version, &mut request);
    }
    if draft.dice.once_in(10) {
        request.instance_id = Some(text("static-0"));
    }
    request
}

fn leaving(
    draft: &mut Draft<'_>,
    client: usize,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatRequest {
    let mut request = request
        .with_member_id(placeholders::member(client))
        .with_member_epoch(draft.dice.pick(&[-1, -1, -1, -2, -3]))
        .with_rebalance_timeout_ms(-1);
    if request.member_epoch == -2 || draft.dice.once_in(6) {
        request.instance_id = Some(text("static-0"));
    }
    request
}

/// What a member says that it has; mostly what it may well have been given.
fn owned(draft: &mut Draft<'_>) -> Vec<TopicPartitions> {
    let partitions: &[i32] = draft.dice.pick(&[&[0, 1][..], &[0], &[1], &[9]]);
    vec![
        TopicPartitions::default()
            .with_topic_id(placeholders::topic_id(0, 0))
            .with_partitions(partitions.to_vec()),
    ]
}

pub fn describe(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::ConsumerGroupDescribe)?;
    let client = draft.client();
    let mut groups = vec![draft.group()];
    if draft.dice.once_in(3) {
        let other = text(&draft.names.group(1));
        if !groups.contains(&other) {
            groups.push(other);
        }
    }
    let request = ConsumerGroupDescribeRequest::default()
        .with_group_ids(groups.into_iter().map(Into::into).collect())
        .with_include_authorized_operations(draft.dice.once_in(4));
    draft.push(client, version, request);
    Some(())
}
