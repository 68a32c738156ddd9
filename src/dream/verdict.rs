//! The Guardian's answer in plain data: which gates ran, how each ended, and the short codes of the reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    Silver,
    Gold,
}

impl Tier {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silver => "silver",
            Self::Gold => "gold",
        }
    }
}

/// The word in `dreamer verify`'s answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    Gold,
    Silver,
    Rejected,
    /// The infrastructure failed: never a pass, never a fail.
    Unverified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateOutcome {
    Pass,
    Fail,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub gate: String,
    pub outcome: GateOutcome,
    pub detail: String,
    /// Wall time spent in the gate, in milliseconds.
    pub ms: u64,
}

/// What a model thinks of code that passed every gate. It can lower a dream, and do nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    Agrees(String),
    Doubts(String),
    /// None was given that could be read.
    Missing(String),
}

/// Why a candidate fell; the snake_case code is public and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The line of the file is not a candidate at all.
    BadInput,
    SyntaxError,
    EntryPointMissing,
    /// Defined more than once at the top level: nobody could say which one was proved.
    EntryPointRepeated,
    TooLarge,
    StubMarker,
    /// A module that no solution needs and that reaches out of the program.
    ForbiddenImport,
    /// Takes the very thing from its module that it should write anew.
    BorrowsSolution,
    /// Neither of the standard library nor among the scenario's libraries.
    UndeclaredImport,
    /// A declared library that the sandbox does not hold.
    MissingLibrary,
    /// A name that reaches for frames, the module table or the interpreter's own workings.
    ReachesHarness,
    /// Executing the module itself raises.
    FailsToLoad,
    TooFewChecks,
    BadCheck,
    ContradictingChecks,
    VerdictInsideCall,
    UnobservableResult,
    CheckMissesSolution,
    NothingSolutionPasses,
    VisibleCheckFailed,
    HiddenCheckFailed,
    /// A run hit a time, memory, process, output or disk limit.
    LimitExceeded,
    /// Slower than a check's own `max_ms`, three times in a row.
    TooSlow,
    /// A process was still alive when the call had returned.
    LeavesProcesses,
    /// A thread was still alive when the call had returned.
    LeavesThreads,
    MutatesInput,
    Flaky,
    /// Too many mutants of the solution pass the checks.
    WeakChecks,
    /// Independent solutions do not agree, or too many checks fell while settling.
    Disagreement,
    /// The same as, or nearly the same as, a saved dream or an earlier candidate of the file.
    Duplicate,
    /// A task of a public benchmark.
    Contaminated,
    /// A key, a password or a token of the look that real ones have.
    HoldsSecret,
    /// An address of a person, or a path into somebody's home folder.
    HoldsPersonalData,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(json.as_str().ok_or(fmt::Error)?)
    }
}
