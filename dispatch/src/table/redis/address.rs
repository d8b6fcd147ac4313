//! The three ways to say where Redis is.

use redis::{ConnectionInfo, IntoConnectionInfo};

/// Why a text is no address of Redis. Does not repeat the text: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme, or none.
    #[error(
        "an address of Redis begins with redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster://, this one does not"
    )]
    Scheme,
    /// The rest cannot be read.
    #[error("this is no address of Redis: {0}")]
    Unreadable(String),
    /// Sentinels are asked for a service by its name, and there is none.
    #[error("an address with Sentinels ends with the name of the service: redis+sentinel://host:26379/NAME")]
    NoService,
}

/// Where Redis is.
#[derive(Debug, Clone)]
pub(super) enum Address {
    /// `redis://[user:password@]host[:port][/db]`
    Single(ConnectionInfo),
    /// `redis+sentinel://[user:password@]host[:port][,host…]/service[/db]`. User, password and database are those of
    /// the servers, not of the Sentinels.
    Sentinel {
        /// The Sentinels; with the servers' user, password and database.
        sentinels: Vec<ConnectionInfo>,
        /// What the Sentinels call the master.
        service: String,
    },
    /// `redis+cluster://[user:password@]host[:port][,host…]`, or `redis://…?cluster=true`
    Cluster(Vec<ConnectionInfo>),
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(base, "redis" | "rediss" | "valkey" | "valkeys") {
            return Err(AddressError::Scheme);
        }
        match (kind, rest.strip_suffix("?cluster=true")) {
            ("", None) => Ok(Self::Single(read(text)?)),
            ("", Some(rest)) => Ok(Self::Cluster(read_list(base, rest.trim_end_matches('/'))?)),
            ("cluster", None) => Ok(Self::Cluster(read_list(base, rest.trim_end_matches('/'))?)),
            ("sentinel", None) => {
                let (hosts, path) = rest.split_once('/').ok_or(AddressError::NoService)?;
                let (service, db) = path.split_once('/').unwrap_or((path, "0"));
                if service.is_empty() {
                    return Err(AddressError::NoService);
                }
                let (user, hosts) = match hosts.rsplit_once('@') {
                    Some((user, hosts)) => (format!("{user}@"), hosts),
                    None => (String::new(), hosts),
                };
                let sentinels = hosts.split(',').map(|host| {
                    if host.contains(':') {
                        read(&format!("{base}://{user}{host}/{db}"))
                    } else {
                        read(&format!("{base}://{user}{host}:26379/{db}"))
                    }
                });
                Ok(Self::Sentinel {
                    sentinels: sentinels.collect::<Result<_, _>>()?,
                    service: service.to_owned(),
                })
            }
            _ => Err(AddressError::Scheme),
        }
    }
}

fn read_list(scheme: &str, rest: &str) -> Result<Vec<ConnectionInfo>, AddressError> {
    let (user, hosts) = match rest.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), rest),
    };
    hosts
        .split(',')
        .map(|host| read(&format!("{scheme}://{user}{host}")))
        .collect()
}

/// Client-side caching needs the third version of the protocol.
fn read(text: &str) -> Result<ConnectionInfo, AddressError> {
    let info = text.into_connection_info().map_err(|error| {
        AddressError::Unreadable(error.detail().unwrap_or("the URL cannot be parsed").to_owned())
    })?;
    let settings = info
        .redis_settings()
        .clone()
        .set_protocol(redis::ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Result<String, AddressError> {
        let place = |info: &ConnectionInfo| {
            let settings = info.redis_settings();
            let user = settings.username().unwrap_or("-");
            let password = settings.password().unwrap_or("-");
            format!("{} {user} {password} {}", info.addr(), settings.db())
        };
        Ok(match Address::parse(text)? {
            Address::Single(info) => place(&info),
            Address::Sentinel { sentinels, service } => {
                format!(
                    "{service} by {}",
                    sentinels.iter().map(place).collect::<Vec<_>>().join(", ")
                )
            }
            Address::Cluster(nodes) => {
                format!(
                    "cluster {}",
                    nodes.iter().map(place).collect::<Vec<_>>().join(", ")
                )
            }
        })
    }

    #[test]
    fn an_address_is_a_server_its_sentinels_or_nodes_of_a_cluster() {
        for (text, expected) in [
            ("redis://127.0.0.1", "127.0.0.1:6379 - - 0"),
            ("redis://ann:s%40d@r1:7000/3", "r1:7000 ann s@d 3"),
            (
                "redis+sentinel://:pw@s1,s2:5000/main/2",
                "main by s1:26379 - pw 2, s2:5000 - pw 2",
            ),
            (
                "redis+cluster://r1:7000,r2:7001",
                "cluster r1:7000 - - 0, r2:7001 - - 0",
            ),
            (
                "redis://u:p@r1,r2/?cluster=true",
                "cluster r1:6379 u p 0, r2:6379 u p 0",
            ),
        ] {
            assert_eq!(shape(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_of_something_else_is_refused_without_repeating_its_password() {
        for text in [
            "localhost:6379",
            "http://u:secret@h",
            "redis+other://h",
            "redis+cluster://h?cluster=true",
        ] {
            assert_eq!(shape(text), Err(AddressError::Scheme), "{text}");
        }
        assert_eq!(shape("redis+sentinel://h"), Err(AddressError::NoService));
        assert_eq!(shape("redis+sentinel://h/"), Err(AddressError::NoService));
        let error = shape("redis://u:secret@h:notaport").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
