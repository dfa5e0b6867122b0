//! Members that are silent for too long.

use super::super::{GroupDecision, GroupError, GroupId, MemberId};
use super::members::session_end;
use super::{
    ClassicChange, ClassicGroup, again_join, again_rebalance, observe, refuse_join, set_session,
};
use crate::decision::Decision;
use crate::time::Now;

/// A member's session may have ended. One that was heard from since has a later
/// end; one whose request waits here is alive, unless it has never been told a
/// generation: then its client may have gone and asked again under a new id.
pub(super) fn expire(
    group: &ClassicGroup,
    id: &GroupId,
    member: &MemberId,
    now: Now,
) -> GroupDecision {
    if let Some(&until_ms) = group.pending.get(member) {
        return expire_pending(id, member, until_ms, now);
    }
    let Some(known) = group.members.get(member) else {
        return GroupDecision::default();
    };
    if known.session_ends_ms > now.monotonic_ms {
        return Decision::of_effects(vec![set_session(id, member, known.session_ends_ms)]);
    }
    let waits = known.joining.is_some() || known.syncing.is_some();
    if waits && !known.is_new {
        let ends_ms = session_end(now.monotonic_ms, known.session_timeout_ms);
        return Decision::of_effects(vec![set_session(id, member, ends_ms)]);
    }
    let mut effects = Vec::new();
    if let Some(token) = known.joining {
        let nobody = MemberId::from("");
        effects.push(refuse_join(token, &nobody, GroupError::UnknownMemberId));
    }
    let member = member.clone();
    effects.push(observe(id, ClassicChange::Gone { member }));
    effects.push(again_rebalance(id));
    Decision::of_effects(effects)
}

fn expire_pending(id: &GroupId, member: &MemberId, until_ms: u64, now: Now) -> GroupDecision {
    if until_ms > now.monotonic_ms {
        return Decision::of_effects(vec![set_session(id, member, until_ms)]);
    }
    let member = member.clone();
    Decision::of_effects(vec![
        observe(id, ClassicChange::Gone { member }),
        again_join(id),
    ])
}
