//! The character sets that lines come in, and how they become UTF-8.
//!
//! A mark at the beginning (U+FEFF in the set's own bytes) goes before what was declared: nobody begins a text with those
//! bytes for another reason. The mark itself stays: it is U+FEFF then, which whoever takes lines takes off.

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Bytes pass as they are: what is invalid is nobody's business here.
    Utf8,
    /// UTF-16 in an order that nobody declared: that of its mark, else the one in which its zero bytes make most sense.
    Utf16,
    /// UTF-16, the less significant byte first.
    Utf16Le,
    /// UTF-16, the more significant byte first.
    Utf16Be,
    /// ISO 8859-1: a byte is the character of its number.
    Latin1,
    /// The same, with printable characters for 0x80 to 0x9F.
    Windows1252,
}

/// What they are called in lower case, by IANA and by those who write them.
const NAMES: &[(&str, Charset)] = &[
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    ("unicode-1-1-utf-8", Charset::Utf8),
    ("us-ascii", Charset::Utf8),
    ("ascii", Charset::Utf8),
    ("utf-16", Charset::Utf16),
    ("utf16", Charset::Utf16),
    ("utf-16le", Charset::Utf16Le),
    ("utf16le", Charset::Utf16Le),
    ("utf-16be", Charset::Utf16Be),
    ("utf16be", Charset::Utf16Be),
    ("iso-8859-1", Charset::Latin1),
    ("iso8859-1", Charset::Latin1),
    ("iso_8859-1", Charset::Latin1),
    ("iso_8859-1:1987", Charset::Latin1),
    ("iso88591", Charset::Latin1),
    ("iso-ir-100", Charset::Latin1),
    ("latin1", Charset::Latin1),
    ("latin-1", Charset::Latin1),
    ("l1", Charset::Latin1),
    ("cp819", Charset::Latin1),
    ("ibm819", Charset::Latin1),
    ("windows-1252", Charset::Windows1252),
    ("cp1252", Charset::Windows1252),
    ("cp-1252", Charset::Windows1252),
    ("x-cp1252", Charset::Windows1252),
];

/// What Windows-1252 has from 0x80 to 0x9F; what it leaves free is the control character of that number.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The most bytes that are looked at for the order of UTF-16 that nobody told.
const TOLD_BY: usize = 4096;

impl Charset {
    /// The one of that name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let (_, charset) = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(*charset)
    }

    /// Names for people: what may be declared.
    pub const OFFERED: &'static str = "utf-8, utf-16, utf-16le, utf-16be, iso-8859-1 or windows-1252";

    /// The one that a text's first bytes are the mark of.
    pub fn marked(text: &[u8]) -> Option<Self> {
        match text {
            [0xFF, 0xFE, ..] => Some(Self::Utf16Le),
            [0xFE, 0xFF, ..] => Some(Self::Utf16Be),
            [0xEF, 0xBB, 0xBF, ..] => Some(Self::Utf8),
            _ => None,
        }
    }

    /// The one that a text is in, of which that much is known, and which was declared so.
    pub fn of(text: &[u8], declared: Option<Self>) -> Self {
        match Self::marked(text).or(declared) {
            None => Self::Utf8,
            Some(Self::Utf16) => utf16_by_zeros(&text[..text.len().min(TOLD_BY)]),
            Some(charset) => charset,
        }
    }

    /// Whether a byte can be a part of a character that it is not by itself: a line feed's byte is no line feed there.
    pub fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf16Le | Self::Utf16Be)
    }

    /// How many bytes a text has as UTF-8, at most.
    pub fn most_bytes(self, text: &[u8]) -> usize {
        let most = |is_ascii| if is_ascii { 1 } else { 3 };
        match self {
            Self::Utf8 => text.len(),
            Self::Latin1 | Self::Windows1252 => text.iter().map(|byte| most(byte.is_ascii())).sum(),
            Self::Utf16 | Self::Utf16Le | Self::Utf16Be => {
                let units = text.chunks(2).map(|unit| most(self.unit(unit) < 0x80));
                units.sum()
            }
        }
    }

    /// Of two bytes; one alone stands for nothing.
    fn unit(self, bytes: &[u8]) -> u16 {
        match *bytes {
            [first, second] if self == Self::Utf16Be => u16::from_be_bytes([first, second]),
            [first, second] => u16::from_le_bytes([first, second]),
            _ => REPLACEMENT as u16,
        }
    }
}

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Texts are mostly ASCII, or have line feeds and blanks at least: their zero bytes stand first in one order, and second in
/// the other.
fn utf16_by_zeros(text: &[u8]) -> Charset {
    let zeros = |from: usize| {
        text.iter()
            .skip(from)
            .step_by(2)
            .filter(|&&byte| byte == 0)
            .count()
    };
    if zeros(0) > zeros(1) {
        Charset::Utf16Be
    } else {
        Charset::Utf16Le
    }
}

/// Makes UTF-8 of a text that comes in pieces, cut anywhere.
#[derive(Debug, Clone)]
pub struct Decoder {
    declared: Option<Charset>,
    /// Known once the text has begun.
    charset: Option<Charset>,
    /// What has come and is no character yet: the first byte of what may be a mark, or of a unit.
    held: Vec<u8>,
    /// The first half of a pair.
    high: Option<u16>,
}

impl Decoder {
    /// For a text in the set that was declared for it, if any.
    pub fn new(declared: Option<Charset>) -> Self {
        Self {
            declared,
            charset: None,
            held: Vec::new(),
            high: None,
        }
    }

    /// All of a text at once.
    pub fn whole(charset: Charset, text: &[u8]) -> Vec<u8> {
        let mut decoder = Self::new(Some(charset));
        let mut out = Vec::with_capacity(charset.most_bytes(text));
        decoder.decode(text, &mut out);
        decoder.finish(&mut out);
        out
    }

    /// Whether bytes pass as they are, from here on.
    pub fn passes(&self) -> bool {
        self.charset == Some(Charset::Utf8)
    }

    /// Appends what `piece` comes to.
    pub fn decode(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if piece.is_empty() {
            return;
        }
        if self.held.is_empty() {
            return self.decode_all(piece, out);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(piece);
        self.decode_all(&joined, out);
    }

    /// Says that nothing more comes: a character that was begun is U+FFFD.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.charset.is_none() {
            // What might have been a mark is none.
            let held = std::mem::take(&mut self.held);
            self.charset = Some(self.declared.unwrap_or(Charset::Utf8));
            self.decode_all(&held, out);
        }
        if !std::mem::take(&mut self.held).is_empty() {
            self.put_unit(REPLACEMENT as u16, out);
        }
        if self.high.take().is_some() {
            put(REPLACEMENT, out);
        }
    }

    fn decode_all(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let Some(charset) = self.charset.or_else(|| self.begin(text)) else {
            self.held = text.to_vec();
            return;
        };
        match charset {
            Charset::Utf8 => out.extend_from_slice(text),
            Charset::Latin1 => text.iter().for_each(|&byte| put(char::from(byte), out)),
            Charset::Windows1252 => text.iter().for_each(|&byte| put(windows_1252(byte), out)),
            Charset::Utf16 | Charset::Utf16Le | Charset::Utf16Be => {
                let units = text.chunks_exact(2);
                self.held = units.remainder().to_vec();
                units.for_each(|unit| self.put_unit(charset.unit(unit), out));
            }
        }
    }

    /// Which set it is; `None` while that may still be told by a mark.
    fn begin(&mut self, text: &[u8]) -> Option<Charset> {
        let may_be_marked = matches!(text, [0xFE | 0xFF]);
        let untold = self.declared == Some(Charset::Utf16) && text.len() < 2;
        if may_be_marked || untold {
            return None;
        }
        self.charset = Some(Charset::of(text, self.declared));
        self.charset
    }

    fn put_unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        match (self.high.take(), unit) {
            (None, 0xD800..=0xDBFF) => self.high = Some(unit),
            (Some(high), 0xDC00..=0xDFFF) => {
                let pair = char::decode_utf16([high, unit]).next();
                put(pair.and_then(Result::ok).unwrap_or(REPLACEMENT), out);
            }
            (Some(_), 0xD800..=0xDBFF) => {
                put(REPLACEMENT, out);
                self.high = Some(unit);
            }
            (high, _) => {
                if high.is_some() {
                    put(REPLACEMENT, out);
                }
                put(char::from_u32(u32::from(unit)).unwrap_or(REPLACEMENT), out);
            }
        }
    }
}

fn put(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn decoded(declared: Option<&str>, pieces: &[&[u8]]) -> String {
        let declared = declared.map(|name| Charset::named(name).unwrap());
        let mut decoder = Decoder::new(declared);
        let mut out = Vec::new();
        for piece in pieces {
            decoder.decode(piece, &mut out);
        }
        decoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_read_in_the_set_of_their_mark_else_in_the_declared_one() {
        let table: &[(Option<&str>, &[u8], &str)] = &[
            (None, b"caf\xc3\xa9", "café"),
            (None, b"\xef\xbb\xbfa", "\u{feff}a"),
            (None, b"\xff\xfea\0\xe9\0\n\0", "\u{feff}aé\n"),
            (None, b"\xfe\xff\0a\0\xe9", "\u{feff}aé"),
            (Some("UTF-16"), b"\xfe\xff\0a", "\u{feff}a"),
            (Some("utf-16"), b"a\0\xac\x20\n\0", "a€\n"),
            (Some("utf-16"), b"\0a\x20\xac\0\n", "a€\n"),
            (Some("utf-16le"), b"\x3d\xd8\x00\xde", "😀"),
            (Some("utf-16be"), b"\xd8\x3d\xde\x00", "😀"),
            (Some("utf-16le"), b"\xfe\xff\0a", "\u{feff}a"),
            // A line feed's byte within a character.
            (Some("utf-16le"), b"\x0a\x05", "\u{50a}"),
            // Halves of pairs, and half a unit.
            (Some("utf-16le"), b"\x3d\xd8a\0", "\u{fffd}a"),
            (Some("utf-16le"), b"\x00\xdea\0", "\u{fffd}a"),
            (Some("utf-16le"), b"\x3d\xd8\x3d\xd8\x00\xde", "\u{fffd}😀"),
            (Some("utf-16le"), b"a\0b", "a\u{fffd}"),
            (Some("utf-16le"), b"a\0\x3d\xd8", "a\u{fffd}"),
            (Some("Latin1"), b"caf\xe9 \x80", "café \u{80}"),
            (
                Some("windows-1252"),
                b"\x80 caf\xe9 \x93x\x94 \x81",
                "€ café “x” \u{81}",
            ),
            (Some("iso-8859-1"), b"\xef\xbb\xbfa", "\u{feff}a"),
            (Some("iso-8859-1"), b"\xff", "ÿ"),
        ];
        for &(declared, text, expected) in table {
            assert_eq!(decoded(declared, &[text]), expected, "{text:?}");
        }
        assert_eq!(Charset::named("shift_jis"), None);
    }

    #[test]
    fn a_first_byte_that_may_be_a_mark_is_waited_for() {
        assert_eq!(decoded(None, &[b"\xff", b"\xfe", b"a", b"\0"]), "\u{feff}a");
        assert_eq!(decoded(Some("windows-1252"), &[b"\xff"]), "ÿ");
        let mut out = Vec::new();
        let mut decoder = Decoder::new(None);
        decoder.decode(b"\xff", &mut out);
        decoder.finish(&mut out);
        assert_eq!(out, b"\xff");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_however_it_is_cut(text in ".{0,12}", cuts in proptest::collection::vec(0..40_usize, 0..4)) {
            let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for (charset, bytes) in [("utf-16le", le), ("utf-16be", be)] {
                // Unmarked, so that what begins like a mark is none.
                prop_assume!(Charset::marked(&bytes).is_none());
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
                cuts.extend([0, bytes.len()]);
                cuts.sort_unstable();
                let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
                prop_assert_eq!(decoded(Some(charset), &pieces), text.clone());
                let charset = Charset::named(charset).unwrap();
                prop_assert!(Decoder::whole(charset, &bytes).len() <= charset.most_bytes(&bytes));
            }
        }

        #[test]
        fn any_bytes_become_utf_8(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for charset in [Charset::Utf16, Charset::Utf16Le, Charset::Utf16Be, Charset::Latin1, Charset::Windows1252] {
                let text = Decoder::whole(charset, &bytes);
                if Charset::of(&bytes, Some(charset)) != Charset::Utf8 {
                    prop_assert!(String::from_utf8(text).is_ok());
                }
            }
        }
    }
}
