//! What is chosen, how often, and in which words.

use jiff::Timestamp;

use super::*;
use crate::chance::cases;
use crate::dream::{AttemptFact, Step};
use crate::learning::offline::analyse;

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

fn module(topic: &str) -> Candidate {
    Candidate {
        way: "source",
        ..candidate(topic)
    }
}

fn dreamed(topic: &str, times: u64) -> Candidate {
    Candidate {
        dreamed: times,
        ..candidate(topic)
    }
}

/// A try that began with this step.
fn begun(n: i64, step: &str, topic: &str, saved: bool) -> AttemptFact {
    AttemptFact {
        steps: vec![Step {
            name: step.to_owned(),
            ok: true,
        }],
        ..fact(n, topic, saved, 30.0)
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
        let (place, decision) = decide(&candidates, outlook, &mut Chance::seeded(seed)).unwrap();
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
fn of_up_to_twenty_topics_each_stands_and_none_falls_below_one_draw_in_twenty() {
    for seed in 0..u64::from(cases()) {
        let mut chance = Chance::seeded(seed);
        let count = 1 + usize::try_from(chance.bits() % MOST_STRATA as u64).unwrap();
        let candidates: Vec<Candidate> = (0..count)
            .map(|n| Candidate {
                topic: format!("t{n}"),
                way: if chance.happens(0.5) { "source" } else { "llm" },
                dreamed: chance.bits() % 40,
            })
            .collect();
        let facts: Vec<AttemptFact> = (0..30)
            .map(|n| {
                let topic = usize::try_from(chance.bits() % count as u64).unwrap();
                let (saved, seconds) = (chance.happens(0.3), 1000.0 * chance.unit());
                fact(n, &candidates[topic].topic, saved, seconds)
            })
            .collect();
        let outlook = Outlook::of(&facts, &[]);
        let (_, decision) = decide(&candidates, &outlook, &mut chance).unwrap();
        let shares: Vec<f64> = decision.alternatives.iter().map(|a| a.weight).collect();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        for candidate in &candidates {
            let name = candidate.name();
            let mut told = decision.alternatives.iter();
            let share = told.find(|a| a.name == name).map_or(0.0, |a| a.weight);
            assert!(
                share >= LEAST_SHARE - 1e-9,
                "{seed}: {name} of {count}: {shares:?}"
            );
        }
    }
}

#[test]
fn of_more_than_twenty_the_turn_comes_to_each_module_and_to_each_cluster_equally_often() {
    let mut candidates: Vec<Candidate> = (0..15).map(|n| module(&format!("m{n}"))).collect();
    candidates.extend((0..40).map(|n| candidate(&format!("c{n}"))));
    // Nothing but their turn brings the two that always failed, among many that are new or sometimes pass.
    let tries = |first: i64, step: &'static str, name: &'static str, count: i64| {
        (0..60).map(move |n| {
            let saved = n % count != 7 && n / count % 2 == 0;
            begun(first + n, step, &format!("{name}{}", n % count), saved)
        })
    };
    let modules = tries(0, "source", "m", 15);
    let facts: Vec<AttemptFact> = modules.chain(tries(60, "weave", "c", 20)).collect();
    let outlook = Outlook::of(&facts, &[]);
    // As many turns as both kinds divide.
    let turns: Vec<Vec<usize>> = (0..120)
        .map(|turn| standing(&candidates, turn, &outlook))
        .collect();
    for places in &turns {
        let mut apart = places.clone();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!((apart.len(), places.len()), (MOST_ALTERNATIVES, 10));
        let modules = places.iter().filter(|place| **place < 15).count();
        assert_eq!(modules, MODULES_IN_TURN + MODULES_BY_MERIT);
    }
    let stood = |place: usize| turns.iter().filter(|t| t.contains(&place)).count();
    for place in 0..15 {
        let by_turn = 120 / 15 * MODULES_IN_TURN;
        assert!(stood(place) >= by_turn, "m{place}: {}", stood(place));
    }
    for n in 0..40 {
        assert!(stood(15 + n) >= 120 / 40, "c{n}: {}", stood(15 + n));
    }
    assert_eq!((stood(7), stood(15 + 7)), (16, 3), "by their turn alone");
}

#[test]
fn the_turn_goes_round_by_name_in_whatever_order_topics_are_listed() {
    let listed: Vec<Candidate> = (0..30).map(|n| candidate(&format!("c{n}"))).collect();
    let backwards: Vec<Candidate> = listed.iter().rev().cloned().collect();
    let places: Vec<usize> = (0..30).collect();
    let topic = |candidates: &[Candidate], turn| {
        let place = in_turn(&places, 1, candidates, turn)[0];
        candidates[place].topic.clone()
    };
    for turn in 0..60 {
        assert_eq!(topic(&listed, turn), topic(&backwards, turn));
    }
}

/// Each of those that stand with its share of the draws.
fn told(candidates: &[Candidate], outlook: &Outlook) -> Vec<(String, f64)> {
    let (_, decision) = decide(candidates, outlook, &mut Chance::seeded(1)).unwrap();
    let alternatives = decision.alternatives.into_iter();
    alternatives.map(|a| (a.name, a.weight)).collect()
}

fn share_of(name: &str, told: &[(String, f64)]) -> Option<f64> {
    let mut told = told.iter();
    let found = told.find(|(other, _)| other == name);
    found.map(|(_, share)| *share)
}

#[test]
fn among_hundreds_that_are_new_one_that_succeeds_stands_and_is_chosen_more_often_than_any_of_them()
{
    let mut candidates: Vec<Candidate> = (0..300).map(|n| candidate(&format!("new{n}"))).collect();
    // Last of all, as the knowledge ranks what was dreamed of before.
    candidates.extend((0..12).map(|n| dreamed(&format!("poor{n}"), 1)));
    candidates.push(dreamed("old", 4));
    let outlook = |old_is_saved: bool| {
        let poor = (0..12).map(|n| fact(n, &format!("poor{n}"), false, 30.0));
        let old = (12..16).map(|n| fact(n, "old", old_is_saved, 30.0));
        Outlook::of(&poor.chain(old).collect::<Vec<_>>(), &[])
    };
    let is_new = |(name, _): &&(String, f64)| name.starts_with("weaving from new");
    let (name, good) = ("weaving from old", outlook(true));
    let shares = told(&candidates, &good);
    assert_eq!(shares.len(), MOST_ALTERNATIVES);
    assert_eq!(shares.iter().filter(is_new).count(), 5);
    let share = share_of(name, &shares).expect("it stands though hundreds are new");
    let chosen = |seed| {
        let decided = decide(&candidates, &good, &mut Chance::seeded(seed));
        decided.unwrap().1.chosen
    };
    let chosen: Vec<String> = (0..300).map(chosen).collect();
    let times = |name: &str| chosen.iter().filter(|c| *c == name).count();
    for (new, share_of_new) in shares.iter().filter(is_new) {
        assert!(share > 1.5 * share_of_new, "{new}: {shares:?}");
        assert!(times(name) > times(new), "{new}: {}", times(new));
    }
    // The same tries, all of which failed: others that failed less often go before it.
    let bad = outlook(false);
    let shares = told(&candidates, &bad);
    assert_eq!(share_of(name, &shares), None, "{shares:?}");
    // Where it alone was dreamed of it has the least share, and what is new has more.
    candidates.retain(|candidate| !candidate.topic.starts_with("poor"));
    let shares = told(&candidates, &bad);
    let share = share_of(name, &shares).expect("nobody else stands for it");
    for (new, share_of_new) in shares.iter().filter(is_new) {
        assert!(share < *share_of_new, "{new}: {shares:?}");
    }
}

/// A choice between a topic with an offline model of this strategy and one without any.
fn by_strategy(strategy: &str, seed: u64) -> (usize, Decision) {
    let tries = |topic: &'static str, of_ten: i64, base: i64| {
        (0..10).map(move |n| fact(base + n, topic, n < of_ten, 30.0))
    };
    let facts: Vec<AttemptFact> = tries("t", 3, 0).chain(tries("u", 4, 10)).collect();
    let mut model = analyse(&[], Timestamp::UNIX_EPOCH);
    strategy.clone_into(&mut model.strategy_config.initial_strategy);
    model.parameters.ucb1_c = 2.0;
    let outlook = Outlook::of(&facts, &[]).advised(&[("t".to_owned(), model)]);
    let candidates = [candidate("t"), candidate("u")];
    decide(&candidates, &outlook, &mut Chance::seeded(seed)).unwrap()
}

#[test]
fn another_strategy_of_the_offline_model_makes_another_choice_and_the_words_name_it() {
    let of_t = |decision: &Decision| {
        let mut all = decision.alternatives.iter();
        let one = all.find(|a| a.name == "weaving from t").cloned();
        one.expect("it was weighed")
    };
    // What may be worth more than it is believed gains, and the same draw never turns from it.
    let pairs = (0..400).map(|seed| (by_strategy("greedy", seed).0, by_strategy("ucb1", seed).0));
    let pairs: Vec<(usize, usize)> = pairs.collect();
    let to_t = pairs.iter().filter(|pair| **pair == (1, 0)).count();
    assert!(to_t >= 10, "{to_t} of 400 seeds turn to it");
    assert!(!pairs.contains(&(0, 1)), "and none from it");
    // Thompson draws: other figures each time, and the same with the same seed.
    let mut weights = Vec::new();
    for seed in 0..50 {
        let (_, decision) = by_strategy("thompson", seed);
        assert_eq!(by_strategy("thompson", seed).1, decision);
        weights.push(of_t(&decision).weight);
    }
    let (least, most) = weights.iter().fold((1.0_f64, 0.0_f64), |(least, most), w| {
        (least.min(*w), most.max(*w))
    });
    assert!(most - least > 0.1, "{weights:?}");
    for strategy in ["greedy", "ucb1", "thompson"] {
        let (_, decision) = by_strategy(strategy, 1);
        let words = of_t(&decision).figures;
        assert!(
            words.ends_with(&format!(" by its strategy {strategy}")),
            "{words}"
        );
        assert!(decision.in_words().contains(&words), "{decision:?}");
    }
    // A strategy of another program that there is none of here: as without.
    let (place, decision) = by_strategy("softmax", 1);
    assert_eq!(place, by_strategy("greedy", 1).0);
    assert!(!of_t(&decision).figures.contains("strategy"));
}

#[test]
fn what_is_sometimes_solved_is_worth_the_most() {
    assert!(worth(0.0).abs() < 1e-12);
    assert!(worth(0.6) > worth(0.2) && worth(0.6) > worth(1.0) && worth(1.0) > worth(0.1));
    assert!(worth(f64::NAN).abs() < 1e-12);
}

#[test]
fn every_module_stands_for_choice_within_as_many_tries_as_there_are_modules() {
    let modules: Vec<Candidate> = (0..24).map(|n| module(&format!("m{n}"))).collect();
    // All but one pass half of the time, and that one stands where no turn of its own would bring it.
    let facts: Vec<AttemptFact> = (0..240)
        .map(|n| {
            let saved = n % 24 != 7 && n / 24 % 2 == 0;
            begun(n, "source", &format!("m{}", n % 24), saved)
        })
        .collect();
    let outlook = Outlook::of(&facts, &[]);
    let stood = |n| {
        let turns = (0..24).map(|turn| standing(&modules, turn, &outlook));
        turns.filter(|places| places.contains(&n)).count()
    };
    for n in 0..24 {
        assert!(stood(n) >= 2, "m{n} stood {} times", stood(n));
    }
    assert_eq!(stood(7), 2, "by its turn alone");
    assert_eq!(standing(&modules[..1], 5, &outlook), [0]);
    assert!(standing(&[], 5, &outlook).is_empty());
}
