//! The pack files inside the binary. A test compares this list with the folder.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// File name without ending, and text. The order is the order of dreaming.
pub(super) const FILES: &[(&str, &str)] = files![
    "brackets",
    "chunks",
    "count_weekdays",
    "flatten",
    "frequent_words",
    "group_rows",
    "merge_intervals",
    "merge_streams",
    "nth_largest",
    "read_money",
    "read_settings",
    "retry_waits",
    "round_to_step",
    "run_lengths",
    "search_sorted",
    "shift_letters",
    "sliding_best",
    "spiral",
    "task_order",
    "to_base",
    "unique_items",
    "working_days",
    "wrap_text",
];
