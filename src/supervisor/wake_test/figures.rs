//! Figures of many wakes: percentiles and a histogram. Pure.

use std::time::Duration;

use serde::Serialize;

/// Widest bar of the histogram, in characters.
const BAR: usize = 40;

/// Upper ends of the histogram's rows, in milliseconds; the last row is open. The promises lie on row ends.
const ROWS_MS: [f64; 12] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 10_000.0,
];

/// Everything that was measured of one quantity, in order of size.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    sorted_ms: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// By what the dreams of all rounds were stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freezing {
    OneWrite,
    /// Containers whose groups are not ours, and may be written all the same.
    WriteForEach,
    /// Nobody else can stop them.
    Engine,
    Signals,
}

impl Freezing {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneWrite => "one write to a control group",
            Self::WriteForEach => "one write for each container",
            Self::Engine => "a call to the container engine",
            Self::Signals => "a signal to each process",
        }
    }
}

impl Serialize for Freezing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The answer of a wake test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    pub rounds: u32,
    pub backend: String,
    /// A model server of our own that was generating too, where the settings name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_server: Option<String>,
    pub freezing: Freezing,
    /// Key press to the last CPU cycle of dream work; where nothing counts its CPU time, to everything gone, which is the
    /// latest that it can have been.
    pub stillness_ms: Figures,
    /// CPU time that dream work used after the key press; `None` where nothing counts it.
    pub cpu_after_ms: Option<Figures>,
    /// Key press to everything gone.
    pub release_ms: Figures,
    pub failed_rounds: u32,
    /// Why each of them failed.
    #[serde(skip)]
    pub failures: Vec<String>,
}

impl Figures {
    #[must_use]
    pub fn of(durations: Vec<Duration>) -> Self {
        let mut sorted_ms: Vec<f64> = durations
            .into_iter()
            .map(|duration| duration.as_secs_f64() * 1000.0)
            .collect();
        sorted_ms.sort_by(f64::total_cmp);
        Self { sorted_ms }
    }

    /// The smallest figure that `share` of all do not exceed (nearest rank); 0 where there is none.
    #[must_use]
    pub fn percentile(&self, share: f64) -> f64 {
        let count = self.sorted_ms.len();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length is a length"
        )]
        let rank = (share * count as f64).ceil() as usize;
        let at = rank.clamp(1, count.max(1)) - 1;
        self.sorted_ms.get(at).copied().unwrap_or(0.0)
    }

    #[must_use]
    pub fn summary(&self) -> Summary {
        let rounded = |ms: f64| (ms * 100.0).round() / 100.0;
        Summary {
            p50: rounded(self.percentile(0.50)),
            p99: rounded(self.percentile(0.99)),
            max: rounded(self.percentile(1.0)),
        }
    }

    /// One line a row that holds anything, and the empty ones between them.
    #[must_use]
    pub fn histogram(&self) -> Vec<String> {
        let mut counts = vec![0_usize; ROWS_MS.len() + 1];
        for ms in &self.sorted_ms {
            let row = ROWS_MS.iter().position(|end| ms < end);
            counts[row.unwrap_or(ROWS_MS.len())] += 1;
        }
        let first = counts.iter().position(|count| *count > 0).unwrap_or(0);
        let last = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        (first..=last)
            .map(|row| {
                let count = counts[row];
                let name = ROWS_MS
                    .get(row)
                    .map_or_else(|| "     more".to_owned(), |end| format!("< {end:>5} ms"));
                let bar = "█".repeat((count * BAR).div_ceil(most));
                format!("{name} {count:>5} {bar}").trim_end().to_owned()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(ms: &[u64]) -> Figures {
        Figures::of(ms.iter().map(|ms| Duration::from_millis(*ms)).collect())
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let summary = figures(&hundred).summary();
        assert_eq!((summary.p50, summary.p99, summary.max), (50.0, 99.0, 100.0));
        let two = figures(&[7, 3]).summary();
        assert_eq!((two.p50, two.p99, two.max), (3.0, 7.0, 7.0));
        assert!(figures(&[]).summary().max < 1e-9);
    }

    #[test]
    fn the_histogram_shows_the_rows_between_the_first_and_the_last() {
        insta::assert_snapshot!(figures(&[3, 4, 4, 30]).histogram().join("\n"), @r"
        <     5 ms     3 ████████████████████████████████████████
        <    10 ms     0
        <    20 ms     0
        <    50 ms     1 ██████████████
        ");
    }
}
