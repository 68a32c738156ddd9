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
