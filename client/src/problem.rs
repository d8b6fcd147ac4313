//! Refusals: RFC 9457 problem details as the server writes them, and the little that other servers in between say.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// The longest that a hint is believed: a proxy's mistake shall not put a sender to sleep for a day.
const LONGEST_HINT: Duration = Duration::from_secs(300);

/// The longest text of somebody who speaks no problem details that is shown, in characters.
const LONGEST_TEXT: usize = 200;

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, when it was the installation that answered and not something in between.
    pub code: Option<String>,
    /// The sentence for people.
    pub detail: String,
    /// What of the request it is about: the name of a parameter.
    pub parameter: Option<String>,
    /// How long the server asks to wait, at most five minutes.
    pub retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Details {
            code: Option<String>,
            detail: Option<String>,
            title: Option<String>,
            parameter: Option<String>,
        }
        let (code, detail, parameter) = match serde_json::from_slice::<Details>(body) {
            Ok(details) => (details.code, details.detail.or(details.title), details.parameter),
            Err(_) => (None, Some(first_words(body)), None),
        };
        let detail = detail.filter(|text| !text.is_empty());
        Self {
            status: status.as_u16(),
            code,
            detail: detail
                .unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned()),
            parameter,
            retry_after: retry_after(headers),
        }
    }

    /// Whether this is the problem with that code.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.detail),
            None => write!(f, "{} (HTTP status {})", self.detail, self.status),
        }
    }
}

/// A hint in milliseconds, as far as it is believed.
pub(crate) fn hint(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds).min(LONGEST_HINT)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // The other form, a date, is not used by Tailcast, and a proxy's clock is not to be trusted.
    let seconds = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_HINT))
}

/// What a proxy's page of HTML says, on one line.
fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut plain = String::new();
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                plain.push(' ');
            }
            _ if in_tag => {}
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(retry_after: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RETRY_AFTER, retry_after.parse().expect("a header"))])
    }

    #[test]
    fn a_problem_is_read_with_its_code_sentence_and_hint() {
        let body = br#"{"title":"Busy","status":429,"code":"busy","detail":"come back later"}"#;
        let problem = Problem::read(StatusCode::TOO_MANY_REQUESTS, &headers("7"), body);
        let expected = Problem {
            status: 429,
            code: Some("busy".into()),
            detail: "come back later".into(),
            parameter: None,
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(problem, expected);
        assert_eq!(problem.to_string(), "come back later (busy)");
    }

    #[test]
    fn a_proxys_page_becomes_one_short_line() {
        let body = b"<html>\r\n<h1>502 Bad\x1b[31m Gateway</h1><hr>nginx</html>";
        let problem = Problem::read(StatusCode::BAD_GATEWAY, &headers("86400"), body);
        assert_eq!(
            problem.to_string(),
            "502 Bad [31m Gateway nginx (HTTP status 502)"
        );
        assert_eq!(problem.retry_after, Some(LONGEST_HINT));
        let silent = Problem::read(StatusCode::BAD_GATEWAY, &headers("soon"), b"");
        assert_eq!(silent.to_string(), "Bad Gateway (HTTP status 502)");
    }
}
