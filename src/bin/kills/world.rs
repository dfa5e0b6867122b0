//! Everything a run needs, and the two things that are done to it: writing and killing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ottla::Broker;
use serde_json::{Value, json};
use social_server_push::push_service::{self, LocalPushService, PushServiceConfig};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Options;
use crate::browsers::{json_of, note, subscribe};
use crate::fleet::{Fleet, INSTANCES};
use crate::ledger::{Ledger, Victim};
use crate::seeded::Seeded;

/// Enough that every partition has keys of its own.
const AUTHORS: usize = 6;
/// A writer's pause between comments.
const WRITE_EVERY: Duration = Duration::from_millis(30);
/// Writers wait while more than this are on their way: a run in which everything is late kills
/// nobody at work.
const BEHIND_MAX: usize = 300;
/// How long the services may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A dead consumer's partitions wait this long for another.
const SESSION_MS: &str = "2000";
/// At most this long between one kill and the next, in milliseconds; a dead instance is started
/// again before the next kill or the one after.
const KILL_WITHIN_MS: u64 = 1200;

/// The services and what they stand on.
pub(crate) struct World {
    apis: Fleet,
    workers: Fleet,
    broker: Option<Broker>,
    push_service: LocalPushService,
    http: reqwest::Client,
    authors: Vec<(User, i64)>,
    commenter: User,
    browsers: Vec<social_server_push::receiver::Receiver>,
}

/// Somebody who joined.
#[derive(Clone)]
pub(crate) struct User {
    seq: i64,
    token: String,
}

impl User {
    pub(crate) fn get(
        &self,
        http: &reqwest::Client,
        api: SocketAddr,
        path: &str,
    ) -> reqwest::RequestBuilder {
        http.get(format!("http://{api}{path}"))
            .bearer_auth(&self.token)
    }

    pub(crate) fn post(
        &self,
        http: &reqwest::Client,
        api: SocketAddr,
        path: &str,
        body: &Value,
    ) -> reqwest::RequestBuilder {
        let request = http.post(format!("http://{api}{path}"));
        request.bearer_auth(&self.token).json(body)
    }
}

impl World {
    pub(crate) async fn start(options: &Options) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&options.logs)?;
        let broker = match &options.bootstrap {
            Some(_) => None,
            None => Some(
                Broker::builder()
                    .config("group.min.session.timeout.ms", "500")
                    .start()
                    .await?,
            ),
        };
        let embedded = broker.as_ref().map(Broker::bootstrap_servers);
        let bootstrap = options.bootstrap.clone().or(embedded).context("no Kafka")?;
        let push_service = push_service::start(PushServiceConfig::default()).await?;
        let environment = vec![
            ("KAFKA_SESSION_TIMEOUT_MS".into(), SESSION_MS.into()),
            ("KAFKA_HEARTBEAT_INTERVAL_MS".into(), "300".into()),
            ("API_DATABASE_URL".into(), options.database.clone()),
            ("PUSH_DATABASE_URL".into(), options.database.clone()),
        ];
        let binary = |name: &str| -> anyhow::Result<PathBuf> {
            let beside = std::env::current_exe()?;
            let folder = options.binaries.clone();
            Ok(folder
                .unwrap_or_else(|| beside.with_file_name(""))
                .join(name))
        };
        let kafka = vec!["--bootstrap".to_owned(), bootstrap];
        let apis = Fleet::start(
            binary("social-server-api")?,
            kafka.clone(),
            environment.clone(),
            options.logs.join("api.log"),
        )?;
        let browsers_origin = ["--allow-origin".to_owned(), push_service.origin()];
        let workers = Fleet::start(
            binary("social-server-push")?,
            kafka.into_iter().chain(browsers_origin).collect(),
            environment,
            options.logs.join("push.log"),
        )?;
        let mut world = Self {
            apis,
            workers,
            broker,
            push_service,
            http: reqwest::Client::new(),
            authors: Vec::new(),
            commenter: User {
                seq: 0,
                token: String::new(),
            },
            browsers: Vec::new(),
        };
        world.wait_until_ready().await?;
        world.people().await?;
        Ok(world)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        for address in self.apis.addresses.iter().chain(&self.workers.addresses) {
            let ready = format!("http://{address}/readyz");
            while !matches!(self.http.get(&ready).send().await, Ok(answer) if answer.status().is_success())
            {
                anyhow::ensure!(Instant::now() < until, "{address} is not ready");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Authors with a post and a browser each, and one who may comment on all of them.
    async fn people(&mut self) -> anyhow::Result<()> {
        self.commenter = self.join("commenter").await?;
        for number in 0..AUTHORS {
            let author = self.join(&format!("author{number}")).await?;
            let api = self.apis.addresses[number % INSTANCES];
            let contents = json!({"contents": "what is written here is pushed"});
            let post = json_of(author.post(&self.http, api, "/api/post", &contents)).await?;
            let path = format!("http://{api}/api/user/connections");
            let ask = json!({"userId": author.seq});
            json_of(
                self.commenter
                    .post(&self.http, api, "/api/user/connections", &ask),
            )
            .await?;
            let grant = json!({"userId": self.commenter.seq});
            let granting = self
                .http
                .patch(path)
                .bearer_auth(&author.token)
                .json(&grant);
            json_of(granting).await?;
            let url = self.push_service.socket_url();
            let browser = subscribe(&self.http, &self.apis.addresses, &url, &author).await?;
            self.browsers.push(browser);
            let post = post["seq"].as_i64().context("a post without a number")?;
            self.authors.push((author, post));
        }
        Ok(())
    }

    async fn join(&self, name: &str) -> anyhow::Result<User> {
        let body = json!({
            "name": name, "principal": format!("{name}@example.org"), "credentials": "password",
        });
        let api = self.apis.addresses[0];
        let joining = self.http.post(format!("http://{api}/api/user/join"));
        let joined = json_of(joining.json(&body)).await?;
        Ok(User {
            seq: joined["user"]["seq"].as_i64().context("no number")?,
            token: joined["apiToken"].as_str().context("no token")?.to_owned(),
        })
    }

    /// Begins to write comments to all authors, through whichever instance answers.
    pub(crate) fn write(&mut self, ledger: &Ledger) -> Writers {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for browser in self.browsers.drain(..) {
            tokio::spawn(note(browser, ledger.clone()));
        }
        for (author, post) in &self.authors {
            let writer = Writer {
                http: self.http.clone(),
                apis: self.apis.addresses.clone(),
                commenter: self.commenter.clone(),
                path: format!("/api/user/{}/post/{post}/comment", author.seq),
            };
            tasks.spawn(writer.run(ledger.clone(), stopped.clone()));
        }
        Writers { stop, tasks }
    }

    /// Kills `kills` instances, one after another, never the last of its kind.
    pub(crate) async fn kill(
        &mut self,
        ledger: &Ledger,
        random: &mut Seeded,
        kills: u32,
    ) -> anyhow::Result<()> {
        let mut done = 0;
        while done < kills {
            let pause_ms = random.below(KILL_WITHIN_MS);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            let (fleet, victim) = match random.below(2) {
                0 => (&mut self.apis, Victim::Api),
                _ => (&mut self.workers, Victim::Worker),
            };
            let dead = fleet.dead();
            let instance = usize::try_from(random.below(INSTANCES as u64))?;
            if dead.len() + 1 < INSTANCES && fleet.kill(instance)? {
                ledger.killed(victim);
                done += 1;
            }
            for instance in dead {
                fleet.start_one(instance)?;
            }
        }
        for fleet in [&mut self.apis, &mut self.workers] {
            for instance in fleet.dead() {
                fleet.start_one(instance)?;
            }
        }
        Ok(())
    }

    /// Ends everything.
    pub(crate) async fn stop(self) {
        drop((self.apis, self.workers));
        self.push_service.shutdown().await;
        if let Some(broker) = self.broker {
            drop(broker);
        }
    }
}

/// Tasks that write comments.
pub(crate) struct Writers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Writers {
    /// Stops when each has its last answer.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.tasks.join_all().await;
    }
}

struct Writer {
    http: reqwest::Client,
    apis: Vec<SocketAddr>,
    commenter: User,
    path: String,
}

impl Writer {
    async fn run(self, ledger: Ledger, stopped: watch::Receiver<bool>) {
        let mut random = Seeded::new(Seeded::fresh());
        let body = json!({"contents": "written while processes die"});
        while !*stopped.borrow() {
            if ledger.missing() > BEHIND_MAX {
                tokio::time::sleep(WRITE_EVERY).await;
                continue;
            }
            let api = usize::try_from(random.below(self.apis.len() as u64)).unwrap_or(0);
            let posting = self
                .commenter
                .post(&self.http, self.apis[api], &self.path, &body);
            match json_of(posting).await {
                Ok(comment) => match comment["traceId"].as_str() {
                    Some(trace) => ledger.acknowledged(trace),
                    None => ledger.unanswered(),
                },
                Err(_) => ledger.unanswered(),
            }
            tokio::time::sleep(WRITE_EVERY).await;
        }
    }
}
