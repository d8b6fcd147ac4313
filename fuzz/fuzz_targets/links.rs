//! What is said on a link between nodes: as it comes, which is forged, and under a good seal, as a node that went wrong would
//! say it. What is read is written again to the same meaning.
#![no_main]

use auth::{ClusterSecret, Sealed};
use bytes::Bytes;
use dispatch::link::codec::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let secret = ClusterSecret::from_text("a secret of the fuzz targets, which is long enough").expect("a secret");
    assert!(decode(&Bytes::copy_from_slice(bytes), &secret).is_err(), "nobody sealed it");
    let sealed = |bytes: &[u8]| Bytes::from([bytes, &secret.seal(Sealed::Frame, bytes)].concat());
    if let Ok(hint) = decode(&sealed(bytes), &secret) {
        let again = encode(&hint, &secret).expect("what was carried can be carried");
        let again = decode(&again, &secret).expect("what was written can be read");
        assert_eq!(format!("{hint:?}"), format!("{again:?}"));
    }
});
