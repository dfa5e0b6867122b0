//! The two keys a browser hands over with its endpoint (RFC 8291): a P-256 point and a secret.
//!
//! Parsed once, at the edge: what exists as [`BrowserKeys`] can be encrypted to.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcPoint};
use openssl::nid::Nid;

/// The length of an uncompressed P-256 point, in bytes.
pub const P256_POINT_BYTES: usize = 65;
/// The length of the authentication secret, in bytes.
pub const AUTH_BYTES: usize = 16;

/// Base64 for the web: written without padding, read with or without it.
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A browser's public key and authentication secret, both checked.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserKeys {
    p256dh: [u8; P256_POINT_BYTES],
    auth: [u8; AUTH_BYTES],
}

/// Why a key was refused. The texts repeat nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// `publicKey` is not base64.
    #[error("the public key is not base64")]
    PublicKeyNotBase64,
    /// `publicKey` is no uncompressed point of the curve P-256.
    #[error("the public key is not an uncompressed point of the curve P-256")]
    PublicKeyNotAPoint,
    /// `auth` is not base64.
    #[error("the auth secret is not base64")]
    AuthNotBase64,
    /// `auth` has another length than [`AUTH_BYTES`].
    #[error("the auth secret must have {AUTH_BYTES} bytes")]
    AuthLength,
}

impl BrowserKeys {
    /// Reads both keys from base64, in either alphabet and with or without padding: browsers'
    /// `toJSON` writes one form, pages that use `btoa` the other.
    ///
    /// # Errors
    /// Which of the two is wrong, and how.
    pub fn parse(p256dh: &str, auth: &str) -> Result<Self, KeyError> {
        let point = decode(p256dh).ok_or(KeyError::PublicKeyNotBase64)?;
        let secret = decode(auth).ok_or(KeyError::AuthNotBase64)?;
        Ok(Self {
            p256dh: checked_point(&point).ok_or(KeyError::PublicKeyNotAPoint)?,
            auth: secret.try_into().map_err(|_| KeyError::AuthLength)?,
        })
    }

    /// The public key in unpadded base64url, the form that is stored and sent.
    #[must_use]
    pub fn p256dh(&self) -> String {
        BASE64_URL.encode(self.p256dh)
    }

    /// The secret in unpadded base64url.
    #[must_use]
    pub fn auth(&self) -> String {
        BASE64_URL.encode(self.auth)
    }
}

impl fmt::Debug for BrowserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserKeys(…)")
    }
}

/// Unpadded base64url.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL.encode(bytes)
}

/// Decodes either base64 alphabet, padded or not; `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let url_safe: String = text
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    BASE64_URL.decode(url_safe).ok()
}

/// The bytes as an uncompressed point, if they are one on the curve.
///
/// A point off the curve would make the shared secret guessable, or the encryption fail later.
pub(crate) fn checked_point(bytes: &[u8]) -> Option<[u8; P256_POINT_BYTES]> {
    let point: [u8; P256_POINT_BYTES] = bytes.try_into().ok()?;
    if point[0] != 0x04 {
        return None;
    }
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
    let mut context = BigNumContext::new().ok()?;
    // OpenSSL refuses coordinates that do not solve the curve's equation.
    EcPoint::from_bytes(&group, &point, &mut context).ok()?;
    Some(point)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const P256DH: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn the_keys_of_rfc_8291_are_accepted_in_every_spelling() {
        let keys = BrowserKeys::parse(P256DH, AUTH).unwrap();
        assert_eq!(
            (keys.p256dh().as_str(), keys.auth().as_str()),
            (P256DH, AUTH)
        );
        let standard = P256DH.replace('-', "+").replace('_', "/") + "=";
        assert_eq!(
            BrowserKeys::parse(&standard, &format!("{AUTH}==")),
            Ok(keys)
        );
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let mut bytes = decode(P256DH).unwrap();
        bytes[40] ^= 1;
        let bent = BASE64_URL.encode(&bytes);
        assert_eq!(
            BrowserKeys::parse(&bent, AUTH),
            Err(KeyError::PublicKeyNotAPoint)
        );
    }

    #[test]
    fn a_compressed_or_short_point_is_refused() {
        let bytes = decode(P256DH).unwrap();
        let mut compressed = bytes[..33].to_vec();
        compressed[0] = 2;
        for wrong in [&compressed[..], &bytes[..64], &[0][..], &[][..]] {
            let text = BASE64_URL.encode(wrong);
            assert_eq!(
                BrowserKeys::parse(&text, AUTH),
                Err(KeyError::PublicKeyNotAPoint)
            );
        }
    }

    #[test]
    fn what_is_no_base64_or_has_a_wrong_length_is_named() {
        assert_eq!(
            BrowserKeys::parse("댓글", AUTH),
            Err(KeyError::PublicKeyNotBase64)
        );
        assert_eq!(
            BrowserKeys::parse(P256DH, "*"),
            Err(KeyError::AuthNotBase64)
        );
        assert_eq!(
            BrowserKeys::parse(P256DH, "AAAA"),
            Err(KeyError::AuthLength)
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = BrowserKeys::parse(P256DH, AUTH).unwrap();
        assert!(!format!("{keys:?}").contains(AUTH));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(p256dh in ".*", auth in ".*") {
            let _ = BrowserKeys::parse(&p256dh, &auth);
        }

        #[test]
        fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = checked_point(&bytes);
        }
    }
}
