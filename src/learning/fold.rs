//! From tries to session facts: the steps that a try took, and the counts of each topic's tries in a session. Pure.

use std::collections::BTreeMap;

use super::session::{Selection, SessionFact, Switch};
use super::snapshot::{Outcomes, Snapshot};
use crate::dream::{AttemptFact, FactOutcome, GateOutcome, GateReport, Step};

/// How a try was chosen where nothing is written about it.
const IN_TURN: &str = "in turn";

/// The steps of a try, in their order: how its task came to be (`begin`), code, the gates that were asked, the shelf.
#[must_use]
pub fn steps_of(begin: &str, outcome: FactOutcome, gates: &[GateReport]) -> Vec<Step> {
    let step = |name: &str, ok| Step {
        name: name.to_owned(),
        ok,
    };
    if outcome == FactOutcome::NotWoven {
        return vec![step(begin, false)];
    }
    let mut steps = vec![step(begin, true), step("code", true)];
    // No gate was asked: the solutions did not settle.
    steps.push(step("settle", !gates.is_empty() || outcome.is_success()));
    let asked = gates
        .iter()
        .filter(|gate| gate.outcome != GateOutcome::Skipped);
    steps.extend(asked.map(|gate| step(&gate.gate, gate.outcome == GateOutcome::Pass)));
    if matches!(outcome, FactOutcome::Saved | FactOutcome::NotKept) {
        steps.push(step("save", outcome.is_success()));
    }
    steps
}

/// One fact for each topic of each session, whatever the order of the tries; a try that is there twice counts once.
#[must_use]
pub fn fold_attempts(attempts: &[AttemptFact]) -> Vec<SessionFact> {
    let mut ordered: Vec<&AttemptFact> = attempts.iter().collect();
    ordered.sort_by(|a, b| (a.at, &a.attempt_id).cmp(&(b.at, &b.attempt_id)));
    ordered.dedup_by(|a, b| a.attempt_id == b.attempt_id);
    let mut topics: BTreeMap<&str, Known> = BTreeMap::new();
    let mut facts: BTreeMap<(&str, &str), SessionFact> = BTreeMap::new();
    for attempt in ordered {
        let known = topics.entry(&attempt.topic).or_default();
        let name = (attempt.topic.as_str(), attempt.session_id.as_str());
        let fact = facts.entry(name).or_insert_with(|| begun(attempt, known));
        note(fact, attempt, known);
    }
    facts.into_values().collect()
}

/// What is known of a topic's tries so far, in all sessions.
#[derive(Default)]
struct Known<'a> {
    tries: Outcomes<u64>,
    /// By how they were chosen.
    of: BTreeMap<&'a str, Outcomes<u64>>,
    last: Option<&'a str>,
}

fn rate(tries: Outcomes<u64>) -> f64 {
    if tries.visits() == 0 {
        0.0
    } else {
        tries.rate()
    }
}

/// A session's fact before its first try.
fn begun(first: &AttemptFact, known: &Known<'_>) -> SessionFact {
    SessionFact {
        topic: first.topic.clone(),
        session: first.session_id.as_str().to_owned(),
        at: first.at,
        task: None,
        phase: None,
        group: None,
        selection: Selection {
            start_visits: known.tries.visits(),
            start_success_rate: rate(known.tries),
            ..Selection::default()
        },
        snapshot: Snapshot {
            sessions: 1,
            ..Snapshot::default()
        },
    }
}

fn note<'a>(fact: &mut SessionFact, attempt: &'a AttemptFact, known: &mut Known<'a>) {
    let strategy = strategy_of(attempt);
    // Also between the last try of one session and the first of the next: a topic is seldom tried twice a night.
    if let Some(from) = known.last.filter(|from| *from != strategy) {
        fact.selection.switches.push(Switch {
            from: from.to_owned(),
            to: strategy.to_owned(),
            visits_at_switch: known.tries.visits(),
            success_rate_at_switch: rate(known.tries),
            from_strategy_success_rate: rate(known.of.get(from).copied().unwrap_or_default()),
        });
    }
    let steps: Vec<(&str, bool)> = attempt
        .steps
        .iter()
        .map(|s| (s.name.as_str(), s.ok))
        .collect();
    let success = attempt.outcome.is_success();
    fact.snapshot.note_episode(&steps, success, strategy);
    fact.phase = Some(attempt.phase);
    fact.group = Some(attempt.group.clone()).filter(|group| !group.is_empty());
    fact.selection.current = Some(strategy.to_owned());
    known.tries.note(success);
    known.of.entry(strategy).or_default().note(success);
    known.last = Some(strategy);
}

/// How the topic was chosen.
fn strategy_of(attempt: &AttemptFact) -> &str {
    let decisions = attempt.choice.iter().flat_map(|choice| &choice.decisions);
    let topic = decisions
        .into_iter()
        .find(|decision| decision.what == "topic");
    topic.map_or(IN_TURN, |decision| way_of_choosing(&decision.how))
}

/// Without the figures that stand behind a comma: "in turn, while only 7 tries are known" is the same way at 8.
fn way_of_choosing(how: &str) -> &str {
    how.split(',').next().unwrap_or(how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::{Choice, Decision};
    use crate::ids::SessionId;

    /// The `n`th try of a topic, in a session, chosen so.
    fn try_of(n: i64, session: &str, how: &str, saved: bool) -> AttemptFact {
        AttemptFact {
            session_id: SessionId::parse(session).unwrap(),
            topic: "lists".to_owned(),
            choice: Some(Choice {
                decisions: vec![Decision::drawn(
                    "topic",
                    "lists".to_owned(),
                    how,
                    Vec::new(),
                )],
            }),
            ..AttemptFact::example(n, saved)
        }
    }

    #[test]
    fn a_session_knows_what_it_began_with_and_where_the_way_of_choosing_changed() {
        let turn = |n: u32| format!("in turn, while only {n} tries are known");
        let tries = [
            try_of(1, "00000001", &turn(1), true),
            try_of(2, "00000001", &turn(2), false),
            try_of(3, "00000002", "drawn by weight", true),
            try_of(4, "00000002", "drawn by weight", true),
            try_of(5, "00000002", &turn(3), false),
        ];
        let facts = fold_attempts(&tries);
        let [first, second] = &facts[..] else {
            panic!("{facts:?}")
        };
        assert_eq!(first.selection.switches, []);
        assert_eq!(first.selection.start_visits, 0);
        assert!(first.selection.start_success_rate.abs() < 1e-12);
        assert_eq!(first.snapshot.strategies["in turn"].episodes.visits(), 2);
        assert_eq!(second.selection.start_visits, 2);
        assert!((second.selection.start_success_rate - 0.5).abs() < 1e-12);
        assert_eq!(second.selection.current.as_deref(), Some("in turn"));
        let switch = |from: &str, to: &str, visits, rate, of_from| Switch {
            from: from.to_owned(),
            to: to.to_owned(),
            visits_at_switch: visits,
            success_rate_at_switch: rate,
            from_strategy_success_rate: of_from,
        };
        assert_eq!(
            second.selection.switches,
            [
                switch("in turn", "drawn by weight", 2, 0.5, 0.5),
                switch("drawn by weight", "in turn", 4, 0.75, 1.0),
            ]
        );
        // In whatever order they come.
        let mut turned = tries;
        turned.reverse();
        assert_eq!(fold_attempts(&turned), facts);
    }

    #[test]
    fn the_steps_tell_how_far_a_try_came() {
        let gate = |name: &str, outcome| GateReport {
            gate: name.to_owned(),
            outcome,
            detail: String::new(),
            ms: 1,
        };
        let gates = [
            gate("form", GateOutcome::Pass),
            gate("learned", GateOutcome::Skipped),
            gate("hidden", GateOutcome::Fail),
        ];
        let words = |steps: Vec<Step>| -> Vec<String> {
            steps
                .iter()
                .map(|s| format!("{}{}", s.name, if s.ok { "" } else { "!" }))
                .collect()
        };
        let fell = steps_of("weave", FactOutcome::Rejected, &gates);
        assert_eq!(words(fell), ["weave", "code", "settle", "form", "hidden!"]);
        assert_eq!(
            words(steps_of("weave", FactOutcome::Rejected, &[])),
            ["weave", "code", "settle!"]
        );
        assert_eq!(
            words(steps_of("weave", FactOutcome::NotWoven, &[])),
            ["weave!"]
        );
        assert_eq!(
            words(steps_of("pack", FactOutcome::Saved, &gates[..1])),
            ["pack", "code", "settle", "form", "save"]
        );
    }
}
