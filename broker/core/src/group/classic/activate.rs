//! A classic group that was just loaded begins to answer.

use super::super::{GroupConfig, GroupEffect, GroupId};
use super::members::session_end;
use super::{ClassicChange, ClassicGroup, again_rebalance, observe, set_session};
use crate::time::Now;

impl ClassicGroup {
    /// Gives every member a full session; a group that has outgrown
    /// `group.max.size` since has to find its members anew.
    pub(in super::super) fn activate(
        &self,
        id: &GroupId,
        now: Now,
        config: &GroupConfig,
    ) -> Vec<GroupEffect> {
        if self.members.is_empty() {
            return Vec::new();
        }
        let mut effects = vec![observe(id, ClassicChange::Loaded)];
        effects.extend(self.members.iter().map(|member| {
            let ends_ms = session_end(now.monotonic_ms, member.session_timeout_ms);
            set_session(id, &member.id, ends_ms)
        }));
        if self.members.len() > config.max_size {
            effects.push(again_rebalance(id));
        }
        effects
    }
}
