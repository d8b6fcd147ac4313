//! Who shows a token: the one place where tokens are checked, for every listener, protocol and role.
//!
//! A node checks by what it holds in memory: the keys of its [`Ring`], and what was [taken back](crate::revoked). Both are kept
//! like the ledger's by [`crate::follow`]. Nothing is asked for a token, and no token is good for longer than it says.

mod claims;
pub(crate) mod header;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::Instant;

use self::claims::Claims;
use self::header::Header;
use crate::api_keys::{self, Known, Used};
use crate::checked::{Checked, Found};
use crate::grants::{Shown, Subscriber};
use crate::key::Key;
use crate::pairs::Record;
use crate::revoked::Revoked;
use crate::ring::{CheckKey, Ring, Tokens};
use crate::tickets::Tickets;
use crate::token::{AUDIENCE, LEEWAY_SECONDS, TokenError, unix_now};

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// So long somebody waits for a node that does not know yet what was taken back.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Checks tokens.
pub struct Verifier {
    issuer: Arc<str>,
    /// What tokens are checked with.
    keys: RwLock<Keys>,
    checked: Checked,
    revoked: RwLock<Knowledge>,
    api_keys: RwLock<ApiKeys>,
    /// Which of them were shown here lately.
    used: Used,
    /// Where tickets are, on a node that can redeem them.
    tickets: RwLock<Option<Arc<Tickets>>>,
    /// When the ledger last said that this is all.
    heard: Mutex<Option<Instant>>,
    made: Instant,
    /// Of a node that follows what is taken back.
    staleness: Mutex<Option<Staleness>>,
    /// Counts what was taken back or changed, for whoever holds a subscriber for long.
    news: watch::Sender<u64>,
}

/// When a node has not heard for too long what was taken back, and what it does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staleness {
    /// So long.
    pub after: Duration,
    /// Whether nobody is let in then. Who is in stays.
    pub refuse: bool,
}

/// When a token may begin to be good (`nbf`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It has to be so now.
    Past,
    /// It may be so later, too.
    Whenever,
}

/// The keys of the moment, with a number that no others had.
#[derive(Clone)]
struct Keys {
    ring: Arc<Ring>,
    number: u64,
}

/// What is known of what was taken back.
enum Knowledge {
    /// Not yet looked.
    None,
    /// This.
    Some(Arc<Revoked>),
}

/// What is known of API keys.
enum ApiKeys {
    /// Nothing, and nothing will be.
    Nowhere,
    /// Not yet looked.
    NotYet,
    /// These there are.
    Known(Arc<Known>),
}

impl Verifier {
    /// For tokens that this installation makes in the name of `issuer`, where nothing can be taken back.
    pub fn new(issuer: &str, ring: Ring) -> Self {
        Self {
            issuer: issuer.into(),
            keys: RwLock::new(Keys {
                ring: Arc::new(ring),
                number: 0,
            }),
            checked: Checked::default(),
            revoked: RwLock::new(Knowledge::Some(Arc::default())),
            api_keys: RwLock::new(ApiKeys::Nowhere),
            used: Used::default(),
            tickets: RwLock::new(None),
            heard: Mutex::new(None),
            made: Instant::now(),
            staleness: Mutex::new(None),
            news: watch::Sender::new(0),
        }
    }

    /// For tokens signed with `key` whose `iss` is `issuer`.
    pub fn hs256(key: &Key, issuer: &str) -> Self {
        Self::new(issuer, Ring::default().with(CheckKey::hs256(key)))
    }

    /// From now on no token is good before it is known what was taken back, which [`crate::follow`] finds out; and what is to be
    /// done while nothing is heard of it.
    pub fn look_first(&self, staleness: Staleness) {
        *self.revoked.write() = Knowledge::None;
        *self.api_keys.write() = ApiKeys::NotYet;
        *self.staleness.lock() = Some(staleness);
    }

    /// What this installation's own tokens carry as `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The owner of a token, when the token is good now.
    ///
    /// A node that has just begun is given a moment to look.
    pub async fn verify(&self, token: &str) -> Result<Subscriber, TokenError> {
        let mut news = self.news();
        match self.check(token) {
            // Who has not heard for long hears no sooner because somebody waits.
            Err(TokenError::NotYetKnown) if !self.has_looked() => {
                let looked = async { while !self.has_looked() && news.changed().await.is_ok() {} };
                // Whether it came or not: the check says.
                let _ = tokio::time::timeout(LOOK_WITHIN, looked).await;
                self.check(token)
            }
            known => known,
        }
    }

    /// The same, by what is known at the moment.
    pub fn check(&self, token: &str) -> Result<Subscriber, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let now = unix_now();
        if api_keys::is_meant(token) {
            return self.check_api_key(token, now);
        }
        if let Some(owner) = self.checked.owner(token, now) {
            self.stands(&owner)?;
            return Ok(owner);
        }
        let found = self.read(token, now, Beginning::Past)?;
        self.stands(&found.owner)?;
        self.checked.is_good(token, &found, now);
        Ok(found.owner)
    }

    fn check_api_key(&self, key: &str, now: i64) -> Result<Subscriber, TokenError> {
        let owner = self.owner_of_api_key(key, now)?;
        self.stands(&owner)?;
        if let Some(id) = &owner.shown().api_key {
            self.used.mark(id, now);
        }
        Ok(owner)
    }

    fn owner_of_api_key(&self, key: &str, now: i64) -> Result<Subscriber, TokenError> {
        match &*self.api_keys.read() {
            ApiKeys::Nowhere => Err(TokenError::NoSuchApiKey),
            ApiKeys::NotYet => Err(TokenError::NotYetKnown),
            ApiKeys::Known(known) => known.owner(key, now),
        }
    }

    /// Whose a token is that is good, was taken back, or will be good once its time comes: for whoever takes it back.
    pub async fn whose(&self, token: &str) -> Result<Subscriber, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        if api_keys::is_meant(token) {
            return self.owner_of_api_key(token, unix_now());
        }
        let found = self.read(token, unix_now(), Beginning::Whenever)?;
        Ok(found.owner)
    }

    /// Whether somebody whose token was good is still let in: nothing that it rests on was taken back since. (When it ends is
    /// another thing.)
    pub fn stands(&self, subscriber: &Subscriber) -> Result<(), TokenError> {
        if self.staleness.lock().is_some_and(|staleness| staleness.refuse) && self.is_stale() {
            return Err(TokenError::NotYetKnown);
        }
        match &*self.revoked.read() {
            Knowledge::None => return Err(TokenError::NotYetKnown),
            Knowledge::Some(revoked) if revoked.covers(subscriber) => return Err(TokenError::Revoked),
            Knowledge::Some(_) => {}
        }
        let shown = subscriber.shown();
        match &*self.api_keys.read() {
            ApiKeys::NotYet => Err(TokenError::NotYetKnown),
            ApiKeys::Known(known) if !known.still_opens(shown, unix_now()) => Err(TokenError::Revoked),
            // Of what API keys were exchanged for nothing is known here; it ends soon.
            ApiKeys::Known(_) | ApiKeys::Nowhere => Ok(()),
        }
    }

    /// From now on tickets open what they were made for.
    pub fn redeem(&self, tickets: Arc<Tickets>) {
        *self.tickets.write() = Some(tickets);
    }

    /// Where tickets are.
    pub(crate) fn tickets(&self) -> Option<Arc<Tickets>> {
        self.tickets.read().clone()
    }

    /// Whether it was looked what was taken back and which API keys there are.
    fn has_looked(&self) -> bool {
        self.revoked().is_some() && !matches!(*self.api_keys.read(), ApiKeys::NotYet)
    }

    /// From now on these API keys open something.
    pub(crate) fn know_api_keys(&self, known: Known) {
        *self.api_keys.write() = ApiKeys::Known(Arc::new(known));
        self.tell();
    }

    /// The API keys that there are, where it is known.
    pub(crate) fn api_keys(&self) -> Option<Arc<Known>> {
        match &*self.api_keys.read() {
            ApiKeys::Known(known) => Some(Arc::clone(known)),
            ApiKeys::Nowhere | ApiKeys::NotYet => None,
        }
    }

    /// Which API keys were shown here.
    pub(crate) fn used(&self) -> &Used {
        &self.used
    }

    /// What opened something after `since` opens nothing any more `now`: says so where it is so.
    pub(crate) fn time_passed(&self, since: i64, now: i64) {
        if self.api_keys().is_some_and(|known| known.any_ended(since, now)) {
            self.tell();
        }
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    /// Tells when anything was taken back: time to ask of everybody who is here whether they [stand](Self::stands).
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The ledger answered just now: what is known is all there is.
    pub(crate) fn heard(&self) {
        *self.heard.lock() = Some(Instant::now());
    }

    /// Whether it ever did.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard.lock().is_some()
    }

    /// How long ago that was; or since this was made.
    pub(crate) fn heard_ago(&self) -> Duration {
        self.heard.lock().unwrap_or(self.made).elapsed()
    }

    /// How long nothing may be heard, on a node that follows what is taken back.
    pub(crate) fn stale_after(&self) -> Option<Duration> {
        self.staleness.lock().map(|staleness| staleness.after)
    }

    /// Whether it is not known what was taken back, or was known last too long ago.
    pub fn is_stale(&self) -> bool {
        let Some(Staleness { after, .. }) = *self.staleness.lock() else {
            return false;
        };
        self.heard.lock().is_none_or(|at| at.elapsed() > after)
    }

    /// From now on this is what was taken back.
    pub(crate) fn know(&self, revoked: Revoked) {
        *self.revoked.write() = Knowledge::Some(Arc::new(revoked));
        self.tell();
    }

    /// From now on tokens are checked with these keys. What was found good by others is checked anew.
    pub fn swap(&self, ring: Ring) {
        self.change(|_| ring);
    }

    /// From now on these are the key pairs that tokens are checked with.
    pub(crate) fn know_pairs(&self, records: Vec<Record>) {
        self.change(|ring| ring.with_pairs(records));
    }

    /// What is known of key pairs; nothing before it was looked for.
    pub fn pairs(&self) -> Option<Arc<[Record]>> {
        self.revoked()?;
        Some(self.keys.read().ring.records())
    }

    fn change(&self, change: impl FnOnce(&Ring) -> Ring) {
        let mut keys = self.keys.write();
        *keys = Keys {
            ring: Arc::new(change(&keys.ring)),
            number: keys.number + 1,
        };
        // Before anybody can check with them.
        self.checked.forget(keys.number);
        drop(keys);
        self.tell();
    }

    /// What was taken back, where it is known.
    pub(crate) fn revoked(&self) -> Option<Arc<Revoked>> {
        match &*self.revoked.read() {
            Knowledge::None => None,
            Knowledge::Some(revoked) => Some(Arc::clone(revoked)),
        }
    }

    fn read(&self, token: &str, now: i64, beginning: Beginning) -> Result<Found, TokenError> {
        let header = Header::of(token)?;
        let Keys { ring, number } = self.keys.read().clone();
        let mut refusal = TokenError::BadSignature;
        // Of a key that is not known yet nothing can be said.
        if header.kid.is_some() && self.revoked().is_none() {
            refusal = TokenError::NotYetKnown;
        }
        for key in ring.find(&header, now) {
            if key.tokens != Tokens::Any && !header.is_access_token() {
                refusal = TokenError::BadHeader("typ");
                continue;
            }
            match self.read_with(token, &key, beginning) {
                Err(TokenError::BadSignature) => {}
                Err(other) => refusal = other,
                Ok(owner) => {
                    let end = owner.expires_at();
                    return Ok(Found {
                        until: key.until.map_or(end, |until| end.min(until)),
                        keys: number,
                        owner,
                    });
                }
            }
        }
        Err(refusal)
    }

    fn read_with(&self, token: &str, key: &CheckKey, beginning: Beginning) -> Result<Subscriber, TokenError> {
        let mut validation = Validation::new(key.algorithm);
        // `set_audience` alone would let a token without `aud` pass: the claims have to be required, too.
        validation.set_required_spec_claims(&["sub", "iss", "aud", "exp"]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.validate_nbf = beginning == Beginning::Past;
        validation.leeway = LEEWAY_SECONDS;
        let read = jsonwebtoken::decode::<Claims>(token, &key.key, &validation).map_err(refusal)?;
        if let Tokens::Access {
            longest,
            issued_until,
        } = key.tokens
        {
            read.claims.last_at_most(longest, issued_until)?;
        }
        read.claims.subscriber(Shown {
            issuer: Some(Arc::clone(&self.issuer)),
            key: key.kid.clone(),
            ..Shown::token(token)
        })
    }
}

impl Shown {
    /// A token, of which nothing is known but its bytes.
    pub(crate) fn token(token: &str) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest(&SHA256, token.as_bytes()).as_ref()[..16]);
        Self {
            hash: Some(hash),
            ..Self::default()
        }
    }
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.into_kind() {
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidIssuer => TokenError::WrongIssuer,
        ErrorKind::InvalidAudience => TokenError::WrongAudience,
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            TokenError::BadSignature
        }
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            TokenError::BadClaim(claim)
        }
        _ => TokenError::Malformed,
    }
}
