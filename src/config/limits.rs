//! `[limits]` of the file: what a node may take and give. The limits of every crate are here, each under the name and with
//! the default that it has in its own struct.
//!
//! [`limited`] says how a struct becomes a table, one file for each crate has the rows, [`together`] says which limits
//! bound each other.

mod bounds;
mod limited;
mod rows;
#[cfg(test)]
mod tests;
mod together;

use auth::api_keys::ApiKeyLimits;
use auth::revoked::MarkLimits;
use auth::service;
use auth::service::mint::MintLimits;
use auth::tickets::TicketLimits;
use collect::append::AppendLimits;
use collect::ingest;
use dispatch::link::LinkLimits;
use dispatch::{DispatchLimits, KeeperLimits, RedisOptions};
use edge::ServeLimits;
use edge::sieve::SieveLimits;
use push::AdmissionLimits;
use read::QuestionLimits;
use read::views::ViewLimits;
use store::mongo::MongoOptions;
use store::sqlite::SqliteOptions;

use super::ConfigError;
use super::table::Table;
use crate::fan_out::FanOutLimits;
use bounds::Bounds;
use limited::{Limited, Number, Visit, limits};

/// The tables under `[limits]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    /// Both listeners, and their connections.
    pub http: ServeLimits,
    /// Requests that bring lines.
    pub ingest: ingest::Limits,
    /// Lines on their way into the store.
    pub append: AppendLimits,
    /// The store in the data folder.
    pub sqlite: SqliteOptions,
    /// The store in MongoDB.
    pub mongo: MongoOptions,
    /// Batches on their way to the nodes that want them.
    pub dispatch: DispatchLimits,
    /// Links between nodes.
    pub links: LinkLimits,
    /// The node's lease.
    pub lease: KeeperLimits,
    /// Routes on Redis.
    pub redis: RedisOptions,
    /// How many sessions the node takes.
    pub admission: AdmissionLimits,
    /// Sessions, and the streams they watch.
    pub sessions: push::Limits,
    /// The threads that serve sessions.
    pub fan_out: FanOutLimits,
    /// Questions about history.
    pub history: read::Limits,
    /// Views that readers save.
    pub views: ViewLimits,
    /// What sessions and history ask of the store.
    pub questions: QuestionLimits,
    /// What filters may compute.
    pub filters: SieveLimits,
    /// Questions about tokens, and words about them.
    pub introspect: service::Limits,
    /// What was taken back.
    pub revocations: MarkLimits,
    /// API keys.
    pub api_keys: ApiKeyLimits,
    /// Tokens that are made over HTTP.
    pub mint: MintLimits,
    /// What opens one connection once.
    pub tickets: TicketLimits,
}

limits! {
    Limits {
        http: group,
        ingest: group,
        append: group,
        sqlite: group,
        mongo: group,
        dispatch: group,
        links: group,
        lease: group,
        redis: group,
        admission: group,
        sessions: group,
        fan_out: group,
        history: group,
        views: group,
        questions: group,
        filters: group,
        introspect: group,
        revocations: group,
        api_keys: group,
        mint: group,
        tickets: group,
    }
}

/// The table's name.
pub(crate) const NAME: &str = "limits";

/// One limit, as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name in `[limits]`, with dots.
    pub name: String,
    /// What it may be.
    pub bounds: Bounds,
    /// What it is.
    pub number: u64,
}

impl Listed {
    /// The key in the file, with the tables it stands in.
    pub(crate) fn key(&self) -> String {
        format!("{NAME}.{}", self.name)
    }

    /// As it is written in the file.
    pub(crate) fn shown(&self) -> String {
        self.bounds.shown(self.number)
    }
}

impl Limits {
    /// Reads what `table` sets; everything else is the default.
    pub(crate) fn read(table: Option<Table>) -> Result<Self, ConfigError> {
        let mut limits = Self::default();
        if let Some(table) = table {
            let mut reader = Reader { table };
            limits.each(&mut reader)?;
            reader.table.finish()?;
        }
        together::check(&limits)?;
        Ok(limits)
    }

    /// All of them, in the order of the tables.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut lister = Lister::default();
        // Nothing is read that could be wrong, and nothing is changed.
        let _ = self.clone().each(&mut lister);
        lister.listed
    }

    /// The keys of all limits.
    pub(crate) fn keys() -> Vec<String> {
        Self::default().list().iter().map(Listed::key).collect()
    }
}

struct Reader {
    table: Table,
}

impl Visit for Reader {
    fn limit(
        &mut self,
        name: &'static str,
        bounds: Bounds,
        value: &mut dyn Number,
    ) -> Result<(), ConfigError> {
        if let Some(number) = self.table.take(name, |text| bounds.parse(text))? {
            value.set(number);
        }
        Ok(())
    }

    fn group(&mut self, name: &'static str, group: &mut dyn Limited) -> Result<(), ConfigError> {
        if let Some(table) = self.table.table(name)? {
            let mut reader = Self { table };
            group.each(&mut reader)?;
            reader.table.finish()?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Lister {
    /// The tables that it is in, each with a dot.
    before: String,
    listed: Vec<Listed>,
}

impl Visit for Lister {
    fn limit(
        &mut self,
        name: &'static str,
        bounds: Bounds,
        value: &mut dyn Number,
    ) -> Result<(), ConfigError> {
        self.listed.push(Listed {
            name: format!("{}{name}", self.before),
            bounds,
            number: value.get(),
        });
        Ok(())
    }

    fn group(&mut self, name: &'static str, group: &mut dyn Limited) -> Result<(), ConfigError> {
        let length = self.before.len();
        self.before.extend([name, "."]);
        group.each(self)?;
        self.before.truncate(length);
        Ok(())
    }
}
