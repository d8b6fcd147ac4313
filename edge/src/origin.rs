//! Where pages are from, and what hosts are called: compared as browsers do it.

use http::uri::Authority;

/// Where a page is from: a scheme, a host and a port, in lower case, and without a port that the scheme implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    place: Place,
}

/// A host as names and addresses are compared, and the port that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    port: Option<u16>,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let (host, port) = (authority.host(), authority.port_u16());
        let has_good_port = port.is_some() || host.len() == text.len();
        let is_plain = has_good_port && !host.is_empty() && !text.contains('@');
        is_plain.then(|| Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// Whether it cannot be made to mean another machine by who has the name: an address, or this machine itself.
    pub(crate) fn is_fixed(&self) -> bool {
        let host = &*self.host;
        let is_ipv6 = host.starts_with('[');
        is_ipv6
            || host.parse::<std::net::Ipv4Addr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
    }
}

fn implied_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl Origin {
    /// As browsers write it: `https://logs.example.org`, `http://localhost:8080`. `null` is none, and so is an address with
    /// a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, place) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            return None;
        }
        let mut place = Place::parse(place)?;
        if place.port == implied_port(&scheme) {
            place.port = None;
        }
        Some(Self { scheme, place })
    }

    /// The name of its host, or the address.
    pub fn host(&self) -> &str {
        &self.place.host
    }

    /// Whether a request with this `Host` goes where the page is from.
    pub(crate) fn is_at(&self, host: &str, secure: bool) -> bool {
        let Some(mut called) = Place::parse(host) else {
            return false;
        };
        if called.port == implied_port(&self.scheme) {
            called.port = None;
        }
        // A page that came in the clear can be anybody's.
        self.place == called && !(secure && self.scheme == "http")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_and_nothing_more() {
        let same = [
            ("https://logs.example.org", "HTTPS://Logs.Example.ORG:443"),
            ("http://localhost:8080", "http://LOCALHOST:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("tauri://localhost", "TAURI://localhost"),
        ];
        for (one, other) in same {
            assert_eq!(Origin::parse(one), Origin::parse(other), "{other}");
            assert!(Origin::parse(one).is_some(), "{one}");
        }
        let others = ["http://a.example", "https://a.example:80", "https://a.example."];
        for other in others {
            assert_ne!(
                Origin::parse("https://a.example"),
                Origin::parse(other),
                "{other}"
            );
        }
        for none in [
            "null",
            "",
            "*",
            "https://",
            "://a.example",
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://a.example?x",
            "https://a.example#x",
            "https://u@a.example",
            "https://a.example:",
            "https://a.example:x",
            "https://a.example https://b.example",
            "https://a.example, https://b.example",
        ] {
            assert_eq!(Origin::parse(none), None, "{none}");
        }
    }
}
