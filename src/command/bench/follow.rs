//! Which streams a run has, which of them a session follows, and how it asks for them.

/// Names in one `subscribe`, which may have 16 KiB.
const NAMES_A_MESSAGE: usize = 200;

/// How a session names what it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Each stream by its name.
    Name,
    /// All of them by one pattern.
    Pattern,
}

/// The streams of a run, and how many of them a session follows.
#[derive(Debug)]
pub(super) struct Plan {
    /// What all their names begin with, without a slash at the end.
    prefix: String,
    /// How many there are.
    pub(super) streams: usize,
    /// How many a session follows, from 1 to all.
    pub(super) follow: usize,
    /// How it asks for them.
    pub(super) by: By,
}

/// What one session follows: so many streams beginning with one; behind the last one comes the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Followed {
    first: usize,
    pub(super) count: usize,
    all: usize,
}

impl Plan {
    /// With a pattern, `streams` is a multiple of `follow`.
    pub(super) fn new(run: &str, streams: usize, follow: usize, by: By) -> Self {
        Self {
            prefix: format!("bench/{run}"),
            streams,
            follow,
            by,
        }
    }

    /// Streams that sessions follow by a pattern lie in as many folders as there are patterns.
    fn folder(&self, nth: usize) -> String {
        let prefix = &self.prefix;
        match self.by {
            By::Pattern if self.follow < self.streams => format!("{prefix}/{}", nth / self.follow),
            _ => prefix.clone(),
        }
    }

    /// What the nth stream is called. Its last segment is its number.
    pub(super) fn name(&self, nth: usize) -> String {
        format!("{}/{nth}", self.folder(nth))
    }

    /// Sessions are spread evenly: by name each begins one stream further than the one before, by pattern each follows
    /// the next folder.
    pub(super) fn followed(&self, session: usize) -> Followed {
        let first = match self.by {
            By::Name => session % self.streams,
            By::Pattern => session * self.follow % self.streams,
        };
        Followed {
            first,
            count: self.follow,
            all: self.streams,
        }
    }

    /// What a session subscribes to, in one message each.
    pub(super) fn asks(&self, session: usize) -> Vec<Vec<String>> {
        let followed = self.followed(session);
        match self.by {
            By::Pattern => vec![vec![format!("{}/**", self.folder(followed.first))]],
            By::Name => {
                let names: Vec<_> = followed.streams().map(|nth| self.name(nth)).collect();
                names.chunks(NAMES_A_MESSAGE).map(<[_]>::to_vec).collect()
            }
        }
    }
}

impl Followed {
    /// The numbers of the streams, in order of their places.
    pub(super) fn streams(self) -> impl Iterator<Item = usize> {
        (self.first..self.first + self.count).map(move |nth| nth % self.all)
    }

    /// Where a stream stands among those that are followed; `None` when it is none of them.
    pub(super) fn place(self, stream: usize) -> Option<usize> {
        let place = (stream + self.all).checked_sub(self.first)? % self.all;
        (stream < self.all && place < self.count).then_some(place)
    }
}

/// The number in a stream's name.
pub(super) fn number(name: &str) -> Option<usize> {
    name.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_by_name_are_spread_over_the_streams() {
        let plan = Plan::new("r", 4, 3, By::Name);
        let names = |numbers: [usize; 3]| vec![numbers.map(|nth| format!("bench/r/{nth}")).to_vec()];
        assert_eq!(plan.asks(0), names([0, 1, 2]));
        assert_eq!(plan.asks(2), names([2, 3, 0]));
        assert_eq!(plan.asks(5), names([1, 2, 3]));
        let messages = Plan::new("r", 1_000, 1_000, By::Name).asks(3);
        assert_eq!(messages.concat().len(), 1_000);
        assert!(messages.iter().all(|names| names.concat().len() < 10 * 1024));
    }

    #[test]
    fn sessions_by_pattern_follow_all_or_a_folder() {
        let all = Plan::new("r", 1_000, 1_000, By::Pattern);
        assert_eq!(
            (all.name(7), all.asks(3)),
            ("bench/r/7".into(), vec![vec!["bench/r/**".into()]])
        );
        let folders = Plan::new("r", 100, 10, By::Pattern);
        assert_eq!(folders.name(37), "bench/r/3/37");
        assert_eq!(folders.asks(3), [["bench/r/3/**"]]);
        assert_eq!(folders.asks(13), folders.asks(3));
        assert!(folders.followed(3).streams().eq(30..40));
    }

    #[test]
    fn a_stream_has_its_place_with_those_who_follow_it_alone() {
        for (streams, follow, by) in [
            (1, 1, By::Name),
            (7, 3, By::Name),
            (9, 3, By::Pattern),
            (5, 5, By::Pattern),
        ] {
            let plan = Plan::new("r", streams, follow, by);
            for session in 0..20 {
                let followed = plan.followed(session);
                let places: Vec<_> = followed.streams().map(|stream| followed.place(stream)).collect();
                assert_eq!(places, (0..follow).map(Some).collect::<Vec<_>>());
                let others = (0..streams + 3).filter(|stream| followed.place(*stream).is_none());
                assert_eq!(others.count(), streams + 3 - follow);
            }
            for nth in 0..streams {
                assert_eq!(number(&plan.name(nth)), Some(nth));
            }
        }
        assert_eq!((number("bench/r/x"), number("7")), (None, None));
    }
}
