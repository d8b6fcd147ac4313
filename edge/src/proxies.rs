//! For whom a proxy asks: told by a header of each request, or by words before the first byte of a connection (PROXY
//! protocol). It is heard from those alone that are trusted, and in the one way that they are said to have; whatever others
//! say of themselves means nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How proxies tell whom they ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToldBy {
    /// `X-Forwarded-For`, to whose end each proxy adds who asked it.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), likewise.
    Forwarded,
    /// The PROXY protocol, version 2: each connection of theirs begins with it.
    ProxyProtocol,
}

/// Proxies that are believed.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    /// Where they are: nowhere.
    pub networks: Arc<[IpNet]>,
    /// How they tell it: by `X-Forwarded-For`.
    pub told_by: ToldBy,
}

impl Default for TrustedProxies {
    fn default() -> Self {
        Self {
            networks: Arc::new([]),
            told_by: ToldBy::default(),
        }
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl TrustedProxies {
    /// Whether what comes from there is believed.
    pub(crate) fn are_at(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether a connection from there begins with words of the proxy.
    pub(crate) fn introduce(&self, address: IpAddr) -> bool {
        self.told_by == ToldBy::ProxyProtocol && self.are_at(address)
    }

    /// Who asks, of whom a request came that a trusted proxy has handed on: the last in the list who is no trusted proxy, or
    /// the first of all. `None`: it is not said, or by nobody who can be believed.
    pub(crate) fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let (name, read): (_, fn(&str) -> Told) = match self.told_by {
            ToldBy::XForwardedFor => (X_FORWARDED_FOR, listed),
            ToldBy::Forwarded => (FORWARDED, forwarded),
            ToldBy::ProxyProtocol => return None,
        };
        let mut client = None;
        for value in headers.get_all(name).iter().rev() {
            // What a client wrote before it may be no text.
            for told in read(&String::from_utf8_lossy(value.as_bytes())).into_iter().rev() {
                let told = told?.to_canonical();
                client = Some(told);
                if !self.are_at(told) {
                    return client;
                }
            }
        }
        client
    }
}

/// Those who asked, one after the other; `None` where it is not said who.
type Told = Vec<Option<IpAddr>>;

fn listed(value: &str) -> Told {
    value.split(',').map(|part| address(part.trim())).collect()
}

/// The `for` of each element. One without it, and one whose name is hidden, is there and says nothing.
fn forwarded(value: &str) -> Told {
    let is_for = |pair: &str| {
        let (name, told) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| told.trim().to_owned())
    };
    // What a proxy adds would be a part of it.
    if !quotes_end(value) {
        return vec![None];
    }
    outside_of_quotes(value, ',')
        .map(|element| {
            let told = outside_of_quotes(element, ';').find_map(is_for)?;
            let bare = told.strip_prefix('"').and_then(|told| told.strip_suffix('"'));
            address(bare.unwrap_or(&told))
        })
        .collect()
}

/// Whether every quoted string ends.
fn quotes_end(value: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for character in value.chars() {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
    }
    !quoted
}

/// Parts of a value, split where no quoted string goes on.
fn outside_of_quotes(value: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |character: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            character => return character == at && !quoted,
        }
        false
    })
}

/// An address as proxies write it, alone or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    address.or_else(|| text.parse().ok().map(|told: SocketAddr| told.ip()))
}

/// What a connection begins with, and what comes before the addresses: a command, a family, a length.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const BEFORE: usize = SIGNATURE.len() + 4;

/// The longest introduction that is read, in bytes. It has room for what may follow the addresses.
const LONGEST: usize = 2_048;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Reads whom a proxy introduces, and nothing beyond. `None`: it connects for itself, or for somebody without an address.
pub(crate) async fn introduction(connection: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut before = [0; BEFORE];
    connection.read_exact(&mut before).await?;
    let (signature, rest) = before.split_at(SIGNATURE.len());
    let &[command, family, high, low] = rest else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if signature != SIGNATURE || !matches!(command, LOCAL | PROXY) || length > LONGEST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it does not begin with the PROXY protocol, version 2",
        ));
    }
    let mut told = vec![0; length];
    connection.read_exact(&mut told).await?;
    let too_short = || io::Error::new(io::ErrorKind::InvalidData, "the addresses are cut off");
    match (command, family) {
        // Source and destination, and the ports of both.
        (PROXY, TCP_OVER_IPV4) if told.len() < 12 => Err(too_short()),
        (PROXY, TCP_OVER_IPV6) if told.len() < 36 => Err(too_short()),
        (PROXY, TCP_OVER_IPV4) => Ok(told
            .first_chunk()
            .map(|&source: &[u8; 4]| Ipv4Addr::from(source).into())),
        (PROXY, TCP_OVER_IPV6) => Ok(told
            .first_chunk()
            .map(|&source: &[u8; 16]| Ipv6Addr::from(source).into())),
        _ => Ok(None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn trusting(told_by: ToldBy) -> TrustedProxies {
        TrustedProxies {
            networks: Arc::from(["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap())),
            told_by,
        }
    }

    fn client(told_by: ToldBy, values: &[(&'static str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        trusting(told_by)
            .client(&headers)
            .map(|address| address.to_string())
    }

    #[test]
    fn of_a_list_the_last_who_is_no_trusted_proxy_asks() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&["192.0.2.1"], Some("192.0.2.1")),
            // What the client wrote stands before what the proxies add.
            (&["8.8.8.8, 192.0.2.1"], Some("192.0.2.1")),
            (&["8.8.8.8, 192.0.2.1, 10.1.2.3"], Some("192.0.2.1")),
            (&["8.8.8.8", "192.0.2.1", "10.1.2.3, 10.9.9.9"], Some("192.0.2.1")),
            (&["nonsense, 192.0.2.1"], Some("192.0.2.1")),
            (&["192.0.2.1, nonsense"], None),
            (&["192.0.2.1,"], None),
            (&[""], None),
            (&[], None),
            // All of them are ours: somebody within.
            (&["10.1.1.1, 10.2.2.2"], Some("10.1.1.1")),
            (&["192.0.2.1:4711"], Some("192.0.2.1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["::ffff:192.0.2.1"], Some("192.0.2.1")),
            (&["192.0.2.1, ::ffff:10.1.1.1"], Some("192.0.2.1")),
        ];
        for (values, expected) in cases {
            let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(
                client(ToldBy::XForwardedFor, &headers).as_deref(),
                *expected,
                "{values:?}"
            );
        }
    }

    #[test]
    fn what_is_no_text_hides_nobody_behind_it() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xff, 192.0.2.1").unwrap();
        headers.append("x-forwarded-for", value);
        let found = trusting(ToldBy::XForwardedFor).client(&headers);
        assert_eq!(found, "192.0.2.1".parse().ok());
    }

    #[test]
    fn of_the_standard_header_likewise_and_what_is_quoted_is_no_end() {
        let cases = [
            ("for=192.0.2.1", Some("192.0.2.1")),
            ("For=192.0.2.1;proto=https;by=10.0.0.1", Some("192.0.2.1")),
            ("for=8.8.8.8, for=192.0.2.1", Some("192.0.2.1")),
            ("for=192.0.2.1, for=10.1.1.1", Some("192.0.2.1")),
            ("for=\"[2001:db8::1]:4711\"", Some("2001:db8::1")),
            ("host=\"a, for=8.8.8.8\";for=192.0.2.1", Some("192.0.2.1")),
            ("host=\"\\\", for=8.8.8.8\";for=192.0.2.1", Some("192.0.2.1")),
            ("for=192.0.2.1;host=\"x;for=8.8.8.8\"", Some("192.0.2.1")),
            ("for=192.0.2.1, for=unknown", None),
            ("for=192.0.2.1, for=_hidden", None),
            ("for=192.0.2.1, proto=https", None),
            ("for=\"192.0.2.1", None),
            ("for=8.8.8.8;host=\", for=192.0.2.1", None),
            ("for=8.8.8.8;host=\"\\, for=192.0.2.1", None),
            ("for=8.8.8.8;host=\", for=\"[2001:db8::1]:4711\"", None),
        ];
        for (value, expected) in cases {
            let found = client(ToldBy::Forwarded, &[("forwarded", value)]);
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn what_a_proxy_is_not_said_to_write_was_written_by_who_asks_and_is_not_heard() {
        let both = [("forwarded", "for=8.8.8.8"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client(ToldBy::XForwardedFor, &both).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(ToldBy::Forwarded, &both).as_deref(), Some("8.8.8.8"));
        assert_eq!(client(ToldBy::ProxyProtocol, &both), None);
        assert_eq!(client(ToldBy::XForwardedFor, &both[..1]), None);
    }

    #[tokio::test]
    async fn an_introduction_is_read_to_its_end_and_not_beyond() {
        let words = |command: u8, family: u8, told: &[u8]| {
            let mut words = SIGNATURE.to_vec();
            words.extend([command, family]);
            words.extend((told.len() as u16).to_be_bytes());
            words.extend(told);
            words
        };
        let four = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        six[15] = 1;
        // An address, and more that is of no interest.
        let more = [&four[..], &[4, 0, 3, 1, 2, 3]].concat();
        let good = [
            (words(PROXY, TCP_OVER_IPV4, &four), Some("192.0.2.1")),
            (words(PROXY, TCP_OVER_IPV4, &more), Some("192.0.2.1")),
            (words(PROXY, TCP_OVER_IPV6, &six), Some("2001:db8::1")),
            (words(LOCAL, TCP_OVER_IPV4, &four), None),
            (words(LOCAL, 0, &[]), None),
            (words(PROXY, 0x31, &[0; 216]), None),
        ];
        for (mut sent, expected) in good {
            sent.extend(b"GET /");
            let mut rest = &sent[..];
            let found = introduction(&mut rest).await.unwrap();
            assert_eq!(found.map(|address| address.to_string()).as_deref(), expected);
            assert_eq!(rest, b"GET /");
        }
        let mut another = words(PROXY, TCP_OVER_IPV4, &four);
        another[3] = b'x';
        let bad = [
            another,
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n".to_vec(),
            words(0x11, TCP_OVER_IPV4, &four),
            words(0x22, TCP_OVER_IPV4, &four),
            words(PROXY, TCP_OVER_IPV4, &four[..11]),
            words(PROXY, TCP_OVER_IPV6, &four),
            words(PROXY, TCP_OVER_IPV4, &[0; LONGEST + 1]),
            words(PROXY, TCP_OVER_IPV4, &four)[..20].to_vec(),
        ];
        for sent in bad {
            assert!(introduction(&mut &sent[..]).await.is_err(), "{sent:?}");
        }
    }
}
