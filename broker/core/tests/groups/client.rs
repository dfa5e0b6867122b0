//! What a client of a classic group would say, in a word or two.

use bytes::Bytes;
use ottla_core::decision::RequestToken;
use ottla_core::group::classic::{
    ClassicReply, ClassicRequest, ClientIdentity, HeartbeatRequest, JoinRefusal, JoinRequest,
    Joined, LeaveOutcome, LeaveRequest, LeavingMember, Protocol, SyncRequest, Synced,
};
use ottla_core::group::offsets::{
    CommitRequest, FetchRequest, OffsetReply, OffsetRequest, OffsetToCommit, Topic,
};
use ottla_core::group::{GroupError, GroupReply, GroupRequest, MemberId};
use ottla_core::ids::{Offset, PartitionIndex};

use crate::driver::Driver;

pub const GROUP: &str = "readers";
pub const SESSION_MS: u64 = 10_000;
pub const REBALANCE_MS: u64 = 30_000;

/// A JoinGroup of version 9 of a dynamic consumer that has no id yet.
pub fn join() -> JoinRequest {
    JoinRequest {
        group: GROUP.into(),
        member: "".into(),
        instance: None,
        client: ClientIdentity {
            client_id: "client".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
        },
        session_timeout_ms: SESSION_MS as i32,
        rebalance_timeout_ms: REBALANCE_MS as i32,
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol("range")],
        fresh_uuid: String::new(),
        requires_known_member: true,
        can_skip_assignment: true,
    }
}

pub fn protocol(name: &str) -> Protocol {
    Protocol {
        name: name.to_owned(),
        metadata: subscription(&["orders"]),
    }
}

/// A consumer's subscription, version 0 of its schema.
pub fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 0];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes.into()
}

/// What a story's members say.
impl Driver {
    pub fn send_join(&mut self, mut request: JoinRequest) -> RequestToken {
        let serial = self.fresh();
        request.fresh_uuid = serial.to_string();
        self.send(GroupRequest::Classic(ClassicRequest::Join(request)))
    }

    /// Joins as clients before version 4 do: the member is in at once.
    pub fn send_old_join(&mut self, mut request: JoinRequest) -> RequestToken {
        request.requires_known_member = false;
        self.send_join(request)
    }

    pub fn take_join(&mut self, token: RequestToken) -> Option<Result<Joined, JoinRefusal>> {
        self.take(token).map(|reply| match reply {
            GroupReply::Classic(ClassicReply::Join(result)) => result,
            other => panic!("no answer to JoinGroup: {other:?}"),
        })
    }

    /// The answer that must have come, and must be good.
    pub fn joined(&mut self, token: RequestToken) -> Joined {
        self.take_join(token).expect("answered").expect("joined")
    }

    pub fn refused(&mut self, token: RequestToken) -> JoinRefusal {
        self.take_join(token)
            .expect("answered")
            .expect_err("refused")
    }

    pub fn send_sync(
        &mut self,
        member: &MemberId,
        generation: i32,
        assignments: &[(&MemberId, &'static str)],
    ) -> RequestToken {
        let assignments = assignments
            .iter()
            .map(|(member, assignment)| ((*member).clone(), Bytes::from(*assignment)));
        self.send(GroupRequest::Classic(ClassicRequest::Sync(SyncRequest {
            group: GROUP.into(),
            member: member.clone(),
            instance: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        })))
    }

    pub fn take_sync(&mut self, token: RequestToken) -> Option<Result<Synced, GroupError>> {
        self.take(token).map(|reply| match reply {
            GroupReply::Classic(ClassicReply::Sync(result)) => result,
            other => panic!("no answer to SyncGroup: {other:?}"),
        })
    }

    pub fn synced(&mut self, token: RequestToken) -> Bytes {
        let synced = self.take_sync(token).expect("answered");
        synced.expect("synced").assignment
    }

    pub fn heartbeat(&mut self, member: &MemberId, generation: i32) -> Result<(), GroupError> {
        let token = self.send(GroupRequest::Classic(ClassicRequest::Heartbeat(
            HeartbeatRequest {
                group: GROUP.into(),
                member: member.clone(),
                instance: None,
                generation,
            },
        )));
        match self.take(token) {
            Some(GroupReply::Classic(ClassicReply::Heartbeat(result))) => result,
            other => panic!("no answer to Heartbeat: {other:?}"),
        }
    }

    pub fn leave(&mut self, members: &[LeavingMember]) -> Vec<LeaveOutcome> {
        let token = self.send(GroupRequest::Classic(ClassicRequest::Leave(LeaveRequest {
            group: GROUP.into(),
            members: members.to_vec(),
        })));
        match self.take(token) {
            Some(GroupReply::Classic(ClassicReply::Leave(result))) => result.unwrap(),
            other => panic!("no answer to LeaveGroup: {other:?}"),
        }
    }

    pub fn commit(
        &mut self,
        member: &MemberId,
        generation: i32,
        topic: &str,
        offset: i64,
    ) -> Option<GroupError> {
        let request = commit(member, generation, topic, offset);
        let token = self.send(GroupRequest::Offsets(OffsetRequest::Commit(request)));
        match self.take(token) {
            Some(GroupReply::Offsets(OffsetReply::Commit(topics))) => {
                topics[0].partitions[0].error.clone()
            }
            other => panic!("no answer to OffsetCommit: {other:?}"),
        }
    }

    /// The offset committed for partition 0.
    pub fn committed(&mut self, topic: &str) -> Option<i64> {
        let token = self.send(GroupRequest::Offsets(OffsetRequest::Fetch(FetchRequest {
            group: GROUP.into(),
            member: None,
            member_epoch: -1,
            topics: Some(vec![Topic {
                name: topic.into(),
                partitions: vec![PartitionIndex(0)],
            }]),
        })));
        match self.take(token) {
            Some(GroupReply::Offsets(OffsetReply::Fetch(Ok(topics)))) => {
                let committed = topics[0].partitions[0].committed.as_ref();
                committed.map(|committed| committed.offset.0)
            }
            other => panic!("no answer to OffsetFetch: {other:?}"),
        }
    }

    /// The first member of an empty group, joined, synced and stable.
    pub fn first_member(&mut self) -> (MemberId, i32) {
        let token = self.send_old_join(join());
        let joined = self.joined(token);
        let token = self.send_sync(
            &joined.member,
            joined.generation,
            &[(&joined.member, "everything")],
        );
        assert_eq!(self.synced(token), "everything");
        (joined.member, joined.generation)
    }

    /// Two members, joined, synced and stable; the first one leads.
    pub fn two_members(&mut self) -> (MemberId, MemberId, i32) {
        let (leader, _) = self.first_member();
        let newcomer = self.send_old_join(join());
        let rejoin = self.send_join(JoinRequest {
            member: leader.clone(),
            ..join()
        });
        let follower = self.joined(newcomer).member;
        let generation = self.joined(rejoin).generation;
        let waits = self.send_sync(&follower, generation, &[]);
        let leads = self.send_sync(
            &leader,
            generation,
            &[(&leader, "first half"), (&follower, "second half")],
        );
        assert_eq!(self.synced(leads), "first half");
        assert_eq!(self.synced(waits), "second half");
        (leader, follower, generation)
    }

    /// As often as a client would, so that the members live on.
    pub fn live_on(&mut self, members: &[&MemberId], generation: i32, for_ms: u64) {
        let step_ms = SESSION_MS / 4;
        for _ in 0..for_ms / step_ms {
            self.advance(step_ms);
            for member in members {
                let _ = self.heartbeat(member, generation);
            }
        }
    }
}

pub fn commit(member: &MemberId, generation: i32, topic: &str, offset: i64) -> CommitRequest {
    CommitRequest {
        group: GROUP.into(),
        member: member.clone(),
        instance: None,
        generation_or_epoch: generation,
        retention_ms: None,
        knows_member_epochs: true,
        topics: vec![Topic {
            name: topic.into(),
            partitions: vec![OffsetToCommit {
                partition: PartitionIndex(0),
                offset: Offset(offset),
                leader_epoch: Some(0),
                metadata: String::new(),
            }],
        }],
    }
}

pub fn leaving(member: &MemberId) -> LeavingMember {
    LeavingMember {
        member: member.clone(),
        instance: None,
    }
}
