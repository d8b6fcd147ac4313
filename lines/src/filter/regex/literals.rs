//! The texts that are in everything a regular expression matches.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::super::line_view::fold;
use super::super::needs::Needs;

/// A class of more characters than this is not looked at for whether they are one in several cases.
const MOST_CASES: usize = 8;

/// What is in every text that has a match.
pub(super) fn of(hir: &Hir) -> Needs {
    let mut pieces = Pieces::default();
    pieces.add(hir);
    pieces.done()
}

/// What has been met so far of a sequence.
#[derive(Default)]
struct Pieces {
    needs: Vec<Needs>,
    /// The text that ends here, folded.
    text: Vec<u8>,
}

impl Pieces {
    /// Adds what comes next. An expression nests only so deep.
    fn add(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => fold(text, &mut self.text),
                Err(_) => self.cut(),
            },
            HirKind::Class(class) => match one_character(class) {
                Some(folded) => self.text.extend_from_slice(&folded),
                None => self.cut(),
            },
            HirKind::Repetition(repeated) => {
                if repeated.min > 0 {
                    self.add(&repeated.sub);
                }
                self.cut();
            }
            HirKind::Capture(capture) => self.add(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.add(part)),
            HirKind::Alternation(branches) => {
                self.cut();
                self.needs.push(Needs::any(branches.iter().map(of)));
            }
        }
    }

    /// Here may stand anything.
    fn cut(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.needs.push(Needs::folded(text));
    }

    fn done(mut self) -> Needs {
        self.cut();
        Needs::all(self.needs)
    }
}

/// The one character that a class is, whatever its case.
fn one_character(class: &Class) -> Option<Vec<u8>> {
    let characters: Vec<char> = match class {
        Class::Unicode(class) => {
            let all = class.iter().flat_map(|range| range.start()..=range.end());
            all.take(MOST_CASES + 1).collect()
        }
        Class::Bytes(class) => {
            let all = class.iter().flat_map(|range| range.start()..=range.end());
            let all = all
                .take(MOST_CASES + 1)
                .map(|byte| byte.is_ascii().then_some(byte as char));
            all.collect::<Option<_>>()?
        }
    };
    let folded = |character: &char| {
        let mut folded = Vec::new();
        fold(character.encode_utf8(&mut [0; 4]), &mut folded);
        folded
    };
    let (first, others) = characters.split_first()?;
    let first = folded(first);
    let is_one = characters.len() <= MOST_CASES && others.iter().all(|other| folded(other) == first);
    is_one.then_some(first)
}
