//! What cannot start says why: one sentence, and what to do.

use std::net::TcpListener;

use tempfile::TempDir;

use crate::fixture::{Ran, Running, tailcast};

const KEY: (&str, &str) = ("TAILCAST_KEY", "a key for these tests, 32 bytes or longer");

/// One line on stderr, which names the culprit, and the exit code.
fn complains(ran: &Ran, code: i32, culprits: &[&str]) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert_eq!(ran.err.trim_end().lines().count(), 1, "{}", ran.err);
    for culprit in culprits {
        assert!(ran.err.contains(culprit), "{culprit} is not named: {}", ran.err);
    }
}

async fn serve(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let defaults = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--internal",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    // Of a flag that is given twice, the tests' own counts.
    let given = |flag: &&str| arguments.contains(flag);
    let mut all = vec![defaults[0]];
    for pair in defaults[1..].chunks(2) {
        if !given(&pair[0]) {
            all.extend(pair);
        }
    }
    all.extend(arguments);
    tailcast(&all, variables, "").await
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--internal"] {
        complains(&serve(&[flag, &address], &[KEY]).await, 1, &[&address]);
    }
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let path = file.to_str().unwrap();
    complains(&serve(&["--data", path], &[KEY]).await, 1, &[path]);
    complains(
        &serve(&["--data", "/proc/tailcast"], &[]).await,
        1,
        &["/proc/tailcast"],
    );
}

#[tokio::test]
async fn a_data_folder_that_another_process_uses() {
    let alone = crate::fixture::Alone::start().await;
    let ran = serve(&["--data", &alone.data()], &[KEY]).await;
    complains(&ran, 1, &[&alone.data()]);
}

#[tokio::test]
async fn settings_that_nobody_knows() {
    complains(&serve(&["--colour", "blue"], &[KEY]).await, 2, &["--colour"]);

    let dir = TempDir::new().unwrap();
    let file = dir.path().join("tailcast.toml");
    std::fs::write(&file, "colour = \"blue\"\n").unwrap();
    let path = file.to_str().unwrap();
    complains(&serve(&["--config", path], &[KEY]).await, 2, &["colour"]);
}

/// Orchestrators make variables of such names by themselves: a warning is enough.
#[tokio::test]
async fn a_variable_that_is_no_setting_is_named_and_ignored() {
    let ran = tailcast(&["check", "--offline"], &[KEY, ("TAILCAST_COLOUR", "blue")], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("TAILCAST_COLOUR"), "{}", ran.out);
}

#[tokio::test]
async fn settings_that_make_no_sense() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--roles", "collect,cook"], &["cook"]),
        (&["--store", "ftp://somewhere"], &["ftp"]),
        (&["--routes", "somewhere"], &["somewhere"]),
        (&["--retain-age", "tomorrow"], &["tomorrow"]),
        (&["--retain-bytes", "many"], &["many"]),
        (&["--listen", "here"], &["here"]),
    ];
    for (arguments, culprits) in cases {
        complains(&serve(arguments, &[KEY]).await, 2, culprits);
    }
}

#[tokio::test]
async fn a_key_that_is_too_short() {
    complains(
        &serve(&[], &[("TAILCAST_KEY", "short")]).await,
        2,
        &["TAILCAST_KEY", "32"],
    );
}

#[tokio::test]
async fn a_cluster_without_a_key_or_without_a_secret() {
    let store = [
        "--store",
        "mongodb://127.0.0.1:1/tailcast",
        "--routes",
        "redis://127.0.0.1:1",
    ];
    complains(&serve(&store, &[]).await, 2, &["TAILCAST_KEY"]);
    complains(&serve(&store, &[KEY]).await, 2, &["TAILCAST_CLUSTER_SECRET"]);
}

/// It goes on trying: what is away may come.
#[tokio::test]
async fn mongodb_that_is_away_is_told_at_once_in_one_sentence() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let arguments = [
        "--store",
        "mongodb://ann:password@127.0.0.1:9/tailcast",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--internal",
        "127.0.0.1:0",
    ];
    let variables = [
        KEY,
        (
            "TAILCAST_CLUSTER_SECRET",
            "a secret for these tests, 32 bytes or longer",
        ),
    ];
    let sentence = "MongoDB at 127.0.0.1:9 cannot be reached: connection refused";

    let mut serve = Running::start(&[&["serve"], &arguments[..]].concat(), &variables);
    serve.complains(sentence).await;
    let told = serve.complains("started").await;
    assert!(!told.contains("Topology") && !told.contains("password"), "{told}");
    serve.signal("TERM");
    let ran = serve.ended().await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.err.matches("cannot be reached").count(), 1, "{}", ran.err);

    let ran = tailcast(&[&["check"], &arguments[..]].concat(), &variables, "").await;
    complains(&ran, 1, &[sentence]);
    assert!(ran.err.len() < 150, "{}", ran.err);
}
