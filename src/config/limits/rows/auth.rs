//! Of `auth`.

use ::auth::introspect;
use introspect::Limits;

use super::*;

limits! {
    Limits {
        // A token has up to 16 KiB, and may be written with `%`.
        form_bytes: size(KIB, MIB),
        form_within: duration(ms(100), HOUR),
    }
}
