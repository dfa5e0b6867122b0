//! The bus inside a process: who raises an event does not know who listens.
//!
//! A handler is found by the event's Rust type; adding one touches no publisher. Each handler
//! has a bounded queue and a task of its own, so a slow or failing one delays and fails nobody:
//! what does not fit its queue is dropped and counted. An event that nobody handles is counted
//! and logged. Work that must not be lost belongs in the outbox, not here.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// How many events wait for one handler before further ones are dropped.
pub const QUEUE_MAX: usize = 1024;

type AnyEvent = Arc<dyn Any + Send + Sync>;

/// The bus inside a process. Clones share it.
#[derive(Clone, Default)]
pub struct EventBus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    types: RwLock<HashMap<TypeId, EventType>>,
    tasks: TaskTracker,
}

/// What the bus knows of one type of event.
struct EventType {
    name: &'static str,
    published: AtomicU64,
    unhandled: AtomicU64,
    handlers: Vec<Subscribed>,
}

struct Subscribed {
    queue: mpsc::Sender<AnyEvent>,
    counts: Arc<Counts>,
}

struct Counts {
    name: String,
    handled: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// One type of event in [`EventBus::overview`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTypeOverview {
    /// The type's name.
    pub event: String,
    /// How many were published.
    pub published: u64,
    /// How many of them nobody handled.
    pub unhandled: u64,
    /// Who handles them.
    pub handlers: Vec<HandlerOverview>,
}

/// One handler in [`EventBus::overview`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerOverview {
    /// The name it subscribed under.
    pub name: String,
    /// How many events it has handled.
    pub handled: u64,
    /// How many it failed at, panics included.
    pub failed: u64,
    /// How many it was too slow for.
    pub dropped: u64,
}

impl EventBus {
    /// A bus without handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands `event` to every handler of its type and returns at once; the names of those that got
    /// it.
    pub fn publish<E: Any + Send + Sync>(&self, event: E) -> Vec<String> {
        self.with_type::<E, _>(|known| {
            known.published.fetch_add(1, Ordering::Relaxed);
            if known.handlers.is_empty() {
                known.unhandled.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(event = known.name, "nobody handles this event");
                return Vec::new();
            }
            let event: AnyEvent = Arc::new(event);
            known
                .handlers
                .iter()
                .filter(|handler| handler.give(&event))
                .map(|handler| handler.counts.name.clone())
                .collect()
        })
    }

    /// Calls `handler` with every `E` published from now on, one after another.
    pub fn subscribe<E, H, F>(&self, name: impl Into<String>, handler: H)
    where
        E: Any + Send + Sync,
        H: Fn(Arc<E>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (queue, mut events) = mpsc::channel::<AnyEvent>(QUEUE_MAX);
        let counts = Arc::new(Counts::new(name.into()));
        let subscribed = Subscribed {
            queue,
            counts: Arc::clone(&counts),
        };
        self.register::<E>(subscribed);
        self.shared.tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                // The map's key is the event's type, so the downcast holds.
                let Ok(event) = event.downcast::<E>() else {
                    continue;
                };
                let handling = AssertUnwindSafe(async { handler(event).await }).catch_unwind();
                counts.count(handling.await.unwrap_or_else(|_| Err("panicked".into())));
            }
        });
    }

    /// Every type of event seen so far, its handlers and their counts; sorted by name.
    #[must_use]
    pub fn overview(&self) -> Vec<EventTypeOverview> {
        let types = self
            .shared
            .types
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut overview: Vec<_> = types.values().map(EventType::overview).collect();
        drop(types);
        overview.sort_by(|one, other| one.event.cmp(&other.event));
        overview
    }

    /// Takes no more events and waits, at most `deadline`, until the handlers are done with
    /// those they have; false when it passed.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        // Without their senders the handlers' loops end after the queued events.
        self.shared
            .types
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.shared.tasks.close();
        tokio::time::timeout(deadline, self.shared.tasks.wait())
            .await
            .is_ok()
    }

    fn with_type<E: Any, R>(&self, look: impl FnOnce(&EventType) -> R) -> R {
        let known = TypeId::of::<E>();
        let types = self
            .shared
            .types
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(event_type) = types.get(&known) {
            return look(event_type);
        }
        drop(types);
        let mut types = self
            .shared
            .types
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        look(types.entry(known).or_insert_with(EventType::of::<E>))
    }

    fn register<E: Any>(&self, subscribed: Subscribed) {
        let mut types = self
            .shared
            .types
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let known = types
            .entry(TypeId::of::<E>())
            .or_insert_with(EventType::of::<E>);
        known.handlers.push(subscribed);
    }
}

impl EventType {
    fn of<E>() -> Self {
        let path = type_name::<E>();
        Self {
            name: path.rsplit("::").next().unwrap_or(path),
            published: AtomicU64::new(0),
            unhandled: AtomicU64::new(0),
            handlers: Vec::new(),
        }
    }

    fn overview(&self) -> EventTypeOverview {
        EventTypeOverview {
            event: self.name.to_owned(),
            published: self.published.load(Ordering::Relaxed),
            unhandled: self.unhandled.load(Ordering::Relaxed),
            handlers: self
                .handlers
                .iter()
                .map(|handler| handler.counts.overview())
                .collect(),
        }
    }
}

impl Subscribed {
    fn give(&self, event: &AnyEvent) -> bool {
        let given = self.queue.try_send(Arc::clone(event)).is_ok();
        if !given {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(handler = self.counts.name, "too slow: an event was dropped");
        }
        given
    }
}

impl Counts {
    fn new(name: String) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            name,
            handled: zero(),
            failed: zero(),
            dropped: zero(),
        }
    }

    fn count(&self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.handled.fetch_add(1, Ordering::Relaxed),
            Err(cause) => {
                tracing::warn!(handler = self.name, cause, "a handler failed");
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    fn overview(&self) -> HandlerOverview {
        HandlerOverview {
            name: self.name.clone(),
            handled: self.handled.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.overview()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Joined(u32);
    struct Left;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn handlers_are_found_by_the_events_type() {
        let bus = EventBus::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for name in ["one", "other"] {
            let seen = Arc::clone(&seen);
            bus.subscribe(name, move |event: Arc<Joined>| {
                seen.lock().unwrap().push((name, event.0));
                async { Ok(()) }
            });
        }
        assert_eq!(bus.publish(Joined(7)), ["one", "other"]);
        assert!(bus.publish(Left).is_empty());
        assert_eq!(bus.overview()[1].unhandled, 1);
        assert!(bus.shutdown(SOON).await);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, [("one", 7), ("other", 7)]);
    }

    #[tokio::test]
    async fn a_failing_or_panicking_handler_is_counted_and_goes_on() {
        let bus = EventBus::new();
        bus.subscribe("fails", |event: Arc<Joined>| async move {
            match event.0 {
                0 => Err("refused".into()),
                1 => panic!("a handler's mistake"),
                _ => Ok(()),
            }
        });
        for number in 0..3 {
            bus.publish(Joined(number));
        }
        tokio::time::timeout(SOON, async {
            while bus.overview()[0].handlers[0].handled == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        let handler = &bus.overview()[0].handlers[0];
        assert_eq!((handler.failed, handler.handled), (2, 1));
    }

    #[tokio::test]
    async fn a_handler_that_hangs_never_delays_the_publisher() {
        let bus = EventBus::new();
        bus.subscribe("hangs", |_: Arc<Joined>| std::future::pending());
        for _ in 0..QUEUE_MAX + 10 {
            bus.publish(Joined(0));
        }
        assert!(bus.overview()[0].handlers[0].dropped >= 9);
    }
}
