//! Which libraries the next woven task may use: none, one, or two together once the ladder says that tasks with each of
//! the two alone succeed. Pure.

use super::choose::{LEAST_SHARE, MOST_ALTERNATIVES, novelty, sharpened, turned, worth};
use super::ladder::TARGET;
use super::outlook::Outlook;
use crate::chance::Chance;
use crate::dream::{Alternative, Decision};

/// Places of single libraries and of pairs among the alternatives; one is the standard library's alone.
const MOST_PAIRS: usize = 3;
const MOST_SINGLE: usize = MOST_ALTERNATIVES - MOST_PAIRS - 1;
/// Tasks about one library that were saved before it may be joined with another.
const LEAST_SAVED: u64 = 3;

/// What a fact is counted under: the names in their order, so that a pair is one stratum however it was written.
#[must_use]
pub fn stratum(libraries: &[String]) -> String {
    let mut names: Vec<&str> = libraries.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join("+")
}

/// Whether tasks with this library alone succeed: enough were saved, and simple ones are believed to pass at least as
/// often as the ladder aims at.
#[must_use]
pub fn succeeds(library: &str, outlook: &Outlook) -> bool {
    let (_, saved) = outlook.tries_of_library(library);
    saved >= LEAST_SAVED && outlook.ladder_of_library(library).rates()[0] >= TARGET
}

/// The sets of libraries that stand for choice, of those that are there.
#[must_use]
pub fn alternatives(there: &[String], outlook: &Outlook) -> Vec<Vec<String>> {
    let mut names: Vec<&String> = there.iter().collect();
    names.sort();
    names.dedup();
    let turn = outlook.tries();
    let sound: Vec<&String> = names
        .iter()
        .copied()
        .filter(|name| succeeds(name, outlook))
        .collect();
    let mut pairs = Vec::new();
    for (n, first) in sound.iter().enumerate() {
        for second in &sound[n + 1..] {
            pairs.push(vec![(*first).clone(), (*second).clone()]);
        }
    }
    let single = turned(names.len(), turn).take(MOST_SINGLE);
    let pair = turned(pairs.len(), turn).take(MOST_PAIRS);
    let mut all = vec![Vec::new()];
    all.extend(single.map(|n| vec![names[n].clone()]));
    all.extend(pair.map(|n| pairs[n].clone()));
    all
}

/// Each alternative's share of the draws, none of those that stand below one in twenty; there are at most ten of them.
#[must_use]
pub fn shares(alternatives: &[Vec<String>], outlook: &Outlook) -> Vec<f64> {
    let merits = alternatives.iter().map(|libraries| {
        let (tries, _) = outlook.tries_of_library(&stratum(libraries));
        worth(believed(libraries, outlook)) * novelty(tries)
    });
    sharpened(&merits.collect::<Vec<_>>(), LEAST_SHARE)
}

/// The pass rate that the ladder would bring about: each rung's, by its share of the next tries.
fn believed(libraries: &[String], outlook: &Outlook) -> f64 {
    let ladder = outlook.ladder_of_library(&stratum(libraries));
    let parts = ladder.rates().into_iter().zip(ladder.shares());
    parts.map(|(rate, share)| rate * share).sum()
}

fn name(libraries: &[String]) -> String {
    match libraries {
        [] => "the standard library alone".to_owned(),
        [one] => one.clone(),
        several => several.join(" and "),
    }
}

/// The libraries of the next woven task, and why. `None` where none is there to choose.
pub fn decide(
    there: &[String],
    outlook: &Outlook,
    chance: &mut Chance,
) -> Option<(Vec<String>, Decision)> {
    if there.is_empty() {
        return None;
    }
    let sets = alternatives(there, outlook);
    let shares = shares(&sets, outlook);
    let place = chance.pick(&shares)?;
    let told = sets
        .iter()
        .zip(&shares)
        .map(|(libraries, weight)| {
            let (tries, saved) = outlook.tries_of_library(&stratum(libraries));
            Alternative {
                name: name(libraries),
                weight: *weight,
                figures: format!(
                    "{:.0} % believed to pass, {saved} of {tries} saved",
                    100.0 * believed(libraries, outlook)
                ),
            }
        })
        .collect();
    let joined = sets.iter().any(|libraries| libraries.len() > 1);
    let how = match (there.len(), joined) {
        (1, _) => "drawn by weight".to_owned(),
        (_, true) => "drawn by weight, two together where tasks with each alone succeed".to_owned(),
        (_, false) => format!(
            "drawn by weight, none together before {LEAST_SAVED} tasks with each of two alone were saved and simple \
             ones pass half the time"
        ),
    };
    let decision = Decision::drawn("libraries", name(&sets[place]), how, told);
    Some((sets[place].clone(), decision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::cases;
    use crate::dream::AttemptFact;

    fn fact(n: i64, library: &str, saved: bool) -> AttemptFact {
        AttemptFact {
            topic: format!("t{}", n % 3),
            library: library.to_owned(),
            ..AttemptFact::example(n, saved)
        }
    }

    /// Of each library so many saved and so many not.
    fn outlook(of: &[(&str, i64, i64)]) -> Outlook {
        let mut facts = Vec::new();
        for (library, saved, lost) in of {
            for n in 0..saved + lost {
                let number = i64::try_from(facts.len()).unwrap();
                facts.push(fact(number, library, n >= *lost));
            }
        }
        Outlook::of(&facts, &[])
    }

    fn there() -> Vec<String> {
        ["yaml", "numpy"].map(str::to_owned).to_vec()
    }

    fn names(outlook: &Outlook, seed: u64) -> (String, Vec<String>) {
        let (_, decision) = decide(&there(), outlook, &mut Chance::seeded(seed)).unwrap();
        let names = decision.alternatives.iter().map(|a| a.name.clone());
        (decision.how.clone(), names.collect())
    }

    #[test]
    fn two_are_joined_once_each_alone_succeeds_and_not_one_try_earlier() {
        let almost = outlook(&[("numpy", 4, 1), ("yaml", 2, 1)]);
        let (how, without) = names(&almost, 1);
        assert_eq!(without.len(), 3, "{without:?}");
        assert!(how.contains("before 3 tasks"), "{how}");
        // One more was saved: another choice stands.
        let enough = outlook(&[("numpy", 4, 1), ("yaml", 3, 1)]);
        let (how, with) = names(&enough, 1);
        assert!(with.contains(&"numpy and yaml".to_owned()), "{with:?}");
        assert!(how.contains("two together"), "{how}");
        let joined = (0..200)
            .filter(|seed| {
                let (set, _) = decide(&there(), &enough, &mut Chance::seeded(*seed)).unwrap();
                set == ["numpy", "yaml"]
            })
            .count();
        assert!(joined >= 10, "drawn {joined} times of 200");
    }

    #[test]
    fn what_was_saved_long_ago_and_fails_now_is_not_joined() {
        let fallen = outlook(&[("numpy", 5, 0), ("yaml", 4, 0), ("yaml", 0, 30)]);
        assert!(!succeeds("yaml", &fallen) && succeeds("numpy", &fallen));
        assert_eq!(names(&fallen, 1).1.len(), 3);
    }

    #[test]
    fn a_pair_that_fails_every_time_is_drawn_less_than_one_that_often_passes() {
        let share = |pair: (i64, i64)| {
            let outlook = outlook(&[
                ("numpy", 6, 4),
                ("yaml", 6, 4),
                ("numpy+yaml", pair.0, pair.1),
            ]);
            let sets = alternatives(&there(), &outlook);
            let at = sets.iter().position(|s| s.len() == 2).unwrap();
            shares(&sets, &outlook)[at]
        };
        assert!(
            share((6, 4)) > 2.0 * share((0, 10)),
            "{} {}",
            share((6, 4)),
            share((0, 10))
        );
    }

    #[test]
    fn no_set_falls_below_one_draw_in_twenty_however_many_libraries_there_are() {
        for seed in 0..u64::from(cases()) {
            let mut chance = Chance::seeded(seed);
            let count = 1 + usize::try_from(chance.bits() % 30).unwrap();
            let names: Vec<String> = (0..count).map(|n| format!("l{n:02}")).collect();
            let facts: Vec<AttemptFact> = (0..60)
                .map(|n| {
                    let name = &names[usize::try_from(chance.bits() % count as u64).unwrap()];
                    fact(n, name, chance.happens(0.8))
                })
                .collect();
            let outlook = Outlook::of(&facts, &[]);
            let sets = alternatives(&names, &outlook);
            assert!(sets.len() <= MOST_ALTERNATIVES && sets[0].is_empty());
            let shares = shares(&sets, &outlook);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            assert!(
                shares.iter().all(|s| *s >= LEAST_SHARE - 1e-9),
                "{seed}: {shares:?}"
            );
        }
        assert!(decide(&[], &Outlook::default(), &mut Chance::seeded(1)).is_none());
    }

    #[test]
    fn every_library_has_its_turn_where_there_are_more_than_places() {
        let names: Vec<String> = (0..20).map(|n| format!("l{n:02}")).collect();
        let mut seen = std::collections::BTreeSet::new();
        for tries in 0..20 {
            let facts: Vec<AttemptFact> = (0..tries).map(|n| fact(n, "", false)).collect();
            seen.extend(alternatives(&names, &Outlook::of(&facts, &[])).concat());
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn a_stratum_is_the_same_however_it_is_written() {
        let of = |names: [&str; 3]| stratum(&names.map(str::to_owned));
        assert_eq!(of(["yaml", "numpy", "yaml"]), "numpy+yaml");
        assert_eq!(stratum(&[]), "");
    }
}
