//! The models that a session asks, and those that failed it and rest for a while. Pure: the time is handed in.

use std::time::Duration;

use crate::clock::Instant;
use crate::dream::ArmKey;

/// How long a model that failed is not asked: a server that starts anew is back by then, and one that is gone for good
/// costs the night a try in ten minutes.
const REST: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub(super) struct Arms {
    asked: Vec<ArmKey>,
    resting: Vec<(ArmKey, Instant)>,
}

impl Arms {
    pub(super) fn new(asked: Vec<ArmKey>) -> Self {
        Self {
            asked,
            resting: Vec::new(),
        }
    }

    /// Whom to ask at this time; who has rested long enough is back.
    pub(super) fn at(&mut self, now: Instant) -> &[ArmKey] {
        let asked = &mut self.asked;
        self.resting.retain(|(arm, since)| {
            let rests = now.saturating_duration_since(*since) < REST;
            if !rests {
                asked.push(arm.clone());
            }
            rests
        });
        asked
    }

    /// Takes a model that failed from the list for a while; the last one stays, and the answer is false. One that rests
    /// already failed another scenario that was in play.
    pub(super) fn rest(&mut self, arm: &ArmKey, now: Instant) -> bool {
        if !self.asked.contains(arm) {
            return true;
        }
        if self.asked.len() < 2 {
            return false;
        }
        self.asked.retain(|asked| asked != arm);
        self.resting.push((arm.clone(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::models::{Book, ModelConfig, Override, Version};

    fn arm(model: &str) -> ArmKey {
        ArmKey {
            endpoint: "e".to_owned(),
            model: model.to_owned(),
            prompt: "p".to_owned(),
        }
    }

    #[test]
    fn what_a_person_set_to_zero_is_not_asked_even_where_the_only_other_one_fails() {
        let (never, other) = (arm("never"), arm("other"));
        let set = |names: &[&str]| {
            let overrides = names.iter().map(|name| Override::named(name, 0.0));
            let config = ModelConfig {
                overrides: overrides.collect(),
                ..ModelConfig::default()
            };
            let version = Version {
                config,
                ..Version::usual()
            };
            Arms::new(Book::replay(&[], &version, &[]).allowed(vec![never.clone(), other.clone()]))
        };
        let now = clock::monotonic();
        let mut arms = set(&["never"]);
        assert_eq!(arms.at(now), std::slice::from_ref(&other));
        assert!(!arms.rest(&other, now), "nobody else may be asked");
        assert_eq!(arms.at(now), std::slice::from_ref(&other));
        // Somebody has to be asked.
        let mut arms = set(&["never", "other"]);
        assert_eq!(arms.at(now), [never.clone(), other.clone()]);
    }

    #[test]
    fn who_failed_rests_and_comes_back_and_the_last_one_stays() {
        let (a, b) = (arm("a"), arm("b"));
        let now = clock::monotonic();
        let mut arms = Arms::new(vec![a.clone(), b.clone()]);
        assert!(arms.rest(&a, now));
        assert!(
            arms.rest(&a, now),
            "it rests already, and the other is there"
        );
        assert_eq!(arms.at(now + REST / 2), std::slice::from_ref(&b));
        assert!(!arms.rest(&b, now), "nobody else could be asked");
        assert_eq!(arms.at(now + REST / 2), std::slice::from_ref(&b));
        assert_eq!(arms.at(now + REST), [b, a]);
    }
}
