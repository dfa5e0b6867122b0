//! Who sends: the VAPID authorization of a push (RFC 8292), verified strictly.

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::sha::sha256;
use serde::Deserialize;

use super::error::Refused;
use crate::keys::{P256_POINT_BYTES, checked_point, decode};

/// RFC 8292, section 2: no token is valid for longer, in seconds.
const LIFETIME_MAX: i64 = 24 * 60 * 60;
const SIGNATURE_BYTES: usize = 64;

#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
    #[serde(default)]
    sub: Option<String>,
}

/// Verifies `authorization` at `now_seconds` for a service at `origin`, and returns the sender's
/// public key.
pub(super) fn verify(
    authorization: &str,
    origin: &str,
    now_seconds: i64,
) -> Result<[u8; P256_POINT_BYTES], Refused> {
    let (token, key) = split(authorization).ok_or(Refused::Authorization(
        "Authorization must be `vapid t=…, k=…`",
    ))?;
    let key = decode(key)
        .and_then(|bytes| checked_point(&bytes))
        .ok_or(Refused::Authorization(
            "k is no uncompressed point of P-256",
        ))?;
    let claims = verified_claims(token, &key)?;
    if claims.aud != origin {
        return Err(Refused::Authorization(
            "aud is not this service's origin, with its port",
        ));
    }
    if claims.exp <= now_seconds {
        return Err(Refused::Authorization("the token has expired"));
    }
    if claims.exp - now_seconds > LIFETIME_MAX {
        return Err(Refused::Authorization("exp is more than a day away"));
    }
    match claims.sub {
        Some(sub) if !sub.starts_with("mailto:") && !sub.starts_with("https:") => Err(
            Refused::Authorization("sub must be a mailto: or https: URL"),
        ),
        _ => Ok(key),
    }
}

/// The two parameters, in either order (RFC 9110, section 11.4).
fn split(authorization: &str) -> Option<(&str, &str)> {
    let (scheme, parameters) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("vapid") {
        return None;
    }
    let parameter = |name| {
        parameters.split(',').find_map(|each| {
            let (found, value) = each.trim().split_once('=')?;
            (found == name).then_some(value)
        })
    };
    Some((parameter("t")?, parameter("k")?))
}

fn verified_claims(token: &str, key: &[u8]) -> Result<Claims, Refused> {
    let malformed = || Refused::Authorization("t is no JWT");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let header: JwtHeader = json(header).ok_or_else(malformed)?;
    if header.alg != "ES256" {
        return Err(Refused::Authorization("t must be signed with ES256"));
    }
    let signature = decode(signature).ok_or_else(malformed)?;
    if !matches!(is_signed(signed.as_bytes(), &signature, key), Ok(true)) {
        return Err(Refused::Authorization("the signature is not that of k"));
    }
    json(claims).ok_or(Refused::Authorization("the token needs aud and exp"))
}

fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&decode(part)?).ok()
}

/// ECDSA over P-256 and SHA-256; a JWT has r and s one after the other, without DER.
fn is_signed(signed: &[u8], signature: &[u8], key: &[u8]) -> Result<bool, ErrorStack> {
    if signature.len() != SIGNATURE_BYTES {
        return Ok(false);
    }
    let (r, s) = signature.split_at(SIGNATURE_BYTES / 2);
    let signature =
        EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?;
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = BigNumContext::new()?;
    let point = EcPoint::from_bytes(&group, key, &mut context)?;
    let key = EcKey::from_public_key(&group, &point)?;
    signature.verify(&sha256(signed), &key)
}

#[cfg(test)]
mod tests {
    use openssl::pkey::Private;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::encode;

    const ORIGIN: &str = "http://127.0.0.1:7070";

    struct Signer {
        key: EcKey<Private>,
        public: String,
    }

    impl Signer {
        fn new() -> Self {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
            let key = EcKey::generate(&group).unwrap();
            let form = openssl::ec::PointConversionForm::UNCOMPRESSED;
            let mut context = BigNumContext::new().unwrap();
            let public = key
                .public_key()
                .to_bytes(&group, form, &mut context)
                .unwrap();
            Self {
                key,
                public: encode(&public),
            }
        }

        fn token(&self, alg: &str, claims: &Value) -> String {
            let header = encode(json!({"alg": alg, "typ": "JWT"}).to_string().as_bytes());
            let signed = format!("{header}.{}", encode(claims.to_string().as_bytes()));
            let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), &self.key).unwrap();
            let mut raw = signature.r().to_vec_padded(32).unwrap();
            raw.extend(signature.s().to_vec_padded(32).unwrap());
            format!("{signed}.{}", encode(&raw))
        }

        fn header(&self, claims: &Value) -> String {
            format!("vapid t={}, k={}", self.token("ES256", claims), self.public)
        }
    }

    fn good() -> Value {
        json!({"aud": ORIGIN, "exp": 1_000, "sub": "mailto:ops@example.org"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    fn refused(authorization: &str) -> String {
        verify(authorization, ORIGIN, 900).unwrap_err().to_string()
    }

    #[test]
    fn a_good_token_tells_the_senders_key() {
        let signer = Signer::new();
        let key = verify(&signer.header(&good()), ORIGIN, 900).unwrap();
        assert_eq!(encode(&key), signer.public);
        let turned = format!(
            "vapid k={},t={}",
            signer.public,
            signer.token("ES256", &good())
        );
        assert!(verify(&turned, ORIGIN, 900).is_ok());
    }

    #[test]
    fn every_claim_is_checked() {
        let signer = Signer::new();
        let says = |claims: Value| refused(&signer.header(&claims));
        assert!(says(with("aud", json!("http://127.0.0.1"))).contains("with its port"));
        assert!(says(with("exp", json!(900))).contains("expired"));
        assert!(says(with("exp", json!(900 + 86_401))).contains("more than a day"));
        assert!(says(with("sub", json!("me"))).contains("mailto"));
        assert!(says(json!({"aud": ORIGIN})).contains("aud and exp"));
    }

    #[test]
    fn a_foreign_signature_and_another_algorithm_are_refused() {
        let (signer, other) = (Signer::new(), Signer::new());
        let foreign = format!(
            "vapid t={}, k={}",
            other.token("ES256", &good()),
            signer.public
        );
        assert!(refused(&foreign).contains("signature"));
        let none = format!(
            "vapid t={}, k={}",
            signer.token("none", &good()),
            signer.public
        );
        assert!(refused(&none).contains("ES256"));
    }

    #[test]
    fn other_schemes_and_half_headers_are_refused() {
        for text in [
            "",
            "vapid",
            "Bearer x",
            "vapid t=x",
            "WebPush x",
            "vapid t=a.b.c, k=x",
        ] {
            assert!(verify(text, ORIGIN, 900).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_verified_without_a_panic(token in ".*", key in ".*") {
            let header = format!("vapid t={token}, k={key}");
            prop_assert!(verify(&header, ORIGIN, 900).is_err());
            prop_assert!(verify(&token, ORIGIN, 900).is_err());
        }

        #[test]
        fn one_changed_bit_breaks_the_token(at in 0_usize..1000, bit in 0_u8..6) {
            let signer = Signer::new();
            let mut token = signer.token("ES256", &good()).into_bytes();
            let at = at % token.len();
            token[at] ^= 1 << bit;
            let Ok(token) = String::from_utf8(token) else { return Ok(()) };
            // The last character's low bits are padding: the same bytes come out.
            prop_assume!(at + 1 < token.len());
            let header = format!("vapid t={token}, k={}", signer.public);
            prop_assert!(verify(&header, ORIGIN, 900).is_err());
        }
    }
}
