//! What tokens allow, and taking them back.

use utoipa::openapi::schema::Type;

use crate::openapi::shapes::{
    Is::Always, Is::Sometimes, JSON, Shape, list, named, object, one_of, simple, text, truth, whole,
};
use crate::openapi::told::Told;

pub(crate) fn introspect() -> Told {
    let about = "For services that do not hold the key (RFC 7662). A token without `introspect` or `admin` asks about those of \
        its own subscriber.";
    let form = object(
        "",
        vec![("token", Always, text("The token that is asked about."))],
    );
    Told::new("introspect", "tokens", "Ask about a token", about)
        .body("A form.", vec![("application/x-www-form-urlencoded", form)])
        .answer(200, "What it is.", vec![(JSON, named("Introspection"))])
        .refuses(400, &["bad_request"])
        .refuses(408, &["too_slow"])
        .refuses(413, &["too_large"])
        .refuses(503, &["unavailable"])
}

pub(crate) fn revoke() -> Told {
    let about = "A token as a form (RFC 7009), or exactly one thing as JSON. Without `admin` one revokes what is one's own \
        subscriber's: of another's token nothing is said but that nothing was revoked. Repeating it does no harm.";
    let form = object("", vec![("token", Always, text("The token that is revoked."))]);
    let answer = vec![
        (
            "revoked",
            Always,
            truth("Whether anything was. Why not is not said."),
        ),
        (
            "before",
            Sometimes,
            whole("Of a subscriber, an issuer or a key: what was issued up to this Unix second is revoked."),
        ),
    ];
    let types = vec![
        ("application/x-www-form-urlencoded", form),
        (JSON, named("Revocation")),
    ];
    Told::new("revoke", "tokens", "Revoke tokens", about)
        .body("What.", types)
        .answer(
            200,
            "It is revoked, durably, or there was nothing to revoke.",
            vec![(JSON, object("", answer))],
        )
        .refuses(400, &["bad_request"])
        .refuses(403, &["forbidden"])
        .refuses(408, &["too_slow"])
        .refuses(409, &["too_many_revocations"])
        .refuses(413, &["too_large"])
        .refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable", "unknown_outcome"])
}

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    vec![("Introspection", introspection()), ("Revocation", revocation())]
}

fn introspection() -> Shape {
    let members = vec![
        (
            "active",
            Always,
            truth("Whether it is good, and may be asked about. If not, nothing more is said."),
        ),
        ("token_type", Sometimes, one_of("", &["Bearer"])),
        ("sub", Sometimes, text("")),
        ("iss", Sometimes, text("")),
        ("aud", Sometimes, text("")),
        ("exp", Sometimes, simple(Type::Integer, "Unix seconds.").into()),
        ("jti", Sometimes, text("")),
        ("read", Sometimes, list(text("A stream or a pattern."))),
        ("write", Sometimes, list(text("A stream or a pattern."))),
        ("admin", Sometimes, truth("")),
        ("introspect", Sometimes, truth("")),
    ];
    object("What a token is (RFC 7662).", members)
}

fn revocation() -> Shape {
    let id = vec![
        ("id", Always, text("Its `jti`.")),
        (
            "issuer",
            Sometimes,
            text("Its `iss`; this installation's unless named."),
        ),
        (
            "expires_at",
            Sometimes,
            whole("Its `exp`, in Unix seconds: after that nobody has to remember it."),
        ),
    ];
    let members = vec![
        ("token", Sometimes, text("A token.")),
        (
            "token_id",
            Sometimes,
            object("A token by its id. For admins.", id),
        ),
        (
            "subscriber",
            Sometimes,
            text("Whose tokens, those that were issued up to now."),
        ),
        (
            "issuer",
            Sometimes,
            text("Whose tokens, by their `iss`. For admins."),
        ),
        (
            "key",
            Sometimes,
            text("The `kid` of the key that they are signed with. For admins."),
        ),
    ];
    object("What is revoked: exactly one of these.", members)
}
