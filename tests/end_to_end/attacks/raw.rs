//! Connections that say whatever is wanted, byte by byte.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{Alone, PATIENCE, Token};

/// A connection to the public listener.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Connected, and silent.
    pub async fn to(node: &Alone) -> Self {
        Self::at(&node.address()).await
    }

    /// The same to any listener.
    pub async fn at(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// After a good handshake of the tester's, and `welcome`.
    pub async fn websocket(node: &Alone) -> Self {
        let mut raw = Self::to(node).await;
        let head = format!(
            "GET /v1/ws HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {}\r\n\r\n",
            node.address(),
            Token::of_tester()
        );
        raw.say(head.as_bytes()).await;
        assert_eq!(raw.status().await, Some(101));
        while !raw.line().await.unwrap().is_empty() {}
        raw.says("welcome").await;
        raw
    }

    /// Says it, as far as the other side listens.
    pub async fn say(&mut self, bytes: &[u8]) {
        let said = timeout(PATIENCE, self.stream.get_mut().write_all(bytes)).await;
        // One that does not want it has closed already.
        let _ = said.expect("the bytes are taken, or refused");
    }

    /// The connection, for who reads and writes it otherwise.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// A line of a head; nothing when the connection ends instead.
    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte = timeout(PATIENCE, self.stream.read_u8())
                .await
                .expect("an answer, or an end");
            line.push(byte.ok()?);
        }
        Some(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned())
    }

    /// The status of the answer; nothing when there is none.
    pub async fn status(&mut self) -> Option<u16> {
        let line = self.line().await?;
        Some(line.split(' ').nth(1).unwrap().parse().unwrap())
    }

    /// All that is said until the connection ends.
    pub async fn until_the_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut bytes)).await;
        let _ = read.expect("an end");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next frame: its first byte, and its payload.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let reading = async {
            let first = self.stream.read_u8().await.ok()?;
            let length = match self.stream.read_u8().await.ok()? {
                126 => u64::from(self.stream.read_u16().await.ok()?),
                127 => self.stream.read_u64().await.ok()?,
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some((first, payload))
        };
        timeout(PATIENCE, reading).await.expect("a frame, or an end")
    }

    /// The next message of this type; the others before it are passed over.
    pub async fn says(&mut self, kind: &str) -> Value {
        loop {
            let message = self.message().await.expect("a message");
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next message; nothing when the session ends instead.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            match self.frame().await? {
                (0x81, text) => return Some(serde_json::from_slice(&text).unwrap()),
                (0x88, _) => return None,
                _ => {}
            }
        }
    }

    /// The code that the session ends with; 1005 for a close without any, nothing for an end without a close.
    pub async fn ends(&mut self) -> Option<u16> {
        loop {
            match self.frame().await? {
                (0x88, payload) => {
                    let code = payload
                        .first_chunk()
                        .map_or(1005, |code| u16::from_be_bytes(*code));
                    return Some(code);
                }
                _ => continue,
            }
        }
    }
}

/// A frame as clients send it: masked, and well formed but for what its first byte says.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
