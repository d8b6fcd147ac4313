//! Who is refused at the [fence](super::fence): asks for the token again until it is let in, and raises the fence where
//! nobody else does.
//!
//! Usually somebody has just raised it, and tells the token within a few milliseconds. Somebody who died before that tells
//! it never; then all who append are kept out, and one of them is enough: each has seen how the fence stands, waits for a
//! while of its own, and raises it unless it stands otherwise by then.

use std::time::Duration;

use lines::{AppendError, SharedError, StoreError};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::MongoStore;
use super::append::Pending;
use super::fence::{Raised, Standing, raise_unless_raised};

/// How long the fence has to stand as it was, at least, before it is raised by somebody who is kept out.
const STANDS_STILL: Duration = Duration::from_secs(1);
/// The longest pause before the token is asked for again.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A call of which something is kept out.
pub(super) struct KeptOut {
    since: Instant,
    /// How the fence stood when the token had been asked for in vain, and when it is raised if it still does.
    seen: Option<(Standing, Instant)>,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(
        "the validator of the collection batches admits nobody, and the database's user may not change it (collMod on \
         batches, as in the role dbAdmin)"
    )]
    Forbidden,
    #[error("the validator of the collection batches admitted nobody for {0:?}")]
    Waited(Duration),
}

impl MongoStore {
    /// What is to be done before the token is asked for again.
    pub(super) async fn wait_at_the_fence(
        &self,
        pending: &mut [Pending],
        kept_out: &mut Option<KeptOut>,
        until: Instant,
    ) {
        let waits = |p: &&mut Pending| p.is_open() && p.kept_out;
        let mut waiting: Vec<&mut Pending> = pending.iter_mut().filter(waits).collect();
        if waiting.is_empty() {
            *kept_out = None;
            return;
        }
        let Some(kept_out) = kept_out else {
            // It is asked for at once.
            *kept_out = Some(KeptOut {
                since: Instant::now(),
                seen: None,
            });
            return;
        };
        let refused = match timeout_at(until, self.raise_if_it_stands_still(kept_out)).await {
            Ok(raised) => raised.err(),
            Err(_) => Some(Refused::Waited(self.options.deadline)),
        };
        if let Some(refused) = refused {
            let refused = SharedError::new(StoreError::Away(Box::new(refused)));
            for pending in &mut waiting {
                pending.settle(Err(AppendError::NotStored(refused.again())));
            }
            return;
        }
        // As long as it took until now, so that few questions are asked in vain.
        let pause = kept_out.since.elapsed().min(LONGEST_PAUSE);
        sleep_until((Instant::now() + pause).min(until)).await;
    }

    async fn raise_if_it_stands_still(&self, kept_out: &mut KeptOut) -> Result<(), Refused> {
        let Ok(ready) = self.connection.ready().await else {
            return Ok(());
        };
        let Some((seen, due)) = kept_out.seen else {
            // Each waits for another time, so that one of them is first.
            let due = Instant::now() + STANDS_STILL.mul_f64(1.0 + rand::random::<f64>());
            kept_out.seen = Standing::read(ready).await.ok().map(|seen| (seen, due));
            return Ok(());
        };
        if Instant::now() < due {
            return Ok(());
        }
        kept_out.seen = None;
        match raise_unless_raised(ready, seen).await {
            Ok(Some(Raised::Yes)) => tracing::warn!(
                "the validator of batches admitted nobody any more: somebody seems to have died who had changed it; it \
                 was changed anew"
            ),
            Ok(None) => tracing::debug!("somebody else has raised the fence meanwhile"),
            Ok(Some(Raised::Forbidden)) => {
                tracing::warn!("{}", Refused::Forbidden);
                return Err(Refused::Forbidden);
            }
            Err(error) => tracing::warn!(
                %error,
                "the validator of batches admits nobody, and could not be changed: trying again"
            ),
        }
        Ok(())
    }
}
