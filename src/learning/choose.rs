//! Which topic to dream of next: by what can be learned there, how new it is and how long a try takes, and never less
//! than one draw in twenty for any that stands for choice. Pure.

use std::fmt::Write as _;

use super::outlook::Outlook;
use crate::chance::{Bounds, Chance, bounded};
use crate::dream::{Alternative, Decision};

/// No alternative is drawn less often.
pub const LEAST_SHARE: f64 = 0.05;
/// So many alternatives at most stand for choice: with each its least share, half of all draws still go by merit.
pub const MOST_ALTERNATIVES: usize = 10;
/// Of the modules with documented functions so many stand for choice because it is their turn, and so many by merit; the
/// rest of the places are the clusters'.
const MODULES_IN_TURN: usize = 2;
const MODULES_BY_MERIT: usize = 4;
pub const MOST_CLUSTERS: usize = MOST_ALTERNATIVES - MODULES_IN_TURN - MODULES_BY_MERIT;
/// How sharply merit decides: twice the worth is drawn eight times as often.
const SHARPNESS: i32 = 3;

/// One topic that could be next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub topic: String,
    /// `source` or `llm`.
    pub way: &'static str,
    /// Often it was dreamed of, as the knowledge counts; tries that are recorded count beside it.
    pub dreamed: u64,
}

impl Candidate {
    fn name(&self) -> String {
        match self.way {
            "source" => format!("documented functions of {}", self.topic),
            _ => format!("weaving from {}", self.topic),
        }
    }
}

/// What a try at a pass rate is worth: nothing where it never passes, most where it passes often but not always, half of
/// that where it always does (half of it the rate itself, half the learnability 4p(1 - p)).
#[must_use]
pub fn worth(rate: f64) -> f64 {
    let p = if rate.is_finite() {
        rate.clamp(0.0, 1.0)
    } else {
        0.0
    };
    f64::midpoint(p, 4.0 * p * (1.0 - p))
}

/// A topic that was dreamed of 27 times is worth half a new one.
pub(super) fn novelty(times: u64) -> f64 {
    1.0 / (1.0 + times as f64 / 9.0).sqrt().max(1.0)
}

/// The places of a list of so many from the one whose turn it is. The turn goes round by one with every try, so that within as
/// many tries as there are places each of them comes first once, whatever is believed of it.
pub fn turned(places: usize, turn: u64) -> impl Iterator<Item = usize> {
    let first = turn.checked_rem(places as u64).unwrap_or_default();
    let first = usize::try_from(first).unwrap_or_default();
    (first..places).chain(0..first)
}

/// The places of those modules that stand for choice.
#[must_use]
pub fn standing(modules: &[Candidate], turn: u64, outlook: &Outlook) -> Vec<usize> {
    let mut places: Vec<usize> = turned(modules.len(), turn).collect();
    let mut rest = places.split_off(places.len().min(MODULES_IN_TURN));
    rest.sort_by(|a, b| merit(&modules[*b], outlook).total_cmp(&merit(&modules[*a], outlook)));
    places.extend(rest.into_iter().take(MODULES_BY_MERIT));
    places
}

/// Each candidate's share of the draws.
#[must_use]
pub fn shares(candidates: &[Candidate], outlook: &Outlook) -> Vec<f64> {
    let merits: Vec<f64> = candidates.iter().map(|c| merit(c, outlook)).collect();
    sharpened(&merits, LEAST_SHARE)
}

/// Shares by merit, sharply, and none below the least.
pub(super) fn sharpened(merits: &[f64], least: f64) -> Vec<f64> {
    let most = merits.iter().copied().fold(0.0, f64::max);
    let sharp: Vec<f64> = merits
        .iter()
        .map(|m| {
            if most > 0.0 {
                (m / most).powi(SHARPNESS)
            } else {
                1.0
            }
        })
        .collect();
    let bounds = Bounds {
        min: least,
        max: 1.0,
    };
    bounded(&sharp, bounds)
}

/// What a try there is worth per second, new topics before old ones.
#[must_use]
pub fn merit(candidate: &Candidate, outlook: &Outlook) -> f64 {
    let (rate, seconds, times) = outlook.expected(&candidate.topic, candidate.way);
    worth(rate) * novelty(times.max(candidate.dreamed)) / seconds
}

fn figures(candidate: &Candidate, outlook: &Outlook) -> String {
    let (rate, seconds, times) = outlook.expected(&candidate.topic, candidate.way);
    let mut words = format!(
        "{:.0} % believed to pass at {seconds:.0} s a try, dreamed of {} times",
        rate * 100.0,
        times.max(candidate.dreamed)
    );
    if let Some(floor) = outlook.advice(&candidate.topic, candidate.way) {
        _ = write!(words, ", offline analysis: at least {:.0} %", floor * 100.0);
    }
    words
}

/// Whether a decision fell on what only the least share kept in the draw: against the figures, to see whether they hold.
#[must_use]
pub fn is_against_the_figures(decision: &Decision) -> bool {
    // A model's share is bounded otherwise.
    if decision.what == "model" {
        return false;
    }
    let share = |a: &Alternative| a.weight;
    let of_chosen = decision
        .alternatives
        .iter()
        .find(|a| a.name == decision.chosen);
    of_chosen.is_some_and(|chosen| {
        let most = decision.alternatives.iter().map(share).fold(0.0, f64::max);
        chosen.weight <= LEAST_SHARE + 1e-6 && most > 2.0 * LEAST_SHARE
    })
}

/// The place of the next topic, and why. `None` where there is none.
pub fn decide(
    candidates: &[Candidate],
    outlook: &Outlook,
    chance: &mut Chance,
) -> Option<(usize, Decision)> {
    let shares = shares(candidates, outlook);
    let place = chance.pick(&shares)?;
    let alternatives = candidates
        .iter()
        .zip(&shares)
        .map(|(candidate, weight)| Alternative {
            name: candidate.name(),
            weight: *weight,
            figures: figures(candidate, outlook),
        })
        .collect();
    let chosen = candidates[place].name();
    let decision = Decision::drawn("topic", chosen, "drawn by weight", alternatives);
    Some((place, decision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::cases;
    use crate::dream::AttemptFact;

    fn fact(n: i64, topic: &str, saved: bool, seconds: f64) -> AttemptFact {
        AttemptFact {
            topic: topic.to_owned(),
            seconds,
            ..AttemptFact::example(n, saved)
        }
    }

    fn candidate(topic: &str) -> Candidate {
        Candidate {
            topic: topic.to_owned(),
            way: "llm",
            dreamed: 0,
        }
    }

    fn outlook(rates: &[(&str, i64)]) -> Outlook {
        let facts: Vec<AttemptFact> = rates
            .iter()
            .enumerate()
            .flat_map(|(t, (topic, of_ten))| {
                let base = 100 * i64::try_from(t).unwrap();
                (0..10).map(move |n| fact(base + n, topic, n < *of_ten, 30.0))
            })
            .collect();
        Outlook::of(&facts, &[])
    }

    /// What each of many seeds chooses, and what it chooses once one fact among these is another.
    fn moved(one: &Outlook, other: &Outlook) -> (usize, usize) {
        let candidates = [candidate("lists"), candidate("dates")];
        let chosen = |outlook: &Outlook, seed| {
            let (place, decision) =
                decide(&candidates, outlook, &mut Chance::seeded(seed)).unwrap();
            assert_eq!(decision.chosen, candidates[place].name());
            place
        };
        let pairs = (0..400).map(|seed| (chosen(one, seed), chosen(other, seed)));
        let (mut to_first, mut to_second) = (0, 0);
        for (before, after) in pairs {
            to_first += usize::from(before == 1 && after == 0);
            to_second += usize::from(before == 0 && after == 1);
        }
        (to_first, to_second)
    }

    #[test]
    fn one_fact_changes_and_the_same_seed_chooses_another_topic() {
        // The same tries but for one outcome: one try of lists that was lost is saved now.
        let before = outlook(&[("lists", 2), ("dates", 3)]);
        let after = outlook(&[("lists", 3), ("dates", 3)]);
        let (to_lists, to_dates) = moved(&before, &after);
        assert!(to_lists >= 10, "{to_lists} of 400 seeds choose lists now");
        assert_eq!(to_dates, 0, "and none turns away from it");
        let chosen = |outlook: &Outlook| {
            let candidates = [candidate("lists"), candidate("dates")];
            let (_, decision) = decide(&candidates, outlook, &mut Chance::seeded(FLIPS)).unwrap();
            decision.chosen
        };
        assert_eq!(chosen(&before), "weaving from dates");
        assert_eq!(chosen(&after), "weaving from lists");
    }

    /// A seed whose draw lies between the two shares.
    const FLIPS: u64 = 8;

    #[test]
    fn what_only_the_least_share_kept_is_drawn_against_the_figures() {
        let candidates = [candidate("lists"), candidate("dates")];
        let uneven = outlook(&[("lists", 6), ("dates", 0)]);
        let of_seed = |seed, outlook: &Outlook| {
            decide(&candidates, outlook, &mut Chance::seeded(seed))
                .unwrap()
                .1
        };
        let decisions: Vec<Decision> = (0..400).map(|seed| of_seed(seed, &uneven)).collect();
        let against = decisions
            .iter()
            .filter(|d| is_against_the_figures(d))
            .count();
        assert!(
            (8..=40).contains(&against),
            "one in twenty: {against} of 400"
        );
        let surprising = decisions.iter().filter(|d| is_against_the_figures(d));
        assert!(
            surprising
                .into_iter()
                .all(|d| d.chosen == "weaving from dates")
        );
        let even = outlook(&[("lists", 4), ("dates", 4)]);
        assert!(!(0..100).any(|seed| is_against_the_figures(&of_seed(seed, &even))));
    }

    #[test]
    fn the_words_name_choice_figures_and_runner_up() {
        let candidates = [candidate("lists"), candidate("dates"), candidate("words")];
        let (_, decision) = decide(
            &candidates,
            &outlook(&[("lists", 6), ("dates", 1)]),
            &mut Chance::seeded(1),
        )
        .unwrap();
        let words = decision.in_words();
        assert!(
            words.contains("runner-up") && words.contains("believed to pass at 3"),
            "{words}"
        );
        assert!(words.contains("3 alternatives in all"), "{words}");
    }

    #[test]
    fn nobody_falls_below_one_draw_in_twenty() {
        for seed in 0..u64::from(cases()) {
            let mut chance = Chance::seeded(seed);
            let count = 1 + usize::try_from(chance.bits() % 10).unwrap();
            let names: Vec<String> = (0..count).map(|n| format!("t{n}")).collect();
            let facts: Vec<AttemptFact> = (0..30)
                .map(|n| {
                    let topic = &names[usize::try_from(chance.bits()).unwrap_or(0) % count];
                    fact(n, topic, chance.happens(0.3), 1000.0 * chance.unit())
                })
                .collect();
            let outlook = Outlook::of(&facts, &[]);
            let candidates: Vec<Candidate> = names.iter().map(|name| candidate(name)).collect();
            let shares = shares(&candidates, &outlook);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            assert!(
                shares.iter().all(|s| *s >= LEAST_SHARE - 1e-9),
                "{seed}: {shares:?}"
            );
        }
    }

    #[test]
    fn what_is_sometimes_solved_is_worth_the_most() {
        assert!(worth(0.0).abs() < 1e-12);
        assert!(worth(0.6) > worth(0.2) && worth(0.6) > worth(1.0) && worth(1.0) > worth(0.1));
        assert!(worth(f64::NAN).abs() < 1e-12);
    }

    #[test]
    fn every_module_stands_for_choice_within_as_many_tries_as_there_are_modules() {
        let modules: Vec<Candidate> = (0..12).map(|n| candidate(&format!("m{n}"))).collect();
        // All but one fare well, and that one stands where no turn of its own would bring it.
        let facts: Vec<AttemptFact> = (0..240)
            .map(|n| fact(n, &format!("m{}", n % 12), n % 12 != 7, 30.0))
            .collect();
        let outlook = Outlook::of(&facts, &[]);
        let stood = |n| {
            let turns = (0..12).map(|turn| standing(&modules, turn, &outlook));
            turns.filter(|places| places.contains(&n)).count()
        };
        for n in 0..12 {
            assert!(stood(n) >= 2, "m{n} stood {} times", stood(n));
        }
        assert_eq!(stood(7), 2, "by its turn alone");
        assert_eq!(standing(&modules[..1], 5, &outlook), [0]);
        assert!(standing(&[], 5, &outlook).is_empty());
    }
}
