//! The rules an endpoint must obey before it is saved and before each delivery.
//!
//! By default only the push services of the big browsers are reached, over https on port 443. An
//! operator opens more: every public host (`public`), or single origins such as the local push
//! service's. It never resolves a name; that is the resolver's part.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Origin, Url};

use super::address::is_public;
use super::{ENDPOINT_BYTES_MAX, Endpoint, Route};

/// Which hosts may be reached besides the origins the operator allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostRule {
    /// The push services of the big browsers.
    #[default]
    Known,
    /// Every host with a public address: self-hosted push services too.
    Public,
}

impl FromStr for HostRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "known" => Ok(Self::Known),
            "public" => Ok(Self::Public),
            other => Err(format!("`{other}` is neither `known` nor `public`")),
        }
    }
}

/// What an endpoint is judged by.
#[derive(Debug, Clone, Default)]
pub struct EndpointPolicy {
    hosts: HostRule,
    allowed: Vec<Origin>,
}

/// Why an endpoint was refused. The texts are for the person who sent it and repeat none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointRefused {
    /// More than [`ENDPOINT_BYTES_MAX`] bytes.
    #[error("the endpoint is longer than {ENDPOINT_BYTES_MAX} bytes")]
    TooLong,
    /// Not an absolute URL.
    #[error("the endpoint is not a URL")]
    NotAUrl,
    /// A user name, a password or a fragment has no place in an endpoint.
    #[error("the endpoint must have neither user name, password nor fragment")]
    Credentials,
    /// Plain http, or another scheme.
    #[error("the endpoint must begin with https://")]
    NotHttps,
    /// Another port than 443.
    #[error("the endpoint must use port 443")]
    WrongPort,
    /// A host that is none of the known push services.
    #[error("the endpoint's host is not a known push service")]
    UnknownHost,
    /// An address literal that is not public.
    #[error("the endpoint's address is not public")]
    NotPublic,
}

/// Push services of the big browsers; a leading dot means every name below.
const KNOWN_HOSTS: &[&str] = &[
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    ".push.apple.com",
    ".notify.windows.com",
];

impl EndpointPolicy {
    /// A policy for `hosts`, with no origin allowed beside them.
    #[must_use]
    pub fn new(hosts: HostRule) -> Self {
        Self {
            hosts,
            allowed: Vec::new(),
        }
    }

    /// Also allows `origin` (`http://127.0.0.1:7070`), wherever it lives: for development.
    ///
    /// # Errors
    /// When it is no http or https origin, or says more than scheme, host and port.
    pub fn allow(mut self, origin: &str) -> Result<Self, String> {
        let url = Url::parse(origin).map_err(|_| format!("`{origin}` is not a URL"))?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && !has_credentials(&url);
        if !bare {
            return Err(format!(
                "`{origin}` is not an origin such as http://127.0.0.1:7070"
            ));
        }
        self.allowed.push(url.origin());
        Ok(self)
    }

    /// Judges `text`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, text: &str) -> Result<Endpoint, EndpointRefused> {
        if text.len() > ENDPOINT_BYTES_MAX {
            return Err(EndpointRefused::TooLong);
        }
        let url = Url::parse(text).map_err(|_| EndpointRefused::NotAUrl)?;
        if has_credentials(&url) {
            return Err(EndpointRefused::Credentials);
        }
        if self.allowed.contains(&url.origin()) {
            return Ok(Endpoint {
                url,
                route: Route::Allowed,
            });
        }
        self.check_public(&url)?;
        Ok(Endpoint {
            url,
            route: Route::Guarded,
        })
    }

    fn check_public(&self, url: &Url) -> Result<(), EndpointRefused> {
        if url.scheme() != "https" {
            return Err(EndpointRefused::NotHttps);
        }
        if url.port_or_known_default() != Some(443) {
            return Err(EndpointRefused::WrongPort);
        }
        match (self.hosts, url.host()) {
            (_, None) => Err(EndpointRefused::NotAUrl),
            (HostRule::Known, Some(Host::Domain(name))) if is_known(name) => Ok(()),
            (HostRule::Known, Some(_)) => Err(EndpointRefused::UnknownHost),
            (HostRule::Public, Some(Host::Domain(_))) => Ok(()),
            // A resolver is never asked about a literal, so it is judged here.
            (HostRule::Public, Some(Host::Ipv4(v4))) => check_literal(v4.into()),
            (HostRule::Public, Some(Host::Ipv6(v6))) => check_literal(v6.into()),
        }
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some() || url.fragment().is_some()
}

fn is_known(name: &str) -> bool {
    KNOWN_HOSTS
        .iter()
        .any(|known| match known.strip_prefix('.') {
            Some(_) => name.len() > known.len() && name.ends_with(known),
            None => name == *known,
        })
}

fn check_literal(address: IpAddr) -> Result<(), EndpointRefused> {
    if is_public(address) {
        Ok(())
    } else {
        Err(EndpointRefused::NotPublic)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> EndpointPolicy {
        EndpointPolicy::new(HostRule::Known)
    }

    fn public() -> EndpointPolicy {
        EndpointPolicy::new(HostRule::Public)
    }

    fn refused(policy: &EndpointPolicy, text: &str) -> EndpointRefused {
        policy.check(text).expect_err(text)
    }

    #[test]
    fn endpoints_of_real_browsers_are_accepted() {
        for text in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
            "https://web.push.apple.com/QGuQyavXutnMH",
            "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA",
            "https://fcm.googleapis.com:443/fcm/send/abc",
        ] {
            let endpoint = known().check(text).expect(text);
            assert_eq!(endpoint.route(), Route::Guarded);
        }
    }

    #[test]
    fn a_name_that_only_looks_like_a_push_service_is_refused() {
        for text in [
            "https://fcm.googleapis.com.evil.example/x",
            "https://evilpush.apple.com/x",
            "https://.push.apple.com/x",
            "https://push.apple.com/x",
            "https://xfcm.googleapis.com/x",
            "https://fcm.googleapis.com./x",
            "https://[2607:f8b0::1]/x",
        ] {
            assert!(known().check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_rule_has_its_own_sentence() {
        use EndpointRefused::*;
        assert_eq!(
            refused(&known(), &format!("https://a/{}", "x".repeat(2048))),
            TooLong
        );
        assert_eq!(refused(&known(), "not a url"), NotAUrl);
        assert_eq!(
            refused(&known(), "https://me@fcm.googleapis.com/x"),
            Credentials
        );
        assert_eq!(
            refused(&known(), "https://fcm.googleapis.com/x#y"),
            Credentials
        );
        assert_eq!(refused(&known(), "http://fcm.googleapis.com/x"), NotHttps);
        assert_eq!(refused(&known(), "file:///etc/passwd"), NotHttps);
        assert_eq!(
            refused(&known(), "https://fcm.googleapis.com:8443/x"),
            WrongPort
        );
        assert_eq!(refused(&known(), "https://push.example/x"), UnknownHost);
        assert_eq!(refused(&public(), "https://127.0.0.1/x"), NotPublic);
    }

    #[test]
    fn every_spelling_of_a_literal_that_is_not_public_is_refused() {
        for host in [
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
        ] {
            assert_eq!(
                refused(&public(), &format!("https://{host}/x")),
                EndpointRefused::NotPublic
            );
        }
        for host in [
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            assert_eq!(
                refused(&public(), &format!("https://{host}/x")),
                EndpointRefused::NotPublic
            );
        }
        assert!(public().check("https://34.107.243.93/x").is_ok());
        assert!(
            public()
                .check("https://push.my-nextcloud.example/x")
                .is_ok()
        );
    }

    #[test]
    fn an_allowed_origin_is_reached_as_it_is_and_no_other_port_of_it() {
        let policy = known().allow("http://127.0.0.1:7070").unwrap();
        let endpoint = policy.check("http://127.0.0.1:7070/wpush/v2/abc").unwrap();
        assert_eq!(endpoint.route(), Route::Allowed);
        assert_eq!(endpoint.origin(), "http://127.0.0.1:7070");
        assert!(policy.check("http://127.0.0.1:7071/wpush/v2/abc").is_err());
        assert!(policy.check("https://127.0.0.1:7070/wpush/v2/abc").is_err());
    }

    #[test]
    fn what_is_more_than_an_origin_cannot_be_allowed() {
        for text in [
            "127.0.0.1:7070",
            "http://127.0.0.1/path",
            "ftp://127.0.0.1",
            "http://u@h",
        ] {
            assert!(known().allow(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in ".*") {
            let _ = public().check(&text);
        }

        #[test]
        fn what_the_public_rule_accepts_is_https_on_443(text in "https?://[a-z0-9.:\\[\\]@#/%-]{0,60}") {
            if let Ok(endpoint) = public().check(&text) {
                let url = Url::parse(endpoint.expose()).unwrap();
                prop_assert_eq!(url.scheme(), "https");
                prop_assert_eq!(url.port_or_known_default(), Some(443));
                match url.host() {
                    Some(Host::Ipv4(v4)) => prop_assert!(is_public(v4.into())),
                    Some(Host::Ipv6(v6)) => prop_assert!(is_public(v6.into())),
                    _ => {}
                }
            }
        }

        #[test]
        fn an_accepted_endpoint_is_accepted_again_from_its_stored_text(path in "[ -~]{0,40}") {
            if let Ok(endpoint) = known().check(&format!("https://fcm.googleapis.com/{path}")) {
                let stored = endpoint.expose().to_owned();
                prop_assert_eq!(known().check(&stored).map(|e| e.expose().to_owned()), Ok(stored));
            }
        }
    }
}
