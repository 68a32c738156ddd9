//! Reports as a person reads them, each as a snapshot.

use std::collections::BTreeMap;

use super::*;
use crate::dream::{
    AttemptOutcome, Funnel, GateReport, Generator, Measured, Origin, Provenance, Review, Scenario,
    Spent, Tier, Tokens, WakeReason,
};
use crate::ids::{DreamId, SessionId};

fn session() -> SessionId {
    SessionId::parse("01a1fc634a4a72788b04591ca1a10d5e").unwrap()
}

fn dream(title: &str, tier: Tier, generator: Generator) -> DreamRecord {
    let check = serde_json::json!({"kind": "example", "call": "f()", "expect": "1"});
    let check: crate::dream::Check = serde_json::from_value(check).unwrap();
    DreamRecord {
        dream_id: DreamId::parse("01a1fc634a4a72788b04591ca1a10d5f").unwrap(),
        session_id: session(),
        scenario: scenario(title),
        code_file: String::new(),
        test_file: String::new(),
        timestamp: String::new(),
        synthetic: true,
        checks: vec![check.clone(); 4],
        hidden_checks: vec![check; 3],
        tier,
        evidence: Vec::<GateReport>::new(),
        provenance: Provenance::default(),
        generator,
        sha256: BTreeMap::new(),
        review: Review::Pending,
        contaminated: false,
        topic: None,
        dropped_checks: Vec::new(),
        tries: None,
        seconds: 1.0,
        tokens: Tokens::default(),
    }
}

fn scenario(title: &str) -> Scenario {
    Scenario {
        title: title.to_owned(),
        task_prompt: "Write f.".to_owned(),
        entry_point: "f".to_owned(),
        ..Scenario::default()
    }
}

fn attempt(title: &str, outcome: AttemptOutcome, reasons: &[&str]) -> Attempt {
    Attempt {
        outcome,
        reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        scenario: scenario(title),
        ..Attempt::example(&session())
    }
}

fn places() -> Places {
    Places {
        output: "/home/me/dreams".into(),
        page: Some("/home/me/data/journal/2026-11-21.md".into()),
    }
}

fn full() -> SessionReport {
    SessionReport {
        duration_seconds: 192.4,
        dreams_attempted: 4,
        dreams_successful: 2,
        success_rate: 0.5,
        tiers: [("gold".to_owned(), 1), ("silver".to_owned(), 1)].into(),
        model: Some("small-coder\x1b[31m".to_owned()),
        tokens: Tokens {
            prompt: 1200,
            completion: 340,
        },
        requeued: 1,
        measured: Box::new(Measured {
            funnel: Funnel {
                tried: 5,
                woven: 4,
                parsed: 4,
                ran: 4,
                settled: 4,
                passed: 3,
                steady: 3,
                agreed: 3,
                adequate: 2,
                new: 2,
                kept: 2,
            },
            spent: [
                (
                    "coding".to_owned(),
                    Spent {
                        seconds: 61.0,
                        tokens: Tokens {
                            prompt: 700,
                            completion: 240,
                        },
                    },
                ),
                (
                    "proving".to_owned(),
                    Spent {
                        seconds: 2.5,
                        tokens: Tokens::default(),
                    },
                ),
                (
                    "weaving".to_owned(),
                    Spent {
                        seconds: 128.0,
                        tokens: Tokens {
                            prompt: 500,
                            completion: 100,
                        },
                    },
                ),
            ]
            .into(),
            ..Measured::default()
        }),
        hints: vec!["the offline pack is spent: ingest more".to_owned()],
        ..SessionReport::empty(session(), SessionStatus::Completed)
    }
}

#[test]
fn a_session_with_everything() {
    let mut answered = dream("join, as os.path has it", Tier::Gold, Generator::Llm);
    answered.checks[0].origin = Origin::Reference;
    let dreams = [
        dream("Merge two sorted lists", Tier::Gold, Generator::Llm),
        answered,
        dream(
            "Count\nwords \x1b[2J in a text that is much too long for the column of titles",
            Tier::Silver,
            Generator::Offline,
        ),
    ];
    let attempts = [
        attempt(
            "Reverse a stack",
            AttemptOutcome::Rejected,
            &["hidden_check_failed"],
        ),
        attempt(
            "",
            AttemptOutcome::Rejected,
            &["nothing_solution_passes", "too_few_checks"],
        ),
        attempt("Parse a date", AttemptOutcome::Undecided, &[]),
    ];
    insta::assert_snapshot!(render(&full(), &dreams, &attempts, &places(), false));
}

#[test]
fn many_fallen_tasks_are_counted_by_reason() {
    let attempts: Vec<Attempt> = (0..12)
        .map(|n| attempt(&format!("Task {n}"), AttemptOutcome::Rejected, &["flaky"]))
        .collect();
    let report = SessionReport {
        dreams_attempted: 12,
        rejections: [("flaky".to_owned(), 12), ("seed_rejected".to_owned(), 2)].into(),
        wake_reason: Some(WakeReason::Presence),
        ..SessionReport::empty(session(), SessionStatus::Interrupted)
    };
    let places = Places {
        page: None,
        ..places()
    };
    insta::assert_snapshot!(render(&report, &[], &attempts, &places, false));
}

#[test]
fn a_refusal_names_the_next_step() {
    let of = |status| {
        let report = SessionReport::empty(session(), status);
        render(&report, &[], &[], &Places::default(), false)
    };
    insta::assert_snapshot!(
        [
            SessionStatus::NoKnowledge,
            SessionStatus::Busy,
            SessionStatus::Error
        ]
        .map(of)
        .join("---\n")
    );
}

#[test]
fn only_a_terminal_that_wants_colours_gets_escapes_and_only_ours() {
    let dreams = [dream("a\x1b[31mb", Tier::Gold, Generator::Llm)];
    let plain = render(&full(), &dreams, &[], &places(), false);
    assert!(!plain.contains('\x1b'));
    let coloured = render(&full(), &dreams, &[], &places(), true);
    assert!(coloured.contains("\x1b[32m✓\x1b[0m"));
    assert!(!coloured.contains("\x1b[31mb"));
}
