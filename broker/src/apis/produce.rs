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

use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use ottla_core::controller::{MetadataImage, TopicImage, is_internal_topic};
use ottla_core::mutants::{self, Mutant};
use ottla_core::partition::{AppendOrigin, AppendRefusal, check_for_version, peek_batch};
use ottla_core::time::Now;
use tokio::time::Instant;

use super::errors::ApiError;
use super::routing::{find_partition, find_topic};
use super::{Answer, Malformed, Reply, RequestContext};
use crate::node::Node;
use crate::node::partition::{AppendError, Appended, Few, Partition, Ticket};
use crate::wire::header::RequestHeader;
use crate::wire::produce::{
    ErrorCodeAt, PartitionProduced, ProducePartition, ProduceRequest, ResponseWriter, TopicRef,
    decode_request,
};

/// The first version whose batches may be compressed with zstd (KIP-110).
const FIRST_WITH_ZSTD: i16 = 7;

/// One request where it was received.
pub(crate) struct Asked<'frame> {
    pub(crate) header: RequestHeader<'frame>,
    request: ProduceRequest<'frame>,
}

impl<'frame> Asked<'frame> {
    /// Reads what follows the header of a request.
    pub(crate) fn read(
        header: RequestHeader<'frame>,
        body: &'frame mut [u8],
    ) -> Result<Self, Malformed> {
        let request = decode_request(body, header.api_version);
        let request = request.map_err(|error| Malformed(error.to_string()))?;
        Ok(Asked { header, request })
    }

    fn origin(&self) -> AppendOrigin {
        let zstd_allowed = self.header.api_version >= FIRST_WITH_ZSTD;
        AppendOrigin::Client { zstd_allowed }
    }
}

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    mut body: BytesMut,
) -> Result<Answer, Malformed> {
    let mut asked = [Asked::read(context.header(), &mut body)?];
    let mut answered = None;
    carry_out(node, context.now, &mut asked, |_, answer| {
        answered = Some(answer);
    });
    Ok(answered.expect("one request has one answer"))
}

/// Carries out requests of one connection and version that came at once, so that those of
/// one partition share its lock and its write. Tells the answers that one after
/// the other would get, up to the first behind which the connection is closed.
pub(crate) fn carry_out(
    node: &Node,
    now: Now,
    asked: &mut [Asked<'_>],
    mut tell: impl FnMut(&Asked<'_>, Answer),
) {
    let Some(first) = asked.first() else { return };
    let origin = first.origin();
    // What is refused with acks=0 closes the connection: what follows must not
    // have been appended.
    for together in asked.chunk_by_mut(|before, _| before.request.acks != 0) {
        let mut appended = append_all(now, origin, wanted(node, origin, together)).into_iter();
        for asked in together {
            let answer = answer(asked, &mut appended);
            let is_last = matches!(answer, Answer::HangUp(_));
            tell(asked, answer);
            if is_last {
                return;
            }
        }
    }
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

/// What the requests want appended, in order. A partition is looked up once for
/// those that want it one after the other: finding it touches what all threads
/// share.
fn wanted<'frame>(
    node: &Node,
    origin: AppendOrigin,
    together: &mut [Asked<'frame>],
) -> Few<Result<Wanted<'frame>, Box<Failure>>> {
    let image = node.metadata.image();
    let mut wanted = Few::with_capacity(together.len());
    let mut found_before = None;
    for Asked { request, .. } in together {
        let refusal_of_all = refusal_of_all(request);
        let acks_known = (-1..=1).contains(&request.acks);
        for topic in &mut request.topics {
            for partition in &mut topic.partitions {
                let place = Some((topic.topic, partition.index)).filter(|_| acks_known);
                let found = match &refusal_of_all {
                    Some(error) => Err(error.clone()),
                    None if place.is_some() && place == found_before => Ok(None),
                    None => {
                        find(node, &image, origin, acks_known, topic.topic, partition).map(Some)
                    }
                };
                found_before = place.filter(|_| found.is_ok());
                wanted.push(match found {
                    Ok(found) => Ok(Wanted {
                        partition: found,
                        records: partition.records.take().unwrap_or_default(),
                    }),
                    Err(error) => Err(Box::new(Failure::from(error))),
                });
            }
        }
    }
    wanted
}

/// The answer to one request, from what became of each of its partitions.
fn answer(
    asked: &Asked<'_>,
    appended: &mut impl Iterator<Item = Result<Appended, Box<Failure>>>,
) -> Answer {
    let request = &asked.request;
    let produced = produced(asked, appended);
    if request.acks == 0 {
        return unanswered(produced);
    }
    if produced.waiting.is_empty() {
        return Answer::Ready(Reply::of(produced.response));
    }
    let patience = Duration::from_millis(request.timeout_ms.max(0) as u64);
    let deadline = Instant::now() + patience;
    Answer::Later(Box::pin(settle(produced, deadline)))
}

fn produced(
    asked: &Asked<'_>,
    appended: &mut impl Iterator<Item = Result<Appended, Box<Failure>>>,
) -> Produced {
    let topics = &asked.request.topics;
    let mut response = ResponseWriter::new(asked.header.api_version, topics.len());
    let (mut waiting, mut refused) = (Vec::new(), None);
    for topic in topics {
        response.topic(topic.topic, topic.partitions.len());
        for (partition, appended) in topic.partitions.iter().zip(&mut *appended) {
            let (outcome, ticket) = outcome(partition.index, appended);
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

/// Records that may be offered to their partition.
struct Wanted<'frame> {
    /// `None`: that of the records before.
    partition: Option<Arc<Partition>>,
    records: &'frame mut [u8],
}

/// Appends what is wanted, in order; neighbours of one partition at once.
fn append_all(
    now: Now,
    origin: AppendOrigin,
    wanted: Few<Result<Wanted<'_>, Box<Failure>>>,
) -> Few<Result<Appended, Box<Failure>>> {
    let mut outcomes = Few::with_capacity(wanted.len());
    let mut wanted = wanted.into_iter();
    while let Some(first) = wanted.next() {
        let (partition, records) = match first {
            Ok(Wanted { partition, records }) => (partition, records),
            Err(failure) => {
                outcomes.push(Err(failure));
                continue;
            }
        };
        let partition = partition.expect("only those behind it leave theirs out");
        let behind = wanted.as_slice().iter();
        let is_neighbour = |next: &Wanted<'_>| next.partition.is_none();
        let count = behind
            .take_while(|next| next.as_ref().is_ok_and(is_neighbour))
            .count();
        let neighbours = wanted.by_ref().take(count);
        let neighbours =
            neighbours.map(|next| next.map_or(Default::default(), |next| next.records));
        let appended = partition.append_all(now, once(records).chain(neighbours), origin);
        let failed = |error| Box::new(Failure::of(error, &partition));
        outcomes.extend(appended.into_iter().map(|one| one.map_err(failed)));
    }
    outcomes
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

/// The partition, unless what is sent may not be offered to it.
fn find(
    node: &Node,
    image: &MetadataImage,
    origin: AppendOrigin,
    acks_known: bool,
    topic: TopicRef<'_>,
    sent: &ProducePartition<'_>,
) -> Result<Arc<Partition>, ApiError> {
    let index = match mutants::on(Mutant::ProducesToTheFirstPartition) {
        true => 0,
        false => sent.index,
    };
    let topic = find_topic(image, topic)?;
    let found = find_partition(node, topic, index)?;
    let zstd_allowed = origin == AppendOrigin::Client { zstd_allowed: true };
    if !acks_known || !zstd_allowed || is_internal_topic(&topic.name) {
        // What the version forbids is said first, and nothing of the log.
        check_for_version(origin, sent.records.as_deref().unwrap_or_default())?;
        check_acks(acks_known)?;
        check_writable(topic)?;
    }
    Ok(found)
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

fn outcome(
    index: i32,
    appended: Result<Appended, Box<Failure>>,
) -> (PartitionProduced, Option<Ticket>) {
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
