//! Parts of texts, and the bits that they set.
//!
//! Parts of three bytes are in every sketch: there are few different ones, whatever the lines. Those of four letters tell
//! more words apart. Of parts of eight, which tell identifiers apart, some are taken, chosen by what they are, so that a
//! text asks for the same ones wherever it stands: one in four where lines have few of them, else one in eight or sixteen. Other
//! parts of four are for lines with few different numbers.
//!
//! Parts that are letters have rows of their own, apart from all others: a word is told as well among lines full of
//! identifiers as among others. How many rows they have follows the lines, too.

use super::{LAYOUT, ROWS};

/// What the parts of one kind are counted by: numbers below this, of which several share a row.
const SPREAD: u64 = 1 << 16;
const WORDS: usize = (SPREAD / 64) as usize;
/// Odd, and its bits in no order: multiplying by it moves all bits of a number up, well mixed.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
/// The same for which parts of eight are taken, so that this says nothing of their rows.
const CHOOSE: u64 = 0xC2B2_AE3D_27D4_EB4F;

/// Rows that no part of a text sets: each is for one thing, whose bit says more than one of those that parts share.
pub(super) const OWN: u32 = 128;
/// How many of the others are for letters, in quarters.
const SHARES: [u32; 3] = [1, 2, 3];
/// So many different numbers fall on a hundred rows at most: then little more than half of them are set. With more, little is
/// known missing.
const FULLEST: u64 = 80;

/// Which parts are in a sketch, beside those of three, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds {
    choice: Choice,
    /// Quarters of the rows that are for letters.
    share: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    /// Four letters.
    letters: bool,
    /// Eight bytes: one in so many, as a power of two.
    eights: Option<u32>,
    /// Four bytes that are not all letters.
    others: bool,
}

/// The more telling ones first.
const CHOICES: [Choice; 9] = [
    Choice::of(true, Some(2), true),
    Choice::of(true, Some(3), true),
    Choice::of(true, Some(4), true),
    Choice::of(true, Some(2), false),
    Choice::of(true, Some(3), false),
    Choice::of(true, Some(4), false),
    Choice::of(true, None, false),
    Choice::of(false, Some(4), false),
    Choice::of(false, None, false),
];

impl Choice {
    const fn of(letters: bool, eights: Option<u32>, others: bool) -> Self {
        Self {
            letters,
            eights,
            others,
        }
    }
}

impl Kinds {
    /// Those that say most of these blocks; nothing where not even the shortest parts leave enough bits unset.
    pub(super) fn best(blocks: &[&Grams]) -> Option<Self> {
        let best_share = |choice: Choice| {
            let count = |is_wanted: fn(Part) -> bool| -> u64 {
                let set = |grams: &&Grams| u64::from(grams.count(choice, is_wanted));
                blocks.iter().map(set).sum()
            };
            let (letters, others) = (count(Part::is_letters), count(|part| !part.is_letters()));
            let fullest = |kinds: &Self| {
                let full = |set: u64, part| set * 100 / u64::from(kinds.region(part).1);
                full(letters, Part::ThreeLetters).max(full(others, Part::Three))
            };
            let kinds = SHARES.map(|share| Self { choice, share }).into_iter();
            let best = kinds.min_by_key(fullest)?;
            (fullest(&best) <= FULLEST * blocks.len() as u64).then_some(best)
        };
        CHOICES.into_iter().find_map(best_share)
    }

    fn all() -> impl Iterator<Item = Self> {
        let shares = |choice| SHARES.into_iter().map(move |share| Self { choice, share });
        CHOICES.into_iter().flat_map(shares)
    }

    /// As it is kept, more than [`LAYOUT`] alone.
    pub(super) fn number(self) -> u8 {
        let place = Self::all().position(|kinds| kinds == self);
        place.map_or(LAYOUT, |place| LAYOUT | (place as u8 + 1))
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        let place = number.checked_sub(LAYOUT)?.checked_sub(1)?;
        Self::all().nth(place.into())
    }

    /// The first row of those that such parts have, and how many they are.
    fn region(self, part: Part) -> (u32, u32) {
        let of_letters = (ROWS - OWN) / 4 * self.share;
        if part.is_letters() {
            (OWN, of_letters)
        } else {
            (OWN + of_letters, ROWS - OWN - of_letters)
        }
    }

    fn row(self, part: Part, number: u16) -> u32 {
        let (first, rows) = self.region(part);
        first + (u64::from(number) * u64::from(rows) / SPREAD) as u32
    }
}

/// Kinds of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    ThreeLetters,
    FourLetters,
    Three,
    /// Of eight, by how rare it is: those that are taken where one in four is, and no more where it is one in eight; and so on.
    Eight(u32),
    Four,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::ThreeLetters,
        Self::FourLetters,
        Self::Three,
        Self::Eight(2),
        Self::Eight(3),
        Self::Eight(4),
        Self::Four,
    ];

    fn is_letters(self) -> bool {
        matches!(self, Self::ThreeLetters | Self::FourLetters)
    }

    fn is_in(self, choice: Choice) -> bool {
        match self {
            Self::ThreeLetters | Self::Three => true,
            Self::FourLetters => choice.letters,
            Self::Four => choice.others,
            Self::Eight(rarity) => choice.eights.is_some_and(|taken| rarity >= taken),
        }
    }

    /// Which bits are for it.
    fn place(self) -> usize {
        match self {
            Self::ThreeLetters => 0,
            Self::FourLetters => 1,
            Self::Three => 2,
            Self::Eight(rarity) => 1 + rarity as usize,
            Self::Four => 6,
        }
    }
}

/// A number for something; those of different things mostly differ.
fn number(thing: u64) -> u16 {
    (thing.wrapping_mul(MIX) >> 48) as u16
}

/// Whether the last so many bytes are letters: those of a folded text, in any script.
fn are_letters(bytes: u64, count: usize) -> bool {
    bytes.to_le_bytes()[..count]
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || !byte.is_ascii())
}

/// The last three bytes.
fn three(bytes: u64) -> (Part, u16) {
    let part = if are_letters(bytes, 3) {
        Part::ThreeLetters
    } else {
        Part::Three
    };
    (part, number(3 << 32 | bytes & 0xFF_FFFF))
}

/// The last four.
fn four(bytes: u64) -> (Part, u16) {
    let part = if are_letters(bytes, 4) {
        Part::FourLetters
    } else {
        Part::Four
    };
    (part, number(4 << 32 | bytes & 0xFFFF_FFFF))
}

/// All eight; `None` when it is not one of those that are taken.
fn eight(bytes: u64) -> Option<(Part, u16)> {
    let rarity = bytes.wrapping_mul(CHOOSE).leading_zeros().min(4);
    (rarity >= 2).then(|| (Part::Eight(rarity), number(bytes ^ bytes.rotate_right(29))))
}

/// The rows that a text asks for, those that tell most first.
pub(super) fn of(text: &[u8], kinds: Kinds) -> impl Iterator<Item = u32> {
    let eights = windows(text, 8).filter_map(eight);
    let parts = eights
        .chain(windows(text, 4).map(four))
        .chain(windows(text, 3).map(three));
    parts
        .filter(move |(part, _)| part.is_in(kinds.choice))
        .map(move |(part, number)| kinds.row(part, number))
}

fn windows(text: &[u8], bytes: usize) -> impl Iterator<Item = u64> {
    let number = |part: &[u8]| part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    text.windows(bytes).map(number)
}

/// What one block has.
pub(super) struct Grams {
    /// Which numbers parts have, each kind for itself.
    parts: [Bits; Part::ALL.len()],
    /// Rows below [`OWN`].
    own: u128,
    /// The longest message, in bytes.
    pub(super) longest: usize,
}

type Bits = Box<[u64; WORDS]>;

impl Default for Grams {
    fn default() -> Self {
        Self {
            parts: Part::ALL.map(|_| Box::new([0; WORDS])),
            own: 0,
            longest: 0,
        }
    }
}

impl Grams {
    /// Sets what parts of this text set.
    pub(super) fn text(&mut self, text: &[u8]) {
        let mut last = 0u64;
        for (nth, &byte) in text.iter().enumerate() {
            last = last << 8 | u64::from(byte);
            if nth >= 2 {
                self.set(three(last));
            }
            if nth >= 3 {
                self.set(four(last));
            }
            if nth >= 7
                && let Some(eight) = eight(last)
            {
                self.set(eight);
            }
        }
    }

    fn set(&mut self, (part, number): (Part, u16)) {
        self.parts[part.place()][usize::from(number / 64)] |= 1 << (number % 64);
    }

    /// Sets a row that is for one thing.
    pub(super) fn set_own(&mut self, row: u32) {
        self.own |= 1 << row;
    }

    /// How many numbers there are of those kinds of a choice.
    fn count(&self, choice: Choice, is_wanted: fn(Part) -> bool) -> u32 {
        let wanted = Part::ALL
            .into_iter()
            .filter(|part| is_wanted(*part) && part.is_in(choice));
        let bits = wanted.map(|part| &self.parts[part.place()]);
        bits.flat_map(|bits| bits.iter())
            .map(|word| word.count_ones())
            .sum()
    }

    /// Hands over every row that these kinds set.
    pub(super) fn each(&self, kinds: Kinds, mut take: impl FnMut(u32)) {
        (0..OWN)
            .filter(|row| self.own >> row & 1 == 1)
            .for_each(&mut take);
        for part in Part::ALL.into_iter().filter(|part| part.is_in(kinds.choice)) {
            for (nth, mut word) in (0..).zip(self.parts[part.place()].iter().copied()) {
                while word != 0 {
                    take(kinds.row(part, nth * 64 + word.trailing_zeros() as u16));
                    word &= word - 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_kept_as_a_number_of_its_own() {
        for kinds in Kinds::all() {
            assert!(
                kinds.number() > LAYOUT && kinds.number() < LAYOUT << 1,
                "{kinds:?}"
            );
            assert_eq!(Kinds::from_number(kinds.number()), Some(kinds));
        }
        for unknown in [0, 1, LAYOUT - 1, LAYOUT, LAYOUT << 1, u8::MAX] {
            assert_eq!(Kinds::from_number(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn words_are_told_as_well_among_identifiers() {
        let mut grams = Grams::default();
        for nth in 0..3_000_u64 {
            let id = (0..2).map(|half| (nth * 2 + half + 1).wrapping_mul(MIX));
            let id: Vec<String> = id.map(|half| format!("{half:016x}")).collect();
            grams.text(format!("payment accepted {}", id.concat()).as_bytes());
        }
        let kinds = Kinds::best(&[&grams]).unwrap();
        let mut set = vec![false; ROWS as usize];
        grams.each(kinds, |row| set[row as usize] = true);
        let has = |text: &str| of(text.as_bytes(), kinds).all(|row| set[row as usize]);
        assert!(has("payment accepted"));
        let rare = [
            "zoe", "zyx", "qqx", "mallory", "trent", "vwxy", "klmno", "uvw", "jkl", "xyz",
        ];
        let found = rare.into_iter().filter(|word| has(word)).count();
        assert!(found <= 2, "{found} of {}", rare.len());
    }
}
