//! Decodes a response without trusting one count in it.
//!
//! The schema crate reserves memory for as many elements as an array's count
//! claims, before it reads the first. Four bytes from a hostile broker would
//! abort the process. So it decodes from [`Guarded`], a buffer that looks at
//! every number the crate reads:
//!
//! - Flexible versions (KIP-482) write counts and lengths as unsigned varints,
//!   and nothing else but tag numbers. A varint that claims more than the bytes
//!   that remain could hold ends the decoding.
//! - Older versions write counts as int32, which are plain values as well. They
//!   are decoded twice: first with every int32 cut down to one more than the
//!   bytes that remain, which a value survives and a false count does not, then
//!   as they are.
//!
//! What a frame can make the client reserve is thus bounded by its own size
//! times the size of the largest element; frames are capped too.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::ByteBuf;

/// Tag numbers are varints too; none of Kafka's is larger.
const TAG_MAX: usize = 16_383;

/// Decodes one message whose counts are all covered by bytes.
///
/// `flexible` says which of the two encodings of a count the version has.
pub(crate) fn decode<T: Decodable>(
    body: &Bytes,
    version: i16,
    flexible: bool,
) -> Result<T, String> {
    if !flexible {
        T::decode(&mut Guarded::new(body.clone(), true), version)
            .map_err(|error| error.to_string())?;
    }
    let mut buffer = Guarded::new(body.clone(), false);
    let message = T::decode(&mut buffer, version).map_err(|error| error.to_string())?;
    match buffer.remaining() {
        0 => Ok(message),
        left => Err(format!("{left} bytes are left over")),
    }
}

struct Guarded {
    bytes: Bytes,
    cut_int32: bool,
    /// A varint whose last byte has not been read: its value and bit position.
    varint: Option<(usize, u32)>,
}

impl Guarded {
    fn new(bytes: Bytes, cut_int32: bool) -> Self {
        Guarded {
            bytes,
            cut_int32,
            varint: None,
        }
    }

    /// Follows the bytes of a varint; false when it claims too much. Booleans
    /// are read the same way: 0 and 1 are varints that claim nothing, and what
    /// a hostile one adds to the next varint only makes it larger.
    fn follow_varint(&mut self, byte: u8) -> bool {
        let (value, shift) = self.varint.take().unwrap_or((0, 0));
        let value = value | usize::from(byte & 0x7f) << shift;
        if byte >= 0x80 {
            self.varint = Some((value, shift + 7));
            return shift < 28;
        }
        // Compact counts and lengths are one more than what they count.
        value <= (self.bytes.remaining() + 1).max(TAG_MAX)
    }
}

impl Buf for Guarded {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.bytes.try_get_u8()?;
        if self.follow_varint(byte) {
            return Ok(byte);
        }
        Err(TryGetError {
            requested: self.bytes.remaining() + 1,
            available: self.bytes.remaining(),
        })
    }

    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let value = self.bytes.try_get_i32()?;
        if !self.cut_int32 {
            return Ok(value);
        }
        let most = i32::try_from(self.bytes.remaining() + 1).unwrap_or(i32::MAX);
        Ok(value.min(most))
    }
}

impl ByteBuf for Guarded {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::messages::{
        FetchResponse, MetadataResponse, OffsetDeleteResponse, SyncGroupResponse,
    };
    use kafka_protocol::protocol::{Encodable, StrBytes};
    use proptest::prelude::*;

    use super::*;

    /// Body of a Metadata response whose broker array claims `count` elements.
    fn claiming(count: u32) -> Bytes {
        let mut body = BytesMut::new();
        body.put_i32(0);
        let mut rest = count;
        while rest >= 0x80 {
            body.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        body.put_u8(rest as u8);
        body.freeze()
    }

    #[test]
    fn a_compact_count_without_elements_is_refused_before_memory_is_reserved() {
        assert!(decode::<MetadataResponse>(&claiming(u32::MAX), 12, true).is_err());
        assert!(decode::<MetadataResponse>(&claiming(0x7fff_ffff), 12, true).is_err());
    }

    #[test]
    fn an_int32_count_without_elements_is_refused_before_memory_is_reserved() {
        let mut body = BytesMut::new();
        body.put_i32(i32::MAX);
        assert!(decode::<MetadataResponse>(&body.freeze(), 1, false).is_err());
    }

    #[test]
    fn bytes_after_the_message_are_refused() {
        let mut body = BytesMut::new();
        SyncGroupResponse::default().encode(&mut body, 5).unwrap();
        body.put_u8(0);
        assert!(decode::<SyncGroupResponse>(&body.freeze(), 5, true).is_err());
    }

    fn metadata(ports: &[i32], partitions: i32) -> MetadataResponse {
        let brokers = ports.iter().map(|port| {
            MetadataResponseBroker::default()
                .with_node_id((*port).into())
                .with_host(StrBytes::from_static_str("a-host"))
                .with_port(*port)
        });
        let partitions = (0..partitions).map(|index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_replica_nodes(vec![i32::MAX.into(), 1.into()])
        });
        MetadataResponse::default()
            .with_throttle_time_ms(i32::MAX)
            .with_brokers(brokers.collect())
            .with_topics(vec![
                MetadataResponseTopic::default()
                    .with_name(Some(StrBytes::from_static_str("t").into()))
                    .with_partitions(partitions.collect()),
            ])
    }

    proptest! {
        #[test]
        fn no_valid_response_is_refused(
            ports in proptest::collection::vec(any::<i32>(), 0..40),
            partitions in 0..300,
            version in 3i16..=12,
        ) {
            let message = metadata(&ports, partitions);
            let mut body = BytesMut::new();
            message.encode(&mut body, version).unwrap();
            let decoded: MetadataResponse = decode(&body.freeze(), version, version >= 9).unwrap();
            prop_assert_eq!(decoded.brokers.len(), ports.len());
            prop_assert_eq!(decoded.topics[0].partitions.len(), partitions as usize);
        }

        #[test]
        fn arbitrary_bytes_neither_panic_nor_abort(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let body = Bytes::from(bytes);
            let _ = decode::<MetadataResponse>(&body, 12, true);
            let _ = decode::<MetadataResponse>(&body, 5, false);
            let _ = decode::<FetchResponse>(&body, 16, true);
            let _ = decode::<FetchResponse>(&body, 11, false);
            let _ = decode::<OffsetDeleteResponse>(&body, 0, false);
        }
    }
}
