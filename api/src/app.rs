//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::Consumer;
use social_events::{Bus, EventBus, ProcessId};

use crate::answers::Answers;
use crate::auth::{PasswordHasher, RateLimits};
use crate::backend::Backend;
use crate::metrics::Metrics;
use crate::push_service::PushService;
use crate::store::Store;
use crate::stream::Streams;

/// The service's parts, wired once at the start.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Bus,
    pub(crate) event_bus: EventBus,
    pub(crate) push_service: PushService,
    pub(crate) outcomes: Consumer,
    pub(crate) passwords: PasswordHasher,
    pub(crate) limits: RateLimits,
    pub(crate) metrics: Metrics,
    pub(crate) backend: Backend,
    pub(crate) answers: Answers,
    pub(crate) streams: Streams,
}

/// What the configuration says about requests.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Pages of these origins may call as ours may.
    pub(crate) allowed_origins: Vec<String>,
    /// Whether the cookie is for HTTPS only.
    pub(crate) secure_cookie: bool,
    /// Whether users to play with were added.
    pub(crate) seed_data: bool,
    /// The name of this process, by whose clock its moments are.
    pub(crate) process: ProcessId,
    /// How long a token is valid.
    pub(crate) session_lifetime: Duration,
}
