//! A classic group as of its last generation: key type 2.

use bytes::Bytes;

use super::field::{Reader, Writer};
use super::{EncodedRecord, RecordError};
use crate::group::{GroupId, InstanceId, MemberId};

const KEY_KIND: i16 = 2;
/// What Kafka 4.3 writes. Version 4, which it reads, is the flexible one.
const VALUE_VERSION: i16 = 3;
const VALUE_VERSION_MAX: i16 = 4;
/// A member of version 4 with every text and blob empty: the shortest there is.
const MEMBER_BYTES_MIN: usize = 15;

/// A classic group's last settled generation, or that the group is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicRecord {
    /// Which group.
    pub group: GroupId,
    /// `None` deletes.
    pub metadata: Option<GroupMetadata>,
}

/// What outlives the coordinator: members and their assignments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// "consumer", "connect", …; empty while nobody has joined.
    pub protocol_type: String,
    /// Counts rebalances.
    pub generation: i32,
    /// The protocol the members agreed on; `None` without members.
    pub protocol: Option<String>,
    /// Who computed the assignment; `None` without members.
    pub leader: Option<MemberId>,
    /// Since when the group is in this state, in wall-clock milliseconds.
    pub state_timestamp_ms: Option<i64>,
    /// Everyone of this generation.
    pub members: Vec<MemberMetadata>,
}

/// A member of a settled generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Drawn when it joined.
    pub member: MemberId,
    /// Set for static members (KIP-345).
    pub instance: Option<InstanceId>,
    /// `client.id`
    pub client_id: String,
    /// Its address as the coordinator saw it.
    pub client_host: String,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// What it said under the protocol agreed on.
    pub subscription: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}

impl ClassicRecord {
    pub(super) fn encode(&self) -> EncodedRecord {
        let mut key = Writer::key(KEY_KIND);
        key.string(self.group.as_str());
        EncodedRecord {
            key: key.finish(),
            value: self.metadata.as_ref().map(encode_value),
        }
    }

    pub(super) fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, RecordError> {
        let mut key = Reader::new(key);
        key.i16()?;
        let group = GroupId::from(key.string()?);
        let metadata = match value {
            None => None,
            Some(value) => match decode_value(value)? {
                None => return Ok(None),
                metadata => metadata,
            },
        };
        Ok(Some(ClassicRecord { group, metadata }))
    }
}

fn encode_value(metadata: &GroupMetadata) -> Bytes {
    let mut value = Writer::value(VALUE_VERSION);
    value.string(&metadata.protocol_type);
    value.i32(metadata.generation);
    value.nullable_string(metadata.protocol.as_deref());
    value.nullable_string(metadata.leader.as_ref().map(MemberId::as_str));
    value.i64(metadata.state_timestamp_ms.unwrap_or(-1));
    value.array_length(metadata.members.len());
    for member in &metadata.members {
        encode_member(&mut value, member);
    }
    value.finish()
}

fn encode_member(value: &mut Writer, member: &MemberMetadata) {
    value.string(member.member.as_str());
    value.nullable_string(member.instance.as_ref().map(InstanceId::as_str));
    value.string(&member.client_id);
    value.string(&member.client_host);
    value.i32(member.rebalance_timeout_ms);
    value.i32(member.session_timeout_ms);
    value.byte_array(&member.subscription);
    value.byte_array(&member.assignment);
}

fn decode_value(value: &Bytes) -> Result<Option<GroupMetadata>, RecordError> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    if !(0..=VALUE_VERSION_MAX).contains(&version) {
        return Ok(None);
    }
    let mut value = Versioned { value, version };
    let protocol_type = value.string()?;
    let generation = value.value.i32()?;
    let protocol = value.nullable_string()?;
    let leader = value.nullable_string()?.map(MemberId::from);
    let state_timestamp_ms = if version >= 2 { value.value.i64()? } else { -1 };
    let members = value.members()?;
    if version >= 4 {
        value.value.skip_tagged_fields()?;
    }
    Ok(Some(GroupMetadata {
        protocol_type,
        generation,
        protocol,
        leader,
        state_timestamp_ms: (state_timestamp_ms >= 0).then_some(state_timestamp_ms),
        members,
    }))
}

/// A value whose texts and arrays are compact from version 4.
struct Versioned {
    value: Reader,
    version: i16,
}

impl Versioned {
    fn flexible(&self) -> bool {
        self.version >= 4
    }

    fn string(&mut self) -> Result<String, RecordError> {
        match self.flexible() {
            true => self.value.compact_string(),
            false => self.value.string(),
        }
    }

    fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        match self.flexible() {
            true => self.value.compact_nullable_string(),
            false => self.value.nullable_string(),
        }
    }

    fn byte_array(&mut self) -> Result<Bytes, RecordError> {
        match self.flexible() {
            true => self.value.compact_byte_array(),
            false => self.value.byte_array(),
        }
    }

    fn members(&mut self) -> Result<Vec<MemberMetadata>, RecordError> {
        let count = match self.flexible() {
            true => self.value.compact_count(MEMBER_BYTES_MIN)?,
            false => self.value.count(MEMBER_BYTES_MIN)?,
        };
        (0..count).map(|_| self.member()).collect()
    }

    fn member(&mut self) -> Result<MemberMetadata, RecordError> {
        let member = MemberId::from(self.string()?);
        let instance = match self.version {
            3.. => self.nullable_string()?.map(InstanceId::from),
            _ => None,
        };
        let client_id = self.string()?;
        let client_host = self.string()?;
        let rebalance_timeout_ms = match self.version {
            1.. => Some(self.value.i32()?),
            _ => None,
        };
        let session_timeout_ms = self.value.i32()?;
        let subscription = self.byte_array()?;
        let assignment = self.byte_array()?;
        if self.flexible() {
            self.value.skip_tagged_fields()?;
        }
        Ok(MemberMetadata {
            member,
            instance,
            client_id,
            client_host,
            // Before version 1 both timeouts were one.
            rebalance_timeout_ms: rebalance_timeout_ms.unwrap_or(session_timeout_ms),
            session_timeout_ms,
            subscription,
            assignment,
        })
    }
}
