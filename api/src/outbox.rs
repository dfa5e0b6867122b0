//! The relay: brings the outbox's events to the bus, each key's in order, none forgotten.
//!
//! A row is marked only after the ack. A crash in between publishes the event once more, with
//! the same event id, and consumers fold the two. While the bus is down rows wait, and requests
//! go on succeeding.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use social_events::bus::{Position, PublishError, Record};
use social_events::{Bus, Moment};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::metrics::Metrics;
use crate::store::{Outbox, PendingEvent, Published, StoreError, Taken};

/// How many rows are read at a time.
const BATCH: i64 = 256;
/// How many keys are published beside each other.
const KEYS_AT_ONCE: usize = 32;
/// Looked again after this long even if nobody woke the relay: a nudge may be lost, a row not.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same, while another relay publishes the key of an event that may be ours: it may have
/// looked before the event was there.
const LOOK_AGAIN_BEHIND_ANOTHER: Duration = Duration::from_millis(50);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Brings events from an outbox to a bus.
#[derive(Debug)]
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    bus: Bus,
}

/// What one pass achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// Events acknowledged and marked.
    pub published: usize,
    /// Events that can never be published, marked as such.
    pub refused: usize,
    /// Keys whose next event was not acknowledged; their later events wait behind it.
    pub blocked: usize,
    /// Whether another relay was publishing keys that had pending events.
    pub elsewhere: bool,
}

/// The events of one key, in order.
type Chain = Vec<PendingEvent>;

/// How far one chain came.
#[derive(Default)]
struct ChainPass {
    published: Vec<Published>,
    refused: Vec<(i64, String)>,
    blocked: bool,
}

impl Relay {
    /// A relay from `outbox` to `bus`.
    #[must_use]
    pub fn new(outbox: Arc<dyn Outbox>, bus: Bus) -> Self {
        Self { outbox, bus }
    }

    /// Publishes what is pending, up to a batch, and marks what was acknowledged.
    ///
    /// # Errors
    /// When the database fails. Events that were acknowledged and could not be marked are
    /// published again by a later pass.
    pub async fn pass(&self) -> Result<Pass, StoreError> {
        let taken = self.outbox.take(BATCH).await?;
        let Taken {
            events,
            elsewhere,
            hold,
        } = taken;
        let taken_any = !events.is_empty();
        let passes: Vec<ChainPass> = futures_util::stream::iter(chains(events))
            .map(|chain| publish_in_order(chain, |record| self.bus.publish(record)))
            .buffer_unordered(KEYS_AT_ONCE)
            .collect()
            .await;

        let (mut published, mut refused, mut blocked) = (Vec::new(), Vec::new(), 0);
        for chain in passes {
            published.extend(chain.published);
            refused.extend(chain.refused);
            blocked += usize::from(chain.blocked);
        }
        // Also when none was published: the keys are free at once then, and not a moment later.
        if taken_any {
            hold.settle(&published, &refused).await?;
        }
        Ok(Pass {
            published: published.len(),
            refused: refused.len(),
            blocked,
            elsewhere,
        })
    }

    /// Passes whenever `wake` is notified, until `stop`; then once more.
    pub(crate) async fn run(self, wake: Arc<Notify>, app: Arc<App>, stop: CancellationToken) {
        let mut pause = PAUSE_FIRST;
        while !stop.is_cancelled() {
            let clean = self.observed_pass(&app.metrics).await;
            let wait = match clean {
                Some(Pass {
                    published: 0,
                    refused: 0,
                    elsewhere,
                    ..
                }) if elsewhere => LOOK_AGAIN_BEHIND_ANOTHER,
                Some(Pass {
                    published: 0,
                    refused: 0,
                    ..
                }) => LOOK_AGAIN,
                // There may be more than a batch.
                Some(_) => Duration::ZERO,
                None => pause,
            };
            pause = if clean.is_some() {
                PAUSE_FIRST
            } else {
                (pause * 2).min(PAUSE_MAX)
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
                () = wake.notified(), if clean.is_some() => {}
            }
        }
        self.observed_pass(&app.metrics).await;
    }

    /// A pass, counted; `None` when something stands in its way.
    async fn observed_pass(&self, metrics: &Metrics) -> Option<Pass> {
        match self.pass().await {
            Ok(pass) => {
                metrics.published(pass.published as u64);
                metrics.publish_failed((pass.blocked + pass.refused) as u64);
                (pass.blocked == 0).then_some(pass)
            }
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read or marked");
                metrics.publish_failed(1);
                None
            }
        }
    }
}

/// Publishes one key's events one after another, and stops at the first that fails: a later one
/// must not overtake it.
async fn publish_in_order<P, F>(chain: Chain, publish: P) -> ChainPass
where
    P: Fn(Record) -> F,
    F: Future<Output = Result<Position, PublishError>>,
{
    let mut pass = ChainPass::default();
    for event in chain {
        let outbox_seq = event.outbox_seq;
        let sent_at = Moment::now();
        match publish(event.record).await {
            Ok(position) => pass.published.push(Published {
                outbox_seq,
                position,
                sent_at,
                acked_at: Moment::now(),
            }),
            Err(PublishError::Refused(cause)) => {
                tracing::error!(outbox_seq, cause, "event refused for good");
                pass.refused.push((outbox_seq, cause));
            }
            Err(error) => {
                tracing::warn!(outbox_seq, %error, "event not published yet");
                pass.blocked = true;
                break;
            }
        }
    }
    pass
}

/// The events by topic and key, each in the order of the outbox.
fn chains(pending: Vec<PendingEvent>) -> Vec<Chain> {
    let mut places: HashMap<(String, Option<Bytes>), usize> = HashMap::new();
    let mut chains: Vec<Chain> = Vec::new();
    for event in pending {
        let key = (event.record.topic.clone(), event.record.key.clone());
        let place = *places.entry(key).or_insert_with(|| {
            chains.push(Chain::new());
            chains.len() - 1
        });
        chains[place].push(event);
    }
    chains
}

#[cfg(test)]
mod tests {
    use social_events::headers::Headers;

    use super::*;

    fn event(outbox_seq: i64, topic: &str, key: &str) -> PendingEvent {
        let record = Record {
            topic: topic.into(),
            partition: None,
            key: Some(key.to_owned().into()),
            value: outbox_seq.to_string().into(),
            headers: Headers::new(),
        };
        PendingEvent { outbox_seq, record }
    }

    fn seqs(chains: &[Chain]) -> Vec<Vec<i64>> {
        let seqs = |chain: &Chain| chain.iter().map(|event| event.outbox_seq).collect();
        chains.iter().map(seqs).collect()
    }

    #[test]
    fn events_of_one_topic_and_key_are_one_chain_in_the_outboxs_order() {
        let pending = [(1, "a", "x"), (2, "a", "y"), (3, "b", "x"), (4, "a", "x")];
        let pending = pending
            .map(|(seq, topic, key)| event(seq, topic, key))
            .to_vec();
        assert_eq!(seqs(&chains(pending)), [vec![1, 4], vec![2], vec![3]]);
    }

    /// Publishes with a bus that answers each event as `answer` says.
    async fn published(answer: fn(&str) -> Result<(), PublishError>) -> ChainPass {
        let chain = (1..=4).map(|seq| event(seq, "a", "x")).collect();
        publish_in_order(chain, |record| async move {
            let value = String::from_utf8(record.value.to_vec()).unwrap();
            answer(&value).map(|()| Position {
                topic: record.topic,
                partition: 0,
                offset: 0,
            })
        })
        .await
    }

    #[tokio::test]
    async fn no_event_overtakes_one_that_failed() {
        let pass = published(|event| match event {
            "2" => Err(PublishError::Kafka("not now".into())),
            _ => Ok(()),
        })
        .await;
        let seqs: Vec<_> = pass
            .published
            .iter()
            .map(|event| event.outbox_seq)
            .collect();
        assert_eq!(seqs, [1]);
        assert!(pass.blocked && pass.refused.is_empty());
    }

    #[tokio::test]
    async fn an_event_refused_for_good_holds_up_none() {
        let pass = published(|event| match event {
            "2" => Err(PublishError::Refused("too large".into())),
            _ => Ok(()),
        })
        .await;
        let seqs: Vec<_> = pass
            .published
            .iter()
            .map(|event| event.outbox_seq)
            .collect();
        assert_eq!(seqs, [1, 3, 4]);
        assert_eq!(pass.refused, [(2, "too large".to_owned())]);
        assert!(!pass.blocked);
    }
}
