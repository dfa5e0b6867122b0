//! The cluster a command speaks to.

use ottla_client::{Client, ClientConfig, Environment};

use crate::failure::Failure;
use crate::language::Language;

/// How long a call goes on trying, in milliseconds: people wait for it.
const RETRY_TIMEOUT_MS: u64 = 10_000;

/// How long a broker may be silent, in milliseconds, beyond what it was asked
/// to wait: something else may listen there.
const REQUEST_TIMEOUT_MS: u64 = 10_000;

/// Reaches the cluster behind a comma-separated list of addresses.
pub async fn connect(servers: &str, language: Language) -> Result<Client, Failure> {
    let mut config = ClientConfig::new(servers).with_client_id("ottla");
    config.retry_timeout_ms = RETRY_TIMEOUT_MS;
    config.connection.request_timeout_ms = REQUEST_TIMEOUT_MS;
    if config.bootstrap_servers.is_empty() {
        return Err(Failure::usage(language.pick(
            "--bootstrap names no server; give it as host:port",
            "--bootstrap에 서버가 없어요. host:port 꼴로 지정하세요",
        )));
    }
    Client::connect(config, Environment::system())
        .await
        .map_err(|error| Failure::of_client(language, &error))
}
