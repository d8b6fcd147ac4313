//! Every code that a program can meet is in the documents, and no other: of refusals over HTTP, of the session's errors,
//! and of lines that are not taken.

use std::collections::BTreeSet;

use crate::document::{quoted, read, rows};
use crate::source::Sources;

/// A status and a code, as in a row of docs/http.md.
type Refusal = (u16, String);

fn status(name: &str) -> u16 {
    match name {
        "BAD_REQUEST" => 400,
        "UNAUTHORIZED" => 401,
        "FORBIDDEN" => 403,
        "NOT_FOUND" => 404,
        "METHOD_NOT_ALLOWED" => 405,
        "NOT_ACCEPTABLE" => 406,
        "REQUEST_TIMEOUT" => 408,
        "CONFLICT" => 409,
        "GONE" => 410,
        "PRECONDITION_FAILED" => 412,
        "PAYLOAD_TOO_LARGE" => 413,
        "UNSUPPORTED_MEDIA_TYPE" => 415,
        "MISDIRECTED_REQUEST" => 421,
        "UPGRADE_REQUIRED" => 426,
        "TOO_MANY_REQUESTS" => 429,
        "INTERNAL_SERVER_ERROR" => 500,
        "NOT_IMPLEMENTED" => 501,
        "BAD_GATEWAY" => 502,
        "SERVICE_UNAVAILABLE" => 503,
        _ => panic!("which status is {name}?"),
    }
}

/// Where a refusal is made, its status and its code are written out: so that they can be found, by this test, too. The codes
/// of bodies that cannot be read are written where they are read, and are 400 over HTTP.
fn refusals_of_the_sources() -> BTreeSet<Refusal> {
    let sources = Sources::read();
    let malformed = sources
        .codes
        .iter()
        .filter(|(path, _)| path == "Refused::Malformed");
    let malformed: BTreeSet<Refusal> = malformed.map(|(_, code)| (400, code.clone())).collect();
    assert!(!malformed.is_empty(), "Refused::Malformed has another name now");
    let made = sources.calls.iter().filter(|call| call.path == "Problem::new");
    let made = made.filter_map(|call| {
        let [name, code, _] = &call.arguments[..] else {
            panic!("{}: Problem::new", call.file);
        };
        if call.file == "collect/src/ingest/http/refusal.rs" && code.name() == Some("code") {
            return None;
        }
        let (name, code) = name.name().zip(code.text()).unwrap_or_else(|| {
            panic!(
                "{}: write the status and the code in `Problem::new`, not before it",
                call.file
            )
        });
        Some((status(name), code.to_owned()))
    });
    made.chain(malformed).collect()
}

fn refusals_of_the_documents() -> BTreeSet<Refusal> {
    let mut found = BTreeSet::new();
    for path in ["docs/http.md", "docs/protocol.md"] {
        let document = read(path);
        for row in rows(&document) {
            let (Some(Ok(status @ 400..600)), Some(codes)) = (row.first().map(|it| it.parse()), row.get(1))
            else {
                continue;
            };
            found.extend(quoted(codes).map(|code| (status, code.to_owned())));
        }
    }
    found
}

#[test]
fn every_refusal_over_http_is_in_a_table_and_no_other() {
    assert_eq!(refusals_of_the_documents(), refusals_of_the_sources());
}

/// As programs read it: all refusals of an OpenAPI document are among its components.
fn refusals_of_the_schema() -> BTreeSet<Refusal> {
    let document: serde_json::Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    let mut found = BTreeSet::new();
    for name in document["components"]["responses"].as_object().unwrap().keys() {
        let mut parts = name.split('.');
        let status = parts.next().unwrap().parse().unwrap();
        let problem = &document["components"]["responses"][name]["content"]["application/problem+json"];
        let codes = problem["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array();
        let codes = codes.into_iter().flatten().map(|code| code.as_str().unwrap());
        found.extend(codes.map(|code| (status, code.to_owned())));
    }
    found
}

#[test]
fn every_refusal_over_http_is_in_the_schema_and_no_other() {
    assert_eq!(refusals_of_the_schema(), refusals_of_the_sources());
}

#[test]
fn every_error_of_a_session_is_in_the_table_and_no_other() {
    let sources = Sources::read();
    let made = sources.calls.iter().filter(|call| {
        let of_session = call.file.starts_with("push/");
        of_session && ["Refusal::new", "Refusal::with"].contains(&call.path.as_str())
    });
    let codes: BTreeSet<String> = made
        // `new` calls `with`.
        .filter(|call| call.arguments[0].name() != Some("code"))
        .map(|call| {
            call.arguments[0]
                .text()
                .unwrap_or_else(|| panic!("{}: write the code in it", call.file))
                .to_owned()
        })
        .collect();
    let document = read("docs/protocol.md");
    let (_, errors) = document.split_once("\n## Errors\n").unwrap();
    let (errors, _) = errors.split_once("\n## ").unwrap();
    let told: BTreeSet<String> = rows(errors)
        .iter()
        .flat_map(|row| quoted(row[0]))
        .map(str::to_owned)
        .collect();
    assert_eq!(told, codes);
}

#[test]
fn every_code_of_a_line_that_is_not_taken_is_documented() {
    let names = Sources::read().names.iter().filter(|(of, _)| of == "RejectCode");
    let codes: Vec<&str> = names.map(|(_, code)| code.as_str()).collect();
    assert!(!codes.is_empty(), "RejectCode has another name now");
    let document = read("docs/http.md");
    let (_, rejected) = document.split_once("**Rejected**").unwrap();
    let (rejected, _) = rejected.split_once(".\n").unwrap();
    assert_eq!(
        quoted(rejected.split_once(':').unwrap().1).collect::<Vec<_>>(),
        codes
    );
}
