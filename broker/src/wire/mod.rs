//! Bytes to values and back: frames, headers, the guard, the two hot codecs.

pub(crate) mod fetch;
pub(crate) mod fields;
pub(crate) mod frame;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod produce;

#[cfg(test)]
mod tests {
    use super::guard;
    use crate::apis::{Body, TABLE};

    #[test]
    fn the_guard_has_a_shape_for_every_version_of_every_row_it_answers_for() {
        for row in TABLE.iter().filter(|row| row.body == Body::Guarded) {
            let shape = guard::api(row.key as i16);
            for version in row.min_version..=row.max_version {
                let covered = shape.is_some_and(|shape| shape.has_version(version));
                assert!(covered, "{:?} version {version}", row.key);
            }
        }
    }
}
