//! The walk over a request body: reads lengths, skips values, counts what the
//! decoder will allocate.
//!
//! Every step consumes bytes that are there, and every array element has a
//! field in every version (`apis` proves it when it compiles), so the walk ends
//! after at most as many elements as the body has bytes.

use super::error::GuardError;
use super::shape::{Api, Field, Kind, Struct};

/// Two or more allocations share nothing: each has the allocator's header.
const ALLOCATION_BYTES: usize = 16;
/// A node of the decoder's map of unknown tagged fields (11 keys, values and,
/// inside the tree, 12 edges).
const TAG_NODE_BYTES: usize = 520;
/// A node of such a map is never emptier than this, but for the first.
const TAGS_PER_NODE_MIN: usize = 4;
/// The shared handle that the first slice of a frame makes.
const FRAME_HANDLE_BYTES: usize = 64;

/// Upper bound of the decoder's allocations, or why the body is unsound.
pub(super) fn decoded_bytes(api: &Api, version: i16, body: &[u8]) -> Result<usize, GuardError> {
    let mut walk = Walk {
        rest: body,
        version,
        flexible: api.is_flexible(version),
        decoded_bytes: FRAME_HANDLE_BYTES,
    };
    // Bytes behind the last field stay unread, here and in the decoder: Kafka
    // does not look at them either, and librdkafka sends some.
    walk.fields(&api.body)?;
    Ok(walk.decoded_bytes)
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    decoded_bytes: usize,
}

impl Walk<'_> {
    fn fields(&mut self, shape: &Struct) -> Result<(), GuardError> {
        for field in shape.fields {
            if field.is_in_sequence(self.version) {
                self.field(field)?;
            }
        }
        if self.flexible {
            self.tagged_fields(shape)
        } else {
            Ok(())
        }
    }

    fn field(&mut self, field: &Field) -> Result<(), GuardError> {
        let nullable = field.is_nullable(self.version);
        match &field.kind {
            Kind::Struct(shape) if nullable => self.nullable_struct(field.name, shape),
            Kind::Struct(shape) => self.fields(shape),
            kind => self.value(field.name, kind, nullable),
        }
    }

    fn value(&mut self, name: &'static str, kind: &Kind, nullable: bool) -> Result<(), GuardError> {
        match kind {
            Kind::Fixed(bytes) => self.skip(name, *bytes),
            Kind::String => {
                let length = if self.flexible {
                    self.compact(name)?
                } else {
                    self.short(name)?
                };
                self.opaque(name, length, nullable)
            }
            Kind::Bytes => {
                let length = if self.flexible {
                    self.compact(name)?
                } else {
                    self.long(name)?
                };
                self.opaque(name, length, nullable)
            }
            Kind::Array(element) => self.array(name, element, nullable),
            Kind::Structs(shape) => self.structs(name, shape, nullable),
            Kind::Struct(shape) => self.fields(shape),
        }
    }

    fn opaque(
        &mut self,
        name: &'static str,
        length: Option<usize>,
        nullable: bool,
    ) -> Result<(), GuardError> {
        match length {
            Some(bytes) => self.skip(name, bytes),
            None if nullable => Ok(()),
            None => Err(GuardError::Null { field: name }),
        }
    }

    fn array(
        &mut self,
        name: &'static str,
        element: &Kind,
        nullable: bool,
    ) -> Result<(), GuardError> {
        let count = self.count(name, nullable)?;
        self.allocates(count, element.decoded_bytes());
        if let Kind::Fixed(bytes) = element {
            return self.skip(name, count.saturating_mul(*bytes));
        }
        for _ in 0..count {
            self.value(name, element, false)?;
        }
        Ok(())
    }

    fn structs(
        &mut self,
        name: &'static str,
        shape: &Struct,
        nullable: bool,
    ) -> Result<(), GuardError> {
        let count = self.count(name, nullable)?;
        self.allocates(count, shape.decoded_bytes);
        for _ in 0..count {
            self.fields(shape)?;
        }
        Ok(())
    }

    /// A struct that may be null is preceded by a byte that says so.
    fn nullable_struct(&mut self, name: &'static str, shape: &Struct) -> Result<(), GuardError> {
        let [marker] = self.take::<1>(name)?;
        match i8::from_be_bytes([marker]) {
            1 => self.fields(shape),
            -1 => Ok(()),
            marker => Err(GuardError::StructMarker {
                field: name,
                marker,
            }),
        }
    }

    fn tagged_fields(&mut self, shape: &Struct) -> Result<(), GuardError> {
        const NAME: &str = "tagged_fields";
        let count = self.varint(NAME)? as usize;
        self.covered(NAME, count)?;
        if count > 0 {
            self.allocates(1 + count / TAGS_PER_NODE_MIN, TAG_NODE_BYTES);
        }
        for _ in 0..count {
            let tag = self.varint(NAME)?;
            let size_bytes = self.varint(NAME)? as usize;
            let known = shape
                .fields
                .iter()
                .find(|field| field.has_tag(tag, self.version));
            match known {
                Some(field) => self.known_tag(field, size_bytes)?,
                None => self.skip(NAME, size_bytes)?,
            }
        }
        Ok(())
    }

    /// The decoder reads a tag it knows by its shape and never looks at the
    /// size, so the two must agree.
    fn known_tag(&mut self, field: &Field, size_bytes: usize) -> Result<(), GuardError> {
        let before_bytes = self.rest.len();
        self.field(field)?;
        let held_bytes = before_bytes - self.rest.len();
        if held_bytes != size_bytes {
            return Err(GuardError::TagSize {
                field: field.name,
                size_bytes,
                held_bytes,
            });
        }
        Ok(())
    }

    /// How many elements an array has; 0 for null.
    fn count(&mut self, name: &'static str, nullable: bool) -> Result<usize, GuardError> {
        let count = if self.flexible {
            self.compact(name)?
        } else {
            self.long(name)?
        };
        match count {
            Some(count) => self.covered(name, count).map(|()| count),
            None if nullable => Ok(0),
            None => Err(GuardError::Null { field: name }),
        }
    }

    /// No element takes less than a byte.
    fn covered(&self, name: &'static str, count: usize) -> Result<(), GuardError> {
        let remaining_bytes = self.rest.len();
        if count > remaining_bytes {
            return Err(GuardError::Count {
                field: name,
                count,
                remaining_bytes,
            });
        }
        Ok(())
    }

    fn allocates(&mut self, count: usize, element_bytes: usize) {
        if count > 0 {
            let bytes = count
                .saturating_mul(element_bytes)
                .saturating_add(ALLOCATION_BYTES);
            self.decoded_bytes = self.decoded_bytes.saturating_add(bytes);
        }
    }

    fn short(&mut self, name: &'static str) -> Result<Option<usize>, GuardError> {
        length(name, i16::from_be_bytes(self.take(name)?).into())
    }

    fn long(&mut self, name: &'static str) -> Result<Option<usize>, GuardError> {
        length(name, i32::from_be_bytes(self.take(name)?))
    }

    /// KIP-482: the length plus one; 0 is null.
    fn compact(&mut self, name: &'static str) -> Result<Option<usize>, GuardError> {
        Ok((self.varint(name)? as usize).checked_sub(1))
    }

    fn varint(&mut self, name: &'static str) -> Result<u32, GuardError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.take(name)?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        let [byte] = self.take(name)?;
        if byte > 0x0f {
            return Err(GuardError::Varint { field: name });
        }
        Ok(value | u32::from(byte) << 28)
    }

    fn take<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], GuardError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(name, N));
        };
        self.rest = rest;
        Ok(*bytes)
    }

    fn skip(&mut self, name: &'static str, bytes: usize) -> Result<(), GuardError> {
        let Some(rest) = self.rest.get(bytes..) else {
            return Err(self.truncated(name, bytes));
        };
        self.rest = rest;
        Ok(())
    }

    fn truncated(&self, field: &'static str, needed_bytes: usize) -> GuardError {
        GuardError::Truncated {
            field,
            needed_bytes,
            remaining_bytes: self.rest.len(),
        }
    }
}

fn length(name: &'static str, length: i32) -> Result<Option<usize>, GuardError> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(GuardError::NegativeLength {
            field: name,
            length,
        }),
    }
}
