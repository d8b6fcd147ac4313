//! The HTTP API as an OpenAPI document, made of the table of addresses: what is in the table is in the document.

mod addresses;
mod shapes;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa::openapi::path::{HttpMethod, Operation, Paths, PathsBuilder};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{
    Http as HttpScheme, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::server::{Server, ServerBuilder};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem};

use crate::routes::{Door, ROUTES, Reach, Route};
pub(crate) use addresses::*;
pub(crate) use told::Told;

/// `GET /v1/openapi.json`: the same document for everybody, made once.
pub(crate) fn router() -> anyhow::Result<Router> {
    let document = Bytes::from(text(&document())?);
    let answer = async move || ([(CONTENT_TYPE, "application/json")], document);
    Ok(Router::new().route("/v1/openapi.json", get(answer)))
}

/// As it is served, and stands in docs.
fn text(document: &OpenApi) -> serde_json::Result<String> {
    Ok(document.to_pretty_json()? + "\n")
}

const ABOUT: &str = "Tailcast streams log lines to the people who watch them. Lines are sent and read here; they are followed \
    live over a WebSocket, `/v1/ws`, whose messages docs/protocol.md describes. Refusals are problem details (RFC 9457) with a \
    stable `code`. `GET` is `HEAD`, too. A node answers the addresses of its roles.";

const TAGS: &[(&str, &str)] = &[
    ("lines", "Sending lines, and reading what was sent."),
    ("sessions", "Following streams live."),
    (
        "tokens",
        "Tokens and API keys: what they allow, making them, and taking them back.",
    ),
    ("views", "What readers look at, kept under a name."),
    ("node", "How a node is."),
    (
        "admin",
        "For administrators of an installation, on the internal listener.",
    ),
    (
        "viewer",
        "The page that shows streams, and the library it stands on.",
    ),
];

fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Tailcast")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    let tags = TAGS.iter().map(|(name, about)| {
        let tag = TagBuilder::new().name(*name);
        tag.description(Some(*about)).build()
    });
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([server(Reach::Public)]))
        .tags(Some(tags))
        .paths(paths())
        .components(Some(components().build()))
        .build()
}

fn components() -> ComponentsBuilder {
    let schemes: [(&str, HttpScheme); 3] = [
        (
            BEARER,
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some(
                    "A JSON Web Token. Browsers' WebSockets send it as the subprotocol `bearer.TOKEN`.",
                ))
                .build(),
        ),
        (
            BASIC,
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Basic)
                .description(Some("The token as the password, with any user name."))
                .build(),
        ),
        (
            PASS,
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "The pass of a node of this cluster, for one receiver and one use.",
                ))
                .build(),
        ),
    ];
    let components = schemes
        .into_iter()
        .fold(ComponentsBuilder::new(), |all, (name, scheme)| {
            all.security_scheme(name, SecurityScheme::Http(scheme))
        });
    let components = shapes::all()
        .into_iter()
        .fold(components, |all, (name, schema)| all.schema(name, schema));
    let refusals: BTreeMap<String, Response> = ROUTES
        .iter()
        .flat_map(|route| told(route).refusals().collect::<Vec<_>>())
        .collect();
    components.responses_from_iter(refusals)
}

const BEARER: &str = "token";
const BASIC: &str = "tokenAsPassword";
const PASS: &str = "pass";

fn server(reach: Reach) -> Server {
    let (url, about) = match reach {
        Reach::Public => (
            "http://127.0.0.1:7440",
            "The public listener, where nothing else is set.",
        ),
        Reach::Internal => (
            "http://127.0.0.1:7441",
            "The internal listener, where nothing else is set.",
        ),
    };
    ServerBuilder::new().url(url).description(Some(about)).build()
}

/// In the order of the table, the methods of a path together.
fn paths() -> Paths {
    let mut items: Vec<(String, PathItem)> = Vec::new();
    for route in ROUTES {
        let path = templated(route.path);
        let Some(method) = method(route) else { continue };
        let at = items.iter().position(|(known, _)| *known == path);
        let at = at.unwrap_or_else(|| {
            items.push((path, PathItem::default()));
            items.len() - 1
        });
        let item = &mut items[at].1;
        let slot = match method {
            HttpMethod::Put => &mut item.put,
            HttpMethod::Post => &mut item.post,
            HttpMethod::Delete => &mut item.delete,
            _ => &mut item.get,
        };
        match slot {
            Some(known) => known.servers.get_or_insert_default().push(server(route.reach)),
            None => *slot = Some(operation(route)),
        }
    }
    let paths = items
        .into_iter()
        .fold(PathsBuilder::new(), |all, (path, item)| all.path(path, item));
    paths.build()
}

/// As OpenAPI writes a path of the router.
fn templated(path: &str) -> String {
    path.replace("{*", "{")
}

fn method(route: &Route) -> Option<HttpMethod> {
    match route.method.as_str() {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

/// What the address says of itself, with what can be answered before it looks at a request.
fn told(route: &Route) -> Told {
    let told = (route.told)()
        .refuses(400, &["bad_host", "bad_origin", "bad_transfer_encoding"])
        .refuses(404, &["not_found"])
        .refuses(405, &["method_not_allowed"])
        .refuses(421, &["wrong_host"])
        .refuses(431, &[])
        .refuses(500, &["internal"])
        .refuses(503, &["busy"]);
    let told = match route.door {
        Door::Open => told,
        Door::Pass => told.refuses(401, &["bad_link"]),
        Door::Token | Door::Write | Door::Admin => told
            .refuses(400, &["token_in_query"])
            .refuses(401, &["no_token", "bad_token"])
            .refuses(429, &["too_many_bad_tokens"]),
    };
    match route.door {
        Door::Write | Door::Admin => told.refuses(403, &["forbidden"]),
        Door::Open | Door::Token | Door::Pass => told,
    }
}

fn operation(route: &Route) -> Operation {
    let none = Vec::<String>::new;
    let security = match route.door {
        Door::Open => vec![],
        Door::Pass => vec![SecurityRequirement::new(PASS, none())],
        Door::Token | Door::Write | Door::Admin => vec![
            SecurityRequirement::new(BEARER, none()),
            SecurityRequirement::new(BASIC, none()),
        ],
    };
    let mut operation = told(route).operation();
    operation.security = Some(security);
    operation.servers = Some(vec![server(route.reach)]);
    operation
}
