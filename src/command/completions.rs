//! `tailcast completions`: what a shell needs to complete commands and flags.

use clap_complete::Shell;

use super::Failure;

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tailcast completions bash \\
      > ~/.local/share/bash-completion/completions/tailcast
  tailcast completions zsh > ~/.zfunc/_tailcast
  tailcast completions fish > ~/.config/fish/completions/tailcast.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints it.
pub(super) fn run(args: &Args, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "tailcast", &mut script);
    super::show::print(&String::from_utf8_lossy(&script))
}
