//! Who wrote a line, as far as its members tell: what some call a level is something else in the lines of all others.

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// syslog's daemons and what reads their lines.
    Syslog,
    /// systemd's journal.
    Journal,
    /// Whoever writes GELF.
    Gelf,
    /// MongoDB.
    MongoDb,
    /// osquery.
    Osquery,
    /// What is sent to Datadog.
    Datadog,
    /// Falco.
    Falco,
    /// Kubernetes, of what happens.
    Kubernetes,
    /// Apple's systems.
    Apple,
    /// Microsoft.Extensions.Logging.
    Microsoft,
    /// Windows' events.
    Windows,
    /// NXLog.
    Nxlog,
    /// Azure Application Insights.
    Insights,
}

/// Several of them, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writers(u16);

impl Writers {
    /// Nobody who is known.
    pub const NONE: Self = Self(0);

    /// This one alone.
    pub const fn of(writer: Writer) -> Self {
        Self(1 << writer as u16)
    }

    /// These, and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether this one is among them.
    pub const fn has(self, writer: Writer) -> bool {
        self.meet(Self::of(writer))
    }

    /// Whether one is among both.
    pub const fn meet(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether there are none.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}
