//! Names of streams: what is one is written as it was read, and has a place in exactly one way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lines::{Pattern, StreamName, Target};

fuzz_target!(|text: &str| {
    if let Ok(name) = StreamName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!(text.len() <= 200 && !text.is_empty());
        assert!(text.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != ".."));
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        let same = Target::parse(text).expect("a name is a target");
        assert!(same.matches(&name));
        let all = Pattern::parse("**").expect("a pattern");
        assert_eq!(all.matches(&name), !name.is_personal(), "no pattern meets a personal stream unless it begins so");
    }
    // Whoever it is, their stream is theirs alone.
    if let Ok(personal) = StreamName::personal(text) {
        assert!(personal.is_personal());
        assert_eq!(StreamName::parse(personal.as_str()).as_ref(), Ok(&personal));
        if let Some((one, _)) = text.char_indices().nth(1).map(|(at, _)| text.split_at(at)) {
            assert_ne!(StreamName::personal(one).ok(), Some(personal));
        }
    }
});
