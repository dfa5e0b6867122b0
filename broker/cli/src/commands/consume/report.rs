//! How a record is printed: its value on a line, with as much around it as was
//! asked for, or a JSON document.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ottla_client::{ConsumerRecord, Header, TimestampType};
use serde_json::{Map, Value, json};

use crate::output::printable;

/// What to print around the value.
#[derive(Clone, Debug, clap::Args)]
pub struct Around {
    /// Print keys, or null
    #[arg(long)]
    pub show_keys: bool,
    /// Print headers as name=value,…
    #[arg(long)]
    pub show_headers: bool,
    /// Print topic-partition@offset
    #[arg(long)]
    pub show_offsets: bool,
    /// Print timestamps in Unix milliseconds
    #[arg(long)]
    pub show_timestamps: bool,
    /// What to print between the parts
    #[arg(long, value_name = "TEXT", default_value = "\t")]
    pub separator: String,
}

/// The record's line. Bytes go out as they are, unless `for_terminal`.
pub fn line(record: &ConsumerRecord, around: &Around, for_terminal: bool) -> Vec<u8> {
    let mut line = Vec::new();
    let mut part = |bytes: &[u8]| {
        line.extend_from_slice(bytes);
        line.extend_from_slice(around.separator.as_bytes());
    };
    if around.show_offsets {
        let place = format!("{}-{}@{}", record.topic, record.partition, record.offset);
        part(place.as_bytes());
    }
    if around.show_timestamps {
        part(record.timestamp_ms.to_string().as_bytes());
    }
    if around.show_headers {
        part(&shown(
            headers_text(&record.headers).as_bytes(),
            for_terminal,
        ));
    }
    if around.show_keys {
        part(&shown(or_null(record.key.as_ref()), for_terminal));
    }
    line.extend_from_slice(&shown(or_null(record.value.as_ref()), for_terminal));
    line.push(b'\n');
    line
}

fn or_null(bytes: Option<&Bytes>) -> &[u8] {
    bytes.map_or(b"null", |bytes| &bytes[..])
}

fn shown(bytes: &[u8], for_terminal: bool) -> Vec<u8> {
    if for_terminal {
        printable(&String::from_utf8_lossy(bytes)).into_bytes()
    } else {
        bytes.to_vec()
    }
}

fn headers_text(headers: &[Header]) -> String {
    let mut text = String::new();
    for header in headers {
        let value = String::from_utf8_lossy(or_null(header.value.as_ref()));
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{}={value}", header.key);
    }
    text
}

/// The record as one JSON document. Bytes that are no UTF-8 become
/// `{"base64": "…"}`.
pub fn json(record: &ConsumerRecord) -> String {
    let headers = record
        .headers
        .iter()
        .map(|header| json!({ "key": header.key, "value": bytes_json(header.value.as_ref()) }));
    let mut document = Map::new();
    document.insert("topic".to_owned(), json!(record.topic));
    document.insert("partition".to_owned(), json!(record.partition));
    document.insert("offset".to_owned(), json!(record.offset));
    document.insert("timestamp".to_owned(), json!(record.timestamp_ms));
    let kind = match record.timestamp_type {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    document.insert("timestamp_type".to_owned(), json!(kind));
    document.insert("key".to_owned(), bytes_json(record.key.as_ref()));
    document.insert("value".to_owned(), bytes_json(record.value.as_ref()));
    document.insert("headers".to_owned(), headers.collect());
    Value::Object(document).to_string() + "\n"
}

fn bytes_json(bytes: Option<&Bytes>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => json!(text),
        Some((bytes, Err(_))) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ConsumerRecord {
        ConsumerRecord {
            topic: "t".to_owned(),
            partition: 1,
            offset: 7,
            leader_epoch: 0,
            timestamp_ms: 1_700,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(Bytes::from_static(b"\x1b[2Jvalue")),
            headers: vec![
                Header {
                    key: "h".to_owned(),
                    value: Some(Bytes::from_static(b"1")),
                },
                Header {
                    key: "h".to_owned(),
                    value: None,
                },
            ],
        }
    }

    fn around(everything: bool) -> Around {
        Around {
            show_keys: everything,
            show_headers: everything,
            show_offsets: everything,
            show_timestamps: everything,
            separator: "|".to_owned(),
        }
    }

    #[test]
    fn a_value_alone_goes_out_byte_for_byte() {
        assert_eq!(line(&record(), &around(false), false), b"\x1b[2Jvalue\n");
    }

    #[test]
    fn a_terminal_gets_no_escape_sequences() {
        let line = line(&record(), &around(true), true);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, "t-1@7|1700|h=1,h=null|null|\\u{1b}[2Jvalue\n");
    }

    #[test]
    fn json_keeps_repeated_headers_and_marks_bytes_that_are_no_text() {
        let mut record = record();
        record.value = Some(Bytes::from_static(&[0xff]));
        let document: Value = serde_json::from_str(&json(&record)).unwrap();
        assert_eq!(document["value"], json!({ "base64": "/w==" }));
        assert_eq!(document["key"], Value::Null);
        assert_eq!(document["headers"].as_array().unwrap().len(), 2);
    }
}
