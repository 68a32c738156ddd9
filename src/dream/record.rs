//! What the program keeps of a task it worked on: a saved dream's record, a try that fell, and a lesson. Plain data,
//! shared by the journal, the store, the engine and the front doors.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Check, Choice, Difficulty, GateReport, Generator, Scenario, Source, Suite, Tier, Tokens,
};
use crate::ids::{AttemptId, DreamId, LessonId, SessionId};

/// What a dream was made from and by whom; enough to find each input again and to make the dream once more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The owner's documents that it was woven from; empty for the offline pack.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Name of the pack file, with its parameters where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack_file: Option<String>,
    /// `FILE:LINE` of a task that was given with `--tasks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_line: Option<String>,
    /// Model that wrote task or code, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_version: Option<String>,
    /// Sandbox backend that the proof ran in.
    #[serde(default)]
    pub sandbox: String,
    /// Digest of what the interpreter ran on.
    #[serde(default)]
    pub image_digest: String,
}

impl Provenance {
    /// Whether one of its documents is one of these, or lies below one of them. Paths are absolute.
    #[must_use]
    pub fn comes_of(&self, places: &[String]) -> bool {
        let below = |path: &str, place: &str| {
            let rest = path.strip_prefix(place.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut paths = self.sources.iter().map(|source| source.path.as_str());
        paths.any(|path| places.iter().any(|place| below(path, place)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    #[default]
    Pending,
    Approved,
    Rejected,
}

impl Review {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// The cluster that a task came from, by number and name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Topic {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<i64>,
    pub label: String,
}

/// A check that settling left out, with the reason in plain words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DroppedCheck {
    pub suite: Suite,
    pub check: Check,
    pub why: String,
}

/// How hard a task was for its model, measured: how many of its solutions passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    pub tried: usize,
    pub passed: usize,
}

/// `dream_<id>.json`, key by key, in the contract's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DreamRecord {
    pub dream_id: DreamId,
    pub session_id: SessionId,
    pub scenario: Scenario,
    pub code_file: String,
    pub test_file: String,
    /// UTC with `Z`.
    pub timestamp: String,
    /// Always true: a machine wrote this.
    pub synthetic: bool,
    pub checks: Vec<Check>,
    #[serde(default)]
    pub hidden_checks: Vec<Check>,
    pub tier: Tier,
    /// Each gate: outcome and figures.
    pub evidence: Vec<GateReport>,
    pub provenance: Provenance,
    pub generator: Generator,
    /// File name to SHA-256 in hexadecimal, for the two files beside this one.
    pub sha256: BTreeMap<String, String>,
    #[serde(default)]
    pub review: Review,
    /// True where it overlaps a known benchmark.
    #[serde(default)]
    pub contaminated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_checks: Vec<DroppedCheck>,
    /// Nothing where the solution came with the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<Tries>,
    /// From the first question to the verdict, in seconds.
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub tokens: Tokens,
}

/// What near-duplicates are found by; the bytes mean something to `similarity` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sketch {
    /// Over the task's words.
    pub words: Vec<u8>,
    /// Over the checks' calls.
    pub calls: Vec<u8>,
    /// Hash of the normalised code; empty where none was made.
    pub code_hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    Rejected,
    /// The infrastructure failed, or the session ended first.
    Undecided,
}

impl AttemptOutcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Undecided => "undecided",
        }
    }
}

/// One try at one task that did not become a dream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub attempt_id: AttemptId,
    pub session_id: SessionId,
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    /// Reason codes: those of the Guardian and those of the engine.
    pub reasons: Vec<String>,
    /// One sentence for people.
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub gates: Vec<GateReport>,
    pub scenario: Scenario,
    /// Empty where no code came to be.
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub checks: Vec<Check>,
    #[serde(default)]
    pub hidden_checks: Vec<Check>,
    #[serde(default)]
    pub dropped_checks: Vec<DroppedCheck>,
    pub generator: Generator,
    #[serde(default)]
    pub provenance: Provenance,
    #[serde(default)]
    pub topic: Option<Topic>,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default)]
    pub tokens: Tokens,
    /// The weaver's worked line of thought; stays in the database.
    #[serde(default)]
    pub thought: Option<String>,
    /// Why it was tried. A fact says it too, but an undecided try leaves none, and a fact can be forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
}

#[cfg(test)]
impl Attempt {
    /// One that was rejected for nothing, for tests to fill in what they are about.
    pub(crate) fn example(session: &SessionId) -> Self {
        Self {
            attempt_id: AttemptId::new(),
            session_id: session.clone(),
            at: Timestamp::UNIX_EPOCH,
            outcome: AttemptOutcome::Rejected,
            reasons: Vec::new(),
            why: String::new(),
            gates: Vec::new(),
            scenario: Scenario::default(),
            code: String::new(),
            checks: Vec::new(),
            hidden_checks: Vec::new(),
            dropped_checks: Vec::new(),
            generator: Generator::Llm,
            provenance: Provenance::default(),
            topic: None,
            seconds: 1.0,
            tokens: Tokens::default(),
            thought: None,
            choice: None,
        }
    }
}

/// One entry of the LessonsStore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    pub lesson_id: LessonId,
    /// The task.
    pub situation: String,
    /// The whole code.
    pub action: String,
    pub result: String,
    pub feedback: String,
    /// `synthetic`, `dream`, then the libraries.
    pub tags: Vec<String>,
    pub metadata: LessonMetadata,
    /// UTC with `Z`.
    pub timestamp: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LessonMetadata {
    pub synthetic: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dream_id: Option<DreamId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    #[serde(default)]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Difficulty>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
}
