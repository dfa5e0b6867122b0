//! Changes answers on their way out.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::apis::{Answer, Reply, encode_as};

/// The answer with its reply changed, now or when there is one.
pub(super) fn map(answer: Answer, change: impl FnOnce(Reply) -> Reply + Send + 'static) -> Answer {
    match answer {
        Answer::Ready(reply) => Answer::Ready(change(reply)),
        Answer::Later(reply) => Answer::Later(Box::pin(async move { change(reply.await) })),
        Answer::Nothing | Answer::HangUp(_) => answer,
    }
}

/// The answer with its response changed.
pub(super) fn map_response<Response>(
    answer: Answer,
    version: i16,
    change: impl FnOnce(&mut Response) + Send + 'static,
) -> Answer
where
    Response: Decodable + Encodable,
{
    map(answer, move |reply| {
        let mut bytes = all_bytes(reply);
        let mut response = Response::decode(&mut bytes, version)
            .expect("a handler's own answer is one of its version");
        change(&mut response);
        encode_as(version, &response)
    })
}

/// The body of a reply in one piece.
pub(super) fn all_bytes(reply: Reply) -> Bytes {
    if reply.chunks.is_empty() {
        return reply.head.freeze();
    }
    let mut all = BytesMut::with_capacity(reply.len_bytes());
    all.extend_from_slice(&reply.head);
    for chunk in reply.chunks {
        match chunk.into_bytes() {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(error) => tracing::warn!(%error, "a reply to change is cut short"),
        }
    }
    all.freeze()
}
