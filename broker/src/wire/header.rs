//! Request and response headers, read and written by hand.
//!
//! The `kafka-protocol` helper for this panics on short frames and loses the
//! correlation id of a key it does not know, so only what its decoders do with
//! bodies is used. Judges no version: the table of APIs does.

use bytes::{Buf, BufMut, BytesMut};
use thiserror::Error;

use super::guard;

/// ApiVersions: a client asks it before it knows our versions, so its response
/// header never has tagged fields (KIP-511).
const API_VERSIONS_KEY: i16 = 18;
/// Key, version and correlation id.
const FIXED_BYTES: usize = 8;
/// Behind those and its length.
const CLIENT_ID_AT: usize = FIXED_BYTES + size_of::<i16>();

/// What every request says before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestHeader<'frame> {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<&'frame str>,
}

/// A header that cannot be read. Nothing can be answered; the connection ends.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum HeaderError {
    #[error("the request header is cut short after {frame_bytes} bytes")]
    Truncated { frame_bytes: usize },
    #[error("the client id has the length {length}; only -1, for none, may be negative")]
    ClientIdLength { length: i16 },
    #[error("the client id is not UTF-8")]
    ClientIdText,
    #[error("a tagged field of the request header has a length beyond 32 bits")]
    Varint,
}

impl RequestHeader<'_> {
    /// Parts a frame into its header and its body.
    ///
    /// Header version 1, or 2 (with tagged fields, which are skipped) where the
    /// request is flexible (KIP-482). For a key without a shape version 1 is
    /// assumed: such a request is refused by its key, whatever its body.
    pub(crate) fn split(frame: &mut [u8]) -> Result<(RequestHeader<'_>, &mut [u8]), HeaderError> {
        let frame_bytes = frame.len();
        let truncated = HeaderError::Truncated { frame_bytes };
        let (fixed, mut rest) = frame.split_first_chunk::<FIXED_BYTES>().ok_or(truncated)?;
        let [k0, k1, v0, v1, correlation_id @ ..] = *fixed;
        let api_key = i16::from_be_bytes([k0, k1]);
        let api_version = i16::from_be_bytes([v0, v1]);
        let client_id_bytes = skip_client_id(&mut rest, truncated)?;
        if guard::api(api_key).is_some_and(|api| api.is_flexible(api_version)) {
            skip_tagged_fields(&mut rest, truncated)?;
        }
        let body_bytes = rest.len();
        let (header, body) = frame.split_at_mut(frame_bytes - body_bytes);
        let client_id = client_id_bytes.map(|length_bytes| {
            let text = &header[CLIENT_ID_AT..CLIENT_ID_AT + length_bytes];
            std::str::from_utf8(text).map_err(|_| HeaderError::ClientIdText)
        });
        let header = RequestHeader {
            api_key,
            api_version,
            correlation_id: i32::from_be_bytes(correlation_id),
            client_id: client_id.transpose()?,
        };
        Ok((header, body))
    }
}

/// Writes what precedes a response body: the correlation id and, in flexible
/// versions, an empty set of tagged fields.
pub(crate) fn put_response_header(
    buffer: &mut BytesMut,
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
) {
    buffer.put_i32(correlation_id);
    if response_header_bytes(api_key, api_version) > size_of::<i32>() {
        buffer.put_u8(0);
    }
}

/// Length of what [`put_response_header`] writes.
pub(crate) fn response_header_bytes(api_key: i16, api_version: i16) -> usize {
    let flexible = guard::api(api_key).is_some_and(|api| api.is_flexible(api_version));
    if flexible && api_key != API_VERSIONS_KEY {
        5
    } else {
        4
    }
}

/// How long the client id is, which keeps its 16-bit length in every header
/// version; `None` where it is null.
fn skip_client_id(rest: &mut &[u8], truncated: HeaderError) -> Result<Option<usize>, HeaderError> {
    let length = rest.try_get_i16().map_err(|_| truncated)?;
    let length_bytes = match usize::try_from(length) {
        Ok(length_bytes) => length_bytes,
        Err(_) if length == -1 => return Ok(None),
        Err(_) => return Err(HeaderError::ClientIdLength { length }),
    };
    *rest = rest.get(length_bytes..).ok_or(truncated)?;
    Ok(Some(length_bytes))
}

fn skip_tagged_fields(rest: &mut &[u8], truncated: HeaderError) -> Result<(), HeaderError> {
    for _ in 0..varint(rest, truncated)? {
        varint(rest, truncated)?;
        let size_bytes = varint(rest, truncated)? as usize;
        *rest = rest.get(size_bytes..).ok_or(truncated)?;
    }
    Ok(())
}

fn varint(rest: &mut &[u8], truncated: HeaderError) -> Result<u32, HeaderError> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = rest.try_get_u8().map_err(|_| truncated)?;
        if shift == 28 && byte > 0x0f {
            return Err(HeaderError::Varint);
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::{self, ApiKey};
    use kafka_protocol::protocol::{Encodable, StrBytes};
    use proptest::prelude::*;

    use super::*;

    /// Header and body; the frame is the caller's, and leaked for brevity.
    fn split(bytes: &[u8]) -> Result<(RequestHeader<'static>, &'static [u8]), HeaderError> {
        let (header, body) = RequestHeader::split(bytes.to_vec().leak())?;
        Ok((header, body))
    }

    fn metadata_header(api_version: i16, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 3];
        bytes.extend_from_slice(&api_version.to_be_bytes());
        bytes.extend_from_slice(&7_i32.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }

    fn served() -> Vec<(i16, i16)> {
        let apis = (0..100).filter_map(guard::api);
        apis.flat_map(|api| (api.min_version..=api.max_version).map(|version| (api.key, version)))
            .collect()
    }

    #[test]
    fn a_frame_too_short_for_a_header_is_refused_and_does_not_panic() {
        for frame_bytes in 0..10 {
            let split = split(&metadata_header(0, &[0, 1, b'c'])[..frame_bytes]);
            assert_eq!(split, Err(HeaderError::Truncated { frame_bytes }));
        }
    }

    #[test]
    fn a_header_without_a_client_id_leaves_the_body() {
        let split = split(&metadata_header(0, &[0xff, 0xff, 1, 2, 3]));
        let expected = RequestHeader {
            api_key: 3,
            api_version: 0,
            correlation_id: 7,
            client_id: None,
        };
        assert_eq!(split, Ok((expected, &[1, 2, 3][..])));
    }

    #[test]
    fn a_client_id_that_is_no_text_or_too_long_is_refused() {
        let header = split(&metadata_header(0, &[0, 1, 0xff]));
        assert_eq!(header, Err(HeaderError::ClientIdText));
        let header = split(&metadata_header(0, &[0xff, 0xfe]));
        assert_eq!(header, Err(HeaderError::ClientIdLength { length: -2 }));
        let header = split(&metadata_header(0, &[0x7f, 0xff, b'c']));
        assert_eq!(header, Err(HeaderError::Truncated { frame_bytes: 11 }));
    }

    #[test]
    fn a_tagged_field_that_claims_more_than_the_frame_is_refused() {
        for tags in [
            &[1, 0, 200][..],
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            &[2, 0, 0],
        ] {
            let header = split(&metadata_header(9, &[&[0xff, 0xff], tags].concat()));
            assert!(matches!(header, Err(HeaderError::Truncated { .. })));
        }
        let header = split(&metadata_header(
            9,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f],
        ));
        assert_eq!(header, Err(HeaderError::Varint));
    }

    #[test]
    fn an_unknown_key_still_yields_its_correlation_id() {
        let header = split(&[0x7f, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff]);
        assert_eq!(header.unwrap().0.correlation_id, 9);
    }

    #[test]
    fn response_headers_have_the_version_the_crate_names() {
        for (api_key, api_version) in served() {
            let key = ApiKey::try_from(api_key).unwrap();
            let mut expected = BytesMut::new();
            messages::ResponseHeader::default()
                .with_correlation_id(77)
                .encode(&mut expected, key.response_header_version(api_version))
                .unwrap();
            let mut written = BytesMut::new();
            put_response_header(&mut written, api_key, api_version, 77);
            assert_eq!(written, expected, "key {api_key} version {api_version}");
            assert_eq!(written.len(), response_header_bytes(api_key, api_version));
        }
    }

    proptest! {
        #[test]
        fn headers_the_crate_writes_are_read_back(
            (api_key, api_version) in prop::sample::select(served()),
            correlation_id: i32,
            client_id: Option<String>,
            tags in prop::collection::btree_map(0..i32::MAX, any::<Vec<u8>>(), 0..4),
            body in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let key = ApiKey::try_from(api_key).unwrap();
            let version = key.request_header_version(api_version);
            let mut header = messages::RequestHeader::default()
                .with_request_api_key(api_key)
                .with_request_api_version(api_version)
                .with_correlation_id(correlation_id)
                .with_client_id(client_id.clone().map(StrBytes::from_string));
            if version >= 2 {
                header.unknown_tagged_fields =
                    tags.into_iter().map(|(tag, value)| (tag, Bytes::from(value))).collect();
            }
            let mut frame = BytesMut::new();
            header.encode(&mut frame, version).unwrap();
            frame.extend_from_slice(&body);
            let (read, rest) = RequestHeader::split(&mut frame).unwrap();
            let client_id = client_id.as_deref();
            prop_assert_eq!(
                read,
                RequestHeader { api_key, api_version, correlation_id, client_id }
            );
            prop_assert_eq!(&rest[..], &body[..]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = split(&bytes);
        }

        #[test]
        fn arbitrary_bytes_after_a_flexible_key_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = split(&metadata_header(12, &bytes));
        }
    }
}
