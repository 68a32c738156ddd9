//! The original's reward and punishment of models, repaired, kept beside Thompson sampling for comparison. Pure.
//!
//! A success is worth `lr · min(ln(1 + 100·gain) · sure², 5) · reward_multiplier`, a failure costs
//! `lr · min(ln(1 + 100·loss) · (1 + sure), 3) · punishment_multiplier`: the original's steps, `sure` being the model's own
//! weight (a reward counts it from one half on). What differs is how they are applied. A step is a transfer between one model and the others, so a punished weight cannot rise when all are
//! normalised; a step is divided by how often the model is chosen, so that the strong are not fed for being asked; no
//! weight rests at zero, from where nothing would lead back; and the decay really moves weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chance::{Bounds, bounded};
use crate::dream::ArmKey;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardPunishParams {
    pub learning_rate: f64,
    pub reward_multiplier: f64,
    pub punishment_multiplier: f64,
    /// Share of the way to equal weights that each outcome takes everybody.
    pub decay: f64,
}

impl Default for RewardPunishParams {
    /// The original's three figures; a decay that halves a lead in some 700 tries.
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            reward_multiplier: 1.5,
            punishment_multiplier: 0.8,
            decay: 0.001,
        }
    }
}

/// A model that is seldom asked counts more when it is, up to this.
const MOST_CATCHING_UP: f64 = 10.0;
/// The original's caps of a step.
const MOST_REWARD: f64 = 5.0;
const MOST_PUNISHMENT: f64 = 3.0;
/// How far a success may be faster or slower than usual and still count.
const GAIN: (f64, f64) = (0.1, 10.0);

#[derive(Debug, Clone, PartialEq)]
pub struct RewardPunish {
    params: RewardPunishParams,
    bounds: Bounds,
    weights: BTreeMap<ArmKey, f64>,
    /// Seconds and count of all tries so far, to tell a fast success from a slow one.
    seconds: (f64, f64),
}

impl RewardPunish {
    #[must_use]
    pub fn new(params: RewardPunishParams, bounds: Bounds) -> Self {
        Self {
            params,
            bounds,
            weights: BTreeMap::new(),
            seconds: (0.0, 0.0),
        }
    }

    #[must_use]
    pub fn weight(&self, arm: &ArmKey) -> Option<f64> {
        self.weights.get(arm).copied()
    }

    /// A newcomer begins with an equal share, taken from everybody in proportion.
    pub fn add(&mut self, arm: &ArmKey) {
        if self.weights.contains_key(arm) {
            return;
        }
        let equal = 1.0 / (self.weights.len() + 1) as f64;
        for weight in self.weights.values_mut() {
            *weight *= 1.0 - equal;
        }
        self.weights.insert(arm.clone(), equal);
        let raw: Vec<f64> = self.weights.values().copied().collect();
        for (weight, fit) in self.weights.values_mut().zip(bounded(&raw, self.bounds)) {
            *weight = fit;
        }
    }

    /// `success` 0 to 1 (half and more is a reward); what is no number changes nothing.
    pub fn learn(&mut self, arm: &ArmKey, success: f64, seconds: f64) {
        if !success.is_finite() || !seconds.is_finite() {
            return;
        }
        self.add(arm);
        let before = self.weight(arm).unwrap_or_default();
        self.decay();
        let (sum, count) = self.seconds;
        let usual = if count > 0.0 { sum / count } else { seconds };
        self.seconds = (sum + seconds.max(0.0), count + 1.0);
        let sure = self.weight(arm).unwrap_or_default();
        let RewardPunishParams {
            learning_rate: lr,
            reward_multiplier,
            punishment_multiplier,
            ..
        } = self.params;
        let often = (sure * self.weights.len() as f64).max(1.0 / MOST_CATCHING_UP);
        if success >= 0.5 {
            let gain = if seconds > 0.0 { usual / seconds } else { 1.0 };
            let size = (1.0 + 100.0 * gain.clamp(GAIN.0, GAIN.1)).ln() * (0.5 + 0.5 * sure).powi(2);
            self.reward(arm, lr * size.min(MOST_REWARD) * reward_multiplier / often);
        } else {
            let size = 101.0_f64.ln() * (1.0 + sure);
            self.punish(
                arm,
                lr * size.min(MOST_PUNISHMENT) * punishment_multiplier / often,
            );
        }
        // Forgetting moves everybody towards the equal share, but nobody up by a failure or down by a success.
        let drift = self.weight(arm).unwrap_or_default() - before;
        if success >= 0.5 {
            self.reward(arm, -drift);
        } else {
            self.punish(arm, drift);
        }
    }

    /// Gives `step` to one model, taken from the others by what they have above the least. Never lowers it.
    pub fn reward(&mut self, arm: &ArmKey, step: f64) {
        let Bounds { min, max } = self.bounds.among(self.weights.len());
        let Some(mine) = self.weight(arm) else { return };
        let spare = |w: f64| (w - min).max(0.0);
        let others = self.weights.iter().filter(|(key, _)| *key != arm);
        let pool: f64 = others.map(|(_, w)| spare(*w)).sum();
        let step = sound(step).min(max - mine).min(pool);
        if step <= 0.0 || pool <= 0.0 {
            return;
        }
        for (key, weight) in &mut self.weights {
            if key == arm {
                *weight = (*weight + step).min(max);
            } else {
                *weight = (*weight - step * spare(*weight) / pool).max(min);
            }
        }
    }

    /// Takes `step` from one model and gives it to the others by the room that they have. Never raises it.
    pub fn punish(&mut self, arm: &ArmKey, step: f64) {
        let Bounds { min, max } = self.bounds.among(self.weights.len());
        let Some(mine) = self.weight(arm) else { return };
        let room = |w: f64| (max - w).max(0.0);
        let others = self.weights.iter().filter(|(key, _)| *key != arm);
        let pool: f64 = others.map(|(_, w)| room(*w)).sum();
        let step = sound(step).min(mine - min).min(pool);
        if step <= 0.0 || pool <= 0.0 {
            return;
        }
        for (key, weight) in &mut self.weights {
            if key == arm {
                *weight = (*weight - step).max(min);
            } else {
                *weight = (*weight + step * room(*weight) / pool).min(max);
            }
        }
    }

    fn decay(&mut self) {
        let equal = 1.0 / self.weights.len().max(1) as f64;
        let share = sound(self.params.decay).min(1.0);
        for weight in self.weights.values_mut() {
            *weight += share * (equal - *weight);
        }
    }
}

fn sound(step: f64) -> f64 {
    if step.is_finite() { step.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arm(n: usize) -> ArmKey {
        ArmKey {
            endpoint: "here".to_owned(),
            model: format!("m{n}"),
            prompt: "1".to_owned(),
        }
    }

    fn world(count: usize, bounds: Bounds, decay: f64) -> RewardPunish {
        let params = RewardPunishParams {
            decay,
            ..RewardPunishParams::default()
        };
        let mut world = RewardPunish::new(params, bounds);
        (0..count).for_each(|n| world.add(&arm(n)));
        world
    }

    fn sound_in(world: &RewardPunish) -> Result<(), TestCaseError> {
        let bounds = world.bounds.among(world.weights.len());
        let sum: f64 = world.weights.values().sum();
        prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        for w in world.weights.values() {
            prop_assert!(
                *w >= bounds.min - 1e-9 && *w <= bounds.max + 1e-9,
                "{w} {bounds:?}"
            );
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::chance::cases()))]

        #[test]
        fn a_punishment_never_raises_and_a_reward_never_lowers(
            count in 1..6_usize,
            min in 0.0..0.2_f64,
            max in 0.3..1.0_f64,
            steps in prop::collection::vec((0..6_usize, any::<bool>(), prop_oneof![
                0.0..1.0_f64, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(1e300)]), 1..12),
        ) {
            let mut world = world(count, Bounds { min, max }, 0.0);
            for (n, up, step) in steps {
                let arm = arm(n % count);
                let before = world.weight(&arm).unwrap();
                if up {
                    world.reward(&arm, step);
                    prop_assert!(world.weight(&arm).unwrap() >= before);
                } else {
                    world.punish(&arm, step);
                    prop_assert!(world.weight(&arm).unwrap() <= before);
                }
                sound_in(&world)?;
            }
        }

        #[test]
        fn a_failure_never_raises_and_a_success_never_lowers_who_is_known(
            count in 1..6_usize,
            min in 0.0..0.2_f64,
            max in 0.3..1.0_f64,
            decay in 0.0..1.0_f64,
            outcomes in prop::collection::vec((0..6_usize, any::<bool>(), 0.0..1e5_f64), 1..12),
        ) {
            let mut world = world(count, Bounds { min, max }, decay);
            for (n, success, seconds) in outcomes {
                let arm = arm(n % count);
                let before = world.weight(&arm).unwrap();
                world.learn(&arm, f64::from(u8::from(success)), seconds);
                let after = world.weight(&arm).unwrap();
                let (low, high) = if success { (before, after) } else { (after, before) };
                prop_assert!(low <= high + 1e-9, "{before} to {after}");
                sound_in(&world)?;
            }
        }

        #[test]
        fn whatever_is_learned_the_weights_stay_weights(
            count in 1..6_usize,
            min in 0.0..0.2_f64,
            outcomes in prop::collection::vec((0..6_usize,
                prop_oneof![Just(0.0), Just(1.0), Just(f64::NAN), -2.0..2.0_f64],
                prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::MAX), 0.0..1e5_f64]), 1..12),
        ) {
            let mut world = world(count, Bounds { min, max: 0.7 }, 0.01);
            for (n, success, seconds) in outcomes {
                world.learn(&arm(n % count), success, seconds);
                sound_in(&world)?;
            }
        }

        #[test]
        fn who_only_fails_never_stands_above_who_only_succeeds(
            others in 0..4_usize,
            outcomes in prop::collection::vec((0..6_usize, any::<bool>()), 1..40),
        ) {
            let count = others + 2;
            let mut world = world(count, Bounds { min: 0.01, max: 0.7 }, 0.001);
            for (n, success) in outcomes {
                // The first model fails always, the second never.
                let success = match n % count { 0 => false, 1 => true, _ => success };
                world.learn(&arm(n % count), f64::from(u8::from(success)), 1.0);
                prop_assert!(world.weight(&arm(0)).unwrap() <= world.weight(&arm(1)).unwrap() + 1e-12);
            }
        }
    }
}
