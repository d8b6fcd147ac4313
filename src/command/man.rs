//! `tailcast man`: manual pages.

use std::io;
use std::path::{Path, PathBuf};

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
    command.build();
    if let Some(folder) = &args.to {
        let written = std::fs::create_dir_all(folder).and_then(|()| write_all(&command, folder));
        written.with_context(|| format!("{} cannot be written", folder.display()))?;
        return Ok(());
    }
    let command = match &args.command {
        None => &command,
        Some(name) => command
            .find_subcommand(name)
            .ok_or_else(|| Failure::Misused(anyhow!("there is no command {name}: see tailcast --help")))?,
    };
    let text = page(command).context("the page cannot be made")?;
    super::show::print(&text)
}

fn write_all(command: &clap::Command, folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(format!("{}.1", name(command))), page(command)?)?;
    let shown = command
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    shown
        .into_iter()
        .try_for_each(|command| write_all(command, folder))
}

/// `tailcast-retention-restore`.
fn name(command: &clap::Command) -> String {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned()
}

fn page(command: &clap::Command) -> io::Result<String> {
    let man = Man::new(command.clone())
        .title(name(command))
        .source(concat!("tailcast ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for argument in command
        .get_positionals()
        .filter(|argument| takes_several(argument))
    {
        let one = format!("\\fI{}\\fR", argument.get_id().as_str().to_uppercase());
        let named = argument.get_value_names().and_then(|names| names.first());
        let one = named.map_or(one, |name| format!("\\fI{}\\fR", escaped(name)));
        for (open, close) in [('<', '>'), ('[', ']')] {
            let one = format!("{open}{one}{close}");
            text = text.replace(&one, &format!("{one}..."));
        }
    }
    let notes = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    text.push_str(&sections(&notes));
    Ok(text)
}

fn takes_several(argument: &clap::Arg) -> bool {
    matches!(argument.get_action(), clap::ArgAction::Append)
}

/// What stands below the options of the help, as sections of a page: NOTES, and EXAMPLES where those begin.
fn sections(help: &str) -> String {
    let mut text = String::new();
    let mut heading = Some("NOTES");
    let mut is_example = false;
    for line in help.lines() {
        let example = line.strip_prefix("  ");
        if is_example != example.is_some() && !line.is_empty() {
            text.push_str(if is_example { ".fi\n.RE\n" } else { "" });
            is_example = example.is_some();
            if is_example {
                text.push_str(
                    heading
                        .take()
                        .map(|name| format!(".SH {name}\n"))
                        .as_deref()
                        .unwrap_or(""),
                );
                text.push_str(".PP\n.RS 4\n.nf\n");
            }
        }
        match (line, example) {
            ("Examples:", _) => heading = Some("EXAMPLES"),
            ("", _) => {}
            (_, Some(example)) => text.push_str(&format!("{}\n", escaped(example))),
            (words, None) => {
                text.push_str(
                    heading
                        .take()
                        .map(|name| format!(".SH {name}\n"))
                        .as_deref()
                        .unwrap_or(""),
                );
                text.push_str(&format!(".PP\n{}\n", escaped(words)));
            }
        }
    }
    text.push_str(if is_example { ".fi\n.RE\n" } else { "" });
    text
}

/// Text as roff takes it.
fn escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    if escaped.starts_with(['.', '\'']) {
        format!("\\&{escaped}")
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_examples_are_sections_of_a_page() {
        let help = "It ends.\n\n.dot-and \\.\n\nExamples:\n  tailcast send a \\\n      -x\n  tailcast send b\n\nMore.";
        assert_eq!(
            sections(help),
            ".SH NOTES\n.PP\nIt ends.\n.PP\n\\&.dot\\-and \\e.\n.SH EXAMPLES\n.PP\n.RS 4\n.nf\ntailcast send a \\e\n    \
             \\-x\ntailcast send b\n.fi\n.RE\n.PP\nMore.\n"
        );
        assert_eq!(sections(""), "");
    }
}
