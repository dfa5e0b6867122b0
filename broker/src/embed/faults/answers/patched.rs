//! Requests that only look: answered as ever, with the code written in.

use bytes::BytesMut;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::super::reply::map_response;
use super::super::selection::Selection;
use super::{Call, Failing};
use crate::apis::{Answer, Malformed, decode};

/// An API whose requests change nothing, and may mean every topic there is
/// without naming one.
pub(super) struct Patched<Request, Response> {
    /// Whether the request asks for anything of the selection.
    pub(super) is_about: fn(&Request, &Selection) -> bool,
    /// Makes sure that a request of that version changes nothing.
    pub(super) prepare: fn(&mut Request, i16),
    /// Writes the code into the answer of that version.
    pub(super) patch: fn(&mut Response, &Selection, i16, i16),
}

impl<Request, Response> Failing for Patched<Request, Response>
where
    Request: Decodable + Encodable,
    Response: Decodable + Encodable + 'static,
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
        let request = decode(call.context, body.clone())?;
        Ok((self.is_about)(&request, wanted))
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
        (self.prepare)(&mut request, version);
        let mut prepared = BytesMut::new();
        request
            .encode(&mut prepared, version)
            .expect("a request that was decoded is one of the same version");
        let (patch, wanted) = (self.patch, wanted.clone());
        let answer = call.handle(prepared)?;
        Ok(map_response(answer, version, move |response| {
            patch(response, &wanted, version, code);
        }))
    }
}

/// It changes nothing as it is.
pub(super) fn as_it_is<Request>(_: &mut Request, _: i16) {}
