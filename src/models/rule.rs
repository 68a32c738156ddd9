//! One rule over all models: learns outcomes, tells weights, chooses. Pure.

use std::collections::BTreeMap;

use super::belief::Thompson;
use super::configured::Strategy;
use super::transfer::RewardPunish;
use crate::chance::{Bounds, Chance, bounded};
use crate::dream::ArmKey;

/// Draws from which a Thompson weight is told: a share of one half is exact to a per cent.
pub(super) const DRAWS: u32 = 4_000;
/// The same draws each time, so that the same facts show the same weights.
const DRAW_SEED: u64 = 6;

#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    Thompson { beliefs: Thompson, bounds: Bounds },
    RewardPunish(RewardPunish),
}

impl Rule {
    #[must_use]
    pub fn new(strategy: &Strategy, bounds: Bounds) -> Self {
        match strategy {
            Strategy::Thompson(params) => Self::Thompson {
                beliefs: Thompson::new(*params),
                bounds,
            },
            Strategy::RewardPunish(params) => {
                Self::RewardPunish(RewardPunish::new(*params, bounds))
            }
        }
    }

    pub fn add(&mut self, arm: &ArmKey) {
        match self {
            Self::Thompson { beliefs, .. } => beliefs.add(arm),
            Self::RewardPunish(rule) => rule.add(arm),
        }
    }

    pub fn learn(&mut self, arm: &ArmKey, success: f64, seconds: f64) {
        match self {
            Self::Thompson { beliefs, .. } => beliefs.learn(arm, success, seconds),
            Self::RewardPunish(rule) => rule.learn(arm, success, seconds),
        }
    }

    /// The share of the next choices that each of `among` would have; they sum to 1.
    #[must_use]
    pub fn weights(&self, among: &[ArmKey]) -> Vec<f64> {
        self.weights_of(among, DRAWS)
    }

    /// As `weights`, from so many draws where draws are needed.
    pub(super) fn weights_of(&self, among: &[ArmKey], draws: u32) -> Vec<f64> {
        match self {
            Self::Thompson { beliefs, bounds } => {
                let mut chance = Chance::seeded(DRAW_SEED);
                let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
                for _ in 0..draws {
                    if let Some(best) = beliefs.draw(among, &mut chance) {
                        *counts.entry(best).or_default() += 1;
                    }
                }
                let floor = bounds.among(among.len()).min;
                let left = 1.0 - floor * among.len() as f64;
                let share = |n: usize| f64::from(counts.get(&n).copied().unwrap_or_default());
                let mixed = (0..among.len()).map(|n| floor + left * share(n) / f64::from(draws));
                bounded(&mixed.collect::<Vec<_>>(), *bounds)
            }
            Self::RewardPunish(rule) => {
                let raw: Vec<f64> = among
                    .iter()
                    .map(|a| rule.weight(a).unwrap_or(0.0))
                    .collect();
                let sum: f64 = raw.iter().sum();
                if sum <= 0.0 {
                    return vec![1.0 / among.len().max(1) as f64; among.len()];
                }
                raw.iter().map(|w| w / sum).collect()
            }
        }
    }

    /// A choice as the weights have it, at the price of one draw.
    pub fn choose(&self, among: &[ArmKey], chance: &mut Chance) -> Option<usize> {
        match self {
            Self::Thompson { beliefs, bounds } => {
                let floor = bounds.among(among.len()).min * among.len() as f64;
                if chance.happens(floor) {
                    return chance.pick(&vec![1.0; among.len()]);
                }
                beliefs.draw(among, chance)
            }
            Self::RewardPunish(_) => chance.pick(&self.weights(among)),
        }
    }

    /// What is known of a model, in plain words.
    #[must_use]
    pub fn figures(&self, arm: &ArmKey) -> String {
        match self {
            Self::Thompson { beliefs, .. } => {
                let (tries, rate, seconds) = beliefs.figures(arm);
                let seconds = seconds.map_or_else(String::new, |s| format!(" at {s:.0} s a try"));
                format!(
                    "{:.0} % believed over {tries:.0} recent tries{seconds}",
                    rate * 100.0
                )
            }
            Self::RewardPunish(rule) => match rule.weight(arm) {
                Some(weight) => format!("weight {weight:.3}"),
                None => "not known yet".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::cases;
    use crate::models::RewardPunishParams;

    fn arm(n: u64) -> ArmKey {
        ArmKey {
            endpoint: String::new(),
            model: format!("m{n}"),
            prompt: String::new(),
        }
    }

    /// Outcomes and seconds as no clock should tell them.
    fn odd(chance: &mut Chance) -> f64 {
        let odd = [
            0.0,
            1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0,
            f64::MAX,
            f64::MIN_POSITIVE,
        ];
        match usize::try_from(chance.bits() % 16).unwrap_or_default() {
            n if n < odd.len() => odd[n],
            _ => 100.0 * chance.unit(),
        }
    }

    #[test]
    fn whatever_is_learned_weights_are_numbers_within_their_bounds_and_somebody_is_chosen() {
        let both = [
            Strategy::default(),
            Strategy::RewardPunish(RewardPunishParams::default()),
        ];
        for seed in 0..u64::from(cases()) {
            let mut chance = Chance::seeded(seed);
            let bounds = Bounds {
                min: 0.2 * chance.unit(),
                max: 0.3 + 0.7 * chance.unit(),
            };
            let count = 1 + chance.bits() % 5;
            let arms: Vec<ArmKey> = (0..count).map(arm).collect();
            let mut rule = Rule::new(&both[usize::try_from(seed % 2).unwrap_or(0)], bounds);
            for arm in &arms {
                rule.add(arm);
            }
            for _ in 0..chance.bits() % 12 {
                let (success, seconds) = (odd(&mut chance), odd(&mut chance));
                rule.learn(&arm(chance.bits() % count), success, seconds);
            }
            let weights = rule.weights_of(&arms, 30);
            let within = bounds.among(arms.len());
            assert!(
                (weights.iter().sum::<f64>() - 1.0).abs() < 1e-6,
                "{seed}: {weights:?}"
            );
            for weight in &weights {
                assert!(
                    *weight >= within.min - 1e-9 && *weight <= within.max + 1e-9,
                    "{seed}: {weights:?} {within:?}"
                );
            }
            assert!(
                rule.choose(&arms, &mut chance)
                    .is_some_and(|place| place < arms.len())
            );
            for arm in &arms {
                assert!(
                    !rule.figures(arm).contains("NaN"),
                    "{seed}: {}",
                    rule.figures(arm)
                );
            }
        }
    }

    /// Whatever the rule and whoever the others: who saves one try in four ends below an equal share, where the others save
    /// three in four. By outcomes in every order of arms and from every place of the pattern.
    #[test]
    fn a_model_that_mostly_loses_ends_below_its_equal_share() {
        let both = [
            Strategy::default(),
            Strategy::RewardPunish(RewardPunishParams::default()),
        ];
        for seed in 0..u64::from(cases()) {
            let mut chance = Chance::seeded(seed);
            let count = 2 + chance.bits() % 3;
            let strategy = &both[usize::try_from(seed % 2).unwrap_or(0)];
            let mut rule = Rule::new(strategy, Bounds::default());
            let (start, first) = (chance.bits() % 4, chance.bits() % count);
            for round in start..start + 24 {
                for turn in 0..count {
                    let n = (first + turn) % count;
                    // The first loses where each of the others saves.
                    let saved = (round + n).is_multiple_of(4) == (n == 0);
                    rule.learn(&arm(n), f64::from(u8::from(saved)), 10.0);
                }
            }
            let arms: Vec<ArmKey> = (0..count).map(arm).collect();
            let share = rule.weights_of(&arms, 60)[0];
            assert!(
                share < 1.0 / count as f64,
                "{seed}, {}: {share} of {count}",
                strategy.as_str()
            );
        }
    }
}
