//! From changes to bursts: at most four a second, none while nobody listens.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::burst::Gathered;
use super::ring::Ring;
use crate::store::{Change, Store};

/// The shortest time between two bursts.
const GATHER: Duration = Duration::from_millis(250);

/// Fills `ring` with what `store` tells, until `stop`.
pub(super) async fn run(store: Arc<dyn Store>, ring: Arc<Ring>, stop: CancellationToken) {
    let mut changes = store.changes();
    let mut not_before = Instant::now();
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            first = changes.recv() => first,
        };
        let mut gathered = Gathered::default();
        match first {
            Ok(change) => gathered.add(change),
            Err(RecvError::Lagged(_)) => gathered.add(Change::Missed),
            Err(RecvError::Closed) => return,
        }
        tokio::time::sleep_until(not_before).await;
        drain(&mut changes, &mut gathered);
        not_before = Instant::now() + GATHER;
        tell(&*store, &ring, gathered).await;
    }
}

fn drain(changes: &mut broadcast::Receiver<Change>, gathered: &mut Gathered) {
    loop {
        match changes.try_recv() {
            Ok(change) => gathered.add(change),
            Err(TryRecvError::Lagged(_)) => gathered.add(Change::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

/// Who comes when nobody was there begins with a snapshot, and needs nothing of before.
async fn tell(store: &dyn Store, ring: &Ring, gathered: Gathered) {
    if gathered.missed || !ring.is_heard() {
        ring.clear();
        return;
    }
    match gathered.read(store).await {
        Ok(burst) => ring.add(burst),
        Err(error) => {
            tracing::warn!(%error, "changes cannot be read; streams begin anew");
            ring.clear();
        }
    }
}
