//! Which hosts a request may name, in `Host` and in `Origin`.
//!
//! A browser can be made to send requests to loopback by any page, and DNS
//! rebinding makes such a page's own name lead here. Names it made up are
//! therefore refused; addresses cannot be made up.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The hosts a console answers for: `localhost` and addresses, those of
/// loopback only unless it listens beyond, and the names it was given.
#[derive(Clone, Debug)]
pub struct Hosts {
    remote: bool,
    names: Vec<String>,
}

impl Hosts {
    /// For a console on loopback.
    pub fn loopback() -> Hosts {
        Hosts {
            remote: false,
            names: Vec::new(),
        }
    }

    /// For a console that other machines reach by its address, or by one of
    /// these names.
    pub fn remote(names: impl IntoIterator<Item = String>) -> Hosts {
        let names = names
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        Hosts {
            remote: true,
            names,
        }
    }

    /// Whether `authority` (`host` or `host:port`) is one of ours.
    fn allows(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else {
            return false;
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.remote || address.to_canonical().is_loopback();
        }
        let host = host.to_ascii_lowercase();
        host == "localhost" || self.names.contains(&host)
    }
}

/// Refuses a request whose `Host` is not ours or whose `Origin` is elsewhere.
pub(crate) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match refusal(&hosts, request.uri(), request.headers()) {
        None => next.run(request).await,
        Some(problem) => (StatusCode::FORBIDDEN, format!("{problem}\n")).into_response(),
    }
}

const UNKNOWN_HOST: &str = "this host is not answered for; use the console's address, \
    or give the name when the console starts";

fn refusal(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let mut named = headers.get_all(HOST).iter();
    let authority = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        // HTTP/2 says it in the target instead.
        (None, _) => uri.authority().map(axum::http::uri::Authority::as_str),
        (Some(_), Some(_)) => None,
    };
    let Some(authority) = authority.filter(|authority| hosts.allows(authority)) else {
        return Some(UNKNOWN_HOST);
    };
    match headers.get(ORIGIN) {
        None => None,
        Some(origin) if is_same_origin(origin.as_bytes(), authority) => None,
        Some(_) => Some("requests from pages of another origin are refused"),
    }
}

fn is_same_origin(origin: &[u8], authority: &str) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else {
        return false;
    };
    let stripped = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    stripped.is_some_and(|origin| origin.eq_ignore_ascii_case(authority))
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`, without brackets.
fn host_of(authority: &str) -> Option<&str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || is_port(port.strip_prefix(':')?);
        return (is_port && address.parse::<Ipv6Addr>().is_ok()).then_some(address);
    }
    match authority.split_once(':') {
        None => Some(authority),
        Some((host, port)) => is_port(port).then_some(host),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn loopback_is_answered_for_under_all_its_names() {
        let hosts = Hosts::loopback();
        for authority in [
            "127.0.0.1:9644",
            "127.0.0.1",
            "localhost:9644",
            "LOCALHOST",
            "[::1]:9644",
            "[::1]",
        ] {
            assert!(hosts.allows(authority), "{authority}");
        }
    }

    #[test]
    fn a_name_from_the_web_is_refused_even_if_it_leads_here() {
        for hosts in [Hosts::loopback(), Hosts::remote([])] {
            for authority in [
                "evil.example",
                "evil.example:9644",
                "127.0.0.1.evil.example",
                "localhost.evil.example",
                "localhost:x",
                "",
                ":80",
                "[::1",
                "[127.0.0.1]",
                "[::1]x",
                "::1",
                "user@localhost",
            ] {
                assert!(!hosts.allows(authority), "{authority}");
            }
        }
    }

    #[test]
    fn other_addresses_and_given_names_are_for_consoles_that_listen_beyond_loopback() {
        assert!(!Hosts::loopback().allows("192.0.2.7:9644"));
        let hosts = Hosts::remote(["Broker.Example".to_owned()]);
        for authority in [
            "192.0.2.7:9644",
            "[2001:db8::1]:9644",
            "broker.example",
            "BROKER.example:1",
        ] {
            assert!(hosts.allows(authority), "{authority}");
        }
    }

    #[test]
    fn an_origin_must_be_the_host_itself() {
        assert!(is_same_origin(b"http://127.0.0.1:9644", "127.0.0.1:9644"));
        assert!(is_same_origin(b"http://LocalHost:9644", "localhost:9644"));
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:9645",
            "null",
            "",
            "127.0.0.1:9644",
        ] {
            assert!(
                !is_same_origin(origin.as_bytes(), "127.0.0.1:9644"),
                "{origin}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_hosts_never_panic_and_no_name_is_taken_for_ours(authority: String) {
            let allowed = Hosts::loopback().allows(&authority);
            let host = host_of(&authority).unwrap_or_default();
            let ours = host.eq_ignore_ascii_case("localhost")
                || host.parse::<IpAddr>().is_ok();
            prop_assert!(ours || !allowed);
        }
    }
}
