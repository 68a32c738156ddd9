//! What a try taught: the immutable fact that learning reads, and why the try was chosen. Plain data, shared by the
//! engine that writes it, the store that keeps it, and the rooms that learn from it.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Difficulty, Generator, Tier};
use crate::ids::{AttemptId, SessionId};

/// One model as it can be asked: where it answers, its name, and the version of what it is told. Another prompt makes
/// another arm, because its results say little about the old one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArmKey {
    pub endpoint: String,
    pub model: String,
    pub prompt: String,
}

impl fmt::Display for ArmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at {} (prompt {})",
            self.model, self.endpoint, self.prompt
        )
    }
}

/// How a try ended, as learning sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactOutcome {
    /// Proven and on the shelf.
    Saved,
    /// Proven, but not good enough for strict mode.
    NotKept,
    Rejected,
    /// No task came of the plan.
    NotWoven,
}

impl FactOutcome {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::NotKept => "not_kept",
            Self::Rejected => "rejected",
            Self::NotWoven => "not_woven",
        }
    }

    /// What counts as a dream that was verified.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Saved
    }
}

/// Where a session stands on its way from knowing nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum LearningPhase {
    /// Too few facts: everything in turn.
    #[default]
    Bootstrap,
    /// Facts choose.
    Release,
    /// Drawn by the least share alone, against the figures: whether what was learned still holds.
    Validate,
}

/// One step of a try, and whether it went well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    pub name: String,
    pub ok: bool,
}

/// What one try taught. Written once, at its end; tries that were interrupted or could not be decided leave none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptFact {
    /// Of the attempt that fell, or the digits of the dream that stands.
    pub attempt_id: AttemptId,
    pub session_id: SessionId,
    pub at: Timestamp,
    /// A cluster's label or a library's module: what seed 001 calls a scenario.
    pub topic: String,
    pub generator: Generator,
    pub difficulty: Difficulty,
    /// Libraries joined with `+`; empty for the standard library alone.
    #[serde(default)]
    pub library: String,
    #[serde(default)]
    pub arm: Option<ArmKey>,
    pub outcome: FactOutcome,
    #[serde(default)]
    pub tier: Option<Tier>,
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Wall time from the first question to the verdict.
    pub seconds: f64,
    #[serde(default)]
    pub tokens: u64,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub phase: LearningPhase,
    /// Sessions of one night belong together.
    #[serde(default)]
    pub group: String,
    #[serde(default)]
    pub choice: Option<Choice>,
    /// The course of experiences that it came of; tries of earlier programs and of elsewhere have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectory: Option<String>,
}

#[cfg(test)]
impl AttemptFact {
    /// The `n`th of many tries, for tests to fill in what they are about.
    pub(crate) fn example(n: i64, saved: bool) -> Self {
        Self {
            attempt_id: AttemptId::parse(&format!("{n:032x}")).unwrap(),
            session_id: SessionId::new(),
            at: Timestamp::from_second(n).unwrap(),
            topic: "t".to_owned(),
            generator: Generator::Llm,
            difficulty: Difficulty::Simple,
            library: String::new(),
            arm: Some(ArmKey {
                endpoint: String::new(),
                model: "m".to_owned(),
                prompt: String::new(),
            }),
            outcome: if saved {
                FactOutcome::Saved
            } else {
                FactOutcome::Rejected
            },
            tier: None,
            reasons: Vec::new(),
            seconds: 30.0,
            tokens: 0,
            steps: Vec::new(),
            phase: LearningPhase::Release,
            group: String::new(),
            choice: None,
            trajectory: None,
        }
    }
}

/// One thing that could have been dreamed of, with the figures that it was judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub name: String,
    /// Share of the draws that it had, 0 to 1; all of a choice sum to 1.
    pub weight: f64,
    /// Figures in plain words.
    pub figures: String,
}

/// One decision among alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `topic`, `libraries`, `difficulty` or `model`.
    pub what: String,
    pub chosen: String,
    /// How it was decided, in plain words: `in turn`, `drawn by weight`, `set by hand`.
    pub how: String,
    /// Heaviest first.
    pub alternatives: Vec<Alternative>,
}

impl Decision {
    /// One that was drawn among `alternatives`, which may come in any order.
    #[must_use]
    pub fn drawn(
        what: &str,
        chosen: String,
        how: impl Into<String>,
        mut alternatives: Vec<Alternative>,
    ) -> Self {
        alternatives.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        Self {
            what: what.to_owned(),
            chosen,
            how: how.into(),
            alternatives,
        }
    }

    /// The heaviest of those that were not chosen.
    #[must_use]
    pub fn runner_up(&self) -> Option<&Alternative> {
        self.alternatives.iter().find(|a| a.name != self.chosen)
    }

    /// One line for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let figures = |a: &Alternative| format!("{:.0} %, {}", a.weight * 100.0, a.figures);
        let mut line = format!("{} {}, {}", self.what, self.chosen, self.how);
        if let Some(won) = self.alternatives.iter().find(|a| a.name == self.chosen) {
            _ = write!(line, " ({})", figures(won));
        }
        if let Some(second) = self.runner_up() {
            _ = write!(line, "; runner-up {} ({})", second.name, figures(second));
        }
        if self.alternatives.len() > 2 {
            _ = write!(line, "; {} alternatives in all", self.alternatives.len());
        }
        line
    }
}

/// "Why this dream?"
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Choice {
    pub decisions: Vec<Decision>,
}
