//! The pack files inside the binary. A test compares this list with the folder.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// File name without ending, and text. The order is the order of dreaming.
pub(super) const FILES: &[(&str, &str)] = files![
    "best_load",
    "brackets",
    "calculate",
    "cheapest_route",
    "chunks",
    "closest_words",
    "count_weekdays",
    "flatten",
    "frequent_words",
    "game_of_cells",
    "group_rows",
    "ledger",
    "merge_intervals",
    "merge_streams",
    "nth_largest",
    "query_path",
    "read_money",
    "read_settings",
    "retry_waits",
    "round_to_step",
    "run_lengths",
    "run_limited",
    "search_sorted",
    "serve_jobs",
    "shift_letters",
    "simulate_cache",
    "sliding_best",
    "spiral",
    "task_order",
    "to_base",
    "unique_items",
    "working_days",
    "wrap_text",
];
