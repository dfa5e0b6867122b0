//! Who sends a heartbeat, and whether it may.

use super::leave::{check_instance, record, remove_member};
use super::timers::cancel_timers;
use super::{ConsumerGroup, Heartbeat, Member, MemberMetadata, STATIC_LEAVE_EPOCH};
use crate::group::record::consumer::ConsumerChange;
use crate::group::{GroupDecision, GroupError, MemberId};

/// A member's place in its group.
pub(super) struct Seat<'a> {
    /// As it was until now; a default one for a newcomer.
    pub(super) member: Member,
    is_new: bool,
    /// The life of the static member that it takes over from.
    pub(super) replaces: Option<&'a MemberId>,
}

impl<'a> Seat<'a> {
    /// Finds out who speaks, and whether it may.
    pub(super) fn find(
        group: &'a ConsumerGroup,
        max_size: usize,
        id: &MemberId,
        request: &Heartbeat,
    ) -> Result<Seat<'a>, GroupError> {
        if group.members.len() >= max_size && !group.members.contains_key(id) {
            return Err(GroupError::GroupMaxSizeReached);
        }
        let joins = request.member_epoch == 0;
        if let Some(instance) = &request.instance {
            match group.static_member(instance) {
                Some((away, member)) if joins => return replace_static(away, member, id),
                _ if joins => {}
                _ => check_instance(group, instance, id)?,
            }
        }
        match group.members.get(id) {
            Some(member) => {
                check_epoch(member, request)?;
                Ok(Seat {
                    member: member.clone(),
                    is_new: false,
                    replaces: None,
                })
            }
            None if joins => Ok(Seat {
                member: Member::default(),
                is_new: true,
                replaces: None,
            }),
            None => Err(GroupError::UnknownMemberId),
        }
    }

    /// Writes what the member now says of itself, and what it inherits.
    pub(super) fn write(
        &self,
        group: &ConsumerGroup,
        id: &MemberId,
        metadata: &MemberMetadata,
        decision: &mut GroupDecision,
    ) {
        if let Some(replaced) = self.replaces {
            decision.records.extend(remove_member(&group.id, replaced));
            decision.effects.extend(cancel_timers(&group.id, replaced));
        }
        if self.is_new || *metadata != self.member.metadata {
            let member = ConsumerChange::Member(id.clone(), Some(Box::new(metadata.clone())));
            decision.records.push(record(&group.id, member));
        }
        if let Some(replaced) = self.replaces {
            let target = group.targets.get(replaced).cloned().unwrap_or_default();
            let inherited = [
                ConsumerChange::TargetMember(id.clone(), Some(target)),
                ConsumerChange::Current(id.clone(), Some(self.member.assignment.clone())),
            ];
            let inherited = inherited.map(|change| record(&group.id, change));
            decision.records.extend(inherited);
        }
    }
}

/// A static member that joins again takes over from its last life, if that one
/// has left.
fn replace_static<'a>(
    away: &'a MemberId,
    member: &Member,
    joining: &MemberId,
) -> Result<Seat<'a>, GroupError> {
    if member.assignment.member_epoch != STATIC_LEAVE_EPOCH {
        return Err(GroupError::UnreleasedInstanceId(format!(
            "static member {joining} cannot join the group because its instance id is owned by \
             member {away}"
        )));
    }
    Ok(Seat {
        member: Member {
            metadata: member.metadata.clone(),
            assignment: member.assignment.inherited(),
        },
        is_new: true,
        replaces: Some(away),
    })
}

/// A member may be one epoch behind if it has no more than it was given since:
/// the answer that carried the next epoch was lost.
fn check_epoch(member: &Member, request: &Heartbeat) -> Result<(), GroupError> {
    let current = &member.assignment;
    let received = request.member_epoch;
    if received == 0 || received == current.member_epoch {
        return Ok(());
    }
    let relation = if received > current.member_epoch {
        "greater"
    } else {
        let has_only_what_it_was_given = request.owned.as_ref().is_some_and(|owned| {
            owned
                .iter()
                .all(|(topic, partition)| current.assigned.contains(topic, partition))
        });
        if received == current.previous_member_epoch && has_only_what_it_was_given {
            return Ok(());
        }
        "smaller"
    };
    Err(GroupError::FencedMemberEpoch(format!(
        "the member has a {relation} member epoch ({received}) than the one known by the group \
         coordinator ({}): it must abandon all its partitions and rejoin",
        current.member_epoch
    )))
}
