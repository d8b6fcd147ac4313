//! Settings from every place, and their mistakes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use auth::Key;
use lines::retention::Retention;

use super::mask::Address;
use super::*;
use crate::config::settings::{self, Changes, Flag};

const LONG: &str = "0123456789abcdef0123456789abcdef";

fn layers(
    flags: &[(&'static str, &str)],
    variables: &[(&str, &str)],
    file: Option<&Path>,
) -> Result<Layers, ConfigError> {
    let flags: BTreeMap<_, _> = flags
        .iter()
        .map(|(key, text)| (*key, (*text).to_owned()))
        .collect();
    let variables = variables
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Layers::gather(&flags, variables, file)
}

fn read(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&layers(flags, variables, None)?)
}

fn refusal(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> String {
    read(flags, variables).unwrap_err().to_string()
}

#[test]
fn nothing_set_is_a_lone_node_on_sqlite() {
    let config = read(&[], &[]).unwrap();
    assert_eq!(config.listeners.public.to_string(), "127.0.0.1:7440");
    assert_eq!(config.listeners.internal.to_string(), "127.0.0.1:7441");
    assert_eq!(config.node.roles, Role::ALL.into_iter().collect());
    assert_eq!(
        (config.store.place.clone(), config.routes.place.clone()),
        (StoreChoice::Sqlite, RoutesChoice::Memory)
    );
    assert_eq!(
        config.live.retention.borrow().retention,
        Retention {
            age: Some(Duration::from_secs(2_592_000)),
            bytes: Some(10 << 30)
        }
    );
    assert!(config.tokens.key.is_none() && !config.is_clustered());
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tailcast.toml");
    fs::write(
        &file,
        "retain_age = \"1d\"\nretain_bytes = 500\ntrim_every = \"5s\"\nroles = [\"web\"]\n",
    )
    .unwrap();
    let variables = [
        ("TAILCAST_RETAIN_AGE", "2d"),
        ("TAILCAST_TRIM_EVERY", "6s"),
        ("TAILCAST_RETAIN_BYTES", ""),
    ];
    let found = layers(&[("trim_every", "7s")], &variables, Some(&file)).unwrap();
    let config = Config::read(&found).unwrap();
    assert_eq!(config.live.retention.borrow().every, Duration::from_secs(7));
    assert_eq!(
        config.live.retention.borrow().retention,
        Retention {
            age: Some(Duration::from_secs(2 * 86_400)),
            bytes: Some(500)
        }
    );
    assert_eq!(config.node.roles, [Role::Web].into_iter().collect());
    assert_eq!(
        found.found("trim_every").unwrap().origin.to_string(),
        "--trim-every"
    );
    assert_eq!(
        found.found("retain_age").unwrap().origin.to_string(),
        "TAILCAST_RETAIN_AGE"
    );
    assert_eq!(
        found.found("roles").unwrap().origin.to_string(),
        format!("`roles` in {}, line 4", file.display())
    );
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tailcast.toml");
    fs::write(&file, "issuer = \"me\"\n").unwrap();
    let found = layers(&[], &[("TAILCAST_CONFIG", file.to_str().unwrap())], None).unwrap();
    assert_eq!(Config::read(&found).unwrap().tokens.issuer, "me");
}

#[test]
fn a_file_with_a_mistake_is_named_with_its_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tailcast.toml");
    let cases = [
        ("retain-age = \"1d\"", "line 1: is `retain_age` meant?"),
        ("colour = 1", "line 1: see docs/configuration.md"),
        ("\nstore = ", "is not TOML, line 2: "),
        (
            "listen.port = 7440",
            "line 1: a text, a number or a list is wanted here, and this is a table",
        ),
        ("heartbeat = \"5s\"", "is `limits.sessions.heartbeat` meant?"),
        ("[limit.sessions]", "is `limits` meant?"),
    ];
    for (text, expected) in cases {
        fs::write(&file, text).unwrap();
        let error = layers(&[], &[], Some(&file)).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains(file.to_str().unwrap()),
            "{error}"
        );
    }
    let error = layers(&[], &[], Some(&folder.path().join("none.toml")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("none.toml cannot be read"), "{error}");
}

#[test]
fn a_file_that_is_no_toml_is_refused_in_one_line_without_what_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tailcast.toml");
    for text in [
        "store = \"mongodb://root:hunter2@db/x\n",
        "store = mongodb://root:hunter2@db/x",
        "key = hunter2",
        "key = 'hunter2",
        "key = \"\"\"hunter2",
        "cluster_secret = \"hunter2\" x",
        "cluster_secret = \"hunter2\"\ncluster_secret = \"hunter2\"",
        "cluster_secret = \"hunter2\\q\"",
        "[hunter2\nkey = 1",
        "hunter2hunter2",
    ] {
        fs::write(&file, text).unwrap();
        let error = layers(&[], &[], Some(&file)).unwrap_err().to_string();
        let is_bare = error.contains("is not TOML, line ") && !error.contains('\n');
        assert!(is_bare && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_bad_value_names_where_it_stands_and_what_would_be_right() {
    let cases: &[(&'static str, &str, &str)] = &[
        (
            "listen",
            "nowhere",
            "--listen is \"nowhere\": an address is HOST:PORT",
        ),
        (
            "roles",
            "collect,pull",
            "there is no role \"pull\": the roles are collect, dispatch, push, read, auth, web",
        ),
        ("roles", ",", "at least one role is needed"),
        (
            "store",
            "postgres://x",
            "the store is `sqlite` (in the data folder), or mongodb://HOST/NAME",
        ),
        ("routes", "127.0.0.1:6379", "redis://HOST"),
        (
            "retain_age",
            "30",
            "a duration is like 30s, 10m, 1h30m or 30d, or none",
        ),
        (
            "retain_bytes",
            "lots",
            "a size is like 500MB, 10GiB or a number of bytes, or none",
        ),
        ("store_compression", "lz4", "`zstd` or `none`"),
        ("log_format", "xml", "`text` or `json`"),
        (
            "log",
            "push=loud",
            "a level is trace, debug, info, warn, error or off",
        ),
    ];
    for (key, value, expected) in cases {
        let error = refusal(&[(key, value)], &[]);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_secret_is_never_repeated() {
    let error = refusal(&[], &[("TAILCAST_KEY", "hunter2")]);
    assert!(
        error.contains("TAILCAST_KEY") && error.contains("at least 32 are needed"),
        "{error}"
    );
    assert!(!error.contains("hunter2"));
}

#[test]
fn an_address_with_a_password_is_shown_without_it_and_may_stand_in_a_file() {
    for (key, value) in [
        ("store", "postgres://root:hunter2@db/x"),
        ("routes", "http://:hunter2@cache"),
    ] {
        let error = refusal(&[(key, value)], &[]);
        assert!(error.contains("://…@") && !error.contains("hunter2"), "{error}");
    }
    let set = layers(&[("store", "mongodb://root:hunter2@db/x")], &[], None).unwrap();
    let (text, _) = shown(set.found("store"), None, false);
    assert_eq!(text, "mongodb://…@db/x");

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (store, routes) = (
        write("store", "mongodb://root:hunter2@db/x\n"),
        write("routes", "redis://:hunter2@cache\n"),
    );
    let shared = [("TAILCAST_KEY", LONG), ("TAILCAST_CLUSTER_SECRET", LONG)];
    let variables = [shared[0], shared[1], ("TAILCAST_ROUTES_FILE", &routes)];
    let config = read(&[("store_file", &store)], &variables).unwrap();
    assert_eq!(
        (config.store.place.clone(), config.routes.place.clone()),
        (
            StoreChoice::Mongo(Address::new("mongodb://root:hunter2@db/x")),
            RoutesChoice::Redis(Address::new("redis://:hunter2@cache"))
        )
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    let both = refusal(&[("store", "sqlite"), ("store_file", &store)], &[]);
    assert!(both.contains("are both set: keep one"), "{both}");
    let bad = refusal(&[("store_file", &write("bad", "hunter2"))], &[]);
    assert!(
        bad.contains("the store is `sqlite`") && !bad.contains("hunter2"),
        "{bad}"
    );
}

#[test]
fn two_listeners_do_not_share_a_port() {
    let error = refusal(
        &[("listen", "127.0.0.1:7440"), ("internal", "127.0.0.1:7440")],
        &[],
    );
    assert!(error.contains("both listeners cannot have one port"), "{error}");
}

#[test]
fn a_secret_may_stand_in_a_file_that_ends_with_a_line_feed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, format!("{LONG}\n")).unwrap();
    let path = file.to_str().unwrap();
    let from_file = read(&[], &[("TAILCAST_KEY_FILE", path)]).unwrap();
    assert!(from_file.tokens.key == Some(Key::from_text(LONG).unwrap()));
    let both = refusal(&[], &[("TAILCAST_KEY_FILE", path), ("TAILCAST_KEY", LONG)]);
    assert!(both.contains("are both set: keep one"), "{both}");
    let missing = refusal(&[], &[("TAILCAST_KEY_FILE", "/nowhere/key")]);
    assert!(missing.contains("/nowhere/key cannot be read"), "{missing}");
}

#[test]
fn a_cluster_without_its_key_or_secret_does_not_start() {
    let key = ("TAILCAST_KEY", LONG);
    let mongo = [("store", "mongodb://db/tailcast")];
    let redis = [("routes", "redis://cache")];
    for shared in [&mongo, &redis] {
        assert!(refusal(shared, &[]).contains("set TAILCAST_KEY or TAILCAST_KEY_FILE"));
        assert!(refusal(shared, &[key]).contains("set TAILCAST_CLUSTER_SECRET"));
        assert!(
            read(shared, &[key, ("TAILCAST_CLUSTER_SECRET", LONG)])
                .unwrap()
                .is_clustered()
        );
    }
}

#[test]
fn a_node_of_a_cluster_that_nobody_could_reach_does_not_start() {
    let shared = [("TAILCAST_KEY", LONG), ("TAILCAST_CLUSTER_SECRET", LONG)];
    let everywhere = [("routes", "redis://cache"), ("internal", "0.0.0.0:7441")];
    assert!(refusal(&everywhere, &shared).contains("set --advertise to the HOST:PORT"));
    let told = [everywhere[0], everywhere[1], ("advertise", "push-1:7441")];
    assert!(read(&told, &shared).is_ok());
    assert!(
        read(&everywhere[1..], &[]).is_ok(),
        "a lone node has nobody to be reached by"
    );
}

#[test]
fn roles_that_cannot_meet_the_others_do_not_start() {
    let shared = [("TAILCAST_KEY", LONG), ("TAILCAST_CLUSTER_SECRET", LONG)];
    assert!(refusal(&[("roles", "push")], &[]).contains("set --routes redis://HOST"));
    for apart in ["push", "read", "collect,read", "dispatch,push,read"] {
        let with_redis = [("roles", apart), ("routes", "redis://cache")];
        let refusal = refusal(&with_redis, &shared);
        assert!(
            refusal.contains("set --store mongodb://HOST/NAME"),
            "{apart}: {refusal}"
        );
    }
    // A store of its own, where nothing is ever revoked.
    for apart in ["auth", "auth,web"] {
        let refusal = refusal(&[("roles", apart)], &[]);
        assert!(
            refusal.contains("set --store mongodb://HOST/NAME"),
            "{apart}: {refusal}"
        );
    }
    for alone in [
        "web",
        "collect,dispatch,push",
        "collect,dispatch,push,auth",
        "collect,dispatch,push,read",
    ] {
        assert!(read(&[("roles", alone)], &[]).is_ok(), "{alone}");
    }
    // Who answers questions needs the store, and nobody else.
    let reads = [("roles", "read"), ("store", "mongodb://db/tailcast")];
    assert!(read(&reads, &shared).is_ok());
    let knows = [("roles", "auth"), ("store", "mongodb://db/tailcast")];
    assert!(read(&knows, &shared).is_ok());
    assert!(read(&[("roles", "dispatch"), ("routes", "redis://cache")], &shared).is_ok());
}

#[test]
fn variables_that_are_no_settings_are_told_and_those_of_other_commands_are_not() {
    let found = layers(
        &[],
        &[
            ("TAILCAST_COLOUR", "x"),
            ("TAILCAST_URL", "x"),
            ("TAILCAST_TOKEN", "x"),
            ("HOME", "/"),
        ],
        None,
    );
    assert_eq!(found.unwrap().unknown_variables(), ["TAILCAST_COLOUR"]);
}

#[test]
fn the_document_lists_every_setting_with_its_default() {
    let document = include_str!("../../docs/configuration.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .take_while(|line| *line != "## Limits")
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `TAILCAST_"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let keys: Vec<String> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let wanted: Vec<&str> = settings::all().map(|setting| setting.key).collect();
    assert_eq!(
        keys, wanted,
        "docs/configuration.md has the settings of the code, in their order"
    );
    for (row, setting) in rows.iter().zip(settings::all()) {
        if let Some(default) = setting.default {
            assert_eq!(row[1].trim_matches('`'), default, "{}", setting.key);
        }
        assert_eq!(
            row[2].contains("Not a flag."),
            setting.flag == Flag::Secret,
            "{}",
            setting.key
        );
        assert_eq!(
            row[2].contains("Heeded while the node runs."),
            setting.changes == Changes::WhileRunning,
            "{}",
            setting.key
        );
    }
}
