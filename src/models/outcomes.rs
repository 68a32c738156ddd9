//! What became of the tries that asked a model, one by one and together: what the original calls trades. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::metrics::{Metrics, metrics};
use crate::dream::{ArmKey, AttemptFact, Difficulty, FactOutcome};
use crate::ids::{AttemptId, SessionId};

/// Outcomes that are listed where nobody says how many.
const LISTED: usize = 100;

/// Which outcomes somebody wants to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Newest that are listed; the figures count all.
    pub limit: usize,
    /// Of this model alone.
    pub model: Option<String>,
    /// Of the last days alone.
    pub days: Option<u32>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            limit: LISTED,
            model: None,
            days: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    pub attempt_id: AttemptId,
    pub session_id: SessionId,
    pub at: Timestamp,
    #[serde(flatten)]
    pub arm: ArmKey,
    pub topic: String,
    pub difficulty: Difficulty,
    /// Libraries joined with `+`.
    pub library: String,
    pub outcome: FactOutcome,
    /// +1 where it was saved, -1 where not.
    pub reward: f64,
    pub seconds: f64,
    pub reasons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcomes {
    /// Over all that were wanted, listed or not.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Newest first.
    pub outcomes: Vec<Outcome>,
}

/// The wanted ones among these facts, each counted once.
#[must_use]
pub(super) fn outcomes(facts: &[AttemptFact], wanted: &Wanted, now: Timestamp) -> Outcomes {
    let days = wanted
        .days
        .map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let since = days.map_or(Timestamp::MIN, |days| {
        now.checked_sub(days).unwrap_or(Timestamp::MIN)
    });
    let mut found: Vec<(&AttemptFact, &ArmKey)> = facts
        .iter()
        .filter_map(|fact| Some((fact, fact.arm.as_ref()?)))
        .filter(|(fact, arm)| {
            fact.at >= since
                && wanted
                    .model
                    .as_ref()
                    .is_none_or(|model| *model == arm.model)
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| (a.at, &a.attempt_id).cmp(&(b.at, &b.attempt_id)));
    found.dedup_by(|(a, _), (b, _)| a.attempt_id == b.attempt_id);
    let figures: Vec<(bool, f64)> = found
        .iter()
        .map(|(fact, _)| (fact.outcome.is_success(), fact.seconds))
        .collect();
    let newest = found.into_iter().rev().take(wanted.limit);
    Outcomes {
        metrics: metrics(&figures),
        outcomes: newest.map(|(fact, arm)| outcome(fact, arm)).collect(),
    }
}

fn outcome(fact: &AttemptFact, arm: &ArmKey) -> Outcome {
    Outcome {
        attempt_id: fact.attempt_id.clone(),
        session_id: fact.session_id.clone(),
        at: fact.at,
        arm: arm.clone(),
        topic: fact.topic.clone(),
        difficulty: fact.difficulty,
        library: fact.library.clone(),
        outcome: fact.outcome,
        reward: if fact.outcome.is_success() { 1.0 } else { -1.0 },
        seconds: fact.seconds,
        reasons: fact.reasons.clone(),
    }
}
