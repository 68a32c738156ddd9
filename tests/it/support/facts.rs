//! What tries taught, for tests to fill in what they are about.

use dreamer::dream::{ArmKey, AttemptFact, Difficulty, FactOutcome, Generator, LearningPhase};
use dreamer::ids::{AttemptId, SessionId};

/// The `n`th of many tries, made now.
pub(crate) fn example(n: i64, saved: bool) -> AttemptFact {
    AttemptFact {
        attempt_id: AttemptId::parse(&format!("{n:032x}")).expect("an id"),
        session_id: SessionId::parse("0a0b0c0d").expect("an id"),
        at: dreamer::clock::utc(),
        topic: "before".to_owned(),
        generator: Generator::Llm,
        difficulty: Difficulty::Simple,
        library: String::new(),
        arm: Some(arm("m")),
        outcome: if saved {
            FactOutcome::Saved
        } else {
            FactOutcome::Rejected
        },
        tier: None,
        reasons: Vec::new(),
        seconds: 10.0,
        tokens: 0,
        steps: Vec::new(),
        phase: LearningPhase::Release,
        group: String::new(),
        choice: None,
        trajectory: None,
    }
}

/// A model on a server that nobody asks.
pub(crate) fn arm(model: &str) -> ArmKey {
    ArmKey {
        endpoint: "http://127.0.0.1:1".to_owned(),
        model: model.to_owned(),
        prompt: "1".to_owned(),
    }
}
