//! `tailcast revoke`: takes tokens back.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use client::{Revocation, Revoked};
use jiff::Timestamp;

use super::Failure;
use super::connect::{Connection, Need};
use super::show::{self, plain};

/// The longest file that is read as a token, in bytes.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// What to take back.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").args(["file", "sub", "jti", "kid"]),
    after_help = "\
Every node refuses what is revoked, and ends its sessions, within seconds. A subscriber and an issuer lose what was issued \
up to now; what is issued later is good. A key opens nothing any more, whatever it signs. The token that this is asked with needs `admin`, unless what is revoked is \
of the same subscriber and named by --file or --sub.

Examples:
  tailcast revoke --sub alice
  tailcast revoke --file lost.token
  echo \"$LOST\" | tailcast revoke --file -
  tailcast revoke --jti 7d1f3a52c9e04b7f --issuer https://login.example.org"
)]
pub(crate) struct Args {
    /// The token in this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// All tokens of a subscriber
    #[arg(long, value_name = "SUB")]
    sub: Option<String>,
    /// The token with this `jti`; another issuer's together with --issuer
    #[arg(long, value_name = "ID")]
    jti: Option<String>,
    /// All tokens that were signed with the key of this `kid`
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
    /// All tokens of an issuer, unless --jti says which
    #[arg(
        long,
        value_name = "ISSUER",
        required_unless_present = "what",
        conflicts_with_all = ["file", "sub", "kid"]
    )]
    issuer: Option<String>,
    /// The answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Takes it back.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let (what, named) = args.what()?;
    let server = args.connection.server(Need::Admin)?;
    let revoked = server.revoke(&what).await.map_err(anyhow::Error::from)?;
    if args.json {
        show::objects(std::slice::from_ref(&revoked))?;
    }
    if !revoked.revoked {
        return Err(Failure::Failed(anyhow!(
            "nothing was revoked: {named} is not good at {}, or is another subscriber's and your token has no `admin`",
            server.url()
        )));
    }
    if args.json {
        return Ok(());
    }
    show::print(&said(&named, &revoked))
}

impl Args {
    /// What is to be revoked, and what it is called.
    fn what(&self) -> Result<(Revocation, String), Failure> {
        if let Some(path) = &self.file {
            return Ok((Revocation::Token(token_of(path)?), "the token".to_owned()));
        }
        if let Some(sub) = &self.sub {
            let named = format!("the tokens of {}", plain(sub));
            return Ok((Revocation::Subscriber(sub.clone()), named));
        }
        if let Some(id) = &self.jti {
            let named = format!("the token {}", plain(id));
            let (id, issuer) = (id.clone(), self.issuer.clone());
            return Ok((Revocation::TokenId { id, issuer }, named));
        }
        if let Some(kid) = &self.kid {
            let named = format!("the tokens of the key {}", plain(kid));
            return Ok((Revocation::Key(kid.clone()), named));
        }
        let issuer = self.issuer.clone().unwrap_or_default();
        let named = format!("the tokens of the issuer {}", plain(&issuer));
        Ok((Revocation::Issuer(issuer), named))
    }
}

fn token_of(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(LONGEST_TOKEN).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(LONGEST_TOKEN).read_to_string(&mut text))
    };
    let shown = path.display();
    read.with_context(|| format!("the token file {shown} cannot be read"))
        .map_err(Failure::Misused)?;
    match text.trim() {
        "" => Err(Failure::Misused(anyhow!("the token file {shown} is empty"))),
        token => Ok(token.to_owned()),
    }
}

fn said(named: &str, revoked: &Revoked) -> String {
    let before = revoked
        .before
        .and_then(|second| Timestamp::from_second(second).ok());
    match before {
        Some(before) => format!("revoked {named} that were issued up to {before}\n"),
        None => format!("revoked {named}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_was_answered() {
        let revoked = |before| Revoked {
            revoked: true,
            before,
        };
        assert_eq!(
            said("the tokens of alice", &revoked(Some(1_767_225_600))),
            "revoked the tokens of alice that were issued up to 2026-01-01T00:00:00Z\n"
        );
        assert_eq!(said("the token", &revoked(None)), "revoked the token\n");
    }
}
