//! Sources in pieces, and what arrives of them.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use client::{FixedToken, SendLimits, Server, Summary};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);

/// A server that keeps what arrives: the bodies one after the other, and what is said of their lines.
#[derive(Clone, Default)]
struct Arrived {
    bodies: Arc<Mutex<String>>,
    marks: Arc<Mutex<Vec<String>>>,
}

impl Arrived {
    async fn sender(&self, longest: usize) -> Sender {
        let arrived = self.clone();
        let keep = move |head: HeaderMap, body: String| {
            let lines = body.lines().filter(|line| !line.is_empty()).count();
            let marks = head
                .get("tailcast-marks")
                .map(|marks| marks.to_str().unwrap().to_owned());
            arrived.marks.lock().unwrap().extend(marks);
            arrived.bodies.lock().unwrap().push_str(&body);
            std::future::ready(format!("{{\"accepted\":{lines}}}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(keep);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = Server::new(&url, Arc::new(FixedToken("token".into()))).unwrap();
        let limits = SendLimits {
            request_bytes: longest,
            ..SendLimits::default()
        };
        Sender::start(server, "my/app", limits, |_| {})
    }

    fn bodies(&self) -> String {
        self.bodies.lock().unwrap().clone()
    }

    fn marks(&self) -> Vec<String> {
        self.marks.lock().unwrap().clone()
    }

    async fn has(&self, bodies: &str) {
        while self.bodies() != bodies {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn reading(longest: usize, charset: Option<Charset>, partial_after: Duration) -> Reading {
    Reading {
        longest,
        charset,
        partial_after,
    }
}

/// What arrives when `chunks` stand in a source, one after another, and what is told of it.
async fn arrived_in(charset: Option<Charset>, chunks: &[&[u8]], longest: usize) -> (Arrived, Summary) {
    let arrived = Arrived::default();
    let mut sender = arrived.sender(longest).await;
    let (mut input, mut output) = tokio::io::duplex(4);
    let (_stop, stops) = watch::channel(0);
    let write = async {
        for chunk in chunks {
            input.write_all(chunk).await.unwrap();
        }
        drop(input);
    };
    let mut rest = Rest::default();
    let reading = reading(longest, charset, LONG);
    let read = read_lines(&mut output, reading, &mut sender, stops, &mut rest);
    let ((), read) = tokio::join!(write, read);
    assert_eq!((read.unwrap(), rest), (Ended::AtTheEnd, Rest::default()));
    let summary = sender.finish().await.unwrap();
    (arrived, summary)
}

async fn arrived(chunks: &[&[u8]], longest: usize) -> (Arrived, Summary) {
    arrived_in(None, chunks, longest).await
}

#[tokio::test]
async fn lines_arrive_as_they_are_however_they_are_cut_and_the_last_needs_no_end() {
    let (arrived, summary) = arrived(&[b"one\nt", b"wo\n\n", b"{\"a\":1}\r\nlast"], 1000).await;
    assert_eq!(arrived.bodies(), "one\ntwo\n\n{\"a\":1}\r\nlast\n");
    assert_eq!((summary.pushed, summary.accepted, summary.rejected), (5, 4, 0));
}

#[tokio::test]
async fn utf_16_arrives_as_utf_8_by_its_mark_or_as_it_was_declared() {
    let text = "déjà vu\r\n😀 \u{50a}\nlast";
    let units = |mark: &str| -> Vec<u8> {
        let units = mark.encode_utf16().chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let marked = units("\u{feff}");
    let (first, rest) = marked.split_at(7);
    let (all, _) = arrived(&[first, rest], 1000).await;
    assert_eq!(all.bodies(), format!("\u{feff}{text}\n"));
    let (all, _) = arrived_in(Some(Charset::Utf16Le), &[&units("")], 1000).await;
    assert_eq!(all.bodies(), format!("{text}\n"));
    let (all, _) = arrived_in(Some(Charset::Latin1), &[b"d\xe9j\xe0\n"], 1000).await;
    assert_eq!(all.bodies(), "déjà\n");
}

#[tokio::test]
async fn a_line_without_an_end_takes_no_more_memory_than_a_request_and_tells_how_long_it_is() {
    let endless = [b'x'; 5000];
    let (arrived, summary) = arrived(&[b"one\n", &endless, b"\ntwo\n"], 100).await;
    assert_eq!(arrived.bodies(), format!("one\n{}\ntwo\n", "x".repeat(99)));
    assert_eq!(arrived.marks(), ["1;cut=4901"]);
    assert_eq!(summary.pushed, 3);
}

#[tokio::test]
async fn a_hole_of_any_length_before_a_line_is_none_of_it() {
    let hole = [0; 5000];
    let (arrived, _) = arrived(&[b"one\n", &hole, b"two\n", &hole], 100).await;
    assert_eq!(arrived.bodies(), "one\ntwo\n");
    assert!(arrived.marks().is_empty());
}

#[tokio::test]
async fn a_line_whose_end_does_not_come_is_a_line_of_its_own_and_nothing_is_joined_to_it() {
    let arrived = Arrived::default();
    let mut sender = arrived.sender(1000).await;
    let (mut input, mut output) = tokio::io::duplex(100);
    let (_stop, stops) = watch::channel(0);
    let write = async {
        input.write_all(b"one\nPassword: ").await.unwrap();
        arrived.has("one\nPassword: \n").await;
        // Its end, which is no blank line, and then a line that comes in two halves.
        input.write_all(b"\r\nte").await.unwrap();
        arrived.has("one\nPassword: \nte\n").await;
        input.write_all(b"st\n\nlast\n").await.unwrap();
        drop(input);
    };
    let mut rest = Rest::default();
    let reading = reading(1000, None, Duration::from_millis(50));
    let read = read_lines(&mut output, reading, &mut sender, stops, &mut rest);
    let ((), read) = tokio::join!(write, read);
    assert_eq!((read.unwrap(), rest), (Ended::AtTheEnd, Rest::default()));
    sender.finish().await.unwrap();
    assert_eq!(arrived.bodies(), "one\nPassword: \nte\nst\n\nlast\n");
    assert!(arrived.marks().iter().all(|marks| marks.ends_with(";partial")));
    assert_eq!(arrived.marks().len(), 2);
}

#[tokio::test]
async fn sources_are_read_one_after_the_other_and_each_ends_a_line() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let files = [
        file("a", b"one\ntwo"),
        file("b", b""),
        file("c", b"\xff\xfet\0h\0r\0e\0e\0"),
        file("d", b"four\n"),
    ];
    let arrived = Arrived::default();
    let mut sender = arrived.sender(1000).await;
    let (_stop, stops) = watch::channel(0);
    let mut rest = Rest::default();
    let sources = Source::all(&files);
    read_all(
        &sources,
        reading(1000, None, LONG),
        &mut sender,
        &stops,
        &mut rest,
    )
    .await
    .unwrap();
    assert_eq!(sender.finish().await.unwrap().accepted, 4);
    assert_eq!(arrived.bodies(), "one\ntwo\n\u{feff}three\nfour\n");
}

#[test]
fn what_cannot_be_read_is_told_before_anything_is_sent() {
    let dir = tempfile::TempDir::new().unwrap();
    let told = |path: &Path| {
        let error = Source::File(path.to_owned()).check().unwrap_err();
        format!("{error:#}")
    };
    let missing = dir.path().join("missing");
    assert!(told(&missing).starts_with(&format!("{} cannot be read: ", missing.display())));
    assert!(told(dir.path()).ends_with("is a folder: name the files in it"));
    assert_eq!(Source::all(&[]), [Source::Input]);
    assert_eq!(Source::all(&["-".into()]), [Source::Input]);
}

#[tokio::test]
async fn an_empty_input_is_no_failure() {
    let (arrived, summary) = arrived(&[], 100).await;
    assert_eq!((arrived.bodies().as_str(), summary), ("", Summary::default()));
}
