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

/// Mean regret that ours may have in each of them, over [`STEPS`] choices and [`SEEDS`] seeds; its 95th percentile is to
/// be below that of equal shares.
pub const GOALS: [f64; 3] = [70.0, 125.0, 85.0];
pub const STEPS: usize = 2000;
pub const SEEDS: u64 = 60;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_loses_no_more_than_its_goals_and_in_the_worst_seeds_less_than_equal_shares() {
        let of = |world: &World, player: &Player| {
            let seeds = (0..SEEDS).map(|seed| regret(world, player, STEPS, 0, seed));
            mean_and_p95(seeds.collect())
        };
        let ours = Player::Ours(Strategy::default(), Bounds::default());
        for (world, goal) in WORLDS.iter().zip(GOALS) {
            let (mean, p95) = of(world, &ours);
            let (_, uniform) = of(world, &Player::Uniform);
            assert!(mean <= goal, "{}: mean {mean}", world.name);
            assert!(p95 < uniform, "{}: {p95} and {uniform}", world.name);
        }
    }

    #[test]
    fn who_chooses_by_equal_shares_loses_what_the_rates_say() {
        // 0.65 less the mean of the four, at each step.
        let seeds = (0..SEEDS).map(|seed| regret(&WORLDS[0], &Player::Uniform, STEPS, 0, seed));
        let (mean, _) = mean_and_p95(seeds.collect());
        let expected = STEPS as f64 * (0.65 - 2.15 / 4.0);
        assert!((mean - expected).abs() < 5.0, "{mean}, not {expected}");
    }
}
