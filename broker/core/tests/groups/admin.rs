//! Stories of administrators.

use ottla_core::group::admin::{AdminReply, AdminRequest};
use ottla_core::group::classic::ClassicState;
use ottla_core::group::{GroupError, GroupReply, GroupRequest, MemberId};

use crate::client::{GROUP, join, leaving};
use crate::driver::Driver;

fn ask(driver: &mut Driver, request: AdminRequest) -> AdminReply {
    let token = driver.send(GroupRequest::Admin(request));
    match driver.take(token) {
        Some(GroupReply::Admin(reply)) => reply,
        other => panic!("no answer: {other:?}"),
    }
}

fn list(driver: &mut Driver, states: &[&str], kinds: &[&str]) -> Vec<(String, &'static str)> {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let request = AdminRequest::List {
        states: texts(states),
        kinds: texts(kinds),
    };
    match ask(driver, request) {
        AdminReply::List(groups) => groups
            .into_iter()
            .map(|group| (group.protocol_type, group.state))
            .collect(),
        other => panic!("no list: {other:?}"),
    }
}

fn delete(driver: &mut Driver) -> Result<(), GroupError> {
    let group = GROUP.into();
    match ask(driver, AdminRequest::Delete { group }) {
        AdminReply::Delete(result) => result,
        other => panic!("no answer to DeleteGroups: {other:?}"),
    }
}

#[test]
fn groups_are_listed_by_state_and_kind() {
    let mut driver = Driver::eager();
    assert!(list(&mut driver, &[], &[]).is_empty());
    driver.commit(&MemberId::from(""), -1, "orders", 1);
    assert_eq!(list(&mut driver, &[], &[]), [(String::new(), "Empty")]);
    driver.first_member();
    let stable = [("consumer".to_owned(), "Stable")];
    assert_eq!(list(&mut driver, &[], &[]), stable);
    assert_eq!(
        list(&mut driver, &["empty", "stable"], &["Classic"]),
        stable
    );
    assert!(list(&mut driver, &["Empty"], &[]).is_empty());
    assert!(list(&mut driver, &[], &["consumer"]).is_empty());
}

#[test]
fn a_group_is_described_with_what_its_members_said_and_got() {
    let mut driver = Driver::eager();
    let (leader, _, _) = driver.two_members();
    let group = GROUP.into();
    let AdminReply::Describe(Ok(described)) = ask(&mut driver, AdminRequest::Describe { group })
    else {
        panic!("no description");
    };
    assert_eq!(described.state, ClassicState::Stable);
    assert_eq!(described.protocol_type, "consumer");
    assert_eq!(described.protocol, "range");
    assert_eq!(described.members.len(), 2);
    let first = described
        .members
        .iter()
        .find(|member| member.member == leader)
        .unwrap();
    assert_eq!(first.assignment, "first half");
    assert_eq!(first.metadata, join().protocols[0].metadata);
    assert_eq!(first.client_host, "/127.0.0.1");

    let group = "unheard of".into();
    assert_eq!(
        ask(&mut driver, AdminRequest::Describe { group }),
        AdminReply::Describe(Err(GroupError::GroupIdNotFound("unheard of".to_owned())))
    );
}

#[test]
fn only_a_group_without_members_is_deleted_and_its_offsets_with_it() {
    let mut driver = Driver::eager();
    let unknown = Err(GroupError::GroupIdNotFound(GROUP.to_owned()));
    assert_eq!(delete(&mut driver), unknown);
    let (member, generation) = driver.first_member();
    driver.commit(&member, generation, "orders", 1);
    assert_eq!(delete(&mut driver), Err(GroupError::NonEmptyGroup));
    driver.leave(&[leaving(&member)]);
    assert_eq!(delete(&mut driver), Ok(()));
    assert_eq!(driver.committed("orders"), None);
    assert_eq!(delete(&mut driver), unknown);
    driver.restart();
    assert_eq!(delete(&mut driver), unknown);
}
