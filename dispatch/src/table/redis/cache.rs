//! What Redis answered, until it says that this is no longer so.
//!
//! Redis tells of every key that was read over a connection with tracking when it changes. A word to forget a key can
//! overtake the reader that is about to remember it: who asks says so before ([`Cache::ask`]), and an answer that
//! was invalidated between asking and remembering is used once and not remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::Pattern;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::NodeId;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// The nodes of a route.
    Nodes(Arc<[NodeId]>),
    /// The patterns that some node holds.
    Patterns(Arc<[Pattern]>),
    /// Whether a lease is alive.
    Alive(bool),
}

impl Fact {
    fn members(&self) -> usize {
        match self {
            Self::Nodes(nodes) => nodes.len(),
            Self::Patterns(patterns) => patterns.len(),
            Self::Alive(_) => 0,
        }
    }
}

/// Members of sets that are remembered for each key that may be, on average.
const MEMBERS_PER_KEY: usize = 8;

/// Bounded: two generations of entries. When the young one is full, by its keys or by what they say, the old one is
/// forgotten and the young one becomes old; what is used moves back to the young one.
pub(super) struct Cache {
    state: Mutex<State>,
    half: usize,
    max_age: Duration,
}

#[derive(Default)]
struct State {
    /// The connection whose tracking keeps the entries true. Answers of an older one are not remembered.
    connection: u64,
    young: HashMap<Arc<str>, Entry>,
    /// Members of sets that were put into the young one.
    young_members: usize,
    old: HashMap<Arc<str>, Entry>,
    asked: HashMap<Arc<str>, Asked>,
}

struct Entry {
    fact: Fact,
    until: Instant,
}

/// A key that somebody is reading.
struct Asked {
    readers: usize,
    changed: bool,
}

impl Cache {
    /// Remembers at most `keys` keys, each at most `max_age`.
    pub(super) fn new(keys: usize, max_age: Duration) -> Self {
        Self {
            state: Mutex::default(),
            half: keys.div_ceil(2).max(1),
            max_age,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Fact> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(entry) = state.young.get(key) {
            return (entry.until > now).then(|| entry.fact.clone());
        }
        let (key, entry) = state.old.remove_entry(key)?;
        if entry.until <= now {
            return None;
        }
        let fact = entry.fact.clone();
        self.insert(&mut state, key, entry);
        Some(fact)
    }

    /// To be called before the question is sent.
    pub(super) fn ask(&self, key: &str) -> Question<'_> {
        let key: Arc<str> = key.into();
        let mut state = self.state.lock();
        let asked = state.asked.entry(key.clone()).or_insert(Asked {
            readers: 0,
            changed: false,
        });
        asked.readers += 1;
        Question { cache: self, key }
    }

    /// The key changed.
    pub(super) fn forget(&self, key: &str) {
        let mut state = self.state.lock();
        state.young.remove(key);
        state.old.remove(key);
        if let Some(asked) = state.asked.get_mut(key) {
            asked.changed = true;
        }
    }

    /// Anything may have changed.
    pub(super) fn forget_all(&self) {
        self.state.lock().forget_all();
    }

    /// From here on only answers of `connection` are remembered.
    pub(super) fn connected(&self, connection: u64) {
        let mut state = self.state.lock();
        state.forget_all();
        state.connection = connection;
    }

    fn insert(&self, state: &mut State, key: Arc<str>, entry: Entry) {
        let full = state.young.len() >= self.half || state.young_members >= self.half * MEMBERS_PER_KEY;
        if full && !state.young.contains_key(&key) {
            state.old = std::mem::take(&mut state.young);
            state.young_members = 0;
        }
        state.young_members += entry.fact.members();
        state.young.insert(key, entry);
    }
}

impl State {
    fn forget_all(&mut self) {
        self.young.clear();
        self.young_members = 0;
        self.old.clear();
        for asked in self.asked.values_mut() {
            asked.changed = true;
        }
    }
}

/// A key that is being read. Dropped without an answer, nothing is remembered.
pub(super) struct Question<'a> {
    cache: &'a Cache,
    key: Arc<str>,
}

impl Question<'_> {
    /// What is read.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Remembers what `connection` answered, for at most `lasts`, unless the key changed since the question.
    pub(super) fn answered(self, connection: u64, fact: Fact, lasts: Option<Duration>) {
        let mut state = self.cache.state.lock();
        let changed = state.asked.get(&self.key).is_none_or(|asked| asked.changed);
        if changed || state.connection != connection {
            return;
        }
        let lasts = lasts.map_or(self.cache.max_age, |lasts| lasts.min(self.cache.max_age));
        let until = Instant::now() + lasts;
        state.old.remove(&self.key);
        self.cache
            .insert(&mut state, self.key.clone(), Entry { fact, until });
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.state.lock();
        if let Some(asked) = state.asked.get_mut(&self.key) {
            asked.readers -= 1;
            if asked.readers == 0 {
                state.asked.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIVE: Fact = Fact::Alive(true);

    fn cache(keys: usize) -> Cache {
        let cache = Cache::new(keys, Duration::from_secs(60));
        cache.connected(1);
        cache
    }

    #[test]
    fn an_answer_is_remembered_until_the_key_changes() {
        let cache = cache(10);
        cache.ask("a").answered(1, ALIVE, None);
        assert_eq!(cache.get("a"), Some(ALIVE));
        cache.forget("a");
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn an_answer_is_not_remembered_when_the_key_changed_while_it_was_under_way() {
        let cache = cache(10);
        let question = cache.ask("a");
        cache.forget("a");
        question.answered(1, ALIVE, None);
        assert_eq!(cache.get("a"), None);
        let question = cache.ask("a");
        cache.forget_all();
        question.answered(1, ALIVE, None);
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn an_answer_of_an_earlier_connection_is_not_remembered() {
        let cache = cache(10);
        let question = cache.ask("a");
        cache.connected(2);
        question.answered(1, ALIVE, None);
        cache.ask("b").answered(1, ALIVE, None);
        assert_eq!((cache.get("a"), cache.get("b")), (None, None));
    }

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let cache = cache(4);
        for key in ["kept", "b", "c", "d", "e", "f"] {
            cache.ask(key).answered(1, ALIVE, None);
            assert_eq!(cache.get("kept"), Some(ALIVE), "after {key}");
        }
        assert_eq!(cache.get("b"), None);
        let state = cache.state.lock();
        assert!(state.young.len() + state.old.len() <= 4);
        assert!(state.asked.is_empty());
    }

    #[test]
    fn large_answers_make_room_as_small_ones_do() {
        let cache = cache(4);
        let large = Fact::Nodes(vec![NodeId::random(); 2 * MEMBERS_PER_KEY].into());
        for key in ["a", "b", "c"] {
            cache.ask(key).answered(1, large.clone(), None);
        }
        assert_eq!((cache.get("a"), cache.get("c")), (None, Some(large)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_grows_old() {
        let cache = cache(10);
        cache.ask("a").answered(1, ALIVE, Some(Duration::from_secs(5)));
        cache.ask("b").answered(1, ALIVE, None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!((cache.get("a"), cache.get("b")), (None, Some(ALIVE)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(cache.get("b"), None);
    }
}
