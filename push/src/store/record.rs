//! Kafka records as text in a column: JSON with base64 for what is bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use social_events::Timestamp;
use social_events::bus::{Incoming, Position, Record};
use social_events::headers::Headers;

use super::StoreError;
use crate::keys::{decode, encode};

#[derive(Serialize, Deserialize)]
struct Stored {
    topic: String,
    partition: Option<i32>,
    /// Where it was read; absent for a record still to be published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_at: Option<(i64, i64)>,
    key: Option<String>,
    value: String,
    headers: Vec<(String, String)>,
}

/// A record to publish, as text.
pub(super) fn write(record: &Record) -> String {
    let Record {
        topic,
        partition,
        key,
        value,
        headers,
    } = record;
    to_text(topic, *partition, None, key.as_ref(), value, headers)
}

/// Reads what [`write`] wrote.
pub(super) fn read(text: &str) -> Result<Record, StoreError> {
    let Stored {
        topic,
        partition,
        key,
        value,
        headers,
        ..
    } = parse(text)?;
    Ok(Record {
        topic,
        partition,
        key: key.map(|key| bytes(&key)).transpose()?,
        value: bytes(&value)?,
        headers: read_headers(headers)?,
    })
}

/// A record that was read, as text.
pub(super) fn write_incoming(record: &Incoming) -> String {
    let Incoming {
        position,
        timestamp,
        key,
        value,
        headers,
    } = record;
    let read_at = Some((position.offset, timestamp.millis()));
    to_text(
        &position.topic,
        Some(position.partition),
        read_at,
        key.as_ref(),
        value,
        headers,
    )
}

/// Reads what [`write_incoming`] wrote.
pub(super) fn read_incoming(text: &str) -> Result<Incoming, StoreError> {
    let Stored {
        topic,
        partition,
        read_at,
        key,
        value,
        headers,
    } = parse(text)?;
    let (Some(partition), Some((offset, timestamp))) = (partition, read_at) else {
        return Err(StoreError::Damaged(
            "a read record has no position".to_owned(),
        ));
    };
    Ok(Incoming {
        position: Position {
            topic,
            partition,
            offset,
        },
        timestamp: Timestamp::from_millis(timestamp),
        key: key.map(|key| bytes(&key)).transpose()?,
        value: bytes(&value)?,
        headers: read_headers(headers)?,
    })
}

fn to_text(
    topic: &str,
    partition: Option<i32>,
    read_at: Option<(i64, i64)>,
    key: Option<&Bytes>,
    value: &Bytes,
    headers: &Headers,
) -> String {
    let stored = Stored {
        topic: topic.to_owned(),
        partition,
        read_at,
        key: key.map(|key| encode(key)),
        value: encode(value),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_owned(), encode(value)))
            .collect(),
    };
    serde_json::to_string(&stored).expect("a record has only string keys")
}

fn parse(text: &str) -> Result<Stored, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("a record: {error}")))
}

fn bytes(text: &str) -> Result<Bytes, StoreError> {
    decode(text)
        .map(Bytes::from)
        .ok_or_else(|| StoreError::Damaged("a record: no base64".into()))
}

fn read_headers(headers: Vec<(String, String)>) -> Result<Headers, StoreError> {
    headers
        .into_iter()
        .map(|(name, value)| Ok((name, bytes(&value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_of_any_bytes_read_back(
            topic in ".*", partition: Option<i32>, offset: i64, key: Option<Vec<u8>>, value: Vec<u8>,
            header: (String, Vec<u8>),
        ) {
            let headers = Headers::new().with(header.0, header.1);
            let key = key.map(Bytes::from);
            let record = Record { topic, partition, key, value: value.into(), headers };
            prop_assert_eq!(&read(&write(&record)).unwrap(), &record);
            let incoming = Incoming::at(record, 3, offset, Timestamp::from_millis(5));
            prop_assert_eq!(&read_incoming(&write_incoming(&incoming)).unwrap(), &incoming);
        }

        #[test]
        fn any_text_in_the_column_is_read_or_called_damaged(text in ".*") {
            let _ = (read(&text), read_incoming(&text));
        }
    }
}
