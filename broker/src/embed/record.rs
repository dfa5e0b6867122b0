//! Records as a test writes and reads them.

use bytes::Bytes;

/// A record as it stands in its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The partition's index.
    pub partition: i32,
    /// Where it lies in the partition.
    pub offset: i64,
    /// Unix milliseconds; −1 is none.
    pub timestamp_ms: i64,
    /// `None` is Kafka's null, which differs from empty.
    pub key: Option<Bytes>,
    /// `None` is Kafka's null: a tombstone where the topic is compacted.
    pub value: Option<Bytes>,
    /// Names and values in the order they were sent. A name may come twice;
    /// bytes of one that are not UTF-8 are shown as `�`.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// A record that is not in a partition yet. A text or a `(key, value)` is one
/// too, wherever one is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Option<Bytes>)>,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) partition: Option<i32>,
}

impl NewRecord {
    /// A record without a key.
    pub fn new(value: impl AsRef<[u8]>) -> NewRecord {
        NewRecord {
            value: Some(Bytes::copy_from_slice(value.as_ref())),
            ..NewRecord::default()
        }
    }

    /// A record whose value is null: it deletes `key` from a compacted topic.
    pub fn tombstone(key: impl AsRef<[u8]>) -> NewRecord {
        NewRecord::default().key(key)
    }

    /// Gives it a key. It goes to the key's partition then, as from Kafka's
    /// own producer, unless [`partition`](Self::partition) names another.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(Bytes::copy_from_slice(key.as_ref()));
        self
    }

    /// Adds a header behind the others.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        let value = Bytes::copy_from_slice(value.as_ref());
        self.headers.push((name.into(), Some(value)));
        self
    }

    /// Unix milliseconds, instead of what the broker's clock says.
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// The partition, instead of the key's, or of 0 where there is no key.
    pub fn partition(mut self, index: i32) -> Self {
        self.partition = Some(index);
        self
    }
}

impl From<&str> for NewRecord {
    fn from(value: &str) -> Self {
        NewRecord::new(value)
    }
}

impl<Key: AsRef<[u8]>, Value: AsRef<[u8]>> From<(Key, Value)> for NewRecord {
    fn from((key, value): (Key, Value)) -> Self {
        NewRecord::new(value).key(key)
    }
}
