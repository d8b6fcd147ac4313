//! What comes in one tick leaves in one write, of however many streams.
//! On a wire of its own and in virtual time, so that every write is known.

use std::time::Duration;

use lines::{Hint, HintSink};

use super::silence::Story;
use crate::testing::batch;

const STREAMS: u64 = 50;

impl Story {
    /// A line of each stream.
    fn lines(&self, offset: u64) {
        for nth in 0..STREAMS {
            self.push
                .hand_off(Hint::Batch(batch(&format!("s{nth}"), offset, 1)));
        }
    }

    /// How many lines came, and in how many writes.
    fn came(&self) -> (usize, usize) {
        let end = self.wire.0.lock();
        let text = String::from_utf8_lossy(&end.taken);
        (text.matches(r#""message":"line"#).count(), end.writes)
    }
}

async fn subscribed() -> Story {
    let story = Story::begin().await;
    let streams: Vec<_> = (0..STREAMS).map(|nth| format!(r#""s{nth}""#)).collect();
    let streams = streams.join(",");
    story.ask(&format!(
        r#"{{"type":"subscribe","id":"a","streams":[{streams}]}}"#
    ));
    tokio::time::sleep(Duration::from_secs(1)).await;
    story
}

#[tokio::test(start_paused = true)]
async fn a_session_on_many_streams_gets_what_came_in_one_tick_in_one_write() {
    let story = subscribed().await;
    let (none, before) = story.came();
    assert_eq!(none, 0);
    // The first ping comes later than that.
    for offset in 0..10 {
        story.lines(offset);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let ticks = offset as usize + 1;
        assert_eq!(story.came(), (ticks * STREAMS as usize, before + ticks));
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_write_waits_leaves_in_one_write_as_well() {
    let story = subscribed().await;
    let (_, before) = story.came();
    story.wire.take(0);
    for offset in 0..10 {
        story.lines(offset);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(story.came(), (0, before));
    story.wire.take(usize::MAX);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (lines, writes) = story.came();
    assert_eq!(lines, 10 * STREAMS as usize);
    // What was queued while it waited, what came since, and what had no room then.
    assert!(writes - before <= 4, "{} writes", writes - before);
}
