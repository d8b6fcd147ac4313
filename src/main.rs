//! Tailcast: streams log lines to the people who watch them. One executable; see `tailcast --help`.

mod command;
mod config;
mod descriptors;
mod health;
mod key_file;
mod log;
mod measure;
mod node;
mod parts;
mod routes;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::parse() {
        Ok(command) => command.run(),
        Err(exit) => exit,
    }
}
