//! One scenario from its plan to the shelf or to the list of attempts. Everything that falls is written down with its
//! reason; everything that was interrupted goes back as if it had never begun.

use crate::clock;
use crate::dream::{
    Attempt, AttemptOutcome, Candidate, DroppedCheck, FactOutcome, GateReport, Generator, Reason,
    Scenario, Source, Tier, Tokens, Tries,
};
use crate::guardian::{self, Benchmarks, Context, Judgement, Known, VerifiedDream};
use crate::ids::{AttemptId, DreamId};
use crate::journal::{self, Publication};

use super::draft::{Draft, Drafted};
use super::learned::Taught;
use super::plan::Plan;
use super::progress::{Phase, ProgressEvent};
use super::solve::Solved;
use super::{EngineError, Scene, Tally};

/// What one scenario means for the session.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A verdict, or no task at all: the session goes on.
    Decided,
    /// The infrastructure failed; the words say how.
    Undecided(String),
}

/// A try that did not become a dream.
struct Fallen<'a> {
    candidate: &'a Candidate,
    outcome: AttemptOutcome,
    reasons: Vec<String>,
    why: String,
    gates: Vec<GateReport>,
    dropped: Vec<DroppedCheck>,
    tokens: Tokens,
}

impl<'a> Fallen<'a> {
    /// A verdict of "no" before any gate was asked.
    fn rejected(
        candidate: &'a Candidate,
        reasons: Vec<String>,
        why: String,
        tokens: Tokens,
    ) -> Self {
        Self {
            candidate,
            outcome: AttemptOutcome::Rejected,
            reasons,
            why,
            gates: Vec::new(),
            dropped: Vec::new(),
            tokens,
        }
    }
}

impl Scene<'_> {
    /// Plays one plan to its end.
    pub(super) async fn play(&self, plan: Plan, tally: &mut Tally) -> Result<Outcome, EngineError> {
        let played = self.act(plan, tally).await;
        tally.enter(None, clock::monotonic());
        // A server or a sandbox that failed says as little of the task as a wake.
        if let Err(
            broken @ (EngineError::Ended(_) | EngineError::Llm(_) | EngineError::Sandbox(_)),
        ) = &played
        {
            let why = broken.to_string();
            tally.requeued();
            self.story.requeued(&why);
            self.tell(|scenario| ProgressEvent::Requeued { scenario, why });
        }
        played
    }

    async fn act(&self, plan: Plan, tally: &mut Tally) -> Result<Outcome, EngineError> {
        self.phase(Phase::Weaving, tally);
        let before = tally.tokens();
        let draft = match self.draft(plan, tally).await? {
            Drafted::Ready(draft) => *draft,
            Drafted::Refused {
                title,
                why,
                key,
                sources,
            } => return self.not_woven(title, why, (key, sources), tally),
        };
        tally.woven();
        self.story.woven(&draft, tally.tokens_since(before));
        let title = draft.candidate.scenario.title.clone();
        let generator = draft.generator.as_str().to_owned();
        self.tell(|scenario| ProgressEvent::Task {
            scenario,
            title,
            generator,
        });

        let solved = self.solve(&draft, tally).await?;
        let tokens = tally.tokens_since(before);
        let (candidate, context, dropped, tries, asked) = match solved {
            Solved::Ready {
                candidate,
                context,
                dropped,
                tries,
                asked,
            } => (candidate, context, dropped, tries, asked),
            Solved::Unsettled {
                reason,
                why,
                candidate,
            } => {
                tally.rejected(&[reason]);
                let reasons = vec![reason.to_string()];
                self.story.solved(&draft, tokens, Some(&reasons[0]));
                let fallen = Fallen::rejected(&candidate, reasons, why, tokens);
                return self.fell(&draft, fallen);
            }
        };
        tally.settled();
        self.story.solved(&draft, tokens, None);
        self.story.settled(&candidate, dropped.len());
        let (candidate, judged, _turn) = self
            .prove(&draft, (candidate, context), asked, tally)
            .await?;
        let tokens = tally.tokens_since(before);
        match judged {
            Judgement::Verified(dream) => {
                let dream = self.weigh(&draft, dream).await?;
                tally.gates(dream.evidence());
                if let Err(below) = keep(dream.tier(), self.engine.settings.dreaming.strict) {
                    tally.not_kept(dream.tier());
                    let gates = dream.evidence().to_vec();
                    let reasons = vec!["below_gold".to_owned()];
                    let fallen = Fallen {
                        gates,
                        dropped,
                        ..Fallen::rejected(&candidate, reasons, below.to_owned(), tokens)
                    };
                    return self.fell(&draft, fallen);
                }
                self.save(draft, dream, (dropped, tries), tokens, tally)
                    .await
            }
            Judgement::Rejected { reasons, gates, .. } => {
                tally.gates(&gates);
                tally.rejected(&reasons);
                let why = gates
                    .last()
                    .map(|gate| gate.detail.clone())
                    .unwrap_or_default();
                let reasons = reasons.iter().map(Reason::to_string).collect();
                let fallen = Fallen {
                    gates,
                    dropped,
                    ..Fallen::rejected(&candidate, reasons, why, tokens)
                };
                self.fell(&draft, fallen)
            }
            Judgement::Undecided { why, gates } => {
                // An ended permit shows up here as "undecided": it is an interruption, not broken infrastructure.
                self.permit.ask()?;
                tally.requeued();
                let reasons = vec!["undecided".to_owned()];
                let fallen = Fallen {
                    outcome: AttemptOutcome::Undecided,
                    gates,
                    dropped,
                    ..Fallen::rejected(&candidate, reasons, why.clone(), tokens)
                };
                self.fell(&draft, fallen)?;
                Ok(Outcome::Undecided(why))
            }
        }
    }

    /// The Guardian's word, given again where a planted mutant of the dream got through: what tells the mutant from the
    /// dream is a check from then on.
    pub(super) async fn judge(
        &self,
        candidate: &Candidate,
        context: &Context,
        tally: &mut Tally,
    ) -> Result<Judgement, EngineError> {
        let guardian = &self.tools.guardian;
        let judged = guardian.judge(self.permit, candidate, context).await;
        self.story.judged(&judged);
        let Judgement::Verified(dream) = judged else {
            return Ok(judged);
        };
        let lacking = self.plant(dream.candidate(), tally).await?;
        if lacking.is_empty() {
            return Ok(Judgement::Verified(dream));
        }
        let mut stronger = dream.candidate().clone();
        stronger.hidden_checks.extend(lacking);
        let judged = guardian.judge(self.permit, &stronger, context).await;
        self.story.judged(&judged);
        Ok(judged)
    }

    /// What a dream must be unlike: everything that was saved. Tasks that a person gave may be a benchmark's.
    pub(super) fn known_to(&self, draft: &Draft) -> Result<Known, EngineError> {
        let saved = self.engine.store.sketches()?.into_iter();
        Ok(Known {
            sketches: saved.map(|(_, sketch)| sketch).collect(),
            exact_only: draft.generator == Generator::Offline,
            benchmarks: match draft.provenance.tasks_line {
                Some(_) => Benchmarks::Mark,
                None => Benchmarks::Refuse,
            },
        })
    }

    async fn save(
        &self,
        draft: Draft,
        dream: VerifiedDream,
        (dropped, tries): (Vec<DroppedCheck>, Option<Tries>),
        tokens: Tokens,
        tally: &mut Tally,
    ) -> Result<Outcome, EngineError> {
        self.permit.ask()?;
        self.phase(Phase::Saving, tally);
        let (tier, dream_id) = (dream.tier(), DreamId::new());
        let taught = Taught {
            id: dream_id.as_str(),
            outcome: FactOutcome::Saved,
            tier: Some(tier),
            reasons: Vec::new(),
            gates: dream.evidence(),
            tokens,
        };
        let fact = self.fact(&draft, taught);
        let publication = Publication {
            dream_id,
            session_id: tally.session().clone(),
            generator: draft.generator,
            provenance: draft.provenance.clone(),
            topic: draft.topic.clone(),
            thought: draft.thought.clone(),
            dropped_checks: dropped,
            tries,
            sketch: guardian::sketch(dream.candidate()),
            tokens,
            seconds: (clock::monotonic() - draft.began).as_secs_f64(),
            at: clock::utc(),
            fact: fact.clone(),
        };
        let store = std::sync::Arc::clone(&self.engine.store);
        let dirs = self.dirs();
        // Some ten milliseconds of syncs: not on the event loop's thread. Never cut short: a dream stands or does not.
        let published = tokio::task::spawn_blocking(move || {
            journal::publish(&store, &dirs, dream, publication)
        })
        .await;
        let published = match published {
            Ok(published) => published?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        self.remember(&draft, "saved")?;
        tally.saved(tier, draft.generator);
        let dream_id = published.record.dream_id.to_string();
        self.story.saved(&dream_id, tier, published.record.seconds);
        if let Some(fact) = fact {
            self.story.learned(&fact);
        }
        self.tell(|scenario| ProgressEvent::Saved {
            scenario,
            dream_id,
            tier: tier.as_str().to_owned(),
        });
        Ok(Outcome::Decided)
    }

    /// No task came of the plan: nothing was attempted, but the page says so.
    fn not_woven(
        &self,
        title: String,
        why: String,
        (key, sources): (Option<String>, Vec<Source>),
        tally: &mut Tally,
    ) -> Result<Outcome, EngineError> {
        tally.not_woven();
        self.story.not_woven(&title, &why);
        let candidate = Candidate {
            scenario: Scenario {
                title,
                ..Scenario::default()
            },
            code: String::new(),
            checks: Vec::new(),
            hidden_checks: Vec::new(),
        };
        let mut draft = self.begin(candidate.clone(), crate::dream::Generator::Llm);
        draft.key = key;
        draft.provenance.sources = sources;
        let reasons = vec!["not_woven".to_owned()];
        let fallen = Fallen::rejected(&candidate, reasons, why, Tokens::default());
        self.fell(&draft, fallen)
    }

    fn fell(&self, draft: &Draft, fallen: Fallen<'_>) -> Result<Outcome, EngineError> {
        if fallen.outcome == AttemptOutcome::Rejected {
            self.remember(draft, "rejected")?;
        }
        let (reasons, detail) = (fallen.reasons.clone(), fallen.why.clone());
        let attempt = Attempt {
            attempt_id: AttemptId::new(),
            session_id: self.session().clone(),
            at: clock::utc(),
            outcome: fallen.outcome,
            reasons: fallen.reasons,
            why: fallen.why,
            gates: fallen.gates,
            scenario: fallen.candidate.scenario.clone(),
            code: fallen.candidate.code.clone(),
            checks: fallen.candidate.checks.clone(),
            hidden_checks: fallen.candidate.hidden_checks.clone(),
            dropped_checks: fallen.dropped,
            generator: draft.generator,
            provenance: draft.provenance.clone(),
            topic: draft.topic.clone(),
            seconds: (clock::monotonic() - draft.began).as_secs_f64(),
            tokens: fallen.tokens,
            thought: draft.thought.clone(),
            choice: Some(self.told.choice.clone()),
        };
        self.engine.store.record_attempt(&attempt)?;
        let decided = attempt.outcome == AttemptOutcome::Rejected;
        let id = attempt.attempt_id.as_str();
        self.story.fallen(id, &reasons, decided, attempt.seconds);
        if decided {
            let taught = Taught {
                id,
                outcome: fact_outcome(&attempt.reasons),
                tier: None,
                reasons: attempt.reasons.clone(),
                gates: &attempt.gates,
                tokens: attempt.tokens,
            };
            self.learn(draft, taught)?;
        }
        self.tell(|scenario| ProgressEvent::Rejected {
            scenario,
            reasons,
            detail,
        });
        Ok(Outcome::Decided)
    }

    /// A verdict was reached: the same task is not tried again.
    fn remember(&self, draft: &Draft, outcome: &str) -> Result<(), EngineError> {
        if let Some(key) = &draft.key {
            self.engine
                .store
                .mark_tried(key, self.session(), outcome, clock::utc())?;
        }
        Ok(())
    }

    pub(super) fn phase(&self, phase: Phase, tally: &mut Tally) {
        tally.enter(Some(phase), clock::monotonic());
        self.tell(|scenario| ProgressEvent::Phase { scenario, phase });
    }

    fn tell(&self, event: impl FnOnce(u64) -> ProgressEvent) {
        self.progress.tell(event(self.number));
    }
}

/// What the engine's own reason codes mean to learning.
fn fact_outcome(reasons: &[String]) -> FactOutcome {
    match reasons.first().map(String::as_str) {
        Some("not_woven") => FactOutcome::NotWoven,
        Some("below_gold") => FactOutcome::NotKept,
        _ => FactOutcome::Rejected,
    }
}

/// Strict mode keeps gold alone.
fn keep(tier: Tier, strict: bool) -> Result<(), &'static str> {
    match tier {
        Tier::Silver if strict => Err("silver: strict mode keeps gold alone"),
        Tier::Silver | Tier::Gold => Ok(()),
    }
}
