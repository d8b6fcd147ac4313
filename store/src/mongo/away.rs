//! Why MongoDB cannot be used, in a sentence: the driver's own words name everything that it knows, several times.

use std::fmt;
use std::time::Duration;

use mongodb::error::{Error, ErrorKind};
use mongodb::options::{HostInfo, ServerAddress};
use tokio::net::TcpStream;

/// How long a server may take to accept a connection that is only a knock.
const KNOCK: Duration = Duration::from_secs(2);

/// No server that the address names takes connections.
#[derive(Debug, thiserror::Error)]
#[error("MongoDB at {hosts} cannot be reached: {why}")]
pub(super) struct Unreachable {
    hosts: String,
    why: String,
}

/// Knocks at all servers that an address names. The driver would look for one for some seconds before it says the same.
/// Those that have to be looked up, or are no TCP, are left to it.
pub(super) async fn knock(hosts: &HostInfo) -> Result<(), Unreachable> {
    let HostInfo::HostIdentifiers(hosts) = hosts else {
        return Ok(());
    };
    let knocks = hosts.iter().map(knock_at);
    let knocks = futures_util::future::join_all(knocks).await;
    let failed: Option<Vec<String>> = knocks.into_iter().map(Result::err).collect();
    let Some(mut whys) = failed.filter(|whys| !whys.is_empty()) else {
        return Ok(());
    };
    whys.dedup();
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    Err(Unreachable {
        hosts: hosts.join(", "),
        why: whys.join(", "),
    })
}

async fn knock_at(server: &ServerAddress) -> Result<(), String> {
    let ServerAddress::Tcp { host, port } = server else {
        return Ok(());
    };
    // The driver takes addresses of IPv6 in brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let knock = TcpStream::connect((host, port.unwrap_or(DEFAULT_PORT)));
    match tokio::time::timeout(KNOCK, knock).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(system(&error)),
        Err(_) => Err("no answer".to_owned()),
    }
}

const DEFAULT_PORT: u16 = 27_017;

/// `connection refused`, without the number of it.
fn system(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_lowercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// What the driver says, without what it knows besides: that is logged, for whoever looks into it.
pub(super) struct Said(Error);

impl Said {
    pub(super) fn new(error: Error) -> Self {
        tracing::debug!(%error, "the MongoDB driver says");
        Self(error)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.kind {
            ErrorKind::ServerSelection { message, .. } => f.write_str(&selection(message)),
            ErrorKind::Io(error) => write!(f, "the connection to MongoDB failed: {}", system(error)),
            kind => write!(f, "{kind}"),
        }
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// It has no source that is shown: its text is in it.
impl std::error::Error for Said {}

/// From the driver's description of all that it knows of the servers, what is wrong with each.
fn selection(message: &str) -> String {
    let servers = message.split("{ Address: ").skip(1);
    let wrong: Vec<String> = servers
        .filter_map(|server| {
            let (address, known) = server.split_once(',')?;
            let (_, error) = known.split_once("Error: Kind: ")?;
            let error = error.split(", labels:").next()?.trim_start_matches("I/O error: ");
            Some(format!("{address}: {}", error.split(" (os error").next()?))
        })
        .collect();
    if wrong.is_empty() {
        "no server of MongoDB is a primary that can be used".to_owned()
    } else {
        format!("no server of MongoDB can be used ({})", wrong.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &str) -> HostInfo {
        mongodb::options::ConnectionString::parse(address)
            .unwrap()
            .host_info
    }

    #[tokio::test]
    async fn servers_that_take_no_connection_are_named_with_the_reason() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let both = "mongodb://user:secret@127.0.0.1:9,127.0.0.1:7/logs?replicaSet=rs0";
        assert_eq!(
            knock(&hosts(both)).await.unwrap_err().to_string(),
            "MongoDB at 127.0.0.1:9, 127.0.0.1:7 cannot be reached: connection refused"
        );
        assert!(
            knock(&hosts(&format!("mongodb://127.0.0.1:9,{there}")))
                .await
                .is_ok()
        );
        assert!(knock(&HostInfo::DnsRecord("db.example".to_owned())).await.is_ok());
    }

    #[test]
    fn what_the_driver_knows_becomes_what_is_wrong() {
        let message = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: \
                       127.0.0.1:9, Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {}, \
                       source: None, server response: None } ] }";
        assert_eq!(
            selection(message),
            "no server of MongoDB can be used (127.0.0.1:9: Connection refused)"
        );
        assert_eq!(
            selection("Server selection timeout: No available servers."),
            "no server of MongoDB is a primary that can be used"
        );
    }
}
