//! A service per test, called without a socket, and a push service to answer it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use social_events::bus::{Consumer, ConsumerSettings, Handled};
use social_events::{
    Bus, Envelope, Refusal, RefusalReason, Subscription, SubscriptionId, SubscriptionReply,
    SubscriptionRequest, Timestamp, topics,
};
use social_postgres::Address;
use social_server_api::store::{PostgresStore, SqliteStore, Store};
use social_server_api::{Config, PasswordCost, Service};
use tower::ServiceExt;
use uuid::Uuid;

pub const SOON: Duration = Duration::from_secs(20);

/// A service in memory on a local bus.
pub struct TestApp {
    pub service: Service,
    pub bus: Bus,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

/// Somebody who joined.
#[derive(Debug, Clone)]
pub struct TestUser {
    pub seq: i64,
    pub email: String,
    pub token: String,
}

/// In memory; in a schema of its own on the server that `TEST_POSTGRES` names, if it does.
pub fn config() -> Config {
    Config {
        database: postgres(),
        // Hashing is tested in its own module; here it would only take time.
        password_cost: PasswordCost {
            memory_kib: 64,
            passes: 1,
        },
        reply_deadline: Duration::from_millis(400),
        ..Config::default()
    }
}

/// An empty schema on the PostgreSQL that `TEST_POSTGRES` names.
pub fn postgres() -> Option<Address> {
    let url = std::env::var("TEST_POSTGRES").ok()?;
    let schema = format!("api_{}", Uuid::new_v4().simple());
    Some(Address::parse(&url, &schema).unwrap())
}

/// The name of the database that [`config`] names.
pub fn database() -> &'static str {
    match std::env::var("TEST_POSTGRES") {
        Ok(_) => "PostgreSQL",
        Err(_) => "SQLite",
    }
}

/// An empty database, where [`config`] says.
pub async fn store() -> Arc<dyn Store> {
    match postgres() {
        Some(address) => Arc::new(PostgresStore::open(&address).await.unwrap()),
        None => Arc::new(SqliteStore::in_memory().await.unwrap()),
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::on(Bus::local(), config()).await
    }

    pub async fn on(bus: Bus, config: Config) -> Self {
        let service = Service::assemble(config, bus.clone()).await.unwrap();
        Self { service, bus }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.service.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            text,
        }
    }

    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.send(request(method, path, token, body)).await
    }

    pub async fn get(&self, path: &str, user: &TestUser) -> Answer {
        self.call("GET", path, &user.token, None).await
    }

    pub async fn post(&self, path: &str, user: &TestUser, body: Value) -> Answer {
        self.call("POST", path, &user.token, Some(body)).await
    }

    pub async fn patch(&self, path: &str, user: &TestUser, body: Value) -> Answer {
        self.call("PATCH", path, &user.token, Some(body)).await
    }

    pub async fn delete(&self, path: &str, user: &TestUser) -> Answer {
        self.call("DELETE", path, &user.token, None).await
    }

    pub async fn join(&self, name: &str) -> TestUser {
        let email = format!("{name}@test.kr");
        let body = json!({"name": name, "principal": email, "credentials": "password"});
        let answer = self.call("POST", "/api/user/join", "", Some(body)).await;
        let response = answer.ok();
        TestUser {
            seq: response["user"]["seq"].as_i64().unwrap(),
            email,
            token: response["apiToken"].as_str().unwrap().to_owned(),
        }
    }

    /// Lets `viewer` see `owner`'s posts.
    pub async fn connect(&self, viewer: &TestUser, owner: &TestUser) {
        let path = "/api/user/connections";
        self.post(path, viewer, json!({"userId": owner.seq}))
            .await
            .ok();
        self.patch(path, owner, json!({"userId": viewer.seq}))
            .await
            .ok();
    }

    pub async fn write_post(&self, user: &TestUser, contents: &str) -> i64 {
        let answer = self
            .post("/api/post", user, json!({"contents": contents}))
            .await;
        answer.ok()["seq"].as_i64().unwrap()
    }

    /// Asks until `is` holds of the response.
    pub async fn wait_for(
        &self,
        path: &str,
        user: &TestUser,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.get(path, user).await;
            if answer.status == StatusCode::OK && is(&answer.body["response"]) {
                return answer.ok();
            }
            assert!(started.elapsed() < SOON, "{path} stays {answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Answer {
    /// The response of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.body["success"], json!(true), "{self:?}");
        self.body["response"].clone()
    }

    /// The message of a failure, whose envelope is checked.
    #[track_caller]
    pub fn failed(&self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["success"], json!(false), "{self:?}");
        assert_eq!(
            self.body["error"]["status"],
            json!(status.as_u16()),
            "{self:?}"
        );
        self.body["error"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    }
}

pub fn request(method: &str, path: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder()
        .method(Method::try_from(method).unwrap())
        .uri(path);
    if !token.is_empty() {
        request = request.header("api_key", format!("Bearer {token}"));
    }
    match body {
        Some(body) => {
            let request = request.header(header::CONTENT_TYPE, "application/json");
            request.body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

/// A push service that stores nothing: it answers as one with a fresh database would.
pub async fn push_service(bus: &Bus) -> Consumer {
    bus.ensure_topics(topics::OWNED_BY_PUSH).await.unwrap();
    let replier = bus.clone();
    let settings = ConsumerSettings::new("social-server-push", &[topics::SUBSCRIPTION_REQUEST]);
    let consumer = bus.consume(settings, move |delivery| {
        let bus = replier.clone();
        async move {
            let asked = Envelope::<SubscriptionRequest>::parse(&delivery.record).unwrap();
            let reply = Envelope::new(reply(asked.event), asked.trace);
            bus.publish(delivery.record.reply(&reply).unwrap())
                .await
                .unwrap();
            Handled::Done
        }
    });
    consumer.unwrap()
}

fn reply(request: SubscriptionRequest) -> SubscriptionReply {
    match request {
        SubscriptionRequest::Subscribe {
            user_id,
            notification_end_point,
            public_key,
            auth,
        } => {
            if notification_end_point.expose().starts_with("http://") {
                let message = "the endpoint must be https".into();
                return SubscriptionReply::Refused(Refusal {
                    reason: RefusalReason::Invalid,
                    message,
                });
            }
            let seq = SubscriptionId(1);
            let create_at = Timestamp::from_millis(0);
            SubscriptionReply::Subscribed(Subscription {
                seq,
                notification_end_point,
                public_key,
                auth,
                user_id,
                create_at,
            })
        }
        SubscriptionRequest::Unsubscribe {
            seq: SubscriptionId(404),
            ..
        } => SubscriptionReply::Refused(Refusal {
            reason: RefusalReason::NotFound,
            message: "404".into(),
        }),
        SubscriptionRequest::Unsubscribe { seq, .. } => SubscriptionReply::Unsubscribed { seq },
        SubscriptionRequest::List { .. } => SubscriptionReply::Subscriptions {
            subscriptions: Vec::new(),
        },
        SubscriptionRequest::PublicKey { .. } => SubscriptionReply::PublicKey {
            public_key: "BPublicKey".into(),
        },
        SubscriptionRequest::Known { .. } => SubscriptionReply::Known {
            event_ids: Vec::new(),
        },
    }
}
