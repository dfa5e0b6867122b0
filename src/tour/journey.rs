//! One comment's journey, as the API tells it: complete, and no effect before its cause.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use social_events::Moment;
use social_server_push::notification::Notification;

use super::story::LOOK_AGAIN;
use crate::api::{Api, User};

/// Every step, each after what causes it.
const STEPS: [(&str, Option<&str>); 11] = [
    ("request", None),
    ("committed", Some("request")),
    ("busEvent", Some("committed")),
    ("answered", Some("busEvent")),
    ("produced", Some("committed")),
    ("record", Some("produced")),
    ("fetched", Some("record")),
    ("consumed", Some("fetched")),
    ("sent", Some("consumed")),
    ("offsetCommitted", Some("consumed")),
    ("shown", Some("sent")),
];

/// Says that `notification` was shown, as a service worker does, and waits until the journey of
/// its comment is complete.
pub(super) async fn follow(
    api: &Api,
    author: &User,
    comment: i64,
    notification: &Notification,
) -> anyhow::Result<()> {
    let receipt = json!({
        "eventId": notification.event_id, "traceparent": notification.traceparent,
        "tag": notification.tag, "shownAt": Moment::now(),
    });
    api.receipt(author, receipt).await?;
    loop {
        let journey = api.journey(author, comment).await?;
        if missing(&journey).is_none() {
            ensure!(
                journey["state"] == "shown",
                "the journey ends as {}",
                journey["state"]
            );
            return in_order(&journey);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The first step that is not told.
fn missing(journey: &Value) -> Option<&'static str> {
    STEPS
        .into_iter()
        .map(|(name, _)| name)
        .find(|name| offset_millis(journey, name).is_none())
}

fn in_order(journey: &Value) -> anyhow::Result<()> {
    for (effect, cause) in STEPS {
        let Some(cause) = cause else { continue };
        let at = |name| offset_millis(journey, name).with_context(|| format!("no step {name}"));
        ensure!(
            at(cause)? <= at(effect)?,
            "the journey tells {effect} before {cause}: {journey}"
        );
    }
    Ok(())
}

fn offset_millis(journey: &Value, name: &str) -> Option<f64> {
    let steps = journey["steps"].as_array()?;
    let step = steps.iter().find(|step| step["name"] == name)?;
    step["offsetMillis"].as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journey(swapped: Option<usize>) -> Value {
        let mut offsets: Vec<usize> = (0..STEPS.len()).collect();
        if let Some(index) = swapped {
            offsets.swap(index, index + 1);
        }
        let steps = STEPS.iter().zip(offsets);
        let steps = steps.map(|((name, _), at)| json!({"name": name, "offsetMillis": at}));
        json!({"steps": steps.collect::<Vec<_>>()})
    }

    #[test]
    fn an_effect_before_its_cause_is_found() {
        assert!(in_order(&journey(None)).is_ok());
        assert!(
            in_order(&journey(Some(5))).is_err(),
            "fetched before the record"
        );
    }

    #[test]
    fn a_step_that_is_missing_is_named() {
        let mut short = journey(None);
        short["steps"].as_array_mut().unwrap().remove(9);
        assert_eq!(missing(&short), Some("offsetCommitted"));
    }
}
