//! How fast and how well a client speaks, and when enough is enough.

use tokio::time::Instant;

use crate::Limits;
use crate::cursors::refusal::{Details, Refusal};
use crate::session::close::{self, Close};
use crate::session::rate::Rate;
use crate::wire::protocol::Request;

/// The judge of one session's messages.
pub(crate) struct InboundRate {
    rate: Rate,
    bad_most: u32,
    limited_most: u32,
    bad: u32,
    limited: u32,
}

/// A message that is not done.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    /// The answer.
    pub(crate) refusal: Refusal,
    /// It was one too many.
    pub(crate) close: Option<&'static Close>,
}

impl InboundRate {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            rate: Rate::new(
                f64::from(limits.messages_per_second),
                f64::from(limits.message_burst),
                now,
            ),
            bad_most: limits.bad_messages_in_a_row,
            limited_most: limits.rate_limited_in_a_row,
            bad: 0,
            limited: 0,
        }
    }

    /// Lets a message through, unless it came too fast or is none.
    pub(crate) fn judge(
        &mut self,
        request: Result<Request, Refusal>,
        now: Instant,
    ) -> Result<Request, Refused> {
        if !self.rate.take(now) {
            self.limited += 1;
            return Err(Refused {
                refusal: self.too_fast(&request),
                close: (self.limited >= self.limited_most).then_some(&close::RATE_LIMITED),
            });
        }
        self.limited = 0;
        let counted = matches!(&request, Err(refusal) if refusal.code == "bad_message");
        self.bad = if counted { self.bad + 1 } else { 0 };
        request.map_err(|refusal| Refused {
            refusal,
            close: (self.bad >= self.bad_most).then_some(&close::BAD_MESSAGE),
        })
    }

    fn too_fast(&self, request: &Result<Request, Refusal>) -> Refusal {
        let wait = self.rate.wait();
        let message = format!(
            "more than {} messages a second: this one was not done",
            self.rate.per_second()
        );
        let details = Details {
            retry_after_ms: Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) + 1),
            ..Details::default()
        };
        let refusal = Refusal::with("rate_limited", message, details);
        let id = match request {
            Ok(request) => request.id(),
            Err(bad) => bad.id.as_deref(),
        };
        match id {
            Some(id) => refusal.to(id),
            None => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request() -> Result<Request, Refusal> {
        Request::read(r#"{"type":"unsubscribe","id":"a"}"#)
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let limits = Limits::default();
        let now = Instant::now();
        let mut inbound_rate = InboundRate::new(&limits, now);
        for _ in 0..limits.message_burst {
            assert!(inbound_rate.judge(request(), now).is_ok());
        }
        let refused = inbound_rate.judge(request(), now).unwrap_err();
        assert_eq!((refused.refusal.code, refused.close), ("rate_limited", None));
        assert_eq!(refused.refusal.id.as_deref(), Some("a"));
        let later = now + Duration::from_secs(1);
        let passed = (0..100)
            .filter(|_| inbound_rate.judge(request(), later).is_ok())
            .count();
        assert_eq!(passed, limits.messages_per_second as usize);
    }

    #[test]
    fn who_never_slows_down_is_closed() {
        let limits = Limits::default();
        let now = Instant::now();
        let mut inbound_rate = InboundRate::new(&limits, now);
        let refused = (0..limits.message_burst + limits.rate_limited_in_a_row)
            .filter_map(|_| inbound_rate.judge(request(), now).err())
            .map(|refused| refused.close);
        let closes: Vec<_> = refused.collect();
        assert_eq!(closes.last(), Some(&Some(&close::RATE_LIMITED)));
        assert_eq!(closes.iter().flatten().count(), 1);
    }

    #[test]
    fn twenty_bad_messages_in_a_row_close_and_a_good_one_forgives() {
        let now = Instant::now();
        let mut inbound_rate = InboundRate::new(&Limits::default(), now);
        let closes: Vec<_> = (0..20)
            .map(|_| inbound_rate.judge(Request::read("?"), now).unwrap_err().close)
            .collect();
        assert_eq!(closes[..19], [None; 19]);
        assert_eq!(closes[19], Some(&close::BAD_MESSAGE));
        assert!(inbound_rate.judge(request(), now).is_ok());
        assert_eq!(
            inbound_rate.judge(Request::read("?"), now).unwrap_err().close,
            None
        );
    }
}
