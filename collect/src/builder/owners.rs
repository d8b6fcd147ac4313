//! Members that mean something in lines of those who write them, and nothing in others.

use super::members;
use super::tests::encoded;

/// A task's priority, a size, a letter of somebody's own: others call these so, too.
#[test]
fn what_some_call_a_level_is_none_in_lines_of_others() {
    for (line, level) in [
        (r#"{"priority":1,"msg":"m"}"#, None),
        (r#"{"priority":"critical","msg":"m"}"#, None),
        (r#"{"pri":2,"msg":"m"}"#, None),
        (r#"{"s":"a","l":"d","msg":"m"}"#, None),
        (r#"{"s":"error","msg":"m"}"#, None),
        (r#"{"@l":"E","msg":"m"}"#, None),
        (r#"{"status":"error","msg":"m"}"#, None),
        (r#"{"severity":3,"msg":"m"}"#, None),
        (r#"{"severity":"0","msg":"m"}"#, None),
        (r#"{"severity":7,"cefVersion":0,"msg":"m"}"#, None),
        (r#"{"severity":404,"msg":"m"}"#, None),
        (r#"{"loglevel":3,"msg":"m"}"#, None),
        (r#"{"severityLevel":3,"msg":"m"}"#, None),
        (r#"{"SeverityValue":3,"msg":"m"}"#, None),
        (r#"{"EventLevel":2,"msg":"m"}"#, None),
        (r#"{"level":"A1","msg":"m"}"#, None),
        (r#"{"level":"c","msg":"m"}"#, None),
        (r#"{"level":"N5","msg":"m"}"#, None),
        (r#"{"level":404,"msg":"m"}"#, None),
        (r#"{"output":"m","priority":"Error"}"#, None),
        (
            r#"{"PRIORITY":"3","_SYSTEMD_UNIT":"a.service","MESSAGE":"m"}"#,
            Some("error"),
        ),
        (
            r#"{"PRIORITY":"err","FACILITY":"daemon","MESSAGE":"m"}"#,
            Some("error"),
        ),
        (r#"{"pri":"11","ident":"app","message":"m"}"#, Some("error")),
        (
            r#"{"severity":3,"facility":1,"priority":11,"message":"m"}"#,
            Some("error"),
        ),
        (r#"{"severity":500,"message":"m"}"#, Some("error")),
        (r#"{"severity":"E","message":"m"}"#, Some("error")),
        (
            r#"{"hostIdentifier":"h","calendarTime":"Mon Nov 30 05:00:00 2026 UTC","severity":"0","message":"m"}"#,
            Some("info"),
        ),
        (
            r#"{"s":"E","c":"NETWORK","t":{"$date":"2026-11-30T05:00:00.123Z"},"msg":"m"}"#,
            Some("error"),
        ),
        (r#"{"EventId":7,"LogLevel":4,"Message":"m"}"#, Some("error")),
        (
            r#"{"severityLevel":3,"itemType":"trace","message":"m"}"#,
            Some("error"),
        ),
        (
            r#"{"SeverityValue":4,"SourceModuleName":"in","Message":"m"}"#,
            Some("error"),
        ),
        (r#"{"EventLevel":2,"EventID":7,"Message":"m"}"#, Some("error")),
        (
            r#"{"status":"error","ddsource":"nginx","message":"m"}"#,
            Some("error"),
        ),
        (
            r#"{"output":"m","priority":"Error","output_fields":{}}"#,
            Some("error"),
        ),
    ] {
        let level = level.map_or(String::new(), |level| format!(r#","level":"{level}""#));
        let said = encoded(line);
        assert!(said.contains(&format!(r#"{level},"message":"#)), "{line}: {said}");
        assert_eq!(
            said.contains(r#","level":""#),
            !level.is_empty(),
            "{line}: {said}"
        );
    }
}

/// A level that nobody knows is not that of lines which tell none.
#[test]
fn only_a_line_that_tells_no_level_has_the_one_that_goes_without_saying() {
    let info = r#"{"ts":NOW,"level":"info","message":"m"}"#;
    assert_eq!(encoded(r#"{"@mt":"m"}"#), info);
    for line in [r#"{"@mt":"m","@l":"loud"}"#, r#"{"@mt":"m","level":"loud"}"#] {
        assert!(encoded(line).starts_with(r#"{"ts":NOW,"message":"m""#), "{line}");
    }
}

/// A line has room for ten thousands of members that could be its time: each is looked at so often, however many there are.
#[test]
fn members_are_looked_at_a_few_times_each_however_many_there_are() {
    let most = |names: &[&str]| {
        let looks = [100, 10_000].map(|count| {
            let members: Vec<String> = (0..count)
                .map(|nth| format!("\"{}\":\"no time\"", names[nth % names.len()]))
                .collect();
            members::looks::take();
            encoded(&format!("{{{}}}", members.join(",")));
            members::looks::take() as f64 / count as f64
        });
        assert!(looks[1] <= looks[0] && looks[1] <= 4.0, "{names:?}: {looks:?}");
    };
    most(&["start_time"]);
    most(&["startTime", "log"]);
    most(&["instant.epochSecond", "instant.nanoOfSecond"]);
    most(&["timestamp", "lvl", "severity", "msg"]);
}
