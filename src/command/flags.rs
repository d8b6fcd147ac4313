//! The settings as flags of a command.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, FromArgMatches};

use crate::config::ConfigError;
use crate::config::layers::{self, Layers};

/// Which settings the command line sets, and which file sets others.
#[derive(Debug, Clone, Default)]
pub(super) struct SettingFlags {
    flags: BTreeMap<&'static str, String>,
    file: Option<PathBuf>,
}

impl SettingFlags {
    /// The data folder alone, for commands that need nothing but its key.
    pub(super) fn data_folder(data: Option<&str>) -> Self {
        Self {
            flags: data.map(|text| ("data", text.to_owned())).into_iter().collect(),
            file: None,
        }
    }

    /// Puts the flags over the environment and the configuration file.
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.to_string_lossy().into_owned())));
        Layers::gather(&self.flags, variables, self.file.as_deref())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A configuration file (TOML): the flags with `_` as keys [variable: TAILCAST_CONFIG]");
        layers::flags()
            .fold(command, |command, setting| {
                let default = setting
                    .default
                    .map(|text| format!(" [default: {text}]"))
                    .unwrap_or_default();
                let help = format!("{}{default} [variable: {}]", setting.help, setting.variable());
                command.arg(
                    Arg::new(setting.key)
                        .long(setting.flag_name())
                        .value_name(setting.value)
                        .help(help),
                )
            })
            .arg(config)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key| matches.get_one::<String>(key).map(|text| (key, text.clone()));
        Ok(Self {
            flags: layers::flags().filter_map(|setting| given(setting.key)).collect(),
            file: matches.get_one("config").cloned(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
