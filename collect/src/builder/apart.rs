//! Gives each field a name of its own.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// After so many `_` a number follows: names that grew with each repetition would make a short line of equal names
/// gigabytes long.
const MOST_UNDERSCORES: usize = 8;

/// The first one of a name keeps it, the others get a `_`, and another one as long as that is taken too. A name that
/// somebody wrote is never given to another field.
pub(super) fn tell_apart(fields: &mut [(Cow<'_, str>, Cow<'_, str>)]) {
    /// Whether a name is given away, and how many were derived from it.
    #[derive(Default)]
    struct Name {
        given: bool,
        derived: usize,
    }

    if all_differ(fields) {
        return;
    }
    let mut names: HashMap<String, Name> = fields
        .iter()
        .map(|(name, _)| (name.to_string(), Name::default()))
        .collect();
    for (field, _) in fields {
        let (name, mut entry) = names.remove_entry(&**field).unwrap_or_default();
        let mut own = name.clone();
        while entry.given && (own == name || names.contains_key(&own)) {
            entry.derived += 1;
            own = match entry.derived {
                n @ ..=MOST_UNDERSCORES => format!("{name}{}", "_".repeat(n)),
                n => format!("{name}_{n}"),
            };
        }
        if own != name {
            names.insert(
                own.clone(),
                Name {
                    given: true,
                    derived: 0,
                },
            );
        }
        entry.given = true;
        names.insert(name, entry);
        *field = own.into();
    }
}

fn all_differ(fields: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
    /// Up to so many names are compared with each other sooner than they are hashed.
    const FEW: usize = 16;
    if fields.len() > FEW {
        let names: HashSet<&str> = fields.iter().map(|(name, _)| &**name).collect();
        return names.len() == fields.len();
    }
    (1..fields.len()).all(|at| fields[..at].iter().all(|(earlier, _)| *earlier != fields[at].0))
}
