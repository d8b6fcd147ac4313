//! What a node spends on sessions, feeds and catching up. Each field says its default.

use std::time::Duration;

use lines::filter::FilterLimits;

/// The bounds of a push node.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest inbound message, in bytes: 16 KiB. A larger one closes with 1009.
    pub message_bytes: usize,
    /// Fragments of one inbound message: 64. One more closes with 1009.
    pub message_fragments: usize,
    /// Inbound messages a second, sustained: 20.
    pub messages_per_second: u32,
    /// Inbound messages at once: 100.
    pub message_burst: u32,
    /// So many messages beyond the rate, in a row, close the session: 200.
    pub rate_limited_in_a_row: u32,
    /// So many messages that are none, in a row, close the session: 20.
    pub bad_messages_in_a_row: u32,
    /// Subscriptions of one session: 100.
    pub subscriptions: usize,
    /// Streams of one session, over all its subscriptions: 1,000.
    pub streams: usize,
    /// How large a filter may be.
    pub filter: FilterLimits,
    /// How long a `subscribe` may wait for the store: 10 s. Then it is answered `unavailable`.
    pub subscribe_within: Duration,
    /// How long a new route is waited for, when the table is slow or away: 2 s. After that the feed goes on by
    /// reading heads every second, until the route stands.
    pub announce_within: Duration,

    /// Between two pings: 25 s, ± 20 % so that sessions do not ping in step.
    pub heartbeat: Duration,
    /// Silence after a ping that ends a session: 10 s.
    pub pong_within: Duration,
    /// No byte of what waits was taken for so long ends a session: 30 s.
    pub progress_within: Duration,
    /// How long a close waits for the other side: 2 s.
    pub close_within: Duration,
    /// How long before the end of its token a session is told: 60 s.
    pub expiring_ahead: Duration,

    /// Where a frame of lines ends, in bytes of lines: 32 KiB. One longer line goes alone.
    pub frame_bytes: usize,
    /// What a filter looks through before others get their turn, in bytes of lines: 128 KiB.
    pub filter_bytes: usize,
    /// A filter that is sure to take no longer than this for the lines that came is put to them in passing: 0.2 ms.
    /// Otherwise it takes its turn away from the threads that serve.
    pub filter_in_passing: Duration,
    /// The longest time that a client with a filter is not told how far the server has looked: 5 s.
    pub filter_told_every: Duration,
    /// How far behind the head a session of mode `recent` may be when its client does not keep up, in bytes of lines:
    /// 64 KiB.
    pub recent_bytes: usize,
    /// Between two words on what waits while a subscription is paused: 1 s.
    pub behind_every: Duration,
    /// A session takes the next frame while less than this waits to be written: 32 KiB. With the frame that crosses
    /// it, at most 64 KiB wait.
    pub queue_bytes: usize,
    /// Where a session over server-sent events stands, which every event's id says, in bytes: 7 KiB. It has as many streams
    /// as fit. A reader sends the id in a header, and many proxies take none over 8 KiB.
    pub event_id_bytes: usize,
    /// Recent batches of one feed, in bytes of lines: 512 KiB, or one larger batch. Its frames may take as much again.
    pub feed_bytes: usize,
    /// Recent batches of all feeds together, the frames cut from them and the bundles of groups, in bytes: 256 MiB. Beyond
    /// it they let go of what they have, by turns, and sessions read the store.
    pub feeds_bytes: usize,
    /// What sessions that follow the same streams have yet to take of one another's bundles, in bytes: 4 MiB for each group
    /// of them. Who is further behind goes on alone. Counts as the feeds' bytes do.
    pub group_bytes: usize,
    /// The least time between two instants at which sessions are woken for what came, of whatever stream: 1 ms. A line that
    /// comes later than that after the last one does not wait.
    pub tick: Duration,
    /// How far the tick stretches under load: 200 ms.
    pub tick_stretched: Duration,
    /// What a write to a session takes of a processor: 8 µs. Says how much gathering saves, and so how far the tick
    /// stretches.
    pub write_cost: Duration,
    /// How long a feed and its route outlive the last session, so that one that reconnects finds them: 5 s.
    pub linger: Duration,

    /// Reads of the store for sessions that catch up, at once: 8.
    pub replays: usize,
    /// The size of such a read, in bytes of lines: 256 KiB.
    pub replay_bytes: usize,
    /// How long what was read is shared: 10 s.
    pub replay_kept: Duration,
    /// What was read and is shared, with the frames cut from it, in bytes: 64 MiB.
    pub replay_cache_bytes: usize,

    /// The first look at a quiet head after its last line: 1 s. Each further one comes after twice the time.
    pub head_first: Duration,
    /// The longest time between two looks at a head: 30 s.
    pub head_last: Duration,
    /// Between two listings of all streams while patterns are held: 30 s.
    pub list_every: Duration,
    /// Streams that patterns were tried on, remembered so that each is tried once: 100,000.
    pub offered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 16 * 1024,
            message_fragments: 64,
            messages_per_second: 20,
            message_burst: 100,
            rate_limited_in_a_row: 200,
            bad_messages_in_a_row: 20,
            subscriptions: 100,
            streams: 1_000,
            filter: FilterLimits::default(),
            subscribe_within: Duration::from_secs(10),
            announce_within: Duration::from_secs(2),
            heartbeat: Duration::from_secs(25),
            pong_within: Duration::from_secs(10),
            progress_within: Duration::from_secs(30),
            close_within: Duration::from_secs(2),
            expiring_ahead: Duration::from_secs(60),
            frame_bytes: 32 * 1024,
            filter_bytes: 128 * 1024,
            filter_in_passing: Duration::from_micros(200),
            filter_told_every: Duration::from_secs(5),
            recent_bytes: 64 * 1024,
            behind_every: Duration::from_secs(1),
            queue_bytes: 32 * 1024,
            event_id_bytes: 7 * 1024,
            feed_bytes: 512 * 1024,
            feeds_bytes: 256 * 1024 * 1024,
            group_bytes: 4 * 1024 * 1024,
            tick: Duration::from_millis(1),
            tick_stretched: Duration::from_millis(200),
            write_cost: Duration::from_micros(8),
            linger: Duration::from_secs(5),
            replays: 8,
            replay_bytes: 256 * 1024,
            replay_kept: Duration::from_secs(10),
            replay_cache_bytes: 64 * 1024 * 1024,
            head_first: Duration::from_secs(1),
            head_last: Duration::from_secs(30),
            list_every: Duration::from_secs(30),
            offered: 100_000,
        }
    }
}
