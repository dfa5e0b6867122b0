//! Requests that fail as a whole, or group by group.

use bytes::BytesMut;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::super::selection::Selection;
use super::{Call, Failing};
use crate::apis::{Answer, Malformed, decode};

/// An API whose requests name no topic.
pub(super) struct Whole<Request, Response> {
    /// The answer of that version with that code.
    pub(super) fail: fn(Request, i16, i16) -> Response,
}

impl<Request: Decodable, Response: Encodable> Failing for Whole<Request, Response> {
    fn names_topics(&self) -> bool {
        false
    }

    fn is_about(&self, _: &Call<'_>, _: &BytesMut, wanted: &Selection) -> Result<bool, Malformed> {
        Ok(wanted.is_everything())
    }

    fn fail(
        &self,
        call: &Call<'_>,
        body: BytesMut,
        _: &Selection,
        code: i16,
    ) -> Result<Answer, Malformed> {
        let request = decode(call.context, body)?;
        let response = (self.fail)(request, call.context.api_version, code);
        Ok(Answer::ready(call.context, &response))
    }
}
