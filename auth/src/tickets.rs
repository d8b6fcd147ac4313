//! Tickets: what opens one connection once, for clients that can send neither a header nor a subprotocol.
//!
//! A ticket stands in the address, where everything in between may log it: so it is good for seconds, at one address, for pages
//! of one origin, and gone before it opens anything, on every node. It is 128 random bits, of which the ledger has the hash and
//! who it lets in. That lies beside what nodes follow: it is made and used up too fast to be news to all.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use lines::ledger::{CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Write};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::grants::{Grants, Shown, Subscriber};
use crate::revoked::hex;
use crate::token::{LEEWAY_SECONDS, TokenError, parse_grants};
use crate::verifier::Verifier;

/// What the places of tickets begin with.
const PREFIX: &str = "tickets/";
/// As hexadecimal.
const LENGTH: usize = 32;
/// Entries of a listing that are read at once.
const PAGE: usize = 1_000;
/// So often tickets are looked for that nobody used…
const SWEPT_EVERY: Duration = Duration::from_secs(60);
/// … which ended so long ago: this machine's clock alone decides of it.
const SLACK_SECONDS: i64 = 300;

/// What can be opened by a ticket.
pub const OPENED: [&str; 2] = ["/v1/sse", "/v1/ws"];

/// How long tickets are good, and how many are made and used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketLimits {
    /// How long one is good: 30 s.
    pub lifetime: Duration,
    /// Tickets that a subscriber may have made at once, on one node: 60 …
    pub burst: u32,
    /// … and in a minute: 60.
    pub per_minute: u32,
    /// Tickets that a node asks the store for at once: 32. Who comes meanwhile is answered 503.
    pub redeemed_at_once: usize,
}

impl Default for TicketLimits {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(30),
            burst: 60,
            per_minute: 60,
            redeemed_at_once: 32,
        }
    }
}

/// Where and from where a ticket is shown.
pub(crate) struct Use<'a> {
    /// The address of the request.
    pub path: &'a str,
    /// The page that it says it is from.
    pub origin: Option<&'a [u8]>,
    /// In Unix seconds.
    pub now: i64,
}

/// What a ticket is bound to.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The address that it opens: one of [`OPENED`].
    pub path: String,
    /// The origin of the pages that may use it. Of a request that names none, as those of one's own origin often do not,
    /// nothing is asked.
    pub origin: Option<String>,
}

/// Why nobody is let in by a ticket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRedeemed {
    /// There is none, or not for this. Which is not said.
    #[error("the ticket is not good")]
    Bad,
    /// Who it was made for is not let in any more.
    #[error(transparent)]
    Token(TokenError),
    /// It cannot be told. The ticket may be used up.
    #[error("tickets cannot be looked up at the moment: get another one ({0})")]
    Away(String),
}

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The ledger did not take it, or nobody knows.
    #[error("no ticket was made: {0}")]
    Away(String),
}

/// A ticket in the ledger.
#[derive(Serialize, Deserialize)]
struct Kept {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// When it was made and when it ends, in Unix seconds.
    made_at: i64,
    until: i64,
    sub: String,
    read: Vec<String>,
    write: Vec<String>,
    admin: bool,
    introspect: bool,
    mint: bool,
    /// When who it lets in has to go.
    expires_at: i64,
    jti: Option<String>,
    issuer: Option<String>,
    key: Option<String>,
    api_key: Option<String>,
    client: Option<String>,
    issued_at: Option<i64>,
    hash: Option<[u8; 16]>,
}

/// Makes tickets, and uses them up.
pub struct Tickets {
    ledger: Arc<dyn Ledger>,
    limits: TicketLimits,
    turns: Semaphore,
}

impl Tickets {
    /// In this ledger.
    pub fn new(ledger: Arc<dyn Ledger>, limits: TicketLimits) -> Self {
        Self {
            ledger,
            limits,
            turns: Semaphore::new(limits.redeemed_at_once),
        }
    }

    /// How long tickets are good, and how many are made.
    pub fn limits(&self) -> TicketLimits {
        self.limits
    }

    /// A ticket for somebody, who is let in by it as by what they showed.
    pub async fn issue(&self, subscriber: &Subscriber, bound: Bound, now: i64) -> Result<String, NotIssued> {
        let away = |what: &dyn std::fmt::Display| NotIssued::Away(what.to_string());
        let mut bytes = [0; LENGTH / 2];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| away(&"the system gives no random numbers"))?;
        let ticket = hex(&bytes);
        let place = place_of(&ticket).ok_or_else(|| away(&"a ticket has no place"))?;
        let until = now.saturating_add_unsigned(self.limits.lifetime.as_secs());
        let value = serde_json::to_vec(&Kept::of(subscriber, bound, now, until));
        let value = value.map_err(|error| away(&error))?;
        let written = self
            .ledger
            .commit(vec![Write::put(place, value).if_absent()])
            .await;
        written.map_err(|error| away(&error))?;
        Ok(ticket)
    }

    /// Uses a ticket up, and says who is let in by it: whoever else shows it is not, on any node.
    pub(crate) async fn redeem(
        &self,
        ticket: &str,
        used: &Use<'_>,
        verifier: &Verifier,
    ) -> Result<Subscriber, NotRedeemed> {
        let is_one = ticket.len() == LENGTH && ticket.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_one || !OPENED.contains(&used.path) {
            return Err(NotRedeemed::Bad);
        }
        // Anybody can ask for any: it takes nothing from those who have a token.
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(NotRedeemed::Away("too many are".to_owned()));
        };
        let place = place_of(ticket).ok_or(NotRedeemed::Bad)?;
        let entry = self
            .ledger
            .get(&place)
            .await
            .map_err(away)?
            .ok_or(NotRedeemed::Bad)?;
        let kept: Kept = serde_json::from_slice(&entry.value).map_err(|_| NotRedeemed::Bad)?;
        if !kept.is_for(used) {
            return Err(NotRedeemed::Bad);
        }
        let subscriber = kept.subscriber().map_err(NotRedeemed::Token)?;
        if subscriber.expires_at() <= used.now {
            return Err(NotRedeemed::Token(TokenError::Expired));
        }
        verifier.stands(&subscriber).map_err(NotRedeemed::Token)?;
        match self
            .ledger
            .commit(vec![Write::delete(place).if_at(entry.revision)])
            .await
        {
            Ok(_) => Ok(subscriber),
            Err(CommitError::Conflict { .. }) => Err(NotRedeemed::Bad),
            Err(error) => Err(NotRedeemed::Away(error.to_string())),
        }
    }

    /// Forgets tickets that nobody used, again and again. Never ends; whoever drops it ends it.
    pub async fn keep_swept(&self) {
        loop {
            tokio::time::sleep(SWEPT_EVERY).await;
            if let Err(error) = self.sweep(crate::token::unix_now()).await {
                tracing::info!(%error, "tickets that nobody used are looked for later");
            }
        }
    }

    /// Forgets those that ended some minutes before `now`. Says how many.
    pub async fn sweep(&self, now: i64) -> Result<usize, LedgerError> {
        let Ok(prefix) = KeyPrefix::parse(PREFIX) else {
            return Ok(0);
        };
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.ledger.list(&prefix, after.as_ref(), PAGE).await?;
            after = page.entries.last().map(|entry| entry.key.clone()).or(after);
            let ended: Vec<&Entry> = page
                .entries
                .iter()
                .filter(|entry| has_ended(entry, now))
                .collect();
            for some in ended.chunks(lines::ledger::MAX_WRITES) {
                let deletions = some.iter().map(|entry| Write::delete(entry.key.clone()));
                match self.ledger.commit(deletions.collect()).await {
                    Ok(_) => count += some.len(),
                    Err(CommitError::NotDone(error) | CommitError::Unknown(error)) => return Err(error),
                    Err(CommitError::Conflict { .. } | CommitError::Refused(_)) => {}
                }
            }
            if !page.more || page.entries.is_empty() {
                return Ok(count);
            }
        }
    }
}

impl Kept {
    fn of(subscriber: &Subscriber, bound: Bound, made_at: i64, until: i64) -> Self {
        let (grants, shown) = (subscriber.grants(), subscriber.shown());
        let texts = |patterns: &[lines::Pattern]| patterns.iter().map(|it| it.as_str().to_owned()).collect();
        let text = |name: &Option<Arc<str>>| name.as_deref().map(str::to_owned);
        Self {
            path: bound.path,
            origin: bound.origin.map(|origin| origin.to_ascii_lowercase()),
            made_at,
            until,
            sub: subscriber.sub().to_owned(),
            read: texts(&grants.read),
            write: texts(&grants.write),
            admin: grants.admin,
            introspect: grants.introspect,
            mint: grants.mint,
            expires_at: subscriber.expires_at(),
            jti: subscriber.token_id().map(str::to_owned),
            issuer: text(&shown.issuer),
            key: text(&shown.key),
            api_key: text(&shown.api_key),
            client: text(&shown.client),
            issued_at: shown.issued_at,
            hash: shown.hash,
        }
    }

    fn is_for(&self, used: &Use<'_>) -> bool {
        let in_time =
            used.now < self.until && used.now.saturating_add_unsigned(LEEWAY_SECONDS) >= self.made_at;
        let from_there = match (used.origin, &self.origin) {
            (None, _) => true,
            (Some(origin), Some(known)) => origin.eq_ignore_ascii_case(known.as_bytes()),
            (Some(_), None) => false,
        };
        in_time && from_there && used.path == self.path
    }

    fn subscriber(self) -> Result<Subscriber, TokenError> {
        let grants = Grants {
            read: parse_grants(&self.read)?,
            write: parse_grants(&self.write)?,
            admin: self.admin,
            introspect: self.introspect,
            mint: self.mint,
        };
        let shown = Shown {
            issuer: self.issuer.map(Into::into),
            key: self.key.map(Into::into),
            api_key: self.api_key.map(Into::into),
            client: self.client.map(Into::into),
            issued_at: self.issued_at,
            hash: self.hash,
        };
        let subscriber = Subscriber::new(&self.sub, grants, self.expires_at, self.jti);
        Ok(subscriber.map_err(TokenError::BadSubject)?.by(shown))
    }
}

/// The place of a ticket says nothing of it.
fn place_of(ticket: &str) -> Option<LedgerKey> {
    let hash = digest(&SHA256, ticket.as_bytes());
    LedgerKey::parse(&format!("{PREFIX}{}", hex(hash.as_ref()))).ok()
}

/// One that cannot be read is nobody's to use.
fn has_ended(entry: &Entry, now: i64) -> bool {
    let kept = serde_json::from_slice::<Kept>(&entry.value);
    kept.map_or(true, |kept| kept.until.saturating_add(SLACK_SECONDS) < now)
}

fn away(error: LedgerError) -> NotRedeemed {
    NotRedeemed::Away(error.to_string())
}
