//! Whether a request really means this machine.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

/// Whether the `Host` header names loopback. A web page whose own name leads to 127.0.0.1 (DNS
/// rebinding) makes its visitor's browser send that name, and is told apart by it.
pub(crate) fn is_named_by(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let uri = host.and_then(|host| host.parse::<Uri>().ok());
    uri.as_ref()
        .and_then(Uri::host)
        .is_some_and(is_loopback_name)
}

/// `localhost`, or a loopback address, in brackets or not.
pub(crate) fn is_loopback_name(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(host: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, host.parse().unwrap())])
    }

    #[test]
    fn only_this_machines_names_count() {
        for host in [
            "127.0.0.1:8081",
            "localhost:8081",
            "localhost",
            "[::1]:8081",
            "127.0.0.1",
        ] {
            assert!(is_named_by(&with_host(host)), "{host}");
        }
        for host in [
            "evil.example:8081",
            "",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            assert!(!is_named_by(&with_host(host)), "{host}");
        }
        assert!(!is_named_by(&HeaderMap::new()));
    }
}
