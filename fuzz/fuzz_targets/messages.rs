//! What a client of `tailcast.v1` says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(code) = push::fuzz::message(text) {
        assert!(["bad_message", "bad_from"].contains(&code), "{code}");
    }
});
