//! Tables, lists of tables, and what is wrong with them.

use super::*;

/// A section that is a list of tables.
#[derive(Debug, PartialEq, Eq)]
struct Listener {
    protocol: String,
    port: u16,
    streams: Vec<String>,
    tls: Option<String>,
}

fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| "a port is a number up to 65535".to_owned())
}

fn list(text: &str) -> Result<Vec<String>, String> {
    Ok(text.split(',').map(str::to_owned).collect())
}

impl Listener {
    fn read(mut table: Table) -> Result<Self, ConfigError> {
        let mut tls = None;
        if let Some(mut inner) = table.table("tls")? {
            tls = inner.take("certificate", text)?;
            inner.finish()?;
        }
        let listener = Self {
            protocol: table
                .take("protocol", text)?
                .unwrap_or_else(|| "syslog".to_owned()),
            port: table.take("port", port)?.unwrap_or(514),
            streams: table.take("streams", list)?.unwrap_or_default(),
            tls,
        };
        table.finish()?;
        Ok(listener)
    }
}

fn listeners(text: &str) -> Result<Vec<Listener>, ConfigError> {
    let mut file = Table::parse(text, Path::new("tailcast.toml"))?;
    let listeners = file.tables("listener")?;
    file.finish()?;
    listeners.into_iter().map(Listener::read).collect()
}

#[test]
fn a_list_of_tables_is_read_one_by_one() {
    let text = "\
[[listener]]
port = 1514
streams = [\"a\", \"b\"]

[[listener]]
protocol = \"gelf\"
[listener.tls]
certificate = \"cert.pem\"
";
    assert_eq!(
        listeners(text).unwrap(),
        [
            Listener {
                protocol: "syslog".into(),
                port: 1_514,
                streams: vec!["a".into(), "b".into()],
                tls: None
            },
            Listener {
                protocol: "gelf".into(),
                port: 514,
                streams: vec![],
                tls: Some("cert.pem".into())
            },
        ]
    );
    assert_eq!(listeners("").unwrap(), []);
    assert_eq!(listeners("listener = [{ port = 0x10 }]").unwrap()[0].port, 16);
}

#[test]
fn what_is_wrong_in_a_table_is_named_with_its_line() {
    let cases = [
        (
            "[[listener]]\nport = 1\n\n[[listener]]\nport = \"many\"",
            "`listener.port` in tailcast.toml, line 5 is \"many\": a port is a number up to 65535",
        ),
        (
            "[[listener]]\nport = 1\n\n[[listener]]\nprotocoll = \"gelf\"",
            "there is no setting `listener.protocoll` in tailcast.toml, line 5: is `listener.protocol` meant?",
        ),
        (
            "[[listener]]\n[listener.tls]\ncertficate = \"x\"",
            "there is no setting `listener.tls.certficate` in tailcast.toml, line 3: is `listener.tls.certificate` meant?",
        ),
        (
            "[listener]\nport = 1",
            "`listener` in tailcast.toml, line 1: a list of tables is wanted here, each of which begins with [[listener]]",
        ),
        (
            "listener = [\"syslog\"]",
            "`listener` in tailcast.toml, line 1: a list of tables is wanted here, each of which begins with [[listener]]",
        ),
        (
            "[[listener]]\nport = { from = 1, to = 2 }",
            "`listener.port` in tailcast.toml, line 2: a text, a number or a list is wanted here, and this is a table",
        ),
        (
            "[[listeners]]\nport = 1",
            "there is no setting `listeners` in tailcast.toml, line 1: is `listener` meant?",
        ),
    ];
    for (text, sentence) in cases {
        assert_eq!(listeners(text).unwrap_err().to_string(), sentence, "{text}");
    }
}

#[test]
fn the_user_of_an_address_in_a_table_is_not_repeated() {
    let mut file = Table::parse("at = \"kafka://root:hunter2@host\"", Path::new("tailcast.toml")).unwrap();
    let refused = file.take("at", |_| Err::<(), _>("no".to_owned())).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`at` in tailcast.toml, line 1 is \"kafka://…@host\": no"
    );
}

#[test]
fn where_something_stands_can_be_asked_without_taking_it() {
    let file = Table::parse("a = 1\n[b.c]\nd = 2\n", Path::new("f.toml")).unwrap();
    let origin = |path| file.origin(path).map(|origin| origin.to_string());
    assert_eq!(origin("b.c.d").as_deref(), Some("`b.c.d` in f.toml, line 3"));
    assert_eq!(origin("a").as_deref(), Some("`a` in f.toml, line 1"));
    assert_eq!((origin("b.c.x"), origin("a.b")), (None, None));
}
