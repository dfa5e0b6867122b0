//! Where a push goes: the endpoint a browser named, and the rules it must obey.
//!
//! An endpoint is a URL that a stranger gives us and our server then posts to, so it is judged
//! three times: when it is saved, before each delivery ([`EndpointPolicy::check`] both times), and
//! at the moment of connecting, when a name becomes an address ([`resolver`]). It never sends.

pub mod address;
pub mod policy;
pub(crate) mod resolver;

use std::fmt;

use url::{Origin, Url};

pub use self::policy::{EndpointPolicy, EndpointRefused, HostRule};

/// The longest endpoint that is stored, in bytes. Real ones have 150 to 500.
pub const ENDPOINT_BYTES_MAX: usize = 2048;

/// An endpoint that passed [`EndpointPolicy::check`].
///
/// Whoever knows it may write to it, so `Debug` and `Display` show only its origin and its last
/// four characters; the text itself is [`Endpoint::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    url: Url,
    route: Route,
}

/// Through which door a request leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// To the internet: only public addresses are connected to.
    Guarded,
    /// To an origin the operator named, wherever it lives.
    Allowed,
}

impl Endpoint {
    /// The whole URL: for the database, the request, and the console line.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.as_str()
    }

    /// Scheme, host and, unless it is the scheme's default, port: the `aud` of RFC 8292.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether it is reached by TLS; only an origin the operator allowed may be reached without.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Through which door a request to it leaves.
    #[must_use]
    pub fn route(&self) -> Route {
        self.route
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(self.expose()))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// What may be shown of an endpoint to anybody but its owner: its origin and last four characters.
#[must_use]
pub fn redacted(endpoint: &str) -> String {
    let Ok(url) = Url::parse(endpoint) else {
        return "(no URL)".to_owned();
    };
    let Origin::Tuple(..) = url.origin() else {
        return "(no web address)".to_owned();
    };
    let last: Vec<char> = url.path().chars().rev().take(4).collect();
    let tail: String = last.into_iter().rev().collect();
    format!("{}/…{tail}", url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_origin_and_four_characters_are_shown() {
        let shown = redacted("https://fcm.googleapis.com/fcm/send/very-secret-token-abcd");
        assert_eq!(shown, "https://fcm.googleapis.com/…abcd");
    }

    proptest! {
        #[test]
        fn any_text_can_be_redacted(text in ".*") {
            let _ = redacted(&text);
        }
    }
}
