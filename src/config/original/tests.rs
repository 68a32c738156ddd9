//! The original's own file, key for key.

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

/// As its document has it.
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
    let of = |id| {
        told.given
            .iter()
            .find(|(given, ..)| *given == id)
            .map(|(_, text, _)| text.as_str())
    };
    assert_eq!(of(Id::ExperienceSinks), Some("sqlite,console"));
    let limits = experience::limits(of(Id::ExperienceLimits).expect("limits")).expect("they fit");
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
backpressure_threshold = 0.8
backend = "http"
[storage]
circular_buffer_size = -1
[sampling]
prioritized_alpha = 1.5
default_strategy = "best"
[performance]
max_workers = 4
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
