//! How many files the process may open, and what they are for. A connection is one; without a share for each purpose the
//! one that is attacked takes those of all.

/// The most that is asked for: no node has more connections.
const ENOUGH: u64 = 1 << 20;

/// Where the system does not say.
const USUAL: u64 = 1_024;

/// The limit on open files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    before: u64,
    now: u64,
}

impl Limit {
    /// Raises the soft limit to the hard one, as any process may. Where that fails it stays as it was.
    pub(crate) fn raise() -> Self {
        let before = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(USUAL, |(soft, _)| soft);
        let now = rlimit::increase_nofile_limit(ENOUGH.max(before)).unwrap_or(before);
        Self { before, now }
    }

    /// Says what it is.
    pub(crate) fn tell(self) {
        tracing::info!(limit = self.now, before = self.before, "open files");
    }

    /// What they are for.
    pub(crate) fn shares(self) -> Shares {
        Shares::of(self.now)
    }
}

/// What open files are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Connections of the public listener.
    pub public: usize,
    /// Connections of the internal listener: links, metrics, health. Nobody else takes them.
    pub internal: usize,
    /// The store, the routes, links to other nodes, and whatever the system needs.
    pub own: usize,
    /// Connections of each further listener.
    pub further: usize,
}

impl Shares {
    /// Of so many files in all.
    pub(crate) fn of(files: u64) -> Self {
        let files = usize::try_from(files.min(ENOUGH)).unwrap_or(usize::MAX);
        let internal = (files / 16).clamp(8, 1_024);
        let own = (files / 8).clamp(64, 1_024);
        Self {
            public: files.saturating_sub(internal + own).max(8),
            internal,
            own,
            further: 0,
        }
    }

    /// The same with so many further listeners: each has as much as the internal one, of what was for the public one.
    pub(crate) fn with(self, further: usize) -> Self {
        if further == 0 {
            return self;
        }
        Self {
            public: self.public.saturating_sub(self.internal * further).max(8),
            further: self.internal,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_rest() {
        for (files, public, internal, own) in [
            (256, 176, 16, 64),
            (1_024, 832, 64, 128),
            (20_000, 17_952, 1_024, 1_024),
            (u64::MAX, (1 << 20) - 2_048, 1_024, 1_024),
            (32, 8, 8, 64),
        ] {
            assert_eq!(
                Shares::of(files),
                Shares {
                    public,
                    internal,
                    own,
                    further: 0
                },
                "{files}"
            );
        }
    }

    #[test]
    fn further_listeners_have_files_of_the_public_one() {
        let shares = Shares::of(1_024);
        assert_eq!(shares.with(0), shares);
        let with_two = shares.with(2);
        assert_eq!((with_two.public, with_two.further), (832 - 2 * 64, 64));
        assert_eq!((with_two.internal, with_two.own), (shares.internal, shares.own));
        assert_eq!(shares.with(1_000).public, 8);
    }
}
