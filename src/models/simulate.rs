//! Made-up worlds of Bernoulli models, to measure what a rule loses beside knowing the best. Pure; called by the bench
//! and by tests.

use super::configured::Strategy;
use super::rule::Rule;
use crate::chance::{Bounds, Chance};
use crate::dream::ArmKey;

/// Pass rates before and after the middle.
#[derive(Debug, Clone, Copy)]
pub struct World {
    pub name: &'static str,
    pub before: [f64; 4],
    pub after: [f64; 4],
}

/// The three of the issue: nothing changes; the best breaks; the worst is exchanged for a better one.
pub const WORLDS: [World; 3] = [
    World {
        name: "stationary",
        before: [0.45, 0.50, 0.55, 0.65],
        after: [0.45, 0.50, 0.55, 0.65],
    },
    World {
        name: "best breaks at T/2",
        before: [0.45, 0.50, 0.55, 0.65],
        after: [0.45, 0.50, 0.55, 0.10],
    },
    World {
        name: "worst upgraded at T/2",
        before: [0.20, 0.50, 0.55, 0.60],
        after: [0.90, 0.50, 0.55, 0.60],
    },
];

/// Who chooses.
#[derive(Debug, Clone)]
pub enum Player {
    Uniform,
    /// Seed 003's rule: times 1.5 after a success, times 0.8 after a failure, drawn by weight.
    Seed,
    Ours(Strategy, Bounds),
}

/// Seed 003's weights, as it has them.
struct SeedRule([f64; 4]);

impl SeedRule {
    fn learn(&mut self, arm: usize, success: bool) {
        self.0[arm] *= if success { 1.5 } else { 0.8 };
        let sum: f64 = self.0.iter().sum();
        self.0.iter_mut().for_each(|w| *w /= sum);
    }
}

/// Expected successes lost over `steps` choices. `delay`: an outcome is heard of when so many later choices were made.
#[must_use]
pub fn regret(world: &World, player: &Player, steps: usize, delay: usize, seed: u64) -> f64 {
    let mut chance = Chance::seeded(seed);
    let arms: Vec<ArmKey> = (0..4).map(arm).collect();
    let mut seed_rule = SeedRule([0.25; 4]);
    let mut ours = match player {
        Player::Ours(strategy, bounds) => Some(Rule::new(strategy, *bounds)),
        Player::Uniform | Player::Seed => None,
    };
    if let Some(rule) = &mut ours {
        for arm in &arms {
            rule.add(arm);
        }
    }
    let mut pending = std::collections::VecDeque::new();
    let mut lost = 0.0;
    for step in 0..steps {
        let rates = if step < steps / 2 {
            &world.before
        } else {
            &world.after
        };
        let chosen = match (player, &ours) {
            (Player::Seed, _) => chance.pick(&seed_rule.0),
            (_, Some(rule)) => rule.choose(&arms, &mut chance),
            (_, None) => chance.pick(&[1.0; 4]),
        };
        let chosen = chosen.unwrap_or_default();
        lost += rates.iter().copied().fold(0.0, f64::max) - rates[chosen];
        pending.push_back((chosen, chance.happens(rates[chosen])));
        if pending.len() > delay
            && let Some((arm, success)) = pending.pop_front()
        {
            seed_rule.learn(arm, success);
            if let Some(rule) = &mut ours {
                rule.learn(&arms[arm], f64::from(u8::from(success)), 1.0);
            }
        }
    }
    lost
}

fn arm(n: usize) -> ArmKey {
    ArmKey {
        endpoint: "simulated".to_owned(),
        model: format!("arm {n}"),
        prompt: String::new(),
    }
}

/// Mean and 95th percentile (nearest rank).
#[must_use]
pub fn mean_and_p95(mut values: Vec<f64>) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * 95).div_ceil(100).max(1) - 1;
    (
        values.iter().sum::<f64>() / values.len() as f64,
        values[rank],
    )
}
