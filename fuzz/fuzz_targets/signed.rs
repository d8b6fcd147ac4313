//! Tokens under a good signature: a line of JSON for the head, and claims. Whoever is let in has a `sub` that has a stream,
//! an end, and the algorithm of the key.
#![no_main]

use auth::{Key, Verifier};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const KEY: &str = "a key of the fuzz targets, which is long enough";

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (head, claims) = bytes.split_at(at);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head),
        URL_SAFE_NO_PAD.encode(claims.get(1..).unwrap_or_default())
    );
    let seal = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(seal));
    let verifier = Verifier::hs256(&Key::from_text(KEY).expect("a key"), "tailcast");
    if let Ok(subscriber) = verifier.check(&token) {
        let head: Value = serde_json::from_slice(head).expect("a head");
        assert_eq!(head["alg"], "HS256");
        assert!(head.get("crit").is_none());
        assert!(subscriber.personal().is_personal() && !subscriber.sub().is_empty());
        assert!(subscriber.expires_at() > auth::token::unix_now() - 60);
    }
});
