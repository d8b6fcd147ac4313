//! Why something that a reader asked for is not done. The session goes on.

/// A refusal: a stable code for programs, and a sentence for people that says what to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// docs/protocol.md lists them.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The request's.
    pub(crate) id: Option<String>,
    /// What else there is to say.
    pub(crate) details: Box<Details>,
}

/// What only some refusals say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Details {
    /// The stream that was refused.
    pub(crate) stream: Option<String>,
    /// The head, of `cursor_ahead`.
    pub(crate) next: Option<u64>,
    /// The right one, of `wrong_epoch`.
    pub(crate) epoch: Option<String>,
    /// The character that cannot be there, counted from 0, of `bad_filter`.
    pub(crate) position: Option<usize>,
    /// When it makes sense to ask again.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Refusal {
    /// With what every refusal has.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::with(code, message, Details::default())
    }

    /// With details.
    pub(crate) fn with(code: &'static str, message: impl Into<String>, details: Details) -> Self {
        Self {
            code,
            message: message.into(),
            id: None,
            details: Box::new(details),
        }
    }

    /// Says which request it answers.
    #[must_use]
    pub(crate) fn to(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Says which stream it is about.
    #[must_use]
    pub(crate) fn about(mut self, stream: &str) -> Self {
        self.details.stream = Some(stream.to_owned());
        self
    }
}
