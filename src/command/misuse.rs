//! What is said to somebody whose words are no command: what is wrong, and what other programs taught them to mean by it.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands of other programs, and ours for the same.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["ls", "list"], "streams"),
    (&["cat", "read", "show", "history"], "get"),
    (&["follow", "watch", "logs", "log"], "tail"),
    (&["push", "write", "pipe", "ship"], "send"),
    (&["start", "server", "run"], "serve"),
    (&["ps"], "nodes"),
];

/// Flags of other programs, and what does the same here: by the commands that they are given to.
const FLAGS: &[(&[&str], &[&str], &str)] = &[
    (
        &["get"],
        &["-f", "-F", "--follow"],
        "get ends with what there is, and `tailcast tail` follows",
    ),
    (
        &["send", "tail", "get"],
        &["--stream", "-s"],
        "a stream is named without a flag",
    ),
    (
        &["send"],
        &["--file", "-f"],
        "files are named behind the stream, without a flag",
    ),
    (
        &["tail", "get"],
        &["-g", "--grep", "--query", "-q"],
        "--filter looks for lines",
    ),
    (
        &["streams"],
        &["-l", "-a"],
        "all that is known of them is shown anyway",
    ),
];

/// One sentence, without the usage that `--help` shows. `words` are those of the command line, its own name left out.
pub(super) fn sentence(error: &clap::Error, words: &[String]) -> String {
    let rendered = error.render().to_string();
    let lines = rendered.lines().map(str::trim).filter(|line| {
        // A command that has commands of its own has a usage of several lines.
        let is_usage = line.starts_with("Usage:") || line.starts_with("tailcast ");
        let is_shown_by_help = is_usage || line.starts_with("For more information");
        // Nobody means a value by `-f`.
        let is_of_no_use = line.starts_with("tip: to pass");
        !(line.is_empty() || is_shown_by_help || is_of_no_use)
    });
    let mut said = String::new();
    for line in lines {
        let line = line.trim_start_matches("error: ");
        let line = line
            .strip_prefix("[possible values: ")
            .and_then(|values| values.strip_suffix(']'))
            .map_or_else(|| line.to_owned(), |values| format!("it is one of {values}"));
        match said.chars().last() {
            None => {}
            Some(':') => said.push(' '),
            Some(_) if line.starts_with(['<', '-']) => said.push_str(", "),
            Some(_) => said.push_str("; "),
        }
        said.push_str(line.trim_start_matches("tip: "));
    }
    let said = said
        .replace("a similar subcommand exists: ", "is this meant: ")
        .replace("a similar argument exists: ", "is this meant: ")
        .replace("invalid digit found in string", "it is no whole number");
    match habit(error, words) {
        Some(meant) => format!("{}; {meant}", said.split(';').next().unwrap_or(&said)),
        None => format!("{said}; see --help"),
    }
}

/// What somebody means who has it from elsewhere.
fn habit(error: &clap::Error, words: &[String]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let written = context(ContextKind::InvalidSubcommand)?;
            let (_, ours) = COMMANDS.iter().find(|(theirs, _)| theirs.contains(&written))?;
            Some(format!("is `tailcast {ours}` meant?"))
        }
        ErrorKind::UnknownArgument => {
            let written = context(ContextKind::InvalidArg)?;
            let command = words.first()?.as_str();
            // `-20` is called by its first digit.
            let whole = words.iter().find(|word| word.starts_with(written));
            let lines = whole.and_then(|word| word.strip_prefix('-')?.parse::<u64>().ok());
            if let Some(lines) = lines
                && matches!(command, "tail" | "get")
            {
                return Some(format!("the last {lines} lines are -n {lines}"));
            }
            let of = FLAGS
                .iter()
                .find(|(commands, flags, _)| commands.contains(&command) && flags.contains(&written));
            of.map(|(_, _, meant)| (*meant).to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::CommandLine;
    use super::*;

    #[test]
    fn misuse_is_one_sentence_that_says_what_to_do() {
        let table = [
            (
                "tail",
                "the following required arguments were not provided: <STREAM>...; see --help",
            ),
            ("ls", "unrecognized subcommand 'ls'; is `tailcast streams` meant?"),
            (
                "strems",
                "unrecognized subcommand 'strems'; is this meant: 'streams'; see --help",
            ),
            (
                "tail -2 a",
                "unexpected argument '-2' found; the last 2 lines are -n 2",
            ),
            (
                "get -20 a",
                "unexpected argument '-2' found; the last 20 lines are -n 20",
            ),
            (
                "get -f a",
                "unexpected argument '-f' found; get ends with what there is, and `tailcast tail` follows",
            ),
            (
                "get --follow a",
                "unexpected argument '--follow' found; get ends with what there is, and `tailcast tail` follows",
            ),
            (
                "send --stream a",
                "unexpected argument '--stream' found; a stream is named without a flag",
            ),
            ("streams -x", "unexpected argument '-x' found; see --help"),
            (
                "tail a --fliter x",
                "unexpected argument '--fliter' found; is this meant: '--filter'; see --help",
            ),
            (
                "completions cmd",
                "invalid value 'cmd' for '<SHELL>'; it is one of bash, elvish, fish, powershell, zsh; see --help",
            ),
            (
                "get a --from x",
                "invalid value 'x' for '--from <OFFSET>': it is no whole number; see --help",
            ),
            (
                "tail a -n +3",
                "invalid value '+3' for '--last <N>': that counts from the beginning elsewhere; here --from says where to \
                 begin, and line 3 is --from 2; see --help",
            ),
            (
                "tail a --last 3 --since 3m",
                "the argument '--last <N>' cannot be used with '--since <TIME>'; see --help",
            ),
        ];
        for (written, expected) in table {
            let words: Vec<String> = written.split(' ').map(str::to_owned).collect();
            let line = std::iter::once("tailcast".to_owned()).chain(words.clone());
            let error = CommandLine::try_parse_from(line).unwrap_err();
            assert_eq!(sentence(&error, &words), expected, "{written}");
        }
    }
}
