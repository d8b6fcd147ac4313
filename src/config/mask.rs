//! Addresses without what is secret in them, for whoever is shown one.

use std::fmt;

/// What stands for a secret.
const MASK: &str = "…";

/// An address that may have a user and a password in it. `Debug` and `Display` mask them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// As it is set.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// With everything in it: for whoever connects.
    pub(crate) fn revealed(&self) -> &str {
        &self.0
    }

    /// `text` without what is secret in this address: for the words of a library that was given it.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        let mut secrets: Vec<&str> = Vec::new();
        if let Some((_, user, _)) = parts(&self.0) {
            secrets.push(user);
            secrets.extend(user.split_once(':').map(|(_, password)| password));
        }
        secrets.extend(secret_parameters(&self.0).map(|(_, value)| value));
        secrets.retain(|secret| !secret.is_empty());
        let replace = |text: String, secret: &&str| {
            let decoded = percent_decoded(secret);
            text.replace(*secret, MASK).replace(&decoded, MASK)
        };
        secrets.iter().fold(text.to_owned(), replace)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", masked(&self.0))
    }
}

/// The text with user, password and secret parameters masked, if it is an address and has any.
pub(crate) fn masked(text: &str) -> String {
    let text = match parts(text) {
        Some((scheme, _, rest)) => format!("{scheme}{MASK}@{rest}"),
        None => text.to_owned(),
    };
    let secrets: Vec<_> = secret_parameters(&text)
        .map(|(name, value)| (format!("{name}={value}"), format!("{name}={MASK}")))
        .collect();
    secrets
        .iter()
        .fold(text.clone(), |text, (found, shown)| text.replace(found, shown))
}

/// Up to the user, the user with the password, and what follows. A password that should have been encoded may have any
/// sign in it, so the last `@` counts.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let begin = text.find("://").map_or(0, |at| at + 3);
    let (user, rest) = text[begin..].rsplit_once('@')?;
    Some((&text[..begin], user, rest))
}

fn secret_parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let secret = ["password", "secret", "token", "properties"]
                .iter()
                .any(|word| name.contains(word));
            secret && !value.is_empty()
        })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_user_and_its_secrets() {
        let cases = [
            (
                "mongodb://db-1,db-2/tailcast?replicaSet=rs0",
                "mongodb://db-1,db-2/tailcast?replicaSet=rs0",
            ),
            ("mongodb://root:hunter2@db/tailcast", "mongodb://…@db/tailcast"),
            ("mongodb+srv://root:hun%40ter2@db", "mongodb+srv://…@db"),
            ("redis://:hunter2@cache:6379/0", "redis://…@cache:6379/0"),
            (
                "redis+sentinel://u:hunter2@s1,s2/main",
                "redis+sentinel://…@s1,s2/main",
            ),
            // Not as they should be, and passwords all the same.
            ("mongodb://root:hun@ter/2@db", "mongodb://…@db"),
            ("root:hunter2@db", "…@db"),
            (
                "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=hunter2&w=1",
                "mongodb://db/?tls=true&tlsCertificateKeyFilePassword=…&w=1",
            ),
            ("sqlite", "sqlite"),
        ];
        for (text, shown) in cases {
            assert_eq!(masked(text), shown);
            assert_eq!(
                format!("{} {:?}", Address::new(text), Address::new(text)),
                format!("{shown} {shown:?}")
            );
        }
    }

    #[test]
    fn what_a_library_says_of_an_address_is_shown_without_its_secrets() {
        let address = Address::new("mongodb://root:hun%40ter2@db/?proxyPassword=other");
        for (said, shown) in [
            ("cannot read root:hun%40ter2@db", "cannot read …@db"),
            ("wrong password hun@ter2", "wrong password …"),
            ("wrong proxyPassword: other", "wrong proxyPassword: …"),
            ("no such host: db", "no such host: db"),
        ] {
            assert_eq!(address.hidden_in(said), shown);
        }
    }
}
