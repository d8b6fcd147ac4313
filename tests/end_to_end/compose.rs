//! docker-compose.yml and deploy/nginx.conf, read: that they fit the executable and each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use crate::fixture::tailcast;

/// A service of the file with its variables, anchors and secrets filled in.
type Services = BTreeMap<String, BTreeMap<String, String>>;

/// The names and roles of its nodes.
pub fn nodes() -> Vec<(String, String)> {
    let of_node = |(name, mut variables): (String, BTreeMap<String, String>)| {
        variables.remove("TAILCAST_ROLES").map(|role| (name, role))
    };
    services().into_iter().filter_map(of_node).collect()
}

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn docker_compose_config(secrets: &[(&str, &str)]) -> std::process::Output {
    let mut command = Command::new("docker-compose");
    command.arg("-f").arg(file("docker-compose.yml")).arg("config");
    command
        .env_remove("TAILCAST_KEY")
        .env_remove("TAILCAST_CLUSTER_SECRET")
        .envs(secrets.iter().copied());
    command
        .output()
        .expect("docker-compose is not installed: run the tests with tests/run")
}

/// What docker-compose makes of the file: services are indented by 2, their variables by 6.
fn services() -> Services {
    let ran = docker_compose_config(&[
        ("TAILCAST_KEY", "the key given to compose, of 32 bytes or more"),
        (
            "TAILCAST_CLUSTER_SECRET",
            "the secret given to compose, of 32 bytes or more",
        ),
    ]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let mut services = Services::new();
    let (mut section, mut service, mut part) = ("", "", "");
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        match indent {
            0 => section = name,
            2 => service = name,
            4 => part = name,
            6 if section == "services" && part == "environment" => {
                let value = value.trim().trim_matches(['"', '\'']).to_owned();
                services
                    .entry(service.to_owned())
                    .or_default()
                    .insert(name.to_owned(), value);
            }
            _ => {}
        }
    }
    services
}

#[test]
fn the_cluster_has_two_who_collect_two_who_dispatch_three_who_push_one_for_tokens_and_one_for_the_viewer() {
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    for (_, role) in nodes() {
        *roles.entry(role).or_default() += 1;
    }
    let expected = [
        ("auth", 1),
        ("collect", 2),
        ("dispatch", 2),
        ("push", 3),
        ("web", 1),
    ];
    assert_eq!(
        roles,
        expected.map(|(role, count)| (role.to_owned(), count)).into()
    );
}

#[tokio::test]
async fn every_node_of_the_file_has_a_configuration_that_the_executable_knows_and_accepts() {
    for (name, variables) in services() {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert!(variables.iter().all(|(name, _)| name.starts_with("TAILCAST_")));
        let checked = tailcast(&["check", "--offline"], &variables, "").await;
        assert_eq!(checked.code, Some(0), "{name}: {checked:?}");
        assert!(
            !checked.out.contains("is none"),
            "{name} sets what is no setting: {}",
            checked.out
        );
        let advertised = variables.iter().find(|(name, _)| *name == "TAILCAST_ADVERTISE");
        let by_its_name = format!("{name}:7441");
        assert_eq!(advertised, Some(&("TAILCAST_ADVERTISE", by_its_name.as_str())));
    }
}

#[test]
fn without_the_secrets_nothing_starts_and_it_says_what_to_set() {
    let ran = docker_compose_config(&[]);
    let complaint = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success());
    assert!(complaint.contains("openssl rand -hex 32"), "{complaint}");
}

#[test]
fn nginx_knows_every_node_that_people_reach_and_nobody_else() {
    let text = std::fs::read_to_string(file("deploy/nginx.conf")).unwrap();
    let servers: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server ")?.split([' ', ';']).next())
        .filter(|name| *name != "{")
        .map(str::to_owned)
        .collect();
    let reached = nodes().into_iter().filter(|(_, role)| role != "dispatch");
    assert_eq!(servers, reached.map(|(name, _)| format!("{name}:7440")).collect());
}
