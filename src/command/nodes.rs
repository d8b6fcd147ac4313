//! `tailcast nodes`: who is alive.

use client::Node;
use lines::Timestamp;

use super::Failure;
use super::connect::Internal;
use super::show::{self, ago, plain, table};

/// Whom to ask.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks the internal listener of any node, which is bound to loopback unless configured. The token needs `admin`.

Examples:
  tailcast nodes
  TAILCAST_TOKEN=$(tailcast token --sub me --admin) \\
      tailcast nodes --internal-url http://push-1.internal:7441")]
pub(crate) struct Args {
    /// One JSON object per node
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    internal: Internal,
}

/// Prints them.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let server = args.internal.server()?;
    let nodes = server.nodes().await.map_err(anyhow::Error::from)?;
    if args.json {
        show::objects(&nodes)
    } else {
        show::print(&as_table(&nodes, Timestamp::now()))
    }
}

fn as_table(nodes: &[Node], now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = nodes
        .iter()
        .map(|node| {
            vec![
                plain(&node.id),
                plain(&node.roles.join(",")),
                plain(&node.address),
                node.sessions.to_string(),
                Timestamp::parse(&node.started).map_or_else(|| plain(&node.started), |then| ago(then, now)),
                plain(&node.version),
            ]
        })
        .collect();
    let headings = ["NODE", "ROLES", "ADDRESS", "SESSIONS", "STARTED", "VERSION"];
    table(&headings, &[3], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_a_table() {
        let node = Node {
            id: "n1".into(),
            roles: vec!["collect".into(), "push".into()],
            address: "127.0.0.1:7441".into(),
            sessions: 12,
            started: "2026-01-09T21:00:00Z".into(),
            version: "0.1.0".into(),
        };
        assert_eq!(
            as_table(&[node], Timestamp::parse("2026-01-10T00:00:00Z").unwrap()),
            "\
NODE  ROLES         ADDRESS         SESSIONS  STARTED  VERSION
n1    collect,push  127.0.0.1:7441        12  3h ago   0.1.0
"
        );
    }
}
