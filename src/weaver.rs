//! ScenarioWeaver: a cluster of the owner's text becomes a scenario with checks. Called by the engine.
//!
//! The task is one request; its visible and its hidden checks are two more, which see the task's text and never a
//! solution. Nothing that comes back is believed: see `answer` and `parse`. Never runs anything.

use futures_util::stream::{self, Stream};

use crate::dream::{Check, CheckKind, Cluster, Difficulty, Scenario, Sketch, TaskLine, Tokens};
use crate::llm::{ChatReply, ChatRequest, LlmClient, LlmError, Message, lenient};
use crate::similarity;
use crate::supervisor::permit::{Ended, WorkPermit};

mod answer;
mod fold;
mod libraries;
pub mod parse;
pub mod prompt;

pub use prompt::{Example, PROMPT_VERSION};

/// Tasks at least this much alike are one task. Two unrelated tasks share under a tenth of their shingles; the same task
/// with other names keeps about half (SelfCodeAlign drops at 0.5 too).
pub const TOO_ALIKE: f64 = 0.5;

/// What the Guardian asks for; with fewer a scenario is not worth solving.
const LEAST_VISIBLE: usize = 3;
const LEAST_HIDDEN: usize = 2;

/// Below these a second request is worth its time: some checks fall while settling.
const WANTED_VISIBLE: usize = 5;
const WANTED_HIDDEN: usize = 4;

/// Checks of one suite: one more half than asked for.
const MOST_CHECKS: usize = 9;

/// A task's answer has 300 to 450 tokens.
const TASK_TOKENS: u32 = 900;
/// Six checks have 100 to 250 tokens.
const CHECK_TOKENS: u32 = 450;

/// Twelve calls have 120 to 250 tokens.
const CALL_TOKENS: u32 = 300;

/// Expected values want care, not ideas.
const CHECK_TEMPERATURE: f64 = 0.2;
/// Calls want variety, and nothing about them can be wrong.
const CALL_TEMPERATURE: f64 = 0.4;
/// Tasks want variety.
const TASK_TEMPERATURE: f64 = 0.8;

/// A scenario with its checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Woven {
    pub scenario: Scenario,
    pub checks: Vec<Check>,
    pub hidden_checks: Vec<Check>,
    /// The model's reasoning before the task: for the journal, never for an export.
    pub thought: String,
    pub tokens: Tokens,
    pub prompt_version: &'static str,
}

/// Checks for a task that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct WovenChecks {
    pub checks: Vec<Check>,
    pub hidden_checks: Vec<Check>,
    pub tokens: Tokens,
    pub prompt_version: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum WeaveError {
    #[error(transparent)]
    Llm(#[from] LlmError),
    #[error("the model found no task in the text: {0}")]
    Rejected(String),
    #[error("the model's answer is no task: {0}")]
    Malformed(String),
    #[error("the task cannot be judged by its results: {0}")]
    Unusable(String),
    #[error("the task is too like an earlier one ({0:.2})")]
    TooSimilar(f64),
    #[error("only {visible} visible and {hidden} hidden checks could be read")]
    TooFewChecks { visible: usize, hidden: usize },
}

impl WeaveError {
    /// Why the work had to stop, where that is what happened.
    #[must_use]
    pub fn interrupted(&self) -> Option<Ended> {
        match self {
            Self::Llm(LlmError::Interrupted(ended)) => Some(*ended),
            Self::Llm(_)
            | Self::Rejected(_)
            | Self::Malformed(_)
            | Self::Unusable(_)
            | Self::TooSimilar(_)
            | Self::TooFewChecks { .. } => None,
        }
    }

    /// True where the server failed and not the task: the next cluster would fail too.
    #[must_use]
    pub fn is_infrastructure(&self) -> bool {
        matches!(self, Self::Llm(error) if !matches!(error, LlmError::Interrupted(_)))
    }
}

/// Weaves scenarios with one model.
#[derive(Debug, Clone)]
pub struct ScenarioWeaver {
    llm: LlmClient,
    examples: Vec<Example>,
}

impl ScenarioWeaver {
    #[must_use]
    pub fn new(llm: LlmClient) -> Self {
        Self {
            llm,
            examples: Vec::new(),
        }
    }

    /// Shows the model these finished tasks in place of the built-in ones, where one has the wanted difficulty. Tasks
    /// like them are refused.
    #[must_use]
    pub fn with_examples(mut self, examples: Vec<Example>) -> Self {
        self.examples = examples;
        self
    }

    /// One scenario out of `cluster`, unlike all `known` tasks. `libraries` are the third-party ones it may use.
    ///
    /// # Errors
    /// See `WeaveError`: only `is_infrastructure` ones and interruptions say anything about more than this cluster.
    pub async fn weave_scenario(
        &self,
        permit: &WorkPermit,
        cluster: &Cluster,
        difficulty: Difficulty,
        libraries: &[String],
        known: &[Sketch],
    ) -> Result<Woven, WeaveError> {
        let seed = seed(cluster);
        let messages = prompt::task(cluster, difficulty, libraries, &self.examples);
        let (told, spent) = self
            .task(permit, messages, difficulty, libraries, seed)
            .await?;
        // Before the checks are asked for: that is most of the work.
        self.refuse_known(&told.scenario, &[], known)?;
        let woven = self.checks_seeded(permit, &told.scenario, seed).await?;
        self.refuse_known(&told.scenario, &woven.checks, known)?;
        Ok(Woven {
            scenario: told.scenario,
            checks: woven.checks,
            hidden_checks: woven.hidden_checks,
            thought: told.thought,
            tokens: sum(woven.tokens, spent),
            prompt_version: PROMPT_VERSION,
        })
    }

    /// Asks for a task; once more, with the list of what is there, where it wants a library that is not.
    async fn task(
        &self,
        permit: &WorkPermit,
        mut messages: Vec<Message>,
        difficulty: Difficulty,
        libraries: &[String],
        seed: u64,
    ) -> Result<(answer::Told, Tokens), WeaveError> {
        let schema = Some(prompt::task_schema());
        let mut spent = Tokens::default();
        let mut wanted = None;
        for round in 0..2 {
            let reply = self
                .ask(
                    permit,
                    messages.clone(),
                    schema.clone(),
                    TASK_TEMPERATURE,
                    TASK_TOKENS,
                    seed.wrapping_add(round),
                )
                .await?;
            spent = sum(spent, tokens(&reply));
            let json = lenient::json_from(&reply.text)
                .ok_or_else(|| WeaveError::Malformed("no whole JSON object in it".to_owned()))?;
            match answer::read(json, difficulty, libraries) {
                Ok(told) => return Ok((told, spent)),
                Err(answer::Unfit::Rejected(why)) => return Err(WeaveError::Rejected(why)),
                Err(answer::Unfit::Malformed(what)) => return Err(WeaveError::Malformed(what)),
                Err(answer::Unfit::Unusable(what)) => return Err(WeaveError::Unusable(what)),
                Err(answer::Unfit::Wants(module)) => {
                    messages.extend(prompt::without(&reply.text, module, libraries));
                    wanted = Some(module);
                }
            }
        }
        Err(WeaveError::Unusable(format!(
            "it wants the library {}, twice; there is {}",
            wanted.unwrap_or_default(),
            prompt::imports(libraries)
        )))
    }

    /// Scenarios out of these clusters in turn, woven one at a time as they are asked for: a wake loses at most one.
    /// Each is unlike the `known` ones and those woven before it. Ends after an interruption.
    pub fn weave_multiple_scenarios<'a>(
        &'a self,
        permit: &'a WorkPermit,
        clusters: &'a [Cluster],
        difficulty: Difficulty,
        libraries: &'a [String],
        known: Vec<Sketch>,
    ) -> impl Stream<Item = Result<Woven, WeaveError>> + 'a {
        stream::unfold((0, known), move |(next, mut known)| async move {
            let cluster = clusters.get(next)?;
            let woven = self
                .weave_scenario(permit, cluster, difficulty, libraries, &known)
                .await;
            let then = match &woven {
                Ok(woven) => {
                    known.push(similarity::sketch(&woven.scenario, &woven.checks));
                    next + 1
                }
                Err(error) if error.interrupted().is_some() => clusters.len(),
                Err(_) => next + 1,
            };
            Some((woven, (then, known)))
        })
    }

    /// A scenario from a given task. Its entry point is the line's, else the one that its text names, else asked for.
    ///
    /// # Errors
    /// As `weave_scenario`; `Malformed` where no name could be found.
    pub async fn scenario_for(
        &self,
        permit: &WorkPermit,
        line: &TaskLine,
    ) -> Result<(Scenario, Tokens), WeaveError> {
        let given = line.entry_point.as_deref().and_then(answer::name_in);
        let (entry_point, spent) = match given.or_else(|| answer::entry_point_in(&line.task_prompt))
        {
            Some(name) => (name, Tokens::default()),
            None => self.name_for(permit, &line.task_prompt).await?,
        };
        let task = line.task_prompt.trim();
        let named = task.contains(&entry_point);
        let scenario = Scenario {
            title: line
                .title
                .clone()
                .unwrap_or_else(|| entry_point.replace('_', " ")),
            description: String::new(),
            task_prompt: if named {
                task.to_owned()
            } else {
                format!("{task}\n\nName the function `{entry_point}`.")
            },
            difficulty: line.difficulty.unwrap_or_default(),
            libraries: line.libraries.clone(),
            test_cases: Vec::new(),
            entry_point,
            in_place: Vec::new(),
        };
        Ok((scenario, spent))
    }

    async fn name_for(
        &self,
        permit: &WorkPermit,
        task: &str,
    ) -> Result<(String, Tokens), WeaveError> {
        let messages = prompt::name_of(task);
        let reply = self
            .ask(permit, messages, Some(prompt::name_schema()), 0.0, 60, 0)
            .await?;
        let name = lenient::json_from(&reply.text)
            .and_then(|json| answer::name_in(json["entry_point"].as_str()?));
        let name =
            name.ok_or_else(|| WeaveError::Malformed("no usable function name".to_owned()))?;
        Ok((name, tokens(&reply)))
    }

    /// Checks for a given scenario, from its text alone.
    ///
    /// # Errors
    /// As `weave_scenario`.
    pub async fn checks_for(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
    ) -> Result<WovenChecks, WeaveError> {
        self.checks_seeded(permit, scenario, 0).await
    }

    /// Calls that try a documented function, for the real one to answer.
    ///
    /// # Errors
    /// `Llm` alone: no usable call is an empty list.
    pub async fn calls_for(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
    ) -> Result<(Vec<parse::Call>, Tokens), WeaveError> {
        let messages = prompt::calls(scenario);
        let reply = self
            .ask(permit, messages, None, CALL_TEMPERATURE, CALL_TOKENS, 0)
            .await?;
        let calls = parse::calls(&reply.text, &scenario.entry_point);
        Ok((calls, tokens(&reply)))
    }

    async fn checks_seeded(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        seed: u64,
    ) -> Result<WovenChecks, WeaveError> {
        let mut spent = Tokens::default();
        let (mut visible, mut hidden): (Vec<Check>, Vec<Check>) = (Vec::new(), Vec::new());
        // A second round only where the first one gave too few to survive settling.
        for round in 0..2_u64 {
            let seed = seed.wrapping_add(round * 1_000);
            let want_visible = visible.len() < WANTED_VISIBLE
                && (round == 0 || visible.len() + hidden.len() < WANTED_VISIBLE + WANTED_HIDDEN);
            let want_hidden = hidden.len() < WANTED_HIDDEN
                && (round == 0 || visible.len() + hidden.len() < WANTED_VISIBLE + WANTED_HIDDEN);
            let (first, second) = if self.llm.slots() > 1 && want_visible && want_hidden {
                let (a, b) = tokio::join!(
                    self.ask_checks(permit, scenario, false, seed),
                    self.ask_checks(permit, scenario, true, seed + 1)
                );
                (Some(a?), Some(b?))
            } else {
                let a = if want_visible {
                    Some(self.ask_checks(permit, scenario, false, seed).await?)
                } else {
                    None
                };
                let b = if want_hidden {
                    Some(self.ask_checks(permit, scenario, true, seed + 1).await?)
                } else {
                    None
                };
                (a, b)
            };
            for (suite, found) in [(&mut visible, first), (&mut hidden, second)] {
                if let Some((checks, used)) = found {
                    suite.extend(checks);
                    spent = sum(spent, used);
                }
            }
            disentangle(&mut visible, &mut hidden);
            // A small model sometimes goes on and on; what it was asked for came first.
            visible.truncate(MOST_CHECKS);
            hidden.truncate(MOST_CHECKS);
        }
        balance(&mut visible, &mut hidden);
        if visible.len() < LEAST_VISIBLE || hidden.len() < LEAST_HIDDEN {
            return Err(WeaveError::TooFewChecks {
                visible: visible.len(),
                hidden: hidden.len(),
            });
        }
        Ok(WovenChecks {
            checks: visible,
            hidden_checks: hidden,
            tokens: spent,
            prompt_version: PROMPT_VERSION,
        })
    }

    async fn ask_checks(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        hidden: bool,
        seed: u64,
    ) -> Result<(Vec<Check>, Tokens), WeaveError> {
        let messages = prompt::checks(scenario, hidden);
        let reply = self
            .ask(
                permit,
                messages,
                None,
                CHECK_TEMPERATURE,
                CHECK_TOKENS,
                seed,
            )
            .await?;
        let mut checks = parse::checks(&reply.text, &scenario.entry_point);
        // Models like to test for errors that nobody asked for.
        checks.retain(|check| match &check.kind {
            CheckKind::Raises { error } => scenario
                .task_prompt
                .contains(error.rsplit('.').next().unwrap_or(error)),
            CheckKind::Example { .. } | CheckKind::Property { .. } => true,
        });
        Ok((checks, tokens(&reply)))
    }

    async fn ask(
        &self,
        permit: &WorkPermit,
        messages: Vec<Message>,
        schema: Option<serde_json::Value>,
        temperature: f64,
        max_tokens: u32,
        seed: u64,
    ) -> Result<ChatReply, LlmError> {
        let request = ChatRequest {
            messages,
            temperature,
            top_p: 0.95,
            max_tokens,
            schema,
            seed: Some(seed),
            stop: Vec::new(),
        };
        self.llm.chat(permit, &request).await
    }

    fn refuse_known(
        &self,
        scenario: &Scenario,
        checks: &[Check],
        known: &[Sketch],
    ) -> Result<(), WeaveError> {
        let new = similarity::sketch(scenario, checks);
        let shown = self
            .examples
            .iter()
            .map(|e| similarity::sketch(&e.scenario, &e.checks));
        let own = prompt::own_tasks().map(|task| {
            similarity::sketch(
                &Scenario {
                    task_prompt: task,
                    ..Scenario::default()
                },
                &[],
            )
        });
        let most = known
            .iter()
            .map(|old| similarity::likeness(&new, old))
            .chain(shown.chain(own).map(|old| similarity::likeness(&new, &old)))
            .fold(0.0, f64::max);
        if most >= TOO_ALIKE {
            Err(WeaveError::TooSimilar(most))
        } else {
            Ok(())
        }
    }
}

/// Another one each time a cluster is dreamed of, the same when a scenario is tried again.
fn seed(cluster: &Cluster) -> u64 {
    cluster
        .id
        .unsigned_abs()
        .wrapping_mul(1_009)
        .wrapping_add(cluster.dreamed.wrapping_mul(17))
}

/// Takes doubles out of both suites; a hidden check that is also visible hides nothing.
fn disentangle(visible: &mut Vec<Check>, hidden: &mut Vec<Check>) {
    let mut seen = Vec::new();
    for suite in [visible, hidden] {
        suite.retain(|check| {
            let key = parse::key(check);
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }
}

/// Both suites were written blind, so one may help out the other.
fn balance(visible: &mut Vec<Check>, hidden: &mut Vec<Check>) {
    while hidden.len() < WANTED_HIDDEN - 1 && visible.len() > LEAST_VISIBLE + 1 {
        hidden.extend(visible.pop());
    }
    while visible.len() < LEAST_VISIBLE && hidden.len() > LEAST_HIDDEN {
        visible.extend(hidden.pop());
    }
}

fn tokens(reply: &ChatReply) -> Tokens {
    Tokens {
        prompt: reply.prompt_tokens,
        completion: reply.completion_tokens,
    }
}

fn sum(a: Tokens, b: Tokens) -> Tokens {
    Tokens {
        prompt: a.prompt + b.prompt,
        completion: a.completion + b.completion,
    }
}
