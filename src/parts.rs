//! The composition root: broker, local push service, push service and API in
//! one process, started in order and stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ottla::Broker;
use social_events::{Bus, ProcessId};
use social_server_api::BesideBroker;
use social_server_push::Console;
use social_server_push::endpoint::{EndpointPolicy, HostRule};
use social_server_push::push_service::{self, LocalPushService, PushServiceConfig};
use social_server_push::transport::Transport;

use crate::cli::{BusKind, ForeignKafka, ServicesOptions};

/// How long services may take to have their partitions.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// How long a service may take to stop in order.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// How long librdkafka may take to close its connections.
const CLIENTS_LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// What to start, and where.
pub(crate) struct Plan<'a> {
    pub(crate) api: SocketAddr,
    pub(crate) push: SocketAddr,
    pub(crate) broker: SocketAddr,
    pub(crate) push_service: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) bus: BusKind,
    pub(crate) seed_data: bool,
    pub(crate) kafka: &'a ForeignKafka,
    /// Where the push service prints the seed's lines.
    pub(crate) console: Console,
    /// How pushes leave; over HTTP when `None`.
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

impl<'a> Plan<'a> {
    /// Everything that `options` ask for, with pushes over HTTP.
    ///
    /// # Errors
    /// When the options contradict each other.
    pub(crate) fn new(
        options: &'a ServicesOptions,
        push_service: Option<SocketAddr>,
        seed_data: bool,
        console: Console,
    ) -> anyhow::Result<Plan<'a>> {
        anyhow::ensure!(
            options.bus == BusKind::Kafka || options.kafka.bootstrap.is_none(),
            "--bus=local stays inside this process and --bootstrap names a Kafka: give one of them"
        );
        Ok(Plan {
            api: options.listen,
            push: options.push_listen,
            broker: options.broker_listen,
            push_service,
            data: options.data.clone(),
            bus: options.bus,
            seed_data,
            kafka: &options.kafka,
            console,
            transport: None,
        })
    }
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    Broker,
    LocalPushService,
    Push,
    Api,
}

/// One part, as it is told to a person.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    pub(crate) address: String,
    pub(crate) took: Duration,
    /// Of the whole process once the part was up; `None` where the system
    /// does not tell.
    pub(crate) resident_bytes: Option<usize>,
}

/// Everything that runs. Parts that were not asked for are `None`.
pub(crate) struct Parts {
    pub(crate) list: Vec<Part>,
    /// What clients of the bus connect to; `None` on the local bus.
    pub(crate) bootstrap: Option<String>,
    pub(crate) api: social_server_api::Running,
    pub(crate) push: social_server_push::Running,
    pub(crate) push_service: Option<LocalPushService>,
    broker: Option<Broker>,
}

/// Starts every part, the ones that others need first.
pub(crate) async fn start(plan: Plan<'_>) -> anyhow::Result<Parts> {
    check_addresses(&plan)?;
    let mut list = Vec::new();
    let broker = start_broker(&plan, &mut list).await?;
    let bootstrap = match (&broker, &plan.kafka.bootstrap) {
        (Some(broker), _) => Some(broker.bootstrap_servers()),
        (None, foreign) => foreign.clone().filter(|_| plan.bus == BusKind::Kafka),
    };
    let push_service = start_push_service(&plan, &mut list).await?;
    let bus = buses(&plan, bootstrap.as_deref())?;
    let process = ProcessId::random();
    let push = start_push(&plan, push_service.as_ref(), bus.push, process, &mut list).await?;
    let api = start_api(&plan, bus.api, process, &mut list).await?;
    anyhow::ensure!(
        push.ready(READY_DEADLINE).await && api.service().ready(READY_DEADLINE).await,
        "the services did not get their partitions within {} s; is Kafka at {} healthy?",
        READY_DEADLINE.as_secs(),
        bootstrap.as_deref().unwrap_or("the local bus")
    );
    Ok(Parts {
        list,
        bootstrap,
        api,
        push,
        push_service,
        broker,
    })
}

impl Parts {
    /// Stops in order: no new requests, then consumers, then the broker.
    /// False when something had to be cut off.
    pub(crate) async fn shutdown(mut self) -> bool {
        self.api.shutdown(STOP_DEADLINE).await;
        // Its clients of the bus go with it.
        drop(self.api);
        let push_in_order = self.push.shutdown().await;
        if let Some(push_service) = self.push_service {
            push_service.shutdown().await;
        }
        if let Some(broker) = self.broker {
            wait_for_clients_to_leave(&broker).await;
            broker.shutdown().await;
        }
        push_in_order
    }
}

/// Says which address cannot be had while nothing has been started yet: a
/// part that stops again takes its time and its clients complain.
fn check_addresses(plan: &Plan<'_>) -> anyhow::Result<()> {
    let broker = runs_a_broker(plan).then_some(("--broker-listen", plan.broker));
    let push_service = plan.push_service.map(|address| ("--push-service", address));
    let services = [("--listen", plan.api), ("--push-listen", plan.push)];
    for (flag, address) in services.into_iter().chain(broker).chain(push_service) {
        std::net::TcpListener::bind(address).with_context(|| {
            format!("cannot listen on {address}; choose another address with {flag}")
        })?;
    }
    Ok(())
}

fn runs_a_broker(plan: &Plan<'_>) -> bool {
    plan.bus == BusKind::Kafka && plan.kafka.bootstrap.is_none()
}

/// The services' clients close on threads of their own; a broker that goes
/// before them makes each of them complain.
async fn wait_for_clients_to_leave(broker: &Broker) {
    let observer = broker.observer();
    let until = Instant::now() + CLIENTS_LEAVE_WITHIN;
    let anybody = || {
        observer
            .traffic()
            .is_some_and(|traffic| traffic.connections_open > 0)
    };
    while anybody() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn start_broker(plan: &Plan<'_>, list: &mut Vec<Part>) -> anyhow::Result<Option<Broker>> {
    if !runs_a_broker(plan) {
        return Ok(None);
    }
    let began = Instant::now();
    let mut builder = Broker::builder().listen(plan.broker);
    if let Some(data) = &plan.data {
        builder = builder.data_dir(data.join("broker"));
    }
    let broker = builder.start().await.context("the broker did not start")?;
    list.push(part(PartKind::Broker, broker.bootstrap_servers(), began));
    Ok(Some(broker))
}

async fn start_push_service(
    plan: &Plan<'_>,
    list: &mut Vec<Part>,
) -> anyhow::Result<Option<LocalPushService>> {
    let Some(listen) = plan.push_service else {
        return Ok(None);
    };
    let began = Instant::now();
    let data_dir = plan.data.as_ref().map(|data| data.join("push-service"));
    let config = PushServiceConfig {
        listen,
        data_dir,
        ..PushServiceConfig::default()
    };
    let running = push_service::start(config)
        .await
        .context("the local push service did not start")?;
    list.push(part(
        PartKind::LocalPushService,
        format!("http://{}", running.address),
        began,
    ));
    Ok(Some(running))
}

/// A bus for each service: on Kafka each has connections of its own.
struct Buses {
    api: Bus,
    push: Bus,
}

fn buses(plan: &Plan<'_>, bootstrap: Option<&str>) -> anyhow::Result<Buses> {
    let Some(bootstrap) = bootstrap else {
        let bus = Bus::local();
        return Ok(Buses {
            api: bus.clone(),
            push: bus,
        });
    };
    let (config, warnings) = plan
        .kafka
        .options(bootstrap.to_owned())
        .config(std::env::vars())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(Buses {
        api: Bus::kafka(config.clone())?,
        push: Bus::kafka(config)?,
    })
}

async fn start_push(
    plan: &Plan<'_>,
    push_service: Option<&LocalPushService>,
    bus: Bus,
    process: ProcessId,
    list: &mut Vec<Part>,
) -> anyhow::Result<social_server_push::Running> {
    let began = Instant::now();
    let mut endpoints = EndpointPolicy::new(HostRule::Known);
    if let Some(service) = push_service {
        endpoints = endpoints
            .allow(&format!("http://{}", service.address))
            .map_err(anyhow::Error::msg)?;
    }
    let config = social_server_push::Config {
        listen: plan.push,
        data_dir: plan.data.as_ref().map(|data| data.join("push")),
        endpoints,
        console: plan.console.clone(),
        transport: plan.transport.clone(),
        process,
        ..social_server_push::Config::default()
    };
    let running = social_server_push::start(config, bus)
        .await
        .context("the push service did not start")?;
    list.push(part(
        PartKind::Push,
        format!("http://{}", running.address),
        began,
    ));
    Ok(running)
}

async fn start_api(
    plan: &Plan<'_>,
    bus: Bus,
    process: ProcessId,
    list: &mut Vec<Part>,
) -> anyhow::Result<social_server_api::Running> {
    let broker = list.iter().find(|part| part.kind == PartKind::Broker);
    let beside_broker = broker.map(|part| BesideBroker { start: part.took });
    let began = Instant::now();
    let config = social_server_api::Config {
        listen: plan.api,
        data_dir: plan.data.as_ref().map(|data| data.join("api")),
        seed_data: plan.seed_data,
        process,
        one_process: true,
        beside_broker,
        ..social_server_api::Config::default()
    };
    let running = social_server_api::start(config, bus)
        .await
        .context("the API did not start")?;
    list.push(part(
        PartKind::Api,
        format!("http://{}", running.address),
        began,
    ));
    Ok(running)
}

fn part(kind: PartKind, address: String, began: Instant) -> Part {
    let resident_bytes = memory_stats::memory_stats().map(|stats| stats.physical_mem);
    Part {
        kind,
        address,
        took: began.elapsed(),
        resident_bytes,
    }
}
