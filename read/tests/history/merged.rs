//! Several streams, read as one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use edge::sieve::{Sieve, SieveLimits};
use lines::log_store::Draft;
use lines::{Filter, Level, Lines, LogReader, LogStore, Offset, StreamName};
use read::scan::merged::{Merge, Merged, TooMany};
use read::scan::{Budget, Question, Scan, Scanner};
use read::{Limits, QuestionLimits, Questions};

use crate::faulty_store::FaultyStore;
use crate::fixture::line;

const NAMES: [&str; 3] = ["app/a", "app/b", "app/c"];

fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

/// A batch with a line of each of these seconds.
async fn fill(store: &FaultyStore, stream: &str, seconds: &[u64]) {
    let lines: Vec<_> = seconds
        .iter()
        .map(|&second| line(second as i64, Level::Info, &format!("{stream} at {second}")))
        .collect();
    let draft = Draft {
        stream: name(stream),
        arrived: None,
        lines: Lines::encode(&lines).unwrap(),
        keys: Vec::new(),
    };
    store.append(vec![draft]).await.remove(0).unwrap();
}

fn scanner(store: &Arc<FaultyStore>, page_bytes: usize) -> Scanner {
    let asked = Arc::clone(store) as Arc<dyn LogReader>;
    Scanner {
        questions: Questions::new(
            asked,
            QuestionLimits::default(),
            tokio::runtime::Handle::current(),
        ),
        sieve: Sieve::new(SieveLimits::default()),
        limits: Limits {
            page_bytes,
            ..Limits::default()
        },
    }
}

async fn scan(scanner: &Scanner, stream: &str, from: Offset, filter: Option<&str>) -> Scan {
    let question = Question {
        stream: name(stream),
        from: Some(from),
        to: None,
        since: None,
        until: None,
        filter: filter.map(|text| Filter::parse(text).unwrap()),
    };
    let extents = scanner.questions.extents(&[name(stream)]).await.unwrap();
    let account = scanner.sieve.account("alice");
    scanner.scan(question, extents[0], account).await.unwrap()
}

/// All three from the beginning.
async fn merge(scanner: &Scanner, filter: Option<&str>) -> Merge {
    let mut scans = Vec::new();
    for stream in NAMES.iter().rev() {
        scans.push(scan(scanner, stream, Offset::ZERO, filter).await);
    }
    Merge::of(scans, 3, scanner.budget()).unwrap()
}

/// What comes, as `stream:offset`; what cannot be had as `stream:from..to`.
async fn all(merge: &mut Merge) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(next) = merge.line().await.unwrap() {
        all.push(match next {
            Merged::Line(stream, kept) => format!("{stream}:{}", kept.offset),
            Merged::Hole(stream, hole) => format!("{stream}:{}..{}", hole.start, hole.end),
        });
    }
    all
}

#[tokio::test]
async fn lines_come_by_time_then_by_stream_then_by_offset_whatever_the_pages_are() {
    let store = Arc::<FaultyStore>::default();
    let mut expected = Vec::new();
    for (nth, stream) in NAMES.iter().enumerate() {
        let step = nth as u64 + 1;
        let seconds: Vec<u64> = (0..200).map(|count| count / 2 * step).collect();
        for batch in seconds.chunks(7 + nth) {
            fill(&store, stream, batch).await;
        }
        expected.extend(
            (0u64..)
                .zip(seconds)
                .map(|(offset, second)| (second, *stream, offset)),
        );
    }
    expected.sort();
    let expected: Vec<_> = expected
        .iter()
        .map(|(_, stream, offset)| format!("{stream}:{offset}"))
        .collect();
    for page_bytes in [1, 5_000, 1 << 20] {
        let mut merge = merge(&scanner(&store, page_bytes), None).await;
        assert_eq!(all(&mut merge).await, expected, "pages of {page_bytes}");
        assert!(merge.is_over());
        assert!(merge.next().all(|(_, next)| next == Offset(200)));
    }
}

#[tokio::test]
async fn only_what_is_wanted_comes_and_one_streams_lines_stay_in_their_order() {
    let store = Arc::<FaultyStore>::default();
    fill(&store, "app/a", &[5, 2, 9]).await;
    fill(&store, "app/b", &[3, 4]).await;
    fill(&store, "app/c", &[1]).await;
    let scanner = scanner(&store, 1 << 20);
    let mut everything = merge(&scanner, None).await;
    assert_eq!(
        all(&mut everything).await,
        ["app/c:0", "app/b:0", "app/b:1", "app/a:0", "app/a:1", "app/a:2"]
    );
    let mut some = merge(&scanner, Some("\"at 2\" OR \"at 4\" OR \"at 1\"")).await;
    assert_eq!(all(&mut some).await, ["app/c:0", "app/a:1", "app/b:1"]);
}

#[tokio::test]
async fn no_more_is_read_than_a_page_of_each_stream_until_it_is_taken() {
    let store = Arc::<FaultyStore>::default();
    for stream in NAMES {
        for second in 0..50 {
            fill(&store, stream, &[second]).await;
        }
    }
    // A batch is a page.
    let mut merge = merge(&scanner(&store, 1), None).await;
    let before = store.reads.load(Ordering::SeqCst);
    for taken in 1..=30 {
        assert!(merge.line().await.unwrap().is_some());
        let reads = store.reads.load(Ordering::SeqCst) - before;
        assert!(reads <= 2 + taken, "{reads} pages for {taken} lines");
    }
}

#[tokio::test]
async fn a_spent_budget_ends_a_merge_and_who_goes_on_gets_every_line_once() {
    let store = Arc::<FaultyStore>::default();
    for (nth, stream) in NAMES.iter().enumerate() {
        for second in 0..20 {
            fill(
                &store,
                stream,
                &[second * (nth as u64 + 1), second * (nth as u64 + 1)],
            )
            .await;
        }
    }
    let scanner = scanner(&store, 1);
    let mut expected = all(&mut merge(&scanner, Some("-\"at 6\"")).await).await;
    let (mut from, mut found) = ([Offset::ZERO; 3], Vec::new());
    for round in 0.. {
        assert!(round < 500, "it does not get on");
        let mut scans = Vec::new();
        for (stream, from) in NAMES.iter().zip(from) {
            scans.push(scan(&scanner, stream, from, Some("-\"at 6\"")).await);
        }
        let mut merge = Merge::of(scans, 3, Budget::of(1, Duration::from_secs(10))).unwrap();
        found.extend(all(&mut merge).await);
        for (from, (_, next)) in from.iter_mut().zip(merge.next()) {
            *from = next;
        }
        if merge.is_over() {
            break;
        }
    }
    assert_eq!(found, expected);
    found.sort();
    found.dedup();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_cannot_be_had_is_named_and_all_else_comes() {
    let store = Arc::<FaultyStore>::default();
    for stream in NAMES {
        fill(&store, stream, &[1, 2]).await;
        fill(&store, stream, &[3, 4]).await;
    }
    store.damaged.lock().push(("app/b".to_owned(), 0, 2));
    let mut merge = merge(&scanner(&store, 1), None).await;
    let came = all(&mut merge).await;
    assert_eq!(came[0], "app/b:0..2");
    assert_eq!(came.len(), 11);
    assert!(merge.is_over());
}

#[tokio::test]
async fn a_merge_goes_on_where_it_was_when_the_store_is_back() {
    let store = Arc::<FaultyStore>::default();
    for stream in NAMES {
        for second in 0..10 {
            fill(&store, stream, &[second]).await;
        }
    }
    let scanner = scanner(&store, 1);
    let expected = all(&mut merge(&scanner, None).await).await;
    let mut merge = merge(&scanner, None).await;
    let mut found = Vec::new();
    for round in 0..1_000 {
        // Every other question fails.
        store.away.store(round % 2 == 0, Ordering::SeqCst);
        match merge.line().await {
            Ok(Some(Merged::Line(stream, kept))) => found.push(format!("{stream}:{}", kept.offset)),
            Ok(Some(Merged::Hole(..))) => panic!("nothing is damaged"),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn more_streams_than_may_be_are_refused() {
    let store = Arc::<FaultyStore>::default();
    let scanner = scanner(&store, 1);
    let mut scans = Vec::new();
    for stream in NAMES {
        scans.push(scan(&scanner, stream, Offset::ZERO, None).await);
    }
    let refused = Merge::of(scans, 2, scanner.budget());
    assert_eq!(refused.err(), Some(TooMany { most: 2 }));
}
