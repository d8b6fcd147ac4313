//! Patterns: two of them and a name, a line each. What includes another matches all that the other matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lines::{Pattern, StreamName};

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let [Some(one), Some(other), Some(name)] = [parts.next(), parts.next(), parts.next()] else {
        return;
    };
    let (Ok(one), Ok(other)) = (Pattern::parse(one), Pattern::parse(other)) else {
        return;
    };
    assert!(one.includes(&one));
    let includes = one.includes(&other);
    for name in [name, other.as_str(), &other.as_str().replace("**", "x/y").replace('*', "z")] {
        let Ok(name) = StreamName::parse(name) else { continue };
        let (of_one, of_other) = (one.matches(&name), other.matches(&name));
        assert!(!includes || of_one || !of_other, "{one:?} includes {other:?}, which alone matches {name:?}");
        assert!(!name.is_personal() || !of_one || one.as_str().starts_with('@'));
    }
});
