//! What the server refuses an insert by that was decided upon too long ago: a fencing token.
//!
//! An insert at a known end asks that nothing changed since that end was read, except that the stream has grown: then a
//! document begins there, and the unique index refuses. Merging and retention take such documents away. Whoever still
//! believes in an end that others have gone beyond, for whatever time (its process or its machine was stopped, a packet
//! was held back, a primary was looked for), would find the place free, and give offsets a second time.
//!
//! So every batch carries a token, `f`, and the collection has a validator that admits one token and no other. Whoever is
//! about to take documents away [raises] the fence first: it makes the validator admit a token that nobody was told before,
//! tells it then, and takes nothing away unless both are on a majority. Whoever inserts was told a token, read the end after
//! that, and inserts with that token. Hence no clock and no bound on any delay is needed:
//!
//! - An insert is admitted by the last raise before it. Its token was told after that raise, and its end was read later
//!   still.
//! - What was taken away began before the end that its stream had at some raise: what was planned is what was seen before
//!   one, see [`merging`](super::merging) and [`deletion`](super::deletion).
//! - So an insert that is admitted is at a place which begins nothing that was ever taken away, and whether the place is
//!   taken, the unique index says.
//!
//! It does not matter in which order several raise it, or whether one of them dies in between: a token is made once, tried
//! once, and told only after it was admitted. What then can differ is what is told and what is admitted, and nobody gets
//! in: whoever is kept out for a while raises the fence once more, see [`kept_out`](super::kept_out).
//!
//! Who is refused has stored nothing, asks again, and inserts: one batch of each collector takes longer, per raise.
//! Updates are not asked for a token (`moderate`) where they have a document before them that the fence does not admit, and
//! whatever replaces one keeps the token that it has.

use std::time::Duration;

use lines::StoreError;
use mongodb::bson::{Document, RawDocument, doc};
use mongodb::error::{Error, ErrorKind};

use super::connection::Ready;
use super::documents::number;
use super::turn::millis;

/// The document in `cluster` that has the token.
pub(super) const FENCE: &str = "fence";
/// The server refuses a document by the collection's validator.
pub(super) const NOT_ADMITTED: i32 = 121;
/// For how long one waits for those who hold the collection. Whoever comes later waits behind whoever raises the fence, and
/// a transaction that nobody ends any more holds it for a minute. A majority has to have it in that time, too: where none
/// does, nothing is taken away.
const PATIENCE: Duration = Duration::from_secs(1);
/// Whoever may write data may not change a collection: that takes another role.
const UNAUTHORIZED: i32 = 13;

/// What the server admits inserts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Token(pub(super) i32);

impl Token {
    /// Of the document that tells it.
    pub(super) fn told(document: &RawDocument) -> Option<Self> {
        Self::read(document, "open")
    }

    /// By which a batch was admitted; what has none is of a version that has never heard of it.
    pub(super) fn of(batch: &RawDocument) -> Option<Self> {
        Self::read(batch, "f")
    }

    fn read(document: &RawDocument, name: &str) -> Option<Self> {
        i32::try_from(number(document, name)?).ok().map(Self)
    }
}

/// What the fence's document says: the newest token that was made, and the newest that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    made: i32,
    told: i32,
}

impl Standing {
    pub(super) async fn read(ready: &Ready) -> Result<Self, StoreError> {
        let fence = ready.cluster(FENCE).await?;
        let read = |fence: &Document| {
            Some(Self {
                made: fence.get_i32("made").ok()?,
                told: fence.get_i32("open").ok()?,
            })
        };
        fence.as_ref().and_then(read).ok_or_else(lost)
    }
}

/// What came of raising the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Raised {
    /// Whoever is let in from now on has read everything that was there before.
    Yes,
    /// The database's user may not do it.
    Forbidden,
}

/// The first stages of a question to `cluster` that tells the token before anything else is read.
pub(super) fn told_first() -> [Document; 2] {
    [
        doc! {"$match": {"_id": FENCE}},
        doc! {"$project": {"_id": 0, "open": 1}},
    ]
}

/// Keeps everybody out who has not read what is there now. Where that fails, nothing may be taken away, and trying again
/// later helps.
pub(super) async fn raise(ready: &Ready) -> Result<Raised, StoreError> {
    let made = make(ready, doc! {"_id": FENCE}).await?;
    let admitted = admit(ready, made.ok_or_else(lost)?).await;
    admitted.inspect_err(|error| {
        tracing::warn!(%error, "nobody can be kept out of the batches for now, so none are deleted or merged");
    })
}

/// The same, unless somebody has begun or ended to raise it since `seen` was read: then `None`.
pub(super) async fn raise_unless_raised(ready: &Ready, seen: Standing) -> Result<Option<Raised>, StoreError> {
    let unchanged = doc! {"_id": FENCE, "made": seen.made, "open": seen.told};
    match make(ready, unchanged).await? {
        Some(made) => admit(ready, made).await.map(Some),
        None => Ok(None),
    }
}

/// A token that nobody was told before.
async fn make(ready: &Ready, fence: Document) -> Result<Option<i32>, StoreError> {
    let made = vec![doc! {"$set": {"made": {"$add": ["$made", 1]}}}];
    let fence = ready.change("cluster", fence, made).await?;
    Ok(fence.and_then(|fence| fence.get_i32("made").ok()))
}

/// Lets those in who have this token, and nobody else, and tells it.
async fn admit(ready: &Ready, made: i32) -> Result<Raised, StoreError> {
    // Once: the driver repeats no such command.
    let admit = doc! {
        "collMod": "batches", "validator": {"f": made}, "validationLevel": "moderate", "validationAction": "error",
        "maxTimeMS": millis(PATIENCE),
    };
    match ready.run_durably(admit).await {
        Ok(()) => tell(ready, made).await.map(|()| Raised::Yes),
        Err(error) if is_forbidden(&error) => Ok(Raised::Forbidden),
        Err(error) => {
            // What is admitted, but not on a majority in time, is told all the same: otherwise nobody would be let in.
            if is_admitted(&error) {
                tell(ready, made).await?;
            }
            Err(ready.error(error))
        }
    }
}

async fn tell(ready: &Ready, made: i32) -> Result<(), StoreError> {
    let told = doc! {"q": {"_id": FENCE}, "u": {"$max": {"open": made}}};
    ready
        .write(doc! {"update": "cluster", "updates": [told]})
        .await
        .map(drop)
}

fn lost() -> StoreError {
    StoreError::Away("the database has lost its fence".into())
}

/// Whether the primary has done it, and only the others are late.
fn is_admitted(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Custom(_))
}

fn is_forbidden(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Command(error) if error.code == UNAUTHORIZED)
}

#[cfg(test)]
mod tests;
