//! What a session tells the experience stream: one event a stage, one trajectory a scenario. Called all over the engine;
//! it never waits and never fails. Code stays where it is: events name the dream or the attempt that holds it.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::draft::Draft;
use crate::dream::{
    AttemptFact, Candidate, GateReport, Generator, RemRequest, SessionReport, Tier, Tokens,
};
use crate::experience::{Event, ExperienceStream, Trajectory};
use crate::guardian::Judgement;
use crate::ids::SessionId;

/// What the end of a scenario is worth. A saved gold dream is the unit; a fall costs half of it, so that a strategy which
/// falls more than twice for each dream is worth less than none at all.
const GOLD: f64 = 1.0;
const SILVER: f64 = 0.5;
const FALLEN: f64 = -0.5;

/// One scenario as the stream sees it.
pub(super) struct Story {
    trajectory: Trajectory,
    session: SessionId,
    number: u64,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    /// What the scenario is: topic, difficulty, libraries, who writes it.
    state: Value,
    outcome: Option<&'static str>,
}

impl Story {
    pub(super) fn begin(stream: &ExperienceStream, session: &SessionId, number: u64) -> Self {
        Self {
            trajectory: stream.begin_trajectory("scenario"),
            session: session.clone(),
            number,
            now: Mutex::default(),
        }
    }

    /// A task with its checks.
    pub(super) fn woven(&self, draft: &Draft, tokens: Tokens) {
        let scenario = &draft.candidate.scenario;
        let model = draft.provenance.model.as_deref();
        let state = json!({
            "topic": draft.topic.as_ref().map(|topic| &topic.label),
            "difficulty": scenario.difficulty,
            "libraries": scenario.libraries,
            "generator": draft.generator,
            "model": model,
        });
        self.lock().state = state;
        let by = match draft.generator {
            Generator::Llm => "weaver",
            Generator::Source | Generator::Offline => "pack",
        };
        self.tell(Event {
            data: json!({
                "title": scenario.title,
                "entry_point": scenario.entry_point,
                "checks": draft.candidate.checks.len(),
                "hidden_checks": draft.candidate.hidden_checks.len(),
                "tokens": tokens,
            }),
            action: Some(json!({"weave": draft.generator})),
            ..Event::new("dream.woven", by)
        });
    }

    /// No task came of the plan.
    pub(super) fn not_woven(&self, title: &str, why: &str) {
        self.lock().outcome = Some("not_woven");
        self.tell(Event {
            data: json!({"title": title, "why": why}),
            action: Some(json!({"weave": null})),
            done: true,
            ..Event::new("dream.not_woven", "weaver")
        });
    }

    /// Solutions were written and run; `trouble` where they came to nothing.
    pub(super) fn solved(&self, draft: &Draft, tokens: Tokens, trouble: Option<&str>) {
        let by = if draft.solved { "pack" } else { "coder" };
        self.tell(Event {
            data: json!({"tokens": tokens, "trouble": trouble}),
            action: Some(json!({"solve": if draft.solved { "known" } else { "written" }})),
            next_state: Some(json!({"solved": trouble.is_none()})),
            ..Event::new("dream.solved", by)
        });
    }

    /// The checks are those that the Guardian will hold the candidate to.
    pub(super) fn settled(&self, candidate: &Candidate, dropped: usize) {
        self.tell(Event {
            data: json!({
                "checks": candidate.checks.len(),
                "hidden_checks": candidate.hidden_checks.len(),
                "dropped_checks": dropped,
            }),
            action: Some(json!({"settle": dropped})),
            ..Event::new("dream.settled", "engine")
        });
    }

    /// The Guardian's word, each time it gives it.
    pub(super) fn judged(&self, judged: &Judgement) {
        let (verdict, reasons, gates) = match judged {
            Judgement::Verified(dream) => (dream.tier().as_str(), Vec::new(), dream.evidence()),
            Judgement::Rejected { reasons, gates, .. } => {
                let reasons = reasons.iter().map(ToString::to_string).collect();
                ("rejected", reasons, gates.as_slice())
            }
            Judgement::Undecided { why, gates } => {
                ("unverified", vec![why.clone()], gates.as_slice())
            }
        };
        let gates: Vec<Value> = gates.iter().map(short).collect();
        self.tell(Event {
            data: json!({"verdict": verdict, "reasons": reasons, "gates": gates}),
            next_state: Some(json!({"verdict": verdict})),
            ..Event::new("guardian.verdict", "guardian")
        });
    }

    /// A dream stands on the shelf.
    pub(super) fn saved(&self, dream_id: &str, tier: Tier, seconds: f64) {
        self.lock().outcome = Some("saved");
        self.tell(Event {
            data: json!({"dream_id": dream_id, "tier": tier, "seconds": seconds}),
            reward: Some(match tier {
                Tier::Gold => GOLD,
                Tier::Silver => SILVER,
            }),
            next_state: Some(json!({"saved": true})),
            done: true,
            ..Event::new("dream.saved", "journal")
        });
    }

    /// A try fell; without a verdict it is worth nothing, good or bad.
    pub(super) fn fallen(&self, attempt_id: &str, reasons: &[String], decided: bool, seconds: f64) {
        if self.lock().outcome == Some("not_woven") {
            return;
        }
        self.lock().outcome = Some(if decided { "rejected" } else { "undecided" });
        self.tell(Event {
            data: json!({"attempt_id": attempt_id, "reasons": reasons, "seconds": seconds}),
            reward: decided.then_some(FALLEN),
            next_state: Some(json!({"saved": false})),
            done: true,
            ..Event::new("dream.fallen", "engine")
        });
    }

    /// The id under which a fact finds the events that it came of.
    pub(super) fn trajectory(&self) -> &str {
        self.trajectory.id()
    }

    /// A fact was left: with what the other events do not say, they add up to it.
    pub(super) fn learned(&self, fact: &AttemptFact) {
        let begin = fact.steps.first().map(|step| step.name.as_str());
        self.tell(Event {
            data: json!({
                "attempt_id": fact.attempt_id,
                "topic": fact.topic,
                "library": fact.library,
                "begin": begin,
                "seconds": fact.seconds,
            }),
            ..Event::new("dream.learned", "learning")
        });
    }

    /// Interrupted: it goes back as if it had never begun.
    pub(super) fn requeued(&self, why: &str) {
        self.lock().outcome = Some("requeued");
        self.tell(Event {
            data: json!({"why": why}),
            done: true,
            ..Event::new("dream.requeued", "engine")
        });
    }

    /// The scenario is over.
    pub(super) fn end(&self) {
        let outcome = self.lock().outcome.unwrap_or("failed");
        self.trajectory.end(outcome);
    }

    fn tell(&self, mut event: Event) {
        let state = self.lock().state.clone();
        if !state.is_null() {
            event.state = Some(state);
        }
        event.source_id = Some(self.session.to_string());
        event
            .metadata
            .insert("scenario".to_owned(), self.number.into());
        self.trajectory.add(event);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate without its words, which may quote the task.
fn short(gate: &GateReport) -> Value {
    json!({"gate": gate.gate, "outcome": gate.outcome, "ms": gate.ms})
}

/// A session begins.
pub(super) fn session_began(stream: &ExperienceStream, session: &SessionId, asked: &RemRequest) {
    write(
        stream,
        Event {
            source_id: Some(session.to_string()),
            data: json!({
                "trigger": asked.trigger,
                "max_scenarios": asked.max_scenarios,
                "complexity": asked.complexity,
                "tasks": asked.tasks.len(),
            }),
            ..Event::new("session.began", "engine")
        },
    );
}

/// A session is over.
pub(super) fn session_ended(stream: &ExperienceStream, report: &SessionReport) {
    write(
        stream,
        Event {
            source_id: Some(report.session_id.to_string()),
            data: json!({
                "status": report.status,
                "wake_reason": report.wake_reason,
                "seconds": report.duration_seconds,
                "attempted": report.dreams_attempted,
                "successful": report.dreams_successful,
                "rejections": report.rejections,
                "requeued": report.requeued,
                "tokens": report.tokens,
                "model": report.model,
            }),
            done: true,
            ..Event::new("session.ended", "engine")
        },
    );
}

fn write(stream: &ExperienceStream, event: Event) {
    // Turned away it is counted by the stream; a session has nothing to do about it.
    if let Err(error) = stream.write_event(event) {
        tracing::debug!(%error, "an experience was turned away");
    }
}
