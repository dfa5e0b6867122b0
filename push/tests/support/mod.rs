//! A whole world in one process: the local bus, the push service, a browser's push service.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{Consumer, ConsumerSettings, Handled, Incoming, Requester};
use social_events::{
    Bus, CommentCreated, CommentId, EmailAddress, Envelope, EventId, PostId, PushOutcome, Secret,
    SubscriptionReply, SubscriptionRequest, Timestamp, UserDto, UserId, UserJoined, Writer, topics,
};
use social_postgres::Address;
use social_server_push::endpoint::{EndpointPolicy, HostRule};
use social_server_push::push_service::{self, LocalPushService, PushServiceConfig};
use social_server_push::receiver::{self, Receiver};
use social_server_push::sending::RetryPolicy;
use social_server_push::{Config, Console, Running};
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

/// Longer than anything here takes, short enough to fail by.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough that what must not happen would have happened.
pub const SILENCE: Duration = Duration::from_millis(300);

pub struct World {
    pub bus: Bus,
    pub browsers: LocalPushService,
    pub push: Running,
    pub requester: Requester,
    pub lines: tokio::sync::broadcast::Receiver<Arc<str>>,
    pub outcomes: mpsc::Receiver<PushOutcome>,
    _reading_outcomes: Consumer,
}

/// A configuration that may push to `browsers`, and does not wait long between tries.
pub fn config(browsers: &LocalPushService) -> Config {
    let endpoints = EndpointPolicy::new(HostRule::Known)
        .allow(&browsers.origin())
        .expect("an origin");
    let retry = RetryPolicy {
        tries_max: 3,
        pause_first: Duration::from_millis(20),
        pause_max: Duration::from_millis(200),
    };
    Config {
        database: postgres(),
        endpoints,
        retry,
        console: Console::silent(),
        ..Config::default()
    }
}

/// An empty schema on the PostgreSQL that `TEST_POSTGRES` names; SQLite is used without it.
pub fn postgres() -> Option<Address> {
    let url = std::env::var("TEST_POSTGRES").ok()?;
    let schema = format!("push_{}", Uuid::new_v4().simple());
    Some(Address::parse(&url, &schema).unwrap())
}

impl World {
    pub async fn new() -> Self {
        Self::with(|config| config).await
    }

    /// A world whose push service is configured a little differently.
    pub async fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let browsers = push_service::start(PushServiceConfig::default())
            .await
            .unwrap();
        let bus = Bus::local();
        let config = change(config(&browsers));
        let lines = config.console.observe();
        Self::assemble(bus, browsers, config, lines).await
    }

    async fn assemble(
        bus: Bus,
        browsers: LocalPushService,
        config: Config,
        lines: tokio::sync::broadcast::Receiver<Arc<str>>,
    ) -> Self {
        bus.ensure_topics(topics::OWNED_BY_API).await.unwrap();
        let push = social_server_push::start(config, bus.clone())
            .await
            .unwrap();
        assert!(push.ready(PATIENCE).await);
        let requester = bus.requester(topics::SUBSCRIPTION_RESPONSE).unwrap();
        let (sender, outcomes) = mpsc::channel(1000);
        let settings = ConsumerSettings::new("outcomes", &[topics::PUSH_OUTCOME]);
        let reading = bus
            .consume(settings, move |delivery| {
                let sender = sender.clone();
                async move {
                    let outcome = Envelope::parse(&delivery.record).unwrap().event;
                    let _ = sender.send(outcome).await;
                    Handled::Done
                }
            })
            .unwrap();
        Self {
            bus,
            browsers,
            push,
            requester,
            lines,
            outcomes,
            _reading_outcomes: reading,
        }
    }

    pub async fn ask(&self, request: SubscriptionRequest) -> SubscriptionReply {
        let record = Envelope::new(request, None).to_record();
        let answered = self.requester.request(record, PATIENCE).await.unwrap();
        Envelope::parse(&answered.reply).unwrap().event
    }

    /// A browser that `user` subscribed with.
    pub async fn browser(&self, user: UserId) -> Receiver {
        let mut browser = Receiver::connect(&self.browsers.socket_url())
            .await
            .unwrap();
        let subscription = browser.register(&self.push.public_key).await.unwrap();
        let reply = self.subscribe(user, &subscription).await;
        assert!(
            matches!(reply, SubscriptionReply::Subscribed(_)),
            "{reply:?}"
        );
        browser
    }

    pub async fn subscribe(
        &self,
        user: UserId,
        subscription: &receiver::Subscription,
    ) -> SubscriptionReply {
        self.ask(SubscriptionRequest::Subscribe {
            user_id: user,
            notification_end_point: Secret::new(&*subscription.endpoint),
            public_key: Secret::new(&*subscription.p256dh),
            auth: Secret::new(&*subscription.auth),
        })
        .await
    }

    pub async fn comment(&self, author: UserId, commenter: UserId, name: &str) -> EventId {
        let envelope = comment(author, commenter, name);
        let id = envelope.id;
        self.bus.publish(envelope.to_record()).await.unwrap();
        id
    }

    pub async fn join(&self, user: UserId, name: &str) -> EventId {
        let envelope = Envelope::new(
            UserJoined {
                user_id: user,
                name: name.to_owned(),
            },
            None,
        );
        let id = envelope.id;
        self.bus.publish(envelope.to_record()).await.unwrap();
        id
    }

    /// The next outcome.
    pub async fn outcome(&mut self) -> PushOutcome {
        timeout(PATIENCE, self.outcomes.recv())
            .await
            .expect("an outcome")
            .unwrap()
    }

    /// The next line on the console.
    pub async fn line(&mut self) -> Arc<str> {
        timeout(PATIENCE, self.lines.recv())
            .await
            .expect("a line")
            .unwrap()
    }

    pub async fn devices(&self, user: UserId) -> usize {
        match self.ask(SubscriptionRequest::List { user_id: user }).await {
            SubscriptionReply::Subscriptions { subscriptions } => subscriptions.len(),
            other => panic!("{other:?}"),
        }
    }

    /// Every record that lies on the dead-letter topic of `topic`, until nothing more comes.
    pub async fn dead_letters(&self, topic: &str) -> Vec<Incoming> {
        let (sender, mut letters) = mpsc::channel(1000);
        let settings = ConsumerSettings::new("letters", &[&topics::dead_letter(topic)]);
        let _reading = self
            .bus
            .consume(settings, move |delivery| {
                let sender = sender.clone();
                async move {
                    let _ = sender.send(Incoming::clone(&delivery.record)).await;
                    Handled::Done
                }
            })
            .unwrap();
        let mut found = Vec::new();
        while let Ok(Some(letter)) = timeout(SILENCE, letters.recv()).await {
            found.push(letter);
        }
        found
    }
}

/// What a browser is told next.
pub async fn next(browser: &mut Receiver) -> serde_json::Value {
    let message = timeout(PATIENCE, browser.next())
        .await
        .expect("a push")
        .expect("a connection");
    serde_json::from_slice(&message.plaintext).unwrap()
}

/// A browser is told nothing.
pub async fn hears_nothing(browser: &mut Receiver) {
    let heard = timeout(SILENCE, browser.next()).await;
    assert!(heard.is_err(), "{heard:?}");
}

pub fn comment(author: UserId, commenter: UserId, name: &str) -> Envelope<CommentCreated> {
    let email = |user: UserId| EmailAddress {
        address: format!("test{user}@example.org"),
    };
    let event = CommentCreated {
        post_writer: UserDto {
            seq: author,
            name: "글쓴이".to_owned(),
            email: email(author),
            profile_image_url: None,
            login_count: 1,
            last_login_at: None,
            create_at: Timestamp::from_millis(0),
        },
        post_id: PostId(7),
        user_id: commenter,
        comment_writer: Writer {
            email: email(commenter),
            name: Some(name.to_owned()),
        },
        comment_id: CommentId(9),
    };
    Envelope::new(event, None)
}
