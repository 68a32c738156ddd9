//! The pack files inside the binary. A test compares this list with the folder.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".toml")))),*]
    };
}

/// File name without ending, and text. The order is the order of dreaming.
pub(super) const FILES: &[(&str, &str)] = files!["run_lengths", "merge_intervals", "task_order"];
