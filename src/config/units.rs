//! Texts that settings are made of: addresses, durations, sizes. Each says what it wants when it gets something else.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use ipnet::IpNet;

/// An address to listen on; a name is looked up.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wanted = "an address is HOST:PORT, like 127.0.0.1:7440 or 0.0.0.0:7440";
    let found = text.to_socket_addrs().map_err(|_| wanted.to_owned())?.next();
    found.ok_or_else(|| wanted.to_owned())
}

/// A host and a port that others can connect to; not looked up here, where the name may not be known.
pub fn host_and_port(text: &str) -> Result<String, String> {
    let wanted = || "an address is HOST:PORT, like push-1.internal:7441".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
    match !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) {
        true => Ok(text.to_owned()),
        false => Err(wanted()),
    }
}

/// `30s`, `10m`, `1h30m`, `30d`, and sums of such; at least a second.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wanted = || "a duration is like 30s, 10m, 1h30m or 30d".to_owned();
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wanted()),
        };
        let count: u64 = digits.parse().map_err(|_| wanted())?;
        seconds = count
            .checked_mul(unit)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(wanted)?;
        digits.clear();
    }
    match digits.is_empty() && seconds > 0 {
        true => Ok(Duration::from_secs(seconds)),
        false => Err(wanted()),
    }
}

/// The same, for what is to happen while somebody still waits for it.
pub fn at_most_a_day(text: &str) -> Result<Duration, String> {
    const DAY: Duration = Duration::from_secs(86_400);
    match duration(text)? {
        longer if longer > DAY => Err("a day is the most here: 1d".to_owned()),
        duration => Ok(duration),
    }
}

/// `500MB`, `10GiB`, or bytes; at least one.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wanted = || "a size is like 500MB, 10GiB or a number of bytes".to_owned();
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
    let size = count
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(factor));
    size.filter(|size| *size > 0).ok_or_else(wanted)
}

/// How many; at least one.
pub fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "a whole number from 1 on is wanted here".to_owned())
}

/// Addresses and networks, separated by commas; none in an empty text.
pub fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let all = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    all.map(|part| {
        let address = part.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| part.parse()).map_err(|_| {
            format!("{part:?} is no address and no network, like 192.0.2.7, 10.0.0.0/8 or fd00::/8")
        })
    })
    .collect()
}

/// Whether only one of two listeners could have its address.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // An unspecified IPv6 address stands for all of IPv4, too.
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (a, b) = (one.ip(), other.ip());
    // Port 0 is another one each time.
    one.port() == other.port() && one.port() != 0 && (a == b || covers(a, b) || covers(b, a))
}

/// The same, or `none` for no limit.
pub fn or_none<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
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
        for bad in ["", "GB", "0", "-1", "1.5GB", "10XB", "99999999999999TiB"] {
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
