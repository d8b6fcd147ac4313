//! What loggers call a line's time, level and message: data, and nothing else. docs/lines.md holds the same table for
//! people, and a test holds the two together.
//!
//! To teach Tailcast another logger's names, add rows here and there. In a name, case and `. _ - @` count for nothing, and
//! a dot also stands for nesting: `log.level` is `{"log":{"level":…}}`, `{"log.level":…}` and `{"LogLevel":…}`.

use lines::Level;

use super::level::Scale;
pub use super::writers::{Writer, Writers};

/// What a member is to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The line's time.
    Ts(Time),
    /// How grave the line is.
    Level(Scale),
    /// What the line says.
    Message(Said),
    /// Nanoseconds that belong to another member's seconds.
    Nanos,
}

/// How a member that is a time is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// A text or a number, of any form that is unambiguous. A number of less than nine digits is none, and that is told.
    Any,
    /// The same, but a number has nine digits at least: a smaller one under this name is a duration, or something else.
    Large,
    /// A text: numbers under this name are often something else.
    Text,
    /// As [`Large`](Self::Large), in lines that say nothing: in others it is the time of something that they speak of.
    Unspoken,
    /// Seconds, to which the nanoseconds under this other name are added.
    And(&'static str),
}

/// What a member that is a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// What the program said.
    Message,
    /// A line as a program wrote it, which another program wrapped: it is understood like a line of its own, where the
    /// wrapping says no more.
    Raw,
}

/// A name that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// As its loggers write it; nested ones with dots.
    pub path: &'static str,
    /// What it is.
    pub part: Part,
    /// Who calls it so: in lines that these did not write it is something else. With none it is that in every line.
    pub only: Writers,
    /// Whose name it is, for people.
    pub whose: &'static str,
}

/// Lines with this member (exactly so written) that say no level have this one.
pub const UNSAID: &[(&str, Level)] = &[("@mt", Level::Info), ("@i", Level::Info)];

/// Who writes a line with such a member. Only names that hardly anybody else uses.
#[rustfmt::skip]
pub const TELLTALES: &[(&str, Writer)] = &[
    ("facility", Writer::Syslog),
    ("facility_label", Writer::Syslog),
    ("syslogfacility", Writer::Syslog),
    ("syslogfacility-text", Writer::Syslog),
    ("syslogtag", Writer::Syslog),
    ("syslog_facility", Writer::Syslog),
    ("syslog_identifier", Writer::Syslog),
    ("programname", Writer::Syslog),
    ("procid", Writer::Syslog),
    ("ident", Writer::Syslog),
    ("__REALTIME_TIMESTAMP", Writer::Journal),
    ("_SOURCE_REALTIME_TIMESTAMP", Writer::Journal),
    ("_BOOT_ID", Writer::Journal),
    ("_MACHINE_ID", Writer::Journal),
    ("_SYSTEMD_UNIT", Writer::Journal),
    ("short_message", Writer::Gelf),
    ("t.$date", Writer::MongoDb),
    ("hostIdentifier", Writer::Osquery),
    ("ddsource", Writer::Datadog),
    ("ddtags", Writer::Datadog),
    ("dd.trace_id", Writer::Datadog),
    ("dd.service", Writer::Datadog),
    ("output_fields", Writer::Falco),
    ("involvedObject", Writer::Kubernetes),
    ("eventMessage", Writer::Apple),
    ("EventId", Writer::Microsoft),
    ("EventID", Writer::Windows),
    ("ProviderGuid", Writer::Windows),
    ("ProviderName", Writer::Windows),
    ("SourceModuleName", Writer::Nxlog),
    ("SourceModuleType", Writer::Nxlog),
    ("itemType", Writer::Insights),
    ("customDimensions", Writer::Insights),
    ("cloud_RoleName", Writer::Insights),
    ("operation_Id", Writer::Insights),
    ("iKey", Writer::Insights),
];

/// Every name. Of several of one part that are usable, the first here wins.
#[rustfmt::skip]
pub const NAMES: &[Name] = &[
    // Times.
    ts("ts", Time::Any, "zap, Caddy, slog (Rust)"),
    ts("time", Time::Any, "slog (Go), zerolog, logrus, pino, bunyan, Ougai, log4rs, NLog, Traefik, Docker, AWS Lambda"),
    ts("timestamp", Time::Any, "tracing, structlog, winston, logback, GELF, PostgreSQL, Serilog, GCP, Vector; `@timestamp`: ECS, logstash, hclog"),
    ts("date", Time::Large, "Fluent Bit"),
    ts("datetime", Time::Large, "Monolog"),
    ts("asctime", Time::Large, "python-json-logger"),
    ts("record.time.timestamp", Time::Large, "loguru"),
    ts("record.time.repr", Time::Large, "loguru"),
    ts("instant.epochSecond", Time::And("instant.nanoOfSecond"), "log4j2"),
    ts("timeMillis", Time::Large, "log4j2, before 2.11"),
    ts("timestamp.seconds", Time::And("timestamp.nanos"), "GCP; also `timestampSeconds`"),
    ts("source_realtime_timestamp", Time::Large, "journalctl (`_SOURCE_REALTIME_TIMESTAMP`)"),
    ts("__REALTIME_TIMESTAMP", Time::Large, "journalctl"),
    ts("timeUnixNano", Time::Large, "OpenTelemetry"),
    ts("observedTimestamp", Time::Large, "OpenTelemetry"),
    ts("observedTimeUnixNano", Time::Large, "OpenTelemetry"),
    ts("t.$date", Time::Large, "MongoDB"),
    ts("t.$date.$numberLong", Time::Large, "MongoDB"),
    ts("@t", Time::Text, "Serilog (compact), zap (development: `T`), log15 (`t`)"),
    ts("created", Time::Large, "Python's `logging`"),
    ts("record.timestamp", Time::Large, "AWS Lambda (telemetry)"),
    ts("start_time", Time::Unspoken, "Envoy (access), log4js (`startTime`)"),
    ts("StartUTC", Time::Large, "Traefik (access)"),
    ts("time_iso8601", Time::Large, "nginx"),
    ts("time_local", Time::Large, "nginx"),
    ts("msec", Time::Large, "nginx"),
    ts("Event.System.TimeCreated.SystemTime", Time::Large, "Windows"),
    ts("Event.System.TimeCreated.#attributes.SystemTime", Time::Large, "Windows (evtx)"),
    ts("TimeCreated", Time::Large, "Windows (PowerShell)"),
    ts("EventTime", Time::Large, "Windows (NXLog), AWS CloudTrail"),
    ts("unixTime", Time::Large, "osquery"),
    ts("calendarTime", Time::Text, "osquery"),
    ts("lastTimestamp", Time::Text, "Kubernetes (events)"),
    ts("stageTimestamp", Time::Text, "Kubernetes (audit)"),
    ts("requestReceivedTimestamp", Time::Text, "Kubernetes (audit)"),
    ts("eventTimestamp", Time::Large, "Cloudflare (Workers)"),
    ts("EdgeStartTimestamp", Time::Large, "Cloudflare (Logpush)"),
    ts("event.created", Time::Large, "ECS"),
    ts("receiveTimestamp", Time::Large, "GCP"),
    // Levels.
    level("level", Scale::Level, "nearly everybody; numbers: pino, bunyan, Ougai, Monolog, and GELF's"),
    level("severity", Scale::Severity, "GCP, NXLog; numbers: GCP, syslog, osquery"),
    level("levelname", Scale::Words, "python-json-logger; Monolog (`level_name`)"),
    level("lvl", Scale::Level, "log15, Grafana"),
    level("log.level", Scale::Microsoft, "ECS; Microsoft (`LogLevel`)"),
    level("severityText", Scale::Words, "OpenTelemetry"),
    level("severityNumber", Scale::OpenTelemetry, "OpenTelemetry"),
    level("record.level.name", Scale::Words, "loguru"),
    level("record.level.no", Scale::Python, "loguru"),
    level("record.level", Scale::Level, "AWS Lambda (telemetry)"),
    level("levelno", Scale::Python, "Python's `logging`"),
    level("level_number", Scale::Python, "structlog"),
    level("fields.level", Scale::Words, "winston (`logstash()`)"),
    level("level_value", Scale::Log4j, "logstash encoder"),
    level("level.levelStr", Scale::Words, "log4js"),
    level("error_severity", Scale::Words, "PostgreSQL"),
    level("PRIORITY", Scale::Syslog, "journalctl, syslog-ng; Falco").only(SYSLOG),
    level("log.syslog.severity.code", Scale::Syslog, "ECS"),
    level("log.syslog.severity.name", Scale::Words, "ECS"),
    level("syslog_severity", Scale::Syslog, "rsyslog, Vector, Fluentd"),
    level("syslogseverity-text", Scale::Words, "rsyslog"),
    level("pri", Scale::Priority, "rsyslog, Fluent Bit").only(SYSLOG),
    level("LevelDisplayName", Scale::Words, "Windows (PowerShell)"),
    level("winlog.level", Scale::Windows, "Windows (Winlogbeat)"),
    level("Event.System.Level", Scale::Windows, "Windows (evtx)"),
    level("EventLevel", Scale::Windows, "Windows").only(WINDOWS),
    level("SeverityValue", Scale::Nxlog, "Windows (NXLog)").only(NXLOG),
    level("severityLevel", Scale::Insights, "Azure Application Insights").only(INSIGHTS),
    level("detected_level", Scale::Words, "Grafana Loki"),
    level("type", Scale::Words, "Kubernetes (events)").only(KUBERNETES),
    level("messageType", Scale::Words, "Apple (`log show`)").only(APPLE),
    level("status", Scale::Words, "Datadog").only(DATADOG),
    level("@l", Scale::Words, "Serilog (compact), zap (development: `L`)"),
    level("s", Scale::Letters, "MongoDB").only(MONGODB),
    // Messages.
    message("message", Said::Message, "nearly everybody; journalctl (`MESSAGE`), hclog (`@message`)"),
    message("msg", Said::Message, "slog, zap, logrus, pino, bunyan, Ougai, Caddy, Traefik, MongoDB"),
    message("fields.message", Said::Message, "tracing"),
    message("event", Said::Message, "structlog"),
    message("@m", Said::Message, "Serilog (compact, rendered), zap (development: `M`)"),
    message("RenderedMessage", Said::Message, "Serilog (plain, rendered)"),
    message("@mt", Said::Message, "Serilog (compact)"),
    message("MessageTemplate", Said::Message, "Serilog (plain)"),
    message("body", Said::Message, "OpenTelemetry"),
    message("body.stringValue", Said::Message, "OpenTelemetry (OTLP)"),
    message("short_message", Said::Message, "GELF"),
    message("formattedMessage", Said::Message, "logback"),
    message("textPayload", Said::Raw, "GCP"),
    message("jsonPayload.message", Said::Message, "GCP"),
    message("record.message", Said::Message, "loguru, AWS Lambda (telemetry)"),
    message("log", Said::Raw, "Docker, Fluent Bit, Fluentd"),
    message("line", Said::Raw, "Docker (Splunk's driver)"),
    message("record", Said::Raw, "AWS Lambda (telemetry)"),
    message("event.original", Said::Raw, "ECS"),
    message("text", Said::Message, "loguru"),
    message("request", Said::Message, "nginx"),
    message("resultDescription", Said::Message, "Azure"),
    message("eventMessage", Said::Message, "Apple (`log show`)"),
    message("output", Said::Message, "Falco").only(FALCO),
    // What belongs to others.
    nanos("instant.nanoOfSecond", "log4j2"),
    nanos("timestamp.nanos", "GCP"),
];

const SYSLOG: Writers = Writers::of(Writer::Syslog)
    .and(Writers::of(Writer::Journal))
    .and(Writers::of(Writer::Falco));
const MONGODB: Writers = Writers::of(Writer::MongoDb);
const DATADOG: Writers = Writers::of(Writer::Datadog);
const KUBERNETES: Writers = Writers::of(Writer::Kubernetes);
const APPLE: Writers = Writers::of(Writer::Apple);
const FALCO: Writers = Writers::of(Writer::Falco);
const WINDOWS: Writers = Writers::of(Writer::Windows);
const NXLOG: Writers = Writers::of(Writer::Nxlog);
const INSIGHTS: Writers = Writers::of(Writer::Insights);

impl Name {
    const fn only(mut self, writers: Writers) -> Self {
        self.only = writers;
        self
    }
}

const fn ts(path: &'static str, time: Time, whose: &'static str) -> Name {
    Name {
        path,
        part: Part::Ts(time),
        only: Writers::NONE,
        whose,
    }
}

const fn level(path: &'static str, scale: Scale, whose: &'static str) -> Name {
    Name {
        path,
        part: Part::Level(scale),
        only: Writers::NONE,
        whose,
    }
}

const fn message(path: &'static str, said: Said, whose: &'static str) -> Name {
    Name {
        path,
        part: Part::Message(said),
        only: Writers::NONE,
        whose,
    }
}

const fn nanos(path: &'static str, whose: &'static str) -> Name {
    Name {
        path,
        part: Part::Nanos,
        only: Writers::NONE,
        whose,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::path::Path;

    use super::*;
    use crate::builder::level::Scale;

    fn read_as(part: Part) -> String {
        match part {
            Part::Ts(Time::Any | Time::Large | Time::And(_)) => "time".to_owned(),
            Part::Ts(Time::Text) => "time, as a text".to_owned(),
            Part::Ts(Time::Unspoken) => "time, where there is no message".to_owned(),
            Part::Level(Scale::Words | Scale::Letters) => "level".to_owned(),
            Part::Level(scale) => format!("level; numbers of {}", numbers_of(scale)),
            Part::Message(Said::Message) => "message".to_owned(),
            Part::Message(Said::Raw) => "message, *raw*".to_owned(),
            Part::Nanos => "nanoseconds".to_owned(),
        }
    }

    fn numbers_of(scale: Scale) -> &'static str {
        match scale {
            Scale::Words | Scale::Letters => "nobody",
            Scale::Level => "pino, bunyan, Monolog",
            Scale::Severity => "Google; syslog, glog beside members of these",
            Scale::Syslog => "syslog",
            Scale::Priority => "syslog, as a priority",
            Scale::OpenTelemetry => "OpenTelemetry",
            Scale::Python => "Python",
            Scale::Log4j => "log4j",
            Scale::Windows => "Windows",
            Scale::Microsoft => "Microsoft beside its members",
            Scale::Insights => "Insights",
            Scale::Nxlog => "NXLog",
        }
    }

    fn called(writer: Writer) -> &'static str {
        match writer {
            Writer::Syslog => "syslog",
            Writer::Journal => "journald",
            Writer::Gelf => "GELF",
            Writer::MongoDb => "MongoDB",
            Writer::Osquery => "osquery",
            Writer::Datadog => "Datadog",
            Writer::Falco => "Falco",
            Writer::Kubernetes => "Kubernetes",
            Writer::Apple => "Apple",
            Writer::Microsoft => "Microsoft",
            Writer::Windows => "Windows",
            Writer::Nxlog => "NXLog",
            Writer::Insights => "Application Insights",
        }
    }

    /// Replaces what stands between two marks of a document.
    fn between<'d>(document: &'d str, begin: &str, end: &str) -> (&'d str, &'d str, &'d str) {
        let begin = document.find(begin).unwrap();
        let begin = begin + document[begin..].find('\n').unwrap() + 1;
        let end = begin + document[begin..].find(end).unwrap();
        (&document[..begin], &document[begin..end], &document[end..])
    }

    #[test]
    fn the_document_has_every_name_and_every_word_in_its_order() {
        let mut names = "\n| member | what it is | who writes it |\n|---|---|---|\n".to_owned();
        for name in NAMES {
            writeln!(
                names,
                "| `{}` | {}{} | {} |",
                name.path,
                read_as(name.part),
                if name.only.is_none() {
                    ""
                } else {
                    ", in their lines alone"
                },
                name.whose
            )
            .unwrap();
        }
        names.push('\n');
        let mut telltales = "\n| whose | members |\n|---|---|\n".to_owned();
        let mut writers: Vec<Writer> = Vec::new();
        for (_, writer) in TELLTALES {
            if !writers.contains(writer) {
                writers.push(*writer);
            }
        }
        for writer in writers {
            let of_writer = TELLTALES.iter().filter(|(_, whose)| *whose == writer);
            let members: Vec<String> = of_writer.map(|(name, _)| format!("`{name}`")).collect();
            writeln!(telltales, "| {} | {} |", called(writer), members.join(", ")).unwrap();
        }
        telltales.push('\n');
        let mut words = "\n| level | also |\n|---|---|\n".to_owned();
        for level in Level::ALL {
            let of_level = lines::level::SYNONYMS.iter().filter(|(_, means)| *means == level);
            let also: Vec<String> = of_level.map(|(word, _)| format!("`{word}`")).collect();
            writeln!(words, "| `{}` | {} |", level.as_str(), also.join(", ")).unwrap();
        }
        words.push('\n');

        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lines.md");
        let document = std::fs::read_to_string(&path).unwrap();
        let (before, names_there, rest) = between(&document, "<!-- names:", "<!-- end of names");
        let (first, telltales_there, rest) = between(rest, "<!-- writers:", "<!-- end of writers");
        let (middle, words_there, after) = between(rest, "<!-- levels:", "<!-- end of levels");
        if std::env::var_os("TAILCAST_TEST_WRITE").is_some() {
            std::fs::write(
                &path,
                [before, &names, first, &telltales, middle, &words, after].concat(),
            )
            .unwrap();
            return;
        }
        assert!(
            (names_there, telltales_there, words_there) == (&*names, &*telltales, &*words),
            "docs/lines.md is not what the tables say: TAILCAST_TEST_WRITE=1 cargo test -p collect --lib writes it"
        );
    }
}
