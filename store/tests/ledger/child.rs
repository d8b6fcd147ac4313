//! Another process that commits, and is killed in the middle of it.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use lines::Ledger;
use lines::ledger::Revision;
use store::LedgerOptions;
use store::mongo::{MongoOptions, MongoStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};

use crate::desk::{State, changes, done, heed, listed, put};
use crate::place::Place;

/// Says to the executable of these tests that it is such a process: a folder, or the address of a database.
const WHERE: &str = "TAILCAST_TEST_LEDGER_CHILD";
const WHO: &str = "TAILCAST_TEST_LEDGER_WHO";

/// What such a process does: three keys in a commit, again and again, each told when it is done. Nothing, when the
/// tests are run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process() {
    let (Ok(place), Ok(who)) = (std::env::var(WHERE), std::env::var(WHO)) else {
        return;
    };
    let ledger: Arc<dyn Ledger> = if place.starts_with("mongodb") {
        Arc::new(
            MongoStore::connect(&place, MongoOptions::default())
                .await
                .unwrap(),
        )
    } else {
        Arc::new(SqliteStore::open(place.as_ref(), SqliteOptions::default()).unwrap())
    };
    for i in 0..u64::MAX {
        let names = [format!("{who}/a"), format!("{who}/b"), format!("{who}/{i:06}")];
        let revision = ledger
            .commit(names.iter().map(|name| put(name, i.to_string())).collect())
            .await
            .unwrap();
        println!("done {i} {revision}");
    }
}

fn start(place: &Place, who: &str) -> Running {
    let place = match place {
        Place::Sqlite { folder, .. } => folder.path().to_str().unwrap().to_owned(),
        Place::Mongo { address, .. } | Place::Merged { address, .. } => address.clone(),
        Place::Memory(_) => panic!("it ends with its process"),
    };
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::child_process", "--nocapture"])
        .envs([(WHERE, place.as_str()), (WHO, who)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = tokio::process::ChildStdout::from_std(process.stdout.take().unwrap()).unwrap();
    Running {
        process,
        told: BufReader::new(stdout).lines(),
        last: None,
    }
}

struct Running {
    process: Child,
    told: Lines<BufReader<tokio::process::ChildStdout>>,
    /// The last commit that was acknowledged, and its revision.
    last: Option<(u64, u64)>,
}

impl Running {
    async fn until(&mut self, commit: u64) {
        while self.last.is_none_or(|(i, _)| i < commit) {
            let line = self.told.next_line().await.unwrap().expect("it goes on");
            self.hear(&line);
        }
    }

    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        if words.next() == Some("done") {
            let mut number = || words.next().unwrap().parse().unwrap();
            self.last = Some((number(), number()));
        }
    }

    /// At once, wherever it is.
    async fn kill(mut self) -> (u64, u64) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        while let Ok(Some(line)) = self.told.next_line().await {
            // A line that was cut off is none.
            if line.split(' ').count() == 3 {
                self.hear(&line);
            }
        }
        self.last.unwrap()
    }
}

pub(crate) async fn what_was_acknowledged_before_a_kill_is_there(place: &Place) {
    let mut expected = 0;
    for round in 0..5 {
        let names = match place {
            Place::Sqlite { .. } | Place::Memory(_) => vec![format!("{round}")],
            // Two at once.
            Place::Mongo { .. } | Place::Merged { .. } => vec![format!("{round}x"), format!("{round}y")],
        };
        let mut running: Vec<_> = names.iter().map(|who| start(place, who)).collect();
        for process in &mut running {
            process.until(7 + round * 5).await;
        }
        let mut killed = Vec::new();
        for process in running {
            killed.push(process.kill().await);
        }
        // Whoever comes next is not held up by those who died.
        let ledger = place.ledger_with(LedgerOptions::default()).await;
        let next = done(&*ledger, put("after", round.to_string())).await;
        let (there, at) = listed(&*ledger, "", 100).await;
        assert_eq!(at, next);
        for (who, (last, revision)) in names.iter().zip(&killed) {
            assert!(*revision < next.0);
            let value = |name: &str| {
                there
                    .get(&format!("{who}/{name}"))
                    .map(|(_, value)| value.clone())
            };
            assert_eq!(value("a"), value("b"));
            for i in 0..=*last {
                assert_eq!(value(&format!("{i:06}")), Some(i.to_string()), "{who}");
            }
        }
        let mut state = State::new();
        for change in changes(&*ledger, "", Revision(0), at).await {
            heed(&mut state, &change);
        }
        assert_eq!(state, there);
        assert!(next.0 > expected);
        expected = next.0;
        drop(ledger);
        place.close();
    }
}
