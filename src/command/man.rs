//! `tailcast man`: manual pages.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap_mangen::Man;

use super::Failure;

/// Which page, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tailcast man | man -l -
  tailcast man send | man -l -
  tailcast man --to ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The command that the page is of [default: tailcast itself]
    #[arg(conflicts_with = "to")]
    command: Option<String>,
    /// Write the pages of all commands into this folder, which is made
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// Prints it, or writes them.
pub(super) fn run(args: &Args, mut command: clap::Command) -> Result<(), Failure> {
    if let Some(folder) = &args.to {
        let written =
            std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
        written.with_context(|| format!("{} cannot be written", folder.display()))?;
        return Ok(());
    }
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found
                .ok_or_else(|| Failure::Misused(anyhow!("there is no command {name}: see tailcast --help")))?
        }
    };
    let mut text = Vec::new();
    Man::new(page)
        .render(&mut text)
        .context("the page cannot be made")?;
    super::show::print(&String::from_utf8_lossy(&text))
}
