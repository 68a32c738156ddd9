//! What one call of a candidate really did, as seen from outside of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Value;

/// How a sandboxed run ended. `Interrupted` and `Infra` are never verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "lowercase")]
pub enum Ending {
    /// The process ended by itself with this status.
    Exited(i32),
    /// The process was ended by this signal, not by one of our limits.
    Signaled(i32),
    /// The wall limit, a generous one behind the CPU limit.
    Wall,
    /// The CPU time limit.
    Cpu,
    /// The memory limit.
    Oom,
    /// The process limit.
    Pids,
    /// The output limit.
    Output,
    /// The file system limit.
    Disk,
    /// The session ended or froze while it ran.
    Interrupted,
    /// The sandbox failed; the text says how.
    Infra(String),
}

impl Ending {
    /// False where the ending says something about the machine and nothing about the candidate.
    #[must_use]
    pub fn is_verdict(&self) -> bool {
        !matches!(self, Self::Interrupted | Self::Infra(_))
    }
}

/// At which step of a run something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Executing the candidate's module.
    Load,
    /// Executing the check's setup.
    Setup,
    /// Evaluating the check's call.
    Call,
}

/// What the call gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    Value {
        value: Value,
    },
    /// An exception came out; `classes` names it and its bases, the class itself first.
    Raised {
        stage: Stage,
        classes: Vec<String>,
        message: String,
    },
    /// The result is not exact built-in data; `type_name` says what it is.
    Unobservable {
        type_name: String,
    },
    /// The run ended without an answer: see the observation's ending.
    Nothing,
}

/// One run of one call against one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub ending: Ending,
    pub outcome: Outcome,
    /// Lines of the candidate that ran, counted from 1, ascending; the module's own top-level lines excluded.
    pub lines: Vec<u32>,
    /// Names in `given` whose value differed after the call.
    pub mutated: Vec<String>,
    /// Standard output and standard error, capped.
    pub stdout: String,
    pub stderr: String,
    /// Milliseconds from its start to its end, and how many of them it stood ready to run and got no processor.
    pub wall_ms: f64,
    #[serde(default)]
    pub waited_ms: f64,
    pub cpu_ms: f64,
    /// What else the runner reports, such as processes left behind.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
    /// What the check's own server saw, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Served>,
}

impl Observation {
    /// Of a run of which nothing else is known.
    #[must_use]
    pub fn of(ending: Ending, outcome: Outcome) -> Self {
        Self {
            ending,
            outcome,
            lines: Vec::new(),
            mutated: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
            wall_ms: 0.0,
            waited_ms: 0.0,
            cpu_ms: 0.0,
            notes: BTreeMap::new(),
            served: None,
        }
    }
}

/// What a check's loopback server saw of a run; `holds` knows it as `seen`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// In the order in which they were asked.
    pub requests: Vec<Request>,
    /// Most requests that waited for their answer at the same time.
    pub max_concurrent: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    /// As it was sent, with its query.
    pub path: String,
}

impl Served {
    /// As `holds` sees it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let text = |text: &str| Value::Str(text.to_owned());
        let requests = self.requests.iter().map(|request| {
            Value::Dict(vec![
                (text("method"), text(&request.method)),
                (text("path"), text(&request.path)),
            ])
        });
        Value::Dict(vec![
            (text("requests"), Value::List(requests.collect())),
            (
                text("max_concurrent"),
                Value::Int(self.max_concurrent.to_string()),
            ),
        ])
    }
}
