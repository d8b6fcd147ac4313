//! What a certificate says of itself, as far as an operator wants to know: whose it is, and how long.
//!
//! Knows nothing of trust. It is the operator's own certificate, and clients judge it; this reads three fields of X.509
//! (RFC 5280 §4.1) and skips all others.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What is told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Names and addresses, as `subjectAltName` has them.
    pub(crate) names: Vec<String>,
    /// From when it holds, in Unix seconds.
    pub(crate) from: i64,
    /// Until when.
    pub(crate) until: i64,
}

/// Reads a certificate in DER. `None`: it is none.
pub(crate) fn read(der: &[u8]) -> Option<Said> {
    let mut outer = Fields(der);
    let mut certificate = Fields(outer.take(SEQUENCE)?);
    let mut fields = Fields(certificate.take(SEQUENCE)?);
    fields.skip_if(VERSION);
    fields.take(INTEGER)?;
    // The algorithm of the signature, and who signed.
    fields.take(SEQUENCE)?;
    fields.take(SEQUENCE)?;
    let mut validity = Fields(fields.take(SEQUENCE)?);
    let (from, until) = (time(&mut validity)?, time(&mut validity)?);
    // Whose it is in the old way, and the public key.
    fields.take(SEQUENCE)?;
    fields.take(SEQUENCE)?;
    let mut names = Vec::new();
    while let Some((tag, value)) = fields.next() {
        if tag == EXTENSIONS {
            names = names_in(value)?;
        }
    }
    Some(Said { names, from, until })
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERAL_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// `subjectAltName`, 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// Tags, lengths and values, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // A certificate is no larger than that.
            if bytes.len() > 3 {
                return None;
            }
            length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|found| found.0 == tag).map(|found| found.1)
    }

    fn skip_if(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }
}

fn names_in(extensions: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut extensions = Fields(Fields(extensions).take(SEQUENCE)?);
    while let Some((_, extension)) = extensions.next() {
        let mut extension = Fields(extension);
        if extension.take(OBJECT)? != ALTERNATIVE_NAMES {
            continue;
        }
        // Whether it is critical may stand before it.
        let mut value = None;
        while let Some((tag, found)) = extension.next() {
            value = (tag == OCTETS).then_some(found);
        }
        let mut listed = Fields(Fields(value?).take(SEQUENCE)?);
        while let Some((tag, name)) = listed.next() {
            names.extend(match tag {
                DNS_NAME => std::str::from_utf8(name).ok().map(str::to_owned),
                IP_ADDRESS => address(name),
                _ => None,
            });
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(sixteen).to_string())
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` after.
fn time(fields: &mut Fields<'_>) -> Option<i64> {
    let (tag, text) = fields.next()?;
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => match number(&digits[..2]) {
            year @ 50.. => (1900 + year, &digits[2..]),
            year => (2000 + year, &digits[2..]),
        },
        (GENERAL_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| number(&rest[at * 2..at * 2 + 2]);
    let (month, day) = (part(0), part(1));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + part(2) * 3_600 + part(3) * 60 + part(4))
}

/// Days from 1970 to a date, by years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_time(tag: u8, text: &str) -> Option<i64> {
        let mut der = vec![tag, text.len() as u8];
        der.extend_from_slice(text.as_bytes());
        time(&mut Fields(&der))
    }

    #[test]
    fn times_are_read_in_both_forms_and_others_are_none() {
        let cases = [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERAL_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERAL_TIME, "20240229120000Z", Some(1_709_208_000)),
            (GENERAL_TIME, "20241301000000Z", None),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (OCTETS, "700101000000Z", None),
        ];
        for (tag, text, unix) in cases {
            assert_eq!(read_time(tag, text), unix, "{text}");
        }
    }

    #[test]
    fn a_certificate_tells_its_names_and_its_end_and_a_part_of_it_nothing() {
        let names = ["tail.example", "*.example", "192.0.2.1", "2001:db8::1"];
        let mut wanted = rcgen::CertificateParams::new(names.map(str::to_owned)).unwrap();
        wanted.not_before = rcgen::date_time_ymd(2024, 2, 29);
        wanted.not_after = rcgen::date_time_ymd(2056, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = wanted.self_signed(&key).unwrap();
        let said = Said {
            names: names.map(str::to_owned).into(),
            from: 1_709_164_800,
            until: 2_713_910_400,
        };
        assert_eq!(read(certificate.der()), Some(said));
        for end in 0..certificate.der().len() {
            assert_eq!(read(&certificate.der()[..end]), None, "{end}");
        }
    }
}
