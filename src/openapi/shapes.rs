//! The words that bodies are described with, and the bodies that every address has.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, SchemaType,
    Type,
};

use Is::{Always, Sometimes};

/// A schema, or the name of one.
pub(super) type Shape = RefOr<Schema>;

/// What most bodies are.
pub(super) const JSON: &str = "application/json";

/// Whether a member is always there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Always,
    Sometimes,
}

/// Those that have names: a refusal, and those of the addresses.
pub(super) fn all() -> Vec<(&'static str, Shape)> {
    let mut all = vec![("Problem", problem())];
    all.extend(super::addresses::shapes());
    all
}

/// One of them.
pub(super) fn named(name: &str) -> Shape {
    RefOr::Ref(Ref::from_schema_name(name))
}

pub(super) fn simple(of: Type, about: &str) -> ObjectBuilder {
    let simple = ObjectBuilder::new().schema_type(of);
    if about.is_empty() {
        simple
    } else {
        simple.description(Some(about))
    }
}

pub(super) fn text(about: &str) -> Shape {
    simple(Type::String, about).into()
}

pub(super) fn one_of(about: &str, values: &[&str]) -> Shape {
    simple(Type::String, about)
        .enum_values(Some(values.iter().copied()))
        .into()
}

/// Whatever JSON has.
pub(super) fn any(about: &str) -> Shape {
    let any = simple(Type::String, about).schema_type(SchemaType::AnyValue);
    any.into()
}

/// From 0 on.
pub(super) fn whole(about: &str) -> Shape {
    simple(Type::Integer, about).minimum(Some(0_usize)).into()
}

pub(super) fn number(about: &str) -> Shape {
    simple(Type::Number, about).into()
}

pub(super) fn truth(about: &str) -> Shape {
    simple(Type::Boolean, about).into()
}

pub(super) fn time(about: &str) -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    simple(Type::String, about).format(Some(format)).into()
}

pub(super) fn time_or_null(about: &str) -> Shape {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    simple(Type::String, about)
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .format(Some(format))
        .into()
}

pub(super) fn list(of: Shape) -> Shape {
    ArrayBuilder::new().items(of).into()
}

/// Any names, each with such a value.
pub(super) fn by_name(of: Shape, about: &str) -> Shape {
    simple(Type::Object, about)
        .additional_properties(Some(AdditionalProperties::RefOr(of)))
        .into()
}

pub(super) fn object(about: &str, members: Vec<(&str, Is, Shape)>) -> Shape {
    let object = members
        .into_iter()
        .fold(simple(Type::Object, about), |object, (name, is, shape)| {
            let object = object.property(name, shape);
            if is == Is::Always {
                object.required(name)
            } else {
                object
            }
        });
    Schema::Object(object.build()).into()
}

fn problem() -> Shape {
    let members = vec![
        ("title", Always, text("The status in words.")),
        ("status", Always, whole("")),
        ("code", Always, text("What programs go by.")),
        (
            "detail",
            Always,
            text("A sentence for people that says what to do."),
        ),
        ("parameter", Sometimes, text("Which parameter is meant.")),
        (
            "position",
            Sometimes,
            whole("Where a filter is wrong, in characters from 0."),
        ),
        (
            "next",
            Sometimes,
            whole("With `cursor_ahead`: the head of the stream."),
        ),
        ("rejected", Sometimes, list(named("Rejected"))),
        (
            "rejected_more",
            Sometimes,
            by_name(whole(""), "How many more lines were rejected, by code."),
        ),
        (
            "streams",
            Sometimes,
            by_name(
                list(named("Stretch")),
                "What is stored of the request, all the same.",
            ),
        ),
    ];
    object("A refusal (RFC 9457).", members)
}
