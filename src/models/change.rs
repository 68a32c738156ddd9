//! A change that a person makes to the choice of models: weights set by hand or freed, another rule, the weights of this
//! moment held. Pure; the command line and the HTTP routes fill it in.

use jiff::Timestamp;

use super::configured::{ModelConfig, Override, Strategy};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Models (`MODEL` or `ENDPOINT#MODEL`) with the fixed weight that each is to have, 0 to 1.
    pub set: Vec<(String, f64)>,
    /// Models that are to be weighed again; `MODEL` alone frees it at every endpoint.
    pub free: Vec<String>,
    /// The name of another rule.
    pub strategy: Option<String>,
    /// `true`: later outcomes move nothing. `false`: they do again, those since the hold too.
    pub hold: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("{0} was not set by hand")]
    NotByHand(String),
    #[error("{0} is given twice")]
    Twice(String),
    #[error("there is no rule {0:?}: there are thompson and reward_punish")]
    NoRule(String),
    #[error("a model's name is empty")]
    NoName,
}

impl Change {
    /// The configuration after it. Ranges are checked where a configuration is kept.
    pub fn applied(
        &self,
        mut config: ModelConfig,
        now: Timestamp,
    ) -> Result<ModelConfig, ChangeError> {
        for (n, (name, weight)) in self.set.iter().enumerate() {
            let wanted = Override::named(name, *weight);
            if wanted.model.is_empty() {
                return Err(ChangeError::NoName);
            }
            let same = |other: &String| wanted.is_same(&Override::named(other, 0.0));
            if self.set[..n].iter().any(|(other, _)| same(other)) || self.free.iter().any(same) {
                return Err(ChangeError::Twice(name.clone()));
            }
            config.overrides.retain(|old| !old.is_same(&wanted));
            config.overrides.push(wanted);
        }
        for name in &self.free {
            let before = config.overrides.len();
            let wanted = Override::named(name, 0.0);
            config.overrides.retain(|old| {
                let everywhere = wanted.endpoint.is_empty() && old.model == wanted.model;
                !everywhere && !old.is_same(&wanted)
            });
            if config.overrides.len() == before {
                return Err(ChangeError::NotByHand(name.clone()));
            }
        }
        if let Some(name) = &self.strategy {
            config.strategy =
                Strategy::by_name(name).ok_or_else(|| ChangeError::NoRule(name.clone()))?;
            config.learn_until = None;
        }
        if let Some(hold) = self.hold {
            config.learn_until = hold.then_some(now);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::ArmKey;

    fn change(set: &[(&str, f64)], free: &[&str]) -> Change {
        Change {
            set: set.iter().map(|(m, w)| ((*m).to_owned(), *w)).collect(),
            free: free.iter().map(|m| (*m).to_owned()).collect(),
            ..Change::default()
        }
    }

    #[test]
    fn what_is_set_can_be_set_anew_and_freed_once() {
        let now = Timestamp::UNIX_EPOCH;
        let config = change(&[("a", 0.4), ("b", 0.1)], &[]).applied(ModelConfig::default(), now);
        let config = change(&[("a", 0.6)], &["b"])
            .applied(config.unwrap(), now)
            .unwrap();
        assert_eq!(config.overrides.len(), 1);
        assert!((config.overrides[0].weight - 0.6).abs() < 1e-12);
        let freed = change(&[], &["a"]).applied(config, now).unwrap();
        assert_eq!(freed, ModelConfig::default());
        let twice = change(&[], &["a"]).applied(freed, now);
        assert_eq!(twice, Err(ChangeError::NotByHand("a".to_owned())));
    }

    #[test]
    fn two_endpoints_with_one_model_are_set_and_freed_apart() {
        let now = Timestamp::UNIX_EPOCH;
        let (near, far) = ("http://127.0.0.1:1#m", "http://127.0.0.1:2/#m");
        let config = change(&[(near, 0.7), (far, 0.2), ("a#b", 0.05)], &[])
            .applied(ModelConfig::default(), now)
            .unwrap();
        let arm = |endpoint: &str, model: &str| ArmKey {
            endpoint: endpoint.to_owned(),
            model: model.to_owned(),
            prompt: "1".to_owned(),
        };
        let set = |config: &ModelConfig, endpoint, model| {
            config
                .set_by_hand(&arm(endpoint, model))
                .map(|set| set.weight)
        };
        assert_eq!(set(&config, "http://127.0.0.1:1", "m"), Some(0.7));
        assert_eq!(set(&config, "http://127.0.0.1:2", "m"), Some(0.2));
        assert_eq!(set(&config, "http://127.0.0.1:3", "m"), None);
        assert_eq!(set(&config, "http://127.0.0.1:3", "a#b"), Some(0.05));
        assert_eq!(config.overrides[0].name(), near);
        // For all others of that name, beside the two.
        let config = change(&[("m", 0.01)], &[]).applied(config, now).unwrap();
        assert_eq!(set(&config, "http://127.0.0.1:1", "m"), Some(0.7));
        assert_eq!(set(&config, "http://127.0.0.1:3", "m"), Some(0.01));
        let config = change(&[], &[near]).applied(config, now).unwrap();
        assert_eq!(set(&config, "http://127.0.0.1:1", "m"), Some(0.01));
        let config = change(&[], &["m"]).applied(config, now).unwrap();
        assert_eq!(config.overrides.len(), 1, "{config:?}");
        let twice = change(&[(far, 0.1), ("http://127.0.0.1:2#m", 0.1)], &[]);
        assert!(twice.applied(config, now).is_err());
    }

    #[test]
    fn contradictions_and_unknown_rules_are_refused() {
        let now = Timestamp::UNIX_EPOCH;
        let refused = |change: Change| change.applied(ModelConfig::default(), now).unwrap_err();
        assert_eq!(
            refused(change(&[("a", 0.1), ("a", 0.2)], &[])),
            ChangeError::Twice("a".to_owned())
        );
        assert_eq!(
            refused(change(&[("a", 0.1)], &["a"])),
            ChangeError::Twice("a".to_owned())
        );
        assert_eq!(refused(change(&[("", 0.1)], &[])), ChangeError::NoName);
        let rule = Change {
            strategy: Some("guess".to_owned()),
            ..Change::default()
        };
        assert_eq!(refused(rule), ChangeError::NoRule("guess".to_owned()));
    }

    #[test]
    fn another_rule_learns_again_unless_it_is_held() {
        let now = Timestamp::UNIX_EPOCH;
        let held = Change {
            hold: Some(true),
            ..Change::default()
        };
        let held = held.applied(ModelConfig::default(), now).unwrap();
        assert_eq!(held.learn_until, Some(now));
        let let_go = Change {
            hold: Some(false),
            ..Change::default()
        };
        let again = let_go.applied(held.clone(), now).unwrap();
        assert_eq!(again, ModelConfig::default(), "as it was before");
        let other = Change {
            strategy: Some("reward_punish".to_owned()),
            ..Change::default()
        };
        assert_eq!(other.applied(held, now).unwrap().learn_until, None);
    }
}
