//! Regular expressions that cost a bounded time, whatever they are and whatever line they are put to.
//!
//! Every engine that needs no back-tracking takes at most as many steps as the line has bytes and the compiled
//! expression has states, times each other. Where that product is small, the library may choose among its engines.
//! Where it is not, only the lazy automaton is quick enough: it remembers what it worked out, and most expressions need
//! to work out little. One that needs more than its share gives up, where the library would go on with an engine a
//! thousand times slower (measured: 12 s for one line of 250 KB and `[ab]{0,2000}z`).
//!
//! The automaton begins each line with nothing remembered, so that what it says of a line depends on nothing else.

use regex_automata::hybrid::dfa::{Config, DFA};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::needs::{Need, Needs};
use super::{FilterFault, FilterLimits, Verdict};

mod literals;

/// One expression, compiled for both kinds of lines.
#[derive(Clone)]
pub(super) struct Regex {
    pattern: Box<str>,
    /// For lines on which no engine can take long.
    any_engine: meta::Regex,
    /// For all others.
    lazy: DFA,
    /// Of the compiled expression.
    states: usize,
    /// What one line may cost; see [`FilterLimits::regex_steps`].
    steps: usize,
    /// What is in every text that matches.
    literals: Needs,
}

impl Regex {
    /// Compiles an expression.
    pub(super) fn new(pattern: &str, limits: &FilterLimits) -> Result<Self, FilterFault> {
        let bytes = limits.regex_bytes;
        let too_large = |_| FilterFault::RegexTooLarge { limit: bytes };
        // Lines are bytes: an expression that asks for such may match what is no UTF-8.
        let hir = syntax::parse_with(pattern, &syntax::Config::new().utf8(false)).map_err(|error| {
            FilterFault::BadRegex {
                reason: last_line(&error.to_string()),
            }
        })?;
        let nfa = NFA::compiler()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(bytes))
                    .which_captures(WhichCaptures::None),
            )
            .build_from_hir(&hir)
            .map_err(|error| too_large(error.to_string()))?;
        let states = nfa.states().len();
        // It has captures, too, and a second automaton for the way back: a few times the size of the one above.
        let any_engine = meta::Builder::new()
            .configure(
                meta::Config::new()
                    .utf8_empty(false)
                    .nfa_size_limit(Some(bytes.saturating_mul(4)))
                    .hybrid_cache_capacity(limits.regex_memory),
            )
            .build_from_hir(&hir)
            .map_err(|error| too_large(error.to_string()))?;
        let lazy = DFA::builder()
            .configure(
                Config::new()
                    .cache_capacity(limits.regex_memory)
                    .skip_cache_capacity_check(true)
                    .minimum_cache_clear_count(Some(0))
                    .unicode_word_boundary(true),
            )
            .build_from_nfa(nfa)
            .map_err(|error| too_large(error.to_string()))?;
        Ok(Self {
            pattern: pattern.into(),
            any_engine,
            lazy,
            states,
            steps: limits.regex_steps,
            literals: literals::of(&hir),
        })
    }

    /// As it was written, without its slashes.
    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What a line needs that is not found to differ: on one that is too long for every engine, it may give up.
    pub(super) fn needs(&self) -> Needs {
        let too_long = self.steps / self.states.max(1) + 1;
        Needs::any([self.literals.clone(), Needs::One(Need::Message(too_long))])
    }

    /// The most that a byte costs, in nanoseconds or so.
    pub(super) fn cost(&self) -> usize {
        self.states.saturating_mul(8)
    }

    /// Whether something in `text` matches.
    pub(super) fn judge(&self, text: &[u8]) -> Verdict {
        if self.states.saturating_mul(text.len()) <= self.steps {
            self.any_engine.is_match(text).into()
        } else {
            self.judge_long(text).map_or(Verdict::Undecided, Verdict::from)
        }
    }

    /// `None` when the automaton would outgrow its memory or its steps, and where a word boundary meets a script that it
    /// cannot tell words of.
    fn judge_long(&self, text: &[u8]) -> Option<bool> {
        let automaton = &self.lazy;
        let mut memory = automaton.create_cache();
        let mut steps = self.steps.saturating_mul(STEPS_OF_THE_LAZY);
        let input = Input::new(text).anchored(Anchored::No);
        let mut state = automaton.start_state_forward(&mut memory, &input).ok()?;
        for &byte in text {
            let mut next = if state.is_tagged() {
                automaton.next_state(&mut memory, state, byte).ok()?
            } else {
                automaton.next_state_untagged(&memory, state, byte)
            };
            if next.is_unknown() {
                // To work out what comes next may touch every state of the expression.
                steps = steps.checked_sub(self.states)?;
                next = automaton.next_state(&mut memory, state, byte).ok()?;
            }
            if next.is_tagged() {
                if next.is_match() {
                    return Some(true);
                }
                if next.is_dead() {
                    return Some(false);
                }
                if next.is_quit() {
                    return None;
                }
            }
            state = next;
        }
        let end = automaton.next_eoi_state(&mut memory, state).ok()?;
        Some(end.is_match())
    }
}

/// The lazy automaton's steps are counted as the most they can be, and are far fewer for most expressions.
const STEPS_OF_THE_LAZY: usize = 4;

/// The library draws its finding under the pattern, in many lines; the last one says what it is.
fn last_line(drawing: &str) -> String {
    let last = drawing.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
