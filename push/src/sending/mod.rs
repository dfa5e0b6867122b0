//! One push, from a notification to what became of it: encrypt, sign, post, judge.
//!
//! It knows nothing of databases, queues or retries; whoever calls it decides what a verdict means
//! for the subscription.

mod backoff;
mod request;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use social_events::Timestamp;

pub use self::backoff::RetryPolicy;
pub use self::request::{RequestError, build};
pub use self::verdict::{Verdict, judge};

use crate::endpoint::Endpoint;
use crate::keys::BrowserKeys;
use crate::notification::Notification;
use crate::transport::Transport;
use crate::vapid::VapidSigner;

/// To whom a push goes.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The checked endpoint.
    pub endpoint: Endpoint,
    /// The checked keys.
    pub keys: BrowserKeys,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What it means.
    pub verdict: Verdict,
}

/// Sends single pushes.
pub struct Sender {
    signer: Arc<VapidSigner>,
    transport: Arc<dyn Transport>,
}

impl Sender {
    /// Signs with `signer`, sends by `transport`.
    #[must_use]
    pub fn new(signer: Arc<VapidSigner>, transport: Arc<dyn Transport>) -> Self {
        Self { signer, transport }
    }

    /// Sends `notification`, to be kept for `ttl` while the browser is away. What is too large is
    /// sent once more, smaller.
    pub async fn send(
        &self,
        recipient: &Recipient,
        notification: &Notification,
        ttl: Duration,
    ) -> Attempt {
        let attempt = self.post(recipient, notification, ttl).await;
        if attempt.verdict != Verdict::TooLarge {
            return attempt;
        }
        self.post(recipient, &notification.smaller(), ttl).await
    }

    async fn post(
        &self,
        recipient: &Recipient,
        notification: &Notification,
        ttl: Duration,
    ) -> Attempt {
        let now = Timestamp::now();
        let request = match build(&self.signer, recipient, notification, ttl, now) {
            Ok(request) => request,
            Err(error) => {
                tracing::error!(endpoint = %recipient.endpoint, %error, "cannot build a push");
                return Attempt {
                    status: None,
                    verdict: Verdict::Refused,
                };
            }
        };
        match self.transport.send(&request).await {
            Ok(answer) => {
                let verdict = judge(&answer, &recipient.endpoint);
                Attempt {
                    status: Some(answer.status),
                    verdict,
                }
            }
            Err(error) => {
                tracing::warn!(endpoint = %recipient.endpoint, %error, "no answer to a push");
                Attempt {
                    status: None,
                    verdict: Verdict::Transient { after: None },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use social_events::{EventId, PostId};

    use super::*;
    use crate::endpoint::{EndpointPolicy, HostRule};
    use crate::transport::{Answer, Recording, TransportError};
    use crate::vapid::VapidKeys;

    fn sender() -> (Sender, Arc<Recording>) {
        let signer = VapidSigner::new(VapidKeys::generate().unwrap(), "mailto:ops@example.org");
        let transport = Arc::new(Recording::default());
        (Sender::new(Arc::new(signer), transport.clone()), transport)
    }

    fn recipient() -> Recipient {
        let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
        let p256dh = crate::keys::encode(&pair.pub_as_raw().unwrap());
        let keys = BrowserKeys::parse(&p256dh, &crate::keys::encode(&auth)).unwrap();
        let policy = EndpointPolicy::new(HostRule::Public);
        Recipient {
            endpoint: policy.check("https://push.example/x").unwrap(),
            keys,
        }
    }

    fn comment() -> Notification {
        Notification::comment(EventId::random(), PostId(1), "민지")
    }

    const TTL: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_is_too_large_is_sent_once_more_and_smaller() {
        let (sender, transport) = sender();
        transport.then(Ok(Answer::status(413)));
        let mut long = comment();
        long.body = Some("길다".repeat(200));
        let attempt = sender.send(&recipient(), &long, TTL).await;
        assert_eq!(attempt.verdict, Verdict::Accepted);
        let sizes: Vec<_> = transport.requests().iter().map(|r| r.body.len()).collect();
        assert!(sizes.len() == 2 && sizes[1] < sizes[0], "{sizes:?}");
    }

    #[tokio::test]
    async fn what_is_too_large_twice_is_given_up() {
        let (sender, transport) = sender();
        transport.then(Ok(Answer::status(413)));
        transport.then(Ok(Answer::status(413)));
        let attempt = sender.send(&recipient(), &comment(), TTL).await;
        assert_eq!(attempt.verdict, Verdict::TooLarge);
        assert_eq!(transport.requests().len(), 2);
    }

    #[tokio::test]
    async fn no_answer_is_tried_again_later() {
        let (sender, transport) = sender();
        transport.then(Err(TransportError::Timeout));
        let attempt = sender.send(&recipient(), &comment(), TTL).await;
        let expected = Attempt {
            status: None,
            verdict: Verdict::Transient { after: None },
        };
        assert_eq!(attempt, expected);
    }
}
