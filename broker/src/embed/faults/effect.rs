//! What a fault does to a request.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, FetchResponse};
use tokio::sync::oneshot;

use super::answers::{self, Call};
use super::error_code::ErrorCode;
use super::reply;
use super::rules::Rule;
use super::selection::Selection;
use crate::apis::{Answer, Malformed, Reply, RequestContext, Row};
use crate::node::Node;
use crate::node::timers::{TimerId, Timers};

/// What happens instead of, or on top of, what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Error(ErrorCode),
    Delay(Duration),
    Disconnect,
    ApplyThenDisconnect,
    Corrupt,
}

/// Answers a request while faults are set.
pub(crate) fn answer(
    node: &Arc<Node>,
    row: &'static Row,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let call = Call { node, row, context };
    for rule in node.faults.due(context.api_key) {
        let wanted = rule.about.select(&node.metadata.image());
        let fails = matches!(rule.effect, Effect::Error(_));
        if fails && let Some(ended) = answers::end_fetch_session(&call, &body)? {
            return Ok(ended);
        }
        let failing = answers::of(row.key);
        if failing.is_about(&call, &body, &wanted)? && rule.strike() {
            let answer = strike(&call, &rule, &wanted, body);
            node.faults.forget_spent();
            node.changes.tell();
            return answer;
        }
    }
    call.handle(body)
}

fn strike(
    call: &Call<'_>,
    rule: &Rule,
    wanted: &Selection,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    match rule.effect {
        Effect::Error(code) => answers::of(call.row.key).fail(call, body, wanted, code.0),
        Effect::Delay(by) => Ok(delayed(call, by, call.handle(body)?)),
        Effect::Disconnect => Ok(hang_up()),
        Effect::ApplyThenDisconnect => {
            // Whatever the answer waits for, the request has been carried out.
            drop(call.handle(body)?);
            Ok(hang_up())
        }
        Effect::Corrupt => Ok(corrupt(call, wanted, call.handle(body)?)),
    }
}

fn hang_up() -> Answer {
    Answer::HangUp("a fault that was asked for".to_owned())
}

/// Holds the answer back. What was decided stays in order: the requests behind
/// it on the same connection are carried out meanwhile.
fn delayed(call: &Call<'_>, by: Duration, answer: Answer) -> Answer {
    let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    let passed = Passed::after(call.node, by_ms);
    match answer {
        Answer::Ready(reply) => Answer::Later(Box::pin(async move {
            passed.wait().await;
            reply
        })),
        Answer::Later(reply) => Answer::Later(Box::pin(async move {
            let reply = reply.await;
            passed.wait().await;
            reply
        })),
        Answer::Nothing | Answer::HangUp(_) => answer,
    }
}

/// A moment on the broker's clock, which a test may move.
struct Passed {
    timers: Arc<Timers>,
    timer: TimerId,
    passed: oneshot::Receiver<()>,
}

impl Passed {
    fn after(node: &Node, by_ms: u64) -> Passed {
        let (tell, passed) = oneshot::channel();
        let at_ms = node.clock.now().after_ms(by_ms);
        let timer = node.timers.schedule(at_ms, move || {
            // Whoever waited may be gone.
            let _ = tell.send(());
        });
        Passed {
            timers: Arc::clone(&node.timers),
            timer,
            passed,
        }
    }

    async fn wait(mut self) {
        // An error is an end as well: the node stops.
        let _ = (&mut self.passed).await;
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.timers.cancel(self.timer);
    }
}

/// Records of a Fetch get a bit that is not theirs; any other answer ends in
/// the middle.
fn corrupt(call: &Call<'_>, wanted: &Selection, answer: Answer) -> Answer {
    if call.row.key == ApiKey::Fetch {
        let wanted = wanted.clone();
        let flip = move |response: &mut FetchResponse| flip_records(response, &wanted);
        return reply::map_response(answer, call.context.api_version, flip);
    }
    reply::map(answer, |whole| {
        let bytes = reply::all_bytes(whole);
        Reply::of(BytesMut::from(&bytes[..bytes.len() / 2]))
    })
}

fn flip_records(response: &mut FetchResponse, wanted: &Selection) {
    for topic in &mut response.responses {
        if !wanted.is_topic(&topic.topic.0, topic.topic_id) {
            continue;
        }
        let partitions = topic.partitions.iter_mut();
        for partition in partitions.filter(|one| wanted.is_partition(one.partition_index)) {
            if let Some(records) = &mut partition.records {
                flip_last_bit(records);
            }
        }
    }
}

/// Behind the header, so that the batch's own checksum tells.
fn flip_last_bit(records: &mut Bytes) {
    let mut bytes = BytesMut::from(&records[..]);
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    *records = bytes.freeze();
}
