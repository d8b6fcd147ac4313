//! Which form of a file a browser takes: `Accept-Encoding`, RFC 9110 §12.5.3.

use edge::Preferences;
use http::{HeaderMap, HeaderValue, header};

/// A form that each file of the viewer has. In the order of preference: the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

const ALL: [Encoding; 3] = [Encoding::Brotli, Encoding::Gzip, Encoding::Identity];

impl Encoding {
    /// The one that the request likes best, and of equals the smallest; identity where it takes none.
    pub(crate) fn accepted(request: &HeaderMap) -> Self {
        let preferences = Preferences::of(request, header::ACCEPT_ENCODING);
        let mut best = (Encoding::Identity, 0);
        for encoding in ALL {
            let quality = preferences.liking(encoding.names()).quality;
            if quality > best.1 {
                best = (encoding, quality);
            }
        }
        best.0
    }

    /// What the file's name ends in.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    /// For `Content-Encoding`, which identity goes without.
    pub(crate) fn token(self) -> Option<HeaderValue> {
        match self {
            Self::Brotli => Some(HeaderValue::from_static("br")),
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Identity => None,
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Brotli => &["br"],
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Identity => &["identity"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding::{self, Brotli, Gzip, Identity};
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn the_form_that_is_liked_best_is_sent_and_of_equals_the_smallest() {
        let cases: &[(&[&str], Encoding)] = &[
            // What browsers send, and curl.
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip, deflate"], Gzip),
            (&["deflate, gzip, br, zstd"], Brotli),
            (&[], Identity),
            // Names, alone and over several headers.
            (&["br"], Brotli),
            (&["GZip"], Gzip),
            (&["x-gzip"], Gzip),
            (&["gzip", "br"], Brotli),
            (&["identity"], Identity),
            (&["zstd, deflate"], Identity),
            (&["brotli"], Identity),
            // Weights.
            (&["br;q=0.5, gzip"], Gzip),
            (&["br;q=0.5, gzip;q=0.501"], Gzip),
            (&["br; q=0.5 , gzip ;Q=0.5"], Brotli),
            (&["gzip;q=0.1"], Gzip),
            (&["gzip;q=0.5, identity"], Identity),
            (&["gzip;q=0.5, identity;q=0.5"], Gzip),
            (&["br;q=0, gzip;q=1.000"], Gzip),
            (&["br;q=0, gzip;q=0.000"], Identity),
            // Whatever is not named.
            (&["*"], Brotli),
            (&["br;q=0, *"], Gzip),
            (&["*;q=0.5, gzip"], Gzip),
            (&["br;q=0.2, *;q=0.1"], Brotli),
            (&["gzip;q=0, *;q=0.1, identity"], Identity),
            // Nothing is acceptable: better the file than none.
            (&["*;q=0"], Identity),
            (&["identity;q=0"], Identity),
            (&["identity;q=0, gzip;q=0.1"], Gzip),
            // What cannot be read.
            (&[""], Identity),
            (&[",,"], Identity),
            (&["br;q=2, gzip"], Gzip),
            (&["br;q=1.001, gzip"], Gzip),
            (&["br;q=0.1234"], Identity),
            (&["br;q=, gzip"], Gzip),
            (&["br;q=+1, gzip"], Gzip),
            (&["br;level=1, gzip"], Brotli),
        ];
        for (said, expected) in cases {
            let mut request = HeaderMap::new();
            for value in *said {
                request.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Encoding::accepted(&request), *expected, "{said:?}");
        }
    }
}
