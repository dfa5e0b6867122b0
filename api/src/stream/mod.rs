//! The live stream: a snapshot, then what changed, to everybody only what they may see.
//!
//! ```text
//!  store.changes() ─► hub: gathers for a quarter of a second, reads once ─► ring of bursts
//!                                                                             │  │  │
//!                                     listeners: pick what their viewer may see, by ◄──┘
//!                                     snapshot first, or from where they broke off
//! ```
//!
//! A store tells the changes of every instance, so a stream shows them whichever instance made
//! them. The ring is bounded: who is further behind gets a snapshot, and who does not read at all
//! is cut off by the server. When nobody has listened for a minute, nothing is read.

mod burst;
mod hub;
mod listener;
mod ring;
mod slots;

use std::sync::Arc;

use social_events::UserId;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::store::Store;

pub(crate) use listener::{Listener, Told};

use ring::Ring;
use slots::Slots;

/// All streams of this instance.
#[derive(Debug)]
pub(crate) struct Streams {
    ring: Arc<Ring>,
    slots: Arc<Slots>,
    stop: CancellationToken,
}

impl Streams {
    pub(crate) fn new() -> Self {
        Self {
            ring: Arc::new(Ring::new()),
            slots: Arc::new(Slots::default()),
            stop: CancellationToken::new(),
        }
    }

    /// Fills the ring until `stop`.
    pub(crate) fn fill(
        &self,
        store: Arc<dyn Store>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + use<> {
        hub::run(store, Arc::clone(&self.ring), stop)
    }

    /// A stream for `caller`, resumed after `last_event_id` where that is possible.
    ///
    /// # Errors
    /// When there are too many already.
    pub(crate) fn open(
        &self,
        app: Arc<App>,
        caller: Caller,
        last_event_id: Option<&str>,
    ) -> Result<Listener, ApiError> {
        let slot = Slots::take(&self.slots, caller.token)?;
        let from = last_event_id.and_then(|id| self.ring.after(id));
        Ok(Listener::new(
            app,
            caller,
            Arc::clone(&self.ring),
            from,
            slot,
            self.stop.clone(),
        ))
    }

    /// Ends every stream, so that a stop need not wait for those who listen.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }
}

/// Whom a change concerns.
fn concerns(pairs: &[(UserId, UserId)], user: UserId) -> bool {
    pairs
        .iter()
        .any(|(one, other)| *one == user || *other == user)
}
