//! What an address says of itself, gathered before it becomes an operation.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Ref, Schema};
use utoipa::openapi::{Content, RefOr, Required};

use super::shapes::{self, Shape};

/// An address and a method: what is asked, what is answered, what is refused.
pub(crate) struct Told {
    operation: OperationBuilder,
    answers: Vec<(u16, Response)>,
    refusals: BTreeMap<u16, Vec<&'static str>>,
}

impl Told {
    /// Its name for programs, what it belongs to, what it does in a line, and more of that.
    pub(crate) fn new(id: &str, tag: &str, summary: &str, description: &str) -> Self {
        let operation = OperationBuilder::new()
            .operation_id(Some(id))
            .tag(tag)
            .summary(Some(summary));
        Self {
            operation: if description.is_empty() {
                operation
            } else {
                operation.description(Some(description))
            },
            answers: Vec::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// A parameter.
    pub(crate) fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        required: Required,
        about: &str,
        shape: impl Into<Shape>,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(shape));
        self.operation = self.operation.parameter(parameter);
        self
    }

    /// A parameter of the query that may be left out.
    pub(crate) fn query(self, name: &str, about: &str, shape: impl Into<Shape>) -> Self {
        self.parameter(ParameterIn::Query, name, Required::False, about, shape)
    }

    /// A body that has to be there, in one of these types.
    pub(crate) fn body(mut self, about: &str, types: Vec<(&str, Shape)>) -> Self {
        let body = RequestBodyBuilder::new()
            .description(Some(about))
            .required(Some(Required::True));
        let body = types.into_iter().fold(body, |body, (name, shape)| {
            body.content(name, Content::new(Some(shape)))
        });
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// An answer, in one of these types.
    pub(crate) fn answer(mut self, status: u16, about: &str, types: Vec<(&str, Shape)>) -> Self {
        let answer = ResponseBuilder::new().description(about);
        let answer = types.into_iter().fold(answer, |answer, (name, shape)| {
            answer.content(name, Content::new(Some(shape)))
        });
        self.answers.push((status, answer.build()));
        self
    }

    /// A header of the last answer.
    pub(crate) fn with(mut self, name: &str, about: &str, shape: impl Into<Shape>) -> Self {
        if let Some((_, answer)) = self.answers.last_mut() {
            let header = HeaderBuilder::new().schema(Some(shape)).description(Some(about));
            answer.headers.insert(name.to_owned(), RefOr::T(header.build()));
        }
        self
    }

    /// A status that refuses, and its codes; without any it has no body.
    pub(crate) fn refuses(mut self, status: u16, codes: &[&'static str]) -> Self {
        let known = self.refusals.entry(status).or_default();
        known.extend(codes);
        known.sort_unstable();
        known.dedup();
        self
    }

    /// Its refusals, by the names that they have among the components.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (String, Response)> {
        let refusals = self.refusals.iter();
        refusals.map(|(status, codes)| (name(*status, codes), refusal(*status, codes)))
    }

    /// As OpenAPI has it.
    pub(crate) fn operation(self) -> Operation {
        let answers = self
            .answers
            .into_iter()
            .map(|(status, answer)| (status, RefOr::T(answer)));
        let refusals = self.refusals.iter().map(|(status, codes)| {
            let name = name(*status, codes);
            (*status, RefOr::Ref(Ref::from_response_name(name)))
        });
        let all: BTreeMap<u16, RefOr<Response>> = answers.chain(refusals).collect();
        let responses = all
            .into_iter()
            .fold(ResponsesBuilder::new(), |all, (status, answer)| {
                all.response(status.to_string(), answer)
            });
        self.operation.responses(responses.build()).build()
    }
}

/// Of a status with these codes.
fn name(status: u16, codes: &[&str]) -> String {
    std::iter::once(status.to_string())
        .chain(codes.iter().map(|&code| code.to_owned()))
        .collect::<Vec<_>>()
        .join(".")
}

fn refusal(status: u16, codes: &[&str]) -> Response {
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let refusal = ResponseBuilder::new().description(reason.unwrap_or("Refused"));
    if codes.is_empty() {
        return refusal.build();
    }
    let code = ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
    let code = ObjectBuilder::new().property("code", code.enum_values(Some(codes.iter().copied())));
    let problem = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(code);
    let refusal = refusal.content(
        "application/problem+json",
        Content::new(Some(Schema::AllOf(problem.build()))),
    );
    let refusal = match status {
        429 | 503 => refusal.header(
            "Retry-After",
            HeaderBuilder::new()
                .schema(Some(shapes::whole("")))
                .description(Some("Repeat the request after so many seconds."))
                .build(),
        ),
        _ => refusal,
    };
    refusal.build()
}
