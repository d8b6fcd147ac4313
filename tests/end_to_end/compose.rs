//! docker-compose.yml, deploy/nginx.conf and deploy/tailcast.service, read: that they fit the executable and each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixture::tailcast;

/// A service of the file, with anchors filled in.
#[derive(Debug, Default)]
struct Service {
    variables: BTreeMap<String, String>,
    /// Everything else, by its name; what is a list or a table has its parts.
    settings: BTreeMap<String, BTreeSet<String>>,
}

/// Secrets as `deploy/make-secrets` makes them.
struct Secrets(TempDir);

impl Secrets {
    fn make() -> Self {
        let folder = TempDir::new().unwrap();
        let made = Command::new(file("deploy/make-secrets"))
            .arg(folder.path().join("secrets"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self(folder)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("secrets")
    }
}

/// The names and roles of its nodes.
pub fn nodes() -> Vec<(String, String)> {
    let of_node = |(name, mut service): (String, Service)| {
        service
            .variables
            .remove("TAILCAST_ROLES")
            .map(|role| (name, role))
    };
    services(Path::new("/nowhere"))
        .into_iter()
        .filter_map(of_node)
        .collect()
}

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn docker_compose_config(secrets: Option<&Path>) -> Output {
    // Without an owner's .env.
    let elsewhere = TempDir::new().unwrap();
    let mut command = Command::new("docker-compose");
    command.arg("-f").arg(file("docker-compose.yml"));
    command
        .arg("--project-directory")
        .arg(elsewhere.path())
        .arg("config");
    command
        .current_dir(elsewhere.path())
        .env_remove("TAILCAST_SECRETS")
        .env_remove("TAILCAST_PUBLISH");
    command.envs(secrets.map(|folder| ("TAILCAST_SECRETS", folder)));
    command
        .output()
        .expect("docker-compose is not installed: run the tests with tests/run")
}

/// What docker-compose makes of the file: services are indented by 2, their settings by 4, what is in them by 4 or 6.
fn services(secrets: &Path) -> BTreeMap<String, Service> {
    let ran = docker_compose_config(Some(secrets));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let (mut section, mut service, mut part) = ("", "", "");
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim().trim_matches(['"', '\'']);
        match indent {
            0 => section = name,
            2 => service = name,
            4 if !line.starts_with('-') => part = name,
            _ => {}
        }
        if section != "services" || indent < 4 {
            continue;
        }
        let known = services.entry(service.to_owned()).or_default();
        if part == "environment" && indent == 6 {
            known.variables.insert(name.to_owned(), value.to_owned());
        } else {
            let values = known.settings.entry(part.to_owned()).or_default();
            let item = line.trim_start_matches("- ").trim_start_matches("source: ");
            values.insert(
                if indent == 4 && !line.starts_with('-') {
                    value
                } else {
                    item
                }
                .to_owned(),
            );
        }
    }
    services
}

impl Service {
    fn has(&self, setting: &str, value: &str) -> bool {
        self.settings
            .get(setting)
            .is_some_and(|values| values.contains(value))
    }

    fn on_network(&self, name: &str) -> bool {
        self.has("networks", &format!("{name}: null"))
    }
}

#[test]
fn the_cluster_has_two_who_collect_two_who_dispatch_three_who_push_two_who_read_one_for_tokens_and_one_for_the_viewer()
 {
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    for (_, role) in nodes() {
        *roles.entry(role).or_default() += 1;
    }
    let expected = [
        ("auth", 1),
        ("collect", 2),
        ("dispatch", 2),
        ("push", 3),
        ("read", 2),
        ("web", 1),
    ];
    assert_eq!(
        roles,
        expected.map(|(role, count)| (role.to_owned(), count)).into()
    );
}

#[tokio::test]
async fn every_node_of_the_file_has_a_configuration_that_the_executable_knows_and_accepts() {
    let secrets = Secrets::make();
    for (name, service) in services(&secrets.folder()) {
        let given = service.settings.get("secrets").cloned().unwrap_or_default();
        let real = |value: &str| match value.strip_prefix("/run/secrets/") {
            Some(secret) => {
                assert!(given.contains(secret), "{name} is not given {secret}");
                secrets.folder().join(secret).display().to_string()
            }
            None => value.to_owned(),
        };
        let variables = service.variables.iter().filter(|(name, _)| *name != "HOME");
        let variables: Vec<(&str, String)> = variables
            .map(|(name, value)| (name.as_str(), real(value)))
            .collect();
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert!(
            variables.iter().all(|(name, _)| name.starts_with("TAILCAST_")),
            "{variables:?}"
        );
        if variables.is_empty() {
            continue;
        }
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
        // As README says it: the node's own key makes a token.
        let made = tailcast(&["token", "--sub", "alice", "--read", "**"], &variables, "").await;
        assert_eq!(made.code, Some(0), "{name}: {made:?}");
    }
}

#[test]
fn without_the_secrets_nothing_starts_and_it_says_what_to_do() {
    let ran = docker_compose_config(None);
    let complaint = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success());
    assert!(
        complaint.contains("make them with deploy/make-secrets"),
        "{complaint}"
    );
}

#[test]
fn secrets_are_made_once_and_only_their_owner_gets_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let secrets = Secrets::make();
    let mode = std::fs::metadata(secrets.folder()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let text = std::fs::read_to_string(file("docker-compose.yml")).unwrap();
    let named =
        |name: &str| text.contains(&format!("${{TAILCAST_SECRETS}}/{name}\"")) || name == "tailcast-key";
    for made in std::fs::read_dir(secrets.folder()).unwrap() {
        let name = made.unwrap().file_name().into_string().unwrap();
        assert!(named(&name), "nobody uses {name}");
    }
    let again = Command::new(file("deploy/make-secrets"))
        .arg(secrets.folder())
        .output()
        .unwrap();
    assert!(!again.status.success());
    let complaint = String::from_utf8(again.stderr).unwrap();
    assert!(complaint.contains("is there already"), "{complaint}");
}

#[test]
fn no_service_may_more_than_it_needs() {
    for (name, service) in services(Path::new("/nowhere")) {
        for (setting, value) in [
            ("read_only", "true"),
            ("cap_drop", "ALL"),
            ("security_opt", "no-new-privileges:true"),
            ("pids_limit", "512"),
        ] {
            assert!(service.has(setting, value), "{name} has not {setting}: {value}");
        }
        assert!(service.settings.contains_key("mem_limit"), "{name}");
        let image = service.settings["image"].first().unwrap();
        let pinned = image.split([':', '-']).any(|part| part.split('.').count() == 3);
        assert!(image == "tailcast" || pinned, "{name} runs any {image}");
        let stores = ["collect", "push", "read", "auth"]
            .iter()
            .any(|role| name.starts_with(role));
        assert_eq!(service.has("secrets", "store"), stores, "{name}");
    }
}

#[test]
fn who_is_exposed_reaches_neither_redis_nor_mongodb() {
    let services = services(Path::new("/nowhere"));
    let exposed: Vec<_> = services
        .iter()
        .filter(|(_, service)| service.settings.contains_key("ports"))
        .collect();
    assert_eq!(exposed.len(), 1, "{exposed:?}");
    let (name, nginx) = exposed[0];
    assert_eq!(name, "nginx");
    assert!(nginx.has("ports", "127.0.0.1:7440:7440/tcp"), "{nginx:?}");
    for (name, service) in &services {
        let is_node = service.variables.contains_key("TAILCAST_ROLES");
        let is_within = name.starts_with("mongo") || name == "redis";
        assert!(is_node || is_within || name == "nginx", "{name} is somebody new");
        assert!(!is_within || !service.on_network("front"), "{name}");
    }
    assert!(nginx.on_network("front") && !nginx.on_network("nodes") && !nginx.on_network("store"));
    assert!(services["redis"].on_network("nodes") && services["mongo-1"].on_network("store"));
}

#[tokio::test]
async fn the_unit_for_systemd_has_a_configuration_that_the_executable_accepts() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("key"), "k".repeat(40)).unwrap();
    let here = folder.path().to_str().unwrap();
    let text = std::fs::read_to_string(file("deploy/tailcast.service")).unwrap();
    let settings = text.lines().filter_map(|line| line.strip_prefix("Environment="));
    let settings: Vec<String> = settings
        .map(|line| line.replace("%d", here).replace("%S", here))
        .collect();
    let variables: Vec<_> = settings.iter().filter_map(|line| line.split_once('=')).collect();
    assert!(
        variables.iter().any(|(name, _)| *name == "TAILCAST_KEY_FILE"),
        "{variables:?}"
    );
    let checked = tailcast(&["check", "--offline"], &variables, "").await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(!checked.out.contains("is none"), "{}", checked.out);
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
