//! Turns a plan into a task with checks: woven, given, found in the owner's documents, or taken from the pack.

use std::collections::BTreeMap;

use crate::clock;
use crate::dream::{
    Candidate, Check, CheckKind, Generator, Origin, Outcome, Provenance, TaskLine, Topic,
};
use crate::pack::offline::PackTask;
use crate::pack::source::SourceTask;
use crate::sandbox::Job;
use crate::similarity;
use crate::weaver::{PROMPT_VERSION, WeaveError};

use super::plan::{ENOUGH_EXAMPLES, Plan};
use super::{EngineError, Scene, Tally};

/// A task with its checks, and its solution where no model has to write one.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) candidate: Candidate,
    pub(super) solved: bool,
    /// Plausible solutions that are known to be wrong.
    pub(super) wrong: Vec<String>,
    /// Dotted name of the real thing that a solution writes anew; a solution must not import it.
    pub(super) reference: Option<String>,
    pub(super) generator: Generator,
    pub(super) provenance: Provenance,
    pub(super) topic: Option<Topic>,
    pub(super) thought: Option<String>,
    /// Remembered as tried once there is a verdict.
    pub(super) key: Option<String>,
    pub(super) began: clock::Instant,
}

/// What became of a plan.
#[derive(Debug)]
pub(super) enum Drafted {
    Ready(Box<Draft>),
    /// No task came of it; the words say why.
    Refused {
        title: String,
        why: String,
    },
}

impl Scene<'_> {
    pub(super) async fn draft(
        &self,
        plan: Plan,
        tally: &mut Tally,
    ) -> Result<Drafted, EngineError> {
        match plan {
            Plan::Pack(task) => self.draft_pack(*task).await,
            Plan::Source(task) => self.draft_source(*task, tally).await,
            Plan::Given(line) => self.draft_given(line, tally).await,
            Plan::Weave(cluster, difficulty) => self.weave(cluster, difficulty, tally).await,
        }
    }

    pub(super) fn begin(&self, candidate: Candidate, generator: Generator) -> Draft {
        Draft {
            candidate,
            solved: false,
            wrong: Vec::new(),
            reference: None,
            generator,
            provenance: self.tools.provenance(),
            topic: None,
            thought: None,
            key: None,
            began: clock::monotonic(),
        }
    }

    /// The pack's second, independent implementation answers the checks that hold no literal.
    async fn draft_pack(&self, task: PackTask) -> Result<Drafted, EngineError> {
        let calls = task.pending_calls();
        let calls = calls.into_iter().map(|c| (c.setup, c.given, c.call));
        let answers = self.ask_oracle(&task.oracle, calls.collect()).await?;
        let Some(expected) = answers.into_iter().collect::<Option<Vec<_>>>() else {
            let why = format!("the oracle of {} gave no plain value", task.file);
            return Ok(Drafted::Refused {
                title: task.scenario.title,
                why,
            });
        };
        let candidate = task.with_expectations(&expected)?;
        let mut draft = self.begin(candidate, Generator::Offline);
        draft.solved = true;
        draft.provenance.pack_file = Some(task.file);
        draft.wrong = task.wrong;
        draft.thought = Some(task.thought);
        draft.key = Some(task.key);
        Ok(Drafted::Ready(Box::new(draft)))
    }

    /// The owner's own examples; where there are too few, a model thinks of more calls and the real thing answers them.
    async fn draft_source(
        &self,
        task: SourceTask,
        tally: &mut Tally,
    ) -> Result<Drafted, EngineError> {
        let candidate = Candidate {
            scenario: task.scenario,
            code: task.solution.clone().unwrap_or_default(),
            checks: task.checks,
            hidden_checks: task.hidden_checks,
        };
        let generator = match task.solution {
            Some(_) => Generator::Source,
            None => Generator::Llm,
        };
        let mut draft = self.begin(candidate, generator);
        draft.solved = task.solution.is_some();
        draft.reference = task.reference;
        draft.topic = Some(Topic {
            cluster: None,
            label: draft.candidate.scenario.entry_point.clone(),
        });
        draft.provenance.sources = vec![task.source];
        draft.key = Some(task.key);
        if !draft.solved {
            draft = self.with_more_checks(draft, tally).await?;
        }
        Ok(Drafted::Ready(Box::new(draft)))
    }

    /// Checks beyond the source's own: asked of a model, answered by the real thing where it can be imported.
    async fn with_more_checks(
        &self,
        mut draft: Draft,
        tally: &mut Tally,
    ) -> Result<Draft, EngineError> {
        let Some(writers) = &self.tools.writers else {
            return Ok(draft);
        };
        draft.provenance.model = Some(writers.llm.model().to_owned());
        draft.provenance.prompt_version = Some(PROMPT_VERSION.to_owned());
        let candidate = &draft.candidate;
        if candidate.checks.len() + candidate.hidden_checks.len() >= ENOUGH_EXAMPLES {
            return Ok(draft);
        }
        let asking = self.tools.asking();
        let suites = writers
            .weaver
            .checks_for(self.permit, &candidate.scenario)
            .await;
        drop(asking);
        let Some(suites) = self.woven_or_nothing(suites)? else {
            return Ok(draft);
        };
        tally.spent(suites.tokens);
        let (mut checks, mut hidden) = (suites.checks, suites.hidden_checks);
        if let Some(reference) = &draft.reference {
            let code = import_of(reference, &candidate.scenario.entry_point);
            checks = self.answered(&code, checks).await?;
            hidden = self.answered(&code, hidden).await?;
        }
        draft.candidate.checks.extend(checks);
        draft.candidate.hidden_checks.extend(hidden);
        Ok(draft)
    }

    /// Example checks with the value that `code` gives instead of the model's; those it cannot answer are left out.
    async fn answered(&self, code: &str, checks: Vec<Check>) -> Result<Vec<Check>, EngineError> {
        let examples: Vec<Check> = checks
            .into_iter()
            .filter(|check| matches!(check.kind, CheckKind::Example { .. }))
            .collect();
        let calls = examples
            .iter()
            .map(|check| (check.setup.clone(), check.given.clone(), check.call.clone()));
        let answers = self.ask_oracle(code, calls.collect()).await?;
        let answered = examples.into_iter().zip(answers);
        Ok(answered
            .filter_map(|(check, expect)| {
                let kind = CheckKind::Example { expect: expect? };
                Some(Check {
                    kind,
                    origin: Origin::Reference,
                    ..check
                })
            })
            .collect())
    }

    /// What `code` answers to each call, as literals; `None` where it is no plain value.
    async fn ask_oracle(
        &self,
        code: &str,
        calls: Vec<(String, BTreeMap<String, String>, String)>,
    ) -> Result<Vec<Option<String>>, EngineError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let mut runner = self.interpreter().await?;
        let mut answers = Vec::with_capacity(calls.len());
        for (setup, given, call) in calls {
            let job = Job::Call {
                code: code.to_owned(),
                setup,
                given,
                values: BTreeMap::new(),
                call,
                trace: false,
            };
            let seen = runner.run(self.permit, &job).await?;
            answers.push(match seen.outcome {
                Outcome::Value { value } => Some(value.to_literal()),
                Outcome::Raised { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => None,
            });
        }
        runner.close().await;
        Ok(answers)
    }

    /// A task that a person gave: only its checks are written here.
    async fn draft_given(&self, line: TaskLine, tally: &mut Tally) -> Result<Drafted, EngineError> {
        let Some(writers) = &self.tools.writers else {
            return Err(EngineError::NoModel);
        };
        let title = line
            .title
            .clone()
            .unwrap_or_else(|| first_words(&line.task_prompt));
        let began = clock::monotonic();
        let _asking = self.tools.asking();
        let named = writers.weaver.scenario_for(self.permit, &line).await;
        let Some((scenario, spent)) = self.woven_or_nothing(named)? else {
            return Ok(Drafted::Refused {
                title,
                why: "no entry point could be told from the task".to_owned(),
            });
        };
        tally.spent(spent);
        let suites = writers.weaver.checks_for(self.permit, &scenario).await;
        let Some(suites) = self.woven_or_nothing(suites)? else {
            return Ok(Drafted::Refused {
                title,
                why: "the model wrote no usable checks".to_owned(),
            });
        };
        tally.spent(suites.tokens);
        let candidate = Candidate {
            scenario,
            code: String::new(),
            checks: suites.checks,
            hidden_checks: suites.hidden_checks,
        };
        let mut draft = self.begin(candidate, Generator::Llm);
        draft.began = began;
        draft.provenance.model = Some(writers.llm.model().to_owned());
        draft.provenance.prompt_version = Some(PROMPT_VERSION.to_owned());
        draft.provenance.tasks_line = Some(format!("{}:{}", self.tools.tasks_file, line.line));
        Ok(Drafted::Ready(Box::new(draft)))
    }

    async fn weave(
        &self,
        cluster: crate::dream::Cluster,
        difficulty: crate::dream::Difficulty,
        tally: &mut Tally,
    ) -> Result<Drafted, EngineError> {
        let Some(writers) = &self.tools.writers else {
            return Err(EngineError::NoModel);
        };
        let began = clock::monotonic();
        let _asking = self.tools.asking();
        let woven = writers
            .weaver
            .weave_scenario(self.permit, &cluster, difficulty, &[], &self.tools.known())
            .await;
        // Whatever came of it, the next session should look elsewhere first.
        self.engine.knowledge.mark_dreamed(cluster.id)?;
        let woven = match woven {
            Ok(woven) => woven,
            Err(WeaveError::Llm(error)) => return Err(error.into()),
            Err(refusal) => {
                return Ok(Drafted::Refused {
                    title: cluster.label,
                    why: refusal.to_string(),
                });
            }
        };
        tally.spent(woven.tokens);
        self.tools
            .remember(similarity::sketch(&woven.scenario, &woven.checks));
        let candidate = Candidate {
            scenario: woven.scenario,
            code: String::new(),
            checks: woven.checks,
            hidden_checks: woven.hidden_checks,
        };
        let mut draft = self.begin(candidate, Generator::Llm);
        draft.began = began;
        draft.provenance.model = Some(writers.llm.model().to_owned());
        draft.provenance.prompt_version = Some(PROMPT_VERSION.to_owned());
        draft.provenance.sources = cluster.fragments.into_iter().map(|f| f.source).collect();
        draft.topic = Some(Topic {
            cluster: Some(cluster.id),
            label: cluster.label,
        });
        draft.thought = Some(woven.thought);
        Ok(Drafted::Ready(Box::new(draft)))
    }

    /// A refusal of the weaver is no error of the session; a failure of the server is.
    fn woven_or_nothing<T>(&self, woven: Result<T, WeaveError>) -> Result<Option<T>, EngineError> {
        match woven {
            Ok(woven) => Ok(Some(woven)),
            Err(WeaveError::Llm(error)) => Err(error.into()),
            Err(refusal) => {
                tracing::debug!(scenario = self.number, %refusal, "the weaver gave nothing");
                Ok(None)
            }
        }
    }
}

/// Code that binds the real thing to the task's name: `bisect.bisect` → `from bisect import bisect as bisect`.
fn import_of(reference: &str, entry_point: &str) -> String {
    match reference.rsplit_once('.') {
        Some((module, name)) => format!("from {module} import {name} as {entry_point}\n"),
        None => format!("{entry_point} = {reference}\n"),
    }
}

/// A title from a prompt that came without one.
fn first_words(prompt: &str) -> String {
    let words: Vec<&str> = prompt.split_whitespace().take(8).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_thing_is_bound_to_the_tasks_name() {
        assert_eq!(
            import_of("os.path.join", "join"),
            "from os.path import join as join\n"
        );
        assert_eq!(import_of("sorted", "in_order"), "in_order = sorted\n");
    }

    #[test]
    fn a_prompt_gives_a_short_title() {
        assert_eq!(
            first_words("  Merge two\nsorted lists "),
            "Merge two sorted lists"
        );
    }
}
