//! Names become addresses here, at the moment of connecting, and only public ones come out.
//!
//! A name that was harmless when the endpoint was saved may point at `127.0.0.1` a minute later
//! (DNS rebinding). The HTTP client connects to exactly the addresses this resolver returns, so
//! there is no moment between the check and the connection.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// The system's resolver, with every address that is not public taken out.
#[derive(Debug)]
pub(crate) struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(only_public(found)?.into_iter()) as Addrs)
        })
    }
}

/// What of `found` is public.
///
/// # Errors
/// When nothing is left.
fn only_public(found: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
    if public.is_empty() {
        return Err(io::Error::other(
            "the push service's name leads to no public address",
        ));
    }
    Ok(public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_dropped_and_public_ones_kept() {
        let found = ["10.0.0.1:0", "34.107.243.93:0", "[::1]:0"].map(|a| a.parse().unwrap());
        let left = only_public(found.into_iter()).unwrap();
        assert_eq!(left, ["34.107.243.93:0".parse().unwrap()]);
    }

    #[test]
    fn a_name_with_private_addresses_only_is_an_error() {
        let found = ["192.168.0.1:0", "[fd00::1]:0"].map(|a| a.parse().unwrap());
        assert!(only_public(found.into_iter()).is_err());
    }

    #[tokio::test]
    async fn localhost_resolves_to_nothing() {
        let resolving = PublicAddresses.resolve("localhost".parse().unwrap());
        assert!(resolving.await.is_err());
    }
}
