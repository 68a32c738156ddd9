//! Turns a plan into a task with checks: woven, given, found in the owner's documents, or taken from the pack.

mod given;
mod woven;

use std::collections::BTreeMap;

use crate::clock;
use crate::dream::{
    Candidate, Check, CheckKind, Generator, Origin, Outcome, Provenance, Source, Suite, Topic,
};
use crate::guardian::inputs::{Question, edge_questions, questions};
use crate::pack::offline::PackTask;
use crate::pack::source::{SourceTask, with_answers};
use crate::sandbox::Job;
use crate::weaver::parse::Call;
use crate::weaver::{PROMPT_VERSION, WeaveError};

use super::plan::{ENOUGH_EXAMPLES, Plan};
use super::settle::{Answer, Said, Tried};
use super::solve::{Asked, Steps};
use super::tools::Writers;
use super::{EngineError, Scene, Tally};

/// Examples of the source from which enough calls near them can be made.
const EXAMPLES_TO_GO_BY: usize = 3;
/// Calls near those that are there, until there are so many: twice what a proof needs, so that mutants fall too.
const NEAR_ANSWERS: usize = 14;
/// Checks of a task whose answers the real thing gives: a person still reads them.
const MOST_ANSWERS: usize = 30;
/// Longest answer of the real thing that becomes a check, in bytes: a prompt shows some of them.
const MOST_ANSWER: usize = 400;
/// Exceptions that are there without an import.
const BUILT_IN: &str = "ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError \
    ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError EOFError Exception \
    FileExistsError FileNotFoundError FloatingPointError ImportError IndexError InterruptedError IsADirectoryError KeyError \
    LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError NotImplementedError OSError OverflowError \
    PermissionError ProcessLookupError RecursionError ReferenceError RuntimeError StopAsyncIteration StopIteration SyntaxError \
    SystemError TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError \
    UnicodeTranslateError ValueError ZeroDivisionError";
/// Any seed will do, as long as it is the same when a scenario is tried again.
const NEAR_SEED: u64 = 1;

/// A task with its checks, and its solution where no model has to write one.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) candidate: Candidate,
    pub(super) solved: bool,
    /// Plausible solutions that are known to be wrong.
    pub(super) wrong: Vec<String>,
    /// Dotted name of the real thing that a solution writes anew; a solution must not import it.
    pub(super) reference: Option<String>,
    /// Code of an independent implementation that no model wrote, where there is one.
    pub(super) oracle: Option<String>,
    pub(super) generator: Generator,
    pub(super) provenance: Provenance,
    pub(super) topic: Option<Topic>,
    pub(super) thought: Option<String>,
    /// Remembered as tried once there is a verdict.
    pub(super) key: Option<String>,
    /// Checks that the model was not sure of when it wrote them.
    pub(super) unsure: Vec<Check>,
    /// Solutions that were asked for beside the checks.
    pub(super) early: Option<Asked>,
    pub(super) began: clock::Instant,
}

impl Draft {
    /// Who writes of it what no person wrote.
    fn name_the_model(&mut self, writers: &Writers) {
        self.provenance.model = Some(writers.llm.model().to_owned());
        self.provenance.prompt_version = Some(PROMPT_VERSION.to_owned());
    }
}

/// What became of a plan.
#[derive(Debug)]
pub(super) enum Drafted {
    Ready(Box<Draft>),
    /// No task came of it; the words say why.
    Refused {
        title: String,
        why: String,
        /// Remembered as tried: asking again would give the same.
        key: Option<String>,
        /// Documents that its words came from: who forgets one forgets this too.
        sources: Vec<Source>,
    },
}

impl Drafted {
    /// Of no document and no task that is remembered.
    fn refused(title: String, why: impl Into<String>) -> Self {
        Self::Refused {
            title,
            why: why.into(),
            key: None,
            sources: Vec::new(),
        }
    }
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
            Plan::Weave(weave) => self.weave(*weave, tally).await,
        }
    }

    pub(super) fn begin(&self, candidate: Candidate, generator: Generator) -> Draft {
        Draft {
            candidate,
            solved: false,
            wrong: Vec::new(),
            reference: None,
            oracle: None,
            generator,
            provenance: self.tools.provenance(),
            topic: None,
            thought: None,
            key: None,
            unsure: Vec::new(),
            early: None,
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
            return Ok(Drafted::refused(task.scenario.title, why));
        };
        let candidate = task.with_expectations(&expected)?;
        let mut draft = self.begin(candidate, Generator::Offline);
        draft.solved = true;
        draft.provenance.pack_file = Some(task.file);
        draft.wrong = task.wrong;
        draft.oracle = Some(task.oracle);
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
        let entry_point = &draft.candidate.scenario.entry_point;
        draft.oracle = task
            .reference
            .as_ref()
            .map(|real| import_of(real, entry_point));
        draft.reference = task.reference;
        draft.topic = Some(Topic {
            cluster: None,
            label: draft.candidate.scenario.entry_point.clone(),
        });
        draft.provenance.sources = vec![task.source];
        draft.key = Some(task.key);
        if !draft.solved {
            draft = self.with_more_checks(draft, tally).await?;
            let alike = all_alike(&draft.candidate);
            if let Some(answer) = alike {
                return Ok(Drafted::Refused {
                    title: draft.candidate.scenario.title,
                    why: format!("every call gives {answer}: nothing can be told from that"),
                    key: draft.key,
                    sources: draft.provenance.sources,
                });
            }
            let checks = draft.candidate.all_checks().count();
            if checks < ENOUGH_EXAMPLES {
                return Ok(Drafted::Refused {
                    title: draft.candidate.scenario.title,
                    why: format!(
                        "only {checks} calls could be answered; {ENOUGH_EXAMPLES} are needed"
                    ),
                    key: draft.key,
                    sources: draft.provenance.sources,
                });
            }
        }
        Ok(Drafted::Ready(Box::new(draft)))
    }

    /// Checks beyond the source's own. Where the real thing can be asked, a model only thinks of calls and the real thing
    /// answers them; else the model writes checks.
    async fn with_more_checks(
        &self,
        mut draft: Draft,
        tally: &mut Tally,
    ) -> Result<Draft, EngineError> {
        let Some(writers) = self.writers else {
            return Ok(draft);
        };
        draft.name_the_model(writers);
        let candidate = &draft.candidate;
        if candidate.all_checks().count() >= ENOUGH_EXAMPLES {
            return Ok(draft);
        }
        if let Some(reference) = draft.reference.clone() {
            self.ask_the_real_thing(&mut draft.candidate, &reference, writers, tally)
                .await?;
            return Ok(draft);
        }
        let there: Vec<Check> = candidate.all_checks().map(|(_, c)| c.clone()).collect();
        let suites = writers
            .weaver
            .checks_for(self.permit, &candidate.scenario, &there, 0)
            .await;
        if let Some(suites) = self.woven_or_nothing(suites)? {
            tally.spent(suites.tokens);
            draft.candidate.checks.extend(suites.checks);
            draft.candidate.hidden_checks.extend(suites.hidden_checks);
            draft.unsure = suites.unsure;
        }
        Ok(draft)
    }

    /// Calls near the source's own, and where it shows too few also calls that a model thinks of, answered by the real
    /// thing.
    async fn ask_the_real_thing(
        &self,
        candidate: &mut Candidate,
        reference: &str,
        writers: &Writers,
        tally: &mut Tally,
    ) -> Result<(), EngineError> {
        let name = candidate.scenario.entry_point.clone();
        let text = candidate.scenario.task_prompt.clone();
        let code = import_of(reference, &name);
        let mut answers: Vec<Check> = Vec::new();
        if candidate.all_checks().count() < EXAMPLES_TO_GO_BY {
            let calls = writers
                .weaver
                .calls_for(self.permit, &candidate.scenario)
                .await;
            let Some((calls, spent)) = self.woven_or_nothing(calls)? else {
                return Ok(());
            };
            tally.spent(spent);
            let fresh = calls
                .into_iter()
                .filter(|call| candidate.all_checks().all(|(_, c)| c.call != call.call));
            let questions = fresh.map(|Call { setup, call }| Question {
                setup,
                given: BTreeMap::new(),
                call,
            });
            answers = self.answered(&code, questions.collect(), &text).await?;
        }
        let shown: Vec<&Check> = candidate
            .all_checks()
            .map(|(_, check)| check)
            .chain(&answers)
            .collect();
        let edges = edge_questions(&name, &shown);
        let wanted = NEAR_ANSWERS.saturating_sub(shown.len());
        let near = questions(&name, &shown, &[], wanted, NEAR_SEED);
        let near = near
            .into_iter()
            .filter(|question| !edges.contains(question));
        let asked = edges.iter().cloned().chain(near).collect();
        answers.extend(self.answered(&code, asked, &text).await?);
        answers.truncate(MOST_ANSWERS);
        let (visible, hidden) = with_answers(&mut candidate.scenario, answers);
        candidate.checks.extend(visible);
        candidate.hidden_checks.extend(hidden);
        Ok(())
    }

    /// A check for each question that `code` answers with a plain value, or with an error that `text` names.
    async fn answered(
        &self,
        code: &str,
        questions: Vec<Question>,
        text: &str,
    ) -> Result<Vec<Check>, EngineError> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let asked = questions
            .into_iter()
            .map(|question| (Suite::Visible, question.expecting("", Origin::Reference)));
        let mut asked: Vec<(Suite, Check)> = asked.collect();
        let mut real = [Tried::new(code, self.observe(code, &asked).await?)];
        self.make_observable(&mut asked, &mut Said::default(), &mut real)
            .await?;
        let [real] = real;
        let checks = asked.into_iter().zip(real.answers);
        Ok(checks
            .filter_map(|((_, mut check), answer)| {
                check.kind = match answer {
                    Answer::Value(value) => {
                        let expect = value.to_literal();
                        (expect.len() <= MOST_ANSWER).then_some(CheckKind::Example { expect })?
                    }
                    Answer::Raised(classes) => {
                        // A class of the real thing's own module is not there for who writes it anew.
                        let built_in = |class: &String| BUILT_IN.split(' ').any(|one| one == class);
                        let error = classes.into_iter().find(built_in)?;
                        let named = error != "Exception" && text.contains(&error);
                        named.then_some(CheckKind::Raises { error })?
                    }
                    Answer::Held(_) | Answer::Unobservable(_) | Answer::Ended(_) => return None,
                };
                Some(check)
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
            let seen = self.seen(&mut runner, &job, None).await?;
            answers.push(match seen.outcome {
                Outcome::Value { value } => Some(value.to_literal()),
                Outcome::Raised { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => None,
            });
        }
        runner.close().await;
        Ok(answers)
    }

    /// A refusal of the weaver is no error of the session; a failure of the server is.
    pub(super) fn woven_or_nothing<T>(
        &self,
        woven: Result<T, WeaveError>,
    ) -> Result<Option<T>, EngineError> {
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

/// The one answer that all checks expect, where they do: code that gives it always would pass.
fn all_alike(candidate: &Candidate) -> Option<String> {
    let mut kinds = candidate.all_checks().map(|(_, check)| &check.kind);
    let first = kinds.next()?;
    match first {
        CheckKind::Example { expect } if kinds.all(|kind| kind == first) => Some(expect.clone()),
        CheckKind::Example { .. } | CheckKind::Raises { .. } | CheckKind::Property { .. } => None,
    }
}

/// Code that binds the real thing to the task's name: `bisect.bisect` → `from bisect import bisect as bisect`.
fn import_of(reference: &str, entry_point: &str) -> String {
    match reference.rsplit_once('.') {
        Some((module, name)) => format!("from {module} import {name} as {entry_point}\n"),
        None => format!("{entry_point} = {reference}\n"),
    }
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
}
