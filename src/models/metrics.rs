//! What a model's outcomes come to. Pure.

use serde::Serialize;

/// Over all recorded tries of one model. A try's gain is +1 where it was saved and -1 where it was not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Metrics {
    pub tries: u64,
    pub saved: u64,
    /// 0 to 1; 0 where nothing was tried.
    pub pass_rate: f64,
    /// Mean gain of a try, -1 to 1.
    pub mean_reward: f64,
    /// Verified dreams per second of machine time.
    pub reward_per_second: f64,
    pub seconds: f64,
    /// Deepest fall of the summed gain from an earlier height, in tries.
    pub max_drawdown: f64,
    /// Mean gain over its standard deviation; 0 where it never varied.
    pub sharpe: f64,
}

impl Metrics {
    /// One line for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!(
            "{} saved of {} tries ({:.0} %), {:.1} an hour, deepest fall {:.0}, steadiness {:.2}",
            self.saved,
            self.tries,
            100.0 * self.pass_rate,
            3600.0 * self.reward_per_second,
            self.max_drawdown,
            self.sharpe,
        )
    }
}

/// From outcomes in their order: whether saved, and seconds.
#[must_use]
pub fn metrics(outcomes: &[(bool, f64)]) -> Metrics {
    if outcomes.is_empty() {
        return Metrics::default();
    }
    let tries = outcomes.len() as f64;
    let saved = outcomes.iter().filter(|(saved, _)| *saved).count();
    let sound = |s: f64| if s.is_finite() { s.max(0.0) } else { 0.0 };
    let seconds: f64 = outcomes.iter().map(|(_, s)| sound(*s)).sum();
    let pass_rate = saved as f64 / tries;
    let mean_reward = 2.0 * pass_rate - 1.0;
    // Of gains that are +1 or -1.
    let deviation = (1.0 - mean_reward * mean_reward).max(0.0).sqrt();
    let (mut sum, mut height, mut max_drawdown) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (saved, _) in outcomes {
        sum += if *saved { 1.0 } else { -1.0 };
        height = height.max(sum);
        max_drawdown = max_drawdown.max(height - sum);
    }
    Metrics {
        tries: outcomes.len() as u64,
        saved: saved as u64,
        pass_rate,
        mean_reward,
        reward_per_second: if seconds > 0.0 {
            saved as f64 / seconds
        } else {
            0.0
        },
        seconds,
        max_drawdown,
        sharpe: if deviation > 0.0 {
            mean_reward / deviation
        } else {
            0.0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_and_a_fall_are_told() {
        let outcomes = [true, true, true, false, false, true].map(|saved| (saved, 10.0));
        let m = metrics(&outcomes);
        assert_eq!((m.tries, m.saved), (6, 4));
        assert!((m.max_drawdown - 2.0).abs() < 1e-12);
        assert!((m.reward_per_second - 4.0 / 60.0).abs() < 1e-12);
        assert!((m.mean_reward - 1.0 / 3.0).abs() < 1e-12);
        assert!((m.sharpe - (1.0 / 3.0) / (8.0_f64 / 9.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_ever_not_a_number() {
        for outcomes in [
            vec![],
            vec![(true, f64::NAN)],
            vec![(false, 0.0)],
            vec![(true, -1.0); 3],
        ] {
            let m = metrics(&outcomes);
            let all = [
                m.pass_rate,
                m.mean_reward,
                m.reward_per_second,
                m.seconds,
                m.max_drawdown,
                m.sharpe,
            ];
            assert!(all.iter().all(|v| v.is_finite()), "{outcomes:?} {m:?}");
        }
    }
}
