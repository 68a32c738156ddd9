//! Coder: a scenario becomes independent solutions, and a failed one may be repaired once. Called by the engine.
//! Never sees a check that is not shown to it in words, never runs anything, and hands out nothing but code.

use std::ops::Range;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use crate::dream::{Scenario, Tokens};
use crate::llm::{ChatReply, ChatRequest, LlmClient, LlmError, lenient};
use crate::supervisor::permit::{Ended, WorkPermit};

mod clean;
mod opinion;
pub mod prompt;

/// Solutions of our tasks have 40 to 300 tokens; the rest is room for a talkative model.
const CODE_TOKENS: u32 = 900;

/// One temperature a solution, in turn: the first is the model's best guess, the others differ more and more.
const TEMPERATURES: [f64; 6] = [0.2, 0.7, 0.8, 0.9, 0.5, 1.0];

/// One try at a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    pub code: String,
    pub usage: Tokens,
    pub temperature: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    #[error(transparent)]
    Llm(#[from] LlmError),
    #[error("the model's answer holds no code that defines `{0}`")]
    NoCode(String),
}

impl CodeError {
    /// Why the work had to stop, where that is what happened.
    #[must_use]
    pub fn interrupted(&self) -> Option<Ended> {
        match self {
            Self::Llm(LlmError::Interrupted(ended)) => Some(*ended),
            Self::Llm(_) | Self::NoCode(_) => None,
        }
    }
}

/// Solves scenarios with one model.
#[derive(Debug, Clone)]
pub struct Coder {
    llm: LlmClient,
}

impl Coder {
    #[must_use]
    pub fn new(llm: LlmClient) -> Self {
        Self { llm }
    }

    /// Tries that know nothing of each other, one for each of these `numbers`, `at_once` and no more than the server works
    /// on; a later call goes on where an earlier one ended. Tries without usable code and doubles are left out, so there may
    /// be fewer than numbers; the client's `spent` counts them all the same.
    ///
    /// # Errors
    /// `Interrupted`, or the last server error or `NoCode` where no try gave a solution.
    pub async fn solve(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        numbers: Range<usize>,
        at_once: usize,
    ) -> Result<Vec<Solution>, CodeError> {
        // Boxed, so that the future stays `Send` whatever the lifetimes: a session runs as a task of its own.
        let tries: Vec<BoxFuture<'_, _>> = numbers
            .enumerate()
            .map(|(place, number)| {
                let attempt = self.attempt(permit, scenario, number);
                attempt.map(move |answer| (place, answer)).boxed()
            })
            .collect();
        let mut answers: Vec<(usize, Result<Solution, CodeError>)> = stream::iter(tries)
            .buffer_unordered(at_once.min(self.llm.slots()).max(1))
            .collect()
            .await;
        answers.sort_by_key(|(place, _)| *place);
        let mut solutions: Vec<Solution> = Vec::new();
        let mut failed = None;
        for (_, answer) in answers {
            match answer {
                Ok(solution) if solutions.iter().any(|s| s.code == solution.code) => {}
                Ok(solution) => solutions.push(solution),
                Err(error) if error.interrupted().is_some() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "a try gave no solution");
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if solutions.is_empty() => Err(error),
            Some(_) | None => Ok(solutions),
        }
    }

    /// The same code mended after what was observed of it. Once is enough: a second repair of a small model mends
    /// nothing that the first did not.
    ///
    /// # Errors
    /// As `solve`.
    pub async fn repair(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        code: &str,
        observation: &str,
    ) -> Result<Solution, CodeError> {
        let messages = prompt::repair(scenario, code, observation);
        let reply = self.ask(permit, messages, TEMPERATURES[0], 0).await?;
        solution(&reply, scenario, TEMPERATURES[0])
    }

    async fn attempt(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        number: usize,
    ) -> Result<Solution, CodeError> {
        let temperature = TEMPERATURES[number % TEMPERATURES.len()];
        let messages = prompt::solve(scenario, number);
        let reply = self.ask(permit, messages, temperature, number).await?;
        solution(&reply, scenario, temperature)
    }

    async fn ask(
        &self,
        permit: &WorkPermit,
        messages: Vec<crate::llm::Message>,
        temperature: f64,
        number: usize,
    ) -> Result<ChatReply, LlmError> {
        let request = ChatRequest {
            messages,
            temperature,
            top_p: 0.95,
            max_tokens: CODE_TOKENS,
            schema: None,
            seed: Some(u64::try_from(number).unwrap_or(0) + 1),
            enough: None,
            odds: false,
        };
        self.llm.chat(permit, &request).await
    }
}

fn solution(
    reply: &ChatReply,
    scenario: &Scenario,
    temperature: f64,
) -> Result<Solution, CodeError> {
    let code = lenient::code_from(&reply.text)
        .and_then(|code| clean::solution(&code, &scenario.entry_point))
        .ok_or_else(|| CodeError::NoCode(scenario.entry_point.clone()))?;
    let usage = Tokens {
        prompt: reply.prompt_tokens,
        completion: reply.completion_tokens,
    };
    Ok(Solution {
        code,
        usage,
        temperature,
    })
}
