//! Session tokens: 256 random bits for the client, their hash for the database.

use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::store::TokenHash;

const TOKEN_BYTES: usize = 32;
const COOKIE: &str = "social_session";

/// A token, as the client shows it: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token([u8; TOKEN_BYTES]);

/// Where a token was found: a cookie is sent by the browser whoever made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Header,
    Cookie,
}

impl Token {
    /// A new token from the operating system's randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads 64 hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != TOKEN_BYTES * 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// What the database knows of it. The token is random, so a plain hash cannot be reversed.
    pub(crate) fn hash(&self) -> TokenHash {
        Sha256::digest(self.0).into()
    }

    /// What the client gets.
    pub(crate) fn expose(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The token a request shows: `api_key` or `Authorization`, else the cookie.
    pub(super) fn of(headers: &HeaderMap) -> Option<(Self, Source)> {
        let header = headers
            .get("api_key")
            .or_else(|| headers.get(header::AUTHORIZATION));
        if let Some(value) = header {
            // A header that is there and wrong is not made good by a cookie.
            return bearer(value).map(|token| (token, Source::Header));
        }
        let cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut pairs = cookies
            .flat_map(|cookies| cookies.split(';'))
            .map(str::trim);
        let value = pairs.find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='))?;
        Self::parse(value).map(|token| (token, Source::Cookie))
    }
}

fn bearer(value: &HeaderValue) -> Option<Token> {
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Token::parse(token.trim()))?
}

/// The cookie that carries a token: scripts cannot read it, other sites' requests lack it.
pub(crate) fn cookie(token: &Token, lifetime: Duration, secure: bool) -> HeaderValue {
    set_cookie(&token.expose(), lifetime.as_secs(), secure)
}

/// The cookie that removes the cookie.
pub(crate) fn clearing_cookie(secure: bool) -> HeaderValue {
    set_cookie("", 0, secure)
}

fn set_cookie(value: &str, max_age_seconds: u64, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::try_from(cookie).expect("hexadecimal digits and numbers are legal in a header")
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(name: &'static str, value: &str) -> Option<(Token, Source)> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        Token::of(&headers)
    }

    #[test]
    fn a_token_is_found_in_either_header_and_in_the_cookie() {
        let token = Token::random().unwrap();
        let text = token.expose();
        let found = |source| Some((token.clone(), source));
        assert_eq!(
            shown("api_key", &format!("Bearer {text}")),
            found(Source::Header)
        );
        assert_eq!(
            shown("authorization", &format!("bearer  {text}")),
            found(Source::Header)
        );
        assert_eq!(
            shown("cookie", &format!("a=b; social_session={text}; c=d")),
            found(Source::Cookie)
        );
    }

    #[test]
    fn a_wrong_header_is_not_made_good_by_a_cookie() {
        let text = Token::random().unwrap().expose();
        let mut headers = HeaderMap::new();
        headers.insert("api_key", HeaderValue::from_static("Bearer wrong"));
        headers.insert(
            "cookie",
            HeaderValue::try_from(format!("social_session={text}")).unwrap(),
        );
        assert_eq!(Token::of(&headers), None);
    }

    proptest! {
        #[test]
        fn any_header_is_a_token_or_none(value: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                for name in ["api_key", "authorization", "cookie"] {
                    let mut headers = HeaderMap::new();
                    headers.insert(name, value.clone());
                    let _ = Token::of(&headers);
                }
            }
        }

        #[test]
        fn what_is_shown_reads_back(bytes: [u8; TOKEN_BYTES]) {
            let token = Token(bytes);
            prop_assert_eq!(Token::parse(&token.expose()), Some(token));
        }
    }
}
