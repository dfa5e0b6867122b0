//! OpenAPI schemas of the types whose JSON is not what their Rust form suggests.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    CommentId, EventId, Moment, PostId, ProcessId, Secret, SubscriptionId, Timestamp, UserId,
};

fn plain(kind: Type, format: Option<SchemaFormat>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(kind)
        .format(format)
        .build()
        .into()
}

macro_rules! schema {
    ($($name:ident: $kind:expr, $format:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                plain($kind, $format)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

schema! {
    UserId: Type::Integer, Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    PostId: Type::Integer, Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    CommentId: Type::Integer, Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    SubscriptionId: Type::Integer, Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
    EventId: Type::String, Some(SchemaFormat::Custom("uuid".into()));
    Timestamp: Type::String, Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    Moment: Type::String, Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    ProcessId: Type::String, Some(SchemaFormat::Custom("uuid".into()));
    Secret: Type::String, None;
}
