//! The topic properties that the model knows the meaning of.

/// A topic's settings; what is not here changes nothing a client can see.
#[derive(Clone, Debug)]
pub struct Settings {
    pub flush_messages: i64,
    pub max_message_bytes: usize,
    /// −1 keeps for ever.
    pub retention_ms: i64,
    /// −1 keeps any size.
    pub retention_bytes: i64,
    pub cleanup_policy: String,
    pub takes_append_time: bool,
    pub recompresses: bool,
    was_compacted: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            flush_messages: i64::MAX,
            max_message_bytes: 1_048_588,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            cleanup_policy: "delete".to_owned(),
            takes_append_time: false,
            recompresses: false,
            was_compacted: false,
        }
    }
}

impl Settings {
    pub fn set(&mut self, name: &str, value: &str) {
        let number = || value.parse::<i64>().unwrap();
        match name {
            "flush.messages" => self.flush_messages = number(),
            "max.message.bytes" => self.max_message_bytes = number() as usize,
            "retention.ms" => self.retention_ms = number(),
            "retention.bytes" => self.retention_bytes = number(),
            "cleanup.policy" => {
                self.was_compacted |= self.needs_keys();
                self.cleanup_policy = value.to_owned();
            }
            "message.timestamp.type" => self.takes_append_time = value == "LogAppendTime",
            "compression.type" => self.recompresses = value != "producer",
            _ => {}
        }
    }

    pub fn syncs_every_append(&self) -> bool {
        self.flush_messages == 1
    }

    pub fn needs_keys(&self) -> bool {
        self.cleanup_policy.contains("compact")
    }

    /// Whether compaction may have removed records.
    pub fn is_compacted(&self) -> bool {
        self.needs_keys() || self.was_compacted
    }

    pub fn deletes(&self) -> bool {
        self.cleanup_policy.contains("delete")
    }
}
