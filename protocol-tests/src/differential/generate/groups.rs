//! Classic groups: joining, syncing, heartbeats, leaving, and looking at them.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiKey, DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Draft, GROUPS, text};
use crate::differential::placeholders;
use crate::differential::script::CLIENTS;

/// After this a generation goes on without those who did not join again.
const REBALANCE_TIMEOUT_MS: i32 = 400;

/// Longer than any script.
const SESSION_TIMEOUT_MS: i32 = 60_000;

pub fn join(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::JoinGroup)?;
    let client = draft.client();
    let group = draft.group_or_none();
    let mut request = join_request(draft, version, group);
    request.member_id = match draft.dice.below(12) {
        0 => text("nobody"),
        1..=5 => StrBytes::default(),
        _ => placeholders::member(client),
    };
    // With an id that it was only told to come back with, Kafka stumbles.
    if version >= 5 && request.member_id.is_empty() && draft.dice.once_in(3) {
        request.group_instance_id = Some(text(&format!("static-{}", draft.dice.below(2))));
    }
    match draft.dice.below(20) {
        0 => request.session_timeout_ms = 10,
        1 => request.session_timeout_ms = i32::MAX,
        2 => request.protocol_type = text("connect"),
        3 => request.protocol_type = StrBytes::default(),
        4 => request.protocols.clear(),
        5 => request.protocols = vec![protocol("nobody-else")],
        _ => {}
    }
    draft.push(client, version, request.clone());
    // The first try only tells the member its id (KIP-394).
    if version >= 4 && request.member_id.is_empty() && !draft.dice.once_in(5) {
        request.member_id = placeholders::member(client);
        draft.push(client, version, request);
    }
    Some(())
}

/// Everybody joins one group, and its leader hands out assignments.
pub fn everybody_joins(draft: &mut Draft<'_>) -> Option<()> {
    let group = text(&draft.names.group(0));
    let members = draft.dice.pick(&[1, 2, 2, 3]);
    // Joining without an id again would leave a member behind that nobody is.
    let first_round = usize::from(draft.everybody_joined);
    draft.everybody_joined = true;
    for round in first_round..2 {
        for client in 0..members {
            let version = draft.version(ApiKey::JoinGroup)?.max(4);
            let mut request = join_request(draft, version, group.clone());
            if round == 1 {
                request.member_id = placeholders::member(client);
            }
            draft.push(client, version, request);
        }
    }
    for client in 0..members {
        sync_of(draft, client, group.clone(), members)?;
    }
    Some(())
}

fn join_request(draft: &mut Draft<'_>, version: i16, group: StrBytes) -> JoinGroupRequest {
    let mut request = JoinGroupRequest::default()
        .with_group_id(group.into())
        .with_session_timeout_ms(SESSION_TIMEOUT_MS)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol("range")]);
    if draft.dice.once_in(3) {
        request.protocols.insert(0, protocol("sticky"));
    }
    if version >= 1 {
        request.rebalance_timeout_ms = REBALANCE_TIMEOUT_MS;
    } else {
        // Both timeouts are one there.
        request.session_timeout_ms = 2_000;
    }
    request
}

/// A subscription to the script's first topic, as the consumer's assignors
/// write it.
fn protocol(name: &str) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol::default()
        .with_name(text(name))
        .with_metadata(Bytes::from_static(&[
            0, 1, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ]))
}

pub fn sync(draft: &mut Draft<'_>) -> Option<()> {
    let client = draft.client();
    let group = draft.group_or_none();
    sync_of(draft, client, group, CLIENTS)
}

fn sync_of(draft: &mut Draft<'_>, client: usize, group: StrBytes, members: usize) -> Option<()> {
    let version = draft.version(ApiKey::SyncGroup)?;
    let mut request = SyncGroupRequest::default()
        .with_group_id(group.into())
        .with_member_id(placeholders::member(client))
        .with_generation_id(placeholders::epoch(
            draft.dice.pick(&[0, 0, 0, 0, 0, 0, 1, -1]),
        ));
    if draft.dice.once_in(16) {
        request.member_id = text("nobody");
    }
    if version >= 5 {
        request.protocol_type = draft
            .dice
            .pick(&[Some("consumer"), Some("consumer"), None, Some("x")])
            .map(text);
        request.protocol_name = draft
            .dice
            .pick(&[Some("range"), Some("range"), None, None, Some("x")])
            .map(text);
    }
    // Followers send none, and the leader is mostly the first to join.
    if client == 0 {
        let assignments = (0..members).map(|member| {
            SyncGroupRequestAssignment::default()
                .with_member_id(placeholders::member(member))
                .with_assignment(Bytes::from(format!("assignment {member}")))
        });
        request.assignments = assignments.collect();
    }
    draft.push(client, version, request);
    Some(())
}

pub fn heartbeat(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::Heartbeat)?;
    let client = draft.client();
    let mut request = HeartbeatRequest::default()
        .with_group_id(draft.group_or_none().into())
        .with_member_id(placeholders::member(client))
        .with_generation_id(placeholders::epoch(draft.dice.pick(&[0, 0, 0, 1, -1])));
    if draft.dice.once_in(10) {
        request.member_id = draft.dice.pick(&[text("nobody"), StrBytes::default()]);
    }
    if version >= 3 && draft.dice.once_in(5) {
        request.group_instance_id = Some(text("static-0"));
    }
    draft.push(client, version, request);
    Some(())
}

pub fn leave(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::LeaveGroup)?;
    let client = draft.client();
    let mut request = LeaveGroupRequest::default().with_group_id(draft.group().into());
    if version < 3 {
        request.member_id = placeholders::member(client);
        if draft.dice.once_in(8) {
            request.member_id = text("nobody");
        }
    } else {
        for _ in 0..draft.dice.pick(&[1, 1, 1, 2, 0]) {
            let member = MemberIdentity::default();
            let member = match draft.dice.below(6) {
                0 => member.with_group_instance_id(Some(text("static-0"))),
                1 => member.with_member_id(text("nobody")),
                2 => member
                    .with_member_id(placeholders::member(client))
                    .with_group_instance_id(Some(text("static-1"))),
                _ => member.with_member_id(placeholders::member(client)),
            };
            request.members.push(member);
        }
    }
    draft.push(client, version, request);
    Some(())
}

fn groups(draft: &mut Draft<'_>) -> Vec<StrBytes> {
    let count = draft.dice.pick(&[1, 1, 2]);
    let mut groups: Vec<StrBytes> = (0..count).map(|_| draft.group()).collect();
    groups.dedup();
    groups
}

pub fn describe(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DescribeGroups)?;
    let client = draft.client();
    let groups = groups(draft);
    let mut request =
        DescribeGroupsRequest::default().with_groups(groups.into_iter().map(Into::into).collect());
    if version >= 3 {
        request.include_authorized_operations = draft.dice.once_in(4);
    }
    draft.push(client, version, request);
    Some(())
}

pub fn list(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::ListGroups)?;
    let client = draft.client();
    let mut request = ListGroupsRequest::default();
    if version >= 4 && draft.dice.once_in(3) {
        let states = [
            "Stable",
            "Empty",
            "stable",
            "PreparingRebalance",
            "Nonsense",
            "",
        ];
        request.states_filter = vec![text(draft.dice.pick(&states))];
    }
    if version >= 5 && draft.dice.once_in(3) {
        let kinds = ["classic", "consumer", "Classic", "nonsense", ""];
        request.types_filter = vec![text(draft.dice.pick(&kinds))];
    }
    draft.push(client, version, request);
    Some(())
}

pub fn delete(draft: &mut Draft<'_>) -> Option<()> {
    let version = draft.version(ApiKey::DeleteGroups)?;
    let client = draft.client();
    let groups = if draft.dice.once_in(3) {
        (0..GROUPS)
            .map(|number| text(&draft.names.group(number)))
            .collect()
    } else {
        groups(draft)
    };
    let request = DeleteGroupsRequest::default()
        .with_groups_names(groups.into_iter().map(Into::into).collect());
    draft.push(client, version, request);
    Some(())
}
