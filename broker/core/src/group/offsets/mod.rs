//! Committed offsets: how far each group has read.
//!
//! Offsets belong to a group id, not to a kind of group: whoever may commit is
//! asked of the group, what was committed is kept here. A consumer that assigns
//! itself commits without being a member, while the group has none.

mod commit;
mod delete;
mod expire;
mod fetch;
mod request;
mod table;

pub use request::{
    CommitRequest, DeleteRequest, FetchRequest, FetchedOffset, OffsetReply, OffsetRequest,
    OffsetToCommit, Outcome, Topic,
};
pub(super) use table::CommittedOffsets;

use super::{GroupDecision, GroupReply, GroupShard, TopicsView, answer};
use crate::decision::RequestToken;
use crate::time::Now;

/// A timer of the committed offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OffsetTimer {
    /// Look for offsets that have expired.
    Expiry,
}

/// Decides a request about offsets.
pub(super) fn decide(
    shard: &GroupShard,
    now: Now,
    token: RequestToken,
    request: OffsetRequest,
    topics: &dyn TopicsView,
) -> GroupDecision {
    match request {
        OffsetRequest::Commit(request) => commit::decide(shard, now, token, &request, topics),
        OffsetRequest::Fetch(request) => answered(token, fetch::read(shard, &request)),
        OffsetRequest::Delete(request) => delete::decide(shard, token, request, topics),
    }
}

/// Decides what a timer leads to.
pub(super) fn fire(shard: &GroupShard, now: Now, timer: &OffsetTimer) -> GroupDecision {
    match timer {
        OffsetTimer::Expiry => expire::decide(shard, now),
    }
}

fn answered(token: RequestToken, reply: OffsetReply) -> GroupDecision {
    answer(token, GroupReply::Offsets(reply))
}
