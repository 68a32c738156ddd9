//! How much a session may still do. Pure: time is passed in.

use std::time::Duration;

/// What a session was given. `None` means no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub scenarios: Option<u32>,
    pub time: Option<Duration>,
}

/// Why a session that nobody woke came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    Scenarios,
    Time,
}

impl Budget {
    /// `Some` once no further scenario may begin, after `begun` scenarios and `elapsed` time.
    #[must_use]
    pub fn spent(&self, begun: u32, elapsed: Duration) -> Option<Spent> {
        if self.scenarios.is_some_and(|most| begun >= most) {
            return Some(Spent::Scenarios);
        }
        self.time
            .is_some_and(|most| elapsed >= most)
            .then_some(Spent::Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_scenarios_counts_those_begun() {
        let budget = Budget {
            scenarios: Some(2),
            time: None,
        };
        assert_eq!(budget.spent(1, Duration::MAX), None);
        assert_eq!(budget.spent(2, Duration::ZERO), Some(Spent::Scenarios));
    }

    #[test]
    fn a_limit_of_time_is_reached_at_its_end() {
        let budget = Budget {
            scenarios: None,
            time: Some(Duration::from_mins(1)),
        };
        assert_eq!(budget.spent(u32::MAX, Duration::from_secs(59)), None);
        assert_eq!(budget.spent(0, Duration::from_mins(1)), Some(Spent::Time));
    }

    #[test]
    fn without_limits_it_never_ends() {
        let budget = Budget {
            scenarios: None,
            time: None,
        };
        assert_eq!(budget.spent(u32::MAX, Duration::MAX), None);
    }
}
