//! What HTTP itself costs where each request brings one line: hyper on tokio, as `edge` has them, and nothing else. It
//! reads the body, and says that the line was stored, which it was not. What Tailcast costs beyond that is its own.
//!
//!     cargo bench -p edge --bench floor -- 127.0.0.1:7449
//!     tailcast bench --url http://127.0.0.1:7449 --sessions 0 --flat-out --streams 16 --connections 16 --pid …
//!
//! The first says the process to name in the second, and runs until it is stopped.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// The next offset of each stream.
type Heads = Arc<Mutex<HashMap<String, usize>>>;

#[tokio::main]
async fn main() {
    // `cargo bench` adds one that begins with a dash.
    let address = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))
        .await
        .unwrap();
    println!(
        "http://{} --pid {}",
        listener.local_addr().unwrap(),
        std::process::id()
    );
    let heads = Heads::default();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let heads = Arc::clone(&heads);
        let service = service_fn(move |request| answer(request, Arc::clone(&heads)));
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            let served = http
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            let _ = served.await;
        });
    }
}

async fn answer(request: Request<Incoming>, heads: Heads) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    let stream = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("stream="))
        .unwrap_or_default();
    let body = body.collect().await.unwrap().to_bytes();
    let lines = body.iter().filter(|&&byte| byte == b'\n').count();
    let first = {
        let mut heads = heads.lock().unwrap();
        let next = heads.entry(stream.to_owned()).or_default();
        *next += lines;
        *next - lines
    };
    let next = first + lines;
    let stretch = format!(
        r#"{{"accepted":{lines},"rejected":[],"streams":{{"{stream}":[{{"first":{first},"next":{next}}}]}}}}"#
    );
    Ok(Response::new(Full::from(stretch)))
}
