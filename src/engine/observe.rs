//! What a solution answers to each check, before anybody judges it. The program that runs a solution never holds an
//! expected value; a property is asked in an interpreter that never held the solution.

use std::collections::{BTreeMap, HashSet};

use crate::dream::{Check, CheckKind, Observation, Outcome, Served, Suite, Value};
use crate::sandbox::{Job, Limits, Runner, RunnerSpec};

use super::settle::{Answer, Tried};
use super::{EngineError, Scene};

/// Any seed will do: the Guardian tries others.
const HASH_SEED: u32 = 1;

impl Scene<'_> {
    /// One answer a check, in the checks' order.
    pub(super) async fn observe(
        &self,
        code: &str,
        checks: &[(Suite, Check)],
    ) -> Result<Vec<Answer>, EngineError> {
        let mut program = self.interpreter().await?;
        let mut judge = None;
        let mut answers = Vec::with_capacity(checks.len());
        for (_, check) in checks {
            let job = call_of(code, check);
            let seen = program
                .run_served(self.permit, &job, check.serve.as_ref())
                .await?;
            let answer = match (&check.kind, answer_of(&seen)) {
                (CheckKind::Property { holds }, Answer::Value(result)) => {
                    let judge = match &mut judge {
                        Some(judge) => judge,
                        none => none.insert(self.interpreter().await?),
                    };
                    self.holds(judge, holds, check, result, seen.served.as_ref())
                        .await?
                }
                (_, answer) => answer,
            };
            answers.push(answer);
        }
        program.close().await;
        if let Some(judge) = judge {
            judge.close().await;
        }
        Ok(answers)
    }

    /// A fresh interpreter under the ordinary limits.
    pub(super) async fn interpreter(&self) -> Result<Runner, EngineError> {
        let spec = RunnerSpec {
            hash_seed: HASH_SEED,
            limits: Limits::default(),
        };
        Ok(self.tools.sandbox.open(self.permit, &spec).await?)
    }

    async fn holds(
        &self,
        judge: &mut Runner,
        holds: &str,
        check: &Check,
        result: Value,
        seen: Option<&Served>,
    ) -> Result<Answer, EngineError> {
        let mut values = BTreeMap::from([("result".to_owned(), result)]);
        if let Some(seen) = seen {
            values.insert("seen".to_owned(), seen.to_value());
        }
        let job = Job::Call {
            code: String::new(),
            setup: String::new(),
            given: check.given.clone(),
            values,
            call: format!("bool({holds})"),
            trace: false,
        };
        let seen = judge.run(self.permit, &job).await?;
        Ok(match answer_of(&seen) {
            Answer::Value(Value::Bool(held)) => Answer::Held(held),
            other => other,
        })
    }

    /// Rewrites calls whose result no solution gave as exact data; true where one was rewritten.
    pub(super) async fn make_observable(
        &self,
        checks: &mut [(Suite, Check)],
        tried: &mut [Tried],
    ) -> Result<bool, EngineError> {
        let mut rewritten = Vec::new();
        for (c, (_, check)) in checks.iter_mut().enumerate() {
            let types: HashSet<&str> = tried
                .iter()
                .filter_map(|t| match &t.answers[c] {
                    Answer::Unobservable(type_name) => Some(type_name.as_str()),
                    Answer::Value(_) | Answer::Raised(_) | Answer::Held(_) | Answer::Ended(_) => {
                        None
                    }
                })
                .collect();
            let plain = types
                .iter()
                .find_map(|type_name| observable(&check.call, type_name));
            if let Some(call) = plain {
                check.call = call;
                rewritten.push(c);
            }
        }
        if rewritten.is_empty() {
            return Ok(false);
        }
        for one in tried.iter_mut() {
            let again: Vec<(Suite, Check)> = rewritten.iter().map(|&c| checks[c].clone()).collect();
            let answers = self.observe(&one.code, &again).await?;
            for (&c, answer) in rewritten.iter().zip(answers) {
                one.answers[c] = answer;
            }
        }
        Ok(true)
    }
}

fn call_of(code: &str, check: &Check) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: check.setup.clone(),
        given: check.given.clone(),
        values: BTreeMap::new(),
        call: check.call.clone(),
        trace: false,
    }
}

fn answer_of(seen: &Observation) -> Answer {
    match &seen.outcome {
        Outcome::Value { value } => Answer::Value(value.clone()),
        Outcome::Raised { classes, .. } => Answer::Raised(classes.clone()),
        Outcome::Unobservable { type_name } => Answer::Unobservable(type_name.clone()),
        Outcome::Nothing => Answer::Ended(seen.ending.clone()),
    }
}

/// The call that makes a result of this type observable; `None` where there is no plain form of it.
pub(super) fn observable(call: &str, type_name: &str) -> Option<String> {
    let plain = match type_name {
        "generator" | "zip" | "map" | "filter" | "enumerate" | "reversed" | "dict_keys"
        | "dict_values" | "dict_items" | "list_iterator" | "tuple_iterator" | "str_iterator"
        | "chain" | "islice" | "deque" | "accumulate" | "groupby" | "product" | "permutations"
        | "combinations" => "list",
        "Counter" | "OrderedDict" | "defaultdict" | "mappingproxy" => "dict",
        _ => return None,
    };
    Some(format!("{plain}({call})"))
}
