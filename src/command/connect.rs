//! Where the client commands find an installation and a token for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use auth::token::unix_now;
use auth::{Claims, Minter};
use client::{FixedToken, Server, TokenError, Tokens};

use super::Failure;
use super::flags::SettingFlags;
use crate::config::KeySource;
use crate::key_file;

/// How long a token lasts that is made from the data folder's key, in seconds. Another one is made in time.
const MINTED_SECONDS: i64 = 600;

/// Who those are that use the data folder's key.
const LOCAL_SUBSCRIBER: &str = "local";

/// The public address and the token.
#[derive(Debug, clap::Args)]
pub(crate) struct Connection {
    /// The installation's address
    #[arg(
        long,
        value_name = "URL",
        env = "TAILCAST_URL",
        default_value = "http://127.0.0.1:7440"
    )]
    url: String,
    #[command(flatten)]
    credentials: Credentials,
}

/// What the token is from.
#[derive(Debug, clap::Args)]
pub(crate) struct Credentials {
    /// The token; without one, one is made with the key in the data folder of a server on this machine
    #[arg(long, env = "TAILCAST_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The server's data folder [default: ./tailcast-data] [variable: TAILCAST_DATA]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
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
}

impl Connection {
    /// The installation, asked with a token that allows what is needed.
    pub(crate) fn server(&self, need: Need) -> Result<Server, Failure> {
        self.credentials.server(&self.url, need)
    }
}

impl Credentials {
    /// The installation at `url`, asked with a token that allows what is needed.
    pub(crate) fn server(&self, url: &str, need: Need) -> Result<Server, Failure> {
        let tokens: Arc<dyn Tokens> = match self.token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => Arc::new(FixedToken(token.to_owned())),
            None => Arc::new(LocalKey {
                minter: self.minter()?,
                need,
            }),
        };
        Server::new(url, tokens).map_err(|error| Failure::Misused(error.into()))
    }

    /// Tokens that last for `seconds`, each for a subscriber of its own when a key can make them, which may read and
    /// write what `pattern` covers.
    pub(crate) fn tickets(&self, seconds: u64, pattern: &str) -> Result<Tickets, Failure> {
        Ok(match self.token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => Tickets::One(token.to_owned()),
            None => Tickets::Each {
                minter: self.minter()?,
                expires_at: unix_now().saturating_add_unsigned(seconds),
                pattern: pattern.to_owned(),
            },
        })
    }

    fn minter(&self) -> Result<Minter, Failure> {
        let source = KeySource::read(&SettingFlags::data_folder(self.data.as_deref()).layers()?)?;
        let key = match source.key {
            Some(key) => key,
            None => key_file::read(&source.data).map_err(|error| no_token(&error))?,
        };
        Ok(Minter::hs256(&key, &source.issuer))
    }
}

/// Tokens for many sessions.
pub(crate) enum Tickets {
    /// The one that was given, for all.
    One(String),
    /// One for each.
    Each {
        /// Makes them.
        minter: Minter,
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

fn no_token(error: &key_file::KeyFileError) -> Failure {
    Failure::Misused(anyhow::anyhow!(
        "there is no token: set TAILCAST_TOKEN (or --token), or, on the server's own machine, name its data folder \
         with --data ({error})"
    ))
}

/// Makes a token whenever one is asked for.
struct LocalKey {
    minter: Minter,
    need: Need,
}

impl LocalKey {
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
        }
    }
}

impl Tokens for LocalKey {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send + '_>> {
        let minted = self.minter.mint(&self.claims(unix_now() + MINTED_SECONDS));
        Box::pin(async { minted.map_err(|error| TokenError::Refused(error.to_string())) })
    }
}
