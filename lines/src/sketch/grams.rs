//! Parts of texts, and the bits that they set.
//!
//! Parts of three bytes are in every sketch: there are few different ones, whatever the lines. Those of four letters tell
//! more words apart. Of parts of eight, which tell identifiers apart, one in sixteen is taken, chosen by what it is, so that a
//! text asks for the same ones wherever it stands. Other parts of four are for lines with few different numbers.

use super::{LAYOUT, ROWS};

const WORDS: usize = ROWS.div_ceil(64) as usize;
/// Odd, and its bits in no order: multiplying by it moves all bits of a number up, well mixed.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
/// The same for which parts of eight are taken, so that this says nothing of their rows.
const CHOOSE: u64 = 0xC2B2_AE3D_27D4_EB4F;
/// One in so many is taken, as a power of two.
const CHOSEN: u32 = 4;

/// Which parts are in a sketch, beside those of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds {
    /// Four letters.
    letters: bool,
    /// Eight bytes, some of them.
    eights: bool,
    /// Four bytes that are not all letters.
    others: bool,
}

impl Kinds {
    /// The more telling ones first.
    pub(super) const CHOICES: [Self; 4] = [
        Self::of(true, true, true),
        Self::of(true, true, false),
        Self::of(true, false, false),
        Self::of(false, false, false),
    ];

    const fn of(letters: bool, eights: bool, others: bool) -> Self {
        Self {
            letters,
            eights,
            others,
        }
    }

    /// As it is kept, more than [`LAYOUT`] alone.
    pub(super) fn number(self) -> u8 {
        LAYOUT | 1 | u8::from(self.letters) << 1 | u8::from(self.eights) << 2 | u8::from(self.others) << 3
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::CHOICES.into_iter().find(|kinds| kinds.number() == number)
    }
}

/// Rows that no part of a text sets: each is for one thing, whose bit says more than one of those that parts share.
pub(super) const OWN: u32 = 128;

/// Where the bit of something is; numbers of different things differ.
fn row(thing: u64) -> u32 {
    let mixed = thing.wrapping_mul(MIX) >> 32;
    OWN + ((mixed * u64::from(ROWS - OWN)) >> 32) as u32
}

fn three(bytes: u64) -> u32 {
    row(3 << 32 | bytes & 0xFF_FFFF)
}

fn four(bytes: u64) -> u32 {
    row(4 << 32 | bytes & 0xFFFF_FFFF)
}

/// Whether four bytes are letters: those of a folded text, in any script.
fn are_letters(bytes: u64) -> bool {
    (bytes as u32)
        .to_be_bytes()
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || !byte.is_ascii())
}

/// `None` when it is not one of those that are taken.
fn eight(bytes: u64) -> Option<u32> {
    let taken = bytes.wrapping_mul(CHOOSE) >> (64 - CHOSEN) == 0;
    taken.then(|| row(bytes ^ bytes.rotate_right(29)))
}

/// The rows that a text asks for, those that tell most first.
pub(super) fn of(text: &[u8], kinds: Kinds) -> impl Iterator<Item = u32> {
    let eights = windows(text, 8).filter_map(eight).filter(move |_| kinds.eights);
    let has = move |part: &u64| {
        if are_letters(*part) {
            kinds.letters
        } else {
            kinds.others
        }
    };
    let fours = windows(text, 4).filter(has).map(four);
    eights.chain(fours).chain(windows(text, 3).map(three))
}

fn windows(text: &[u8], bytes: usize) -> impl Iterator<Item = u64> {
    let number = |part: &[u8]| part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    text.windows(bytes).map(number)
}

/// The bits of one block, each kind for itself.
pub(super) struct Grams {
    threes: Bits,
    letters: Bits,
    eights: Bits,
    others: Bits,
    /// The longest message, in bytes.
    pub(super) longest: usize,
}

type Bits = Box<[u64; WORDS]>;

impl Default for Grams {
    fn default() -> Self {
        let none = || Box::new([0; WORDS]);
        Self {
            threes: none(),
            letters: none(),
            eights: none(),
            others: none(),
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
                set(&mut self.threes, three(last));
            }
            if nth >= 3 {
                let fours = if are_letters(last) {
                    &mut self.letters
                } else {
                    &mut self.others
                };
                set(fours, four(last));
            }
            if nth >= 7
                && let Some(row) = eight(last)
            {
                set(&mut self.eights, row);
            }
        }
    }

    /// Sets one bit that is in every sketch.
    pub(super) fn set(&mut self, row: u32) {
        set(&mut self.threes, row);
    }

    /// How many bits these kinds set.
    pub(super) fn count(&self, kinds: Kinds) -> u32 {
        self.words(kinds).map(u64::count_ones).sum()
    }

    /// Hands over every row that these kinds set.
    pub(super) fn each(&self, kinds: Kinds, mut take: impl FnMut(u32)) {
        for (mut word, first) in self.words(kinds).zip((0..).step_by(64)) {
            while word != 0 {
                take(first + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }

    fn words(&self, kinds: Kinds) -> impl Iterator<Item = u64> {
        let only = |there: bool| if there { u64::MAX } else { 0 };
        let (letters, eights, others) = (only(kinds.letters), only(kinds.eights), only(kinds.others));
        (0..WORDS).map(move |nth| {
            self.threes[nth]
                | self.letters[nth] & letters
                | self.eights[nth] & eights
                | self.others[nth] & others
        })
    }
}

fn set(bits: &mut Bits, row: u32) {
    bits[(row / 64) as usize] |= 1 << (row % 64);
}
