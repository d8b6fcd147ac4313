//! Serves the echo on a free port, whose address it prints, until it is ended.

use std::io;

use push::Limits;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The largest message that Autobahn sends. Some of them come in fragments of a few bytes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let limits = Limits {
        message_bytes: MESSAGE_BYTES,
        message_fragments: MESSAGE_BYTES,
        ..Limits::default()
    };
    let router = push::echo::router(limits);
    edge::serve(
        listener,
        router,
        edge::ServeLimits::default(),
        CancellationToken::new(),
    )
    .await;
    Ok(())
}
