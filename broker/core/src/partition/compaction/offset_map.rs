//! The last offset of each key in the dirty part of a log, within a bound.
//!
//! Keys are held as 128 bits of hash, so memory depends on how many there are
//! and not on how long they are. Two keys of one hash would lose the earlier
//! one's record; by chance that takes some 10^19 keys in one partition.

use twox_hash::XxHash3_128;

use crate::ids::Offset;

/// Slots of a map that has just begun, or a few less.
const SLOTS_MIN: usize = 1 << 10;

/// Of each `LOAD_OF` slots at most so many are taken (Kafka's default of
/// `log.cleaner.io.buffer.load.factor`).
const LOAD: usize = 9;
const LOAD_OF: usize = 10;

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: [u64; 2],
    /// −1: nothing here.
    last_offset: i64,
}

const EMPTY: Slot = Slot {
    hash: [0; 2],
    last_offset: -1,
};

/// Which offset of a key is its last.
#[derive(Debug)]
pub struct OffsetMap {
    /// Open addressing.
    slots: Vec<Slot>,
    slots_max: usize,
    len: usize,
    end: Offset,
}

impl OffsetMap {
    /// A map that takes at most `bytes_max` (`log.cleaner.dedupe.buffer.size`),
    /// also while it grows, and covers nothing from `start` on yet. It always
    /// has room for a few keys: without, a log could never be cleaned.
    pub fn new(bytes_max: usize, start: Offset) -> OffsetMap {
        // Growing holds the old slots and twice as many new ones.
        let slots_max = bytes_max / size_of::<Slot>() * 2 / 3;
        OffsetMap {
            slots: Vec::new(),
            slots_max: slots_max.max(LOAD_OF),
            len: 0,
            end: start,
        }
    }

    /// Whether another key has room.
    pub fn has_room(&self) -> bool {
        self.len < self.slots_max * LOAD / LOAD_OF
    }

    /// Remembers where a key lies. Offsets must come in order.
    ///
    /// # Panics
    /// When there is no room; see [`has_room`](Self::has_room).
    pub fn put(&mut self, key: &[u8], offset: Offset) {
        assert!(self.has_room(), "asked before");
        if (self.len + 1) * LOAD_OF > self.slots.len() * LOAD {
            self.grow();
        }
        let hash = hash_of(key);
        let slot = slot_of(&self.slots, hash);
        if self.slots[slot].last_offset < 0 {
            self.len += 1;
        }
        self.slots[slot] = Slot {
            hash,
            last_offset: offset.0,
        };
    }

    /// The last offset of a key, if it is in the dirty part.
    pub fn last_offset(&self, key: &[u8]) -> Option<Offset> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = &self.slots[slot_of(&self.slots, hash_of(key))];
        (slot.last_offset >= 0).then_some(Offset(slot.last_offset))
    }

    /// All records below have been looked at: what is not the last one of its
    /// key may go.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// All records below `end` have been looked at.
    pub fn reached(&mut self, end: Offset) {
        self.end = self.end.max(end);
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the next of the sizes that are the largest one halved and halved
    /// again, so that the old and the new slots never take more than 3/2 of it.
    fn grow(&mut self) {
        let mut wanted = self.slots_max;
        while wanted / 2 > self.slots.len() && wanted / 2 >= SLOTS_MIN {
            wanted /= 2;
        }
        let mut slots = vec![EMPTY; wanted];
        for slot in self.slots.iter().filter(|slot| slot.last_offset >= 0) {
            let at = slot_of(&slots, slot.hash);
            slots[at] = *slot;
        }
        self.slots = slots;
    }
}

fn hash_of(key: &[u8]) -> [u64; 2] {
    let hash = XxHash3_128::oneshot(key);
    [(hash >> 64) as u64, hash as u64]
}

/// Where a hash lies, or would: the first free slot from its own on. There is
/// always a free one.
fn slot_of(slots: &[Slot], hash: [u64; 2]) -> usize {
    let mut at = (hash[1] % slots.len() as u64) as usize;
    while slots[at].last_offset >= 0 && slots[at].hash != hash {
        at = (at + 1) % slots.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_never_takes_more_than_it_may_and_says_when_it_is_full() {
        let bytes_max = 1 << 20;
        let mut map = OffsetMap::new(bytes_max, Offset(0));
        let mut held_bytes_max = 0;
        let mut count = 0i64;
        while map.has_room() {
            let before = map.slots.len();
            map.put(&count.to_be_bytes(), Offset(count));
            let growing = if map.slots.len() > before { before } else { 0 };
            held_bytes_max = held_bytes_max.max((map.slots.len() + growing) * size_of::<Slot>());
            count += 1;
        }
        assert!(held_bytes_max <= bytes_max, "{held_bytes_max}");
        assert!(count > 25_000, "{count} keys in 1 MiB");
        assert_eq!(map.last_offset(&7i64.to_be_bytes()), Some(Offset(7)));
    }

    #[test]
    fn the_smallest_map_still_takes_a_key() {
        let mut map = OffsetMap::new(0, Offset(0));
        assert!(map.has_room());
        map.put(b"key", Offset(3));
        assert_eq!(map.last_offset(b"key"), Some(Offset(3)));
    }

    proptest! {
        #[test]
        fn it_answers_as_a_plain_map_does(
            keys in proptest::collection::vec("[a-z]{0,3}", 0..3_000),
        ) {
            let mut model = BTreeMap::new();
            let mut map = OffsetMap::new(1 << 20, Offset(0));
            for (offset, key) in keys.iter().enumerate() {
                let offset = Offset(offset as i64);
                map.put(key.as_bytes(), offset);
                model.insert(key.clone(), offset);
            }
            prop_assert_eq!(map.len(), model.len());
            prop_assert_eq!(map.is_empty(), model.is_empty());
            for (key, offset) in &model {
                prop_assert_eq!(map.last_offset(key.as_bytes()), Some(*offset));
            }
            prop_assert_eq!(map.last_offset(b"four"), None);
        }
    }
}
