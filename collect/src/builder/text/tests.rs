//! What is read of lines of plain text, and what is not.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const FIVE: &str = "2026-11-30T05:00:00.000000000Z";
const MILLIS: &str = "2026-11-30T05:00:00.123000000Z";
const MICROS: &str = "2026-11-30T05:00:00.123456000Z";
const FOUR: &str = "2026-11-30T04:00:00.000000000Z";

/// A time that is there, and is not understood.
const UNDATED: &str = "undated";

fn read(line: &str) -> (Option<String>, Option<Level>) {
    let zone = TimeZone::UTC;
    let arrived = Timestamp::parse("2026-11-30T05:30:00Z").unwrap();
    let head = head(line, Here { zone: &zone, arrived });
    let undated = head.undated.then(|| UNDATED.to_owned());
    (head.ts.map(|ts| ts.to_string()).or(undated), head.level)
}

/// What stands at a place by its number may be in the middle of a character.
#[test]
fn characters_of_several_bytes_are_nowhere_cut() {
    for head in [
        "[Nest] 42  - ",
        "[Nest] 42  - 11/30/2026, 5:00:00 ",
        "=ERROR REPORT==== ",
        "2026-11-30 05:00:00|",
        "2026-11-30 05:00:00 %",
        "2 1 eni-",
        "kern  :",
        "E(",
        "I/",
        "type=a msg=audit(",
        "[ 11-30 05:00:00.123 ",
        "1796014800",
    ] {
        for before in 0..8 {
            let _ = read(&format!("{head}{}{}", "x".repeat(before), "é€😀".repeat(20)));
        }
    }
}

fn holds(table: &[(&str, Option<&str>, Option<Level>)]) {
    for (line, ts, level) in table {
        assert_eq!(read(line), (ts.map(str::to_owned), *level), "{line}");
    }
}

mod nothing;

const TRACE: Option<Level> = Some(Level::Trace);
const DEBUG: Option<Level> = Some(Level::Debug);
const INFO: Option<Level> = Some(Level::Info);
const WARN: Option<Level> = Some(Level::Warn);
const ERROR: Option<Level> = Some(Level::Error);
const FATAL: Option<Level> = Some(Level::Fatal);

#[test]
fn a_level_stands_behind_the_time() {
    holds(&[
        (
            "2026-11-30 05:00:00,123 ERROR [main] c.e.App - Order failed",
            Some(MILLIS),
            ERROR,
        ),
        (
            "2026-11-30 05:00:00,123 [main] INFO  c.e.App - Order",
            Some(MILLIS),
            INFO,
        ),
        (
            "2026-11-30 05:00:00,123 - INFO  [QuorumPeer[myid=1]/0:0:0:0@774] - out: 3200",
            Some(MILLIS),
            INFO,
        ),
        (
            "2026-11-30T05:00:00.123456Z  WARN my_crate::net: tracing fmt line port=1",
            Some(MICROS),
            WARN,
        ),
        (
            "2026-11-30T05:00:00.123456Z ERROR boot{n=1}: app::net: x",
            Some(MICROS),
            ERROR,
        ),
        (
            "\u{1b}[2m2026-11-30T05:00:00.123456Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \u{1b}[2mapp\u{1b}[0m: x",
            Some(MICROS),
            ERROR,
        ),
        (
            "  2026-11-30T05:00:00.123456Z  INFO app: pretty",
            Some(MICROS),
            INFO,
        ),
        (
            "2026-11-30T05:00:00.123+01:00  INFO 42 --- [main] c.e.App : Started",
            Some("2026-11-30T04:00:00.123000000Z"),
            INFO,
        ),
        (
            "2026-11-30T06:00:00.123+0100\tERROR\tmain.go:7\tfailed\t{\"a\":1}",
            Some(MILLIS),
            ERROR,
        ),
        ("2026-11-30T05:00:00Z INF started port=80", Some(FIVE), INFO),
        (
            "2026-11-30 05:00:00.123 | WARNING  | app:main:3 - careful",
            Some(MILLIS),
            WARN,
        ),
        (
            "2026-11-30 05:00:00,123 - my.app - ERROR - failed",
            Some(MILLIS),
            ERROR,
        ),
        (
            "2026-11-30 05:00:00.123 25746 INFO nova.wsgi [req-1 - - -] 10.11.10.1 \"GET\"",
            Some(MILLIS),
            INFO,
        ),
        (
            "nova-api.log.1.2017-05-16_13:53:08 2026-11-30 05:00:00.123 25746 WARNING nova.wsgi [-] x",
            Some(MILLIS),
            WARN,
        ),
        ("2026-11-30 05:00:00 error failed to connect", Some(FIVE), ERROR),
        ("2026-11-30 05:00:00 warn: low", Some(FIVE), WARN),
        ("2026-11-30 05:00:00 info: winston", Some(FIVE), INFO),
        ("2026-11-30 05:00:00 Warning: low", Some(FIVE), WARN),
        ("2026-11-30 05:00:00 level=error msg=x", Some(FIVE), ERROR),
        (
            "2026-11-30 05:00:00.123 UTC [42] ERROR:  relation \"x\" does not exist",
            Some(MILLIS),
            ERROR,
        ),
        (
            "2026-11-30 05:00:00.123 UTC [42] ann@shop LOG:  done",
            Some(MILLIS),
            INFO,
        ),
        (
            "2026-11-30T05:00:00.123456Z 0 [Warning] [MY-010068] [Server] x",
            Some(MICROS),
            WARN,
        ),
        (
            "2026-11-30T05:00:00.123+0000 I NETWORK  [conn1] end",
            Some(MILLIS),
            INFO,
        ),
        (
            "2026-11-30T05:00:00.123+0000 D2 QUERY    [conn1] end",
            Some(MILLIS),
            DEBUG,
        ),
        (
            "2026-11-30T05:00:00.123+0000 W -        [main] end",
            Some(MILLIS),
            WARN,
        ),
        ("2026-11-30 05:00:00 ERROR+2 slog", Some(FIVE), ERROR),
        (
            "30-Nov-2026 05:00:00.123 SEVERE [main] org.apache.X.y boom",
            Some(MILLIS),
            ERROR,
        ),
        ("30 Nov 2026 05:00:00.123 WARN x", Some(MILLIS), WARN),
        (
            "26/11/30 05:00:00 INFO executor.Backend: Registered",
            Some(FIVE),
            INFO,
        ),
        (
            "11-30 05:00:00.123  1702  2395 D WindowManager: print",
            Some(MILLIS),
            DEBUG,
        ),
        ("05:00:00.123 [main] ERROR c.e.App - failed", Some(UNDATED), ERROR),
        ("05:00:00.123 [error] boom", Some(UNDATED), ERROR),
        ("2026-11-30 05:00:00 CST [42] FATAL:  no", Some(UNDATED), FATAL),
    ]);
}

#[test]
fn a_level_stands_in_brackets() {
    holds(&[
        (
            "[error] 42#42: *1 connect() failed (111: Connection refused)",
            None,
            ERROR,
        ),
        (
            "2026/11/30 05:00:00 [error] 42#42: *1 connect() failed",
            Some(FIVE),
            ERROR,
        ),
        (
            "[2026-11-30T05:00:00Z ERROR my_crate] rust env_logger",
            Some(FIVE),
            ERROR,
        ),
        (
            "[2026-11-30T05:00:00Z INFO  my_crate::a] rust env_logger",
            Some(FIVE),
            INFO,
        ),
        ("[ERROR my_crate] without time", None, ERROR),
        (
            "[Mon Nov 30 05:00:00 2026] [notice] workerEnv.init() ok",
            Some(FIVE),
            INFO,
        ),
        (
            "[Mon Nov 30 05:00:00.123456 2026] [core:error] [pid 42:tid 1] x",
            Some(MICROS),
            ERROR,
        ),
        (
            "[2026-11-30 05:00:00 +0000] [42] [INFO] Starting gunicorn",
            Some(FIVE),
            INFO,
        ),
        (
            "[2026-11-30 05:00:00,123: WARNING/MainProcess] celery",
            Some(MILLIS),
            WARN,
        ),
        (
            "[2026-11-30 05:00:00.123][1][info][main] envoy",
            Some(MILLIS),
            INFO,
        ),
        (
            "[2026-11-30 05:00:00] production.ERROR: laravel {\"a\":1} []",
            Some(FIVE),
            ERROR,
        ),
        (
            "[30-Nov-2026 05:00:00 UTC] PHP Warning:  Undefined variable",
            Some(FIVE),
            WARN,
        ),
        (
            "[30-Nov-2026 05:00:00 UTC] PHP Fatal error:  Uncaught",
            Some(FIVE),
            ERROR,
        ),
        ("[42] 2026/11/30 05:00:00.123456 [INF] nats", Some(MICROS), INFO),
        ("[INFO] [2026-11-30 05:00:00] x", Some(FIVE), INFO),
        ("[WARN] 2026-11-30 05:00:00 x", Some(FIVE), WARN),
        ("[05:00:00] [Server thread/WARN]: minecraft", Some(UNDATED), WARN),
        ("[05:00:00 INF] serilog", Some(UNDATED), INFO),
        (
            "[I 2026-11-30 05:00:00.123 ServerApp] jupyter",
            Some(MILLIS),
            INFO,
        ),
        ("[main] ERROR c.e.App - x", None, ERROR),
        (
            "2026-11-30 05:00:00.123 [error] <0.1.0> erlang",
            Some(MILLIS),
            ERROR,
        ),
        ("INFO[0000] logrus                a=1", None, INFO),
        ("WARN[2026-11-30T05:00:00Z] logrus", Some(FIVE), WARN),
        ("<warn> x", None, WARN),
        ("2026/11/30 05:00:00 [alert] 42#42: nginx", Some(FIVE), FATAL),
        ("2026/11/30 05:00:00 [emerg] 42#42: nginx", Some(FIVE), FATAL),
        ("2026-11-30  5:00:00 0 [Note] InnoDB: MariaDB", Some(FIVE), INFO),
        ("[main/CONFIG] java", None, DEBUG),
    ]);
}

#[test]
fn a_level_stands_before_a_colon_or_first() {
    holds(&[
        ("ERROR:root:python default format", None, ERROR),
        ("WARNING: something odd", None, WARN),
        ("error: could not compile", None, ERROR),
        ("Error: Cannot find module 'x'", None, ERROR),
        ("INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK", None, INFO),
        ("info: Microsoft.Hosting.Lifetime[14]", None, INFO),
        ("fail: App[0]", None, ERROR),
        ("crit: App[0]", None, FATAL),
        ("SEVERE: boom", None, ERROR),
        ("E: Unable to locate package x", None, ERROR),
        (
            "ERROR 2026-11-30 05:00:00,123 views 42 139 django",
            Some(MILLIS),
            ERROR,
        ),
        ("WARN  [main] c.e.App - x", None, WARN),
        ("ERROR - x", None, ERROR),
        ("DEBUG | x", None, DEBUG),
        ("INFO\tmain.go:7\tzap", None, INFO),
        ("\u{1b}[31mERROR\u{1b}[0m plain", None, ERROR),
        ("\u{1b}[32minfo\u{1b}[39m: winston", None, INFO),
        (
            "E1130 05:00:00.123456       1 reflector.go:138] watch failed",
            Some(MICROS),
            ERROR,
        ),
        ("I20261130 05:00:00.123456 42 main.cc:7] glog", Some(MICROS), INFO),
        (
            "E, [2026-11-30T05:00:00.123456 #42] ERROR -- : ruby",
            Some(MICROS),
            ERROR,
        ),
        ("W/ActivityManager( 1702): brief", None, WARN),
        ("42:M 30 Nov 2026 05:00:00.123 # redis", Some(MILLIS), WARN),
        (
            "web-1  | 2026-11-30 05:00:00,123 ERROR compose",
            Some(MILLIS),
            ERROR,
        ),
        ("web  | WARNING: compose", None, WARN),
        ("CONFIG: java", None, DEBUG),
        ("FINE: java", None, DEBUG),
        ("fail: Microsoft.Hosting[0]", None, ERROR),
        ("note: rustc", None, INFO),
        ("ALERT: x", None, FATAL),
    ]);
}

#[test]
fn logfmt_and_syslog_have_their_own_places() {
    holds(&[
        (
            "level=error ts=2026-11-30T05:00:00.123Z caller=a.go:1 msg=\"cannot connect\"",
            Some(MILLIS),
            ERROR,
        ),
        (
            "time=\"2026-11-30T05:00:00+01:00\" level=warning msg=\"slow disk\" took=12ms",
            Some(FOUR),
            WARN,
        ),
        (
            "time=2026-11-30T05:00:00.123Z level=INFO+2 msg=\"x \\\" level=error\"",
            Some(MILLIS),
            INFO,
        ),
        ("msg=\"level=error\" lvl=dbug", None, DEBUG),
        ("ts=1796014800.123 level=info", Some(MILLIS), INFO),
        ("ts=soon level=info", Some(UNDATED), INFO),
        (
            "<11>Nov 30 05:00:00 host1 app[42]: disk failure",
            Some(FIVE),
            ERROR,
        ),
        (
            "<165>1 2026-11-30T05:00:00.123Z host1 app 42 ID47 [ex@1 a=\"b\"] disk",
            Some(MILLIS),
            INFO,
        ),
        ("<34>1 - host su - - - no time", None, FATAL),
        ("<7>kernel", None, DEBUG),
        ("<192>no priority", None, None),
        (
            "Nov 30 05:00:00 LabSZ sshd[24200]: error: maximum authentication attempts",
            Some(FIVE),
            ERROR,
        ),
        (
            "Nov 30 05:00:00 LabSZ sshd[24200]: pam_unix(sshd:auth): authentication failure",
            Some(FIVE),
            None,
        ),
        ("Nov 30 05:00:00 combo kernel: Linux version", Some(FIVE), None),
        (
            "2026-11-30T05:00:00.123456+00:00 host app[42]: WARN x",
            Some(MICROS),
            None,
        ),
        (
            "2026-11-30T05:00:00.123456+00:00 host app[42]: WARNING: x",
            Some(MICROS),
            WARN,
        ),
        ("Jun 14 15:16:01 combo sshd[1]: old", Some(UNDATED), None),
        (
            "2026-11-30T05:00:00.123Z stdout F {\"level\":\"error\",\"msg\":\"inner\"}",
            Some(MILLIS),
            ERROR,
        ),
        ("2026-11-30T05:00:00.123Z stderr P part one ", Some(MILLIS), None),
        ("2026-11-30T05:00:00.123Z stderr F WARNING: x", Some(MILLIS), WARN),
        (
            "127.0.0.1 - - [30/Nov/2026:05:00:00 +0100] \"GET /a HTTP/1.1\" 502 157",
            Some(FOUR),
            None,
        ),
        (
            "www.example.org:80 ::1 - ann [30/Nov/2026:05:00:00 +0100] \"GET /\"",
            Some(FOUR),
            None,
        ),
        ("1796014800.123    157 127.0.0.1 TCP_MISS/200", Some(MILLIS), None),
    ]);
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_fault(line in prop_oneof![
        ".{0,80}",
        "[\\[\\]<>(){}0-9:./, TZEIW=\"|\\x1b-]{0,60}",
        "(2026-11-30 05:00:00|<11>|\\[|E1130|Nov 30|level=|web \\| |\\x1b\\[31m|é|stdout F ){0,6}.{0,20}",
        "(\\[Nest\\] 1 - |1/2/2026, 5:00:00 AM |=ERROR REPORT==== |E\\( 1702|I/T|I261130 05:00:00|\\||é|:|%A-3-B|\\{|msg=audit\\(|1796014800){1,6}.{0,30}",
    ]) {
        let _ = read(&line);
    }
}
