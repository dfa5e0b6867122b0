//! Values in a script that stand for what only a server can give, and putting
//! the real ones in. They look like nothing that a server gives.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ProducerId, RequestKind};
use kafka_protocol::protocol::StrBytes;
use ottla_core::batch::crc::checksum_fits;
use ottla_core::batch::header::BATCH_HEADER_BYTES;
use uuid::Uuid;

use super::generate::batches::{PRODUCER_ID, write_checksum};
use super::script::CLIENTS;
use super::world::{Membership, World};

const TOPIC_ID_MARK: u128 = 0x0771_a000_0000_4000_8000 << 48;
const PRODUCER_MARK: i64 = -1_000;
const EPOCH_MARK: i32 = i32::MIN + 1_000;
const SESSION_MARK: i32 = i32::MIN + 2_000;

/// Stands for the next epoch of the session that the request names.
pub const NEXT_SESSION_EPOCH: i32 = i32::MIN + 3_000;

/// Stands for the id of the script's topic of that number; `age` 1 is the id it
/// had before it was deleted and created again.
pub fn topic_id(number: usize, age: usize) -> Uuid {
    Uuid::from_u128(TOPIC_ID_MARK | (number as u128) << 8 | age as u128)
}

/// Stands for the member id that client has in the request's group.
pub fn member(client: usize) -> StrBytes {
    StrBytes::from_string(format!("<member {client}>"))
}

/// Stands for the sender's generation or member epoch, and so many more.
pub fn epoch(more: i32) -> i32 {
    EPOCH_MARK + more
}

/// Stands for the producer id that client was given last.
pub fn producer_id(client: usize) -> i64 {
    PRODUCER_MARK - i64::try_from(client).expect("clients are few")
}

/// Stands for that client's fetch session.
pub fn session_id(client: usize) -> i32 {
    SESSION_MARK + i32::try_from(client).expect("clients are few")
}

/// Puts the real values into what `client` is about to send.
pub fn fill(request: &mut RequestKind, client: usize, world: &World) {
    match request {
        RequestKind::Produce(request) => {
            for topic in &mut request.topic_data {
                fill_topic_id(&mut topic.topic_id, world);
                for partition in &mut topic.partition_data {
                    let records = partition.records.take();
                    partition.records = records.map(|records| with_producer(records, world));
                }
            }
        }
        RequestKind::Fetch(request) => {
            for topic in &mut request.topics {
                fill_topic_id(&mut topic.topic_id, world);
            }
            for topic in &mut request.forgotten_topics_data {
                fill_topic_id(&mut topic.topic_id, world);
            }
            fill_session(&mut request.session_id, &mut request.session_epoch, world);
        }
        RequestKind::Metadata(request) => {
            for topic in request.topics.iter_mut().flatten() {
                fill_topic_id(&mut topic.topic_id, world);
            }
        }
        RequestKind::DeleteTopics(request) => {
            for topic in &mut request.topics {
                fill_topic_id(&mut topic.topic_id, world);
            }
        }
        RequestKind::InitProducerId(request) => {
            request.producer_id = ProducerId(filled_producer(request.producer_id.0, world));
        }
        of_a_group => fill_group_request(of_a_group, client, world),
    }
}

fn fill_group_request(request: &mut RequestKind, client: usize, world: &World) {
    match request {
        RequestKind::JoinGroup(request) => {
            fill_member(&mut request.member_id, &request.group_id, world);
        }
        RequestKind::SyncGroup(request) => {
            let own = world.membership(&request.group_id, client);
            fill_member(&mut request.member_id, &request.group_id, world);
            fill_epoch(&mut request.generation_id, &own);
            for assignment in &mut request.assignments {
                fill_member(&mut assignment.member_id, &request.group_id, world);
            }
        }
        RequestKind::Heartbeat(request) => {
            let own = world.membership(&request.group_id, client);
            fill_member(&mut request.member_id, &request.group_id, world);
            fill_epoch(&mut request.generation_id, &own);
        }
        RequestKind::LeaveGroup(request) => {
            fill_member(&mut request.member_id, &request.group_id, world);
            for member in &mut request.members {
                fill_member(&mut member.member_id, &request.group_id, world);
            }
        }
        RequestKind::OffsetCommit(request) => {
            let own = world.membership(&request.group_id, client);
            fill_member(&mut request.member_id, &request.group_id, world);
            fill_epoch(&mut request.generation_id_or_member_epoch, &own);
        }
        RequestKind::OffsetFetch(request) => {
            for group in &mut request.groups {
                let own = world.membership(&group.group_id, client);
                if let Some(member_id) = &mut group.member_id {
                    fill_member(member_id, &group.group_id, world);
                }
                fill_epoch(&mut group.member_epoch, &own);
            }
        }
        RequestKind::ConsumerGroupHeartbeat(request) => {
            let own = world.membership(&request.group_id, client);
            fill_member(&mut request.member_id, &request.group_id, world);
            fill_epoch(&mut request.member_epoch, &own);
            for topic in request.topic_partitions.iter_mut().flatten() {
                fill_topic_id(&mut topic.topic_id, world);
            }
        }
        _ => {}
    }
}

/// An id that was never learnt becomes one that no server has given.
fn fill_topic_id(id: &mut Uuid, world: &World) {
    let number = id.as_u128();
    if number & !0xffff == TOPIC_ID_MARK {
        let (number, age) = (number >> 8 & 0xff, number & 0xff);
        let known = world.topic_id(number as usize, age as usize);
        *id = known.unwrap_or(Uuid::from_u128(0xdead_0000 | number << 8 | age));
    }
}

fn fill_member(member_id: &mut StrBytes, group: &str, world: &World) {
    let client = member_id
        .strip_prefix("<member ")
        .and_then(|rest| rest.strip_suffix('>'))
        .and_then(|client| client.parse().ok());
    if let Some(client) = client {
        *member_id = StrBytes::from_string(world.membership(group, client).member_id);
    }
}

fn fill_epoch(epoch: &mut i32, own: &Membership) {
    if (EPOCH_MARK - 100..EPOCH_MARK + 100).contains(epoch) {
        *epoch = own.epoch + (*epoch - EPOCH_MARK);
    }
}

fn fill_session(session_id: &mut i32, epoch: &mut i32, world: &World) {
    let client = usize::try_from(session_id.wrapping_sub(SESSION_MARK));
    if let Ok(client @ 0..CLIENTS) = client {
        let session = world.session(client);
        *session_id = session.id;
        if *epoch == NEXT_SESSION_EPOCH {
            *epoch = session.next_epoch;
        }
    }
}

fn filled_producer(producer_id: i64, world: &World) -> i64 {
    match usize::try_from(PRODUCER_MARK - producer_id) {
        // One that no server has given: the client never asked.
        Ok(client @ 0..CLIENTS) => world.producer_id(client).unwrap_or(987_654_321),
        _ => producer_id,
    }
}

/// The checksum is written again where it was right.
fn with_producer(records: Bytes, world: &World) -> Bytes {
    let Some(sent) = records.get(PRODUCER_ID) else {
        return records;
    };
    let sent = i64::from_be_bytes(sent.try_into().expect("eight bytes"));
    let filled = filled_producer(sent, world);
    if filled == sent || records.len() < BATCH_HEADER_BYTES {
        return records;
    }
    let fitted = checksum_fits(&records);
    let mut records = BytesMut::from(records.as_ref());
    records[PRODUCER_ID].copy_from_slice(&filled.to_be_bytes());
    if fitted {
        write_checksum(&mut records);
    }
    records.freeze()
}
