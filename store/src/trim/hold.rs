//! Why age removes nothing, in words and numbers.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use lines::Timestamp;

/// Why age removes nothing now. Size removes all the same: it depends on no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The process has just started.
    NotCompared,
    /// This machine's clock and the database's differ.
    Apart {
        /// How far this machine's is ahead.
        ahead: SignedDuration,
    },
    /// This machine's clock was set since it was last looked at.
    Jumped {
        /// How far ahead.
        by: SignedDuration,
    },
    /// The store's clock leapt ahead, or so the store was not looked at for as long.
    Leapt {
        /// How far.
        by: SignedDuration,
        /// It is relied on again when it has run evenly for so long.
        believed_in: Duration,
    },
    /// Everything would go, though lines came in lately.
    AllThatCame {
        /// When the newest batch arrived, by its stamp.
        newest: Timestamp,
    },
}

impl Hold {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotCompared => "not_compared",
            Self::Apart { .. } => "clocks_apart",
            Self::Jumped { .. } => "clock_jumped",
            Self::Leapt { .. } => "clock_leapt",
            Self::AllThatCame { .. } => "all_that_came",
        }
    }

    /// Every code.
    pub(super) const CODES: [&'static str; 5] = [
        "not_compared",
        "clocks_apart",
        "clock_jumped",
        "clock_leapt",
        "all_that_came",
    ];
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompared => f.write_str("the clocks have not been compared yet"),
            Self::Apart { ahead } => write!(
                f,
                "this machine's clock is {} the database's: set it right",
                off(*ahead, "ahead of", "behind")
            ),
            Self::Jumped { by } => write!(
                f,
                "this machine's clock was set {} since the last look",
                off(*by, "ahead", "back")
            ),
            Self::Leapt { by, believed_in } => write!(
                f,
                "the clock is {} where it was expected: was it set, or was nothing running for so long? It is relied on \
                 in {}, when it is back, or after `tailcast retention allow`",
                off(*by, "ahead of", "behind"),
                rounded(*believed_in)
            ),
            Self::AllThatCame { newest } => write!(
                f,
                "all lines would go, though some came in lately: the newest is stamped {newest}. If that is right, say \
                 `tailcast retention allow`"
            ),
        }
    }
}

fn off(by: SignedDuration, ahead: &str, behind: &str) -> String {
    let side = if by.is_negative() { behind } else { ahead };
    format!("{} {side}", rounded(by.unsigned_abs()))
}

/// A duration in its two largest units.
fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Says what changed: once, in the log, and for as long as it lasts in `tailcast_retention_held`.
pub(super) fn tell(before: Option<Hold>, now: Option<Hold>) {
    for code in Hold::CODES {
        let held = now.is_some_and(|hold| hold.code() == code);
        metrics::gauge!("tailcast_retention_held", "why" => code).set(f64::from(u8::from(held)));
    }
    let code = |hold: Option<Hold>| hold.map(|hold| hold.code());
    if code(before) == code(now) {
        return;
    }
    match now {
        Some(hold) => {
            tracing::warn!(code = hold.code(), "lines are not removed for their age: {hold}");
        }
        None if before == Some(Hold::NotCompared) => {}
        None => tracing::info!("lines are removed for their age again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_reads_why_knows_what_to_do() {
        let month = SignedDuration::from_hours(31 * 24);
        let expected = [
            (
                Hold::Apart { ahead: -month },
                "this machine's clock is 31 d 0 h behind the database's: set it right",
            ),
            (
                Hold::Jumped {
                    by: SignedDuration::from_secs(61),
                },
                "this machine's clock was set 1 min 1 s ahead since the last look",
            ),
            (
                Hold::Leapt {
                    by: month,
                    believed_in: Duration::from_secs(5_430),
                },
                "the clock is 31 d 0 h ahead of where it was expected: was it set, or was nothing running for so long? \
                 It is relied on in 1 h 30 min, when it is back, or after `tailcast retention allow`",
            ),
        ];
        for (hold, text) in expected {
            assert_eq!(hold.to_string(), text);
        }
    }
}
