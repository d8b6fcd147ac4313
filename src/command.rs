//! The command line: one file per command.

mod api_keys;
mod bench;
mod check;
mod completions;
mod connect;
mod flags;
mod get;
mod keys;
mod man;
mod misuse;
mod near;
mod nodes;
mod retention;
mod revoke;
mod send;
mod serve;
mod show;
mod streams;
mod tail;
mod token;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

/// Streams log lines to the people who watch them.
#[derive(Debug, Parser)]
#[command(name = "tailcast", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Look at a log, alone on this machine. Start a server, and open the address that it prints:
  tailcast serve

In another terminal:
  tail -F some.log | tailcast send my/app";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server: everything in one process, or the given roles of a cluster
    Serve(serve::Args),
    /// Send lines from standard input to a stream
    Send(send::Args),
    /// Follow streams
    Tail(tail::Args),
    /// Print what is stored of a stream
    Get(get::Args),
    /// List streams
    Streams(streams::Args),
    /// List the nodes that are alive
    Nodes(nodes::Args),
    /// Show what retention does, bring removed lines back, or let it go on
    Retention(retention::Args),
    /// Print a token
    Token(token::Args),
    /// Make, list, rotate and delete API keys
    ApiKeys(api_keys::Args),
    /// List the key pairs that sign tokens, rotate and retire them
    Keys(keys::Args),
    /// Take tokens back before they end
    Revoke(revoke::Args),
    /// Measure the load and latency of an installation
    Bench(bench::Args),
    /// Check the configuration, explain it, and try what it names
    Check(check::Args),
    /// Print what a shell needs to complete commands and flags
    Completions(completions::Args),
    /// Print a manual page
    Man(man::Args),
}

/// Why a command ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was used wrongly: exit code 2.
    Misused(anyhow::Error),
    /// It did not work: exit code 1.
    Failed(anyhow::Error),
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::Misused(error.into())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads the command line. A wrong one is one line on standard error.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    CommandLine::try_parse()
        .map(|line| line.command)
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                // Nobody is left to be told when this cannot be written.
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            _ => {
                let words: Vec<String> = std::env::args().skip(1).collect();
                misused(&misuse::sentence(&error, &words))
            }
        })
}

impl Command {
    /// Does it.
    pub(crate) fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failure(&format!("no threads can be started: {error}")),
        };
        let ended = runtime.block_on(async {
            match self {
                Self::Serve(args) => serve::run(args).await,
                Self::Send(args) => send::run(args).await,
                Self::Tail(args) => tail::run(args).await,
                Self::Get(args) => get::run(args).await,
                Self::Streams(args) => streams::run(args).await,
                Self::Nodes(args) => nodes::run(args).await,
                Self::Retention(args) => retention::run(args).await,
                Self::Token(args) => token::run(&args),
                Self::ApiKeys(args) => api_keys::run(args).await,
                Self::Keys(args) => keys::run(args).await,
                Self::Revoke(args) => revoke::run(args).await,
                Self::Bench(args) => bench::run(args).await,
                Self::Check(args) => check::run(args).await,
                Self::Completions(args) => completions::run(&args, CommandLine::command()),
                Self::Man(args) => man::run(&args, CommandLine::command()),
            }
        });
        // What still blocks (a read of standard input) must not keep the process.
        runtime.shutdown_background();
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::Misused(error)) => misused(&one_line(&format!("{error:#}"))),
            Err(Failure::Failed(error)) => failure(&one_line(&format!("{error:#}"))),
        }
    }
}

fn misused(sentence: &str) -> ExitCode {
    eprintln!("tailcast: {sentence}");
    ExitCode::from(2)
}

fn failure(sentence: &str) -> ExitCode {
    eprintln!("tailcast: {sentence}");
    ExitCode::from(1)
}

/// An error's text as one line.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terminals have 80 columns, at least; help is wrapped to what they have.
    const COLUMNS: usize = 80;

    fn commands() -> Vec<clap::Command> {
        let mut all = vec![CommandLine::command()];
        let mut at = 0;
        while let Some(command) = all.get(at) {
            let more: Vec<_> = command.get_subcommands().cloned().collect();
            all.extend(more);
            at += 1;
        }
        all
    }

    #[test]
    fn examples_are_shown_as_they_are_pasted() {
        for command in commands() {
            let Some(text) = command.get_after_help() else {
                continue;
            };
            for line in text.to_string().lines().filter(|line| line.starts_with("  ")) {
                assert!(line.chars().count() <= COLUMNS, "{}: {line}", command.get_name());
            }
        }
    }

    /// What is broken by hand is broken once more by the terminal.
    #[test]
    fn paragraphs_of_help_are_one_line_each() {
        for command in commands() {
            let Some(text) = command.get_after_help() else {
                continue;
            };
            let text = text.to_string();
            for (line, next) in text.lines().zip(text.lines().skip(1)) {
                let is_text = |line: &str| !line.is_empty() && !line.starts_with("  ");
                assert!(
                    !(is_text(line) && is_text(next)),
                    "{}: {line}",
                    command.get_name()
                );
            }
        }
    }
}
