//! Where two answers differ: field by field, places in lists left out, so that
//! the same difference has the same name wherever it shows.

use std::fmt;

use kafka_protocol::messages::ApiKey;
use serde_json::Value;

use super::normalise::MESSAGES;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difference {
    /// Whose answer.
    pub api: String,
    /// Which version of it.
    pub version: i16,
    /// The field, as `topics[].partitions[].error_code`.
    pub field: String,
    /// As Kafka answers.
    pub kafka: String,
    /// As Ottla answers.
    pub ottla: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} v{} {}: Kafka {}, Ottla {}",
            self.api, self.version, self.field, self.kafka, self.ottla
        )
    }
}

/// Every field in which two normalised answers differ.
pub fn differences(api: ApiKey, version: i16, kafka: &Value, ottla: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut comparison = Comparison {
        api: format!("{api:?}"),
        version,
        found: &mut found,
    };
    // Produce fails by partition.
    if api != ApiKey::Produce && fails(kafka) && !fails(ottla) {
        comparison.add(
            WHOLE,
            "UNKNOWN_SERVER_ERROR".to_owned(),
            "an answer".to_owned(),
        );
    } else {
        comparison.values("", kafka, ottla);
    }
    found
}

/// The field of a difference that is about the answer as a whole.
const WHOLE: &str = "(whole answer)";

/// Whether a server met an error of its own: Kafka's handlers then answer for
/// everything in the request, and there is nothing to compare.
fn fails(answer: &Value) -> bool {
    match answer {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            name == "error_code" && value == "UNKNOWN_SERVER_ERROR" || fails(value)
        }),
        Value::Array(elements) => elements.iter().any(fails),
        _ => false,
    }
}

struct Comparison<'a> {
    api: String,
    version: i16,
    found: &'a mut Vec<Difference>,
}

impl Comparison<'_> {
    fn values(&mut self, field: &str, kafka: &Value, ottla: &Value) {
        match (kafka, ottla) {
            (Value::Object(kafka_fields), Value::Object(ottla_fields)) => {
                let refused = kafka_fields
                    .get("error_code")
                    .is_none_or(|code| code != "NONE");
                for (name, kafka) in kafka_fields {
                    // Where Kafka explains a refusal, so must Ottla; it may say more.
                    if MESSAGES.contains(&name.as_str()) && (kafka.is_null() || !refused) {
                        continue;
                    }
                    let ottla = ottla_fields.get(name).unwrap_or(&Value::Null);
                    let field = match field {
                        "" => name.clone(),
                        outer => format!("{outer}.{name}"),
                    };
                    self.values(&field, kafka, ottla);
                }
            }
            (Value::Array(kafka_list), Value::Array(ottla_list)) => {
                self.lists(&format!("{field}[]"), kafka_list, ottla_list);
            }
            (kafka, ottla) if kafka == ottla => {}
            (kafka, ottla) => {
                let field = if field.is_empty() { WHOLE } else { field };
                self.add(field, short(kafka), short(ottla));
            }
        }
    }

    fn lists(&mut self, field: &str, kafka: &[Value], ottla: &[Value]) {
        if kafka.len() != ottla.len() {
            self.add(field, counted(kafka), counted(ottla));
            return;
        }
        for (kafka, ottla) in kafka.iter().zip(ottla) {
            // What differs for one property need not for another.
            match kafka["name"].as_str() {
                Some(name) if field.ends_with("configs[]") => {
                    let field = format!("{}[{name}]", field.trim_end_matches("[]"));
                    self.values(&field, kafka, ottla);
                }
                _ => self.values(field, kafka, ottla),
            }
        }
    }

    fn add(&mut self, field: &str, kafka: String, ottla: String) {
        let difference = Difference {
            api: self.api.clone(),
            version: self.version,
            field: field.to_owned(),
            kafka,
            ottla,
        };
        if !self.found.contains(&difference) {
            self.found.push(difference);
        }
    }
}

/// A leaf as it is, anything larger by its kind.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(elements) => counted(elements),
        Value::Object(_) => "an answer".to_owned(),
        leaf => leaf.to_string(),
    }
}

fn counted(elements: &[Value]) -> String {
    match elements.len() {
        1 => "1 element".to_owned(),
        count => format!("{count} elements"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_its_field_and_not_its_place() {
        let kafka = json!({"topics": [{"error_code": "NONE"}, {"error_code": "NONE"}]});
        let ottla = json!({"topics": [{"error_code": "NONE"}, {"error_code": "INVALID_REQUEST"}]});
        let found = differences(ApiKey::Metadata, 4, &kafka, &ottla);
        let [difference] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            difference.to_string(),
            "Metadata v4 topics[].error_code: Kafka NONE, Ottla INVALID_REQUEST"
        );
    }

    #[test]
    fn lists_of_different_lengths_are_one_difference() {
        let (kafka, ottla) = (json!({"groups": [1, 2]}), json!({"groups": [1]}));
        let found = differences(ApiKey::ListGroups, 0, &kafka, &ottla);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kafka.as_str(), found[0].ottla.as_str()),
            ("2 elements", "1 element")
        );
    }
}
