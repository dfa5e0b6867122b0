//! Asking the push service: request and reply over the bus, and what is known of the exchange.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use social_events::bus::{Answered, Position, Requester};
use social_events::{Envelope, SubscriptionReply, SubscriptionRequest, TraceParent, UserId};
use uuid::Uuid;

use crate::error::ApiError;
use crate::metrics::Metrics;

/// How long the VAPID key is believed. It changes only with the push service's database.
const KEY_LIFETIME: Duration = Duration::from_secs(60);

/// The push service, as seen from here.
#[derive(Debug)]
pub(crate) struct PushService {
    requester: Requester,
    deadline: Duration,
    key: Mutex<Option<(Instant, String)>>,
}

/// The facts of one request and its reply.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) correlation_id: Uuid,
    pub(crate) request: Position,
    pub(crate) reply: Position,
    pub(crate) round_trip: Duration,
}

impl PushService {
    pub(crate) fn new(requester: Requester, deadline: Duration) -> Self {
        Self {
            requester,
            deadline,
            key: Mutex::default(),
        }
    }

    /// Whether replies can be read.
    pub(crate) fn is_ready(&self) -> bool {
        self.requester.is_ready()
    }

    /// Asks, and turns a refusal into an error.
    pub(crate) async fn ask(
        &self,
        request: SubscriptionRequest,
        trace: TraceParent,
        metrics: &Metrics,
    ) -> Result<(SubscriptionReply, Exchange), ApiError> {
        let record = Envelope::new(request, Some(trace)).to_record();
        let answered = self.requester.request(record, self.deadline).await?;
        metrics.exchange(answered.round_trip);
        let reply = Envelope::<SubscriptionReply>::parse(&answered.reply);
        let reply = reply
            .map_err(|error| ApiError::Internal(Box::new(error)))?
            .event;
        match reply {
            SubscriptionReply::Refused(refusal) => Err(refusal.into()),
            reply => Ok((reply, Exchange::from(answered))),
        }
    }

    /// The VAPID public key, asked for at most once a minute.
    pub(crate) async fn public_key(
        &self,
        user_id: UserId,
        trace: TraceParent,
        metrics: &Metrics,
    ) -> Result<(String, Option<Exchange>), ApiError> {
        if let Some(key) = self.remembered_key() {
            return Ok((key, None));
        }
        let request = SubscriptionRequest::PublicKey { user_id };
        match self.ask(request, trace, metrics).await? {
            (SubscriptionReply::PublicKey { public_key }, exchange) => {
                let remembered = Some((Instant::now(), public_key.clone()));
                *self.key.lock().unwrap_or_else(PoisonError::into_inner) = remembered;
                Ok((public_key, Some(exchange)))
            }
            _ => Err(unexpected()),
        }
    }

    fn remembered_key(&self) -> Option<String> {
        let key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        key.as_ref()
            .filter(|(at, _)| at.elapsed() < KEY_LIFETIME)
            .map(|(_, key)| key.clone())
    }
}

/// The push service answered with something else than was asked.
pub(crate) fn unexpected() -> ApiError {
    ApiError::Internal("the push service's reply is of another kind than its request".into())
}

impl From<Answered> for Exchange {
    fn from(answered: Answered) -> Self {
        Self {
            correlation_id: answered.correlation_id,
            request: answered.request,
            reply: answered.reply.position,
            round_trip: answered.round_trip,
        }
    }
}

const CORRELATION_ID: HeaderName = HeaderName::from_static("kafka-correlation-id");
const REQUEST: HeaderName = HeaderName::from_static("kafka-request");
const REPLY: HeaderName = HeaderName::from_static("kafka-reply");
const ROUND_TRIP_MS: HeaderName = HeaderName::from_static("kafka-round-trip-ms");

/// The response headers that tell of an exchange.
pub(crate) const EXCHANGE_HEADERS: [HeaderName; 4] =
    [CORRELATION_ID, REQUEST, REPLY, ROUND_TRIP_MS];

impl Exchange {
    /// The response headers that tell these facts; see the OpenAPI document.
    pub(crate) fn headers(&self) -> HeaderMap {
        let round_trip_ms = format!("{:.3}", self.round_trip.as_secs_f64() * 1000.0);
        let facts = [
            (CORRELATION_ID, self.correlation_id.to_string()),
            (REQUEST, self.request.to_string()),
            (REPLY, self.reply.to_string()),
            (ROUND_TRIP_MS, round_trip_ms),
        ];
        let legal = "topics, numbers and UUIDs are legal in a header";
        let facts = facts.into_iter();
        facts
            .map(|(name, value)| (name, HeaderValue::try_from(value).expect(legal)))
            .collect()
    }
}
