//! What the history tells of made-up nights.

use super::*;
use crate::models::{ModelConfig, Override, RewardPunishParams, Strategy};

fn arm(name: &str, prompt: &str) -> ArmKey {
    ArmKey {
        endpoint: "http://127.0.0.1:1".to_owned(),
        model: name.to_owned(),
        prompt: prompt.to_owned(),
    }
}

/// A night of twenty tries from this second on, one a second, of which every `nth` was saved.
fn night(from: i64, arm: &ArmKey, nth: i64) -> Vec<AttemptFact> {
    let session = SessionId::new();
    let fact = |n| AttemptFact {
        session_id: session.clone(),
        arm: Some(arm.clone()),
        seconds: 10.0,
        ..AttemptFact::example(n, n % nth == 0)
    };
    (from..from + 20).map(fact).collect()
}

fn version(number: u64, facts: &[AttemptFact], config: ModelConfig) -> Version {
    Version {
        version: number,
        // Just after the last of them.
        at: facts.last().expect("a night").at + jiff::SignedDuration::from_millis(1),
        reason: "tried out".to_owned(),
        config,
    }
}

fn punished() -> ModelConfig {
    ModelConfig {
        strategy: Strategy::RewardPunish(RewardPunishParams::default()),
        ..ModelConfig::default()
    }
}

#[test]
fn each_night_is_told_by_the_rule_and_the_models_of_then() {
    let (good, bad) = (arm("good", "1"), arm("bad", "1"));
    let mut facts = night(0, &good, 1);
    assert_eq!(history(&facts, &[]), [], "the only one has every draw");
    facts.extend(night(100, &bad, 20));
    let first = history(&facts, &[]);
    let lost = first.iter().find(|c| c.arm == bad).expect("it fell");
    assert!(lost.new < lost.old && lost.reason.contains("1 of 20 saved, 10 s"));
    let gained = first.iter().find(|c| c.arm == good).expect("it rose");
    assert_eq!(gained.reason, "the others' outcomes");
    // Another rule, and another model, change nothing of what was.
    let set = ModelConfig {
        overrides: vec![Override::named("bad", 0.5)],
        ..punished()
    };
    let later = version(1, &facts, set);
    facts.extend(night(200, &arm("new", "1"), 2));
    let told = history(&facts, std::slice::from_ref(&later));
    assert_eq!(told[..first.len()], first);
    let by_person: Vec<_> = told.iter().filter(|c| c.session.is_none()).collect();
    assert!(!by_person.is_empty());
    for change in by_person {
        assert_eq!(
            (change.at, change.reason.as_str()),
            (later.at, "version 1: tried out")
        );
    }
    assert!(told.last().is_some_and(|c| c.at > later.at), "{told:?}");
}

#[test]
fn what_a_person_sets_is_told_and_a_model_with_new_prompts_takes_the_place_of_the_old() {
    let (a, b) = (arm("a", "1"), arm("b", "1"));
    let mut facts = night(0, &a, 2);
    facts.extend(night(100, &b, 2));
    let set = ModelConfig {
        overrides: vec![Override::named("a", 1.0)],
        ..ModelConfig::default()
    };
    let told = history(&facts, &[version(1, &facts, set)]);
    let of = |arm: &ArmKey| told.iter().rfind(|c| c.arm == *arm).map(|c| c.new);
    assert_eq!((of(&a), of(&b)), (Some(1.0), Some(0.0)), "{told:?}");
    let anew = arm("a", "2");
    facts.extend(night(200, &anew, 1));
    let told = history(&facts, &[]);
    let last = facts.last().expect("a night").at;
    let moved: Vec<&ArmKey> = told
        .iter()
        .filter(|c| c.at == last)
        .map(|c| &c.arm)
        .collect();
    assert_eq!(moved, [&anew, &b], "{told:?}");
}

#[test]
fn it_ends_where_the_weights_are_and_tells_of_the_newest_sessions_alone() {
    let arms = [arm("a", "1"), arm("b", "1")];
    let facts: Vec<AttemptFact> = (0..210)
        .flat_map(|n: i64| night(100 * n, &arms[usize::from(n % 2 == 0)], 1 + n % 3))
        .collect();
    let old = version(1, &facts[..20], punished());
    let usual = version(2, &facts[..40], ModelConfig::default());
    let told = history(&facts, &[old, usual]);
    assert!(told.iter().all(|c| c.session.is_some()), "long ago");
    assert!(told[0].at >= facts[20 * 10].at);
    let book = Book::replay(&facts, &Version::usual(), &[]);
    for (arm, weight) in arms.iter().zip(book.weights(&arms)) {
        let last = told.iter().rfind(|c| c.arm == *arm).expect("it moved");
        assert!((last.new - weight).abs() < 0.1, "{last:?} {weight}");
    }
}
