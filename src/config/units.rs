//! Texts that settings are made of: addresses, durations, sizes. Each says what it wants when it gets something else.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use edge::Origin;
use ipnet::IpNet;

/// An address to listen on; a name is looked up.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let wanted = "an address is HOST:PORT, like 127.0.0.1:7440 or 0.0.0.0:7440";
    let found = text.to_socket_addrs().map_err(|_| wanted.to_owned())?.next();
    found.ok_or_else(|| wanted.to_owned())
}

/// A host and a port that others can connect to; not looked up here, where the name may not be known.
pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    let wanted = || "an address is HOST:PORT, like push-1.internal:7441".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
    if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) {
        Ok(text.to_owned())
    } else {
        Err(wanted())
    }
}

/// `30s`, `10m`, `1h30m`, `30d`, and sums of such; at least a second.
///
/// Not by humantime, which understands more: `10M` is ten months there, and `0` is a duration. What is removed for ever
/// depends on these texts, so none is understood that may be a slip.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = any_duration(text).ok();
    duration
        .filter(|duration| duration.as_secs() > 0)
        .ok_or_else(|| DURATION.to_owned())
}

const DURATION: &str = "a duration is like 30s, 10m, 1h30m or 30d";

/// The same, and parts of seconds: `200us`, `16ms`.
pub(crate) fn any_duration(text: &str) -> Result<Duration, String> {
    let wanted = || DURATION.to_owned();
    let mut sum = Duration::ZERO;
    let mut rest = text;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let micros = DURATIONS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, micros)| *micros);
        let part = count
            .parse::<u64>()
            .ok()
            .zip(micros)
            .and_then(|(count, micros)| multiplied(count, micros));
        sum = part.and_then(|part| sum.checked_add(part)).ok_or_else(wanted)?;
        if after.is_empty() {
            return Ok(sum);
        }
        rest = after;
    }
}

/// Units of durations, in microseconds, the longest first.
const DURATIONS: &[(&str, u64)] = &[
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

fn multiplied(count: u64, micros: u64) -> Option<Duration> {
    match micros {
        1_000_000.. => count.checked_mul(micros / 1_000_000).map(Duration::from_secs),
        _ => count.checked_mul(micros).map(Duration::from_micros),
    }
}

/// As it can be read again: in the longest unit that leaves no rest.
pub(crate) fn shown_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    // Nobody thinks of retention in weeks.
    let mut units = DURATIONS.iter().filter(|(name, _)| *name != "w");
    match units.find(|(_, unit)| micros > 0 && micros.is_multiple_of((*unit).into())) {
        Some((name, unit)) => format!("{}{name}", micros / u128::from(*unit)),
        None => "0s".to_owned(),
    }
}

/// The same, for what is to happen while somebody still waits for it.
pub(crate) fn at_most_a_day(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(86_400);
    match duration(text)? {
        longer if longer > DAY => Err("a day is the most here: 1d".to_owned()),
        duration => Ok(duration),
    }
}

/// `500MB`, `10GiB`, or bytes; at least one.
///
/// Not by bytesize, which makes the largest number there is of one that is too large, and takes `10g` and `.5GB`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    any_bytes(text)
        .ok()
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| SIZE.to_owned())
}

const SIZE: &str = "a size is like 500MB, 10GiB or a number of bytes";

/// The same, and none.
pub(crate) fn any_bytes(text: &str) -> Result<u64, String> {
    let wanted = || SIZE.to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(wanted()),
    };
    let count = count.parse::<u64>().ok();
    count
        .and_then(|count| count.checked_mul(factor))
        .ok_or_else(wanted)
}

/// As it can be read again: in the largest binary unit that leaves no rest.
pub(crate) fn shown_bytes(bytes: u64) -> String {
    let units = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match units
        .iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// How many; at least one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "a whole number from 1 on is wanted here".to_owned())
}

/// Addresses and networks, separated by commas; none in an empty text.
pub(crate) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let all = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| {
        let address = part.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| part.parse()).map_err(|_| {
            format!("{part:?} is no address and no network, like 192.0.2.7, 10.0.0.0/8 or fd00::/8")
        })
    })
    .collect()
}

/// Origins of pages, separated by commas; none in an empty text.
pub(crate) fn origins(text: &str) -> Result<Vec<Origin>, String> {
    let all = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| {
        Origin::parse(part).ok_or_else(|| {
            format!("{part:?} is no origin of a page, like https://logs.example.org or http://localhost:8080")
        })
    })
    .collect()
}

/// Names of this machine, separated by commas; none in an empty text.
pub(crate) fn hosts(text: &str) -> Result<Vec<String>, String> {
    let all = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if part.bytes().all(is_name) {
            Ok(part.to_ascii_lowercase())
        } else {
            Err(format!(
                "{part:?} is no name of a host, like logs.example.org, without a port"
            ))
        }
    })
    .collect()
}

/// Whether only one of two listeners could have its address.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // An unspecified IPv6 address stands for all of IPv4, too.
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (a, b) = (one.ip(), other.ip());
    // Port 0 is another one each time.
    one.port() == other.port() && one.port() != 0 && (a == b || covers(a, b) || covers(b, a))
}

/// The same, or `none` for no limit.
pub(crate) fn or_none<T>(
    parse: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| match text {
        "none" => Ok(None),
        text => parse(text)
            .map(Some)
            .map_err(|wanted| format!("{wanted}, or none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_units() {
        let good = [
            ("30s", 30),
            ("10m", 600),
            ("1h30m", 5_400),
            ("30d", 2_592_000),
            ("1w", 604_800),
            ("1m1m", 120),
        ];
        for (text, seconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "30",
            "s",
            "3x",
            "-1s",
            "1.5h",
            "0s",
            "1 h",
            "99999999999999999999s",
            "9999999999999999999w",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_may_be_parts_of_seconds_and_are_shown_as_they_are_read() {
        for (text, micros, shown) in [
            ("200us", 200, "200us"),
            ("16ms", 16_000, "16ms"),
            ("1s500ms", 1_500_000, "1500ms"),
            ("1m15s", 75_000_000, "75s"),
            ("90m", 5_400_000_000, "90m"),
            ("24h", 86_400_000_000, "1d"),
            ("2w", 1_209_600_000_000, "14d"),
            ("0s", 0, "0s"),
        ] {
            let duration = Duration::from_micros(micros);
            assert_eq!(any_duration(text), Ok(duration), "{text}");
            assert_eq!(shown_duration(duration), shown);
            assert_eq!(any_duration(shown), Ok(duration));
        }
        for bad in ["16", "ms", "1.5ms", "10M", "1month", "18446744073709551615w"] {
            assert!(any_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(duration("999ms"), Err(DURATION.to_owned()), "a second at least");
        for (bytes, shown) in [
            (0, "0"),
            (1_000, "1000"),
            (1_536, "1536"),
            (16_384, "16KiB"),
            (10 << 30, "10GiB"),
        ] {
            assert_eq!(shown_bytes(bytes), shown);
            assert_eq!(any_bytes(shown), Ok(bytes));
        }
    }

    #[test]
    fn some_durations_are_a_day_at_most() {
        assert_eq!(at_most_a_day("24h"), Ok(Duration::from_secs(86_400)));
        for long in ["25h", "99999999999d"] {
            assert_eq!(
                at_most_a_day(long),
                Err("a day is the most here: 1d".to_owned()),
                "{long}"
            );
        }
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        let good = [
            ("1", 1),
            ("500MB", 500_000_000),
            ("10GiB", 10 << 30),
            ("64kib", 65_536),
            ("1 TB", 1_000_000_000_000),
        ];
        for (text, size) in good {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for bad in ["", "GB", "0", "-1", "1.5GB", "10XB", "10g", "99999999999999TiB"] {
            assert!(bytes(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn networks_are_addresses_or_ranges() {
        let shown = |text| networks(text).map(|all| all.iter().map(IpNet::to_string).collect::<Vec<_>>());
        assert_eq!(shown(""), Ok(vec![]));
        assert_eq!(
            shown("192.0.2.7, 10.0.0.0/8,::1,fd00::/8"),
            Ok(vec![
                "192.0.2.7/32".into(),
                "10.0.0.0/8".into(),
                "::1/128".into(),
                "fd00::/8".into()
            ])
        );
        for bad in ["proxy.internal", "10.0.0.0/33", "10.0.0.0/8 fd00::/8"] {
            assert!(networks(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_and_hosts_are_listed_and_null_is_none() {
        let listed = origins("https://logs.example.org, http://LOCALHOST:8080").unwrap();
        let names: Vec<_> = listed.iter().map(Origin::host).collect();
        assert_eq!(names, ["logs.example.org", "localhost"]);
        for bad in ["null", "*", "logs.example.org", "https://logs.example.org/"] {
            assert!(origins(bad).is_err(), "{bad}");
        }
        let listed = hosts("Logs.example.org,build-7").unwrap();
        assert_eq!(listed, ["logs.example.org", "build-7"]);
        for bad in ["*", "logs.example.org:7440", "https://logs.example.org"] {
            assert!(hosts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_listeners_have_two_addresses() {
        for (one, other, same) in [
            ("127.0.0.1:7440", "127.0.0.1:7440", true),
            ("0.0.0.0:7440", "127.0.0.1:7440", true),
            ("[::]:7440", "127.0.0.1:7440", true),
            ("[::1]:7440", "[::]:7440", true),
            ("0.0.0.0:7440", "[::1]:7440", false),
            ("127.0.0.1:7440", "127.0.0.1:7441", false),
            ("127.0.0.1:7440", "127.0.0.2:7440", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            assert_eq!(
                overlap(one.parse().unwrap(), other.parse().unwrap()),
                same,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_limit_may_be_none() {
        assert_eq!(or_none(bytes)("none"), Ok(None));
        assert_eq!(or_none(bytes)("1kB"), Ok(Some(1_000)));
        assert_eq!(
            or_none(bytes)("much"),
            Err("a size is like 500MB, 10GiB or a number of bytes, or none".into())
        );
    }

    #[test]
    fn an_advertised_address_has_a_host_and_a_port() {
        assert_eq!(host_and_port("push-1:7441"), Ok("push-1:7441".into()));
        assert_eq!(host_and_port("[::1]:7441"), Ok("[::1]:7441".into()));
        for bad in ["push-1", ":7441", "push-1:", "push-1:0", "push-1:http"] {
            assert!(host_and_port(bad).is_err(), "{bad:?}");
        }
    }
}
