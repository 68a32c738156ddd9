//! The original's keys, each with what it means here; those that mean nothing have words that say what to do instead.

/// What a key of the original's comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Means {
    /// The limit of ours with this name.
    Limit(&'static str),
    /// A span such as `24h`, or hours.
    Hours,
    /// A size such as `100 MB`, or megabytes.
    Megabytes,
    /// `console`, `file` or `http`.
    Backend,
    /// The address for `http`.
    Endpoint,
    /// As things always are here; another value is refused, and the words say what to do.
    Always(&'static str, &'static str),
    /// It means nothing here and is passed over with a warning; the words say what there is instead.
    Passed(&'static str),
}

use Means::{Always, Backend, Endpoint, Hours, Limit, Megabytes, Passed};

const SWITCH_OFF: &str = "experiences are always kept; `experience_sinks` says where, and `dreamer knowledge forget` and \
                          `dreamer learning forget` remove those of a document or a topic from the database";
const ONE_ENVIRONMENT: &str = "there is one environment";
const ALL_FOUR: &str = "all four strategies are always there";
const TRACKED: &str = "causes and whole trajectories are always kept";
const CAUSE: &str = "an event's cause is what its trajectory says, never a guess by time";
const VERDICTS: &str = "the Guardian's verdicts are always written, as is every stage of a dream";
const STATS: &str = "`dreamer experience stats` shows the figures";
const FARTHEST: &str = "likeness needs no threshold: those farthest from each other are drawn";
const THREADS: &str = "there is one writer and a thread for each sink; `batch_events`, `flush_seconds` and `buffered_events` bound them";
const TAIL: &str = "`dreamer experience tail` shows each event as it was written";

/// Both forms that the original has: the documented flat one and the nested one that it ships. An entry of `backends`
/// stands as `stream.backends.`.
pub(super) const KEYS: &[(&str, Means)] = &[
    ("enabled", Always("true", SWITCH_OFF)),
    ("environment", Passed(ONE_ENVIRONMENT)),
    ("stream.batch_size", Limit("batch_events")),
    ("stream.flush_interval", Limit("flush_seconds")),
    ("stream.max_buffer_size", Limit("buffered_events")),
    ("stream.backend", Backend),
    ("stream.http_endpoint", Endpoint),
    (
        "stream.file_path",
        Passed("the file is `experience/experience.jsonl` in the data folder; `data_dir` moves it"),
    ),
    (
        "stream.retain_in_memory",
        Always(
            "true",
            "events are always drawn from memory; `window_events` bounds it",
        ),
    ),
    (
        "stream.backpressure_threshold",
        Passed("writing never waits; `buffered_events` bounds what may wait for a sink"),
    ),
    ("stream.backends.name", Backend),
    (
        "stream.backends.enabled",
        Always("true", "one that is off is passed over"),
    ),
    (
        "stream.backends.level",
        Passed("the console shows every event"),
    ),
    (
        "stream.backends.path",
        Passed("the file is `experience/experience.jsonl` in the data folder; `data_dir` moves it"),
    ),
    ("stream.backends.rotation", Megabytes),
    (
        "stream.backends.compression",
        Always("gzip", "turned files are always packed with gzip"),
    ),
    ("stream.backends.endpoint", Endpoint),
    (
        "stream.backends.timeout",
        Passed("a server has ten seconds to answer"),
    ),
    (
        "stream.backends.retry_attempts",
        Passed("a batch is sent again until the server takes it or `buffered_events` are waiting"),
    ),
    (
        "stream.backends.retry_delay",
        Passed("the pause between two tries grows from a quarter of a second to half a minute"),
    ),
    ("storage.circular_buffer_size", Limit("hot_events")),
    ("storage.sliding_window_size", Limit("window_events")),
    (
        "storage.sliding_window_duration_hours",
        Limit("window_hours"),
    ),
    ("storage.sliding_window_duration", Hours),
    (
        "storage.type",
        Passed("both are there: the newest `hot_events` of one window of `window_events`"),
    ),
    ("sampling.default_strategy", Limit("sample")),
    ("sampling.prioritized_alpha", Limit("alpha")),
    ("sampling.prioritized_beta", Limit("beta")),
    ("sampling.recent_window_size", Limit("recent_events")),
    (
        "sampling.strategies.uniform.enabled",
        Always("true", ALL_FOUR),
    ),
    (
        "sampling.strategies.prioritized.enabled",
        Always("true", ALL_FOUR),
    ),
    ("sampling.strategies.prioritized.alpha", Limit("alpha")),
    ("sampling.strategies.prioritized.beta", Limit("beta")),
    (
        "sampling.strategies.prioritized.epsilon",
        Always("0.000001", "the least priority is a millionth"),
    ),
    (
        "sampling.strategies.recent.enabled",
        Always("true", ALL_FOUR),
    ),
    (
        "sampling.strategies.recent.window_size",
        Limit("recent_events"),
    ),
    (
        "sampling.strategies.diverse.enabled",
        Always("true", ALL_FOUR),
    ),
    (
        "sampling.strategies.diverse.similarity_threshold",
        Passed(FARTHEST),
    ),
    ("sampling.strategies.diverse.max_similar", Passed(FARTHEST)),
    ("causality.enabled", Always("true", TRACKED)),
    ("causality.auto_link_events", Passed(CAUSE)),
    ("causality.link_threshold_ms", Passed(CAUSE)),
    ("causality.max_causal_chain", Passed(CAUSE)),
    ("causality.store_full_trajectories", Always("true", TRACKED)),
    ("causality_tracking.enabled", Always("true", TRACKED)),
    ("causality_tracking.auto_link_threshold_ms", Passed(CAUSE)),
    ("causality_tracking.max_chain_depth", Passed(CAUSE)),
    ("integration.dna_guardian_integration", Passed(VERDICTS)),
    ("integration.auto_record_token_events", Passed(VERDICTS)),
    ("integration.dna_guardian.enabled", Passed(VERDICTS)),
    (
        "integration.dna_guardian.auto_record_events",
        Passed(VERDICTS),
    ),
    ("integration.dna_guardian.event_types", Passed(VERDICTS)),
    ("integration.monitoring.enabled", Passed(STATS)),
    ("integration.monitoring.metrics_prefix", Passed(STATS)),
    ("integration.monitoring.collect_interval", Passed(STATS)),
    ("performance.max_workers", Passed(THREADS)),
    ("performance.queue_size", Passed(THREADS)),
    ("performance.batch_processing_timeout", Passed(THREADS)),
    ("debug.log_raw_events", Passed(TAIL)),
    (
        "debug.validate_schema",
        Always("true", "what is no event is always refused"),
    ),
    ("debug.trace_sampling", Passed(TAIL)),
];

/// Of the keys that not even the original has: whole sections without a counterpart.
pub(super) const SECTIONS: [(&str, &str); 8] = [
    ("environment", ONE_ENVIRONMENT),
    ("sampling.strategies.diverse.", FARTHEST),
    ("causality.", CAUSE),
    ("causality_tracking.", CAUSE),
    ("integration.", VERDICTS),
    ("monitoring.", STATS),
    ("performance.", THREADS),
    ("debug.", TAIL),
];
