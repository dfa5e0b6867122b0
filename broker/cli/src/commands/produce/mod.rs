//! `ottla produce`: each line of standard input becomes a record.

mod lines;
mod report;

use std::io::{self, BufReader};
use std::str::FromStr;

use bytes::Bytes;
use clap::Args;
use ottla_client::{
    Acks, Codec, Delivery, Header, Partitioner, Producer, ProducerConfig, ProducerRecord,
};
use tokio::sync::mpsc;

use super::Session;
use crate::arguments::name_and_value;
use crate::failure::Failure;
use report::{Delivered, Summary};

/// Lines that are sent together when they are there together.
const LINES_PER_SEND_MAX: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  echo hello | ottla produce --topic orders
  printf 'alice:1\\nbob:2\\n' | ottla produce --topic orders --key-separator :
  seq 100 | ottla produce --topic orders --partitioner round-robin --print-offsets
  cut -d, -f1 sales.csv | ottla produce --topic sales --key-separator , --partitioner region

Partitioners: key-hash (Kafka's murmur2), round-robin, sticky, month (of the
timestamp), region (the Korean province the key begins with).";

/// Arguments of `ottla produce`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProduceArguments {
    /// The topic
    #[arg(long, short = 't')]
    topic: String,
    /// What stands between key and value in a line; without it lines are values
    #[arg(long, short = 'K', value_name = "TEXT")]
    key_separator: Option<String>,
    /// A header for every record; may be repeated, also with the same name
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = name_and_value)]
    headers: Vec<(String, String)>,
    /// The partition for every record
    #[arg(long, short = 'p', conflicts_with = "partitioner", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How to choose partitions
    #[arg(long, value_name = "NAME", default_value = "key-hash", value_parser = Partitioner::from_str)]
    partitioner: Partitioner,
    /// Unix milliseconds for every record [default: now]
    #[arg(long, value_name = "MS")]
    timestamp: Option<i64>,
    /// Send an empty value as null: a tombstone on a compacted topic
    #[arg(long, short = 'Z')]
    null_values: bool,
    /// Which acknowledgement to wait for: 0, 1 or all
    #[arg(long, default_value = "all", value_parser = Acks::from_str)]
    acks: Acks,
    /// How to compress: none, gzip, snappy or lz4
    #[arg(long, short = 'z', default_value = "none", value_parser = codec)]
    compression: Codec,
    /// Let a retry append a record twice rather than keep track of sequences
    #[arg(long)]
    no_idempotence: bool,
    /// Print where each record went
    #[arg(long)]
    print_offsets: bool,
}

fn codec(name: &str) -> Result<Codec, String> {
    match name {
        "none" => Ok(Codec::None),
        "gzip" => Ok(Codec::Gzip),
        "snappy" => Ok(Codec::Snappy),
        "lz4" => Ok(Codec::Lz4),
        _ => Err("compression is one of none, gzip, snappy and lz4".to_owned()),
    }
}

impl ProduceArguments {
    fn producer_config(&self) -> ProducerConfig {
        ProducerConfig {
            acks: self.acks,
            idempotent: !self.no_idempotence && self.acks == Acks::All,
            compression: self.compression,
            partitioner: self.partitioner,
            ..ProducerConfig::default()
        }
    }

    fn record(&self, line: Vec<u8>) -> ProducerRecord {
        let (key, value) = split(Bytes::from(line), self.key_separator.as_deref());
        let headers = self.headers.iter().map(|(name, value)| Header {
            key: name.clone(),
            value: Some(Bytes::from(value.clone())),
        });
        ProducerRecord {
            topic: self.topic.clone(),
            partition: self.partition,
            timestamp_ms: self.timestamp,
            key,
            value: Some(value).filter(|value| !(self.null_values && value.is_empty())),
            headers: headers.collect(),
        }
    }
}

/// Key and value of a line. A line without the separator is all value.
fn split(line: Bytes, separator: Option<&str>) -> (Option<Bytes>, Bytes) {
    let Some(separator) = separator.map(str::as_bytes).filter(|text| !text.is_empty()) else {
        return (None, line);
    };
    let found = line
        .windows(separator.len())
        .position(|window| window == separator);
    match found {
        Some(place) => (
            Some(line.slice(..place)),
            line.slice(place + separator.len()..),
        ),
        None => (None, line),
    }
}

/// Carries the verb out.
pub async fn run(arguments: ProduceArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let topic = arguments.topic.clone();
    session.check(client.topic(&topic, true).await)?;
    let mut producer = session.check(Producer::new(client, arguments.producer_config()))?;
    let mut lines = lines::read(BufReader::new(io::stdin()));
    let mut summary = Summary::default();
    while let Some(lines) = next_lines(&mut lines).await? {
        let records = lines.into_iter().map(|line| arguments.record(line));
        for delivery in producer.send_all(records.collect()).await {
            let delivery = session.check(delivery)?;
            summary.add(delivery.partition);
            show(&arguments, session, &delivery)?;
        }
    }
    let language = session.language();
    session.output.remark(&summary.text(language, &topic));
    Ok(())
}

fn show(
    arguments: &ProduceArguments,
    session: &Session,
    delivery: &Delivery,
) -> Result<(), Failure> {
    if arguments.print_offsets || session.output.json {
        session.output.report(&Delivered::from(delivery))?;
    }
    Ok(())
}

/// The next line and those that are there already; `None` at the end.
async fn next_lines(
    lines: &mut mpsc::Receiver<io::Result<Vec<u8>>>,
) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let mut together = Vec::new();
    if lines.recv_many(&mut together, LINES_PER_SEND_MAX).await == 0 {
        return Ok(None);
    }
    let together: io::Result<Vec<_>> = together.into_iter().collect();
    together
        .map(Some)
        .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        let of = |line: &'static str, separator| split(Bytes::from(line), separator);
        assert_eq!(of("a:b:c", Some(":")), (Some("a".into()), "b:c".into()));
        assert_eq!(of("값→x", Some("→")), (Some("값".into()), "x".into()));
        assert_eq!(of(":v", Some(":")), (Some("".into()), "v".into()));
        assert_eq!(of("abc", Some(":")), (None, "abc".into()));
        assert_eq!(of("a:b", None), (None, "a:b".into()));
        assert_eq!(of("a:b", Some("")), (None, "a:b".into()));
    }

    proptest! {
        #[test]
        fn key_separator_and_value_make_up_the_line(line: Vec<u8>, separator in ".{1,3}") {
            let (key, value) = split(Bytes::from(line.clone()), Some(&separator));
            let joined = match key {
                Some(key) => [&key[..], separator.as_bytes(), &value[..]].concat(),
                None => value.to_vec(),
            };
            prop_assert_eq!(joined, line);
        }
    }
}
