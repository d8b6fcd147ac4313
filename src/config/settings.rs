//! The table of settings. docs/configuration.md says the same, and a test holds the two together.

/// One setting of `tailcast serve`.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the configuration file. The variable is `TAILCAST_` and the key in capitals.
    pub key: &'static str,
    /// Where it can be set besides the variable and the file.
    pub flag: Flag,
    /// What it is when nobody sets it; `None` where that is a matter of other settings.
    pub default: Option<&'static str>,
    /// What its value is called in the help.
    pub value: &'static str,
    /// What it does, for people.
    pub help: &'static str,
}

/// Whether a setting is a flag of the command line, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// It is.
    Shown,
    /// It is not: a command line can be read by everybody on the machine.
    Secret,
}

impl Setting {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("TAILCAST_{}", self.key.to_uppercase())
    }

    /// The flag's name, without dashes before it.
    pub fn flag_name(&self) -> String {
        self.key.replace('_', "-")
    }
}

/// Looks a setting up.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

const fn setting(
    key: &'static str,
    value: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        flag: Flag::Shown,
        default,
        value,
        help,
    }
}

const fn secret(key: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting {
        key,
        flag: Flag::Secret,
        default: None,
        value,
        help,
    }
}

/// Every setting, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    setting(
        "listen",
        "HOST:PORT",
        Some("127.0.0.1:7440"),
        "The public listener: HTTP, WebSockets and the viewer",
    ),
    setting(
        "internal",
        "HOST:PORT",
        Some("127.0.0.1:7441"),
        "The internal listener: links between nodes, metrics, admin. Keep it off the internet",
    ),
    setting(
        "advertise",
        "HOST:PORT",
        None,
        "How other nodes reach the internal listener [default: its own address]",
    ),
    setting(
        "data",
        "FOLDER",
        Some("./tailcast-data"),
        "The data folder: the SQLite store and the key made at the first start",
    ),
    setting(
        "roles",
        "ROLES",
        Some("collect,dispatch,push,auth,web"),
        "What this node does, separated by commas",
    ),
    setting(
        "store",
        "ADDRESS",
        None,
        "Where lines are kept: mongodb://HOST/NAME, or sqlite in the data folder [default: sqlite]",
    ),
    setting(
        "store_file",
        "FILE",
        None,
        "A file that holds the store's address, when there is a password in it",
    ),
    setting(
        "routes",
        "ADDRESS",
        None,
        "Where routes are kept: redis://HOST, or memory for a lone node [default: memory]",
    ),
    setting(
        "routes_file",
        "FILE",
        None,
        "A file that holds the address of the routes, when there is a password in it",
    ),
    setting(
        "store_compression",
        "HOW",
        Some("zstd"),
        "How batches are kept: zstd or none",
    ),
    setting(
        "retain_age",
        "DURATION",
        Some("30d"),
        "Lines that arrived longer ago are removed: 30s, 10m, 1h30m, 30d, or none for never",
    ),
    setting(
        "retain_bytes",
        "SIZE",
        Some("10GiB"),
        "When the whole store is larger, the oldest lines are removed: 500MB, 10GiB, bytes, or none for never",
    ),
    setting(
        "trim_every",
        "DURATION",
        Some("60s"),
        "How often lines that are not retained are removed: a day at most",
    ),
    setting(
        "drain",
        "DURATION",
        Some("25s"),
        "Over how long a cluster's node moves its sessions on when it is told to stop",
    ),
    setting(
        "new_streams",
        "COUNT",
        Some("5000"),
        "Streams that one subscriber may make at once, at each collector",
    ),
    setting(
        "new_streams_per_minute",
        "COUNT",
        Some("1000"),
        "How many more each minute",
    ),
    setting(
        "connections",
        "COUNT",
        None,
        "Connections of the public listener at once [default: what the limit on open files leaves]",
    ),
    setting(
        "connections_per_address",
        "COUNT",
        None,
        "Those of one address, or of one IPv6 /64 [default: half of all]",
    ),
    setting(
        "proxies",
        "NETWORKS",
        Some(""),
        "Addresses and networks behind which others stand, separated by commas: they are not counted as one",
    ),
    setting("issuer", "NAME", Some("tailcast"), "What tokens carry as `iss`"),
    setting(
        "log",
        "FILTER",
        Some("info"),
        "What the server logs of itself: a level, or levels by module as in `info,push=debug`",
    ),
    setting("log_format", "HOW", Some("text"), "How it logs: text or json"),
    secret(
        "key",
        "KEY",
        "What tokens are signed with: 32 or more bytes, as text or after `base64:` [default: the data folder's, made at the first start]",
    ),
    secret("key_file", "FILE", "A file that holds the key"),
    secret(
        "cluster_secret",
        "SECRET",
        "What the nodes of a cluster prove themselves with: 32 or more bytes, the same on each",
    ),
    secret(
        "cluster_secret_file",
        "FILE",
        "A file that holds the cluster's secret",
    ),
];
