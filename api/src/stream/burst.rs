//! What changed within a quarter of a second, read once for all who listen.

use std::collections::BTreeSet;

use social_events::{CommentId, PostId, UserId};

use crate::domain::Comment;
use crate::routes::verdict::VerdictDto;
use crate::store::{Change, Store, StoreError};

/// How many comments one burst tells of; of more, the newest, and the others are counted.
const COMMENTS_MAX: usize = 200;
/// How many posts.
const POSTS_MAX: usize = 50;

/// Changes that were gathered, each thing once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gathered {
    posts: BTreeSet<PostId>,
    written: BTreeSet<CommentId>,
    /// Those above, and those whose event came further.
    moved: BTreeSet<CommentId>,
    outcomes: BTreeSet<CommentId>,
    connections: Vec<(UserId, UserId)>,
    devices: Vec<UserId>,
    sessions: Vec<UserId>,
    /// Everybody begins anew.
    pub(super) missed: bool,
}

/// What happened, with everything that any listener may need.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) verdict: Option<VerdictDto>,
    pub(super) posts: Vec<PostId>,
    /// New comments and those whose event came further, newest first.
    pub(super) comments: Vec<Comment>,
    pub(super) written: BTreeSet<CommentId>,
    /// Those whose pushes have just been told of.
    pub(super) outcomes: BTreeSet<CommentId>,
    pub(super) connections: Vec<(UserId, UserId)>,
    pub(super) devices: Vec<UserId>,
    pub(super) sessions: Vec<UserId>,
    /// Posts and comments that are not told of singly.
    pub(super) skipped: usize,
}

impl Gathered {
    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Post(post) => drop(self.posts.insert(post)),
            Change::Comment(comment) => {
                self.written.insert(comment);
                self.moved.insert(comment);
            }
            Change::Journey(comment) => drop(self.moved.insert(comment)),
            Change::Outcome(comment) => {
                self.outcomes.insert(comment);
                self.moved.insert(comment);
            }
            Change::Connections(one, other) => self.connections.push((one, other)),
            Change::Devices(user) => self.devices.push(user),
            Change::Session(user) => self.sessions.push(user),
            Change::Missed => self.missed = true,
        }
    }

    /// Reads what a listener may need to know of these changes.
    pub(super) async fn read(self, store: &dyn Store) -> Result<Burst, StoreError> {
        let all = self.moved.len() + self.posts.len();
        let newest: Vec<_> = self.moved.into_iter().rev().take(COMMENTS_MAX).collect();
        let posts: Vec<_> = self.posts.into_iter().rev().take(POSTS_MAX).collect();
        let skipped = all - newest.len() - posts.len();
        let (mut verdict, mut comments) = (None, Vec::new());
        if !newest.is_empty() {
            verdict = Some(store.tally().await?.into());
            comments = store.comments_by_seq(&newest).await?;
        }
        Ok(Burst {
            verdict,
            posts,
            comments,
            written: self.written,
            outcomes: self.outcomes,
            connections: self.connections,
            devices: self.devices,
            sessions: self.sessions,
            skipped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn what_is_too_much_for_one_burst_is_counted() {
        let store = SqliteStore::in_memory().await.unwrap();
        let mut gathered = Gathered::default();
        for seq in 0..300 {
            gathered.add(Change::Comment(CommentId(seq)));
            gathered.add(Change::Journey(CommentId(seq)));
            gathered.add(Change::Post(PostId(seq % 60)));
        }
        let burst = gathered.read(&store).await.unwrap();
        assert_eq!((burst.posts.len(), burst.skipped), (50, 100 + 10));
    }
}
