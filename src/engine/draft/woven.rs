//! A cluster of the owner's text becomes a draft; and what woven and given tasks have in common: their checks and first
//! solutions come of their text alone.

use super::{Asked, Drafted, Steps};
use crate::clock;
use crate::dream::{Candidate, Check, Generator, Scenario, Topic};
use crate::engine::plan::Weave;
use crate::engine::progress::Phase;
use crate::engine::tools::Writers;
use crate::engine::{EngineError, Scene, Tally};
use crate::similarity;
use crate::weaver::{WeaveError, WovenChecks};

impl Scene<'_> {
    pub(super) async fn weave(
        &self,
        plan: Weave,
        tally: &mut Tally,
    ) -> Result<Drafted, EngineError> {
        let Weave {
            cluster,
            libraries,
            difficulty,
        } = plan;
        let Some(writers) = self.writers else {
            return Err(EngineError::NoModel);
        };
        let began = clock::monotonic();
        let known = self.tools.known();
        let task = writers
            .weaver
            .weave_task(self.permit, &cluster, difficulty, &libraries, &known)
            .await;
        // Whatever came of it, the next session should look elsewhere first.
        self.engine.knowledge.mark_dreamed(cluster.id)?;
        let refused = |error: WeaveError| match error {
            WeaveError::Llm(error) => Err(error.into()),
            refusal => Ok(Drafted::Refused {
                title: cluster.label.clone(),
                why: refusal.to_string(),
                key: None,
                sources: cluster.fragments.iter().map(|f| f.source.clone()).collect(),
            }),
        };
        let task = match task {
            Ok(task) => task,
            Err(error) => return refused(error),
        };
        tally.spent(task.tokens);
        let (suites, early) = self
            .checks_and_solutions(writers, &task.scenario, &[], task.seed, tally)
            .await?;
        let suites = suites.and_then(|suites| {
            let new = writers
                .weaver
                .refuse_known(&task.scenario, &suites.checks, &known);
            new.map(|()| suites)
        });
        let suites = match suites {
            Ok(suites) => suites,
            Err(error) => return refused(error),
        };
        self.tools
            .remember(similarity::sketch(&task.scenario, &suites.checks));
        let candidate = Candidate {
            scenario: task.scenario,
            code: String::new(),
            checks: suites.checks,
            hidden_checks: suites.hidden_checks,
        };
        let mut draft = self.begin(candidate, Generator::Llm);
        draft.began = began;
        draft.unsure = suites.unsure;
        draft.early = early;
        draft.name_the_model(writers);
        draft.provenance.sources = cluster.fragments.into_iter().map(|f| f.source).collect();
        draft.topic = Some(Topic {
            cluster: Some(cluster.id),
            label: cluster.label,
        });
        draft.thought = Some(task.thought);
        Ok(Drafted::Ready(Box::new(draft)))
    }

    /// Checks and the first solutions are written from the task's text alone, and no solution may see a check: a scenario
    /// that may have several requests asks for them at once. Else one comes after the other, as the server keeps the text
    /// that it has just read: solutions first where the task shows what they must give, for what the model cannot solve
    /// needs no checks.
    pub(super) async fn checks_and_solutions(
        &self,
        writers: &Writers,
        scenario: &Scenario,
        shown: &[Check],
        seed: u64,
        tally: &mut Tally,
    ) -> Result<(Result<WovenChecks, WeaveError>, Option<Asked>), EngineError> {
        let suites = writers
            .weaver
            .checks_for(self.permit, scenario, shown, seed);
        let (suites, early) = if self.requests > 1 {
            let early = self.code(scenario, Steps::of(shown.iter()).first, 0, tally);
            let (suites, early) = tokio::join!(suites, early);
            (suites, Some(early?))
        } else if shown.is_empty() {
            (suites.await, None)
        } else {
            let (early, fits) = self.until_one_fits(scenario, shown, tally).await?;
            let suites = if fits {
                self.phase(Phase::Weaving, tally);
                suites.await
            } else {
                Ok(WovenChecks::default())
            };
            (suites, Some(early))
        };
        if let Ok(suites) = &suites {
            tally.spent(suites.tokens);
        }
        Ok((suites, early))
    }
}
