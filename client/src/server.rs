//! Where an installation is, and what it is asked with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::HeaderValue;
use reqwest::Url;

use crate::list::AskError;
use crate::trust::Authorities;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// Why an address is none of an installation.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Not of the form `http://host:port` or `https://host`.
    #[error("{0:?} is no address of a Tailcast installation: it looks like http://127.0.0.1:7440")]
    BadUrl(String),
    /// This machine has no certificates to check an https server with, or they cannot be read.
    #[error("https cannot be used on this machine: {0}")]
    Tls(String),
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It may be there later: the attempt is repeated.
    #[error("no token can be had at the moment: {0}")]
    Unavailable(String),
    /// There will be none.
    #[error("{0}")]
    Refused(String),
}

/// Where tokens come from. Asked before each connection, when the server says that a token is about to end, and when it
/// refuses one.
pub trait Tokens: Send + Sync {
    /// A token that is good for a while. Waited for with a deadline.
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>>;

    /// Whether another one may come later by itself, where the same one is given again. Then it is waited for once a
    /// token that was good is so no more.
    fn may_change(&self) -> bool {
        false
    }
}

/// Always the same token.
pub struct FixedToken(pub String);

impl Tokens for FixedToken {
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// An address as it can be shown: without user and password, and without what may carry a token.
fn without_secrets(url: &str) -> String {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(begin);
    let (user, place) = match rest.rsplit_once('@') {
        Some((_, place)) => ("…@", place),
        None => ("", rest),
    };
    let (place, more) = match place.find(['?', '#']) {
        Some(at) => (&place[..at], "…"),
        None => (place, ""),
    };
    format!("{scheme}{user}{place}{more}")
}

/// An installation and the right to talk to it. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    http: reqwest::Client,
    base: Url,
    tokens: Arc<dyn Tokens>,
    /// Who vouches for it, where it is not whom the machine knows.
    authorities: Option<Authorities>,
}

impl Server {
    /// `url` is `http://host:port` or `https://host`, with a path where a proxy serves Tailcast under one.
    pub fn new(url: &str, tokens: Arc<dyn Tokens>) -> Result<Self, AddressError> {
        Self::vouched_for(url, tokens, None)
    }

    /// The same, known over https by these authorities alone, where there are any.
    pub fn vouched_for(
        url: &str,
        tokens: Arc<dyn Tokens>,
        authorities: Option<Authorities>,
    ) -> Result<Self, AddressError> {
        let bad = || AddressError::BadUrl(without_secrets(url));
        let mut base = Url::parse(url).map_err(|_| bad())?;
        let plain = base.username().is_empty() && base.password().is_none();
        let bare = base.query().is_none() && base.fragment().is_none();
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !plain || !bare {
            return Err(bad());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        // No proxy for both kinds of connection: the WebSocket knows none.
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .connect_timeout(CONNECT);
        if let Some(authorities) = &authorities {
            http = http.tls_backend_preconfigured(authorities.tls().as_ref().clone());
        } else if base.scheme() == "http" {
            // The platform's certificates are wanted when the client is built, and a small image has none.
            http = http.tls_certs_only([]);
        }
        let http = http
            .build()
            .map_err(|error| AddressError::Tls(sentence(&error)))?;
        Ok(Self {
            http,
            base,
            tokens,
            authorities,
        })
    }

    /// The address.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Who vouches for it, where it is not whom the machine knows.
    pub(crate) fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// The address of `path`, which begins without a slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    pub(crate) fn unreachable(&self, why: String) -> AskError {
        let url = self.url().to_owned();
        AskError::Unreachable { url, why }
    }

    pub(crate) fn not_tailcast(&self, why: String) -> AskError {
        let url = self.url().to_owned();
        AskError::NotTailcast { url, why }
    }

    /// Why no answer came.
    pub(crate) fn not_reached(&self, error: reqwest::Error) -> AskError {
        match self.speaks_no_tls(&error) {
            Some(why) => self.not_tailcast(why),
            None => self.unreachable(sentence(&error.without_url())),
        }
    }

    /// What to do about an error where it comes of asking a port for TLS that speaks none.
    pub(crate) fn speaks_no_tls(&self, error: &(dyn std::error::Error + 'static)) -> Option<String> {
        // The libraries hand rustls' error on as one of their own kinds, or as a text.
        let is_so = self.base.scheme() == "https" && sentence(error).contains("InvalidContentType");
        let mut plain = self.base.clone();
        is_so.then(|| {
            let _ = plain.set_scheme("http");
            let meant = plain.as_str().trim_end_matches('/');
            format!("this port does not speak TLS; is {meant} meant?")
        })
    }

    /// Whether another token may come later by itself.
    pub(crate) fn tokens_may_change(&self) -> bool {
        self.tokens.may_change()
    }

    /// A token as the value of `Authorization`, within `deadline`.
    pub(crate) async fn token(&self, deadline: Duration) -> Result<Token, TokenError> {
        let text = match tokio::time::timeout(deadline, self.tokens.token()).await {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(TokenError::Unavailable(format!("none came within {deadline:?}")));
            }
        };
        Token::new(text)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

/// A token that fits into a header. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    text: String,
    header: HeaderValue,
}

impl Token {
    fn new(text: String) -> Result<Self, TokenError> {
        let header = HeaderValue::from_str(&format!("Bearer {}", text.trim()));
        match header {
            Ok(mut header) if !text.trim().is_empty() => {
                header.set_sensitive(true);
                Ok(Self { text, header })
            }
            _ => Err(TokenError::Refused(
                "the token is empty or holds characters that no token has".into(),
            )),
        }
    }

    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// The longest answer that is read, in bytes. An installation's are far shorter.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Reads an answer to its end. The error is a sentence.
pub(crate) async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| sentence(&error.without_url()))?
    {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(format!("the answer is longer than {LONGEST_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What caused an error in the end: reqwest's own words are only that "error sending request" happened.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Result<String, String> {
        let tokens = Arc::new(FixedToken("t".into()));
        match Server::new(url, tokens) {
            Ok(server) => Ok(server.at("v1/lines").to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_is_named_without_what_is_secret_in_it() {
        for (url, shown) in [
            ("http://me:hunter2@logs:7440/", "http://…@logs:7440/"),
            ("http://logs:7440/#token=hunter2", "http://logs:7440/…"),
            ("http://logs:7440/?token=hunter2", "http://logs:7440/…"),
            ("http://me:hun#ter2@logs", "http://…@logs"),
            ("ftp://logs", "ftp://logs"),
        ] {
            let refused = at(url).unwrap_err();
            assert!(
                refused.starts_with(&format!("{shown:?} is no address")),
                "{refused}"
            );
        }
    }

    #[tokio::test]
    async fn an_address_may_have_a_path_and_nothing_else() {
        let good = [
            ("http://127.0.0.1:7440", "http://127.0.0.1:7440/v1/lines"),
            ("https://logs.example.org/", "https://logs.example.org/v1/lines"),
            (
                "http://example.org/tailcast",
                "http://example.org/tailcast/v1/lines",
            ),
            ("http://[::1]:7440", "http://[::1]:7440/v1/lines"),
        ];
        for (url, expected) in good {
            assert_eq!(at(url), Ok(expected.to_owned()));
        }
        for bad in [
            "127.0.0.1:7440",
            "ws://x",
            "http://",
            "http://a@b",
            "http://x/?token=y",
            "",
        ] {
            let error = at(bad).expect_err(bad);
            assert!(
                error.contains("is no address of a Tailcast installation"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_token_that_fits_into_no_header_is_refused_with_a_sentence() {
        for bad in ["", " ", "a\nb"] {
            assert!(matches!(Token::new(bad.into()), Err(TokenError::Refused(_))));
        }
        assert_eq!(
            Token::new("abc\n".into()).map(|t| t.text().to_owned()),
            Ok("abc".into())
        );
    }
}
