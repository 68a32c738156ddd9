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
    /// This and the next two are of `reward_punish` alone; the version in force says what is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward_multiplier: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub punishment_multiplier: Option<f64>,
    /// `reward_punish` or `thompson`.
    pub strategy: String,
}

impl Default for ReinforcementParams {
    fn default() -> Self {
        Self {
            test_period_days: 30,
            learning_rate: None,
            reward_multiplier: None,
            punishment_multiplier: None,
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
    /// A run over those of `facts` that are young enough, within the bounds of the version in force and with its figures
    /// where nobody gives others.
    ///
    /// # Errors
    /// Where a figure is out of its range or not one of the strategy's, or the strategy has no such name (told as
    /// `strategy`).
    pub fn start(
        session_id: String,
        mut params: ReinforcementParams,
        facts: &[AttemptFact],
        in_force: &ModelConfig,
        now: Timestamp,
    ) -> Result<Self, ConfigProblem> {
        let strategy = strategy_of(&mut params, &in_force.strategy)?;
        let config = ModelConfig {
            strategy,
            bounds: in_force.bounds,
            ..ModelConfig::default()
        };
        config.check()?;
        if !(1..=MOST_DAYS).contains(&params.test_period_days) {
            return Err(ConfigProblem {
                what: "test_period_days",
                value: params.test_period_days.to_string(),
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

/// The rule that `params` asks for; what they leave out is filled in, so that a status tells what ran.
fn strategy_of(
    params: &mut ReinforcementParams,
    in_force: &Strategy,
) -> Result<Strategy, ConfigProblem> {
    let Some(usual) = Strategy::by_name(&params.strategy) else {
        return Err(ConfigProblem {
            what: "strategy",
            value: params.strategy.clone(),
            allowed: "reward_punish or thompson",
        });
    };
    Ok(match (usual, *in_force) {
        (Strategy::Thompson(usual), in_force) => {
            let given = [
                ("learning_rate", params.learning_rate),
                ("reward_multiplier", params.reward_multiplier),
                ("punishment_multiplier", params.punishment_multiplier),
            ];
            let given = given
                .iter()
                .find_map(|(what, value)| Some((*what, (*value)?)));
            if let Some((what, value)) = given {
                return Err(ConfigProblem {
                    what,
                    value: value.to_string(),
                    allowed: "no such figure with thompson, which would ignore it; it is reward_punish's",
                });
            }
            Strategy::Thompson(match in_force {
                Strategy::Thompson(in_force) => in_force,
                Strategy::RewardPunish(_) => usual,
            })
        }
        (Strategy::RewardPunish(usual), in_force) => {
            let before = match in_force {
                Strategy::RewardPunish(in_force) => in_force,
                Strategy::Thompson(_) => usual,
            };
            Strategy::RewardPunish(RewardPunishParams {
                learning_rate: *params.learning_rate.get_or_insert(before.learning_rate),
                reward_multiplier: *params
                    .reward_multiplier
                    .get_or_insert(before.reward_multiplier),
                punishment_multiplier: *params
                    .punishment_multiplier
                    .get_or_insert(before.punishment_multiplier),
                ..before
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Bounds;
    use crate::models::ThompsonParams;

    /// A model that always saves and one that never does, in turn.
    fn two_models() -> Vec<AttemptFact> {
        let arm = |name: &str| ArmKey {
            endpoint: String::new(),
            model: name.to_owned(),
            prompt: String::new(),
        };
        let facts = (0..400).map(|n| AttemptFact {
            arm: Some(arm(if n % 2 == 0 { "good" } else { "poor" })),
            ..AttemptFact::example(n, n % 2 == 0)
        });
        facts.collect()
    }

    fn replayed(params: ReinforcementParams, in_force: &ModelConfig) -> ReinforcementStatus {
        let (facts, now) = (two_models(), Timestamp::from_second(500).unwrap());
        let mut run = Reinforcement::start("r".to_owned(), params, &facts, in_force, now).unwrap();
        while run.step(100) {}
        run.status().clone()
    }

    fn params(strategy: &str) -> ReinforcementParams {
        ReinforcementParams {
            strategy: strategy.to_owned(),
            ..ReinforcementParams::default()
        }
    }

    #[test]
    fn the_bounds_in_force_bound_a_run_too() {
        let tight = ModelConfig {
            bounds: Bounds { min: 0.4, max: 0.6 },
            ..ModelConfig::default()
        };
        for strategy in ["thompson", "reward_punish"] {
            let weights = |config| replayed(params(strategy), config).weights;
            for (arm, weight) in weights(&tight) {
                assert!(
                    (0.4 - 1e-9..=0.6 + 1e-9).contains(&weight),
                    "{arm} {weight}"
                );
            }
            let usual = weights(&ModelConfig::default());
            assert!(
                usual[0].1 > 0.61,
                "{strategy}: wider bounds let it go on: {usual:?}"
            );
        }
    }

    #[test]
    fn what_is_left_out_is_as_in_force_and_the_status_tells_it() {
        let slow = RewardPunishParams {
            learning_rate: 0.0,
            ..RewardPunishParams::default()
        };
        let in_force = ModelConfig {
            strategy: Strategy::RewardPunish(slow),
            ..ModelConfig::default()
        };
        let told = replayed(params("reward_punish"), &in_force);
        assert_eq!(told.params.learning_rate, Some(0.0));
        assert!((told.weights[0].1 - 0.5).abs() < 1e-9, "{:?}", told.weights);
        let mut asked = params("reward_punish");
        asked.learning_rate = Some(0.02);
        assert!(replayed(asked, &in_force).weights[0].1 > 0.6);
        // Its own prior and discount, where the rule in force is the same.
        let forgetful = ModelConfig {
            strategy: Strategy::Thompson(ThompsonParams {
                discount: 0.5,
                ..ThompsonParams::default()
            }),
            ..ModelConfig::default()
        };
        let (forgetful, usual) = (
            replayed(params("thompson"), &forgetful),
            replayed(params("thompson"), &ModelConfig::default()),
        );
        assert!(
            forgetful.weights[0].1 < usual.weights[0].1 - 0.05,
            "{forgetful:?} {usual:?}"
        );
    }

    #[test]
    fn a_figure_that_the_strategy_would_ignore_is_refused_and_a_strange_one_is_named() {
        let start = |params| {
            let config = ModelConfig::default();
            Reinforcement::start("r".to_owned(), params, &[], &config, Timestamp::UNIX_EPOCH)
                .unwrap_err()
                .to_string()
        };
        let mut asked = params("thompson");
        asked.punishment_multiplier = Some(0.8);
        let told = start(asked);
        assert!(
            told.contains("punishment_multiplier is 0.8") && told.contains("thompson"),
            "{told}"
        );
        let told = start(params("guess"));
        assert_eq!(
            told,
            "strategy is guess; allowed is reward_punish or thompson"
        );
    }

    #[test]
    fn a_run_over_nothing_is_over_and_strange_figures_are_refused() {
        let start = |params| {
            let config = ModelConfig::default();
            Reinforcement::start("r".to_owned(), params, &[], &config, Timestamp::UNIX_EPOCH)
        };
        let run = start(ReinforcementParams::default()).unwrap();
        assert_eq!(run.status().status, RunState::Completed);
        let odd = ReinforcementParams {
            learning_rate: Some(f64::NAN),
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
