//! A file that changes, and what comes of it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::*;

struct Desk {
    folder: tempfile::TempDir,
    live: Arc<Live>,
    watcher: Watcher,
}

impl Desk {
    /// A node that was started with this file, and `flags`.
    fn start(text: &str, flags: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tailcast.toml");
        fs::write(&path, text).unwrap();
        let flags: BTreeMap<_, _> = flags
            .iter()
            .map(|(key, text)| (*key, (*text).to_owned()))
            .collect();
        let gather = move || Layers::gather(&flags, [], Some(&path));
        let layers = gather().unwrap();
        let config = Config::read(&layers).unwrap();
        Self {
            folder,
            live: Arc::clone(&config.live),
            watcher: Watcher::new(&layers, &config, Box::new(gather)),
        }
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("tailcast.toml"), text).unwrap();
    }

    /// Writes it, and looks until it is heeded.
    async fn heed(&mut self, text: &str) -> Outcome {
        self.write(text);
        let seen = self.looks_twice().await;
        assert_eq!(seen, [false, true], "what is new has to be seen twice");
        self.watcher.heed()
    }

    async fn looks_twice(&mut self) -> [bool; 2] {
        let now = self.watcher.content().await;
        [self.watcher.settled(now.clone()), self.watcher.settled(now)]
    }

    fn age(&self) -> Option<u64> {
        let age = self.live.retention.borrow().retention.age;
        age.as_ref().map(Duration::as_secs)
    }
}

fn heeded(live: &[&str], restart: &[&str]) -> Outcome {
    let owned = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    Outcome::Heeded {
        live: owned(live),
        restart: owned(restart),
    }
}

#[tokio::test]
async fn what_can_change_is_told_and_what_cannot_is_named_once() {
    let mut desk = Desk::start("retain_age = \"7d\"\n", &[]);
    assert_eq!(desk.age(), Some(7 * 86_400));
    assert_eq!(
        desk.heed("retain_age = \"1d\"\nissuer = \"me\"\n").await,
        heeded(&["retain_age"], &["issuer"])
    );
    assert_eq!(desk.age(), Some(86_400));
    let more = "\
log = \"debug\"
new_streams = 7
issuer = \"me\"
[limits.append]
calls = 2
[limits.sessions]
streams = 5
";
    assert_eq!(
        desk.heed(more).await,
        heeded(
            &["limits.append.calls", "log", "new_streams", "retain_age"],
            &["limits.sessions.streams"]
        )
    );
    assert_eq!(
        desk.age(),
        Some(30 * 86_400),
        "what is not set is the default again"
    );
    assert_eq!(*desk.live.log.borrow(), "debug");
    let append = *desk.live.append.borrow();
    assert_eq!((append.calls, append.streams.burst), (2, 7));
    assert_eq!(
        desk.heed("retain_age = \"30d\"\n").await,
        heeded(&["limits.append.calls", "log", "new_streams"], &[])
    );
    assert_eq!(desk.heed("# nothing else\n").await, Outcome::Same);
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_at_all() {
    let mut desk = Desk::start("retain_age = \"7d\"\n", &[]);
    let path = desk.folder.path().join("tailcast.toml").display().to_string();
    for (text, sentence) in [
        (
            "retain_age = \"1d\"\nlog = \"push=loud\"\n",
            "`log` in FILE, line 2 is \"push=loud\": ",
        ),
        (
            "retain_age = \"1d\"\ncolour = 1\n",
            "there is no setting `colour` in FILE, line 2",
        ),
        ("retain_age = \"1d", "FILE is not TOML, line 1: "),
        (
            "retain_age = \"1d\"\n[limits.sessions]\ntick = \"1s\"\n",
            "limits.sessions.tick (1s) must not be more than limits.sessions.tick_stretched (200ms)",
        ),
        ("\n", "the file is empty"),
    ] {
        let Outcome::Refused(why) = desk.heed(text).await else {
            panic!("{text:?} is heeded");
        };
        let why = why.replace(&path, "FILE");
        assert!(why.starts_with(sentence), "{why}");
        assert_eq!(desk.age(), Some(7 * 86_400));
    }
    fs::remove_file(desk.folder.path().join("tailcast.toml")).unwrap();
    assert_eq!(desk.looks_twice().await, [false, true]);
    assert!(matches!(desk.watcher.heed(), Outcome::Refused(why) if why.contains("cannot be read")));
    assert_eq!(
        desk.heed("retain_age = \"1d\"\n").await,
        heeded(&["retain_age"], &[])
    );
}

#[tokio::test]
async fn a_file_that_is_being_written_is_not_read_half() {
    let mut desk = Desk::start("retain_age = \"7d\"\n", &[]);
    for text in ["", "retain_age = \"1", "retain_age = \"10d\"\n"] {
        desk.write(text);
        let now = desk.watcher.content().await;
        assert!(!desk.watcher.settled(now), "{text:?}");
    }
    let now = desk.watcher.content().await;
    assert!(desk.watcher.settled(now.clone()));
    assert!(!desk.watcher.settled(now), "once");
}

#[tokio::test]
async fn a_flag_goes_before_what_the_file_says_later() {
    let mut desk = Desk::start("log = \"info\"\n", &[("retain_age", "7d")]);
    assert_eq!(desk.heed("retain_age = \"1d\"\n").await, Outcome::Same);
    assert_eq!(desk.age(), Some(7 * 86_400));
}

/// A pipe would be waited for, and a file without an end read into memory.
#[tokio::test]
async fn what_takes_the_files_place_and_is_none_is_refused_and_waited_for_by_nobody() {
    let mut desk = Desk::start("retain_age = \"7d\"\n", &[]);
    let path = desk.folder.path().join("tailcast.toml");
    let pipe = desk.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()));
    for (place, sentence) in [
        (pipe.as_path(), "it is no file"),
        (Path::new("/dev/zero"), "it is no file"),
    ] {
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(place, &path).unwrap();
        desk.looks_twice().await;
        assert!(matches!(desk.watcher.heed(), Outcome::Refused(why) if why.contains(sentence)));
    }
    fs::remove_file(&path).unwrap();
    let Outcome::Refused(why) = desk.heed(&"#".repeat(2 * 1024 * 1024)).await else {
        panic!("it is heeded");
    };
    assert!(why.ends_with("it has more than 1 MiB"), "{why}");
    assert_eq!(
        desk.heed("retain_age = \"1d\"\n").await,
        heeded(&["retain_age"], &[])
    );
}
