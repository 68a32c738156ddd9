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
    /// It has no counterpart; the words say what there is.
    Nothing(&'static str),
}

use Means::{Always, Backend, Endpoint, Hours, Limit, Megabytes, Nothing};

const SWITCH_OFF: &str = "experiences are always kept; `experience_sinks` says where, and `dreamer learning forget` forgets";
const ALL_FOUR: &str = "all four strategies are always there";
const TRACKED: &str = "causes and whole trajectories are always kept";

/// Both forms that the original has: the documented flat one and the nested one that it ships. An entry of `backends`
/// stands as `stream.backends.`.
pub(super) const KEYS: [(&str, Means); 39] = [
    ("enabled", Always("true", SWITCH_OFF)),
    ("stream.batch_size", Limit("batch_events")),
    ("stream.flush_interval", Limit("flush_seconds")),
    ("stream.max_buffer_size", Limit("buffered_events")),
    ("stream.backend", Backend),
    ("stream.http_endpoint", Endpoint),
    (
        "stream.file_path",
        Nothing(
            "the file is `experience/experience.jsonl` in the data folder; `data_dir` moves it",
        ),
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
        Nothing("writing never waits; `buffered_events` bounds what may wait for a sink"),
    ),
    ("stream.backends.name", Backend),
    (
        "stream.backends.enabled",
        Always("true", "one that is off is passed over"),
    ),
    (
        "stream.backends.level",
        Nothing("the console shows every event"),
    ),
    (
        "stream.backends.path",
        Nothing(
            "the file is `experience/experience.jsonl` in the data folder; `data_dir` moves it",
        ),
    ),
    ("stream.backends.rotation", Megabytes),
    (
        "stream.backends.compression",
        Always("gzip", "turned files are always packed with gzip"),
    ),
    ("stream.backends.endpoint", Endpoint),
    (
        "stream.backends.timeout",
        Nothing("a server has ten seconds to answer"),
    ),
    (
        "stream.backends.retry_attempts",
        Nothing("a batch is sent again until the server takes it or `buffered_events` are waiting"),
    ),
    (
        "stream.backends.retry_delay",
        Nothing("the pause between two tries grows from a quarter of a second to half a minute"),
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
        Nothing("both are there: the newest `hot_events` of one window of `window_events`"),
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
    ("causality.enabled", Always("true", TRACKED)),
    ("causality.store_full_trajectories", Always("true", TRACKED)),
    ("causality_tracking.enabled", Always("true", TRACKED)),
];

/// Whole sections without a counterpart.
pub(super) const SECTIONS: [(&str, &str); 8] = [
    ("environment", "there is one environment"),
    (
        "sampling.strategies.diverse.",
        "likeness needs no threshold: those farthest from each other are drawn",
    ),
    (
        "causality.",
        "an event's cause is what its trajectory says, never a guess by time",
    ),
    (
        "causality_tracking.",
        "an event's cause is what its trajectory says, never a guess by time",
    ),
    (
        "integration.",
        "the Guardian's verdicts are always written, and the figures are shown by `dreamer experience stats`",
    ),
    (
        "monitoring.",
        "`dreamer experience stats` shows the figures",
    ),
    (
        "performance.",
        "there is one writer and a thread for each sink",
    ),
    (
        "debug.",
        "`dreamer experience tail` shows each event as it was written",
    ),
];
