//! ScenarioWeaver: a cluster of the owner's text becomes a scenario with checks. Called by the engine.
//!
//! The task is one request; its visible and hidden checks are another, which sees the task's text and never a
//! solution. Nothing that comes back is believed: see `answer` and `parse`. Never runs anything.

use futures_util::stream::{self, Stream};

use crate::dream::{Check, Cluster, Difficulty, Scenario, Sketch, TaskLine, Tokens};
use crate::llm::{ChatReply, ChatRequest, LlmClient, LlmError, Message, lenient};
use crate::similarity;
use crate::supervisor::permit::{Ended, WorkPermit};

mod answer;
mod checks;
mod fold;
mod libraries;
pub mod parse;
pub mod prompt;

pub use prompt::{Example, PROMPT_VERSION};

/// Tasks at least this much alike are one task. Two unrelated tasks share under a tenth of their shingles; the same task
/// with other names keeps about half (SelfCodeAlign drops at 0.5 too).
pub const TOO_ALIKE: f64 = 0.5;

/// A task's answer has 300 to 450 tokens.
const TASK_TOKENS: u32 = 900;
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
}

/// A scenario that has no checks yet.
#[derive(Debug, Clone, PartialEq)]
pub struct WovenTask {
    pub scenario: Scenario,
    pub thought: String,
    pub tokens: Tokens,
    /// For the checks: another one each time its cluster is dreamed of.
    pub seed: u64,
}

/// Checks for a task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WovenChecks {
    pub checks: Vec<Check>,
    pub hidden_checks: Vec<Check>,
    /// Those among them that the model was not sure of, where its server says so.
    pub unsure: Vec<Check>,
    pub tokens: Tokens,
}

/// One list of checks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expected {
    pub checks: Vec<Check>,
    /// As in `WovenChecks`.
    pub unsure: Vec<Check>,
    /// Those of which the model was sure that there is a value and no error; none where its server does not say. Asked again
    /// about 12 errors that it had expected where none is raised it was so of all, of 20 that are raised of two.
    pub values: Vec<Check>,
    pub tokens: Tokens,
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
    #[error("only {found} checks could be read, where {least} are needed")]
    TooFewChecks { found: usize, least: usize },
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

    /// True where the server failed and not the task; a request that it turned away as too long is among them.
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
        let task = self
            .weave_task(permit, cluster, difficulty, libraries, known)
            .await?;
        let woven = self
            .checks_for(permit, &task.scenario, &[], task.seed)
            .await?;
        self.refuse_known(&task.scenario, &woven.checks, known)?;
        Ok(Woven {
            scenario: task.scenario,
            checks: woven.checks,
            hidden_checks: woven.hidden_checks,
            thought: task.thought,
            tokens: sum(woven.tokens, task.tokens),
        })
    }

    /// The task alone, for whoever has it solved while its checks are written.
    ///
    /// # Errors
    /// As `weave_scenario`.
    pub async fn weave_task(
        &self,
        permit: &WorkPermit,
        cluster: &Cluster,
        difficulty: Difficulty,
        libraries: &[String],
        known: &[Sketch],
    ) -> Result<WovenTask, WeaveError> {
        let seed = seed(cluster);
        let messages = prompt::task(cluster, difficulty, libraries, &self.examples);
        let (told, tokens) = self
            .task(permit, messages, difficulty, libraries, seed)
            .await?;
        // Before anything else is asked for: that is most of the work.
        self.refuse_known(&told.scenario, &[], known)?;
        Ok(WovenTask {
            scenario: told.scenario,
            thought: told.thought,
            tokens,
            seed,
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
            enough: None,
            odds: false,
        };
        self.llm.chat(permit, &request).await
    }

    /// Whether the task is too like a known one, or one that the model was shown.
    ///
    /// # Errors
    /// `TooSimilar`.
    pub fn refuse_known(
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
