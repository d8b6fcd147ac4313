//! Which form of a file a browser takes: `Accept-Encoding`, RFC 9110 §12.5.3.

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
        let offers: Vec<Offer<'_>> = request
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(Offer::read)
            .collect();
        let mut best = (Encoding::Identity, 0);
        for encoding in ALL {
            let quality = encoding.quality(&offers);
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

    /// What the request says of it by name, or else by `*`. Of what it does not say, nothing is liked.
    fn quality(self, offers: &[Offer<'_>]) -> u16 {
        let said = |of: fn(Self, &str) -> bool| offers.iter().find(|offer| of(self, offer.name));
        said(Self::is_called)
            .or_else(|| said(|_, name| name == "*"))
            .map_or(0, |offer| offer.quality)
    }

    fn is_called(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Brotli => &["br"],
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Identity => &["identity"],
        };
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// One element of the list.
struct Offer<'a> {
    name: &'a str,
    /// In thousandths.
    quality: u16,
}

impl<'a> Offer<'a> {
    /// None of an element that cannot be read: it is passed over.
    fn read(element: &'a str) -> Option<Self> {
        let (name, weight) = match element.split_once(';') {
            Some((name, weight)) => (name, thousandths(weight.trim())?),
            None => (element, 1000),
        };
        Some(Self {
            name: name.trim(),
            quality: weight,
        })
    }
}

/// `q=0.5` is 500.
fn thousandths(weight: &str) -> Option<u16> {
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if !matches!(whole, "0" | "1")
        || fraction.len() > 3
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let quality: u16 = format!("{whole}{fraction:0<3}").parse().ok()?;
    (quality <= 1000).then_some(quality)
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
            (&["br;level=1, gzip"], Gzip),
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
