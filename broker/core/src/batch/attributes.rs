//! The batch header's attribute bits: codec, kind of timestamp, flags.
//!
//! Owns the meaning of the 16 bits; never looks at records.

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Records lie in the batch as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy in the xerial stream framing, as Java writes it.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

impl Codec {
    /// The codec of an attribute id; `None` for the ids Kafka has not given out.
    pub fn from_id(id: u8) -> Option<Codec> {
        match id {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// The id in the attribute bits.
    pub fn id(self) -> u8 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
        }
    }
}

/// Who set the timestamps of a batch's records (KIP-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer, per record.
    #[default]
    CreateTime,
    /// The broker, once for the whole batch: every record has the batch's
    /// max timestamp.
    LogAppendTime,
}

/// The attribute bits of a record batch, exactly as they lie in the header;
/// bits Kafka does not define are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC_MASK: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The codec, or `None` when its id is not one of Kafka's.
    pub fn codec(self) -> Option<Codec> {
        Codec::from_id((self.0 & Self::CODEC_MASK) as u8)
    }

    /// Whether the producer or the broker set the timestamps.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Part of a transaction (KIP-98).
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Written by the broker itself, for example a transaction marker; a
    /// consumer skips its records.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// The base timestamp is the time at which tombstones may go (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same bits with another codec.
    pub fn with_codec(self, codec: Codec) -> Attributes {
        Attributes((self.0 & !Self::CODEC_MASK) | i16::from(codec.id()))
    }

    /// The same bits with another kind of timestamp.
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Attributes {
        match timestamp_type {
            TimestampType::CreateTime => Attributes(self.0 & !Self::LOG_APPEND_TIME),
            TimestampType::LogAppendTime => Attributes(self.0 | Self::LOG_APPEND_TIME),
        }
    }

    /// The same bits, marked as part of a transaction.
    pub fn with_transactional(self) -> Attributes {
        Attributes(self.0 | Self::TRANSACTIONAL)
    }

    /// The same bits, marked as written by the broker itself.
    pub fn with_control(self) -> Attributes {
        Attributes(self.0 | Self::CONTROL)
    }

    /// The same bits, and the base timestamp is a delete horizon or is none.
    pub fn with_delete_horizon(self, is_set: bool) -> Attributes {
        if is_set {
            Attributes(self.0 | Self::DELETE_HORIZON)
        } else {
            Attributes(self.0 & !Self::DELETE_HORIZON)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_means_what_kafka_gave_it() {
        let attributes = Attributes(0b0111_1100);
        assert_eq!(attributes.codec(), Some(Codec::Zstd));
        assert_eq!(attributes.timestamp_type(), TimestampType::LogAppendTime);
        assert!(attributes.is_transactional());
        assert!(attributes.is_control());
        assert!(attributes.has_delete_horizon());
    }

    #[test]
    fn ids_five_to_seven_are_no_codec() {
        for id in 5..8 {
            assert_eq!(Attributes(id).codec(), None);
        }
    }

    #[test]
    fn changing_one_thing_keeps_the_others() {
        let attributes = Attributes::default()
            .with_transactional()
            .with_control()
            .with_codec(Codec::Lz4)
            .with_timestamp_type(TimestampType::LogAppendTime)
            .with_codec(Codec::Gzip)
            .with_timestamp_type(TimestampType::CreateTime);
        assert_eq!(attributes, Attributes(0x31));
    }
}
