//! Which topic to dream of next: by what can be learned there, how new it is and how long a try takes. Of up to twenty
//! topics none is drawn less often than one time in twenty. Pure.

use std::fmt::Write as _;

use super::offline::Approach;
use super::outlook::Outlook;
use crate::chance::{Bounds, Chance, bounded};
use crate::dream::{Alternative, Decision};

/// No alternative is drawn less often: a share of the draws, 0 to 1.
pub const LEAST_SHARE: f64 = 0.05;
/// Up to so many topics stand for choice all at once, so that each has its least share of all draws; of twenty each has just
/// that, and merit decides nothing. Of more no rule could give it to each: the shares would sum to more than 1.
pub const MOST_STRATA: usize = 20;
/// Where there are more, so many of them stand at once: with each its least share, half of the draws still go by merit.
pub const MOST_ALTERNATIVES: usize = 10;
/// Of the modules with documented functions so many stand because it is their turn, and so many by merit; the rest of the
/// places are the clusters'. Where one kind has too few, the other takes its places.
const MODULES_IN_TURN: usize = 2;
const MODULES_BY_MERIT: usize = 4;
/// Of the clusters that stand because they are new, so many stand because it is their turn.
const CLUSTERS_IN_TURN: usize = 1;
/// How sharply merit decides: twice the worth is drawn eight times as often.
const SHARPNESS: i32 = 3;

/// One topic that could be next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub topic: String,
    /// `source` or `llm`.
    pub way: &'static str,
    /// How often it was dreamed of, as the knowledge counts; tries that are recorded count beside it.
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

/// The pass rate of which a try is worth the most.
const BEST_RATE: f64 = 0.625;

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
pub(super) fn turned(places: usize, turn: u64) -> impl Iterator<Item = usize> {
    let first = turn.checked_rem(places as u64).unwrap_or_default();
    let first = usize::try_from(first).unwrap_or_default();
    (first..places).chain(0..first)
}

/// The places of those that stand for choice: all, up to `MOST_STRATA`. Of more than that nobody can have one draw in twenty:
/// ten stand then, modules and clusters by the rules of each, and the turn comes to each module, and to each cluster, equally
/// often.
fn standing(candidates: &[Candidate], turn: u64, outlook: &Outlook) -> Vec<usize> {
    if candidates.len() <= MOST_STRATA {
        return (0..candidates.len()).collect();
    }
    let is_module = |place: &usize| candidates[*place].way == "source";
    let (modules, clusters): (Vec<usize>, Vec<usize>) = (0..candidates.len()).partition(is_module);
    let least = MODULES_IN_TURN + MODULES_BY_MERIT;
    let for_modules = least.max(MOST_ALTERNATIVES.saturating_sub(clusters.len()));
    let mut places = modules_standing(&modules, for_modules, candidates, turn, outlook);
    let left = MOST_ALTERNATIVES - places.len();
    places.extend(clusters_standing(
        &clusters, left, candidates, turn, outlook,
    ));
    places
}

/// Those whose turn it is. It goes round by name: the lists themselves change their order with every try.
fn in_turn(places: &[usize], count: usize, candidates: &[Candidate], turn: u64) -> Vec<usize> {
    let mut by_name = places.to_vec();
    by_name.sort_by(|a, b| candidates[*a].topic.cmp(&candidates[*b].topic));
    let turned = turned(by_name.len(), turn).take(count);
    turned.map(|n| by_name[n]).collect()
}

/// Whose turn it is, and of the rest the best.
fn modules_standing(
    modules: &[usize],
    places: usize,
    candidates: &[Candidate],
    turn: u64,
    outlook: &Outlook,
) -> Vec<usize> {
    let mut standing = in_turn(modules, MODULES_IN_TURN, candidates, turn);
    let mut rest = modules.to_vec();
    rest.retain(|place| !standing.contains(place));
    let left = places.saturating_sub(standing.len());
    standing.extend(best(rest, candidates, outlook).into_iter().take(left));
    standing
}

/// One half for what is new: whose turn it is, and what was dreamed of the least, in the order in which they are given. The
/// other half for the best of those that were dreamed of, so that what was measured there acts.
fn clusters_standing(
    clusters: &[usize],
    places: usize,
    candidates: &[Candidate],
    turn: u64,
    outlook: &Outlook,
) -> Vec<usize> {
    let mut standing = in_turn(clusters, CLUSTERS_IN_TURN.min(places), candidates, turn);
    let dreamed = |place: &usize| times(&candidates[*place], outlook);
    let mut known = clusters.to_vec();
    known.retain(|place| dreamed(place) > 0 && !standing.contains(place));
    let known = best(known, candidates, outlook).into_iter();
    standing.extend(known.take(places / 2));
    let mut new = clusters.to_vec();
    new.retain(|place| !standing.contains(place));
    new.sort_by_cached_key(dreamed);
    let left = places.saturating_sub(standing.len());
    standing.extend(new.into_iter().take(left));
    standing
}

/// By merit, the best first.
fn best(places: Vec<usize>, candidates: &[Candidate], outlook: &Outlook) -> Vec<usize> {
    let of = |place: usize| (place, merit(&candidates[place], outlook));
    let mut weighed: Vec<(usize, f64)> = places.into_iter().map(of).collect();
    weighed.sort_by(|a, b| b.1.total_cmp(&a.1));
    weighed.into_iter().map(|(place, _)| place).collect()
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

/// How often it was dreamed of, by the tries that are recorded or as the knowledge counts.
fn times(candidate: &Candidate, outlook: &Outlook) -> u64 {
    let (.., times) = outlook.expected(&candidate.topic, candidate.way);
    times.max(candidate.dreamed)
}

/// What a try there is worth per second at the rate that is believed, new topics before old ones.
fn merit(candidate: &Candidate, outlook: &Outlook) -> f64 {
    let (rate, seconds, times) = outlook.expected(&candidate.topic, candidate.way);
    worth(rate) * novelty(times.max(candidate.dreamed)) / seconds
}

/// The pass rate, 0 to 1, that a strategy goes by in one draw where `rate` is believed with the weight of so many `tries`.
/// Greedy: that rate. ucb1: of those within so many deviations of it the one that is worth the most. Thompson: one that is
/// drawn from what is believed.
fn gone_by(approach: Approach, rate: f64, tries: f64, chance: &mut Chance) -> f64 {
    match approach {
        Approach::Greedy => rate,
        Approach::Ucb1 { deviations } => {
            let variance = rate * (1.0 - rate) / (tries + 1.0);
            let reach = deviations * variance.max(0.0).sqrt();
            BEST_RATE.max(rate - reach).min(rate + reach)
        }
        Approach::Thompson => chance.beta(rate * tries, (1.0 - rate) * tries),
    }
}

/// A candidate's merit in one draw, and its figures in plain words.
fn weighed(candidate: &Candidate, outlook: &Outlook, chance: &mut Chance) -> (f64, String) {
    let (rate, seconds, times) = outlook.expected(&candidate.topic, candidate.way);
    let times = times.max(candidate.dreamed);
    let mut words = format!(
        "{:.0} % believed to pass at {seconds:.0} s a try, dreamed of {times} times",
        rate * 100.0
    );
    if let Some(floor) = outlook.advice(&candidate.topic, candidate.way) {
        _ = write!(words, ", offline analysis: at least {:.0} %", floor * 100.0);
    }
    let mut by = rate;
    if let Some(approach) = outlook.approach(&candidate.topic) {
        let tries = outlook.weight_of_belief(&candidate.topic, candidate.way);
        by = gone_by(approach, rate, tries, chance);
        _ = write!(
            words,
            ", weighed at {:.0} % by its strategy {}",
            by * 100.0,
            approach.as_str()
        );
    }
    (worth(by) * novelty(times) / seconds, words)
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

/// The place of the next topic among all that there are, and why: the alternatives are those that stand for choice. `None`
/// where there is none.
pub fn decide(
    candidates: &[Candidate],
    outlook: &Outlook,
    chance: &mut Chance,
) -> Option<(usize, Decision)> {
    let standing = standing(candidates, outlook.tries(), outlook);
    let (mut merits, mut figures) = (Vec::new(), Vec::new());
    for place in &standing {
        let (merit, words) = weighed(&candidates[*place], outlook, chance);
        merits.push(merit);
        figures.push(words);
    }
    let shares = sharpened(&merits, LEAST_SHARE);
    let place = standing[chance.pick(&shares)?];
    let alternatives = standing
        .iter()
        .zip(shares)
        .zip(figures)
        .map(|((place, weight), figures)| Alternative {
            name: candidates[*place].name(),
            weight,
            figures,
        })
        .collect();
    let chosen = candidates[place].name();
    let decision = Decision::drawn("topic", chosen, "drawn by weight", alternatives);
    Some((place, decision))
}

#[cfg(test)]
mod tests;
