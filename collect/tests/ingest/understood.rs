//! What is understood of other people's lines, on the way from a request to the store.

use serde_json::{Value, json};

use crate::fixture::{Collector, Post};

/// The stored line of a body that is one.
async fn line(body: &str) -> Value {
    let collector = Collector::start();
    let reply = collector.send(Post::lines(body.to_owned())).await;
    assert_eq!(reply.body["accepted"], 1, "{body}: {}", reply.text);
    let stored = collector.stored("a/b").remove(0);
    serde_json::from_str(&stored.replace("\"ts\":NOW", "\"ts\":\"now\"")).unwrap()
}

fn expected(ts: &str, level: &str, message: &str, fields: Value) -> Value {
    let mut line = json!({"ts": ts, "message": message});
    if !level.is_empty() {
        line["level"] = level.into();
    }
    if fields != json!({}) {
        line["fields"] = fields;
    }
    line
}

const FIVE: &str = "2026-11-30T05:00:00.000000000Z";
const MILLIS: &str = "2026-11-30T05:00:00.123000000Z";
const MICROS: &str = "2026-11-30T05:00:00.123456000Z";

#[tokio::test]
async fn what_loggers_write_is_a_time_a_level_and_a_message() {
    for (body, ts, level, message, fields) in [
        (
            r#"{"timestamp":"2026-11-30T05:00:00.123456Z","level":"ERROR","fields":{"message":"cannot bind","port":1},"target":"app"}"#,
            MICROS,
            "error",
            "cannot bind",
            json!({"port": 1, "target": "app"}),
        ),
        (
            r#"{"@t":"2026-11-30T05:00:00.1234560Z","@mt":"Order {Id}","@m":"Order 7","@l":"Error","@x":"boom","Id":7}"#,
            MICROS,
            "error",
            "Order 7",
            json!({"@mt": "Order {Id}", "@x": "boom", "Id": 7}),
        ),
        (
            r#"{"@t":"2026-11-30T05:00:00Z","@mt":"Order {Id} packed","Id":8}"#,
            FIVE,
            "info",
            "Order {Id} packed",
            json!({"Id": 8}),
        ),
        (
            r#"{"Timestamp":"2026-11-30T05:00:00.1230000+00:00","Level":"Warning","MessageTemplate":"a {B}","RenderedMessage":"a 1","Properties":{"B":1}}"#,
            MILLIS,
            "warn",
            "a 1",
            json!({"MessageTemplate": "a {B}", "Properties": {"B": 1}}),
        ),
        (
            r#"{"EventId":0,"LogLevel":"Critical","Category":"App","Message":"m","State":{"Message":"m"}}"#,
            "now",
            "fatal",
            "m",
            json!({"EventId": 0, "Category": "App", "State": {"Message": "m"}}),
        ),
        (
            r#"{"date":1796014800.123456,"log":"hello from the pod"}"#,
            MICROS,
            "",
            "hello from the pod",
            json!({}),
        ),
        (
            r#"{"timestamp":"2026-11-30T05:00:00.123Z","severityText":"ERROR","severityNumber":17,"body":"failed","attributes":{"k":1}}"#,
            MILLIS,
            "error",
            "failed",
            json!({"severityNumber": 17, "attributes": {"k": 1}}),
        ),
        (
            r#"{"timeUnixNano":"1796014800123000000","severityNumber":9,"body":{"stringValue":"said"}}"#,
            MILLIS,
            "info",
            "said",
            json!({}),
        ),
        (
            r#"{"__REALTIME_TIMESTAMP":"1796014800123456","MESSAGE":[104,105,27,91,51,49,109],"PRIORITY":"3"}"#,
            MICROS,
            "error",
            "hi\u{1b}[31m",
            json!({}),
        ),
        (
            r#"{"version":"1.1","host":"h","short_message":"m","level":3,"timestamp":1796014800.123,"_a":1}"#,
            MILLIS,
            "error",
            "m",
            json!({"version": "1.1", "host": "h", "_a": 1}),
        ),
        (
            r#"{"t":{"$date":"2026-11-30T05:00:00.123+00:00"},"s":"I","c":"NETWORK","id":1,"ctx":"l","msg":"m","attr":{"a":1}}"#,
            MILLIS,
            "info",
            "m",
            json!({"c": "NETWORK", "id": 1, "ctx": "l", "attr": {"a": 1}}),
        ),
        (
            r#"{"instant":{"epochSecond":1796014800,"nanoOfSecond":123000000},"thread":"main","level":"ERROR","message":"m"}"#,
            MILLIS,
            "error",
            "m",
            json!({"thread": "main"}),
        ),
        (
            r#"{"@timestamp":"2026-11-30T05:00:00.123Z","log":{"level":"warn","logger":"a"},"message":"m","ecs":{"version":"1.6.0"}}"#,
            MILLIS,
            "warn",
            "m",
            json!({"log": {"logger": "a"}, "ecs": {"version": "1.6.0"}}),
        ),
        (
            r#"{"message":"m","context":{},"level":400,"level_name":"ERROR","channel":"app","datetime":"2026-11-30T05:00:00.123456+00:00","extra":{}}"#,
            MICROS,
            "error",
            "m",
            json!({"context": {}, "level_name": "ERROR", "channel": "app", "extra": {}}),
        ),
        (
            r#"{"timestamp":"2026-11-30 05:00:00.123 UTC","pid":1,"error_severity":"LOG","message":"ready"}"#,
            MILLIS,
            "info",
            "ready",
            json!({"pid": 1}),
        ),
        (
            r#"{"severity":"ERROR","timestamp":{"seconds":1796014800,"nanos":123000000},"textPayload":"m"}"#,
            MILLIS,
            "error",
            "m",
            json!({}),
        ),
        (
            r#"{"time_local":"30/Nov/2026:06:00:00 +0100","request":"GET / HTTP/1.1","status":200,"request_time":0.002}"#,
            FIVE,
            "",
            "GET / HTTP/1.1",
            json!({"status": 200, "request_time": 0.002}),
        ),
    ] {
        assert_eq!(line(body).await, expected(ts, level, message, fields), "{body}");
        let array = Collector::start();
        array
            .send(Post::lines(format!("[{body}]")).kind("application/json"))
            .await;
        let ndjson = Collector::start();
        ndjson.send(Post::lines(body.to_owned())).await;
        assert_eq!(array.stored("a/b"), ndjson.stored("a/b"), "{body}");
    }
}

#[tokio::test]
async fn of_several_the_first_usable_one_counts_and_the_others_are_kept() {
    for (body, ts, level, message, fields) in [
        (
            r#"{"ts":"not a time","timestamp":"2026-11-30T05:00:00Z","message":null,"msg":"real","level":"loud","severity":"ERROR"}"#,
            FIVE,
            "error",
            "real",
            json!({"ts": "not a time", "message": null, "level": "loud"}),
        ),
        (
            r#"{"message":"","msg":"real2"}"#,
            "now",
            "",
            "real2",
            json!({"message": ""}),
        ),
        (r#"{"message":"","other":1}"#, "now", "", "", json!({"other": 1})),
        (
            r#"{"time":"05:00:00","@timestamp":"2026-11-30T05:00:00Z","msg":"m"}"#,
            FIVE,
            "",
            "m",
            json!({"time": "05:00:00"}),
        ),
        (
            r#"{"level":3,"severity":"ERROR","msg":"m"}"#,
            "now",
            "error",
            "m",
            json!({"level": 3}),
        ),
        // Neither a temperature nor a duration is a time, and a job's beginning is not when it was spoken of.
        (r#"{"msec":12,"msg":"m"}"#, "now", "", "m", json!({"msec": 12})),
        (
            r#"{"start_time":"2026-11-30T05:00:00Z","msg":"job done"}"#,
            "now",
            "",
            "job done",
            json!({"start_time": "2026-11-30T05:00:00Z"}),
        ),
        (
            r#"{"start_time":"2026-11-30T05:00:00Z","path":"/"}"#,
            FIVE,
            "",
            "",
            json!({"path": "/"}),
        ),
        (r#"{"t":25.5,"m":"warm"}"#, "now", "", "warm", json!({"t": 25.5})),
    ] {
        assert_eq!(line(body).await, expected(ts, level, message, fields), "{body}");
    }
}

#[tokio::test]
async fn a_line_that_another_program_wrapped_is_understood_as_its_own() {
    for (body, ts, level, message, fields) in [
        (
            r#"{"log":"GET /health 200\n","stream":"stdout","time":"2026-11-30T05:00:00Z"}"#,
            FIVE,
            "",
            "GET /health 200",
            json!({"stream": "stdout"}),
        ),
        (
            r#"{"log":"{\"level\":\"error\",\"msg\":\"inner\",\"ts\":\"2026-11-30T05:00:00.123Z\",\"a\":1}\n","time":"2026-11-30T06:00:00Z","pod":"p"}"#,
            MILLIS,
            "error",
            "inner",
            json!({"a": 1, "time": "2026-11-30T06:00:00Z", "pod": "p"}),
        ),
        (
            r#"{"message":"{\"level\":30,\"msg\":\"inner\",\"pod\":2}","timestamp":"2026-11-30T05:00:00Z","pod":"p"}"#,
            FIVE,
            "info",
            "inner",
            json!({"pod": 2, "pod_": "p"}),
        ),
        (
            r#"{"log":"2026-11-30 05:00:00,123 ERROR [main] c.e.App - failed\n","pod":"p"}"#,
            MILLIS,
            "error",
            "2026-11-30 05:00:00,123 ERROR [main] c.e.App - failed",
            json!({"pod": "p"}),
        ),
        // Said by the wrapper, or no line at all.
        (
            r#"{"level":"info","message":"{\"level\":\"error\",\"msg\":\"data\"}"}"#,
            "now",
            "info",
            r#"{"level":"error","msg":"data"}"#,
            json!({}),
        ),
        (r#"{"message":"{\"a\":1}"}"#, "now", "", r#"{"a":1}"#, json!({})),
        (r#"{"message":"{broken}"}"#, "now", "", "{broken}", json!({})),
        (
            r#"{"message":"ERROR: an application's own"}"#,
            "now",
            "",
            "ERROR: an application's own",
            json!({}),
        ),
    ] {
        assert_eq!(line(body).await, expected(ts, level, message, fields), "{body}");
    }
}

#[tokio::test]
async fn plain_text_is_read_alike_in_every_form_and_stays_whole() {
    for (text, ts, level) in [
        (
            "2026-11-30 05:00:00,123 ERROR [main] c.e.App - Order failed",
            MILLIS,
            "error",
        ),
        ("level=warn ts=2026-11-30T05:00:00Z msg=x", FIVE, "warn"),
        ("an error in the middle", "now", ""),
        ("\tat c.e.App.run(App.java:10)", "now", ""),
    ] {
        let as_json = format!("[{}]", json!(text));
        for (kind, body) in [
            ("application/x-ndjson", text),
            ("text/plain", text),
            ("application/json", &as_json),
        ] {
            let collector = Collector::start();
            collector.send(Post::lines(body.to_owned()).kind(kind)).await;
            let stored = collector.stored("a/b").remove(0);
            let stored: Value =
                serde_json::from_str(&stored.replace("\"ts\":NOW", "\"ts\":\"now\"")).unwrap();
            assert_eq!(stored, expected(ts, level, text, json!({})), "{kind}");
        }
    }
}

/// Text tells a time that cannot be placed: it is counted as that of JSON is.
#[tokio::test]
async fn times_of_plain_text_that_cannot_be_told_are_counted() {
    let collector = Collector::start();
    let reply = collector
        .send(Post::lines(
            "05:00:00.123 [main] ERROR x\nplain\n2026-11-30 05:00:00 CST x\n",
        ))
        .await;
    assert_eq!(reply.body["undated"], 2);
}
