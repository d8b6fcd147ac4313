//! What each metric means: the help texts of `/metrics`. docs/operating.md says the same, and a test holds the two together,
//! and both to what is counted.

/// One of these is described.
struct Described {
    kind: Kind,
    name: &'static str,
    help: &'static str,
}

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const fn counter(name: &'static str, help: &'static str) -> Described {
    let kind = Kind::Counter;
    Described { kind, name, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Described {
    let kind = Kind::Gauge;
    Described { kind, name, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Described {
    let kind = Kind::Histogram;
    Described { kind, name, help }
}

/// All of them, in the order of a line's way.
const METRICS: &[Described] = &[
    // The door.
    gauge("tailcast_connections", "connections that are open"),
    counter(
        "tailcast_connections_refused_total",
        "connections that did not get in, because the listener or the address has all it may have",
    ),
    counter(
        "tailcast_connections_pushed_out_total",
        "connections of strangers that were closed for others",
    ),
    counter(
        "tailcast_tls_refused_total",
        "connections that spoke no TLS where it is spoken (clear), too late (late), or with an error (failed)",
    ),
    counter(
        "tailcast_proxies_refused_total",
        "connections of trusted proxies that did not begin with the PROXY protocol, where it is spoken",
    ),
    gauge(
        "tailcast_tls_certificate_expires_timestamp_seconds",
        "when the certificate ends that the listener shows",
    ),
    gauge(
        "tailcast_tls_certificate_refused",
        "1 while the files hold another certificate, which is not good enough to be shown",
    ),
    counter(
        "tailcast_requests_not_admitted_total",
        "requests refused for their token or for want of any grant",
    ),
    counter("tailcast_bad_tokens_total", "bad tokens that were shown"),
    counter(
        "tailcast_bad_tokens_slowed_total",
        "bad tokens answered 429, because too many came from one address",
    ),
    gauge(
        "tailcast_audit_failing",
        "1 while the audit log cannot be written",
    ),
    counter(
        "tailcast_audit_lost_total",
        "events that the audit log does not have",
    ),
    gauge(
        "tailcast_api_keys",
        "API keys that there are, as this node knows them",
    ),
    gauge(
        "tailcast_revocations",
        "revocations in force, as this node knows them",
    ),
    gauge(
        "tailcast_revocations_age_seconds",
        "for how long it could not be asked which tokens were revoked; 0 while it can",
    ),
    // Lines come in.
    counter(
        "tailcast_ingest_requests_total",
        "requests that send lines, by the status of the answer",
    ),
    counter(
        "tailcast_lines_accepted_total",
        "lines that this collector stored",
    ),
    counter(
        "tailcast_lines_rejected_total",
        "lines that were not taken, by the code that their senders were told",
    ),
    counter(
        "tailcast_lines_undated_total",
        "lines that told a time which is not understood: they have that of their arrival",
    ),
    counter(
        "tailcast_lines_cut_total",
        "lines that were too long, of which the beginning is kept",
    ),
    counter(
        "tailcast_ingest_bodies_released_total",
        "bodies that were given up because memory was short",
    ),
    counter(
        "tailcast_ingest_repeats_total",
        "repeated requests that were answered from memory, as the first one was",
    ),
    gauge(
        "tailcast_append_waiting_bytes",
        "what waits to be stored or is being stored",
    ),
    histogram("tailcast_batch_lines", "lines in a batch"),
    histogram(
        "tailcast_batch_bytes",
        "bytes of a batch's lines, before compression",
    ),
    histogram(
        "tailcast_append_seconds",
        "how long one write to the store took, of the batches of all streams that were ready",
    ),
    // The store.
    histogram(
        "tailcast_store_seconds",
        "how long the store took to answer, by what was asked",
    ),
    counter(
        "tailcast_store_appends_total",
        "batches given to the store: stored, keys_used (a repeat), not_stored, or unknown",
    ),
    counter(
        "tailcast_ledger_commits_total",
        "changes of small durable state: done, conflict (somebody else was first), refused, not_done, or unknown",
    ),
    counter(
        "tailcast_store_sketched_lines_total",
        "lines that this collector made sketches of, by which searches pass over what they would read in vain",
    ),
    counter(
        "tailcast_store_sketch_bytes_total",
        "bytes of the sketches that it made",
    ),
    gauge(
        "tailcast_store_free_bytes",
        "what is free, on the disk and (when that is short) in the database; SQLite only",
    ),
    gauge(
        "tailcast_store_full",
        "1 while lines are refused because the disk is full; SQLite only",
    ),
    counter(
        "tailcast_store_damaged_lines_total",
        "lines that cannot be read back as they were written: anything above 0 asks for a look at the disk",
    ),
    gauge("tailcast_retention_held", "1 while age removes nothing, and why"),
    gauge(
        "tailcast_retention_overdue_seconds",
        "for how long the oldest of what is to be removed or deleted has been due; some seconds are ordinary",
    ),
    gauge(
        "tailcast_retention_overdue_bytes",
        "by how much the store is larger than retain_bytes",
    ),
    gauge(
        "tailcast_retention_hidden_bytes",
        "what is removed and not yet deleted",
    ),
    gauge(
        "tailcast_retention_held_streams",
        "streams of which age removes nothing since lines were brought back",
    ),
    counter(
        "tailcast_trimmed_lines_total",
        "lines that this collector removed",
    ),
    counter(
        "tailcast_merged_batches_total",
        "small batches that this collector made part of larger ones; MongoDB only",
    ),
    // Between nodes.
    gauge(
        "tailcast_links",
        "nodes that this one has links to, by the role that the links are for",
    ),
    counter(
        "tailcast_links_refused_total",
        "links that another node wanted and that were refused for their pass",
    ),
    counter(
        "tailcast_links_broken_off_total",
        "links that were closed because what came was not sealed by the node at the other end",
    ),
    counter(
        "tailcast_leases_refused_total",
        "leases in Redis that were not believed: unsigned, forged, or stale",
    ),
    counter(
        "tailcast_hints_dropped_total",
        "batches that were dropped on their way to a node, which then reads them from the store: lines come later, none is lost",
    ),
    // Sessions and reading.
    gauge("tailcast_sessions", "sessions that are open"),
    counter(
        "tailcast_sessions_closed_total",
        "sessions that this node closed, by the reason in the close frame",
    ),
    counter(
        "tailcast_frames_sent_total",
        "frames of lines written to sessions",
    ),
    counter("tailcast_lines_delivered_total", "lines written to sessions"),
    gauge(
        "tailcast_tick_microseconds",
        "for so long lines are gathered at the moment before sessions are woken, at most",
    ),
    gauge("tailcast_feeds", "streams that this node holds recent lines of"),
    gauge(
        "tailcast_feed_bytes",
        "what it holds of them, with the frames cut from them and what groups have joined",
    ),
    gauge(
        "tailcast_groups",
        "groups of sessions that asked for the same streams and get them joined",
    ),
    counter(
        "tailcast_feed_repairs_total",
        "times that lines were in the store and no hint had come",
    ),
    counter(
        "tailcast_replay_reads_total",
        "reads of the store for sessions that are behind",
    ),
    counter("tailcast_filter_microseconds_total", "time that filters worked"),
    counter(
        "tailcast_search_skipped_lines_total",
        "lines that searches passed over unread, since their sketch lacks what the filter needs",
    ),
    counter(
        "tailcast_history_requests_total",
        "requests that read lines, counts or streams, by the status of the answer",
    ),
    // The process.
    gauge(
        "tailcast_settings_refused",
        "1 while the configuration file is refused and what was good last goes on",
    ),
    gauge(
        "tailcast_settings_waiting",
        "settings that are others in the file and wait for a restart",
    ),
    gauge("tailcast_build_info", "1, with the version that runs"),
];

/// Gives the recorder all help texts.
pub(super) fn describe() {
    for Described { kind, name, help } in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}
