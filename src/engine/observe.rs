//! What a solution answers to each check, before anybody judges it. The program that runs a solution never holds an
//! expected value; a property is asked in an interpreter that never held the solution.

use std::collections::{BTreeMap, HashSet};

use crate::dream::{Check, CheckKind, Ending, Observation, Outcome, Serve, Served, Suite, Value};
use crate::guardian::bound;
use crate::sandbox::{Job, Limits, Runner, RunnerSpec, SandboxError};

use super::settle::{Answer, Said, Tried};
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
            let serve = check.serve.as_ref();
            let seen = self.seen(&mut program, &job, serve).await?;
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

    /// What one call did. A run that broke says nothing of the code: it is asked once more, in a fresh interpreter.
    pub(super) async fn seen(
        &self,
        program: &mut Runner,
        job: &Job,
        serve: Option<&Serve>,
    ) -> Result<Observation, EngineError> {
        let mut broken = String::new();
        for _ in 0..2 {
            if program.is_spent() || !broken.is_empty() {
                *program = self.interpreter().await?;
            }
            match program.run_served(self.permit, job, serve).await {
                Ok(seen) => match seen.ending {
                    Ending::Interrupted => {
                        self.permit.ask()?;
                        "interrupted".clone_into(&mut broken);
                    }
                    Ending::Infra(why) => broken = why,
                    _ => return Ok(seen),
                },
                Err(SandboxError::Infra(why)) => broken = why,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SandboxError::Infra(broken).into())
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
        let seen = self.seen(judge, &job, None).await?;
        Ok(match answer_of(&seen) {
            Answer::Value(Value::Bool(held)) => Answer::Held(held),
            other => other,
        })
    }

    /// Rewrites calls whose result no solution gave as exact data, also in what is `said` of them.
    pub(super) async fn make_observable(
        &self,
        checks: &mut [(Suite, Check)],
        said: &mut Said,
        tried: &mut [Tried],
    ) -> Result<(), EngineError> {
        let mut rewritten = Vec::new();
        for (c, (_, check)) in checks.iter_mut().enumerate() {
            let exact = |one: &Tried| matches!(one.answers[c], Answer::Value(_));
            if tried.iter().any(exact) {
                continue;
            }
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
                said.rewrite(&check.call, &call);
                check.call = call;
                rewritten.push(c);
            }
        }
        if rewritten.is_empty() {
            return Ok(());
        }
        tracing::debug!(
            scenario = self.number,
            calls = rewritten.len(),
            "calls rewritten so that their results can be seen"
        );
        for one in tried.iter_mut() {
            let again: Vec<(Suite, Check)> = rewritten.iter().map(|&c| checks[c].clone()).collect();
            let answers = self.observe(&one.code, &again).await?;
            for (&c, answer) in rewritten.iter().zip(answers) {
                one.answers[c] = answer;
            }
        }
        Ok(())
    }
}

fn call_of(code: &str, check: &Check) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: check.setup.clone(),
        given: bound(check),
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
