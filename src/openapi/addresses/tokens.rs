//! Tokens and API keys: what they allow, making them, and taking them back.

use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::Type;

use crate::openapi::shapes::{
    Is, Is::Always, Is::Sometimes, JSON, Shape, list, named, object, one_of, simple, text, truth, whole,
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
            whole("Of a subscriber or an issuer: what was issued up to this Unix second is revoked."),
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

pub(crate) fn me() -> Told {
    let about = "Who one is by what one shows, and what one may.";
    let mut members = vec![
        ("sub", Always, text("")),
        ("personal", Always, text("The stream that is `@me`.")),
        ("by", Always, one_of("What was shown.", &["token", "api_key"])),
        ("iss", Sometimes, text("")),
        ("jti", Sometimes, text("")),
        ("client_id", Sometimes, text(CLIENT)),
        ("expires_at", Always, whole("Unix seconds.")),
        ("admin", Always, truth("")),
    ];
    members.extend(allows(Always));
    Told::new("me", "tokens", "Ask about oneself", about).answer(
        200,
        "That.",
        vec![(JSON, object("", members))],
    )
}

const CLIENT: &str = "The API key that it is, or was exchanged for: `tck_` and its id.";

pub(crate) fn mint() -> Told {
    let about = "With `mint` or `admin`, or with an API key for its own subscriber. Nothing is given that the caller has not: no \
        grant, no right, no time; and no token for somebody else whose personal stream the caller may not read, unless it has \
        `admin`. With an API key also as a form (RFC 6749, 4.4). What an API key made ends with it.";
    let form = object(
        "",
        vec![("grant_type", Always, one_of("", &["client_credentials"]))],
    );
    let mut order = vec![("sub", Sometimes, text("Whose; the caller's unless it is there."))];
    order.extend(allows(Sometimes));
    order.push(("admin", Sometimes, truth("")));
    order.push((
        "lifetime",
        Sometimes,
        whole("In seconds. It lasts that long at the most."),
    ));
    let types = vec![
        (JSON, object("", order)),
        ("application/x-www-form-urlencoded", form),
    ];
    let answer = vec![
        ("access_token", Always, text("")),
        ("token_type", Always, one_of("", &["Bearer"])),
        ("expires_in", Always, whole("In seconds.")),
    ];
    Told::new("mint", "tokens", "Make a token", about)
        .body("What it is to allow.", types)
        .answer(200, "The token.", vec![(JSON, object("", answer))])
        .refuses(400, &["bad_request"])
        .refuses(403, &["forbidden"])
        .refuses(408, &["too_slow"])
        .refuses(413, &["too_large"])
        .refuses(503, &["unavailable"])
}

pub(crate) fn issue_ticket() -> Told {
    let about = "It opens one connection, once, within its seconds, by the parameter `ticket`, for what can send no token: a \
        browser's `EventSource`, for example. It lets in as what it is asked with.";
    let order = vec![
        (
            "path",
            Always,
            one_of("The address that it opens.", &["/v1/sse", "/v1/ws"]),
        ),
        (
            "origin",
            Sometimes,
            text("Of the pages that may use it: the asking one's `Origin` unless it is there."),
        ),
    ];
    let answer = vec![
        ("ticket", Always, text("")),
        ("expires_in", Always, whole("In seconds.")),
    ];
    Told::new("issueTicket", "tokens", "Make a ticket", about)
        .body("What for.", vec![(JSON, object("", order))])
        .answer(200, "The ticket.", vec![(JSON, object("", answer))])
        .refuses(400, &["bad_request"])
        .refuses(408, &["too_slow"])
        .refuses(413, &["too_large"])
        .refuses(429, &["busy"])
        .refuses(503, &["unavailable"])
}

/// Whatever is about API keys.
fn of_api_keys(told: Told) -> Told {
    told.refuses(500, &["store_damaged"])
        .refuses(503, &["unavailable", "unknown_outcome"])
}

/// One of them.
fn of_an_api_key(told: Told) -> Told {
    let about = "What stands after `tck_`: 8 letters and digits.";
    of_api_keys(told.parameter(ParameterIn::Path, "id", Required::True, about, text("")))
        .refuses(404, &["api_key_not_found"])
}

/// Whatever shows a key.
fn shows_a_key(told: Told) -> Told {
    told.answer(
        200,
        "The key. It is shown this once.",
        vec![(JSON, named("ApiKey"))],
    )
    .refuses(400, &["bad_request"])
    .refuses(403, &["forbidden"])
    .refuses(408, &["too_slow"])
    .refuses(413, &["too_large"])
}

pub(crate) fn list_api_keys() -> Told {
    let list = object("", vec![("keys", Always, list(named("ApiKey")))]);
    let about = "One's own; with `admin` all.";
    of_api_keys(Told::new("listApiKeys", "tokens", "List API keys", about).answer(
        200,
        "Keys, by their ids.",
        vec![(JSON, list)],
    ))
}

pub(crate) fn make_api_key() -> Told {
    let mut order = vec![
        ("name", Always, text("1 to 200 bytes.")),
        ("sub", Always, text("Who is let in by it.")),
    ];
    order.extend(allows(Sometimes));
    order.push((
        "lifetime",
        Sometimes,
        whole("In seconds: 90 days unless it is there."),
    ));
    let about = "With `admin`. It allows nothing that the caller's own token does not, and never `admin`.";
    let told = Told::new("makeApiKey", "tokens", "Make an API key", about);
    let told = told.body("What it is to be.", vec![(JSON, object("", order))]);
    shows_a_key(of_api_keys(told)).refuses(409, &["too_many_api_keys"])
}

pub(crate) fn rotate_api_key() -> Told {
    let order = vec![
        (
            "overlap",
            Sometimes,
            whole("For so many seconds the secret before opens it, too: 86,400."),
        ),
        (
            "lifetime",
            Sometimes,
            whole("It ends so many seconds from now. With `admin`; without it it ends when it did."),
        ),
    ];
    let about = "By an admin, or who the key is for, with the key itself, too, when what is shown allows all that the key does.";
    let told = Told::new("rotateApiKey", "tokens", "Give an API key a new secret", about);
    let told = told.body("How. It may be left out.", vec![(JSON, object("", order))]);
    shows_a_key(of_an_api_key(told))
}

pub(crate) fn delete_api_key() -> Told {
    let answer = object("", vec![("deleted", Always, text("Its id."))]);
    let about = "By an admin, or who the key is for. Who was let in by it, or by a token that it was exchanged for, has to go.";
    of_an_api_key(Told::new("deleteApiKey", "tokens", "Delete an API key", about)).answer(
        200,
        "It is deleted.",
        vec![(JSON, answer)],
    )
}

/// What tokens and keys allow.
fn allows(is: Is) -> Vec<(&'static str, Is, Shape)> {
    vec![
        ("read", is, list(text("A stream or a pattern."))),
        ("write", is, list(text("A stream or a pattern."))),
        ("introspect", is, truth("To ask about the tokens of others.")),
        ("mint", is, truth("To make tokens for others.")),
    ]
}

fn api_key() -> Shape {
    let mut members = vec![
        ("id", Always, text("")),
        (
            "key",
            Sometimes,
            text("All of it: once, to who made or rotated it."),
        ),
        ("name", Always, text("")),
        ("sub", Always, text("Who is let in by it.")),
    ];
    members.extend(allows(Always));
    members.extend([
        ("created_at", Always, whole("Unix seconds.")),
        ("created_by", Always, text("")),
        ("expires_at", Always, whole("Unix seconds.")),
        (
            "overlaps_until",
            Sometimes,
            whole("Until then the secret before the newest opens it, too: Unix seconds."),
        ),
        ("last_used", Sometimes, whole("Unix seconds, to the minute.")),
    ]);
    object("An API key.", members)
}

/// The bodies that have names.
pub(super) fn shapes() -> Vec<(&'static str, Shape)> {
    vec![
        ("Introspection", introspection()),
        ("Revocation", revocation()),
        ("ApiKey", api_key()),
    ]
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
        ("mint", Sometimes, truth("")),
        ("client_id", Sometimes, text(CLIENT)),
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
