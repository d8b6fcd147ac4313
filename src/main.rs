//! Tailcast: streams log lines to the people who watch them. One executable; see `tailcast --help`.

mod audit;
mod certificates;
mod command;
mod config;
mod descriptors;
mod fan_out;
mod ground;
mod health;
mod key_file;
mod listeners;
mod log;
mod measure;
mod node;
mod openapi;
mod parts;
mod phase;
mod roles;
mod routes;
mod service;

use std::process::ExitCode;

/// glibc's keeps what small things took at a peak (sessions, streams, answers); this one gives it back within seconds.
/// Elsewhere the system's own serves.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match command::parse() {
        Ok(command) => command.run(),
        Err(exit) => exit,
    }
}
