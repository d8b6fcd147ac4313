//! What the server says of itself.

use super::ConfigError;
use super::layers::Layers;
use super::settings::{Section, Setting, setting};
use crate::audit::Place;

/// The server's own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    /// What is logged: a filter of `tracing`.
    pub filter: String,
    /// How it is logged.
    pub format: LogFormat,
    /// Where it is written who did what.
    pub audit: Option<Place>,
}

/// How the server's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line, for programs.
    Json,
}

impl Section for Log {
    const SETTINGS: &'static [Setting] = &[
        setting(
            "log",
            "FILTER",
            Some("info"),
            "What the server logs of itself: a level, or levels by module as in `info,push=debug`",
        )
        .live(),
        setting("log_format", "HOW", Some("text"), "How it logs: text or json"),
        setting(
            "audit_log",
            "FILE",
            None,
            "Where it is written who did what, an object a line: a file, or - for standard error",
        ),
    ];

    fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            filter: layers.parse("log", parse_log_filter)?,
            format: layers.parse("log_format", parse_log_format)?,
            audit: layers.parse_optional("audit_log", |text| Ok(Place::parse(text)))?,
        })
    }
}

fn parse_log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; a level is trace, debug, info, warn, error or off"
        )),
    }
}

fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("the log is written as `text` or `json`".to_owned()),
    }
}
