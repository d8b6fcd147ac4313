//! Finds names in the [table](super::table), however they are spelled.

use super::table::{NAMES, Name, TELLTALES};
use super::writers::Writers;

/// The longest name that is looked up, in bytes without what counts for nothing.
const LONGEST: usize = 48;

/// A name without what counts for nothing: in lower case, without `.`, `_`, `-` and `@`. Of nested members, all of them
/// one after another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    bytes: [u8; LONGEST],
    length: usize,
}

/// What the table has under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The place in [`NAMES`]: the lower, the sooner it is taken.
    pub(super) rank: Option<u16>,
    /// Whether names begin so that go on inside of it.
    pub(super) holds_more: bool,
    /// Who writes lines with such a member.
    pub(super) writers: Writers,
}

impl Found {
    const NOTHING: Self = Self {
        rank: None,
        holds_more: false,
        writers: Writers::NONE,
    };

    const fn is_nothing(&self) -> bool {
        self.rank.is_none() && !self.holds_more && self.writers.is_none()
    }
}

impl Key {
    pub(super) const EMPTY: Self = Self {
        bytes: [0; LONGEST],
        length: 0,
    };

    /// The name of a member.
    pub(super) const fn of(name: &str) -> Option<Self> {
        Self::EMPTY.then(name)
    }

    /// The name of a member of what this is the name of. `None` when it is longer than any that is known.
    pub(super) const fn then(mut self, name: &str) -> Option<Self> {
        let name = name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            if !is_nothing(name[at]) {
                if self.length == LONGEST {
                    return None;
                }
                self.bytes[self.length] = name[at].to_ascii_lowercase();
                self.length += 1;
            }
            at += 1;
        }
        Some(self)
    }

    /// What the table has under this name.
    pub(super) fn found(&self) -> Found {
        let mut slot = self.slot();
        loop {
            let entry = &INDEX[slot];
            if entry.found.is_nothing() || entry.key == *self {
                return entry.found;
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    const fn slot(&self) -> usize {
        // FNV-1a.
        let mut hash: u32 = 0x811c_9dc5;
        let mut at = 0;
        while at < self.length {
            hash = (hash ^ self.bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        (hash ^ (hash >> 16)) as usize % SLOTS
    }

    const fn is(&self, other: &Self) -> bool {
        if self.length != other.length {
            return false;
        }
        let mut at = 0;
        while at < self.length {
            if self.bytes[at] != other.bytes[at] {
                return false;
            }
            at += 1;
        }
        true
    }
}

const fn is_nothing(byte: u8) -> bool {
    matches!(byte, b'.' | b'_' | b'-' | b'@')
}

/// The table has some hundred names with what they begin with: most slots stay empty.
const SLOTS: usize = 512;

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    found: Found,
}

/// Every name and everything that one begins with, by its key: open addressing, made when this is compiled.
static INDEX: [Entry; SLOTS] = index();

const fn index() -> [Entry; SLOTS] {
    let mut index = [Entry {
        key: Key::EMPTY,
        found: Found::NOTHING,
    }; SLOTS];
    let mut nth = 0;
    while nth < NAMES.len() {
        let Name { path, .. } = NAMES[nth];
        let slot = place(&mut index, path);
        if index[slot].found.rank.is_none() {
            index[slot].found.rank = Some(nth as u16);
        }
        nth += 1;
    }
    nth = 0;
    while nth < TELLTALES.len() {
        let (path, writer) = TELLTALES[nth];
        let slot = place(&mut index, path);
        index[slot].found.writers = index[slot].found.writers.and(Writers::of(writer));
        nth += 1;
    }
    index
}

/// Makes a place for a name, and for all that it begins with.
const fn place(index: &mut [Entry; SLOTS], path: &str) -> usize {
    let path = path.as_bytes();
    let mut key = Key::EMPTY;
    let mut at = 0;
    while at < path.len() {
        if path[at] == b'.' {
            let slot = slot_of(index, &key);
            index[slot].key = key;
            index[slot].found.holds_more = true;
        } else if !is_nothing(path[at]) {
            key.bytes[key.length] = path[at].to_ascii_lowercase();
            key.length += 1;
        }
        at += 1;
    }
    let slot = slot_of(index, &key);
    index[slot].key = key;
    slot
}

/// Where the key is, or may be put.
const fn slot_of(index: &[Entry; SLOTS], key: &Key) -> usize {
    let mut slot = key.slot();
    while !index[slot].found.is_nothing() && !index[slot].key.is(key) {
        slot = (slot + 1) % SLOTS;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<&'static str> {
        let rank = Key::of(name)?.found().rank?;
        Some(NAMES[usize::from(rank)].path)
    }

    #[test]
    fn every_name_is_found_however_it_is_spelled_and_no_two_are_alike() {
        for name in NAMES {
            let path = name.path;
            for spelled in [
                path.to_owned(),
                path.to_uppercase(),
                path.replace('.', ""),
                format!("_@{}-", path.replace('.', "_")),
            ] {
                assert_eq!(found(&spelled), Some(path), "{spelled}");
            }
        }
    }

    #[test]
    fn other_names_are_not_found() {
        let long = "message".repeat(20);
        for name in ["", "tsx", "order", "fields", "messages", "é", &long] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn what_names_go_on_in_is_known() {
        for (name, holds_more) in [
            ("Fields", true),
            ("record", true),
            ("level", true),
            ("msg", false),
        ] {
            assert_eq!(Key::of(name).unwrap().found().holds_more, holds_more, "{name}");
        }
        let inner = Key::of("record").and_then(|key| key.then("level")).unwrap();
        assert!(inner.found().holds_more);
    }
}
