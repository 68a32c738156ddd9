//! The pack files inside the binary. A test compares this list with the folder.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// File name without ending, and text. The order is the order of dreaming.
pub(super) const FILES: &[(&str, &str)] = files![
    "chunks",
    "count_weekdays",
    "frequent_words",
    "merge_intervals",
    "nth_largest",
    "read_money",
    "round_to_step",
    "run_lengths",
    "shift_letters",
    "sliding_best",
    "task_order",
    "to_base",
    "unique_items",
];
