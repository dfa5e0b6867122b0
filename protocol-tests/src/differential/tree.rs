//! A response as a tree of values, all of its fields by name.
//!
//! The tree is read from the response's `Debug` text, which the schema crate
//! derives for every struct. So each field that a version has takes part in the
//! comparison, and one that nobody thought of cannot be forgotten; what may vary
//! is taken out afterwards, by name.

use std::fmt::Debug;

use serde_json::{Map, Value};

/// Marks a leaf that held bytes; what follows is hexadecimal.
pub const BYTES: &str = "bytes:";

/// The tree of anything that derives `Debug`.
///
/// # Errors
/// When the text is not what `derive(Debug)` writes.
pub fn tree(value: &impl Debug) -> anyhow::Result<Value> {
    let text = format!("{value:?}");
    let mut reader = Reader {
        rest: text.as_bytes(),
    };
    let tree = reader.value()?;
    anyhow::ensure!(reader.rest.is_empty(), "more follows: {}", reader.ahead());
    Ok(tree)
}

/// Bytes as a leaf.
pub fn bytes_leaf(bytes: &[u8]) -> Value {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::String(format!("{BYTES}{hex}"))
}

/// The bytes of such a leaf.
pub fn leaf_bytes(leaf: &Value) -> Option<Vec<u8>> {
    let hex = leaf.as_str()?.strip_prefix(BYTES)?;
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok())
        .collect()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self) -> anyhow::Result<Value> {
        match self.rest.first() {
            Some(b'"') => Ok(Value::String(String::from_utf8(self.quoted()?)?)),
            Some(b'[') => self.list(),
            Some(b'{') => self.fields(),
            _ if self.rest.starts_with(b"b\"") => {
                self.rest = &self.rest[1..];
                Ok(bytes_leaf(&self.quoted()?))
            }
            _ => self.named(),
        }
    }

    /// A number, an id, `None`, or the name of a struct and what is in it.
    fn named(&mut self) -> anyhow::Result<Value> {
        let word = self.word();
        match self.rest.first() {
            Some(b'(') => self.inner(),
            Some(b' ') if self.rest.starts_with(b" {") => {
                self.rest = &self.rest[1..];
                self.fields()
            }
            _ => Ok(leaf(&word)),
        }
    }

    /// A tuple struct of one field stands for that field.
    fn inner(&mut self) -> anyhow::Result<Value> {
        self.take(b"(")?;
        let value = self.value()?;
        self.take(b")")?;
        Ok(value)
    }

    fn list(&mut self) -> anyhow::Result<Value> {
        self.take(b"[")?;
        let mut elements = Vec::new();
        while !self.rest.starts_with(b"]") {
            elements.push(self.value()?);
            self.skip(b", ");
        }
        self.take(b"]")?;
        Ok(Value::Array(elements))
    }

    /// The fields of a struct, or a map.
    fn fields(&mut self) -> anyhow::Result<Value> {
        self.take(b"{")?;
        self.skip(b" ");
        let mut fields = Map::new();
        while !self.rest.starts_with(b"}") {
            let name = match self.value()? {
                Value::String(name) => name,
                other => other.to_string(),
            };
            self.take(b": ")?;
            fields.insert(name, self.value()?);
            self.skip(b", ");
            self.skip(b" ");
        }
        self.take(b"}")?;
        Ok(Value::Object(fields))
    }

    fn word(&mut self) -> String {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+.".contains(byte);
        let end = self.rest.iter().position(|byte| !is_part(byte));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        String::from_utf8_lossy(word).into_owned()
    }

    /// What stands between quotes, escapes resolved.
    fn quoted(&mut self) -> anyhow::Result<Vec<u8>> {
        self.take(b"\"")?;
        let mut out = Vec::new();
        loop {
            match self.byte()? {
                b'"' => return Ok(out),
                b'\\' => self.escape(&mut out)?,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self.byte()? {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'0' => out.push(0),
            b'x' => {
                let digits = [self.byte()?, self.byte()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?);
            }
            b'u' => {
                self.take(b"{")?;
                let scalar = u32::from_str_radix(&self.word(), 16)?;
                self.take(b"}")?;
                let character = char::from_u32(scalar)
                    .ok_or_else(|| anyhow::anyhow!("{scalar:x} is no character"))?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            itself => out.push(itself),
        }
        Ok(())
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        let (first, rest) = self
            .rest
            .split_first()
            .ok_or_else(|| anyhow::anyhow!("the text ends too soon"))?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, expected: &[u8]) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.rest.starts_with(expected),
            "{} was expected before {}",
            String::from_utf8_lossy(expected),
            self.ahead()
        );
        self.rest = &self.rest[expected.len()..];
        Ok(())
    }

    fn skip(&mut self, text: &[u8]) {
        self.rest = self.rest.strip_prefix(text).unwrap_or(self.rest);
    }

    fn ahead(&self) -> String {
        String::from_utf8_lossy(&self.rest[..self.rest.len().min(60)]).into_owned()
    }
}

fn leaf(word: &str) -> Value {
    if let Ok(number) = word.parse::<i64>() {
        return Value::from(number);
    }
    match word {
        "None" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::messages::{FetchResponse, TopicName};
    use kafka_protocol::protocol::StrBytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_of_a_response_is_in_its_tree() {
        let partition = PartitionData::default()
            .with_high_watermark(7)
            .with_records(Some(Bytes::from_static(b"a\"\x00\xff")));
        let response = FetchResponse::default().with_responses(vec![
            FetchableTopicResponse::default()
                .with_topic(TopicName(StrBytes::from_static_str("댓글 \"x\"\n")))
                .with_partitions(vec![partition]),
        ]);
        let tree = tree(&response).unwrap();
        assert_eq!(tree["responses"][0]["topic"], "댓글 \"x\"\n");
        let partition = &tree["responses"][0]["partitions"][0];
        assert_eq!(partition["high_watermark"], 7);
        assert_eq!(partition["aborted_transactions"], json!([]));
        assert_eq!(leaf_bytes(&partition["records"]).unwrap(), b"a\"\x00\xff");
    }

    proptest! {
        #[test]
        fn any_text_and_any_bytes_are_read_back(text: String, bytes: Vec<u8>) {
            let name = TopicName(StrBytes::from_string(text.clone()));
            prop_assert_eq!(tree(&name).unwrap(), Value::String(text));
            let leaf = tree(&Bytes::from(bytes.clone())).unwrap();
            prop_assert_eq!(leaf_bytes(&leaf).unwrap(), bytes);
        }
    }
}
