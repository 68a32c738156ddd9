//! The ladder of difficulty: keeps the measured pass rate where something can be learned, neither always nor never
//! solved. Pure: outcomes in, the share of each rung out.
//!
//! Each rung has a fading belief about its pass rate; harder is never believed easier. The shares are those that would
//! give the target rate, and the target leans against what was measured of late.

use crate::chance::Chance;
use crate::dream::{Alternative, Decision, Difficulty};

/// The middle of the learnable band: p(1 - p) is largest there.
pub const TARGET: f64 = 0.5;
/// A scenario's say after each later one: twenty scenarios are remembered, so that a new model is known after as many.
const DISCOUNT: f64 = 0.95;
/// Of the measured pass rate: the last fourteen or so.
const RECENT: f64 = 0.93;
/// How far the target leans against the measured rate.
const LEAN: f64 = 1.0;
/// The same of a ladder among many, against what is measured over all of them and on itself. One of sixteen hears of a new
/// model by its own outcomes a hundred tries later: with 2.5 and 0.25 the rate over all is back as soon as with one ladder.
const LEAN_AMONG: (f64, f64) = (2.5, 0.25);
/// No rung is ever forgotten.
pub const LEAST_SHARE: f64 = 0.05;
/// What is believed of nothing known, and of how many tries' weight.
const UNKNOWN: [f64; 3] = [0.6, 0.5, 0.4];
const UNKNOWN_TRIES: f64 = 2.0;

#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    prior: [f64; 3],
    /// Faded successes and failures of each rung.
    rungs: [(f64, f64); 3],
    recent: f64,
    /// What is measured of late over all ladders, where this is one of many.
    elsewhere: Option<f64>,
    tries: u64,
}

impl Default for Ladder {
    fn default() -> Self {
        Self::with_prior(UNKNOWN)
    }
}

pub(super) fn rung(difficulty: Difficulty) -> usize {
    match difficulty {
        Difficulty::Simple => 0,
        Difficulty::Medium => 1,
        Difficulty::Complex => 2,
    }
}

impl Ladder {
    /// A ladder that begins with what is believed elsewhere: a new topic is as hard as the others until it shows.
    #[must_use]
    pub fn with_prior(prior: [f64; 3]) -> Self {
        Self {
            prior: prior.map(|p| {
                if p.is_finite() {
                    p.clamp(0.02, 0.98)
                } else {
                    TARGET
                }
            }),
            rungs: [(0.0, 0.0); 3],
            recent: TARGET,
            elsewhere: None,
            tries: 0,
        }
    }

    /// One ladder of many; `all` learns from the outcomes of every one.
    #[must_use]
    pub(super) fn among(all: &Self) -> Self {
        Self {
            elsewhere: Some(all.recent),
            ..Self::with_prior(all.rates())
        }
    }

    pub fn learn(&mut self, difficulty: Difficulty, success: bool) {
        self.learn_moved(difficulty, success, 0.0);
    }

    /// An outcome of a time at which the rung was believed to pass by `shift` less often than now.
    pub(super) fn learn_moved(&mut self, difficulty: Difficulty, success: bool, shift: f64) {
        for (successes, failures) in &mut self.rungs {
            *successes *= DISCOUNT;
            *failures *= DISCOUNT;
        }
        let (successes, failures) = &mut self.rungs[rung(difficulty)];
        let outcome = if success { 1.0 } else { 0.0 };
        *successes += outcome + shift;
        *failures += 1.0 - outcome - shift;
        self.recent += (1.0 - RECENT) * (outcome - self.recent);
        self.tries += 1;
    }

    /// Scenarios that it has learned from.
    #[must_use]
    pub fn tries(&self) -> u64 {
        self.tries
    }

    /// Believed pass rates, never rising with the difficulty (pooled where they would).
    #[must_use]
    pub fn rates(&self) -> [f64; 3] {
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        for (&(s, f), prior) in self.rungs.iter().zip(self.prior) {
            let weight = s + f + UNKNOWN_TRIES;
            let rate = (s + prior * UNKNOWN_TRIES) / weight;
            pools.push((rate.clamp(0.0, 1.0), weight, 1));
            while let [.., (easy, a, n), (hard, b, m)] = pools[..] {
                if easy >= hard {
                    break;
                }
                pools.truncate(pools.len() - 2);
                pools.push(((easy * a + hard * b) / (a + b), a + b, n + m));
            }
        }
        let mut rates = pools
            .iter()
            .flat_map(|(rate, _, n)| std::iter::repeat_n(*rate, *n));
        std::array::from_fn(|_| rates.next().unwrap_or(TARGET))
    }

    /// The share of the next scenarios that each rung should have, easiest first.
    #[must_use]
    pub fn shares(&self) -> [f64; 3] {
        let rates = self.rates();
        let here = TARGET - self.recent;
        let lean = match self.elsewhere {
            None => LEAN * here,
            Some(all) => LEAN_AMONG.0 * (TARGET - all) + LEAN_AMONG.1 * here,
        };
        let target = (TARGET + lean).clamp(0.05, 0.95);
        let free = 1.0 - 3.0 * LEAST_SHARE;
        let wanted = (target - LEAST_SHARE * rates.iter().sum::<f64>()) / free;
        let mut shares = [LEAST_SHARE; 3];
        let [easy, middle, hard] = rates;
        if wanted >= easy {
            shares[0] += free;
        } else if wanted <= hard {
            shares[2] += free;
        } else {
            let (upper, lower) = if wanted > middle { (0, 1) } else { (1, 2) };
            let between = rates[upper] - rates[lower];
            let part = if between > 1e-9 {
                (wanted - rates[lower]) / between
            } else {
                0.5
            };
            shares[upper] += free * part;
            shares[lower] += free * (1.0 - part);
        }
        shares
    }

    /// The next scenario's difficulty, and why.
    pub fn decide(&self, chance: &mut Chance) -> (Difficulty, Decision) {
        let shares = self.shares();
        let chosen = Difficulty::ALL[chance.pick(&shares).unwrap_or(1)];
        let alternatives = Difficulty::ALL
            .iter()
            .zip(shares)
            .zip(self.rates())
            .map(|((difficulty, weight), rate)| Alternative {
                name: difficulty.as_str().to_owned(),
                weight,
                figures: format!("{:.0} % believed to pass", rate * 100.0),
            })
            .collect();
        let here = self.recent * 100.0;
        let of_late = self.elsewhere.map_or_else(
            || format!("{here:.0} % of late"),
            |all| format!("{:.0} % of late ({here:.0} % here)", all * 100.0),
        );
        let how = format!(
            "drawn to bring {of_late} towards {:.0} %, {} tries known",
            TARGET * 100.0,
            self.tries
        );
        let decision = Decision::drawn("difficulty", chosen.as_str().to_owned(), how, alternatives);
        (chosen, decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A solver of some ability before rungs of some height.
    fn passes(ability: f64, difficulty: Difficulty, step: f64, chance: &mut Chance) -> bool {
        let height = step * (rung(difficulty) as f64 - 1.0);
        chance.happens(1.0 / (1.0 + (height - ability).exp()))
    }

    #[test]
    fn after_a_step_in_ability_the_pass_rate_is_back_within_a_hundred_scenarios() {
        // Better to worse, worse to better, steep rungs, a small step.
        for (step, before, after) in [
            (1.5, 1.2, -1.2),
            (1.5, -1.2, 1.2),
            (2.4, 1.5, -1.5),
            (1.5, 0.8, -0.5),
        ] {
            let rates: Vec<f64> = (0..200)
                .map(|seed| {
                    let mut chance = Chance::seeded(seed);
                    let mut ladder = Ladder::default();
                    let mut saved = 0;
                    for n in 0..250 {
                        let ability = if n < 150 { before } else { after };
                        let (difficulty, _) = ladder.decide(&mut chance);
                        let success = passes(ability, difficulty, step, &mut chance);
                        ladder.learn(difficulty, success);
                        // The second half of the hundred after the step.
                        saved += u32::from(success && n >= 200);
                    }
                    f64::from(saved) / 50.0
                })
                .collect();
            let mean = rates.iter().sum::<f64>() / 200.0;
            let within = rates
                .iter()
                .filter(|r| (**r - 0.5).abs() <= 0.1 + 1e-9)
                .count();
            assert!(
                (mean - 0.5).abs() <= 0.1,
                "{step} {before} {after}: mean {mean}"
            );
            assert!(
                within >= 180,
                "{step} {before} {after}: {within} of 200 seeds, mean {mean}"
            );
        }
    }

    #[test]
    fn no_rung_has_less_than_its_share_and_harder_is_never_believed_easier() {
        for seed in 0..u64::from(crate::chance::cases()) {
            let mut chance = Chance::seeded(seed);
            let mut ladder = Ladder::with_prior(std::array::from_fn(|_| chance.unit()));
            for _ in 0..chance.bits() % 60 {
                let difficulty = Difficulty::ALL[usize::try_from(chance.bits() % 3).unwrap()];
                let success = chance.happens(0.5);
                ladder.learn(difficulty, success);
            }
            let shares = ladder.shares();
            assert!(
                (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9,
                "{seed}: {shares:?}"
            );
            assert!(
                shares.iter().all(|s| *s >= LEAST_SHARE - 1e-12),
                "{seed}: {shares:?}"
            );
            let rates = ladder.rates();
            assert!(
                rates[0] >= rates[1] && rates[1] >= rates[2],
                "{seed}: {rates:?}"
            );
        }
    }

    #[test]
    fn one_outcome_changes_and_the_same_seed_draws_another_rung() {
        // Twenty tries of the middle rung; the last was saved once, and once not.
        let of = |last: bool| {
            let mut ladder = Ladder::default();
            (0..19).for_each(|n| ladder.learn(Difficulty::Medium, n % 2 == 0));
            ladder.learn(Difficulty::Medium, last);
            ladder
        };
        let (saved, lost) = (of(true), of(false));
        let drawn = |ladder: &Ladder, seed| ladder.decide(&mut Chance::seeded(seed)).0;
        let pairs: Vec<_> = (0..400)
            .map(|seed| (drawn(&lost, seed), drawn(&saved, seed)))
            .collect();
        let harder = pairs.iter().filter(|(lost, saved)| saved > lost).count();
        assert!(harder >= 10, "{harder} of 400 seeds draw a harder rung");
        assert!(pairs.iter().all(|(lost, saved)| saved >= lost));
        assert_eq!(drawn(&lost, FLIPS), Difficulty::Simple);
        assert_eq!(drawn(&saved, FLIPS), Difficulty::Medium);
    }

    /// A seed whose draw lies between the shares of the two.
    const FLIPS: u64 = 3;
}
