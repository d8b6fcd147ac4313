//! What a role adds to a node.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use edge::{AcceptLimits, Protocol};
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::phase::{Ending, Phase, Phases, Running};

/// Addresses, listeners and tasks, each with the phase that ends it. Nothing of it runs before the node begins it.
#[derive(Default)]
pub(crate) struct Service {
    /// What it answers on the public listener.
    pub public: Router,
    /// What it answers on the internal one.
    pub internal: Router,
    /// Listeners of its own.
    pub listeners: Vec<Listener>,
    tasks: Vec<(Phase, Task)>,
    endings: Vec<(Phase, Ending)>,
}

/// Begins something that runs beside the requests.
type Task = Box<dyn FnOnce(&Running) + Send>;

impl Service {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Answers these on the public listener, too. The table of addresses has to have them.
    #[must_use]
    pub(crate) fn public(mut self, routes: Router) -> Self {
        self.public = self.public.merge(routes);
        self
    }

    /// The same on the internal listener.
    #[must_use]
    pub(crate) fn internal(mut self, routes: Router) -> Self {
        self.internal = self.internal.merge(routes);
        self
    }

    /// Listens somewhere of its own, too.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no role has a listener of its own yet")
    )]
    #[must_use]
    pub(crate) fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Runs this, too, until `phase`: then it is told to stop, and ends soon.
    #[must_use]
    pub(crate) fn task<F>(
        mut self,
        phase: Phase,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let begin = Box::new(move |running: &Running| running.begin(task));
        self.tasks.push((phase, begin));
        self
    }

    /// Has to do this in `phase`, and be done by the time that it is given.
    #[must_use]
    pub(crate) fn ending<F>(mut self, phase: Phase, end: impl FnOnce(Instant) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let end = Box::new(move |until| -> BoxFuture<'static, ()> { Box::pin(end(until)) });
        self.endings.push((phase, end));
        self
    }

    /// Begins its tasks, and says what has to be done in the end. Its addresses and listeners are the node's to serve.
    pub(crate) fn begin(self, phases: &Phases) -> Vec<(Phase, Ending)> {
        for (phase, begin) in self.tasks {
            begin(phases.of(phase));
        }
        self.endings
    }
}

/// Where something listens, and what is spoken there.
pub(crate) struct Listener {
    /// What it is called in the log, in metrics and in messages.
    pub name: Arc<str>,
    /// Where it is to listen.
    pub address: SocketAddr,
    /// The setting that says where.
    pub setting: &'static str,
    /// Speaks there until told to stop.
    pub speak: Speak,
}

/// A bound listener, who it lets in, and the word to stop.
pub(crate) type Speak =
    Box<dyn FnOnce(TcpListener, AcceptLimits, CancellationToken) -> BoxFuture<'static, ()> + Send>;

impl Listener {
    /// One that speaks `protocol`, with the bounds of every listener.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no role has a listener of its own yet")
    )]
    pub(crate) fn new(
        name: impl Into<Arc<str>>,
        address: SocketAddr,
        setting: &'static str,
        protocol: impl Protocol,
    ) -> Self {
        Self {
            name: name.into(),
            address,
            setting,
            speak: Box::new(move |listener, limits, stop| {
                Box::pin(edge::accept(listener, protocol, limits, stop))
            }),
        }
    }
}
