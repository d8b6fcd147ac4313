//! Where a request carries its token: a line each for `Authorization`, `Sec-WebSocket-Protocol`, `Origin` and the query.
//! Nothing of it lets anybody in.
#![no_main]

use auth::{Key, Verifier};
use http::header::{AUTHORIZATION, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue, Uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(4, |&byte| byte == b'\n');
    let mut headers = HeaderMap::new();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    for name in [AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, ORIGIN] {
        let value = parts.next().filter(|value| !value.is_empty());
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
            headers.insert(name, value);
        }
    }
    let query = parts.next().unwrap_or_default();
    let uri = [b"/v1/ws?", query].concat();
    let Ok(uri) = Uri::try_from(uri) else { return };
    let key = Key::from_text("a key of the fuzz targets, which is long enough").expect("a key");
    let verifier = Verifier::hs256(&key, "tailcast");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let entry = runtime.block_on(auth::authenticate(&verifier, &headers, &uri));
    assert!(entry.is_err());
});
