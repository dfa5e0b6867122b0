//! What a client needs to know, as the properties librdkafka and Java's clients
//! share.

/// Short pauses: the broker is in the same process, and a test waits.
const SHORT: &[(&str, &str)] = &[
    ("reconnect.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "200"),
    ("retry.backoff.ms", "10"),
    ("socket.connection.setup.timeout.ms", "2000"),
    ("metadata.max.age.ms", "5000"),
];

/// Names and values, `bootstrap.servers` first.
pub(crate) fn client_config(bootstrap_servers: String) -> Vec<(String, String)> {
    let bootstrap = ("bootstrap.servers".to_owned(), bootstrap_servers);
    let short = SHORT.iter();
    let short = short.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    std::iter::once(bootstrap).chain(short).collect()
}
