//! Where the client commands find an installation and a token for it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, Minter, token::unix_now};
use client::{Authorities, FixedToken, Server, TokenError, Tokens};

use super::Failure;
use super::flags::SettingFlags;
use crate::config::KeySource;

/// How long a token lasts that is made from the data folder's key. Another one is made in time.
const MINTED: Duration = Duration::from_secs(600);

const TOKEN: &str = "TAILCAST_TOKEN";
const TOKEN_FILE: &str = "TAILCAST_TOKEN_FILE";

/// Who those are that use the data folder's key.
const LOCAL_SUBSCRIBER: &str = "local";

/// The public address and the token.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// The installation's address [variable: TAILCAST_URL]
    #[arg(
        long,
        value_name = "URL",
        env = "TAILCAST_URL",
        hide_env = true,
        default_value = "http://127.0.0.1:7440"
    )]
    url: String,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    credentials: Credentials,
}

/// The internal address and the token, for what only an administrator may do.
#[derive(Debug, clap::Args)]
pub(crate) struct Internal {
    /// The address of a node's internal listener [variable: TAILCAST_INTERNAL_URL]
    #[arg(
        long,
        value_name = "URL",
        env = "TAILCAST_INTERNAL_URL",
        hide_env = true,
        default_value = "http://127.0.0.1:7441"
    )]
    internal_url: String,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    credentials: Credentials,
}

/// What the token is from.
#[derive(Debug, clap::Args)]
pub(crate) struct Credentials {
    /// The token. Everybody on this machine can read it in the list of processes: prefer --token-file, or the variable
    /// [variable: TAILCAST_TOKEN]
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,
    /// A file with the token, read anew whenever one is needed. Without any token, one is made with the key in the data
    /// folder of a server on this machine [variable: TAILCAST_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The server's data folder [default: ./tailcast-data] [variable: TAILCAST_DATA]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
}

/// By whom a server is known over https.
#[derive(Debug, clap::Args)]
pub(crate) struct Trust {
    /// A file with certificates (PEM): over https, servers are known by these authorities alone, and not by those that
    /// this machine knows [variable: TAILCAST_CA_FILE]
    #[arg(long, value_name = "FILE", env = "TAILCAST_CA_FILE", hide_env = true)]
    ca_file: Option<PathBuf>,
}

/// What a token that is made here has to allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To send lines.
    Write,
    /// To read them.
    Read,
    /// To ask for the nodes.
    Admin,
    /// To give others anything.
    Everything,
}

impl Connection {
    /// The installation, asked with a token that allows what is needed.
    pub(crate) fn server(&self, need: Need) -> Result<Server, Failure> {
        self.credentials.server(&self.url, &self.trust, need)
    }
}

impl Internal {
    /// A node, asked with a token that has `admin`.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        self.credentials
            .server(&self.internal_url, &self.trust, Need::Admin)
    }
}

impl Credentials {
    /// The installation at `url`, asked with a token that allows what is needed.
    pub(crate) fn server(&self, url: &str, trust: &Trust, need: Need) -> Result<Server, Failure> {
        let tokens: Arc<dyn Tokens> = match self.given()? {
            Given::Token(token) => Arc::new(FixedToken(token)),
            Given::File(path) => Arc::new(TokenFile::open(path)?),
            Given::Nothing => Arc::new(LocalKey::of(self.key_source()?, need)?),
        };
        let server = Server::vouched_for(url, tokens, trust.authorities()?);
        server.map_err(|error| Failure::Misused(error.into()))
    }

    /// Tokens that last for `seconds`, each for a subscriber of its own when a key can make them, which may read and
    /// write what `pattern` covers.
    pub(crate) fn tickets(&self, seconds: u64, pattern: &str) -> Result<Tickets, Failure> {
        Ok(match self.given()? {
            Given::Token(token) => Tickets::One(token),
            Given::File(path) => Tickets::One(TokenFile::open(path)?.read().map_err(unusable)?),
            Given::Nothing => Tickets::Each {
                minter: Box::new(self.minter()?),
                expires_at: unix_now().saturating_add_unsigned(seconds),
                pattern: pattern.to_owned(),
            },
        })
    }

    /// The flags go before the variables, of which only one may be set.
    fn given(&self) -> Result<Given, Failure> {
        if let Some(token) = self.token.clone().filter(|token| !token.is_empty()) {
            return Ok(Given::Token(token));
        }
        if let Some(path) = self.token_file.clone() {
            return Ok(Given::File(path));
        }
        let variable = |name| std::env::var_os(name).filter(|text| !text.is_empty());
        match (variable(TOKEN), variable(TOKEN_FILE)) {
            (Some(_), Some(_)) => Err(Failure::Misused(anyhow::anyhow!(
                "{TOKEN} and {TOKEN_FILE} are both set: set one of them"
            ))),
            (Some(token), None) => Ok(Given::Token(token.to_string_lossy().into_owned())),
            (None, Some(path)) => Ok(Given::File(path.into())),
            (None, None) => Ok(Given::Nothing),
        }
    }

    fn minter(&self) -> Result<Minter, Failure> {
        self.key_source()?.minter().map_err(|error| no_token(&error))
    }

    fn key_source(&self) -> Result<KeySource, Failure> {
        let layers = SettingFlags::data_folder(self.data.as_deref()).layers()?;
        Ok(KeySource::read(&layers)?)
    }
}

impl Trust {
    /// Who vouches for servers. A variable that is empty is none.
    fn authorities(&self) -> Result<Option<Authorities>, Failure> {
        let Some(path) = self.ca_file.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
            return Ok(None);
        };
        let pem = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"));
        let known = pem.and_then(|pem| Authorities::from_pem(&pem).map_err(|error| error.to_string()));
        known.map(Some).map_err(|why| {
            Failure::Misused(anyhow::anyhow!(
                "the file {} of authorities: {why}",
                path.display()
            ))
        })
    }
}

/// Tokens for many sessions.
pub(crate) enum Tickets {
    /// The one that was given, for all.
    One(String),
    /// One for each.
    Each {
        /// Makes them.
        minter: Box<Minter>,
        /// In Unix seconds.
        expires_at: i64,
        /// What may be read and written.
        pattern: String,
    },
}

impl Tickets {
    /// The token of a subscriber.
    pub(crate) fn of(&self, sub: &str) -> Result<String, Failure> {
        match self {
            Self::One(token) => Ok(token.clone()),
            Self::Each {
                minter,
                expires_at,
                pattern,
            } => {
                let claims = Claims {
                    read: vec![pattern.clone()],
                    write: vec![pattern.clone()],
                    ..Claims::new(sub, *expires_at)
                };
                minter
                    .mint(&claims)
                    .map_err(|error| Failure::Failed(error.into()))
            }
        }
    }
}

/// What was given to be the token.
enum Given {
    Token(String),
    File(PathBuf),
    Nothing,
}

/// A token in a file that somebody may renew.
struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Fails where there is none to begin with.
    fn open(path: PathBuf) -> Result<Self, Failure> {
        let file = Self { path };
        file.read().map_err(unusable)?;
        Ok(file)
    }

    fn read(&self) -> Result<String, TokenError> {
        let path = self.path.display();
        match std::fs::read_to_string(&self.path) {
            Ok(text) if text.trim().is_empty() => {
                Err(TokenError::Unavailable(format!("the token file {path} is empty")))
            }
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) => Err(TokenError::Unavailable(format!(
                "the token file {path} cannot be read: {error}"
            ))),
        }
    }
}

impl Tokens for TokenFile {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send + '_>> {
        Box::pin(async { self.read() })
    }

    fn may_change(&self) -> bool {
        true
    }
}

fn unusable(error: TokenError) -> Failure {
    let (TokenError::Unavailable(why) | TokenError::Refused(why)) = error;
    Failure::Misused(anyhow::anyhow!("{why}"))
}

fn no_token(error: &anyhow::Error) -> Failure {
    Failure::Misused(anyhow::anyhow!(
        "there is no token: set TAILCAST_TOKEN or TAILCAST_TOKEN_FILE (or --token-file), or, on the server's own machine, name its data folder \
         with --data ({error:#})"
    ))
}

/// Makes a token whenever one is asked for, with the key that signs then: it may have been rotated meanwhile.
struct LocalKey {
    source: KeySource,
    need: Need,
}

impl LocalKey {
    /// Fails where nothing signs to begin with.
    fn of(source: KeySource, need: Need) -> Result<Self, Failure> {
        source.minter().map_err(|error| no_token(&error))?;
        Ok(Self { source, need })
    }

    fn mint(&self) -> Result<String, TokenError> {
        // While keys change there may be none for a moment.
        let away = |error: anyhow::Error| TokenError::Unavailable(format!("{error:#}"));
        let minter = self.source.minter().map_err(away)?;
        let lifetime = MINTED.min(minter.longest().unwrap_or(MINTED));
        let claims = self.claims(unix_now().saturating_add_unsigned(lifetime.as_secs()));
        minter
            .mint(&claims)
            .map_err(|error| TokenError::Refused(error.to_string()))
    }

    fn claims(&self, expires_at: i64) -> Claims {
        let everything = || vec!["**".to_owned(), "@*".to_owned()];
        let none = Claims::new(LOCAL_SUBSCRIBER, expires_at);
        match self.need {
            Need::Write => Claims {
                write: everything(),
                ..none
            },
            Need::Read => Claims {
                read: everything(),
                ..none
            },
            Need::Admin => Claims { admin: true, ..none },
            Need::Everything => Claims {
                admin: true,
                read: everything(),
                write: everything(),
                ..none
            },
        }
    }
}

impl Tokens for LocalKey {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send + '_>> {
        Box::pin(async { self.mint() })
    }
}
