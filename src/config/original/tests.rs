//! The original's own files, key for key: the flat one that its document describes and the nested one that it ships.

use super::*;

fn read(text: &str) -> Translated {
    let table = DeTable::parse(text).expect("TOML");
    let origin = |byte: usize| Origin::File {
        path: "dreamer.toml".into(),
        line: 1 + text[..byte].matches('\n').count(),
    };
    translate(table.get_ref(), &origin)
}

fn words(told: &Translated) -> Vec<String> {
    told.errors.iter().map(ToString::to_string).collect()
}

/// Every key of the flat form at its own value, as far as TOML can say it: its address is null.
const FLAT: &str = r#"
enabled = true
[stream]
batch_size = 256
flush_interval = 1.0
backend = "console"
file_path = "./data/experience_events.jsonl"
http_endpoint = ""
retain_in_memory = true
max_buffer_size = 10000
[storage]
circular_buffer_size = 100000
sliding_window_size = 1000000
sliding_window_duration_hours = 24
[sampling]
default_strategy = "uniform"
prioritized_alpha = 0.6
prioritized_beta = 0.4
recent_window_size = 10000
[causality_tracking]
enabled = true
auto_link_threshold_ms = 100
max_chain_depth = 10
[integration]
dna_guardian_integration = true
auto_record_token_events = true
"#;

/// Every key of the nested form at its own value.
const NESTED: &str = r#"
enabled = true
environment = "development"
[stream]
batch_size = 256
flush_interval = 1.0
max_buffer_size = 10000
backpressure_threshold = 0.8
[[stream.backends]]
name = "console"
enabled = true
level = "INFO"
[[stream.backends]]
name = "file"
enabled = true
path = "./data/experience_events.jsonl"
rotation = "100 MB"
compression = "gzip"
[[stream.backends]]
name = "http"
enabled = HTTP
endpoint = "http://localhost:8000/api/v1/experience"
timeout = 5.0
retry_attempts = 3
retry_delay = 1.0
[storage]
type = "circular_buffer"
circular_buffer_size = 100000
sliding_window_size = 1000000
sliding_window_duration = "24h"
[sampling]
default_strategy = "uniform"
[sampling.strategies.uniform]
enabled = true
[sampling.strategies.prioritized]
enabled = true
alpha = 0.6
beta = 0.4
epsilon = 1e-6
[sampling.strategies.recent]
enabled = true
window_size = 10000
[sampling.strategies.diverse]
enabled = true
similarity_threshold = 0.7
max_similar = 10
[causality]
enabled = true
auto_link_events = true
link_threshold_ms = 100
max_causal_chain = 10
store_full_trajectories = true
[integration.dna_guardian]
enabled = true
auto_record_events = true
event_types = ["token_created", "token_updated", "experience_stored"]
[integration.monitoring]
enabled = true
metrics_prefix = "neurograph.experience"
collect_interval = 60
[performance]
max_workers = 4
queue_size = 1000
batch_processing_timeout = 30
[debug]
log_raw_events = false
validate_schema = true
trace_sampling = 0.01
"#;

fn given(told: &Translated, id: Id) -> Option<&str> {
    let mut all = told.given.iter();
    all.find(|(given, ..)| *given == id)
        .map(|(_, text, _)| text.as_str())
}

#[test]
fn both_of_its_files_are_accepted_whole_and_what_means_nothing_here_is_said() {
    for (text, sinks, file_mb, passed) in [
        (FLAT.to_owned(), "sqlite,console", 64, 5),
        (
            NESTED.replace("HTTP", "false"),
            "sqlite,console,file",
            100,
            21,
        ),
        (
            NESTED.replace("HTTP", "true"),
            "sqlite,console,file,http://localhost:8000/api/v1/experience",
            100,
            24,
        ),
    ] {
        let told = read(&text);
        assert!(told.errors.is_empty(), "{:#?}", words(&told));
        assert_eq!(given(&told, Id::ExperienceSinks), Some(sinks));
        let limits = given(&told, Id::ExperienceLimits).expect("limits");
        let limits = experience::limits(limits).expect("they fit");
        let wanted = ExperienceLimits {
            file_mb,
            ..ExperienceLimits::default()
        };
        assert_eq!(limits, wanted, "its defaults are ours");
        assert_eq!(told.notes.len(), passed, "{:#?}", told.notes);
    }
}

#[test]
fn no_key_of_the_originals_is_known_that_its_files_do_not_have() {
    let nested = NESTED.replace("HTTP", "true");
    for (path, means) in KEYS {
        let name = path.rsplit('.').next().expect("a name");
        let there = |text: &str| {
            text.lines()
                .any(|line| line.starts_with(&format!("{name} = ")))
        };
        assert!(there(FLAT) || there(&nested), "{path} {means:?}");
    }
}

#[test]
fn what_means_nothing_here_is_passed_over_at_any_value() {
    for (key, value) in [
        ("stream.file_path", "\"./elsewhere.jsonl\""),
        ("causality_tracking.auto_link_threshold_ms", "200"),
        ("integration.dna_guardian_integration", "false"),
        ("performance.max_workers", "8"),
        ("debug.log_raw_events", "true"),
        (
            "integration.dna_guardian.event_types",
            "[\"token_created\"]",
        ),
    ] {
        let told = read(&format!("{key} = {value}"));
        assert!(
            told.errors.is_empty() && told.given.is_empty(),
            "{key}: {:?}",
            words(&told)
        );
        let [note] = &told.notes[..] else {
            panic!("{key}: {:?}", told.notes)
        };
        assert!(note.starts_with(&format!("experience.{key} = ")), "{note}");
        assert!(note.contains("is passed over"), "{note}");
    }
    let told = read("stream.batch_size = [256]");
    assert!(words(&told)[0].contains("not a single value"));
}

#[test]
fn a_note_says_the_key_the_value_the_reason_and_the_line() {
    let told = read("\nstream.file_path = \"./data/experience_events.jsonl\"");
    assert_eq!(
        told.notes,
        [
            "experience.stream.file_path = \"./data/experience_events.jsonl\" is passed over: the file is \
             `experience/experience.jsonl` in the data folder; `data_dir` moves it (file dreamer.toml:2)"
        ]
    );
}

/// Its documented limits, each at another value than its own.
const DOCUMENTED: &str = r#"
[stream]
batch_size = 128
flush_interval = 0.5
backend = "console"
max_buffer_size = 5000
[storage]
circular_buffer_size = 1000
sliding_window_size = 2000
sliding_window_duration_hours = 12
[sampling]
default_strategy = "prioritized"
prioritized_alpha = 0.7
prioritized_beta = 0.5
recent_window_size = 300
"#;

#[test]
fn the_documented_keys_mean_our_settings() {
    let told = read(DOCUMENTED);
    assert!(told.errors.is_empty(), "{:?}", words(&told));
    assert_eq!(given(&told, Id::ExperienceSinks), Some("sqlite,console"));
    let limits = given(&told, Id::ExperienceLimits).expect("limits");
    let limits = experience::limits(limits).expect("they fit");
    let wanted = ExperienceLimits {
        hot_events: 1000,
        window_events: 2000,
        window_hours: 12,
        batch_events: 128,
        flush_seconds: 0.5,
        buffered_events: 5000,
        sample: experience::SampleBy::Prioritized,
        recent_events: 300,
        alpha: 0.7,
        beta: 0.5,
        ..ExperienceLimits::default()
    };
    assert_eq!(limits, wanted);
}

#[test]
fn the_nested_form_means_the_same_and_what_is_switched_off_says_nothing() {
    let told = read(
        r#"
enabled = true
[[stream.backends]]
name = "file"
enabled = true
rotation = "100 MB"
compression = "gzip"
[[stream.backends]]
name = "http"
enabled = false
endpoint = "http://8.8.8.8/"
[storage]
sliding_window_duration = "7d"
[sampling.strategies.prioritized]
enabled = true
alpha = 0.6
epsilon = 1e-6
[sampling.strategies.recent]
window_size = 50
[causality]
enabled = true
"#,
    );
    assert!(told.errors.is_empty(), "{:?}", words(&told));
    let given: Vec<(Id, &str)> = told
        .given
        .iter()
        .map(|(id, text, _)| (*id, text.as_str()))
        .collect();
    assert_eq!(
        given,
        [
            (
                Id::ExperienceLimits,
                "file_mb=100,window_hours=168,alpha=0.6,recent_events=50"
            ),
            (Id::ExperienceSinks, "sqlite,file"),
        ]
    );
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_to_do() {
    let told = read(
        r#"enabled = false
[stream]
batch_size = "many"
backpressure_threshold = 0.9
backend = "http"
[storage]
circular_buffer_size = -1
[sampling]
prioritized_alpha = 1.5
default_strategy = "best"
[performance]
max_workers = 5
[colours]
red = 1
"#,
    );
    insta::assert_snapshot!(words(&told).join("\n"));
    assert!(told.given.iter().all(|(id, ..)| *id != Id::ExperienceSinks));
}

#[test]
fn a_limit_by_both_of_its_names_is_a_mistake() {
    let told =
        read("sampling.prioritized_alpha = 0.5\nsampling.strategies.prioritized.alpha = 0.6\n");
    assert!(
        words(&told)[0].contains("alpha a second time"),
        "{:?}",
        words(&told)
    );
}

#[test]
fn single_names_are_known_with_and_without_what_stands_before_them() {
    for name in [
        "prioritized_alpha",
        "sampling.prioritized_alpha",
        "experience.sampling.prioritized_alpha",
        "strategies.prioritized.alpha",
    ] {
        assert_eq!(limit_of(name), Some("alpha"), "{name}");
    }
    for name in [
        "size",
        "elsewhere.prioritized_alpha",
        "",
        "stream.backend",
        "buffer_size",
    ] {
        assert_eq!(limit_of(name), None, "{name}");
    }
}
