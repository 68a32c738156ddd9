//! What a session knows from earlier ones, and what it leaves for later ones: facts are read before the first scenario,
//! every choice is made and explained here, and each scenario writes one fact at its end.

use crate::chance::Chance;
use crate::clock;
use crate::dream::{
    ArmKey, AttemptFact, Choice, Complexity, Decision, Difficulty, FactOutcome, GateReport,
    LearningPhase, Tier, Tokens,
};
use crate::ids::{AttemptId, SessionId};
use crate::learning::choose::{self, Candidate};
use crate::learning::{LearningStore, Outlook, SnapshotKey, backfill, fitted, libraries, steps_of};
use crate::models::{Book, kept};
use crate::store::Store;

use super::draft::Draft;
use super::plan::Plan;
use super::{EngineError, Scene};

/// What earlier tries say about the next.
pub(super) struct Learned {
    outlook: Outlook,
    book: Book,
    chance: Chance,
    complexity: Complexity,
    /// Third-party ones that solutions may import here.
    libraries: Vec<String>,
    group: String,
}

/// What is said of one scenario before it begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) topic: String,
    /// First step of the try: `source`, `weave`, `pack` or `given`.
    pub(super) begin: &'static str,
    pub(super) difficulty: Option<Difficulty>,
    /// Those that a woven task was to use.
    libraries: Vec<String>,
    pub(super) choice: Choice,
    pub(super) arm: Option<ArmKey>,
    phase: LearningPhase,
    group: String,
}

impl Learned {
    /// Everything that is on record. `night` is the page that the session belongs to.
    pub(super) fn load(
        store: &Store,
        session: &SessionId,
        complexity: Complexity,
        libraries: Vec<String>,
        night: &str,
    ) -> Result<Self, EngineError> {
        let earlier = backfill(store)?;
        if earlier > 0 {
            tracing::info!(earlier, "tries of earlier nights are learned from");
        }
        // The same that `models weights` and `learning show` show.
        let facts = store.facts(kept::MOST_FACTS)?;
        let learning = LearningStore::new(store);
        let sessions = learning
            .whole_sessions(&SnapshotKey::Global)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "sessions that were imported cannot be read and are left out");
                Vec::new()
            });
        let models = learning.offline_models().unwrap_or_else(|error| {
            tracing::warn!(%error, "offline models cannot be read and are left out");
            Vec::new()
        });
        Ok(Self {
            outlook: Outlook::of(&facts, &sessions).advised(&models),
            book: kept::book(store, &facts)?,
            chance: Chance::of(session.as_str()),
            complexity,
            libraries,
            group: format!("g{night}"),
        })
    }

    /// The session's own tries count for its next ones.
    pub(super) fn refresh(
        &mut self,
        store: &Store,
        session: &SessionId,
    ) -> Result<(), EngineError> {
        for fact in store.facts_of_session(session)? {
            self.outlook.learn(&fact);
            self.book.learn(&fact);
        }
        Ok(())
    }

    pub(super) fn is_known(&self) -> bool {
        self.outlook.is_known()
    }

    pub(super) fn tries(&self) -> u64 {
        self.outlook.tries()
    }

    pub(super) fn topic(&mut self, candidates: &[Candidate]) -> Option<(usize, Decision)> {
        choose::decide(candidates, &self.outlook, &mut self.chance)
    }

    /// Which libraries a woven task is to use; a decision where there are any.
    pub(super) fn libraries(&mut self) -> (Vec<String>, Option<Decision>) {
        let decided = libraries::decide(&self.libraries, &self.outlook, &mut self.chance);
        decided.map_or_else(Default::default, |(set, decision)| (set, Some(decision)))
    }

    /// How hard a woven task is to be; a decision where the program decides.
    pub(super) fn difficulty(
        &mut self,
        topic: &str,
        libraries: &[String],
    ) -> (Difficulty, Option<Decision>) {
        if let Some(difficulty) = self.complexity.fixed() {
            return (difficulty, None);
        }
        let stratum = libraries::stratum(libraries);
        let ladder = self.outlook.ladder(&fitted(topic), &stratum);
        let (difficulty, decision) = ladder.decide(&mut self.chance);
        (difficulty, Some(decision))
    }

    /// Those of these models that may be asked at all, by a person's word.
    pub(super) fn allowed(&self, arms: Vec<ArmKey>) -> Vec<ArmKey> {
        self.book.allowed(arms)
    }

    /// Which of these models to ask.
    pub(super) fn model(&mut self, arms: &[ArmKey]) -> Option<(usize, Decision)> {
        self.book.decide(arms, &mut self.chance)
    }

    /// What is to be said of a plan.
    pub(super) fn tell(&self, plan: &Plan, decisions: Vec<Decision>) -> Told {
        let (topic, begin) = plan.topic_and_step();
        Told {
            topic: fitted(&topic),
            begin,
            libraries: match plan {
                Plan::Weave(weave) => weave.libraries.clone(),
                Plan::Given(_) | Plan::Source(_) | Plan::Pack(_) => Vec::new(),
            },
            difficulty: match plan {
                Plan::Weave(weave) => Some(weave.difficulty),
                Plan::Given(line) => line.difficulty,
                Plan::Source(task) => Some(task.scenario.difficulty),
                Plan::Pack(task) => Some(task.scenario.difficulty),
            },
            phase: if !self.is_known() {
                LearningPhase::Bootstrap
            } else if decisions.iter().any(choose::is_against_the_figures) {
                LearningPhase::Validate
            } else {
                LearningPhase::Release
            },
            choice: Choice { decisions },
            arm: None,
            group: self.group.clone(),
        }
    }
}

/// How a try ended, and its figures.
pub(super) struct Taught<'a> {
    /// The attempt's digits, or the saved dream's.
    pub(super) id: &'a str,
    pub(super) outcome: FactOutcome,
    pub(super) tier: Option<Tier>,
    pub(super) reasons: Vec<String>,
    pub(super) gates: &'a [GateReport],
    pub(super) tokens: Tokens,
}

impl Scene<'_> {
    /// Writes the fact that a try without a dream leaves. Undecided and interrupted tries leave none.
    pub(super) fn learn(&self, draft: &Draft, taught: Taught<'_>) -> Result<(), EngineError> {
        let Some(fact) = self.fact(draft, taught) else {
            return Ok(());
        };
        self.engine.store.record_fact(&fact)?;
        self.story.learned(&fact);
        Ok(())
    }

    /// What this try leaves to later ones.
    pub(super) fn fact(&self, draft: &Draft, taught: Taught<'_>) -> Option<AttemptFact> {
        let attempt_id = AttemptId::parse(taught.id)?;
        let scenario = &draft.candidate.scenario;
        let not_woven = taught.outcome == FactOutcome::NotWoven;
        let asked = draft.provenance.model.is_some() || (not_woven && self.told.begin != "pack");
        Some(AttemptFact {
            attempt_id,
            session_id: self.session.clone(),
            at: clock::utc(),
            topic: self.told.topic.clone(),
            generator: draft.generator,
            difficulty: if not_woven {
                self.told.difficulty.unwrap_or_default()
            } else {
                scenario.difficulty
            },
            library: libraries::stratum(if not_woven {
                &self.told.libraries
            } else {
                &scenario.libraries
            }),
            arm: self.told.arm.clone().filter(|_| asked),
            steps: steps_of(self.told.begin, taught.outcome, taught.gates),
            outcome: taught.outcome,
            tier: taught.tier,
            reasons: taught.reasons,
            seconds: self.share.spent(clock::monotonic()).as_secs_f64(),
            tokens: taught.tokens.prompt + taught.tokens.completion,
            phase: self.told.phase,
            group: self.told.group.clone(),
            choice: Some(self.told.choice.clone()),
            trajectory: Some(self.story.trajectory().to_owned()),
        })
    }
}
