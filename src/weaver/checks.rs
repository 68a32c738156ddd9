//! Checks for a scenario, asked for from its text alone.

use super::{Expected, ScenarioWeaver, WeaveError, WovenChecks, parse, prompt, sum, tokens};
use crate::dream::{Check, CheckKind, Scenario, Tokens, class_name};
use crate::llm::{ChatReply, ChatRequest, Enough, Message};
use crate::preface::{CHECKS_ADDED, CHECKS_ASKED};
use crate::supervisor::permit::WorkPermit;

/// What the Guardian asks for; with fewer a scenario is not worth solving.
const LEAST_VISIBLE: usize = 3;
const LEAST_HIDDEN: usize = 2;

/// Checks asked for where one of them is to see an error raised: the others are there already.
const FOR_AN_ERROR: usize = 2;

/// Checks beyond those asked for after which a list is left: some are doubles, and a model that finds no end repeats itself.
const LEEWAY: usize = 3;
/// Of a server that gives more at once; what was asked for came first.
const MOST_CHECKS: usize = 9;

/// Six checks have 60 to 180 tokens.
const CHECK_TOKENS: u32 = 220;

/// Twelve calls have 120 to 250 tokens.
const CALL_TOKENS: u32 = 300;

/// Expected values want care, not ideas.
const CHECK_TEMPERATURE: f64 = 0.2;
/// Any other seed than the first list's will do, as long as it is the same when a scenario is tried again.
const MORE_SEED: u64 = 1_000_000;
/// Probability with which a model that is sure writes an expected value: of those that it wrote with this one or more
/// of 80 one was wrong, of 92 others 57 (`docs/measurements.md`).
const SURE: f64 = 0.95;
/// Calls want variety, and nothing about them can be wrong.
const CALL_TEMPERATURE: f64 = 0.4;

impl ScenarioWeaver {
    /// Checks for a given scenario, from its text alone, beside those that are `there` already: none of them is asked for
    /// twice.
    ///
    /// # Errors
    /// As `weave_scenario`.
    pub async fn checks_for(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        there: &[Check],
        seed: u64,
    ) -> Result<WovenChecks, WeaveError> {
        let least = (LEAST_VISIBLE + LEAST_HIDDEN)
            .saturating_sub(there.len())
            .max(LEAST_HIDDEN);
        let mut keys: Vec<_> = there.iter().map(parse::key).collect();
        let mut spent = Tokens::default();
        let (mut checks, mut unsure) = (Vec::new(), Vec::new());
        // A second round only where the first one gave too few.
        for round in 0..2_u64 {
            let seed = seed.wrapping_add(round * 1_000);
            let shown: Vec<&Check> = there.iter().chain(&checks).collect();
            let count = CHECKS_ASKED.saturating_sub(there.len()).max(CHECKS_ADDED);
            let (messages, count) = prompt::further_checks(scenario, &shown, count, None);
            let found = self
                .ask_checks(permit, (scenario, messages, enough(count + LEEWAY)), seed)
                .await?;
            spent = sum(spent, found.tokens);
            checks.extend(fresh(found.checks, &mut keys));
            unsure.extend(found.unsure);
            if checks.len() >= least {
                break;
            }
        }
        if checks.len() < least {
            return Err(WeaveError::TooFewChecks {
                found: checks.len(),
                least,
            });
        }
        // The edge cases came last.
        let hidden = (checks.len() / 2).max(LEAST_HIDDEN);
        let hidden_checks = checks.split_off(checks.len() - hidden);
        Ok(WovenChecks {
            checks,
            hidden_checks,
            unsure,
            tokens: spent,
        })
    }

    /// One further list, where too few of those that are `there` were met, or where none of them sees the error `wish`
    /// raised: what is asked about anew, if anything. Those of them that are `shown` are examples to the model.
    ///
    /// # Errors
    /// `Llm` alone: no usable check is an empty list.
    pub async fn more_checks(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        there: &[&Check],
        shown: &[&Check],
        wish: Option<&str>,
    ) -> Result<Expected, WeaveError> {
        let count = if wish.is_some() {
            FOR_AN_ERROR
        } else {
            CHECKS_ASKED
        };
        let (messages, count) = prompt::further_checks(scenario, shown, count, wish);
        let asked = (scenario, messages, enough(count + LEEWAY));
        let mut found = self.ask_checks(permit, asked, MORE_SEED).await?;
        let mut keys: Vec<_> = there.iter().map(|check| parse::key(check)).collect();
        found.checks = fresh(found.checks, &mut keys);
        Ok(found)
    }

    /// What the model expects of these `calls` of the scenario's function, of each once; what it was not sure of is `unsure`.
    ///
    /// # Errors
    /// `Llm` alone: no usable check is an empty list.
    pub async fn expected_of(
        &self,
        permit: &WorkPermit,
        scenario: &Scenario,
        calls: &[String],
    ) -> Result<Expected, WeaveError> {
        let messages = prompt::expected_of(scenario, calls);
        let asked = (scenario, messages, enough(calls.len()));
        let mut found = self.ask_checks(permit, asked, MORE_SEED).await?;
        found.checks.retain(|check| calls.contains(&check.call));
        Ok(found)
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
        let request = ChatRequest {
            messages,
            temperature: CALL_TEMPERATURE,
            top_p: 0.95,
            max_tokens: CALL_TOKENS,
            schema: None,
            seed: Some(0),
            // Any line may be a call; the fence before them is one too.
            enough: Some(Enough {
                begin: &[""],
                lines: prompt::CALLS_ASKED + LEEWAY + 1,
            }),
            odds: false,
        };
        let reply = self.llm.chat(permit, &request).await?;
        let calls = parse::calls(&reply.text, &scenario.entry_point);
        Ok((calls, tokens(&reply)))
    }

    async fn ask_checks(
        &self,
        permit: &WorkPermit,
        (scenario, messages, enough): (&Scenario, Vec<Message>, Enough),
        seed: u64,
    ) -> Result<Expected, WeaveError> {
        let request = ChatRequest {
            messages,
            temperature: CHECK_TEMPERATURE,
            top_p: 0.95,
            max_tokens: CHECK_TOKENS,
            schema: None,
            seed: Some(seed),
            enough: Some(enough),
            odds: true,
        };
        let reply = self.llm.chat(permit, &request).await?;
        // A line that was cut off may say something else than the whole one.
        let whole = match reply.text.rsplit_once('\n') {
            Some((whole, _)) if reply.truncated => whole,
            None if reply.truncated => "",
            Some(_) | None => &reply.text,
        };
        let mut checks = parse::checks(whole, &scenario.entry_point);
        checks.truncate(MOST_CHECKS);
        // Models like to test for errors that nobody asked for.
        checks.retain(|check| match &check.kind {
            CheckKind::Raises { error } => scenario.task_prompt.contains(class_name(error)),
            CheckKind::Example { .. } | CheckKind::Property { .. } => true,
        });
        let (mut unsure, mut values) = by_odds(&reply, whole, &scenario.entry_point);
        let domain = parse::Domain::of(&scenario.task_prompt, &scenario.entry_point);
        for told in [&mut checks, &mut unsure, &mut values] {
            told.retain(|check| !domain.excludes(&check.call));
        }
        Ok(Expected {
            unsure,
            values,
            checks,
            tokens: tokens(&reply),
        })
    }
}

/// The checks whose expected value the model wrote without being sure of it, and those of which it was sure that there is a value
/// and no error, by the word that begins the line. Of a check that it wrote twice the first time counts, for what it has
/// written once it is sure to repeat.
fn by_odds(reply: &ChatReply, text: &str, entry_point: &str) -> (Vec<Check>, Vec<Check>) {
    let (mut unsure, mut values) = (Vec::new(), Vec::new());
    let (mut begin, mut keys) = (0, Vec::new());
    for line in text.split_inclusive('\n') {
        let end = begin + line.trim_end().len();
        let value = [" == ", " is "]
            .iter()
            .find_map(|sign| line.rfind(sign).map(|at| at + sign.len()));
        let of_value = value.and_then(|at| reply.odds.of(&(begin + at..end)));
        let of_word = reply.odds.of(&(begin..begin + 1));
        begin += line.len();
        let said = fresh(parse::checks(line, entry_point), &mut keys);
        if of_word.is_some_and(|odds| odds >= SURE) {
            let is_value = |check: &&Check| matches!(check.kind, CheckKind::Example { .. });
            values.extend(said.iter().filter(is_value).cloned());
        }
        if of_value.is_some_and(|odds| odds < SURE) {
            unsure.extend(said);
        }
    }
    (unsure, values)
}

/// An answer of so many checks.
fn enough(count: usize) -> Enough {
    Enough {
        begin: &["assert ", "with "],
        lines: count,
    }
}

/// Those that ask what nobody asked before, by their `keys`.
fn fresh(found: Vec<Check>, keys: &mut Vec<String>) -> Vec<Check> {
    let mut is_new = |check: &Check| {
        let key = parse::key(check);
        let new = !keys.contains(&key);
        keys.push(key);
        new
    };
    found.into_iter().filter(|check| is_new(check)).collect()
}
