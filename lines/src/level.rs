//! How grave a line is, and the words for it.

/// How grave a line is, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The finest detail.
    Trace,
    /// For whoever debugs.
    Debug,
    /// The normal course of things.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// The program cannot go on.
    Fatal,
}

/// Other words for levels, in lower case.
pub const SYNONYMS: &[(&str, Level)] = &[
    ("trce", Level::Trace),
    ("trac", Level::Trace),
    ("verbose", Level::Trace),
    ("verb", Level::Trace),
    ("vrb", Level::Trace),
    ("silly", Level::Trace),
    ("finest", Level::Trace),
    ("finer", Level::Trace),
    ("dbug", Level::Debug),
    ("debu", Level::Debug),
    ("dbg", Level::Debug),
    ("fine", Level::Debug),
    ("config", Level::Debug),
    ("http", Level::Debug),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("note", Level::Info),
    ("success", Level::Info),
    ("log", Level::Info),
    ("wrn", Level::Warn),
    ("warning", Level::Warn),
    ("err", Level::Error),
    ("eror", Level::Error),
    ("erro", Level::Error),
    ("fail", Level::Error),
    ("failure", Level::Error),
    ("severe", Level::Error),
    ("ftl", Level::Fatal),
    ("fata", Level::Fatal),
    ("crit", Level::Fatal),
    ("critical", Level::Fatal),
    ("alert", Level::Fatal),
    ("emerg", Level::Fatal),
    ("emergency", Level::Fatal),
    ("panic", Level::Fatal),
    ("pani", Level::Fatal),
    ("dpanic", Level::Fatal),
];

/// The longest word in [`SYNONYMS`], in bytes.
const LONGEST: usize = 13;

/// Of each first letter a bit for each length that a name or a synonym has.
static LENGTHS: [u16; 26] = {
    let mut lengths = [0; 26];
    let mut nth = 0;
    while nth < Level::ALL.len() + SYNONYMS.len() {
        let word = if nth < Level::ALL.len() {
            Level::ALL[nth].as_str()
        } else {
            SYNONYMS[nth - Level::ALL.len()].0
        };
        lengths[(word.as_bytes()[0] - b'a') as usize] |= 1 << word.len();
        nth += 1;
    }
    lengths
};

impl Level {
    /// Every level, from least to most grave.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    /// As it is written in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level that a word stands for, in any case: its name, or one of [`SYNONYMS`]. Nothing else about a word is
    /// forgiven here.
    pub fn of_word(word: &str) -> Option<Self> {
        // Hardly any word that is asked about is a level: the first letter and the length tell most of the others.
        let lengths = match word.as_bytes() {
            [first, ..] if first.is_ascii_alphabetic() => LENGTHS[usize::from((first | 0x20) - b'a')],
            _ => return None,
        };
        if word.len() > LONGEST || lengths & (1 << word.len()) == 0 {
            return None;
        }
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        let named = Self::ALL.into_iter().find(|level| is(level.as_str()));
        named.or_else(|| {
            let synonym = SYNONYMS.iter().find(|(name, _)| is(name));
            synonym.map(|&(_, level)| level)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_for_one_level_in_any_case() {
        let mut words: Vec<&str> = SYNONYMS.iter().map(|(word, _)| *word).collect();
        words.extend(Level::ALL.map(Level::as_str));
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
        for (word, level) in SYNONYMS {
            assert_eq!(Level::of_word(&word.to_uppercase()), Some(*level));
            assert!(word.len() <= LONGEST && *word == word.to_lowercase());
        }
        assert_eq!(Level::of_word("Warn"), Some(Level::Warn));
        assert_eq!(Level::of_word("warned"), None);
        assert_eq!(Level::of_word(""), None);
    }
}
