//! Members come, share, and go.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};

use crate::requests::{heartbeat, join, join_request, leave_request, started, sync_request, text};
use crate::socket::Client;

#[tokio::test]
async fn a_member_joins_syncs_beats_and_leaves_in_every_version() {
    let (_broker, mut client) = started().await;
    for version in 0..=9i16 {
        let group = format!("group of version {version}");
        let joined = join(&mut client, version, &group);
        assert_eq!(joined.error_code, 0);
        assert_eq!(joined.generation_id, 1);
        assert_eq!(joined.leader, joined.member_id);
        assert_eq!(joined.protocol_name, Some(text("range")));
        assert_eq!(joined.members.len(), 1);

        let sync_version = version.min(5);
        let everything = [(&joined.member_id, "everything")];
        let request = sync_request(sync_version, &group, &joined, &everything);
        let synced = client.call(sync_version, &request);
        assert_eq!(synced.error_code, 0);
        assert_eq!(synced.assignment, "everything");

        let beat_version = version.min(4);
        assert_eq!(heartbeat(&mut client, beat_version, &group, &joined), 0);

        let request = leave_request(sync_version, &group, &joined.member_id);
        let left = client.call(sync_version, &request);
        assert_eq!(left.error_code, 0);
        assert!(left.members.iter().all(|member| member.error_code == 0));
        assert_eq!(
            heartbeat(&mut client, beat_version, &group, &joined),
            ResponseError::UnknownMemberId.code()
        );
    }
}

#[tokio::test]
async fn two_members_on_two_connections_wait_for_each_other() {
    let (broker, mut first) = started().await;
    let mut second = Client::connect(&broker);
    let leader = join(&mut first, 9, "readers");
    let request = sync_request(5, "readers", &leader, &[]);
    assert_eq!(first.call(5, &request).error_code, 0);

    // The second one's request waits until the first one has joined again.
    let request = join_request(9, "readers");
    let given = second.call(9, &request).member_id;
    second.send(9, &request.with_member_id(given));
    let rebalancing = ResponseError::RebalanceInProgress.code();
    while heartbeat(&mut first, 4, "readers", &leader) != rebalancing {}
    let rejoin = join_request(9, "readers").with_member_id(leader.member_id.clone());
    let leader = first.call(9, &rejoin);
    let follower = second.receive::<JoinGroupRequest>(9);
    assert_eq!((leader.generation_id, follower.generation_id), (2, 2));
    assert_eq!(leader.members.len(), 2);
    assert!(follower.members.is_empty());

    // So does its SyncGroup, until the leader has assigned.
    second.send(5, &sync_request(5, "readers", &follower, &[]));
    let halves = [
        (&leader.member_id, "first half"),
        (&follower.member_id, "second half"),
    ];
    let request = sync_request(5, "readers", &leader, &halves);
    assert_eq!(first.call(5, &request).assignment, "first half");
    let synced = second.receive::<SyncGroupRequest>(5);
    assert_eq!(synced.assignment, "second half");
    assert_eq!(synced.protocol_name, Some(text("range")));
}

#[tokio::test]
async fn a_member_that_falls_silent_is_replaced_when_its_session_ends() {
    let broker = ottla::Broker::builder()
        .config("group.min.session.timeout.ms", "100")
        .start()
        .await
        .unwrap();
    let mut silent = Client::connect(&broker);
    crate::requests::find_coordinator(&mut silent);
    let short = join_request(3, "readers").with_session_timeout_ms(300);
    let silent_member = silent.call(3, &short);
    assert_eq!(silent_member.error_code, 0);
    let request = sync_request(3, "readers", &silent_member, &[]);
    assert_eq!(silent.call(3, &request).error_code, 0);

    // The newcomer's request waits for the silent member, and then no longer.
    let mut newcomer = Client::connect(&broker);
    let joined = newcomer.call(3, &join_request(3, "readers"));
    assert_eq!(joined.error_code, 0);
    assert_eq!(joined.members.len(), 1);
    assert_eq!(
        heartbeat(&mut silent, 3, "readers", &silent_member),
        ResponseError::UnknownMemberId.code()
    );
}

#[tokio::test]
async fn a_refused_join_says_why_in_every_version() {
    let (_broker, mut client) = started().await;
    for version in 0..=9 {
        let request = join_request(version, "readers").with_session_timeout_ms(1);
        let refused = client.call(version, &request);
        let invalid = ResponseError::InvalidSessionTimeout.code();
        assert_eq!(refused.error_code, invalid);
        assert_eq!(refused.generation_id, -1);
        let refused = client.call(version, &join_request(version, ""));
        assert_eq!(refused.error_code, ResponseError::InvalidGroupId.code());
    }
}

#[tokio::test]
async fn an_assignment_too_large_for_a_batch_changes_nothing() {
    let (_broker, mut client) = started().await;
    let joined = join(&mut client, 9, "readers");
    let mut request = sync_request(5, "readers", &joined, &[(&joined.member_id, "")]);
    request.assignments[0].assignment = vec![7; 2 << 20].into();
    let refused = client.call(5, &request);
    let too_large = ResponseError::UnknownServerError.code();
    assert_eq!(refused.error_code, too_large);

    // The generation still waits for its leader.
    let request = sync_request(5, "readers", &joined, &[(&joined.member_id, "less")]);
    let synced = client.call(5, &request);
    assert_eq!(synced.error_code, 0);
    assert_eq!(synced.assignment, "less");
}
