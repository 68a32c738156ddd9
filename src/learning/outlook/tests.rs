//! What sessions, offline models and a model's new ability do to what is believed.

use jiff::Timestamp;

use super::*;
use crate::chance::Chance;
use crate::dream::{FactOutcome, GateOutcome, GateReport};
use crate::learning::choose::{Candidate, decide};
use crate::learning::fold::steps_of;
use crate::learning::offline::{OfflineModel, analyse, wilson_lower};
use crate::learning::snapshot::Snapshot;
use crate::learning::{Selection, SessionFact};

fn session(topic: &str, name: &str, successes: u64, failures: u64) -> SessionFact {
    SessionFact {
        topic: topic.to_owned(),
        session: name.to_owned(),
        at: Timestamp::UNIX_EPOCH,
        task: None,
        phase: None,
        group: None,
        selection: Selection::default(),
        snapshot: Snapshot {
            sessions: 1,
            episodes: Outcomes {
                successes,
                failures,
            },
            ..Snapshot::default()
        },
    }
}

fn believed(sessions: &[SessionFact]) -> (f64, f64, u64) {
    Outlook::of(&[], sessions).expected("t", "llm")
}

#[test]
fn a_session_that_was_counted_elsewhere_is_believed_at_its_own_rate() {
    for (successes, failures, rate, near) in [
        (50, 50, 0.5, 0.01),
        (200, 200, 0.5, 0.01),
        (10_000, 100, 0.99, 0.02),
        (100, 10_000, 0.01, 0.02),
        (u64::MAX, 0, 1.0, 0.02),
    ] {
        let (got, seconds, times) = believed(&[session("t", "s", successes, failures)]);
        assert!((got - rate).abs() < near, "{successes}:{failures}: {got}");
        assert!((seconds - PRIOR_SECONDS).abs() < 1.0, "{seconds}");
        assert_eq!(times, successes.saturating_add(failures));
    }
}

#[test]
fn sessions_say_the_same_in_any_order_and_in_any_parts() {
    let parts: Vec<SessionFact> = (0..10)
        .map(|n| session("t", &n.to_string(), 3, 7))
        .collect();
    let mut turned = parts.clone();
    turned.reverse();
    assert_eq!(believed(&parts), believed(&turned));
    assert_eq!(believed(&parts), believed(&[session("t", "s", 30, 70)]));
    // However many there are, our own tries soon outweigh them.
    let many: Vec<SessionFact> = (0..500)
        .map(|n| session("t", &n.to_string(), 100, 0))
        .collect();
    let ours: Vec<AttemptFact> = (0..100).map(|n| AttemptFact::example(n, false)).collect();
    let (rate, ..) = Outlook::of(&ours, &many).expected("t", "llm");
    assert!(rate < 0.15, "{rate}");
}

/// What offline analysis makes of a topic whose woven tries ended so.
fn model(successes: u32, failures: u32) -> OfflineModel {
    let mut snapshot = Snapshot::<u64>::default();
    let steps = [("weave", true), ("code", true), ("settle", true)];
    for n in 0..successes + failures {
        snapshot.note_episode(&steps, n < successes, "in turn");
    }
    let fact = SessionFact {
        snapshot,
        ..session("t", "s", 0, 0)
    };
    analyse(&[fact], Timestamp::UNIX_EPOCH)
}

#[test]
fn what_offline_analysis_is_sure_of_is_believed_until_tries_say_otherwise() {
    let advised = |ours: &[AttemptFact], successes| {
        let models = [("t".to_owned(), model(successes, 60 - successes))];
        let outlook = Outlook::of(ours, &[]).advised(&models);
        // Of woven tasks alone: the model says nothing of found ones.
        assert_eq!(outlook.advice("t", "source"), None);
        outlook.expected("t", "llm").0
    };
    let (few, many) = (advised(&[], 20), advised(&[], 50));
    assert!((few - 0.227).abs() < 0.01, "{few}");
    assert!((many - 0.720).abs() < 0.01, "{many}");
    let ours: Vec<AttemptFact> = (0..100).map(|n| AttemptFact::example(n, false)).collect();
    assert!(advised(&ours, 50) < 0.1);
    // One that was saved is no reason to believe less.
    assert!(advised(&[AttemptFact::example(0, true)], 50) > many);
}

/// A try that came as far as real ones do: every gate has a step of its own.
fn note_real(into: &mut Snapshot<u64>, begin: &str, outcome: FactOutcome, times: u32) {
    let gate = |name: &str| GateReport {
        gate: name.to_owned(),
        outcome: GateOutcome::Pass,
        detail: String::new(),
        ms: 0,
    };
    let gates = "form checks nothing passes steady exercised adequate agreement clean";
    let mut gates: Vec<GateReport> = gates.split(' ').map(gate).collect();
    if outcome == FactOutcome::Rejected {
        gates.truncate(4);
        gates[3].outcome = GateOutcome::Fail;
    }
    let steps = steps_of(begin, outcome, &gates);
    let steps: Vec<(&str, bool)> = steps.iter().map(|s| (s.name.as_str(), s.ok)).collect();
    for _ in 0..times {
        into.note_episode(&steps, outcome.is_success(), "in turn");
    }
}

#[test]
fn tries_of_real_length_are_advised_of_by_how_they_begin_and_all_of_them_count() {
    let mut snapshot = Snapshot::<u64>::default();
    note_real(&mut snapshot, "weave", FactOutcome::Saved, 20);
    note_real(&mut snapshot, "weave", FactOutcome::Rejected, 30);
    note_real(&mut snapshot, "weave", FactOutcome::NotWoven, 50);
    note_real(&mut snapshot, "source", FactOutcome::Saved, 9);
    let fact = SessionFact {
        snapshot,
        ..session("t", "s", 0, 0)
    };
    let model = analyse(std::slice::from_ref(&fact), Timestamp::UNIX_EPOCH);
    assert_eq!(model.recommended_paths.len(), 10);
    let outlook = Outlook::of(&[], &[]).advised(&[("t".to_owned(), model)]);
    assert_eq!(outlook.advice("t", "llm"), Some(wilson_lower(20.0, 100.0)));
    assert_eq!(outlook.advice("t", "source"), Some(wilson_lower(9.0, 9.0)));
    // What was counted elsewhere is believed of the way that it was made in.
    let outlook = Outlook::of(&[], &[fact]);
    let (woven, _, tries) = outlook.expected("t", "llm");
    assert!(woven < 0.3 && tries == 100, "{woven} of {tries}");
    let (found, _, tries) = outlook.expected("t", "source");
    assert!(found > 0.7 && tries == 9, "{found} of {tries}");
}

#[test]
fn one_figure_of_the_offline_model_changes_and_the_same_seed_chooses_another_topic() {
    let candidates = ["t", "u"].map(|topic| Candidate {
        topic: topic.to_owned(),
        way: "llm",
        dreamed: 0,
    });
    let chosen = |successes, seed| {
        let mut model = model(successes, 60 - successes);
        // By the bound alone: a draw of its own would be another one at another figure.
        "greedy".clone_into(&mut model.strategy_config.initial_strategy);
        let outlook = Outlook::of(&[], &[]).advised(&[("t".to_owned(), model)]);
        let (place, decision) = decide(&candidates, &outlook, &mut Chance::seeded(seed)).unwrap();
        let mut figures = decision.alternatives.iter().map(|a| &a.figures);
        let told = figures.any(|words| words.contains("offline analysis: at least"));
        assert!(told, "{decision:?}");
        place
    };
    let pairs: Vec<_> = (0..200).map(|s| (chosen(20, s), chosen(21, s))).collect();
    assert!(pairs.iter().any(|(few, more)| (*few, *more) == (1, 0)));
    assert!(!pairs.iter().any(|(few, more)| (*few, *more) == (0, 1)));
}

/// Where the pass rate stands in the second half of a hundred scenarios after a step in ability, over eight topics and
/// two libraries, each seed.
fn after_a_step(height: f64, before: f64, after: f64, spread: f64) -> Vec<f64> {
    let of_seed = |seed| {
        let mut chance = Chance::seeded(seed);
        let mut outlook = Outlook::default();
        let mut saved = 0;
        for n in 0..250 {
            let (topic, library) = (chance.bits() % 8, chance.bits() % 2);
            let (topic_name, library) = (
                format!("t{topic}"),
                ["", "numpy"][usize::from(library == 1)],
            );
            let ability = if n < 150 { before } else { after };
            // Some topics are easier than others.
            let ability = ability + spread * (topic as f64 / 3.5 - 1.0);
            let ladder = outlook.ladder(&topic_name, library);
            let (difficulty, _) = ladder.decide(&mut chance);
            let hard = height * (rung(difficulty) as f64 - 1.0);
            let success = chance.happens(1.0 / (1.0 + (hard - ability).exp()));
            outlook.learn(&AttemptFact {
                topic: topic_name,
                library: library.to_owned(),
                difficulty,
                ..AttemptFact::example(n, success)
            });
            saved += u32::from(success && n >= 200);
        }
        f64::from(saved) / 50.0
    };
    (0..200).map(of_seed).collect()
}

#[test]
fn after_a_step_in_ability_the_pass_rate_over_many_topics_and_libraries_is_back_within_a_hundred_scenarios()
 {
    for spread in [0.0, 1.0] {
        for (height, before, after) in [
            (1.5, 1.2, -1.2),
            (1.5, -1.2, 1.2),
            (2.4, 1.5, -1.5),
            (1.5, 0.8, -0.5),
        ] {
            let rates = after_a_step(height, before, after, spread);
            let mean = rates.iter().sum::<f64>() / 200.0;
            let near = |rate: &&f64| (**rate - 0.5).abs() <= 0.1 + 1e-9;
            let within = rates.iter().filter(near).count();
            let told =
                format!("{height} {before} {after}, spread {spread}: {within} of 200, mean {mean}");
            assert!((mean - 0.5).abs() <= 0.1, "{told}");
            assert!(within >= 180, "{told}");
        }
    }
}
