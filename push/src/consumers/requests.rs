//! Requests about subscriptions, answered on the topic they name.
//!
//! Every request may be repeated: the endpoint names the subscription, so the second time changes
//! nothing and gets the same answer.

use std::sync::Arc;
use std::time::Duration;

use social_events::bus::{Delivery, Handled, PublishError};
use social_events::{
    Bus, Envelope, Refusal, RefusalReason, Secret, SubscriptionReply, SubscriptionRequest,
    Timestamp, UserId,
};

use crate::endpoint::EndpointPolicy;
use crate::keys::BrowserKeys;
use crate::metrics::Metrics;
use crate::store::{NewSubscription, Store, StoreError, Subscribed};

/// The pause after a reply could not be published.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a reply is published before it is given up.
const REPLY_TRIES_MAX: u32 = 3;

/// How many events one request may ask about; of more, the first.
const EVENTS_ASKED_MAX: usize = 1000;

/// Answers requests.
pub(crate) struct Desk {
    pub(crate) bus: Bus,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) endpoints: EndpointPolicy,
    pub(crate) subscriptions_per_user_max: u32,
    pub(crate) public_key: String,
    pub(crate) metrics: Arc<Metrics>,
}

/// Handles one record: reads the request, does it, replies.
pub(crate) async fn handle(desk: Arc<Desk>, delivery: Delivery) -> Handled {
    let record = &delivery.record;
    let (reply, trace, poison) = match Envelope::<SubscriptionRequest>::parse(record) {
        Ok(request) => (desk.answer(&request.event).await, request.trace, None),
        // Whoever asked hears of it at once, and the record is put aside to be looked at.
        Err(error) => {
            let cause = error.to_string();
            (refused(RefusalReason::Invalid, &cause), None, Some(cause))
        }
    };
    desk.metrics
        .request(matches!(reply, SubscriptionReply::Refused(_)));
    let unanswerable = match record.reply(&Envelope::new(reply, trace)) {
        Ok(reply) => match desk.bus.publish(reply).await {
            Ok(_) => None,
            Err(error) if delivery.attempt < REPLY_TRIES_MAX && !is_final(&error) => {
                let cause = error.to_string();
                return Handled::Retry {
                    after: PAUSE,
                    cause,
                };
            }
            // Whoever asked has given up by now; those behind must not wait as well.
            Err(error) => Some(error.to_string()),
        },
        Err(error) => Some(error.to_string()),
    };
    match poison.or(unanswerable) {
        Some(cause) => Handled::DeadLetter { cause },
        None => Handled::Done,
    }
}

fn is_final(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Refused(_) | PublishError::UnknownTopic(_)
    )
}

impl Desk {
    async fn answer(&self, request: &SubscriptionRequest) -> SubscriptionReply {
        self.try_answer(request).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot answer a request about subscriptions");
            refused(
                RefusalReason::Unavailable,
                "the push service cannot answer now; try again",
            )
        })
    }

    async fn try_answer(
        &self,
        request: &SubscriptionRequest,
    ) -> Result<SubscriptionReply, StoreError> {
        match request {
            SubscriptionRequest::Subscribe {
                user_id,
                notification_end_point,
                public_key,
                auth,
            } => {
                self.subscribe(*user_id, notification_end_point, public_key, auth)
                    .await
            }
            SubscriptionRequest::Unsubscribe { user_id, seq } => {
                let found = self.store.unsubscribe(*user_id, *seq).await?;
                let not_found = || refused(RefusalReason::NotFound, "no such subscription");
                let forgotten = || SubscriptionReply::Unsubscribed { seq: *seq };
                Ok(if found { forgotten() } else { not_found() })
            }
            SubscriptionRequest::List { user_id } => {
                let subscriptions = self.store.subscriptions_of(*user_id).await?;
                Ok(SubscriptionReply::Subscriptions { subscriptions })
            }
            SubscriptionRequest::PublicKey { .. } => Ok(SubscriptionReply::PublicKey {
                public_key: self.public_key.clone(),
            }),
            SubscriptionRequest::Known { event_ids, .. } => {
                let asked = &event_ids[..event_ids.len().min(EVENTS_ASKED_MAX)];
                let event_ids = self.store.known(asked).await?;
                Ok(SubscriptionReply::Known { event_ids })
            }
        }
    }

    async fn subscribe(
        &self,
        user_id: UserId,
        endpoint: &Secret,
        public_key: &Secret,
        auth: &Secret,
    ) -> Result<SubscriptionReply, StoreError> {
        let invalid =
            |cause: &dyn std::fmt::Display| Ok(refused(RefusalReason::Invalid, &cause.to_string()));
        let endpoint = match self.endpoints.check(endpoint.expose()) {
            Ok(endpoint) => endpoint,
            Err(error) => return invalid(&error),
        };
        let keys = match BrowserKeys::parse(public_key.expose(), auth.expose()) {
            Ok(keys) => keys,
            Err(error) => return invalid(&error),
        };
        let new = NewSubscription {
            user_id,
            endpoint,
            keys,
        };
        let max = self.subscriptions_per_user_max;
        Ok(
            match self.store.subscribe(&new, max, Timestamp::now()).await? {
                Subscribed::Stored(subscription) => {
                    tracing::info!(user = %user_id, seq = %subscription.seq, endpoint = %new.endpoint,
                    "stored a subscription");
                    SubscriptionReply::Subscribed(subscription)
                }
                Subscribed::TooMany => {
                    let sentence = format!("at most {max} devices; remove one first");
                    refused(RefusalReason::TooMany, &sentence)
                }
            },
        )
    }
}

fn refused(reason: RefusalReason, message: &str) -> SubscriptionReply {
    SubscriptionReply::Refused(Refusal {
        reason,
        message: message.to_owned(),
    })
}
