//! From tries to session facts: the steps that a try took, and the counts of each topic's tries in a session. Pure.

use std::collections::BTreeMap;

use super::session::{Selection, SessionFact};
use super::snapshot::Snapshot;
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
    let mut of: BTreeMap<(&str, &str), Vec<&AttemptFact>> = BTreeMap::new();
    for attempt in ordered {
        let name = (attempt.topic.as_str(), attempt.session_id.as_str());
        of.entry(name).or_default().push(attempt);
    }
    of.into_iter()
        .filter_map(|((topic, session), attempts)| fold_one(topic, session, &attempts))
        .collect()
}

fn fold_one(topic: &str, session: &str, attempts: &[&AttemptFact]) -> Option<SessionFact> {
    let (first, last) = (attempts.first()?, attempts.last()?);
    let mut snapshot = Snapshot {
        sessions: 1,
        ..Snapshot::default()
    };
    for attempt in attempts {
        let steps: Vec<(&str, bool)> = attempt
            .steps
            .iter()
            .map(|s| (s.name.as_str(), s.ok))
            .collect();
        snapshot.note_episode(&steps, attempt.outcome.is_success(), strategy_of(attempt));
    }
    Some(SessionFact {
        topic: topic.to_owned(),
        session: session.to_owned(),
        at: first.at,
        task: None,
        phase: Some(last.phase),
        group: Some(last.group.clone()).filter(|group| !group.is_empty()),
        selection: Selection {
            current: Some(strategy_of(last).to_owned()),
            ..Selection::default()
        },
        snapshot,
    })
}

/// How the topic was chosen.
fn strategy_of(attempt: &AttemptFact) -> &str {
    let decisions = attempt.choice.iter().flat_map(|choice| &choice.decisions);
    let topic = decisions
        .into_iter()
        .find(|decision| decision.what == "topic");
    topic.map_or(IN_TURN, |decision| &decision.how)
}

#[cfg(test)]
mod tests {
    use super::*;

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
