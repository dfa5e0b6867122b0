//! The headers of a push (RFC 8030) and the frame of its body (RFC 8188), checked strictly.
//!
//! A lenient service would hide a sender's mistake until a real one refuses it.

use std::time::Duration;

use axum::http::HeaderMap;

use super::error::Refused;
use crate::keys::checked_point;

/// The longest time a message is kept, whatever its sender asks; RFC 8030 allows to cut.
const TTL_MAX: Duration = Duration::from_hours(28 * 24);
/// RFC 8030, section 5.4.
const TOPIC_CHARS_MAX: usize = 32;
/// Salt (16), record size (4), key length (1), key (65): RFC 8291, section 4.
const BODY_PREFIX_BYTES: usize = 86;
/// One byte of padding and the tag.
const RECORD_OVERHEAD_BYTES: usize = 17;

/// What a sender says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PushHeaders {
    /// How long to keep it.
    pub ttl: Duration,
    /// Which undelivered message it replaces.
    pub topic: Option<String>,
}

impl PushHeaders {
    /// Reads and checks the headers of a push with a body of `body_bytes`.
    pub fn read(headers: &HeaderMap, body_bytes: usize) -> Result<Self, Refused> {
        let encoding = text(headers, "content-encoding", "Content-Encoding is not text")?;
        if body_bytes > 0 && encoding != Some("aes128gcm") {
            return Err(Refused::Header("Content-Encoding must be aes128gcm"));
        }
        for legacy in ["encryption", "crypto-key"] {
            if headers.contains_key(legacy) {
                return Err(Refused::Header(
                    "aes128gcm has no Encryption and Crypto-Key headers",
                ));
            }
        }
        check_urgency(text(headers, "urgency", "Urgency is not text")?)?;
        Ok(Self {
            ttl: ttl(text(headers, "ttl", "TTL is not text")?)?,
            topic: topic(text(headers, "topic", "Topic is not text")?)?,
        })
    }
}

/// Checks that `body` is one record with a usable sender key. What is in it stays secret.
pub(super) fn check_body(body: &[u8]) -> Result<(), Refused> {
    if body.is_empty() {
        return Ok(());
    }
    if body.len() < BODY_PREFIX_BYTES + RECORD_OVERHEAD_BYTES {
        return Err(Refused::Body("it is too short"));
    }
    let record_size = u32::from_be_bytes([body[16], body[17], body[18], body[19]]);
    let record_bytes = body.len() - BODY_PREFIX_BYTES;
    if u64::from(record_size) < record_bytes as u64 {
        return Err(Refused::Body("it has more than one record"));
    }
    if body[20] != 65 || checked_point(&body[21..BODY_PREFIX_BYTES]).is_none() {
        return Err(Refused::Body("its key is no uncompressed point of P-256"));
    }
    Ok(())
}

fn text<'a>(
    headers: &'a HeaderMap,
    name: &str,
    not_text: &'static str,
) -> Result<Option<&'a str>, Refused> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refused::Header(not_text))
}

fn ttl(value: Option<&str>) -> Result<Duration, Refused> {
    let value = value.ok_or(Refused::Header("TTL is missing"))?;
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refused::Header("TTL must be a number of seconds"));
    }
    // More digits than fit are still a long time.
    Ok(value
        .parse()
        .map_or(TTL_MAX, |seconds| Duration::from_secs(seconds).min(TTL_MAX)))
}

fn topic(value: Option<&str>) -> Result<Option<String>, Refused> {
    let Some(topic) = value else { return Ok(None) };
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if topic.is_empty() || topic.len() > TOPIC_CHARS_MAX || !topic.bytes().all(legal) {
        return Err(Refused::Header(
            "Topic must be 1 to 32 characters of base64url",
        ));
    }
    Ok(Some(topic.to_owned()))
}

fn check_urgency(value: Option<&str>) -> Result<(), Refused> {
    match value {
        None | Some("very-low" | "low" | "normal" | "high") => Ok(()),
        Some(_) => Err(Refused::Header(
            "Urgency must be very-low, low, normal or high",
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(parse).collect()
    }

    fn refused(pairs: &[(&'static str, &str)], body_bytes: usize) -> String {
        PushHeaders::read(&headers(pairs), body_bytes)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_push_without_a_ttl_is_refused() {
        assert_eq!(refused(&[], 0), "TTL is missing");
        for wrong in ["", "-1", "1.5", "soon"] {
            assert_eq!(
                refused(&[("ttl", wrong)], 0),
                "TTL must be a number of seconds"
            );
        }
    }

    #[test]
    fn a_ttl_is_kept_up_to_four_weeks() {
        let ttl = |value| {
            PushHeaders::read(&headers(&[("ttl", value)]), 0)
                .unwrap()
                .ttl
        };
        assert_eq!(ttl("0"), Duration::ZERO);
        assert_eq!(ttl("60"), Duration::from_secs(60));
        assert_eq!(ttl("99999999999999999999999"), TTL_MAX);
    }

    #[test]
    fn a_body_needs_its_encoding_and_no_legacy_headers() {
        assert!(refused(&[("ttl", "1")], 10).contains("aes128gcm"));
        assert!(refused(&[("ttl", "1"), ("content-encoding", "aesgcm")], 10).contains("aes128gcm"));
        let legacy = [
            ("ttl", "1"),
            ("content-encoding", "aes128gcm"),
            ("crypto-key", "dh=x"),
        ];
        assert!(refused(&legacy, 10).contains("Crypto-Key"));
    }

    #[test]
    fn topic_and_urgency_follow_the_rfc() {
        let fine = [("ttl", "1"), ("topic", "post-7"), ("urgency", "high")];
        assert_eq!(
            PushHeaders::read(&headers(&fine), 0)
                .unwrap()
                .topic
                .as_deref(),
            Some("post-7")
        );
        for wrong in ["", "a b", "a=", &"a".repeat(33)] {
            assert!(
                refused(&[("ttl", "1"), ("topic", wrong)], 0).contains("Topic"),
                "{wrong}"
            );
        }
        assert!(refused(&[("ttl", "1"), ("urgency", "urgent")], 0).contains("Urgency"));
    }

    #[test]
    fn a_body_of_the_encryption_crate_passes_and_a_bent_one_does_not() {
        let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
        let body = ece::encrypt(&pair.pub_as_raw().unwrap(), &auth, b"hello").unwrap();
        assert_eq!(check_body(&body), Ok(()));
        assert!(check_body(&body[..102]).is_err());
        let mut two_records = body.clone();
        two_records[16..20].copy_from_slice(&18_u32.to_be_bytes());
        assert!(check_body(&two_records).is_err());
        let mut no_point = body;
        no_point[40] ^= 1;
        assert!(check_body(&no_point).is_err());
    }

    proptest! {
        #[test]
        fn any_header_values_are_read_or_refused(values in prop::collection::vec(any::<Vec<u8>>(), 5)) {
            let names = ["ttl", "topic", "urgency", "content-encoding", "crypto-key"];
            let pairs = names.iter().zip(&values).filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?))
            });
            let _ = PushHeaders::read(&pairs.collect(), 1);
        }

        #[test]
        fn any_body_is_checked_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = check_body(&body);
        }
    }
}
