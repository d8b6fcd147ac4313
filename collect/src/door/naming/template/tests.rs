use std::collections::BTreeMap;

use lines::StreamName;
use proptest::prelude::*;

use super::*;

fn named(template: &str, labels: &[(&str, &str)]) -> String {
    Template::parse(template).unwrap().name(&labels)
}

#[test]
fn a_name_is_made_of_the_labels_in_braces() {
    let labels = [
        ("service.name", "checkout"),
        ("host", "web-1"),
        ("empty", ""),
        ("env", "prod"),
    ];
    for (template, name) in [
        ("{service.name}", "checkout"),
        ("otel/{service.name}/{host}", "otel/checkout/web-1"),
        ("{env}-{host}/x", "prod-web-1/x"),
        // The first one that is there and not empty.
        ("{service,app,service.name}", "checkout"),
        ("{ empty , host }", "web-1"),
        // And what stands for none.
        ("{service}", "unknown"),
        ("a/{empty|none}", "a/none"),
        ("{service, app|no.service}/{host}", "no.service/web-1"),
    ] {
        assert_eq!(named(template, &labels), name, "{template}");
    }
}

#[test]
fn a_value_is_written_so_that_it_stays_in_its_segment() {
    for (value, name) in [
        ("my_service.v1-2", "s/my_service.v1-2"),
        ("payments/api v2", "s/payments_.2fapi_.20v2"),
        ("@alice", "s/_.40alice"),
        ("@me", "s/_.40me"),
        ("übung", "s/_.c3_.bcbung"),
        (".", "s/_.2e"),
        ("..", "s/_.2e."),
        ("...", "s/..."),
        (".hidden", "s/.hidden"),
        ("a_.2fb", "s/a_.5f.2fb"),
        ("a_.-b", "s/a_.5f.-b"),
        ("a_.2Fb_._", "s/a_.2Fb_._"),
        ("{x}*\n", "s/_.7bx_.7d_.2a_.0a"),
    ] {
        assert_eq!(named("s/{a}", &[("a", value)]), name, "{value:?}");
    }
}

#[test]
fn values_that_are_too_long_together_are_cut_and_still_told_apart() {
    let long = "x".repeat(300);
    let labels = |end: &str| vec![("a", format!("{long}{end}")), ("b", "short".to_owned())];
    let template = Template::parse("s/{a}/{b}").unwrap();
    let one = template.name(&labels("1").as_slice());
    let two = template.name(&labels("2").as_slice());
    assert_ne!(one, two);
    assert!(one.starts_with("s/xxxx") && one.ends_with("/short"), "{one}");
    assert_eq!(one.len(), "s/".len() + 98 + "/short".len());
    // One that has room to itself is not cut.
    let whole = template.name(&[("a", "y".repeat(150)), ("b", "z".repeat(40))].as_slice());
    assert_eq!(whole, format!("s/{}/{}", "y".repeat(150), "z".repeat(40)));
}

#[test]
fn what_could_make_no_name_is_no_template() {
    let text = |template: &str| BadTemplate::BadText(template.to_owned());
    for (template, why) in [
        ("a/{b", BadTemplate::Brace("a/{b".to_owned())),
        ("a/b}", BadTemplate::Brace("a/b}".to_owned())),
        ("{a{b}}", BadTemplate::Brace("{a{b}}".to_owned())),
        ("{}", BadTemplate::NoLabel("{}".to_owned())),
        ("{a,,b}", BadTemplate::NoLabel("{a,,b}".to_owned())),
        ("{|x}", BadTemplate::NoLabel("{|x}".to_owned())),
        ("a/b", BadTemplate::NoLabels("a/b".to_owned())),
        ("", BadTemplate::NoLabels(String::new())),
        ("/{a}", text("/{a}")),
        ("{a}/", text("{a}/")),
        ("a//{a}", text("a//{a}")),
        ("../{a}", text("../{a}")),
        ("a b/{a}", text("a b/{a}")),
        // Whose personal stream it is, no label says.
        ("@{user}", text("@{user}")),
        ("{a|@me}", text("{a|@me}")),
        ("{a|}", text("{a|}")),
        ("{a|..}", text("{a|..}")),
        ("{a|b/c}", text("{a|b/c}")),
    ] {
        assert_eq!(Template::parse(template), Err(why));
    }
    let long = format!("{}/{{a}}", "x".repeat(180));
    assert_eq!(Template::parse(&long), Err(BadTemplate::TooLong(long.clone())));
    for error in [BadTemplate::Brace("{".into()), BadTemplate::TooLong("x".into())] {
        assert!(error.to_string().contains('"'), "{error}");
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[._@/a-f0-9-]{0,8}",
        4 => ".{0,12}",
        1 => "[a-z_]{90,230}",
        1 => proptest::sample::select(vec![".", "..", "@me", "/", "", "a/../b"]).prop_map(str::to_owned),
    ]
}

fn template() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "{a}",
        "s/{a}",
        "pre.fix/{a}/{b|none}",
        "{a}/{b}",
        "x-{a}/y/{b,a}-z",
        "{a}{b}",
        "..{a}",
    ])
}

/// The value that was written, where nothing of it was cut.
fn read_back(written: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = written.as_bytes();
    while let [byte, after @ ..] = rest {
        let hex = rest.strip_prefix(b"_.").and_then(|rest| rest.get(..2));
        let escaped = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| !hex.contains(|c: char| c.is_ascii_uppercase() || c == '+'))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &rest[4..] } else { after };
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    /// Never a stream outside of the template's own beginning, never a personal one, never refused.
    #[test]
    fn whatever_the_values_are_it_is_a_name_under_the_templates_beginning(
        template in template(),
        labels in proptest::collection::btree_map("[ab]", value(), 0..=2),
    ) {
        let labels: BTreeMap<String, String> = labels;
        let name = Template::parse(template).unwrap().name(&labels);
        let stream = StreamName::parse(&name);
        prop_assert!(stream.is_ok(), "{:?}", stream);
        prop_assert!(!name.starts_with('@'));
        prop_assert!(name.starts_with(&template[..template.find('{').unwrap()]), "{}", name);
        prop_assert_eq!(name.split('/').count(), template.split('/').count());
    }

    #[test]
    fn two_values_are_never_written_alike(a in value(), b in value(), c in value()) {
        let template = Template::parse("s/{a}/{b}").unwrap();
        let name = |a: &str, b: &str| template.name(&[("a", a), ("b", b)].as_slice());
        let missing = |value: &str| value.is_empty() || value == MISSING;
        if a != c && !(missing(&a) && missing(&c)) {
            prop_assert_ne!(name(&a, &b), name(&c, &b));
        }
        let written = name(&a, "b");
        if !a.is_empty() && !written.contains("_.-") {
            prop_assert_eq!(read_back(written.split('/').nth(1).unwrap()), a);
        }
    }
}
