//! A connection on which requests and answers take turns: as much of HTTP/1.1 as a sender needs, and no more work than
//! that, since sender and server share the processors of a small machine. What is no answer is told as an error.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use http::StatusCode;
use httparse::{EMPTY_HEADER, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::place::LONGEST_ANSWER;

/// The longest head of an answer that is read, in bytes, and the most fields of it.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_FIELDS: usize = 64;

/// What is read at once, at least.
const READ: usize = 4 * 1024;

/// A connection. After an error it is of no use.
pub(super) struct Exchange {
    stream: TcpStream,
    /// What came of the next answer.
    came: BytesMut,
    /// Whether the server takes another request on it.
    stays: bool,
}

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// How long it wants to be left alone.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: BytesMut,
}

/// What the head of an answer says.
struct Head {
    status: StatusCode,
    retry_after: Option<Duration>,
    length: Length,
    stays: bool,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunked,
    /// Where the connection does.
    ToTheEnd,
}

impl Exchange {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            came: BytesMut::new(),
            stays: true,
        }
    }

    /// Whether another request may be sent. Nothing comes unasked but the end.
    pub(super) fn is_open(&self) -> bool {
        let unasked = self.stream.try_read(&mut [0]);
        let is_quiet = unasked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        self.stays && self.came.is_empty() && is_quiet
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answered> {
        self.stream.write_all(request).await?;
        let head = loop {
            match head(&self.came)? {
                Some((_, head)) if head.status.is_informational() => {
                    bail!("{} was not asked for", head.status)
                }
                Some((bytes, head)) => {
                    self.came.advance(bytes);
                    break head;
                }
                None if self.came.len() > LONGEST_HEAD => bail!("the head of the answer is too long"),
                None => self.more().await?,
            }
        };
        self.stays = head.stays;
        let body = match head.length {
            Length::Bytes(bytes) => self.take(bytes).await?,
            Length::Chunked => self.chunks().await?,
            Length::ToTheEnd => {
                while self.read().await? > 0 {}
                self.came.split()
            }
        };
        Ok(Answered {
            status: head.status,
            retry_after: head.retry_after,
            body,
        })
    }

    async fn read(&mut self) -> anyhow::Result<usize> {
        if self.came.len() > LONGEST_ANSWER {
            bail!("the answer is too long");
        }
        self.came.reserve(READ);
        Ok(self.stream.read_buf(&mut self.came).await?)
    }

    /// Reads what is not there yet.
    async fn more(&mut self) -> anyhow::Result<()> {
        match self.read().await? {
            0 => bail!("the connection ended before the answer did"),
            _ => Ok(()),
        }
    }

    async fn take(&mut self, bytes: usize) -> anyhow::Result<BytesMut> {
        while self.came.len() < bytes {
            self.more().await?;
        }
        Ok(self.came.split_to(bytes))
    }

    async fn chunks(&mut self) -> anyhow::Result<BytesMut> {
        let mut body = BytesMut::new();
        loop {
            let size = httparse::parse_chunk_size(&self.came);
            match size.ok().context("the answer has a chunk without a size")? {
                Status::Partial => self.more().await?,
                Status::Complete((line, bytes)) => {
                    let bytes = usize::try_from(bytes)?;
                    if body.len().saturating_add(bytes) > LONGEST_ANSWER {
                        bail!("the answer is too long");
                    }
                    self.came.advance(line);
                    if bytes == 0 {
                        break;
                    }
                    body.extend_from_slice(&self.take(bytes).await?);
                    self.take(2).await?;
                }
            }
        }
        // What stands behind the last chunk is of no interest.
        while !self.line().await?.is_empty() {}
        Ok(body)
    }

    /// A line, without its end.
    async fn line(&mut self) -> anyhow::Result<BytesMut> {
        loop {
            if let Some(end) = self.came.iter().position(|&byte| byte == b'\n') {
                let mut line = self.came.split_to(end + 1);
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            self.more().await?;
        }
    }
}

/// The head that stands at the beginning, and its bytes; `None` when more of it is to come.
fn head(came: &[u8]) -> anyhow::Result<Option<(usize, Head)>> {
    if came.is_empty() {
        return Ok(None);
    }
    let mut fields = [EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let Status::Complete(bytes) = response
        .parse(came)
        .context("what came is no answer of HTTP/1.1")?
    else {
        return Ok(None);
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default())?;
    let mut head = Head {
        status,
        retry_after: None,
        length: match status {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Length::Bytes(0),
            _ => Length::ToTheEnd,
        },
        stays: response.version == Some(1),
    };
    for field in response.headers.iter() {
        let value = || std::str::from_utf8(field.value).unwrap_or_default().trim();
        if field.name.eq_ignore_ascii_case("content-length") && head.length != Length::Chunked {
            head.length = Length::Bytes(value().parse().context("the answer has no length")?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            head.length = Length::Chunked;
        } else if field.name.eq_ignore_ascii_case("connection") {
            head.stays &= !value().eq_ignore_ascii_case("close");
        } else if field.name.eq_ignore_ascii_case("retry-after") {
            head.retry_after = value().parse().ok().map(Duration::from_secs);
        }
    }
    head.stays &= head.length != Length::ToTheEnd;
    Ok(Some((bytes, head)))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What becomes of an answer that comes in these pieces, and whether the connection stays.
    async fn asked(pieces: &'static [&'static str]) -> (anyhow::Result<Answered>, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 7];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"request");
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            stream.shutdown().await.unwrap();
        });
        let mut exchange = Exchange::new(TcpStream::connect(address).await.unwrap());
        assert!(exchange.is_open());
        let answered = exchange.ask(b"request").await;
        server.await.unwrap();
        (answered, exchange.stays)
    }

    fn answered(status: u16, retry_after: Option<u64>, body: &str) -> Answered {
        Answered {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.into(),
        }
    }

    #[tokio::test]
    async fn answers_are_read_to_their_end_however_they_say_it() {
        let (whole, stays) = asked(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]).await;
        assert_eq!((whole.unwrap(), stays), (answered(200, None, "hello"), true));

        let (pieces, stays) = asked(&[
            "HTTP/1.1 503 Serv",
            "ice Unavailable\r\nretry-after: 3\r\nconnection: close\r\ncontent-length: 3\r\n\r",
            "\na",
            "bc",
        ])
        .await;
        assert_eq!((pieces.unwrap(), stays), (answered(503, Some(3), "abc"), false));

        let (chunks, stays) = asked(&[
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
            "c\r\n2;x=y\r\nde\r\n0\r\n",
            "trailer: x\r\n\r\n",
        ])
        .await;
        assert_eq!((chunks.unwrap(), stays), (answered(200, None, "abcde"), true));

        let (to_the_end, stays) = asked(&["HTTP/1.0 404 Not Found\r\n\r\nno", "thing"]).await;
        assert_eq!(
            (to_the_end.unwrap(), stays),
            (answered(404, None, "nothing"), false)
        );

        let (empty, stays) = asked(&["HTTP/1.1 204 No Content\r\n\r\n"]).await;
        assert_eq!((empty.unwrap(), stays), (answered(204, None, ""), true));
    }

    #[tokio::test]
    async fn what_breaks_off_or_is_no_answer_is_told() {
        for (pieces, why) in [
            (&[] as &'static [&'static str], "ended before"),
            (&["HTTP/1.1 200 OK\r\ncontent-le"], "ended before"),
            (
                &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"],
                "ended before",
            ),
            (
                &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhell"],
                "ended before",
            ),
            (
                &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n"],
                "without a size",
            ),
            (&["HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"], "no length"),
            (&["SSH-2.0-OpenSSH\r\n"], "no answer of HTTP"),
        ] {
            let error = asked(pieces).await.0.unwrap_err();
            assert!(format!("{error:#}").contains(why), "{pieces:?}: {error:#}");
        }
    }
}
