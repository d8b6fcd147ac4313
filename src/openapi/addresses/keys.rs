//! The keys that tokens are signed with.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;

use crate::openapi::shapes::{
    Is::Always, Is::Sometimes, JSON, Shape, any, list, named, object, one_of, text, whole,
};
use crate::openapi::told::Told;

pub(crate) fn public_keys() -> Told {
    let about = "For whoever checks tokens (RFC 7517): every key pair that signs, is about to, or has signed a token that has not \
        ended. A shared key is never among them.";
    let keys = vec![("keys", Always, list(any("A public key (RFC 7517, RFC 8037).")))];
    Told::new("publicKeys", "tokens", "Public keys", about)
        .answer(200, "Keys, good for 300 s.", vec![(JSON, object("", keys))])
        .refuses(503, &["unavailable"])
}

pub(crate) fn metadata() -> Told {
    let about = "RFC 8414. Only where `issuer` is an address.";
    let members = vec![
        ("issuer", Always, text("The `iss` of tokens.")),
        ("jwks_uri", Always, text("Where the public keys are.")),
    ];
    Told::new("issuerMetadata", "tokens", "Where the public keys are", about)
        .answer(200, "What there is.", vec![(JSON, object("", members))])
        .refuses(404, &["no_metadata"])
}

pub(crate) fn list_keys() -> Told {
    let keys = vec![("keys", Always, list(named("Key")))];
    Told::new("listKeys", "tokens", "All key pairs, the newest first", "")
        .answer(200, "Keys.", vec![(JSON, object("", keys))])
        .refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable"])
}

pub(crate) fn rotate_keys() -> Told {
    let about = "The next key of every node signs from now on, and those that signed are retired: what they signed is good to its \
        end.";
    let turned = vec![
        ("active", Always, list(text("The `kid` of a key that signs now."))),
        (
            "retired",
            Always,
            list(text("The `kid` of one that does not any more.")),
        ),
    ];
    changes(Told::new("rotateKeys", "tokens", "Sign with the next key", about))
        .answer(
            200,
            "They are rotated, durably.",
            vec![(JSON, object("", turned))],
        )
        .refuses(409, &["no_next_key", "too_soon"])
}

pub(crate) fn retire_key() -> Told {
    let about = "It signs nothing any more; what it signed is good to its end. `POST /v1/revoke` takes that back at once.";
    changes(Told::new("retireKey", "tokens", "Retire a key", about))
        .parameter(ParameterIn::Path, "kid", Required::True, "Its name.", text(""))
        .answer(200, "It is retired, durably.", vec![(JSON, named("Key"))])
        .refuses(404, &["no_such_key"])
}

fn changes(told: Told) -> Told {
    told.refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable", "unknown_outcome"])
}

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    let members = vec![
        ("kid", Always, text("Its name: the thumbprint of RFC 7638.")),
        ("algorithm", Always, one_of("", &["EdDSA", "ES256", "RS256"])),
        ("state", Always, one_of("", &["next", "active", "retired"])),
        ("made", Always, whole("When it was published, in Unix seconds.")),
        ("activated", Sometimes, whole("When it began to sign.")),
        ("retired", Sometimes, whole("When it ceased to.")),
        (
            "until",
            Sometimes,
            whole("From then on it checks nothing any more."),
        ),
        (
            "lifetime",
            Always,
            whole("The longest that a token of it lasts, in seconds."),
        ),
    ];
    vec![("Key", object("A key pair.", members))]
}
