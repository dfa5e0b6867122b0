//! Valid requests of every API the guard has a shape for, made through the
//! `kafka-protocol` encoder: the judge of the guard's table.

mod admin;
mod draw;
mod groups;
mod mutation;
mod records;

pub use draw::Draw;
pub use mutation::Mutation;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Message, Request};

/// Makes a request body of some version from what is drawn.
type Generate = dyn Fn(&mut Draw<'_>, i16) -> BytesMut;

/// One API as the crate knows it.
pub struct Case {
    pub key: i16,
    pub min_version: i16,
    pub max_version: i16,
    generate: Box<Generate>,
    decode: fn(&mut Bytes, i16) -> bool,
    describe_answer: fn(&mut Bytes, i16) -> Option<String>,
}

impl Case {
    /// `generate` fills what `version` has and leaves the rest at its default.
    fn new<R>(generate: fn(&mut Draw<'_>, i16) -> R) -> Self
    where
        R: Request + 'static,
        R::Response: std::fmt::Debug,
    {
        let versions = R::VERSIONS.intersect(&<R::Response as Message>::VERSIONS);
        Self {
            key: R::KEY,
            min_version: versions.min,
            max_version: versions.max,
            generate: Box::new(move |draw, version| {
                let mut body = BytesMut::new();
                generate(draw, version)
                    .encode(&mut body, version)
                    .expect("the crate encodes it");
                body
            }),
            decode: |body, version| R::decode(body, version).is_ok(),
            describe_answer: |body, version| {
                let response = <R::Response as Decodable>::decode(body, version).ok()?;
                Some(format!("{response:?}"))
            },
        }
    }

    /// A request body, shaped by the bytes of `tape`.
    pub fn body(&self, tape: &[u8], version: i16) -> BytesMut {
        (self.generate)(&mut Draw::new(tape), version)
    }

    /// Whether the crate decodes the body; advances past what it read.
    pub fn decodes(&self, body: &mut Bytes, version: i16) -> bool {
        (self.decode)(body, version)
    }

    /// The answer in words, if the crate decodes it; advances past what it read.
    #[allow(dead_code, reason = "only who has a broker gets answers")]
    pub fn describe_answer(&self, body: &mut Bytes, version: i16) -> Option<String> {
        (self.describe_answer)(body, version)
    }

    /// Some version of this API, by an arbitrary byte.
    pub fn version(&self, byte: u8) -> i16 {
        self.min_version + i16::from(byte) % (self.max_version - self.min_version + 1)
    }
}

/// Every API, in the order of keys.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(records::produce),
        Case::new(records::fetch),
        Case::new(records::list_offsets),
        Case::new(records::delete_records),
        Case::new(records::init_producer_id),
        Case::new(records::offset_for_leader_epoch),
        Case::new(groups::offset_commit),
        Case::new(groups::offset_fetch),
        Case::new(groups::offset_delete),
        Case::new(groups::find_coordinator),
        Case::new(groups::join_group),
        Case::new(groups::heartbeat),
        Case::new(groups::leave_group),
        Case::new(groups::sync_group),
        Case::new(groups::describe_groups),
        Case::new(groups::list_groups),
        Case::new(groups::delete_groups),
        Case::new(groups::consumer_group_heartbeat),
        Case::new(groups::consumer_group_describe),
        Case::new(admin::metadata),
        Case::new(admin::api_versions),
        Case::new(admin::create_topics),
        Case::new(admin::delete_topics),
        Case::new(admin::describe_configs),
        Case::new(admin::alter_configs),
        Case::new(admin::describe_log_dirs),
        Case::new(admin::create_partitions),
        Case::new(admin::incremental_alter_configs),
        Case::new(admin::describe_cluster),
        Case::new(admin::describe_topic_partitions),
    ];
    cases.sort_by_key(|case| case.key);
    cases
}
