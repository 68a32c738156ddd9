//! What a person sets about the choice of models: the rule, its bounds, weights set by hand. Every change is a version of
//! its own with a reason; taking an old version again is a rollback. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::belief::ThompsonParams;
use super::transfer::RewardPunishParams;
use crate::chance::Bounds;
use crate::dream::ArmKey;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Strategy {
    Thompson(ThompsonParams),
    RewardPunish(RewardPunishParams),
}

impl Default for Strategy {
    fn default() -> Self {
        Self::Thompson(ThompsonParams::default())
    }
}

impl Strategy {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Thompson(_) => "thompson",
            Self::RewardPunish(_) => "reward_punish",
        }
    }

    /// The strategy of this name with its usual figures.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "thompson" => Some(Self::default()),
            "reward_punish" | "reward-punish" => {
                Some(Self::RewardPunish(RewardPunishParams::default()))
            }
            _ => None,
        }
    }
}

/// A weight, 0 to 1, that a person set: it stays until the person takes it away. 0 means: never ask it, not even where
/// another one fails, unless all that a session found are set to 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    pub endpoint: String,
    pub model: String,
    pub weight: f64,
}

impl Override {
    /// What a person calls it: `MODEL`, or `ENDPOINT#MODEL` where several endpoints have a model of that name.
    #[must_use]
    pub fn named(name: &str, weight: f64) -> Self {
        let (endpoint, model) = match name.split_once('#') {
            Some((endpoint, model)) if endpoint.contains("://") => (endpoint, model),
            // Names of models may hold the sign too.
            _ => ("", name),
        };
        Self {
            endpoint: bare(endpoint).to_owned(),
            model: model.to_owned(),
            weight,
        }
    }

    /// The same in the other direction.
    #[must_use]
    pub fn name(&self) -> String {
        match self.endpoint.as_str() {
            "" => self.model.clone(),
            endpoint => format!("{endpoint}#{}", self.model),
        }
    }

    /// Whether it is meant for this arm, whatever its prompt's version.
    #[must_use]
    pub fn is_for(&self, arm: &ArmKey) -> bool {
        self.model == arm.model
            && (self.endpoint.is_empty() || bare(&self.endpoint) == bare(&arm.endpoint))
    }

    /// Whether both are meant for the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.model == other.model && bare(&self.endpoint) == bare(&other.endpoint)
    }
}

/// An address with and without a slash at its end is one.
fn bare(endpoint: &str) -> &str {
    endpoint.trim_end_matches('/')
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    pub strategy: Strategy,
    pub bounds: Bounds,
    pub overrides: Vec<Override>,
    /// Outcomes after this moment move no weight: the weights of then, held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn_until: Option<Timestamp>,
}

/// A configuration with its number, and why it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub version: u64,
    pub at: Timestamp,
    pub reason: String,
    pub config: ModelConfig,
}

impl Version {
    /// What holds before anybody set anything.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            version: 0,
            at: Timestamp::UNIX_EPOCH,
            reason: "as it comes".to_owned(),
            config: ModelConfig::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} is {value}; allowed is {allowed}")]
pub struct ConfigProblem {
    pub what: &'static str,
    /// As it was given: a figure or a word.
    pub value: String,
    pub allowed: &'static str,
}

impl ModelConfig {
    /// The weight that a person set for this arm; one that names its endpoint goes before one that does not.
    #[must_use]
    pub fn set_by_hand(&self, arm: &ArmKey) -> Option<&Override> {
        let set = self.overrides.iter().filter(|set| set.is_for(arm));
        set.max_by_key(|set| !set.endpoint.is_empty())
    }

    /// What an export wrote, or a person in its form. Only an object will do: a list would be read as one without a
    /// word in it, and everything that was set be gone.
    ///
    /// # Errors
    /// Where it is no such object; its figures are not checked here.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text)?;
        serde_json::from_value(object.into())
    }

    /// Everything that a person's file or request may hold that makes no sense.
    ///
    /// # Errors
    /// The first figure out of its range, with the range.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let within = |what, value: f64, low: f64, high: f64, allowed| {
            if value.is_finite() && value >= low && value <= high {
                Ok(())
            } else {
                Err(ConfigProblem {
                    what,
                    value: value.to_string(),
                    allowed,
                })
            }
        };
        match self.strategy {
            Strategy::Thompson(p) => {
                within("discount", p.discount, 0.5, 1.0, "0.5 to 1")?;
                within(
                    "prior_successes",
                    p.prior_successes,
                    0.01,
                    1000.0,
                    "0.01 to 1000",
                )?;
                within(
                    "prior_failures",
                    p.prior_failures,
                    0.01,
                    1000.0,
                    "0.01 to 1000",
                )?;
            }
            Strategy::RewardPunish(p) => {
                within("learning_rate", p.learning_rate, 0.0, 1.0, "0 to 1")?;
                within(
                    "reward_multiplier",
                    p.reward_multiplier,
                    0.0,
                    100.0,
                    "0 to 100",
                )?;
                within(
                    "punishment_multiplier",
                    p.punishment_multiplier,
                    0.0,
                    100.0,
                    "0 to 100",
                )?;
                within("decay", p.decay, 0.0, 1.0, "0 to 1")?;
            }
        }
        within("bounds.min", self.bounds.min, 0.0, 1.0, "0 to 1")?;
        within(
            "bounds.max",
            self.bounds.max,
            self.bounds.min,
            1.0,
            "bounds.min to 1",
        )?;
        let mut sum = 0.0;
        for set in &self.overrides {
            within("an override's weight", set.weight, 0.0, 1.0, "0 to 1")?;
            sum += set.weight;
        }
        within("the overrides' sum", sum, 0.0, 1.0, "0 to 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_travels_as_json_and_strange_figures_are_refused() {
        let config = ModelConfig::default();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ModelConfig>(&text).unwrap(), config);
        assert_eq!(config.check(), Ok(()));
        let mut bad = config.clone();
        bad.bounds.min = f64::NAN;
        assert_eq!(bad.check().unwrap_err().what, "bounds.min");
        bad.bounds = Bounds { min: 0.4, max: 0.3 };
        assert_eq!(bad.check().unwrap_err().what, "bounds.max");
        let set = |weight| Override {
            endpoint: String::new(),
            model: "m".to_owned(),
            weight,
        };
        bad.bounds = Bounds::default();
        bad.overrides = vec![set(0.7), set(0.7)];
        assert_eq!(bad.check().unwrap_err().what, "the overrides' sum");
        for odd in [r#"{"mistral_ai_weight": 1}"#, "[]", "null", "", "{} {}"] {
            assert!(ModelConfig::from_json(odd.as_bytes()).is_err(), "{odd}");
        }
        assert_eq!(
            ModelConfig::from_json(b"{}").unwrap(),
            ModelConfig::default()
        );
    }
}
