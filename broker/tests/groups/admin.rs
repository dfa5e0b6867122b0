//! Groups listed, described and deleted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};

use crate::requests::{
    commit, group_id, join, leave_request, started, subscription, sync_request, text,
};

#[tokio::test]
async fn groups_are_listed_with_state_and_kind_as_the_version_knows_them() {
    let (_broker, mut client) = started().await;
    commit(&mut client, "offsets only", 1);
    join(&mut client, 9, "readers");
    for version in 0..=5 {
        let mut listed = client.call(version, &ListGroupsRequest::default()).groups;
        listed.sort_by(|left, right| left.group_id.cmp(&right.group_id));
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[1].group_id, group_id("readers"));
        assert_eq!(listed[1].protocol_type, text("consumer"));
        if version >= 4 {
            assert_eq!(listed[0].group_state, text("Empty"));
            assert_eq!(listed[1].group_state, text("CompletingRebalance"));
        }
        if version >= 5 {
            assert_eq!(listed[1].group_type, text("classic"));
        }
    }
    let request = ListGroupsRequest::default()
        .with_states_filter(vec![text("empty")])
        .with_types_filter(vec![text("classic")]);
    let listed = client.call(5, &request).groups;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].group_id, group_id("offsets only"));
}

#[tokio::test]
async fn a_stable_group_is_described_and_a_missing_one_is_dead() {
    let (_broker, mut client) = started().await;
    let joined = join(&mut client, 9, "readers");
    let everything = [(&joined.member_id, "everything")];
    let request = sync_request(5, "readers", &joined, &everything);
    client.call(5, &request);
    for version in 0..=6 {
        let groups = vec![group_id("readers"), group_id("nobody")];
        let request = DescribeGroupsRequest::default()
            .with_groups(groups)
            .with_include_authorized_operations(version >= 3);
        let described = client.call(version, &request).groups;
        let (stable, missing) = (&described[0], &described[1]);
        assert_eq!(stable.error_code, 0);
        assert_eq!(stable.group_state, text("Stable"));
        assert_eq!(stable.protocol_data, text("range"));
        assert_eq!(stable.members.len(), 1);
        let member = &stable.members[0];
        assert_eq!(member.member_id, joined.member_id);
        assert_eq!(member.client_id, text("test"));
        assert_eq!(member.client_host, text("/127.0.0.1"));
        assert_eq!(member.member_metadata, subscription());
        assert_eq!(member.member_assignment, "everything");
        if version >= 3 {
            assert_eq!(stable.authorized_operations, 3400);
        }

        assert_eq!(missing.group_state, text("Dead"));
        let not_found = ResponseError::GroupIdNotFound.code();
        assert_eq!(missing.error_code, if version >= 6 { not_found } else { 0 });
        assert_eq!(missing.error_message.is_some(), version >= 6);
    }
}

#[tokio::test]
async fn empty_groups_are_deleted_and_others_are_not() {
    let (_broker, mut client) = started().await;
    let request = DeleteGroupsRequest::default().with_groups_names(vec![
        group_id("readers"),
        group_id("offsets only"),
        group_id("nobody"),
    ]);
    for version in 0..=2 {
        commit(&mut client, "offsets only", 1);
        let joined = join(&mut client, 9, "readers");
        let results = client.call(version, &request).results;
        let codes: Vec<i16> = results.iter().map(|result| result.error_code).collect();
        let non_empty = ResponseError::NonEmptyGroup.code();
        let not_found = ResponseError::GroupIdNotFound.code();
        assert_eq!(codes, [non_empty, 0, not_found]);

        client.call(5, &leave_request(5, "readers", &joined.member_id));
        assert_eq!(client.call(version, &request).results[0].error_code, 0);
    }
    let listed = client.call(5, &ListGroupsRequest::default()).groups;
    assert!(listed.is_empty());
}
