//! Produce (0), versions 3–13; advertised from 0 because old librdkafka looks
//! for that (KAFKA-18659).
//!
//! - 3: magic 2 only, one batch a partition. 7: zstd allowed. 8: record errors.
//!   9: flexible. 13: topic ids.
//! - acks 1 and −1 (all) are the same on one node: the answer waits until the
//!   records are committed, which is at once unless every append is synced.
//!   acks 0 gets no answer; if something was refused the connection is closed,
//!   because there is no other way to say so.
//! - Transactional batches are refused: as Kafka does without a transactional
//!   id (TRANSACTIONAL_ID_AUTHORIZATION_FAILED, for the whole request), and with
//!   INVALID_REQUEST otherwise.
//! - A batch whose length or magic cannot be refuses the whole request, too.
//!   Every other fault refuses its own partition.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use ottla_core::controller::{TopicImage, is_internal_topic};
use ottla_core::mutants::{self, Mutant};
use ottla_core::partition::{AppendOrigin, AppendRefusal, check_for_version, peek_batch};
use tokio::time::Instant;

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, Reply, RequestContext};
use crate::node::Node;
use crate::node::partition::{AppendError, Appended, Partition, Ticket};
use crate::wire::produce::{
    ErrorCodeAt, PartitionProduced, ProducePartition, ProduceRequest, ResponseWriter,
    decode_request,
};

/// The first version whose batches may be compressed with zstd (KIP-110).
const FIRST_WITH_ZSTD: i16 = 7;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    mut body: BytesMut,
) -> Result<Answer, Malformed> {
    let request = decode_request(&mut body, context.api_version);
    let request = request.map_err(|error| Malformed(error.to_string()))?;
    let (acks, timeout_ms) = (request.acks, request.timeout_ms);
    let produced = append_all(node, context, request);
    if acks == 0 {
        return Ok(unanswered(produced));
    }
    if produced.waiting.is_empty() {
        return Ok(Answer::Ready(Reply::of(produced.response)));
    }
    let patience = Duration::from_millis(timeout_ms.max(0) as u64);
    let deadline = Instant::now() + patience;
    Ok(Answer::Later(Box::pin(settle(produced, deadline))))
}

/// What was appended, and what has to be waited for before saying so.
struct Produced {
    response: BytesMut,
    waiting: Vec<(ErrorCodeAt, Ticket)>,
    /// Why the first batch that was refused was.
    refused: Option<String>,
}

/// What refuses every partition because of one: a batch whose length or magic
/// cannot be, or one of a transaction that nobody names.
fn refusal_of_all(request: &ProduceRequest<'_>) -> Option<ApiError> {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let mut records = partitions.filter_map(|partition| partition.records.as_deref());
    records.find_map(|records| match peek_batch(records) {
        Err(refusal) => Some(refusal.into()),
        Ok(Some(attributes))
            if attributes.is_transactional() && request.transactional_id.is_none() =>
        {
            Some(ApiError::new(
                ResponseError::TransactionalIdAuthorizationFailed,
                "transactional records need a transactional id",
            ))
        }
        Ok(_) => None,
    })
}

fn append_all(node: &Arc<Node>, context: &RequestContext, request: ProduceRequest<'_>) -> Produced {
    let image = node.metadata.image();
    let refusal_of_all = refusal_of_all(&request);
    let acks_known = (-1..=1).contains(&request.acks);
    let mut response = ResponseWriter::new(context.api_version, request.topics.len());
    let (mut waiting, mut refused) = (Vec::new(), None);
    for wanted in request.topics {
        let topic = find_topic(&image, wanted.topic);
        response.topic(wanted.topic, wanted.partitions.len());
        for partition in wanted.partitions {
            let index = partition.index;
            let appended = match (&refusal_of_all, &topic) {
                (None, Ok(topic)) => append(node, context, topic, acks_known, partition),
                (Some(error), _) | (None, Err(error)) => Err(Failure::from(error.clone())),
            };
            let (outcome, ticket) = outcome(index, appended);
            let error_code_at = response.partition(&outcome);
            waiting.extend(ticket.map(|ticket| (error_code_at, ticket)));
            refused = refused.or(outcome.error_message);
        }
        response.end_topic();
    }
    Produced {
        response: response.finish(),
        waiting,
        refused,
    }
}

fn check_acks(known: bool) -> Result<(), ApiError> {
    if known {
        return Ok(());
    }
    Err(ApiError::new(
        ResponseError::InvalidRequiredAcks,
        "acks must be 0, 1 or -1 (all)",
    ))
}

fn check_writable(topic: &TopicImage) -> Result<(), ApiError> {
    if is_internal_topic(&topic.name) {
        return Err(ApiError::new(
            ResponseError::InvalidTopicException,
            format!("{} is internal: only the broker writes to it", topic.name),
        ));
    }
    Ok(())
}

fn append(
    node: &Node,
    context: &RequestContext,
    topic: &TopicImage,
    acks_known: bool,
    partition: ProducePartition<'_>,
) -> Result<Appended, Failure> {
    let zstd_allowed = context.api_version >= FIRST_WITH_ZSTD;
    let origin = AppendOrigin::Client { zstd_allowed };
    let index = match mutants::on(Mutant::ProducesToTheFirstPartition) {
        true => 0,
        false => partition.index,
    };
    let found = find_partition(node, topic, index)?;
    let records = partition.records.unwrap_or_default();
    if !acks_known || !zstd_allowed || is_internal_topic(&topic.name) {
        // What the version forbids is said first, and nothing of the log.
        check_for_version(origin, records).map_err(ApiError::from)?;
        check_acks(acks_known)?;
        check_writable(topic)?;
    }
    found
        .append(context.now, records, origin)
        .map_err(|error| Failure::of(error, &found))
}

/// Why a partition's records were refused, down to the records if it is known.
struct Failure {
    error: ApiError,
    record_errors: Vec<(i32, String)>,
    log_start_offset: i64,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Failure {
            error,
            record_errors: Vec::new(),
            log_start_offset: -1,
        }
    }
}

impl Failure {
    fn of(error: AppendError, partition: &Partition) -> Failure {
        let record_errors = match &error {
            AppendError::Refused(AppendRefusal::InvalidRecords { invalid, .. }) => invalid
                .iter()
                .map(|record| (record.index, record.rule.to_string()))
                .collect(),
            _ => Vec::new(),
        };
        let log_start = match &error {
            AppendError::Refused(refusal) if tells_log_start(refusal) => partition.marks().ok(),
            _ => None,
        };
        Failure {
            error: ApiError::from(error),
            record_errors,
            log_start_offset: log_start.map_or(-1, |marks| marks.log_start.0),
        }
    }
}

/// Kafka names the log's start with some refusals and not with others.
fn tells_log_start(refusal: &AppendRefusal) -> bool {
    !matches!(
        refusal,
        AppendRefusal::NoWholeBatch
            | AppendRefusal::SeveralBatches
            | AppendRefusal::OldMagic(_)
            | AppendRefusal::UnknownMagic(_)
            | AppendRefusal::Length(_)
            | AppendRefusal::ZstdNotAllowed
            | AppendRefusal::Checksum
            | AppendRefusal::TooLarge { .. }
            | AppendRefusal::LargerThanSegment { .. }
    )
}

fn outcome(index: i32, appended: Result<Appended, Failure>) -> (PartitionProduced, Option<Ticket>) {
    match appended {
        Ok(appended) => {
            let produced = PartitionProduced {
                index,
                error_code: 0,
                base_offset: appended.base_offset.0,
                log_append_time_ms: appended.log_append_time_ms,
                log_start_offset: appended.log_start.0,
                record_errors: Vec::new(),
                error_message: None,
            };
            (produced, appended.ticket)
        }
        Err(failure) => {
            let produced = PartitionProduced {
                index,
                error_code: failure.error.code(),
                base_offset: -1,
                log_append_time_ms: -1,
                log_start_offset: failure.log_start_offset,
                record_errors: failure.record_errors,
                error_message: Some(failure.error.message),
            };
            (produced, None)
        }
    }
}

/// acks=0: the producer hears nothing, unless something went wrong.
fn unanswered(produced: Produced) -> Answer {
    match produced.refused {
        None => Answer::Nothing,
        Some(reason) => Answer::HangUp(format!("records sent with acks=0 were refused: {reason}")),
    }
}

/// Waits for every ticket, or until the deadline. As in Kafka, what was
/// appended and not committed in time has a code and no message.
async fn settle(produced: Produced, deadline: Instant) -> Reply {
    let mut response = produced.response;
    for (error_code_at, ticket) in produced.waiting {
        let code = match tokio::time::timeout_at(deadline, ticket).await {
            Ok(Ok(())) => continue,
            Ok(Err(unavailable)) => ApiError::from(unavailable).code(),
            Err(_) => ResponseError::RequestTimedOut.code(),
        };
        error_code_at.set(&mut response, code);
    }
    Reply::of(response)
}
