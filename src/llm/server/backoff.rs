//! When a server that ended by itself is started again. Pure.

use std::time::Duration;

/// Starts in a row after which it is left alone: what fails six times within half a minute needs a person.
const MOST: u32 = 5;

/// A server that answered for this long was well: what happens then counts as the first failure.
const WELL: Duration = Duration::from_mins(1);

/// Failures in a row.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failures(u32);

impl Failures {
    /// How long to wait before the next start; `None` where there is to be none.
    pub(super) fn another(&mut self, answered_for: Duration) -> Option<Duration> {
        if answered_for >= WELL {
            self.0 = 0;
        }
        self.0 += 1;
        (self.0 <= MOST).then(|| Duration::from_secs(1 << (self.0 - 1)))
    }

    pub(super) fn count(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let mut failures = Failures::default();
        let waits: Vec<_> = (0..6).map(|_| failures.another(Duration::ZERO)).collect();
        let seconds = [1, 2, 4, 8, 16].map(|s| Some(Duration::from_secs(s)));
        assert_eq!(waits[..5], seconds);
        assert_eq!(waits[5], None);
    }

    #[test]
    fn a_server_that_was_well_for_a_while_begins_anew() {
        let mut failures = Failures::default();
        for _ in 0..5 {
            failures.another(Duration::ZERO);
        }
        assert_eq!(failures.another(WELL), Some(Duration::from_secs(1)));
    }
}
