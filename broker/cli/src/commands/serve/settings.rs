//! From flags and a properties file to a broker about to start. Flags win over
//! `--set`, `--set` over the file.

use std::net::SocketAddr;

use ottla::{Broker, BrokerBuilder, parse_properties};

use super::ServeArguments;
use crate::failure::Failure;
use crate::language::Language;

/// Where `ottla serve` listens unless told otherwise. Kafka would listen on
/// every interface; without authentication that should be a decision.
const DEFAULT_LISTEN: &str = "127.0.0.1:9092";

/// The broker that the arguments describe.
pub async fn builder(
    arguments: &ServeArguments,
    language: Language,
) -> Result<BrokerBuilder, Failure> {
    let mut properties = from_file(arguments, language)?;
    properties.extend(arguments.properties.iter().cloned());
    let has_listeners = properties.iter().any(|(name, _)| name == "listeners");
    let mut builder = Broker::builder();
    for (name, value) in properties {
        builder = builder.config(name, value);
    }
    let listen = match &arguments.listen {
        Some(listen) => Some(listen.as_str()),
        None if has_listeners => None,
        None => Some(DEFAULT_LISTEN),
    };
    if let Some(listen) = listen {
        builder = builder.listen(resolve("--listen", listen, language).await?);
    }
    if let Some(data) = &arguments.data {
        builder = builder.data_dir(data);
    }
    Ok(builder)
}

fn from_file(
    arguments: &ServeArguments,
    language: Language,
) -> Result<Vec<(String, String)>, Failure> {
    let Some(file) = &arguments.config else {
        return Ok(Vec::new());
    };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(language.pick(
            format!("cannot read {name}: {error}"),
            format!("{name}을(를) 읽을 수 없어요: {error}"),
        ))
    })?;
    parse_properties(&name, &text).map_err(|error| Failure::usage(error.to_string()))
}

/// The address behind `host:port`.
pub async fn resolve(flag: &str, text: &str, language: Language) -> Result<SocketAddr, Failure> {
    let wrong = || {
        Failure::usage(language.pick(
            format!(
                "{flag} is '{text}', which is no host:port to listen on, such as 127.0.0.1:9092"
            ),
            format!(
                "{flag} 값 '{text}'은(는) 들을 수 있는 host:port가 아니에요. 예: 127.0.0.1:9092"
            ),
        ))
    };
    let mut addresses = tokio::net::lookup_host(text).await.map_err(|_| wrong())?;
    addresses.next().ok_or_else(wrong)
}
