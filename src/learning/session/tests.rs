//! The laws: 100,000 cases each where DREAMER_TEST_FULL is set.

use std::num::NonZeroU32;

use super::*;
use crate::chance::{Chance, cases};
use crate::learning::{MergeStrategy, Outcomes, merge};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn below(chance: &mut Chance, n: u64) -> u64 {
    chance.bits() % n
}

fn fact(chance: &mut Chance) -> SessionFact {
    let names = ["weave", "code", "run", "prove"];
    let mut snapshot = Snapshot {
        sessions: 1,
        ..Snapshot::default()
    };
    for _ in 0..below(chance, 4) {
        let steps: Vec<(&str, bool)> = (0..below(chance, 5))
            .map(|_| {
                (
                    names[usize::try_from(chance.bits() % 4).unwrap()],
                    chance.happens(0.7),
                )
            })
            .collect();
        let strategy = ["in turn", "drawn"][usize::try_from(chance.bits() % 2).unwrap()];
        snapshot.note_episode(&steps, chance.happens(0.5), strategy);
    }
    SessionFact {
        topic: format!("t{}", below(chance, 3)),
        session: format!("s{}", below(chance, 5)),
        at: at(i64::try_from(below(chance, 4)).unwrap()),
        task: None,
        phase: [None, Some(LearningPhase::Release)][usize::try_from(chance.bits() % 2).unwrap()],
        group: None,
        selection: Selection {
            start_success_rate: chance.unit(),
            ..Selection::default()
        },
        snapshot,
    }
}

fn view(chance: &mut Chance) -> View {
    View::rebuild(
        (0..below(chance, 6))
            .map(|_| fact(chance))
            .collect::<Vec<_>>(),
    )
}

fn each_case(law: impl Fn(&mut Chance)) {
    for seed in 0..u64::from(cases()) {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            law(&mut Chance::seeded(seed));
        }));
        assert!(told.is_ok(), "broken by seed {seed}");
    }
}

#[test]
fn the_union_is_commutative_associative_and_idempotent() {
    each_case(|chance| {
        let (a, b, c) = (view(chance), view(chance), view(chance));
        assert_eq!(union(&a, &b), union(&b, &a));
        assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)));
        assert_eq!(union(&a, &a), a);
        assert_eq!(union(&a, &View::default()), a);
    });
}

#[test]
fn a_rebuild_gives_what_was_counted_as_it_came_and_a_session_twice_counts_once() {
    each_case(|chance| {
        let facts: Vec<SessionFact> = (0..below(chance, 8)).map(|_| fact(chance)).collect();
        let mut as_they_came = View::default();
        for fact in &facts {
            as_they_came.absorb(fact.clone());
            as_they_came.absorb(fact.clone());
        }
        let reversed = View::rebuild(facts.into_iter().rev());
        assert_eq!(as_they_came, reversed);
    });
}

#[test]
fn every_strategy_is_a_function_of_the_set_and_makes_no_visit_up() {
    each_case(|chance| {
        let facts: Vec<SessionFact> = (0..below(chance, 6)).map(|_| fact(chance)).collect();
        let view = View::rebuild(facts.clone());
        let half_life = NonZeroU32::new(1 + u32::try_from(below(chance, 20)).unwrap()).unwrap();
        for strategy in [
            MergeStrategy::Additive,
            MergeStrategy::TimeDecay {
                half_life_sessions: half_life,
            },
            MergeStrategy::SuccessWeighted,
        ] {
            let merged = merge(&view, strategy);
            let mut others = facts.clone();
            others.rotate_left(facts.len() / 2);
            others.reverse();
            others.extend(facts.first().cloned());
            assert_eq!(merged, merge(&View::rebuild(others), strategy));
            // A session of successes alone counts twice.
            let most = match strategy {
                MergeStrategy::SuccessWeighted => 2.0,
                MergeStrategy::Additive | MergeStrategy::TimeDecay { .. } => 1.0,
            };
            let sound = |merged: &Outcomes<f64>, counted: Outcomes<u64>| {
                let within = |part: f64, of: u64| (0.0..=most * of as f64 + 1e-9).contains(&part);
                within(merged.successes, counted.successes)
                    && within(merged.failures, counted.failures)
                    && (0.0..=1.0).contains(&merged.rate())
            };
            let counted = &view.global;
            assert_eq!(merged.counts.actions.len(), counted.actions.len());
            for (name, outcomes) in &merged.counts.actions {
                assert!(sound(outcomes, counted.actions[name]), "{name}");
            }
            for (key, outcomes) in &merged.counts.transitions {
                assert!(sound(outcomes, counted.transitions[key]), "{key:?}");
            }
            assert!(sound(&merged.counts.episodes, counted.episodes));
            if strategy == MergeStrategy::Additive {
                assert_eq!(merged.counts, view.global.weighted(1.0));
            }
        }
    });
}

#[test]
fn decay_weighs_a_newer_session_more_and_forgets_the_order_of_arrival() {
    each_case(|chance| {
        let count = 2 + below(chance, 6);
        let times: Vec<i64> = (0..count)
            .map(|_| i64::try_from(below(chance, 9)).unwrap())
            .collect();
        let half_life = NonZeroU32::new(1 + u32::try_from(below(chance, 30)).unwrap()).unwrap();
        // One visit each to an action of its own: its weight can be read off.
        let mut facts: Vec<SessionFact> = times
            .iter()
            .enumerate()
            .map(|(n, at)| {
                let mut fact = counted(&format!("s{n}"), *at, 0);
                fact.snapshot.actions = [(
                    format!("a{n}"),
                    Outcomes {
                        successes: 1,
                        failures: 0,
                    },
                )]
                .into();
                fact
            })
            .collect();
        let strategy = MergeStrategy::TimeDecay {
            half_life_sessions: half_life,
        };
        let merged = merge(&View::rebuild(facts.clone()), strategy);
        let weight = |n: usize| merged.counts.actions[&format!("a{n}")].visits();
        for (n, at) in times.iter().enumerate() {
            assert!(weight(n) > 0.0 && weight(n) <= 1.0);
            for (m, later) in times.iter().enumerate() {
                assert!(later <= at || weight(m) > weight(n), "{times:?}");
            }
        }
        // Nothing is lost to rounding: the weights are those of the geometric series.
        let sum: f64 = (0..facts.len()).map(weight).sum();
        let ratio = 0.5_f64.powf(1.0 / f64::from(half_life.get()));
        let series: f64 = (0..facts.len())
            .map(|age| ratio.powi(i32::try_from(age).unwrap()))
            .sum();
        assert!((sum - series).abs() < 1e-9, "{sum} {series}");
        facts.reverse();
        assert_eq!(merge(&View::rebuild(facts), strategy), merged);
    });
}

fn counted(session: &str, seconds: i64, visits: u64) -> SessionFact {
    let mut snapshot = Snapshot {
        sessions: 1,
        ..Snapshot::default()
    };
    let outcomes = Outcomes {
        successes: visits,
        failures: 0,
    };
    snapshot.actions.insert("a".to_owned(), outcomes);
    SessionFact {
        topic: "t".to_owned(),
        session: session.to_owned(),
        at: at(seconds),
        task: None,
        phase: None,
        group: None,
        selection: Selection::default(),
        snapshot,
    }
}

fn visits(facts: Vec<SessionFact>, strategy: MergeStrategy) -> f64 {
    merge(&View::rebuild(facts), strategy).counts.actions["a"].visits()
}

#[test]
fn the_seeds_own_examples_hold_exactly() {
    let two = |x, y| vec![counted("1", 1, x), counted("2", 2, y)];
    let decay = |n| MergeStrategy::TimeDecay {
        half_life_sessions: NonZeroU32::new(n).unwrap(),
    };
    #[expect(clippy::float_cmp, reason = "exactly is what is claimed")]
    {
        assert_eq!(visits(two(5, 3), MergeStrategy::Additive), 8.0);
        assert_eq!(visits(two(100, 100), decay(1)), 150.0);
    }
}

#[test]
fn decay_gives_the_newest_the_most_and_loses_nothing_to_rounding() {
    let decay = |n| MergeStrategy::TimeDecay {
        half_life_sessions: NonZeroU32::new(n).unwrap(),
    };
    // A hundred sessions of one visit each: what the original counted as 11 and 21.
    for (half_life, expected) in [(10, 14.92), (20, 28.44)] {
        let facts = (0..100).map(|n| counted(&format!("{n}"), n, 1)).collect();
        let got = visits(facts, decay(half_life));
        assert!((got - expected).abs() < 0.01, "{half_life}: {got}");
    }
    // The newest by time, whatever its name: 10 is older than 1700000000.
    let facts = vec![
        counted("999999999", 3, 1),
        counted("10", 1, 100),
        counted("1700000000", 2, 10),
    ];
    let got = visits(facts, decay(1));
    assert!((got - (1.0 + 5.0 + 25.0)).abs() < 1e-9, "{got}");
    let single = visits(vec![counted("1", 1, 7)], decay(3));
    assert!((single - 7.0).abs() < 1e-12);
}

#[test]
fn a_session_of_many_topics_ages_the_others_by_one() {
    let of_topic = |topic: &str, session: &str, seconds, visits| SessionFact {
        topic: topic.to_owned(),
        ..counted(session, seconds, visits)
    };
    // Three topics of the newest session, then one older session: half, not an eighth.
    let facts = vec![
        of_topic("a", "new", 10, 1),
        of_topic("b", "new", 12, 1),
        of_topic("c", "new", 14, 1),
        of_topic("a", "old", 11, 100),
    ];
    let half_life_sessions = NonZeroU32::new(1).unwrap();
    let got = visits(facts, MergeStrategy::TimeDecay { half_life_sessions });
    assert!((got - 53.0).abs() < 1e-9, "{got}");
}
