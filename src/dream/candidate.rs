//! A task, its checks and the code that claims to pass them, in the shape of the contract's section 5.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many concepts a task joins: simple 1, medium 2 or 3, complex 4 and more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Difficulty {
    Simple,
    #[default]
    Medium,
    Complex,
}

impl Difficulty {
    pub const ALL: [Self; 3] = [Self::Simple, Self::Medium, Self::Complex];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }
}

/// One task in words, with the name that the solution must define.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scenario {
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    pub task_prompt: String,
    #[serde(default)]
    pub difficulty: Difficulty,
    /// Third-party libraries the solution may import; the standard library is never listed.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// The checks in words, for people.
    #[serde(default)]
    pub test_cases: Vec<String>,
    pub entry_point: String,
    /// Names of arguments that the task asks to change in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_place: Vec<String>,
}

/// Who vouches for an expected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The owner's own document says so.
    Source,
    /// An independent implementation that no model wrote says so.
    Reference,
    /// A model wrote it from the task's text.
    #[default]
    Model,
    /// Independent solutions agree on it.
    Agreement,
}

impl Origin {
    /// True where no model had a part in the expected value.
    #[must_use]
    pub fn is_evidence(self) -> bool {
        matches!(self, Self::Source | Self::Reference)
    }
}

/// An exception's own name: an interpreter names classes without their module, so `json.JSONDecodeError` is matched by it.
#[must_use]
pub fn class_name(error: &str) -> &str {
    error.rsplit('.').next().unwrap_or(error)
}

/// One executable check. Expected values are Python literals and never reach the interpreter that runs the solution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    #[serde(flatten)]
    pub kind: CheckKind,
    /// Statements that run before the call in the same interpreter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub setup: String,
    /// One Python expression over the solution's names.
    pub call: String,
    /// Name to Python literal; bound as fresh copies before the call.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
    #[serde(default)]
    pub origin: Origin,
    /// Wall time that the call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve: Option<Serve>,
}

impl Check {
    /// A check with nothing but its call, as a model would write it.
    #[must_use]
    pub fn new(call: impl Into<String>, kind: CheckKind) -> Self {
        Self {
            kind,
            setup: String::new(),
            call: call.into(),
            given: BTreeMap::new(),
            origin: Origin::default(),
            max_ms: None,
            serve: None,
        }
    }

    /// A call and the literal that it must give.
    #[must_use]
    pub fn example(call: impl Into<String>, expect: impl Into<String>) -> Self {
        let expect = expect.into();
        Self::new(call, CheckKind::Example { expect })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum CheckKind {
    /// The call's value equals a literal.
    Example { expect: String },
    /// The call raises the named class or a subclass.
    Raises { error: String },
    /// An expression over `result` and fresh copies of `given` is true; it runs in a sandbox of its own.
    Property { holds: String },
}

/// A loopback server beside the candidate, as the contract's `serve` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve {
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub path: String,
    #[serde(default = "ok_status")]
    pub status: u16,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub delay_ms: u64,
}

fn ok_status() -> u16 {
    200
}

/// Which of a candidate's two suites a check belongs to. The hidden suite decides; the visible one only guides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    Visible,
    Hidden,
}

/// Code that claims to solve a scenario, with the checks that will try it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub scenario: Scenario,
    pub code: String,
    pub checks: Vec<Check>,
    #[serde(default)]
    pub hidden_checks: Vec<Check>,
}

impl Candidate {
    /// Visible checks first, then hidden ones, each with its suite.
    pub fn all_checks(&self) -> impl Iterator<Item = (Suite, &Check)> + Clone {
        let visible = self.checks.iter().map(|c| (Suite::Visible, c));
        visible.chain(self.hidden_checks.iter().map(|c| (Suite::Hidden, c)))
    }
}
