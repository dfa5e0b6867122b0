//! The push service dies at any write, as often as the test likes, and starts again: what was
//! acknowledged is pushed, and nothing is pushed twice but in the one window nobody can close.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use social_events::bus::{Arrival, Committed, Delivery, Handled, Incoming};
use social_events::{
    CommentCreated, CommentId, EmailAddress, Envelope, EventId, Moment, PostId, ProcessId,
    PushOutcome, Subscription, SubscriptionId, Timestamp, UserDto, UserId, Writer,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

use crate::console::Console;
use crate::consumers::events;
use crate::endpoint::{EndpointPolicy, HostRule};
use crate::keys::{BrowserKeys, encode};
use crate::metrics::Metrics;
use crate::pusher::{Pusher, UNFINISHED_EVENTS_MAX};
use crate::sending::{RetryPolicy, Sender};
use crate::store::tests::empty;
use crate::store::{
    Claimed, NewPush, NewSubscription, Outbox, PushId, Settlement, Store, StoreError, Subscribed,
    Tried,
};
use crate::transport::Recording;
use crate::vapid::{VapidKeys, VapidSigner};

const AUTHOR: UserId = UserId(1);
const TTL: Duration = Duration::from_secs(60);

/// A store whose process dies: at the n-th write, before or after it reaches the disk. From then
/// on nothing works until the restart.
struct Dying {
    inner: Arc<dyn Store>,
    writes_left: AtomicI64,
    after: AtomicBool,
    dead: AtomicBool,
}

impl Dying {
    fn die_at(&self, write: i64, after: bool) {
        self.dead.store(false, Ordering::SeqCst);
        self.after.store(after, Ordering::SeqCst);
        self.writes_left.store(write, Ordering::SeqCst);
    }

    /// True when the process dies before this write.
    fn dies_before(&self) -> bool {
        if self.dead.load(Ordering::SeqCst) {
            return true;
        }
        let last = self.writes_left.fetch_sub(1, Ordering::SeqCst) == 0;
        self.dead.store(last, Ordering::SeqCst);
        last && !self.after.load(Ordering::SeqCst)
    }

    fn ended<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.dead.load(Ordering::SeqCst) {
            Err(dead())
        } else {
            done
        }
    }
}

fn dead() -> StoreError {
    StoreError::Damaged("the process is dead".to_owned())
}

#[async_trait]
impl Store for Dying {
    async fn subscribe(
        &self,
        new: &NewSubscription,
        per_user_max: u32,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError> {
        self.inner.subscribe(new, per_user_max, now).await
    }

    async fn unsubscribe(&self, user: UserId, seq: SubscriptionId) -> Result<bool, StoreError> {
        self.inner.unsubscribe(user, seq).await
    }

    async fn subscriptions_of(&self, user: UserId) -> Result<Vec<Subscription>, StoreError> {
        self.inner.subscriptions_of(user).await
    }

    async fn subscriptions(
        &self,
        after: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.inner.subscriptions(after, limit).await
    }

    async fn begin(&self, push: &NewPush) -> Result<(), StoreError> {
        if self.dies_before() {
            return Err(dead());
        }
        self.ended(self.inner.begin(push).await)
    }

    async fn due_of(
        &self,
        event: EventId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<PushId>, StoreError> {
        self.ended(self.inner.due_of(event, now, limit).await)
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<PushId>, StoreError> {
        self.ended(self.inner.due(now, limit).await)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.ended(self.inner.next_due().await)
    }

    async fn claim(
        &self,
        push: PushId,
        worker: ProcessId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        if self.dies_before() {
            return Err(dead());
        }
        self.ended(self.inner.claim(push, worker, now, lease_until).await)
    }

    async fn settle(
        &self,
        push: PushId,
        worker: ProcessId,
        tried: &Tried,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        if self.dies_before() {
            return Err(dead());
        }
        self.ended(self.inner.settle(push, worker, tried, settlement).await)
    }

    async fn keep_alive(&self, worker: ProcessId, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.keep_alive(worker, now).await
    }

    async fn outbox(
        &self,
        limit: u32,
        stale_before: Timestamp,
    ) -> Result<Option<Outbox>, StoreError> {
        self.inner.outbox(limit, stale_before).await
    }

    async fn committed(&self, commits: &[Committed]) -> Result<(), StoreError> {
        self.inner.committed(commits).await
    }

    async fn known(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        self.inner.known(events).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}

struct World {
    store: Arc<Dying>,
    transport: Arc<Recording>,
    pusher: Arc<Pusher>,
    record: Arc<Incoming>,
}

impl World {
    async fn new(devices: usize) -> Self {
        let store = Arc::new(Dying {
            inner: empty().await,
            writes_left: AtomicI64::new(i64::MAX),
            after: AtomicBool::new(false),
            dead: AtomicBool::new(false),
        });
        let endpoints = EndpointPolicy::new(HostRule::Public);
        for device in 0..devices {
            let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
            let p256dh = encode(&pair.pub_as_raw().unwrap());
            let new = NewSubscription {
                user_id: AUTHOR,
                endpoint: endpoints
                    .check(&format!("https://push.example/{device}"))
                    .unwrap(),
                keys: BrowserKeys::parse(&p256dh, &encode(&auth)).unwrap(),
            };
            store.subscribe(&new, 100, Timestamp::now()).await.unwrap();
        }
        let transport = Arc::new(Recording::default());
        let signer = VapidSigner::new(VapidKeys::generate().unwrap(), "mailto:ops@example.org");
        let pusher = Arc::new(Pusher {
            store: store.clone(),
            process: ProcessId::random(),
            sender: Sender::new(Arc::new(signer), transport.clone()),
            endpoints,
            retry: RetryPolicy::default(),
            console: Console::silent(),
            metrics: Arc::new(Metrics::default()),
            outbox_filled: Notify::new(),
            retry_planned: Notify::new(),
            unfinished: Arc::new(Semaphore::new(UNFINISHED_EVENTS_MAX)),
            tasks: TaskTracker::new(),
        });
        let record = Incoming::at(comment().to_record(), 0, 0, Timestamp::now());
        Self {
            store,
            transport,
            pusher,
            record: Arc::new(record),
        }
    }

    /// One delivery of the record: true when its offset may be committed.
    async fn deliver(&self) -> bool {
        let delivery = Delivery {
            record: Arc::clone(&self.record),
            arrival: Arrival {
                at: Moment::now(),
                waited: None,
            },
            attempt: 1,
        };
        events::handle(Arc::clone(&self.pusher), TTL, delivery).await == Handled::Done
    }

    fn pushes_per_endpoint(&self) -> HashMap<String, usize> {
        let mut pushes = HashMap::new();
        for request in self.transport.requests() {
            *pushes
                .entry(request.endpoint.expose().to_owned())
                .or_default() += 1;
        }
        pushes
    }

    /// The last outcome in the outbox: later ones replace earlier ones.
    async fn outcome(&self) -> PushOutcome {
        let far = Timestamp::from_millis(i64::MAX);
        let outbox = self.store.outbox(1000, far).await.unwrap().unwrap();
        let last = outbox.records.last().unwrap().clone();
        let incoming = Incoming::at(last.record, 0, 0, Timestamp::now());
        Envelope::parse(&incoming).unwrap().event
    }
}

fn comment() -> Envelope<CommentCreated> {
    let email = || EmailAddress {
        address: "a@example.org".to_owned(),
    };
    let post_writer = UserDto {
        seq: AUTHOR,
        name: "글쓴이".to_owned(),
        email: email(),
        profile_image_url: None,
        login_count: 0,
        last_login_at: None,
        create_at: Timestamp::from_millis(0),
    };
    let event = CommentCreated {
        post_writer,
        post_id: PostId(7),
        user_id: UserId(2),
        comment_writer: Writer {
            email: email(),
            name: Some("민지".to_owned()),
        },
        comment_id: CommentId(9),
    };
    Envelope::new(event, None)
}

/// Delivers until the offset may be committed, dying at each of `crashes` in turn.
async fn deliver_through(world: &World, crashes: &[(i64, bool)]) {
    for (write, after) in crashes {
        world.store.die_at(*write, *after);
        if world.deliver().await {
            break;
        }
        let restarted = ProcessId::random();
        world
            .store
            .keep_alive(restarted, Timestamp::now())
            .await
            .unwrap();
    }
    world.store.die_at(i64::MAX, false);
    assert!(world.deliver().await);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_crash_before_sending_costs_no_second_push() {
    // Writes: 0 begin, 1 claim, 2 settle.
    for crash in [(0, false), (0, true), (1, false), (1, true)] {
        block_on(async {
            let world = World::new(1).await;
            deliver_through(&world, &[crash]).await;
            let pushes = world.pushes_per_endpoint();
            assert_eq!(pushes.values().collect::<Vec<_>>(), [&1], "{crash:?}");
        });
    }
}

#[test]
fn a_crash_between_sending_and_settling_repeats_the_push_once() {
    block_on(async {
        let world = World::new(1).await;
        deliver_through(&world, &[(2, false)]).await;
        let requests = world.transport.requests();
        assert_eq!(requests.len(), 2);
        // The tag of both is the same, so the second replaces the first on screen.
        assert_eq!(requests[0].header("Topic"), requests[1].header("Topic"));
    });
}

#[test]
fn a_crash_after_settling_folds_the_repeat() {
    block_on(async {
        let world = World::new(1).await;
        deliver_through(&world, &[(2, true)]).await;
        assert_eq!(world.transport.requests().len(), 1);
        let outcome = world.outcome().await;
        assert_eq!((outcome.accepted, outcome.folded), (1, 1));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wherever_it_dies_every_device_gets_the_push(
        devices in 1_usize..5,
        crashes in prop::collection::vec((0_i64..12, any::<bool>()), 0..6),
    ) {
        block_on(async {
            let world = World::new(devices).await;
            deliver_through(&world, &crashes).await;
            let pushes = world.pushes_per_endpoint();
            prop_assert_eq!(pushes.len(), devices, "every device, and no other");
            // Each crash repeats at most what was between sending and settling at that moment.
            let repeated = pushes.values().sum::<usize>() - devices;
            prop_assert!(repeated <= crashes.len() * devices, "{repeated}");
            let outcome = world.outcome().await;
            prop_assert_eq!(outcome.accepted as usize, devices);
            prop_assert_eq!((outcome.gone, outcome.dead_lettered), (0, 0));
            // Once it is settled, nothing repeats it.
            prop_assert!(world.deliver().await);
            prop_assert_eq!(world.pushes_per_endpoint(), pushes);
            Ok(())
        })?;
    }
}
