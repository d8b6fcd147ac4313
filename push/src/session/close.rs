//! How sessions end: every close code, as data. docs/protocol.md lists each.

/// A close code with what it tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The code of the close frame.
    pub code: u16,
    /// The `reason` of `closing` and of the close frame, for programs.
    pub reason: &'static str,
    /// Whether the client should come back.
    pub again: Again,
    /// What happened, for people.
    pub meaning: &'static str,
}

impl Close {
    /// Counts one session that ended so.
    pub(crate) fn count(&self) {
        metrics::counter!("tailcast_sessions_closed_total", "reason" => self.reason).increment(1);
    }
}

/// Whether a client whose session ended should connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Yes, after `retry_after_ms` or with back-off.
    ComeBack,
    /// No: it would end the same way.
    StayAway,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $reason:literal $again:ident $meaning:literal;)*) => {
        $($(#[$doc])* pub const $name: Close = Close { code: $code, reason: $reason, again: Again::$again, meaning: $meaning };)*

        /// Every way in which the server ends a session.
        pub const CODES: &[Close] = &[$($name),*];
    };
}

codes! {
    /// RFC 6455's own.
    PROTOCOL = 1002 "protocol" StayAway "the client broke the rules of WebSockets";
    /// RFC 6455's own.
    BINARY = 1003 "binary" StayAway "the client sent a binary frame, and messages are text";
    /// RFC 6455's own.
    BAD_UTF8 = 1007 "bad_utf8" StayAway "the client sent a text frame that is not UTF-8";
    /// RFC 6455's own.
    TOO_BIG = 1009 "too_big" StayAway "the client sent a message over 16 KiB, or in more than 64 fragments";
    /// Sessions move to other nodes.
    DRAINING = 1012 "draining" ComeBack "the node is being stopped; another one goes on from the cursors";
    /// Judged by write progress.
    SLOW = 4000 "slow" ComeBack "nothing of what waits could be written for 30 s";
    /// Judged by silence.
    NO_PONG = 4001 "no_pong" ComeBack "the client was silent for 10 s after a ping";
    /// The node cannot serve. Kept for what clients know: at present nothing ends a session so. What is known before there
    /// is one is answered 503, and sessions outlive a store that is away.
    UNAVAILABLE = 4002 "unavailable" ComeBack "the node cannot serve sessions at the moment";
    /// The token's `exp`.
    TOKEN_EXPIRED = 4003 "token_expired" ComeBack "the token ended; come back with a new one";
    /// By an operator.
    REVOKED = 4500 "revoked" StayAway "the token was revoked";
    /// Too many in a row.
    BAD_MESSAGE = 4501 "bad_message" StayAway "20 messages in a row were no messages of this protocol";
    /// Too many in a row.
    RATE_LIMITED = 4502 "rate_limited" StayAway "200 messages in a row came faster than 20 a second";
    /// A `refresh` with somebody else's token.
    WRONG_SUBSCRIBER = 4503 "wrong_subscriber" StayAway "a refresh brought the token of another subscriber";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_alone_tells_whether_to_come_back() {
        for close in CODES {
            let told = matches!(close.code, 1001 | 1012 | 4000..=4499);
            assert_eq!(close.again == Again::ComeBack, told, "{close:?}");
        }
    }

    #[test]
    fn a_reason_fits_a_close_frame_and_no_code_is_there_twice() {
        for (i, close) in CODES.iter().enumerate() {
            assert!(close.reason.len() <= 123);
            assert!(CODES[i + 1..].iter().all(|other| other.code != close.code));
        }
    }
}
