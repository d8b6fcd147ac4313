//! Which stream lines go to.

mod template;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::builder::{self, Built};

pub use template::{BadTemplate, Template};

/// How the streams of an intake's lines are named. What may be written is asked for each of them, however it is named.
#[derive(Debug, Clone)]
pub enum Naming {
    /// Each line names its stream, in its member `stream`; one that names none is rejected.
    ByLine,
    /// The request, or the address that it was sent to, names the stream of all lines. What a line has under `stream` is a
    /// field: Docker's and Kubernetes' shippers say `stdout` there.
    Stream(String),
    /// The stream is made of what is known of a line: the labels of its group, or else its own fields.
    Template(Arc<Template>),
}

impl Naming {
    /// The stream of all lines.
    pub(super) fn default(&self) -> Option<&str> {
        match self {
            Self::Stream(name) => Some(name),
            Self::ByLine | Self::Template(_) => None,
        }
    }
}

/// What a template is filled from.
pub trait Labels {
    /// The value of a label, as text; `None` when it is not there.
    fn label(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl Labels for BTreeMap<String, String> {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Cow::from)
    }
}

impl Labels for HashMap<String, String> {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Cow::from)
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Labels for &[(N, V)] {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.iter().find(|(have, _)| have.as_ref() == name)?;
        Some(value.as_ref().into())
    }
}

/// Of a line its fields: texts as they are, numbers and booleans as they are written. What is a list, a map or null is
/// no label.
impl Labels for Built<'_> {
    fn label(&self, name: &str) -> Option<Cow<'_, str>> {
        let json = self.field(name)?;
        if json.starts_with(['{', '[']) || json == "null" {
            return None;
        }
        Some(builder::string(json).unwrap_or(Cow::Borrowed(json)))
    }
}
