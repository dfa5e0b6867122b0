//! The words the shape table is written in: fields, their kinds, the versions
//! they exist in, and the size of what the decoder makes of them.
//!
//! Nothing here reads bytes; `walk` does, by these shapes.

use bytes::Bytes;
use kafka_protocol::protocol::Request;

/// The request body of one API, over a range of versions.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) key: i16,
    pub(crate) min_version: i16,
    pub(crate) max_version: i16,
    flexible_from: i16,
    pub(super) body: Struct,
}

/// A version no API reaches.
const NEVER: i16 = i16::MAX;

/// `R` is the crate's request type; the versions are those we can also answer.
/// None is flexible and the body is empty until said otherwise.
pub(super) const fn api<R: Request>(min_version: i16, max_version: i16) -> Api {
    let body = Struct::of::<R>(&[]);
    Api {
        key: R::KEY,
        min_version,
        max_version,
        flexible_from: NEVER,
        body,
    }
}

impl Api {
    /// From this version on lengths are compact and structs end in tagged
    /// fields (KIP-482).
    pub(super) const fn flexible_from(mut self, version: i16) -> Self {
        self.flexible_from = version;
        self
    }

    pub(super) const fn body(mut self, fields: &'static [Field]) -> Self {
        self.body.fields = fields;
        self
    }

    pub(crate) fn has_version(&self, version: i16) -> bool {
        self.min_version <= version && version <= self.max_version
    }

    /// Holds for versions beyond the range too, so that the header of a
    /// request we refuse can still be read.
    pub(crate) const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    /// Whether every element of every array takes at least a byte, so that the
    /// bytes of a body bound its elements.
    pub(super) const fn has_bounded_arrays(&self, version: i16) -> bool {
        self.body
            .has_bounded_arrays(version, self.is_flexible(version))
    }
}

/// A sequence of fields, and the memory it takes once decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Struct {
    pub(super) decoded_bytes: usize,
    pub(super) fields: &'static [Field],
}

impl Struct {
    const fn of<T>(fields: &'static [Field]) -> Self {
        Self {
            decoded_bytes: size_of::<T>(),
            fields,
        }
    }

    const fn has_bounded_arrays(&self, version: i16, flexible: bool) -> bool {
        let mut index = 0;
        while index < self.fields.len() {
            let bounded = match &self.fields[index].kind {
                // A flexible struct has at least its count of tagged fields.
                Kind::Structs(element) => {
                    (flexible || element.has_field(version))
                        && element.has_bounded_arrays(version, flexible)
                }
                Kind::Struct(shape) => shape.has_bounded_arrays(version, flexible),
                Kind::Array(element) => !matches!(element, Kind::Fixed(0) | Kind::Struct(_)),
                Kind::Fixed(_) | Kind::String | Kind::Bytes => true,
            };
            if self.fields[index].is_in_sequence(version) && !bounded {
                return false;
            }
            index += 1;
        }
        true
    }

    const fn has_field(&self, version: i16) -> bool {
        let mut index = 0;
        while index < self.fields.len() {
            if self.fields[index].is_in_sequence(version) {
                return true;
            }
            index += 1;
        }
        false
    }
}

/// How a field is laid out. Lengths before strings, bytes and arrays are
/// 16 or 32 bits, or compact varints in flexible versions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// This many bytes whatever the version: integers, booleans, UUIDs.
    Fixed(usize),
    String,
    /// Opaque to the guard: record batches, a consumer's metadata.
    Bytes,
    Struct(Struct),
    /// An array of strings or fixed-size values.
    Array(&'static Kind),
    /// An array of structs.
    Structs(Struct),
}

pub(super) const BOOL: Kind = Kind::Fixed(1);
pub(super) const INT8: Kind = Kind::Fixed(1);
pub(super) const INT16: Kind = Kind::Fixed(2);
pub(super) const INT32: Kind = Kind::Fixed(4);
pub(super) const INT64: Kind = Kind::Fixed(8);
pub(super) const UUID: Kind = Kind::Fixed(16);
pub(super) const STRING: Kind = Kind::String;
pub(super) const BYTES: Kind = Kind::Bytes;
pub(super) const INT32S: Kind = Kind::Array(&INT32);
pub(super) const STRINGS: Kind = Kind::Array(&STRING);

impl Kind {
    /// Memory one array element of this kind takes in the array itself.
    pub(super) const fn decoded_bytes(&self) -> usize {
        match self {
            Self::Fixed(bytes) => *bytes,
            // Slices of the frame: a handle each, never a copy.
            Self::String | Self::Bytes => size_of::<Bytes>(),
            Self::Struct(shape) => shape.decoded_bytes,
            Self::Array(_) | Self::Structs(_) => size_of::<Vec<u8>>(),
        }
    }
}

/// One field: where it exists, where it may be null, and its tag if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Kafka's name for it, for the error a person reads.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    from: i16,
    until: i16,
    null_from: i16,
    tag: Option<u32>,
}

/// A field that exists in every version and is never null, until said otherwise.
pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        from: 0,
        until: NEVER,
        null_from: NEVER,
        tag: None,
    }
}

/// A field of structs: what they hold follows with [`Field::struct_of`] or
/// [`Field::array_of`].
pub(super) const fn nested(name: &'static str) -> Field {
    field(name, Kind::Struct(Struct::of::<()>(&[])))
}

impl Field {
    pub(super) const fn from(mut self, version: i16) -> Self {
        self.from = version;
        self
    }

    /// The last version that has the field.
    pub(super) const fn until(mut self, version: i16) -> Self {
        self.until = version;
        self
    }

    pub(super) const fn null_from(mut self, version: i16) -> Self {
        self.null_from = version;
        self
    }

    /// Lives among the tagged fields of its struct instead of in sequence.
    pub(super) const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// One struct, which the crate decodes into `T`.
    pub(super) const fn struct_of<T>(mut self, fields: &'static [Field]) -> Self {
        self.kind = Kind::Struct(Struct::of::<T>(fields));
        self
    }

    /// Any number of structs, each of which the crate decodes into `T`.
    pub(super) const fn array_of<T>(mut self, fields: &'static [Field]) -> Self {
        self.kind = Kind::Structs(Struct::of::<T>(fields));
        self
    }

    pub(super) const fn is_in_sequence(&self, version: i16) -> bool {
        self.tag.is_none() && self.exists(version)
    }

    pub(super) fn has_tag(&self, tag: u32, version: i16) -> bool {
        self.tag == Some(tag) && self.exists(version)
    }

    pub(super) fn is_nullable(&self, version: i16) -> bool {
        version >= self.null_from
    }

    const fn exists(&self, version: i16) -> bool {
        self.from <= version && version <= self.until
    }
}
