//! The book over made-up nights.

use super::*;
use jiff::Timestamp;

use crate::dream::LearningPhase;
use crate::ids::SessionId;
use crate::models::{ModelConfig, RewardPunishParams, Strategy};

fn arm(name: &str) -> ArmKey {
    ArmKey {
        endpoint: "http://127.0.0.1:1".to_owned(),
        model: name.to_owned(),
        prompt: "1".to_owned(),
    }
}

fn version(config: ModelConfig) -> Version {
    Version {
        version: 1,
        at: Timestamp::UNIX_EPOCH,
        reason: "test".to_owned(),
        config,
    }
}

fn fact(n: i64, session: &SessionId, arm: &ArmKey, saved: bool) -> AttemptFact {
    AttemptFact {
        session_id: session.clone(),
        arm: Some(arm.clone()),
        seconds: 10.0,
        phase: LearningPhase::Bootstrap,
        ..AttemptFact::example(n, saved)
    }
}

/// Twenty tries of a good model and twenty of a bad one, in two sessions.
fn nights() -> Vec<AttemptFact> {
    let (one, two) = (SessionId::new(), SessionId::new());
    let good = (0..20).map(|n| fact(n, &one, &arm("good"), n % 4 != 0));
    let bad = (20..40).map(|n| fact(n, &two, &arm("bad"), n % 20 == 0));
    good.chain(bad).collect()
}

#[test]
fn the_good_model_gains() {
    let both = [
        Strategy::default(),
        Strategy::RewardPunish(RewardPunishParams::default()),
    ];
    for strategy in both {
        let config = ModelConfig {
            strategy,
            ..ModelConfig::default()
        };
        let book = Book::replay(&nights(), &version(config), &[]);
        let views = book.views();
        let of = |name: &str| views.iter().find(|v| v.arm.model == name).unwrap();
        assert!(of("good").weight > 0.6, "{strategy:?} {views:?}");
        assert!((of("good").metrics.pass_rate - 0.75).abs() < 1e-9);
    }
}

#[test]
fn order_and_repetition_change_nothing() {
    let facts = nights();
    let mut twice: Vec<AttemptFact> = facts.iter().rev().cloned().collect();
    twice.extend(facts.clone());
    let version = version(ModelConfig::default());
    let (once, again) = (
        Book::replay(&facts, &version, &[]),
        Book::replay(&twice, &version, &[]),
    );
    assert_eq!(once.views(), again.views());
}

#[test]
fn a_person_decides_when_a_person_decides() {
    let set = |weight| Override {
        endpoint: String::new(),
        model: "bad".to_owned(),
        weight,
    };
    let mut config = ModelConfig {
        overrides: vec![set(1.0)],
        ..ModelConfig::default()
    };
    let arms = [arm("bad"), arm("good")];
    let book = Book::replay(&nights(), &version(config.clone()), &[]);
    assert_eq!(book.weights(&arms), [1.0, 0.0]);
    let (place, decision) = book.decide(&arms, &mut Chance::seeded(1)).unwrap();
    assert_eq!(place, 0);
    assert!(decision.how.contains("by hand"));
    config.overrides = vec![set(0.0)];
    let book = Book::replay(&nights(), &version(config), &[]);
    assert_eq!(book.weights(&arms), [0.0, 1.0]);
}

#[test]
fn weights_can_be_held_as_they_were_then() {
    let facts = nights();
    let config = ModelConfig {
        learn_until: Some(Timestamp::UNIX_EPOCH),
        ..ModelConfig::default()
    };
    let held = Book::replay(&facts, &version(config), &[]);
    let weights = held.weights(&[arm("bad"), arm("good")]);
    assert!((weights[1] - 0.5).abs() < 0.3, "{weights:?}");
    assert_eq!(
        held.views()[1].metrics.tries,
        20,
        "the outcomes are still counted"
    );
}

/// Six tries of each of two models, of which these of `b` were saved.
fn six_each(saved_of_b: usize) -> Vec<AttemptFact> {
    let one = SessionId::new();
    let a = (0..6).map(|n| fact(n, &one, &arm("a"), n % 2 == 0));
    let b = (0..6).map(|n| {
        let saved = usize::try_from(n).is_ok_and(|n| n < saved_of_b);
        fact(6 + n, &one, &arm("b"), saved)
    });
    a.chain(b).collect()
}

#[test]
fn one_outcome_that_ends_otherwise_asks_another_model_and_the_words_say_why() {
    let arms = [arm("a"), arm("b")];
    let usual = version(ModelConfig::default());
    let decided = |saved_of_b, seed| {
        let book = Book::replay(&six_each(saved_of_b), &usual, &[]);
        book.decide(&arms, &mut Chance::seeded(seed)).unwrap().1
    };
    // The same draw both times; one that falls between the two shares of `b`.
    let turns = |seed: &u64| decided(4, *seed).chosen != decided(3, *seed).chosen;
    let seed = (0..100)
        .find(turns)
        .expect("one draw of a hundred falls there");
    let (better, worse) = (decided(4, seed), decided(3, seed));
    assert_eq!(better.chosen, arms[1].to_string(), "{}", better.in_words());
    assert_eq!(worse.chosen, arms[0].to_string(), "{}", worse.in_words());
    let of = |decision: &Decision, arm: &ArmKey| {
        let mut all = decision.alternatives.iter();
        let one = all.find(|one| one.name == arm.to_string());
        one.cloned().expect("it was weighed")
    };
    let shares = [of(&better, &arms[1]).weight, of(&worse, &arms[1]).weight];
    assert!(shares[0] > shares[1] + 0.05, "{shares:?}");
    assert_eq!(of(&better, &arms[0]).figures, of(&worse, &arms[0]).figures);
    for (decision, rate) in [(&better, "60 % believed"), (&worse, "50 % believed")] {
        let figures = of(decision, &arms[1]).figures;
        assert!(figures.starts_with(rate), "{figures}");
        assert!(
            decision.in_words().contains(&figures),
            "{}",
            decision.in_words()
        );
        assert!(decision.runner_up().is_some());
    }
}
