//! One stream: what its viewer may see of each burst.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use social_events::{CommentId, EventId, PostId, Timestamp, UserId};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::burst::Burst;
use super::concerns;
use super::ring::{Found, Ring};
use super::slots::Slot;
use crate::app::App;
use crate::auth::Caller;
use crate::backend::BackendDto;
use crate::domain::Comment;
use crate::domain::journey::State;
use crate::routes::verdict::VerdictDto;
use crate::routes::views::{CommentDto, PostDto, trace_id};
use crate::store::StoreError;

/// How many journeys a snapshot tells of.
const SNAPSHOT_TRACES: i64 = 50;
/// How often it is looked whether the session still exists.
const LOOK_AFTER_SESSION: Duration = Duration::from_secs(15);

/// Everything a page needs to begin with.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    verdict: VerdictDto,
    backend: BackendDto,
    /// The newest journeys that the viewer may see.
    traces: Vec<TraceEntry>,
}

/// What changed.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictDto>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<PostDto>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comments: Vec<CommentDto>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    traces: Vec<TraceEntry>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    devices_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    connections_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notifications: Vec<NotificationEntry>,
    skipped: usize,
}

/// A journey in one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceEntry {
    trace_id: String,
    comment_id: CommentId,
    post_id: PostId,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    millis: Option<f64>,
}

/// A notification for the viewer, to be shown by the page where no push works.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationEntry {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    tag: String,
    target: String,
    event_id: EventId,
}

/// One event of a stream, with its id.
#[derive(Debug)]
pub(crate) enum Told {
    Snapshot(String, Box<Snapshot>),
    Delta(String, Box<Delta>),
}

/// One stream.
pub(crate) struct Listener {
    app: Arc<App>,
    caller: Caller,
    ring: Arc<Ring>,
    newest: watch::Receiver<u64>,
    /// The number of the next burst to tell; `None` before the snapshot.
    next: Option<u64>,
    /// Whose posts the viewer may see; read anew when connections change.
    visible: Option<HashSet<UserId>>,
    look_at: Instant,
    stop: CancellationToken,
    _slot: Slot,
}

impl Listener {
    pub(super) fn new(
        app: Arc<App>,
        caller: Caller,
        ring: Arc<Ring>,
        from: Option<u64>,
        slot: Slot,
        stop: CancellationToken,
    ) -> Self {
        Self {
            app,
            caller,
            newest: ring.listen(),
            ring,
            next: from,
            visible: None,
            look_at: Instant::now() + LOOK_AFTER_SESSION,
            stop,
            _slot: slot,
        }
    }

    /// The next event; `None` when the stream is over: the session is, the service stops, or the
    /// database fails.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            let told = match self.advance().await {
                Ok(Some(told)) => told,
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(%error, "a stream ends");
                    return None;
                }
            };
            if told.is_some() {
                return told;
            }
        }
    }

    /// `None` at the end; `Some(None)` when there was nothing to tell.
    async fn advance(&mut self) -> Result<Option<Option<Told>>, StoreError> {
        let Some(number) = self.next else {
            return Ok(Some(Some(self.snapshot().await?)));
        };
        match self.ring.burst(number) {
            Found::Here(burst) => {
                self.next = Some(number + 1);
                let ended = burst.sessions.contains(&self.caller.user);
                if ended && !self.session_exists().await? {
                    return Ok(None);
                }
                let told = self.delta(&burst).await?;
                let id = self.ring.id(number);
                Ok(Some(told.map(|delta| Told::Delta(id, Box::new(delta)))))
            }
            Found::Forgotten => {
                self.next = None;
                Ok(Some(None))
            }
            Found::NotYet => self.wait().await,
        }
    }

    async fn wait(&mut self) -> Result<Option<Option<Told>>, StoreError> {
        tokio::select! {
            () = self.stop.cancelled() => return Ok(None),
            // The ring outlives its listeners.
            _ = self.newest.changed() => {}
            () = tokio::time::sleep_until(self.look_at) => {
                self.look_at = Instant::now() + LOOK_AFTER_SESSION;
                if !self.session_exists().await? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(None))
    }

    async fn session_exists(&self) -> Result<bool, StoreError> {
        let session = self.app.store.session(self.caller.token, Timestamp::now());
        Ok(session.await? == Some(self.caller.user))
    }

    /// What changes while it is read is told afterwards as well.
    async fn snapshot(&mut self) -> Result<Told, StoreError> {
        let next = self.ring.next();
        self.next = Some(next);
        self.visible = None;
        let viewer = self.caller.user;
        let recent = self.app.store.recent_comments(viewer, SNAPSHOT_TRACES);
        let snapshot = Snapshot {
            traces: recent
                .await?
                .iter()
                .filter_map(|comment| self.entry(comment))
                .collect(),
            verdict: self.app.store.tally().await?.into(),
            backend: self.app.backend.view(),
        };
        Ok(Told::Snapshot(self.ring.id(next - 1), Box::new(snapshot)))
    }

    /// `None` when nothing of the burst is for this viewer.
    async fn delta(&mut self, burst: &Burst) -> Result<Option<Delta>, StoreError> {
        let viewer = self.caller.user;
        let connections_changed = concerns(&burst.connections, viewer);
        if connections_changed {
            self.visible = None;
        }
        let visible = self.visible().await?;
        let seen: Vec<_> = burst
            .comments
            .iter()
            .filter(|comment| visible.contains(&comment.post_writer))
            .collect();
        let written = seen
            .iter()
            .filter(|comment| burst.written.contains(&comment.seq));
        let here = self.app.settings.process;
        let delta = Delta {
            verdict: burst.verdict.clone(),
            posts: self.posts(&burst.posts).await?,
            comments: written
                .map(|comment| CommentDto::new((*comment).clone(), here))
                .collect(),
            traces: seen
                .iter()
                .filter_map(|comment| self.entry(comment))
                .collect(),
            devices_changed: burst.devices.contains(&viewer),
            connections_changed,
            notifications: seen
                .iter()
                .filter(|comment| burst.outcomes.contains(&comment.seq))
                .filter_map(|comment| notification(comment, viewer))
                .collect(),
            skipped: burst.skipped,
        };
        Ok((!delta.is_empty()).then_some(delta))
    }

    async fn visible(&mut self) -> Result<HashSet<UserId>, StoreError> {
        if let Some(visible) = &self.visible {
            return Ok(visible.clone());
        }
        let viewer = self.caller.user;
        let connected = self.app.store.connections(viewer).await?;
        let visible: HashSet<_> = connected
            .into_iter()
            .map(|user| user.seq)
            .chain([viewer])
            .collect();
        self.visible = Some(visible.clone());
        Ok(visible)
    }

    async fn posts(&self, posts: &[PostId]) -> Result<Vec<PostDto>, StoreError> {
        let mut shown = Vec::new();
        for post in posts {
            if let Some(post) = self.app.store.post(self.caller.user, *post).await? {
                shown.push(PostDto::new(post, &self.app.backend));
            }
        }
        Ok(shown)
    }

    fn entry(&self, comment: &Comment) -> Option<TraceEntry> {
        let passage = comment.passage.as_deref()?;
        let travel = passage.travel(self.app.settings.process);
        Some(TraceEntry {
            trace_id: trace_id(passage.trace),
            comment_id: comment.seq,
            post_id: comment.post,
            state: travel.state,
            millis: travel.millis,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ring.left();
    }
}

impl Delta {
    fn is_empty(&self) -> bool {
        let nothing = self.posts.is_empty() && self.comments.is_empty() && self.traces.is_empty();
        let unchanged = !self.devices_changed && !self.connections_changed;
        nothing && unchanged && self.verdict.is_none() && self.skipped == 0
    }
}

/// Nobody is notified of their own comment.
fn notification(comment: &Comment, viewer: UserId) -> Option<NotificationEntry> {
    if comment.post_writer != viewer || comment.writer_seq == viewer {
        return None;
    }
    let passage = comment.passage.as_deref()?;
    let (outcome, _) = passage.outcome.as_ref()?;
    let notice = outcome.journey.as_ref()?.notice.clone();
    Some(NotificationEntry {
        title: notice.title,
        body: notice.body,
        tag: notice.tag,
        target: notice.target,
        event_id: passage.event_id,
    })
}
