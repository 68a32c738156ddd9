//! Discounted Thompson sampling on verified dreams per second of machine time: of each model a Beta belief about its pass
//! rate and a belief about its seconds a try, both fading, so that a model that was exchanged under its name is found out
//! within some hundred tries. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::dream::ArmKey;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThompsonParams {
    /// What is left of an outcome's say after each later one, 0 to 1. Near 1 learns exactly and forgets slowly.
    pub discount: f64,
    /// Successes and failures that everybody is believed to have had before the first.
    pub prior_successes: f64,
    pub prior_failures: f64,
}

impl Default for ThompsonParams {
    /// Garivier and Moulines' discounting; 0.998 was the best of those tried on three worlds (`cargo bench --bench regret`).
    fn default() -> Self {
        Self {
            discount: 0.998,
            prior_successes: 2.0,
            prior_failures: 2.0,
        }
    }
}

/// Faded sums over one model's outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Belief {
    successes: f64,
    failures: f64,
    seconds: f64,
    /// A failure is charged with the mean of what was charged before at least: one that fails at once is not quick, it is
    /// only short, and no failure may speak for its model.
    charged: f64,
    squared_charged: f64,
    /// Of successes alone.
    success_seconds: f64,
}

impl Belief {
    fn tries(&self) -> f64 {
        self.successes + self.failures
    }

    fn fade(&mut self, discount: f64) {
        self.successes *= discount;
        self.failures *= discount;
        self.seconds *= discount;
        self.charged *= discount;
        self.squared_charged *= discount;
        self.success_seconds *= discount;
    }

    fn mean_seconds(&self) -> Option<f64> {
        (self.tries() > 1e-9 && self.seconds > 0.0).then(|| self.seconds / self.tries())
    }

    fn mean_charged(&self) -> Option<f64> {
        (self.tries() > 1e-9 && self.charged > 0.0).then(|| self.charged / self.tries())
    }

    /// Standard deviation of the seconds charged over their mean.
    fn spread(&self, mean: f64) -> f64 {
        let variance = self.squared_charged / self.tries() - mean * mean;
        (variance.max(0.0).sqrt() / mean).min(MOST_SPREAD)
    }
}

/// Seconds of a try scatter over one power of ten at most; more is an outlier.
const MOST_SPREAD: f64 = 2.0;
/// Of a model that nobody timed yet, nothing is known but the others' seconds.
const TRIES_OF_OTHERS: f64 = 2.0;
/// A draw of the seconds is never below this share of what was measured.
const LEAST_SHARE: f64 = 0.1;

#[derive(Debug, Clone, PartialEq)]
pub struct Thompson {
    params: ThompsonParams,
    arms: BTreeMap<ArmKey, Belief>,
}

impl Thompson {
    #[must_use]
    pub fn new(params: ThompsonParams) -> Self {
        Self {
            params,
            arms: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, arm: &ArmKey) {
        if !self.arms.contains_key(arm) {
            self.arms.insert(arm.clone(), Belief::default());
        }
    }

    /// `success` 0 to 1; what is no number changes nothing.
    pub fn learn(&mut self, arm: &ArmKey, success: f64, seconds: f64) {
        if !success.is_finite() || !seconds.is_finite() {
            return;
        }
        self.add(arm);
        for belief in self.arms.values_mut() {
            belief.fade(self.params.discount);
        }
        if let Some(belief) = self.arms.get_mut(arm) {
            let (success, seconds) = (success.clamp(0.0, 1.0), seconds.clamp(0.0, 1e6));
            let least = if success < 0.5 {
                belief.mean_charged().unwrap_or_default()
            } else {
                0.0
            };
            let charged = seconds.max(least);
            belief.charged += charged;
            belief.squared_charged += charged * charged;
            belief.seconds += seconds;
            belief.successes += success;
            belief.failures += 1.0 - success;
            belief.success_seconds += success * seconds;
        }
    }

    /// Faded tries, pass rate with the prior, and seconds a try.
    #[must_use]
    pub fn figures(&self, arm: &ArmKey) -> (f64, f64, Option<f64>) {
        let belief = self.arms.get(arm).copied().unwrap_or_default();
        let (a, b) = self.shape(&belief);
        (belief.tries(), a / (a + b), belief.mean_seconds())
    }

    fn shape(&self, belief: &Belief) -> (f64, f64) {
        (
            belief.successes + self.params.prior_successes,
            belief.failures + self.params.prior_failures,
        )
    }

    /// Seconds of a success of all models together; of a try, where none succeeded yet.
    fn usual_seconds(&self) -> f64 {
        let beliefs = self.arms.values();
        let (seconds, successes) = beliefs.fold((0.0, 0.0), |(s, n), b| {
            (s + b.success_seconds, n + b.successes)
        });
        if successes > 1e-3 && seconds > 0.0 {
            return seconds / successes;
        }
        let tries = self.arms.values().filter_map(Belief::mean_charged);
        let longest = tries.fold(0.0, f64::max);
        if longest > 0.0 { longest } else { 1.0 }
    }

    /// One draw of verified dreams per second for each of `among`; the place of the largest.
    pub fn draw(&self, among: &[ArmKey], chance: &mut Chance) -> Option<usize> {
        let usual = self.usual_seconds();
        let mut best: Option<(usize, f64)> = None;
        for (place, arm) in among.iter().enumerate() {
            let belief = self.arms.get(arm).copied().unwrap_or_default();
            let (a, b) = self.shape(&belief);
            let rate = chance.beta(a, b) / seconds_drawn(&belief, usual, chance);
            if best.is_none_or(|(_, most)| rate > most) {
                best = Some((place, rate));
            }
        }
        best.map(|(place, _)| place)
    }
}

/// What a try takes on average, given what was seen. How fast a model is, is told by its successes.
fn seconds_believed(belief: &Belief, usual: f64) -> f64 {
    let success =
        (belief.success_seconds + TRIES_OF_OTHERS * usual) / (belief.successes + TRIES_OF_OTHERS);
    success.max(belief.mean_charged().unwrap_or_default())
}

/// As above, with what is not known of it left to chance.
fn seconds_drawn(belief: &Belief, usual: f64, chance: &mut Chance) -> f64 {
    let mean = seconds_believed(belief, usual);
    let spread = belief
        .mean_charged()
        .map_or(0.0, |charged| belief.spread(charged));
    if spread < 1e-9 {
        return mean;
    }
    let doubt = spread / (belief.tries() + TRIES_OF_OTHERS).sqrt();
    (mean * (1.0 + doubt * chance.normal())).max(LEAST_SHARE * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_at_once_is_not_taken_for_quick() {
        let arm = |name: &str| ArmKey {
            endpoint: String::new(),
            model: name.to_owned(),
            prompt: String::new(),
        };
        let arms = [arm("sound"), arm("short")];
        let mut beliefs = Thompson::new(ThompsonParams::default());
        for n in 0..12 {
            beliefs.learn(&arms[0], f64::from(u8::from(n % 3 != 0)), 30.0);
            beliefs.learn(&arms[1], 0.0, 0.005);
        }
        let mut chance = Chance::seeded(1);
        let sound = (0..1000)
            .filter(|_| beliefs.draw(&arms, &mut chance) == Some(0))
            .count();
        assert!(sound > 950, "{sound}");
    }

    #[test]
    fn of_two_that_pass_alike_the_faster_is_asked_more() {
        let arm = |name: &str| ArmKey {
            endpoint: String::new(),
            model: name.to_owned(),
            prompt: String::new(),
        };
        let arms = [arm("fast"), arm("slow")];
        let mut beliefs = Thompson::new(ThompsonParams::default());
        for n in 0..40 {
            let success = f64::from(n % 2);
            beliefs.learn(&arms[0], success, 10.0);
            beliefs.learn(&arms[1], success, 40.0);
        }
        let mut chance = Chance::seeded(1);
        let fast = (0..1000)
            .filter(|_| beliefs.draw(&arms, &mut chance) == Some(0))
            .count();
        assert!(fast > 950, "{fast}");
    }

    /// The exact law, without a draw: after a failure a model is believed less, whatever came before and however short the
    /// failure was, both per try and per second.
    #[test]
    fn every_failure_lowers_the_rate_that_is_believed() {
        let arm = |n: u64| ArmKey {
            endpoint: String::new(),
            model: format!("m{n}"),
            prompt: String::new(),
        };
        for seed in 0..u64::from(crate::chance::cases()) {
            let mut chance = Chance::seeded(seed);
            let mut beliefs = Thompson::new(ThompsonParams {
                discount: 0.5 + 0.5 * chance.unit(),
                prior_successes: 0.01 + 5.0 * chance.unit(),
                prior_failures: 0.01 + 5.0 * chance.unit(),
            });
            let pass = chance.unit();
            for _ in 0..chance.bits() % 30 {
                let success = f64::from(u8::from(chance.happens(pass)));
                beliefs.learn(&arm(chance.bits() % 3), success, 60.0 * chance.unit());
            }
            let loser = arm(0);
            let per_second = |beliefs: &Thompson, pass: f64, usual: f64| {
                let belief = beliefs.arms.get(&loser).copied().unwrap_or_default();
                pass / seconds_believed(&belief, usual)
            };
            for n in 0..6 {
                let (_, before, _) = beliefs.figures(&loser);
                let usual = beliefs.usual_seconds();
                let speed = per_second(&beliefs, before, usual);
                let short = chance.happens(0.5);
                beliefs.learn(&loser, 0.0, if short { 0.0 } else { 60.0 } * chance.unit());
                let (_, after, _) = beliefs.figures(&loser);
                assert!(after < before, "{seed}, failure {n}: {before} to {after}");
                let slowed = per_second(&beliefs, after, usual);
                assert!(
                    slowed < speed,
                    "{seed}, failure {n}: {speed} to {slowed} a second"
                );
            }
        }
    }
}
