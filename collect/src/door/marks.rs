//! What is said of a line that is not all of what its sender wrote: marks among its fields.

use std::collections::HashMap;

/// What becomes of a line that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TooLong {
    /// It is rejected.
    #[default]
    Refuse,
    /// Its beginning is kept, with a mark.
    Cut,
}

/// What a line is marked with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// How many bytes of it are left out at its end: the field `_cut`.
    pub cut: u64,
    /// Whether it had no end when it was sent; what its program wrote later is a line of its own: the field `_partial`.
    pub partial: bool,
}

/// Lines that their sender marked, by their number.
pub type Told = HashMap<u32, Marks>;

impl Marks {
    /// The fields, each with its value as JSON.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let cut = (self.cut > 0).then(|| ("_cut", self.cut.to_string()));
        let partial = self.partial.then(|| ("_partial", "true".to_owned()));
        cut.into_iter().chain(partial).collect()
    }
}

/// As many bytes as there may be, up to the end of a character.
pub(super) fn beginning(bytes: &[u8], most: usize) -> &[u8] {
    if bytes.len() <= most {
        return bytes;
    }
    let is_inside = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    // A character has four bytes at most; what has more is none.
    let back = (0..4).find(|back| most.checked_sub(*back).is_some_and(|at| !is_inside(at)));
    &bytes[..most - back.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_ends_where_a_character_does() {
        let table: &[(&[u8], usize, usize)] = &[
            (b"abc", 3, 3),
            (b"abc", 2, 2),
            ("aé".as_bytes(), 2, 1),
            ("é€😀".as_bytes(), 8, 5),
            ("é€😀".as_bytes(), 5, 5),
            ("é€😀".as_bytes(), 4, 2),
            ("é".as_bytes(), 1, 0),
            (b"\x80\x80\x80\x80\x80\x80", 5, 5),
            (b"\x80\x80", 1, 1),
        ];
        for &(bytes, most, kept) in table {
            assert_eq!(beginning(bytes, most).len(), kept, "{bytes:?} {most}");
        }
    }
}
