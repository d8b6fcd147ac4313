//! What `tail` shows of what it is told.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, IsTerminal, Write};

use client::{Event, Reading, Run, Server, State};
use jiff::tz::TimeZone;
use lines::{Offset, StreamName};

use super::{Args, awaited};
use crate::command::show::{self, Noise, Style, again_in};

/// Standard output for lines, standard error for everything else.
pub(super) struct Screen {
    out: BufWriter<io::Stdout>,
    style: Style,
    json: bool,
    terminal: bool,
    noise: Noise,
    /// What is asked for, until it was said what of that is waited for.
    asked: Option<Vec<String>>,
    /// Streams that have lines.
    there: BTreeSet<StreamName>,
    search: Search,
    server: Server,
}

/// What a filter has found until all is looked through that was there; nothing is said of it later.
struct Search {
    is_over: bool,
    looked_through: u64,
    found: u64,
    reading: Option<Reading>,
}

impl Screen {
    pub(super) fn new(args: &Args, server: Server) -> Self {
        let terminal = io::stdout().is_terminal();
        let several = args.streams.len() > 1 || args.streams.iter().any(|name| name.contains('*'));
        Self {
            out: BufWriter::new(io::stdout()),
            style: Style {
                colour: args.color.is_wanted(terminal),
                stream: several,
                zone: if args.utc {
                    TimeZone::UTC
                } else {
                    TimeZone::system()
                },
            },
            json: args.json,
            terminal,
            noise: Noise::default(),
            asked: Some(args.streams.clone()),
            there: BTreeSet::new(),
            search: Search {
                is_over: args.filter.is_none(),
                looked_through: 0,
                found: 0,
                reading: None,
            },
            server,
        }
    }

    pub(super) fn show(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Lines(run) => return self.lines(&run),
            Event::Gap {
                stream,
                from,
                to,
                reason,
            } => self
                .noise
                .say(&show::missing(stream.as_str(), from, to, &reason)),
            Event::State(state) => self.state(state),
            Event::Subscribed { streams, filter, .. } => {
                let there = streams.iter().filter(|(_, start)| start.next > Offset(0));
                self.there.extend(there.map(|(name, _)| name.clone()));
                self.search.reading = filter.or(self.search.reading.take());
            }
            Event::EpochChanged { .. } => self
                .noise
                .say("the installation has another database than before: its streams are shown from their first line"),
            Event::Dropped { streams, .. } => self
                .noise
                .say(&format!("no longer allowed to read: {}", streams.iter().map(StreamName::as_str).collect::<Vec<_>>().join(", "))),
            Event::Warning { code, message } => self.noise.say(&format!("{message} ({code})")),
            Event::Fault(fault) => self.noise.say(&format!("the server made a mistake: {fault}")),
        }
        Ok(())
    }

    fn state(&mut self, state: State) {
        match state {
            State::Offline { retry_in, why } => {
                self.noise.trouble(&why, &again_in(retry_in));
            }
            State::Overdue { silent } => {
                let seconds = silent.as_secs();
                self.noise
                    .trouble(&format!("no answer for {seconds}s"), "waiting");
            }
            State::Replaying => {
                self.noise.over("connected again");
                self.tell_what_is_awaited();
            }
            State::Live => {
                self.noise.over("it answers again");
                self.tell_what_was_found();
            }
            State::Connecting => {}
        }
    }

    /// Once, when all that was asked for stands.
    fn tell_what_is_awaited(&mut self) {
        let Some(asked) = self.asked.take() else {
            return;
        };
        let awaited = awaited::awaited(&asked, &self.there);
        if !awaited.is_empty() {
            tokio::spawn(awaited::tell(self.server.clone(), awaited));
        }
    }

    /// Once, when all that was there is looked through.
    fn tell_what_was_found(&mut self) {
        let search = &mut self.search;
        if !std::mem::replace(&mut search.is_over, true) && search.found == 0 && search.looked_through > 0 {
            self.noise
                .say(&show::no_match(search.looked_through, search.reading.as_ref()));
        }
    }

    fn lines(&mut self, run: &Run) -> io::Result<()> {
        if !self.search.is_over {
            self.search.looked_through += run.next.since(run.first);
            self.search.found += run.lines.len() as u64;
        }
        for line in &run.lines {
            let text = if self.json {
                show::json(run.stream.as_str(), line, self.terminal)
            } else {
                self.style.line(run.stream.as_str(), line)
            };
            writeln!(self.out, "{text}")?;
        }
        self.out.flush()
    }
}
