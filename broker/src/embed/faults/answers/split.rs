//! Requests that are taken apart: what is to fail is never carried out.

use bytes::BytesMut;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::super::reply::map_response;
use super::super::selection::Selection;
use super::{Call, Failing};
use crate::apis::{Answer, Malformed, decode};

/// An API whose requests name topics or partitions.
pub(super) struct Split<Request, Response> {
    /// Takes out of the request what is to fail.
    pub(super) take: fn(&mut Request, &Selection) -> Request,
    /// Whether nothing is asked for.
    pub(super) is_empty: fn(&Request) -> bool,
    /// The answer of that version to what was taken, with that code.
    pub(super) fail: fn(Request, i16, i16) -> Response,
    /// Adds that to the answer to the rest.
    pub(super) merge: fn(&mut Response, Response),
    /// Whether the client wants an answer.
    pub(super) is_answered: fn(&Request) -> bool,
}

impl<Request, Response> Failing for Split<Request, Response>
where
    Request: Decodable + Encodable,
    Response: Decodable + Encodable + Send + 'static,
{
    fn names_topics(&self) -> bool {
        true
    }

    fn is_about(
        &self,
        call: &Call<'_>,
        body: &BytesMut,
        wanted: &Selection,
    ) -> Result<bool, Malformed> {
        if wanted.is_everything() {
            return Ok(true);
        }
        let mut request: Request = decode(call.context, body.clone())?;
        let taken = (self.take)(&mut request, wanted);
        Ok(!(self.is_empty)(&taken))
    }

    fn fail(
        &self,
        call: &Call<'_>,
        body: BytesMut,
        wanted: &Selection,
        code: i16,
    ) -> Result<Answer, Malformed> {
        let version = call.context.api_version;
        let mut request: Request = decode(call.context, body)?;
        let taken = (self.take)(&mut request, wanted);
        if !(self.is_answered)(&taken) {
            // The rest may have been carried out or not: the client asked not
            // to know.
            return Ok(Answer::HangUp(format!("a fault with error code {code}")));
        }
        let failed = (self.fail)(taken, version, code);
        if (self.is_empty)(&request) {
            return Ok(Answer::ready(call.context, &failed));
        }
        let mut rest = BytesMut::new();
        request
            .encode(&mut rest, version)
            .expect("part of a request that was decoded is one of the same version");
        let merge = self.merge;
        Ok(map_response(call.handle(rest)?, version, move |answer| {
            merge(answer, failed);
        }))
    }
}

/// Whoever asks wants to know.
pub(super) fn always<Request>(_: &Request) -> bool {
    true
}

/// Takes those partitions out of `topics` that `is_partition` names in topics
/// that `is_topic` names, with their topics.
pub(super) fn take_partitions<Topic: Clone, Partition>(
    topics: &mut Vec<Topic>,
    is_topic: impl Fn(&Topic) -> bool,
    partitions_of: impl Fn(&mut Topic) -> &mut Vec<Partition>,
    is_partition: impl Fn(&Partition) -> bool,
) -> Vec<Topic> {
    let (mut taken, mut rest) = (Vec::new(), Vec::new());
    for mut topic in std::mem::take(topics) {
        if !is_topic(&topic) {
            rest.push(topic);
            continue;
        }
        let all = std::mem::take(partitions_of(&mut topic));
        let (fail, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(&is_partition);
        if !fail.is_empty() {
            let mut of_topic = topic.clone();
            *partitions_of(&mut of_topic) = fail;
            taken.push(of_topic);
        }
        if !stay.is_empty() {
            *partitions_of(&mut topic) = stay;
            rest.push(topic);
        }
    }
    *topics = rest;
    taken
}

/// Adds the partitions of `failed` to those of the same topic in `topics`.
pub(super) fn merge_partitions<Topic, Partition>(
    topics: &mut Vec<Topic>,
    failed: Vec<Topic>,
    is_same: impl Fn(&Topic, &Topic) -> bool,
    partitions_of: impl Fn(&mut Topic) -> &mut Vec<Partition>,
) {
    for mut topic in failed {
        match topics.iter_mut().find(|known| is_same(known, &topic)) {
            Some(known) => partitions_of(known).append(partitions_of(&mut topic)),
            None => topics.push(topic),
        }
    }
}

/// Takes out of `all` what `is_wanted` names.
pub(super) fn take_if<T>(all: &mut Vec<T>, is_wanted: impl Fn(&T) -> bool) -> Vec<T> {
    let (taken, rest) = std::mem::take(all).into_iter().partition(is_wanted);
    *all = rest;
    taken
}
