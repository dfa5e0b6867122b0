//! Proves a request body harmless before the `kafka-protocol` decoder sees it.
//!
//! That decoder reserves memory for as many elements as the wire claims: a
//! 14-byte Metadata request that claims 2³¹−1 topics asks for 154 GB and the
//! allocator ends the process. The guard walks the body by a table of shapes
//! and accepts it only if
//!
//! - every length and count is covered by bytes that are really there,
//! - null stands only where the schema allows it,
//! - the body holds all that its shape has (more is left unread), and
//! - what the decoder will build stays below [`decoded_bytes_max`].
//!
//! It never allocates, never looks inside strings or opaque bytes (text is the
//! decoder's to check, record batches and consumers' metadata are their
//! readers'), and never judges a value: that is the handler's.
//!
//! Its tests are `tests/guard/` and `tests/guard_memory/`: they hold it against
//! the crate's encoder, its decoder, and an allocator that counts.

mod apis;
mod error;
mod shape;
mod walk;

pub(crate) use error::GuardError;
pub(crate) use shape::Api;

/// Structures beside the frame that one request may always decode into, so
/// that small requests are never refused for being dense.
const ALWAYS_ALLOWED_BYTES: usize = 1 << 20;
/// Structure bytes per frame byte. The densest requests a client has reason to
/// send (offsets of one partition each, topics with short names) decode into
/// about ten times their size.
const AMPLIFICATION_MAX: usize = 16;
/// Past this much, structures may not outweigh the frame itself: enough for
/// one commit to 300,000 topics.
const AMPLIFIED_BYTES_MAX: usize = 64 << 20;

/// Bytes the decoder may allocate for a body of `body_bytes`, not counting the
/// frame, whose strings and records it only slices.
pub(crate) fn decoded_bytes_max(body_bytes: usize) -> usize {
    let dense = body_bytes
        .saturating_mul(AMPLIFICATION_MAX)
        .saturating_add(ALWAYS_ALLOWED_BYTES);
    let large = body_bytes.saturating_add(AMPLIFIED_BYTES_MAX);
    dense.min(large)
}

/// Every API that has a shape, by key.
pub(crate) fn apis() -> &'static [Api] {
    apis::APIS
}

/// The shape of an API, if the guard has one.
pub(crate) fn api(api_key: i16) -> Option<&'static Api> {
    let index = apis().binary_search_by_key(&api_key, |api| api.key).ok()?;
    Some(&apis()[index])
}

/// Accepts a request body (what follows the request header) or says why not.
/// An error means the bytes are not of this API: the connection is closed.
pub(crate) fn check(api_key: i16, api_version: i16, body: &[u8]) -> Result<(), GuardError> {
    let decoded_bytes = decoded_bytes(api_key, api_version, body)?;
    let max_bytes = decoded_bytes_max(body.len());
    if decoded_bytes > max_bytes {
        return Err(GuardError::TooDense {
            body_bytes: body.len(),
            decoded_bytes,
            max_bytes,
        });
    }
    Ok(())
}

/// An upper bound of what the decoder will allocate for this body, which is
/// otherwise sound.
pub(crate) fn decoded_bytes(
    api_key: i16,
    api_version: i16,
    body: &[u8],
) -> Result<usize, GuardError> {
    let api = api(api_key)
        .filter(|api| api.has_version(api_version))
        .ok_or(GuardError::UnknownApi {
            api_key,
            api_version,
        })?;
    walk::decoded_bytes(api, api_version, body)
}
