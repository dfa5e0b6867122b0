//! Groups of the consumer protocol (KIP-848) over a real socket, in every
//! version this broker serves.
#![allow(clippy::unwrap_used)]

// These files serve other tests too.
#[allow(dead_code)]
#[path = "../groups/requests.rs"]
mod requests;
#[allow(dead_code)]
#[path = "../socket/mod.rs"]
mod socket;

use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, LeaveGroupRequest, ListGroupsRequest,
};
use ottla::Broker;
use requests::{
    TOPIC, commit_request, committed, fetch_request, find_coordinator, group_id, join,
    join_request, started, text, topic_name,
};
use socket::Client;

const GROUP: &str = "readers";
const LEAVE: i32 = -1;
const STATIC_LEAVE: i32 = -2;

/// The first heartbeat of a member.
fn join_heartbeat(member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_member_id(text(member))
        .with_member_epoch(0)
        .with_rebalance_timeout_ms(10_000)
        .with_subscribed_topic_names(Some(vec![topic_name(TOPIC)]))
        .with_topic_partitions(Some(Vec::new()))
}

/// Any later heartbeat; says what it owns if it has changed.
fn heartbeat(
    told: &ConsumerGroupHeartbeatResponse,
    owned: Option<Vec<i32>>,
) -> ConsumerGroupHeartbeatRequest {
    let owned = owned.map(|partitions| {
        let assignment = told.assignment.clone().unwrap_or_default();
        let topic = assignment
            .topic_partitions
            .first()
            .map(|topic| topic.topic_id);
        let topic = topic.unwrap_or_default();
        vec![
            TopicPartitions::default()
                .with_topic_id(topic)
                .with_partitions(partitions),
        ]
    });
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_member_id(told.member_id.clone().unwrap())
        .with_member_epoch(told.member_epoch)
        .with_rebalance_timeout_ms(-1)
        .with_topic_partitions(owned)
}

fn leave(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
}

fn partitions(told: &ConsumerGroupHeartbeatResponse) -> Option<Vec<i32>> {
    let assignment = told.assignment.as_ref()?;
    let topics = assignment.topic_partitions.iter();
    Some(topics.flat_map(|topic| topic.partitions.clone()).collect())
}

fn describe(client: &mut Client, version: i16) -> ConsumerGroupDescribeResponse {
    let groups = vec![group_id(GROUP), group_id("nobody")];
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(groups);
    client.call(version, &request)
}

#[tokio::test]
async fn members_join_share_and_leave_in_every_version() {
    for version in [0, 1] {
        let (_broker, mut client) = started().await;
        let a = client.call(version, &join_heartbeat("a"));
        assert_eq!((a.error_code, a.member_epoch), (0, 2));
        assert!(a.heartbeat_interval_ms > 0);
        assert_eq!(partitions(&a), Some(vec![0, 1, 2]));

        let b = client.call(version, &join_heartbeat("b"));
        assert_eq!((b.member_epoch, partitions(&b)), (3, Some(vec![])));
        let kept = client.call(version, &heartbeat(&a, None));
        assert_eq!(
            (kept.member_epoch, partitions(&kept)),
            (2, Some(vec![0, 1]))
        );
        let done = client.call(version, &heartbeat(&kept, Some(vec![0, 1])));
        assert_eq!((done.member_epoch, partitions(&done)), (3, None));
        let b = client.call(version, &heartbeat(&b, None));
        assert_eq!(partitions(&b), Some(vec![2]));

        let left = client.call(version, &leave("a", LEAVE));
        assert_eq!((left.error_code, left.member_epoch), (0, LEAVE));
        let b = client.call(version, &heartbeat(&b, None));
        assert_eq!(partitions(&b), Some(vec![0, 1, 2]));
    }
}

#[tokio::test]
async fn version_0_draws_a_member_id_and_version_1_wants_one() {
    let (_broker, mut client) = started().await;
    let drawn = client.call(0, &join_heartbeat(""));
    assert_eq!(drawn.error_code, 0);
    assert_eq!(drawn.member_id.unwrap().len(), 22);
    let refused = client.call(1, &join_heartbeat(""));
    assert_eq!(refused.error_code, ResponseError::InvalidRequest.code());
    assert_eq!(&*refused.error_message.unwrap(), "MemberId can't be empty");
}

#[tokio::test]
async fn a_subscription_by_regular_expression_is_of_version_1() {
    let (_broker, mut client) = started().await;
    let by_regex = |regex: &str| {
        join_heartbeat("a")
            .with_subscribed_topic_names(None)
            .with_subscribed_topic_regex(Some(text(regex)))
    };
    let refused = client.call(1, &by_regex("ord("));
    let expected = ResponseError::InvalidRegularExpression.code();
    assert_eq!(refused.error_code, expected);
    let a = client.call(1, &by_regex("ord.*"));
    assert_eq!(partitions(&a), Some(vec![0, 1, 2]));
}

#[tokio::test]
async fn a_group_is_described_in_every_version() {
    let (_broker, mut client) = started().await;
    client.call(1, &join_heartbeat("a").with_instance_id(Some(text("i"))));
    for version in [0, 1] {
        let described = describe(&mut client, version);
        let [group, nobody] = &described.groups[..] else {
            panic!("two groups were asked for");
        };
        assert_eq!(nobody.error_code, ResponseError::GroupIdNotFound.code());
        assert_eq!(nobody.group_id, group_id("nobody"));

        assert_eq!(group.error_code, 0);
        assert_eq!(&*group.group_state, "Stable");
        assert_eq!((group.group_epoch, group.assignment_epoch), (2, 2));
        assert_eq!(&*group.assignor_name, "uniform");
        let [member] = &group.members[..] else {
            panic!("one member joined");
        };
        assert_eq!(&*member.member_id, "a");
        assert_eq!(member.instance_id.as_deref(), Some("i"));
        assert_eq!(&*member.client_id, "test");
        assert_eq!(&*member.client_host, "/127.0.0.1");
        assert_eq!(member.subscribed_topic_names, [topic_name(TOPIC)]);
        assert_eq!(member.assignment, member.target_assignment);
        let [topic] = &member.assignment.topic_partitions[..] else {
            panic!("one topic is assigned");
        };
        assert_eq!(topic.topic_name, topic_name(TOPIC));
        assert_eq!(topic.partitions, [0, 1, 2]);
        assert_eq!(member.member_type, if version == 0 { -1 } else { 1 });
    }
}

#[tokio::test]
async fn a_group_is_listed_with_its_type_and_deleted_when_it_is_empty() {
    let (_broker, mut client) = started().await;
    client.call(1, &join_heartbeat("a"));
    let listed = client.call(5, &ListGroupsRequest::default());
    let [group] = &listed.groups[..] else {
        panic!("one group: {listed:?}");
    };
    assert_eq!(&*group.group_type, "consumer");
    assert_eq!(&*group.group_state, "Stable");
    assert_eq!(&*group.protocol_type, "consumer");

    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group_id(GROUP)]);
    let refused = client.call(2, &delete);
    let expected = ResponseError::NonEmptyGroup.code();
    assert_eq!(refused.results[0].error_code, expected);
    client.call(1, &leave("a", LEAVE));
    assert_eq!(&*describe(&mut client, 1).groups[0].group_state, "Empty");
    assert_eq!(client.call(2, &delete).results[0].error_code, 0);
    let expected = ResponseError::GroupIdNotFound.code();
    assert_eq!(describe(&mut client, 1).groups[0].error_code, expected);
}

#[tokio::test]
async fn commits_and_fetches_are_held_to_the_member_epoch() {
    let (_broker, mut client) = started().await;
    let a = client.call(1, &join_heartbeat("a"));
    let commit = |offset: i64, epoch: i32| {
        commit_request(9, GROUP, offset)
            .with_generation_id_or_member_epoch(epoch)
            .with_member_id(text("a"))
    };
    let code = |client: &mut Client, offset, epoch| {
        let answer = client.call(9, &commit(offset, epoch));
        answer.topics[0].partitions[0].error_code
    };
    assert_eq!(code(&mut client, 7, a.member_epoch), 0);
    let stale = ResponseError::StaleMemberEpoch.code();
    assert_eq!(code(&mut client, 8, a.member_epoch + 1), stale);
    // Its partitions are its own since epoch 2.
    assert_eq!(code(&mut client, 8, a.member_epoch - 1), stale);
    assert_eq!(committed(&mut client, GROUP), 7);

    // From outside, while the group has members.
    let outside = client.call(9, &commit_request(9, GROUP, 9));
    let unknown = ResponseError::UnknownMemberId.code();
    assert_eq!(outside.topics[0].partitions[0].error_code, unknown);
    // A version that knows nothing of member epochs.
    let old = commit_request(8, GROUP, 9)
        .with_generation_id_or_member_epoch(a.member_epoch)
        .with_member_id(text("a"));
    let unsupported = ResponseError::UnsupportedVersion.code();
    let answer = client.call(8, &old);
    assert_eq!(answer.topics[0].partitions[0].error_code, unsupported);

    let mut fetch = fetch_request(9, GROUP);
    fetch.groups[0].member_id = Some(text("a"));
    fetch.groups[0].member_epoch = a.member_epoch + 1;
    assert_eq!(client.call(9, &fetch).groups[0].error_code, stale);
    fetch.groups[0].member_epoch = a.member_epoch;
    assert_eq!(client.call(9, &fetch).groups[0].error_code, 0);
}

#[tokio::test]
async fn an_id_passes_from_one_protocol_to_the_other_only_while_nobody_is_in() {
    let (_broker, mut client) = started().await;
    let classic = join(&mut client, 9, GROUP);
    let refused = client.call(1, &join_heartbeat("a"));
    assert_eq!(refused.error_code, ResponseError::GroupIdNotFound.code());
    let leave_classic = LeaveGroupRequest::default()
        .with_group_id(group_id(GROUP))
        .with_members(vec![
            MemberIdentity::default().with_member_id(classic.member_id),
        ]);
    assert_eq!(client.call(5, &leave_classic).error_code, 0);

    let a = client.call(1, &join_heartbeat("a"));
    assert_eq!((a.error_code, partitions(&a)), (0, Some(vec![0, 1, 2])));
    let refused = client.call(9, &join_request(9, GROUP));
    let expected = ResponseError::InconsistentGroupProtocol.code();
    assert_eq!(refused.error_code, expected);
    client.call(1, &leave("a", LEAVE));
    assert_eq!(join(&mut client, 9, GROUP).error_code, 0);
}

#[tokio::test]
async fn a_silent_member_is_put_out() {
    let broker = Broker::builder()
        .topic(TOPIC, 3)
        .config("group.consumer.session.timeout.ms", "2000")
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&broker);
    find_coordinator(&mut client);
    let a = client.call(1, &join_heartbeat("a"));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert_eq!(client.call(1, &heartbeat(&a, None)).error_code, 0);
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while &*describe(&mut client, 1).groups[0].group_state != "Empty" {
        assert!(Instant::now() < deadline, "the session never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let gone = client.call(1, &heartbeat(&a, None));
    assert_eq!(gone.error_code, ResponseError::UnknownMemberId.code());
}

#[tokio::test]
async fn a_group_goes_on_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        Broker::builder()
            .data_dir(data.path())
            .topic(TOPIC, 3)
            .start()
    };
    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    find_coordinator(&mut client);
    let a = client.call(1, &join_heartbeat("a1").with_instance_id(Some(text("a"))));
    client.call(1, &join_heartbeat("b"));
    let away = leave("a1", STATIC_LEAVE).with_instance_id(Some(text("a")));
    assert_eq!(client.call(1, &away).error_code, 0);
    assert_eq!(partitions(&a), Some(vec![0, 1, 2]));
    broker.shutdown().await;

    let broker = start().await.unwrap();
    let mut client = Client::connect(&broker);
    let loading = ResponseError::CoordinatorLoadInProgress.code();
    let again = join_heartbeat("a2").with_instance_id(Some(text("a")));
    let mut a = client.call(1, &again);
    while a.error_code == loading {
        tokio::time::sleep(Duration::from_millis(5)).await;
        a = client.call(1, &again);
    }
    // Its target had become two of the three; it comes back to those.
    assert_eq!((a.error_code, a.member_epoch), (0, 3));
    assert_eq!(partitions(&a).unwrap().len(), 2);
    let described = describe(&mut client, 1);
    assert_eq!(described.groups[0].members.len(), 2);
}
