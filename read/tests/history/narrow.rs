//! Searches that pass over lines of which the store knows that none is wanted: the answers are the same, and less is read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lines::{Level, Line};
use read::Limits;

use crate::faulty_store::FaultyStore;
use crate::fixture::{Node, line};

const LINES: usize = 20_000;
const BATCH: usize = 100;

/// Twenty thousand lines, of which these have a needle.
async fn node(needles: &[usize], limits: Limits) -> (Node, Arc<FaultyStore>) {
    node_of(LINES, needles, limits).await
}

async fn node_of(count: usize, needles: &[usize], limits: Limits) -> (Node, Arc<FaultyStore>) {
    let store = Arc::new(FaultyStore::default());
    let node = Node::over(Arc::clone(&store) as _, limits);
    let said = |number: usize| {
        let is_needle = needles.contains(&number);
        let (level, word) = if is_needle {
            (Level::Error, "needle")
        } else {
            (Level::Info, "hay")
        };
        line(number as i64, level, &format!("{word} {number}"))
    };
    let lines: Vec<Line> = (0..count).map(said).collect();
    for lines in lines.chunks(BATCH) {
        node.append("app/api", lines).await;
    }
    (node, store)
}

/// So small that all lines are a hundred of them.
fn small_pages() -> Limits {
    Limits {
        page_bytes: 10_000,
        ..Limits::default()
    }
}

/// How often the store was read for an answer.
async fn reads<T>(store: &FaultyStore, answer: impl Future<Output = T>) -> (T, usize) {
    let before = store.reads.load(Ordering::SeqCst);
    let answer = answer.await;
    (answer, store.reads.load(Ordering::SeqCst) - before)
}

#[tokio::test]
async fn what_is_nowhere_is_known_without_reading() {
    let (node, store) = node(&[], small_pages()).await;
    for question in [
        "lines?stream=app/api&filter=needle",
        "lines?stream=app/api&filter=needle&last=10",
        "lines?stream=app/api&filter=level:error&limit=5",
        "counts?stream=app/api&filter=needle",
    ] {
        let address = format!("/v1/{question}");
        let (answer, reads) = reads(&store, node.get_json(&address)).await;
        assert_eq!(answer["next"], LINES, "{question}: {answer}");
        assert_eq!(reads, 0, "{question}");
    }
}

#[tokio::test]
async fn what_is_somewhere_is_found_by_reading_there() {
    let needles = [0, 77, 5_000, 5_001, 13_199, 19_999];
    let (node, store) = node(&needles, small_pages()).await;
    let all: Vec<u64> = needles.iter().map(|&needle| needle as u64).collect();
    for (question, expected) in [
        ("filter=needle", &all[..]),
        ("filter=level%3E%3Dwarn", &all),
        ("filter=needle&from=77&to=13199", &all[1..4]),
        ("filter=needle&limit=3", &all[..3]),
        ("filter=needle&last=2", &all[4..]),
        ("filter=needle&last=100", &all),
        ("filter=needle&last=2&to=6000", &all[2..4]),
    ] {
        let address = format!("/v1/lines?stream=app/api&{question}");
        let (reply, reads) = reads(&store, node.get(&address)).await;
        assert_eq!(reply.offsets(), expected, "{question}");
        assert!(reads <= 30, "{question}: {reads}");
    }
}

#[tokio::test]
async fn all_that_matches_is_found_however_early_answers_end_and_whatever_is_passed_over() {
    let needles = [0, 77, 5_000, 5_001, 13_199, 19_999];
    let limits = Limits {
        scan_bytes: 1,
        page_bytes: 1,
        ..Limits::default()
    };
    let (node, _) = node(&needles, limits).await;
    let (mut found, mut from) = (Vec::new(), 0);
    while from < LINES as u64 {
        let reply = node
            .get(&format!("/v1/lines?stream=app/api&filter=needle&from={from}"))
            .await;
        found.extend(reply.offsets());
        assert!(reply.next() > from);
        from = reply.next();
    }
    assert_eq!(found, needles.map(|needle| needle as u64));
    let (mut found, mut to) = (Vec::new(), LINES as u64);
    while to > 0 {
        let reply = node
            .get(&format!("/v1/lines?stream=app/api&filter=needle&last=2&to={to}"))
            .await;
        found.splice(0..0, reply.offsets());
        let from = reply.header("tailcast-from");
        assert!(from < to);
        to = from;
    }
    assert_eq!(found, needles.map(|needle| needle as u64));
}

#[tokio::test]
async fn what_the_store_cannot_say_of_its_lines_is_read() {
    let (node, store) = node(&[5_000], Limits::default()).await;
    store.knows_nothing.store(true, Ordering::SeqCst);
    let ask = node.get("/v1/lines?stream=app/api&filter=needle");
    let (reply, reads) = reads(&store, ask).await;
    assert_eq!((reply.offsets(), reply.next()), (vec![5_000], LINES as u64));
    assert!(reads > 0);
}

#[tokio::test]
async fn what_is_merged_between_two_reads_is_answered_once() {
    // Pages are so small that the first window, of 256 lines, takes several reads.
    let needles = [360, 470, 580];
    let (node, store) = node_of(600, &needles, small_pages()).await;
    // All of it is read, whatever could be passed over.
    store.knows_nothing.store(true, Ordering::SeqCst);
    let wanted: Vec<u64> = needles.map(|needle| needle as u64).to_vec();
    for reads in 1..8 {
        store.reads.store(0, Ordering::SeqCst);
        store.joined_after.store(reads, Ordering::SeqCst);
        let address = "/v1/lines?stream=app/api&filter=needle&last=10";
        let answer = node.get(address).await;
        assert_eq!(answer.offsets(), wanted, "merged after {reads} reads");
    }
}
