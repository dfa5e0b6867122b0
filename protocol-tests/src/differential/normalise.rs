//! Takes out of an answer what may legitimately differ between two servers,
//! and nothing else: ids become names, times become what kind of time they are,
//! lists without an order are sorted, texts for people are there or not.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::RequestKind;
use ottla_core::batch::header::{BATCH_HEADER_BYTES, BatchHeader};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::client::Answer;
use super::generate::batches::BASE_TIMESTAMP_MS;
use super::run::Exchange;
use super::script::Call;
use super::tree::{leaf_bytes, tree};
use super::world::World;

/// Depends on the machine, the moment or the installation.
const DROPPED: &[&str] = &[
    "throttle_time_ms",
    "unknown_tagged_fields",
    "cluster_id",
    "host",
    "port",
    "client_host",
    "log_dir",
    "total_bytes",
    "usable_bytes",
    "documentation",
    // Which features a release has is a matter of its version.
    "finalized_features",
    "finalized_features_epoch",
    "supported_features",
    // Compressed again by another library, a batch has another size.
    "partition_size",
];

/// Words for people: only whether there are any is compared.
pub const MESSAGES: &[&str] = &["error_message", "batch_index_error_message"];

/// Lists of names out of hash sets.
const SETS: &[&str] = &["subscribed_topic_names"];

/// Lists that Kafka makes out of hash maps.
const WITHOUT_ORDER: &[&str] = &[
    "api_keys",
    "configs",
    "groups",
    "members",
    "partition_responses",
    "partitions",
    "responses",
    "results",
    "topic_partitions",
    "topics",
];

/// What tells the elements of such a list apart.
const IDENTITY: &[&str] = &[
    "name",
    "topic",
    "topic_name",
    "topic_id",
    "resource_name",
    "group_id",
    "member_id",
    "partition_index",
    "partition",
    "index",
    "api_key",
];

/// An answer as both servers should give it.
///
/// # Errors
/// When the response cannot be read as a tree.
pub fn normalise(exchange: &Exchange, world: &World) -> anyhow::Result<Value> {
    Ok(match &exchange.answer {
        Answer::Response(response) => {
            let mut tree = tree(response.as_ref())?;
            let normaliser = Normaliser {
                world,
                about_everything: asks_for_everything(&exchange.sent.call),
            };
            normaliser.value("", &mut tree);
            tree
        }
        Answer::Closed => json!("the connection is closed"),
        Answer::NotAsked => json!("no answer was asked for"),
        Answer::Late => json!("no answer in time"),
        Answer::Malformed(problem) => json!(format!("malformed: {problem}")),
    })
}

/// Such an answer holds other scripts' topics or groups too.
fn asks_for_everything(call: &Call) -> bool {
    let Call::Request(request) = call else {
        return false;
    };
    match request.as_ref() {
        RequestKind::Metadata(request) => request.topics.as_ref().is_none_or(Vec::is_empty),
        RequestKind::ListGroups(_) => true,
        _ => false,
    }
}

/// Kafka names a topic of a Fetch answer again when partitions of another came
/// in between.
fn merge_topics(elements: &mut Vec<Value>) {
    let mut merged: Vec<Value> = Vec::new();
    for mut element in elements.drain(..) {
        let same = merged.iter_mut().find(|known| {
            !element["topic_id"].is_null()
                && known["topic"] == element["topic"]
                && known["topic_id"] == element["topic_id"]
        });
        match (same, element["partitions"].as_array_mut()) {
            (Some(known), Some(more)) => {
                if let Some(partitions) = known["partitions"].as_array_mut() {
                    partitions.append(more);
                    partitions.sort_by_cached_key(identity);
                }
            }
            _ => merged.push(element),
        }
    }
    *elements = merged;
}

fn identity(element: &Value) -> String {
    let fields = IDENTITY.iter().map(|field| match &element[*field] {
        Value::Number(number) => format!("{number:>20}"),
        other => other.to_string(),
    });
    fields.collect()
}

struct Normaliser<'a> {
    world: &'a World,
    about_everything: bool,
}

impl Normaliser<'_> {
    fn value(&self, name: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => self.fields(fields),
            Value::Array(elements) => self.list(name, elements),
            leaf => *leaf = self.leaf(name, leaf),
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>) {
        fields.retain(|name, _| !DROPPED.contains(&name.as_str()));
        for (name, value) in fields {
            self.value(name, value);
        }
    }

    fn list(&self, name: &str, elements: &mut Vec<Value>) {
        if self.about_everything {
            elements.retain(|element| !self.is_anothers(name, element));
        }
        for element in elements.iter_mut() {
            self.value(name, element);
        }
        if name == "responses" {
            merge_topics(elements);
        }
        if SETS.contains(&name) {
            elements.sort_by_key(Value::to_string);
        }
        if WITHOUT_ORDER.contains(&name) {
            elements.sort_by_cached_key(identity);
        }
    }

    /// Whether it is a topic or a group that another script made.
    fn is_anothers(&self, list: &str, element: &Value) -> bool {
        let name = match list {
            "topics" => &element["name"],
            "groups" => &element["group_id"],
            _ => return false,
        };
        let own = self.world.names().prefix();
        !name.as_str().is_some_and(|name| name.starts_with(own))
    }

    fn leaf(&self, name: &str, leaf: &Value) -> Value {
        if MESSAGES.contains(&name) {
            return if leaf.is_null() {
                json!(null)
            } else {
                json!("a message")
            };
        }
        if let Some(bytes) = leaf_bytes(leaf) {
            return match name {
                "records" => self.batches(&bytes),
                _ => json!(self.text(&String::from_utf8_lossy(&bytes))),
            };
        }
        match leaf {
            Value::Number(number) => self.number(name, number.as_i64().unwrap_or_default()),
            Value::String(text) => json!(self.text(text)),
            other => other.clone(),
        }
    }

    fn number(&self, name: &str, number: i64) -> Value {
        match name {
            "error_code" => json!(error_name(number)),
            "session_id" => match i32::try_from(number) {
                Ok(0) | Err(_) => json!(number),
                Ok(id) => json!(self.world.name_of_session(id).unwrap_or("a session".into())),
            },
            "producer_id" => match self.world.name_of_producer(number) {
                Some(name) => json!(name),
                None => json!(number),
            },
            "heartbeat_interval_ms" => json!(number),
            _ if name.contains("timestamp") || name.ends_with("time_ms") => time(number),
            _ => json!(number),
        }
    }

    fn text(&self, text: &str) -> String {
        if let Ok(id) = Uuid::parse_str(text) {
            if id.is_nil() {
                return "no id".to_owned();
            }
            // Made up by the script, and so the same on both servers.
            if id.as_u128() < 1 << 64 {
                return format!("made-up id {:x}", id.as_u128());
            }
            if text.len() == 36 && text.contains('-') {
                let name = self.world.name_of_topic_id(id);
                let name = name.or_else(|| self.world.name_of_member(text));
                return name.unwrap_or_else(|| "an id".to_owned());
            }
        }
        if let Some(name) = self.world.name_of_member(text) {
            return name;
        }
        text.replace(self.world.names().prefix(), "")
    }

    /// Whole batches by their fields. Kafka cuts an answer at its limit of
    /// bytes; what is left of a batch there is of no use to anybody.
    fn batches(&self, mut bytes: &[u8]) -> Value {
        let mut batches = Vec::new();
        while let Ok(header) = BatchHeader::parse(bytes) {
            if header.size_bytes() > bytes.len() || header.size_bytes() < BATCH_HEADER_BYTES {
                break;
            }
            let (batch, rest) = bytes.split_at(header.size_bytes());
            batches.push(self.batch(&header, batch));
            bytes = rest;
        }
        Value::Array(batches)
    }

    fn batch(&self, header: &BatchHeader, batch: &[u8]) -> Value {
        let records = crate::batches::records_of(batch)
            .map(|records| {
                format!(
                    "{:?}",
                    records
                        .iter()
                        .map(|(offset, record)| (
                            offset,
                            &record.key,
                            record.value.as_ref().map(Vec::len),
                            &record.headers
                        ))
                        .collect::<Vec<_>>()
                )
            })
            .unwrap_or_else(|problem| format!("unreadable: {problem}"));
        json!({
            "base_offset": header.base_offset.0,
            "last_offset_delta": header.last_offset_delta,
            "leader_epoch": header.leader_epoch.0,
            "attributes": header.attributes.0,
            "base_timestamp": time(header.base_timestamp_ms),
            "max_timestamp": time(header.max_timestamp_ms),
            "producer_id": self.number("producer_id", header.producer_id.0),
            "producer_epoch": header.producer_epoch.0,
            "base_sequence": header.base_sequence.0,
            "record_count": header.record_count,
            "records": records,
        })
    }
}

/// Scripts give timestamps near a fixed moment of the past; what is near the
/// present is the server's own time.
fn time(ms: i64) -> Value {
    if ms > BASE_TIMESTAMP_MS + 30 * 24 * 3_600_000 && ms < BASE_TIMESTAMP_MS * 2 {
        json!("now")
    } else {
        json!(ms)
    }
}

/// Kafka's name for an error code.
pub fn error_name(code: i64) -> String {
    let Ok(code) = i16::try_from(code) else {
        return code.to_string();
    };
    match ResponseError::try_from_code(code) {
        None => "NONE".to_owned(),
        Some(ResponseError::Unknown(code)) => format!("UNKNOWN ({code})"),
        Some(error) => in_capitals(&format!("{error:?}")),
    }
}

fn in_capitals(camel: &str) -> String {
    let mut out = String::new();
    for character in camel.chars() {
        if character.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(character.to_ascii_uppercase());
    }
    out
}
