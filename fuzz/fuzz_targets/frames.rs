//! The bytes of a WebSocket: whatever comes, the connection ends when the client ends it, and what is said back is framed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use push::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (server, client) = tokio::io::duplex(4096);
        let (mut from_server, mut to_server) = tokio::io::split(client);
        let (limits, mut heard) = (Limits::default(), Vec::new());
        let talk = push::fuzz::frames(server, &limits);
        let speak = async {
            // Refused when the server has left already.
            let _ = to_server.write_all(bytes).await;
            let _ = to_server.shutdown().await;
        };
        let listen = from_server.read_to_end(&mut heard);
        let (_, _, read) = tokio::join!(talk, speak, listen);
        read.expect("the end");
        framed(&heard);
    });
});

/// Whole frames, of which none is masked.
fn framed(mut bytes: &[u8]) {
    while let [first, length, rest @ ..] = bytes {
        assert!(length & 0x80 == 0 && first & 0x70 == 0, "{first:x} {length:x}");
        let (length, after) = match length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), 2),
            127 => (u64::from_be_bytes(rest[..8].try_into().expect("8 bytes")) as usize, 8),
            short => (usize::from(*short), 0),
        };
        bytes = &rest[after + length..];
    }
    assert!(bytes.is_empty());
}
