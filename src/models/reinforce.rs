//! A reinforcement run: the outcomes of the last days again, through a rule of one's choice, and the weights that it
//! would have reached. Nothing that a session uses is changed by it. Pure: the caller moves it on, step by step, and
//! may stop it between two.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::configured::{ConfigProblem, ModelConfig, Strategy};
use super::rule::Rule;
use super::transfer::RewardPunishParams;
use crate::dream::{ArmKey, AttemptFact};

/// What a person asks for; the original's names and figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReinforcementParams {
    pub test_period_days: u32,
    pub learning_rate: f64,
    pub reward_multiplier: f64,
    pub punishment_multiplier: f64,
    /// `reward_punish` or `thompson`.
    pub strategy: String,
}

impl Default for ReinforcementParams {
    fn default() -> Self {
        let rule = RewardPunishParams::default();
        Self {
            test_period_days: 30,
            learning_rate: rule.learning_rate,
            reward_multiplier: rule.reward_multiplier,
            punishment_multiplier: rule.punishment_multiplier,
            strategy: "reward_punish".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Completed,
    Failed,
    Stopped,
}

/// Where a run stands; what `start`, `status` and `stop` answer with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReinforcementStatus {
    pub session_id: String,
    pub status: RunState,
    pub params: ReinforcementParams,
    pub outcomes: u64,
    pub replayed: u64,
    /// Seconds that the rest will take.
    pub estimated_duration: f64,
    /// The weights reached so far.
    pub weights: Vec<(ArmKey, f64)>,
    pub started: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Seconds an outcome and the weights told on the way, with room: ten thousand outcomes of five models took two seconds
/// unoptimised.
const SECONDS_EACH: f64 = 3e-4;
/// A run that is not heard of for so long beyond its estimate has lost its process.
const LOST_AFTER: SignedDuration = SignedDuration::from_mins(2);
/// A hundred years, to the day.
const MOST_DAYS: u32 = 36_500;

impl ReinforcementStatus {
    /// Its state at this moment: a run that should have ended long ago has failed with its process.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        let whole = SignedDuration::try_from_secs_f64(self.outcomes as f64 * SECONDS_EACH);
        let patience = whole.unwrap_or_default().saturating_add(LOST_AFTER);
        if self.status == RunState::Running && now.duration_since(self.started) > patience {
            self.status = RunState::Failed;
            self.error = Some("the process that ran it ended before it did".to_owned());
        }
        self
    }
}

#[derive(Debug)]
pub struct Reinforcement {
    status: ReinforcementStatus,
    outcomes: Vec<(ArmKey, bool, f64)>,
    arms: Vec<ArmKey>,
    rule: Rule,
}

impl Reinforcement {
    /// A run over those of `facts` that are young enough.
    ///
    /// # Errors
    /// Where a figure is out of its range or the strategy has no such name (told as `strategy`).
    pub fn start(
        session_id: String,
        params: ReinforcementParams,
        facts: &[AttemptFact],
        now: Timestamp,
    ) -> Result<Self, ConfigProblem> {
        let strategy = match Strategy::by_name(&params.strategy) {
            Some(Strategy::RewardPunish(usual)) => Strategy::RewardPunish(RewardPunishParams {
                learning_rate: params.learning_rate,
                reward_multiplier: params.reward_multiplier,
                punishment_multiplier: params.punishment_multiplier,
                ..usual
            }),
            Some(other) => other,
            None => {
                return Err(ConfigProblem {
                    what: "strategy",
                    value: f64::NAN,
                    allowed: "reward_punish or thompson",
                });
            }
        };
        let config = ModelConfig {
            strategy,
            ..ModelConfig::default()
        };
        config.check()?;
        if !(1..=MOST_DAYS).contains(&params.test_period_days) {
            return Err(ConfigProblem {
                what: "test_period_days",
                value: params.test_period_days.into(),
                allowed: "1 to 36500",
            });
        }
        let days = SignedDuration::from_hours(24 * i64::from(params.test_period_days));
        let since = now.checked_sub(days).unwrap_or(Timestamp::MIN);
        let mut young: Vec<&AttemptFact> = facts.iter().filter(|f| f.at >= since).collect();
        young.sort_by(|a, b| (a.at, &a.attempt_id).cmp(&(b.at, &b.attempt_id)));
        young.dedup_by(|a, b| a.attempt_id == b.attempt_id);
        let outcomes: Vec<(ArmKey, bool, f64)> = young
            .into_iter()
            .filter_map(|f| Some((f.arm.clone()?, f.outcome.is_success(), f.seconds)))
            .collect();
        let mut arms: Vec<ArmKey> = outcomes.iter().map(|(arm, ..)| arm.clone()).collect();
        arms.sort();
        arms.dedup();
        let mut rule = Rule::new(&strategy, config.bounds);
        for arm in &arms {
            rule.add(arm);
        }
        let status = ReinforcementStatus {
            session_id,
            status: RunState::Running,
            params,
            outcomes: outcomes.len() as u64,
            replayed: 0,
            estimated_duration: outcomes.len() as f64 * SECONDS_EACH,
            weights: Vec::new(),
            started: now,
            error: None,
        };
        let mut run = Self {
            status,
            outcomes,
            arms,
            rule,
        };
        run.settle();
        Ok(run)
    }

    /// Replays up to `count` further outcomes; true while there are more.
    pub fn step(&mut self, count: usize) -> bool {
        if self.status.status != RunState::Running {
            return false;
        }
        let done = usize::try_from(self.status.replayed).unwrap_or(usize::MAX);
        for (arm, success, seconds) in self.outcomes.iter().skip(done).take(count) {
            let reward = if *success { 1.0 } else { 0.0 };
            self.rule.learn(arm, reward, *seconds);
            self.status.replayed += 1;
        }
        self.settle();
        self.status.status == RunState::Running
    }

    /// Ends it where it stands; the weights so far stay told.
    pub fn stop(&mut self) {
        if self.status.status == RunState::Running {
            self.status.status = RunState::Stopped;
        }
    }

    /// It cannot go on.
    pub fn fail(&mut self, why: &str) {
        self.status.status = RunState::Failed;
        self.status.error = Some(why.to_owned());
    }

    fn settle(&mut self) {
        let weights = self.rule.weights(&self.arms);
        self.status.weights = self.arms.iter().cloned().zip(weights).collect();
        let left = self.status.outcomes - self.status.replayed;
        self.status.estimated_duration = left as f64 * SECONDS_EACH;
        if left == 0 {
            self.status.status = RunState::Completed;
        }
    }

    #[must_use]
    pub fn status(&self) -> &ReinforcementStatus {
        &self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_over_nothing_is_over_and_strange_figures_are_refused() {
        let start =
            |params| Reinforcement::start("r".to_owned(), params, &[], Timestamp::UNIX_EPOCH);
        let run = start(ReinforcementParams::default()).unwrap();
        assert_eq!(run.status().status, RunState::Completed);
        let odd = ReinforcementParams {
            learning_rate: f64::NAN,
            ..ReinforcementParams::default()
        };
        assert_eq!(start(odd).unwrap_err().what, "learning_rate");
        let odd = ReinforcementParams {
            test_period_days: 0,
            ..ReinforcementParams::default()
        };
        assert_eq!(start(odd).unwrap_err().what, "test_period_days");
        let odd = ReinforcementParams {
            strategy: "guess".to_owned(),
            ..ReinforcementParams::default()
        };
        assert_eq!(start(odd).unwrap_err().what, "strategy");
    }

    #[test]
    fn a_run_whose_process_died_has_failed_and_not_before_its_time() {
        let status = |state| ReinforcementStatus {
            session_id: "r".to_owned(),
            status: state,
            params: ReinforcementParams::default(),
            outcomes: 10_000,
            replayed: 500,
            estimated_duration: 3.0,
            weights: Vec::new(),
            started: Timestamp::UNIX_EPOCH,
            error: None,
        };
        let after = |seconds| Timestamp::from_second(seconds).unwrap();
        let at = |state, seconds| status(state).as_of(after(seconds)).status;
        assert_eq!(at(RunState::Running, 60), RunState::Running);
        assert_eq!(at(RunState::Running, 300), RunState::Failed);
        assert_eq!(at(RunState::Completed, 300), RunState::Completed);
        // A clock that went back says nothing.
        assert_eq!(at(RunState::Running, -9_999_999), RunState::Running);
    }
}
