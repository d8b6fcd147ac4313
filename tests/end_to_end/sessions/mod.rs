//! Sessions over real processes: every line, once, in order, whatever happens to the connection.
//!
//! [`Session`](crate::fixture::Session) itself looks at every frame: offsets without holes and nothing twice. The tests
//! compare what came with what was sent, as bytes where more than one node is asked.

mod drain;
mod events;
mod filters;
mod limits;
mod resume;
mod slow;
mod soak;
mod steer;
mod token;

use serde_json::{Value, json};

use crate::fixture::lines;

/// All that was acknowledged, in the order of the offsets, which have to be without holes and begin at 0.
fn in_order(mut runs: Vec<(u64, Vec<Value>)>) -> Vec<Value> {
    runs.sort_by_key(|(first, _)| *first);
    let mut all = Vec::new();
    for (first, lines) in runs {
        assert_eq!(first, all.len() as u64, "a hole in what was acknowledged");
        all.extend(lines);
    }
    all
}

/// Lines of about so many bytes each.
fn long_lines(count: u64, bytes: usize) -> Vec<Value> {
    let mut made = lines(count);
    for line in &mut made {
        line["fields"]["padding"] = json!("x".repeat(bytes));
    }
    made
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
