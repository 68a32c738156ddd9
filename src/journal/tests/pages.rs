//! The pages of nights, attempts, and what is counted over all of them.

use super::*;
use crate::dream::AttemptOutcome;
use crate::store::FactsOf;
use jiff::civil::Date;
use jiff::tz::TimeZone;

fn attempt(session: &SessionId, title: &str, reasons: &[&str]) -> Attempt {
    Attempt {
        at: Timestamp::from_second(1_700_000_100).unwrap(),
        reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        gates: vec![GateReport {
            gate: "hidden_checks".to_owned(),
            outcome: GateOutcome::Fail,
            detail: "f(3) gave 4, not 5".to_owned(),
            ms: 30,
        }],
        scenario: Scenario {
            title: title.to_owned(),
            task_prompt: "Write f.".to_owned(),
            entry_point: "f".to_owned(),
            ..Scenario::default()
        },
        code: "def f(x):\n    return x + 1\n".to_owned(),
        seconds: 3.0,
        ..Attempt::example(session)
    }
}

fn report(session: &SessionId) -> SessionReport {
    SessionReport {
        duration_seconds: 754.0,
        dreams_attempted: 3,
        dreams_successful: 1,
        success_rate: 1.0 / 3.0,
        wake_reason: Some(WakeReason::Presence),
        ..SessionReport::empty(session.clone(), SessionStatus::Interrupted)
    }
}

/// A night with one session of everything.
fn dream_a_night(place: &Place) -> Date {
    let session = publication().session_id;
    let night: Date = "2023-11-15".parse().unwrap();
    let start = Timestamp::from_second(1_700_000_000).unwrap();
    let empty = SessionReport::empty(session.clone(), SessionStatus::Interrupted);
    let store = &place.store;
    store
        .begin_session(&empty, Trigger::Night, night, start)
        .unwrap();
    let mut dream = publication();
    dream.provenance.sources.push(Source {
        path: "/home/me/notes `x`.md".to_owned(),
        sha256: "00".to_owned(),
        lines: (3, 9),
        licence: String::new(),
    });
    dream.topic = Some(Topic {
        cluster: Some(4),
        label: "adding <script>".to_owned(),
    });
    let mut proof = proof();
    proof.candidate.scenario.title = "Add *two* numbers\n# heading".to_owned();
    proof.candidate.scenario.task_prompt = "Write add(a, b).\n```\n</details>".to_owned();
    proof.candidate.code =
        "def add(a, b):\n    \"\"\"```\x1b[2J\"\"\"\n    return a + b\n".to_owned();
    publish_row(store, &place.dirs, row_of(&place.dirs, proof, dream), None).unwrap();
    for (title, reasons) in [
        ("Count [words](http://x)", &["hidden_check_failed"][..]),
        ("", &["duplicate", "seed_rejected"][..]),
    ] {
        store
            .record_attempt(&attempt(&session, title, reasons))
            .unwrap();
    }
    store
        .note_session_event(&session, start, "frozen for 20 s: another program was busy")
        .unwrap();
    let end = Timestamp::from_second(1_700_000_754).unwrap();
    store
        .finish_session(&report(&session), end, Some(412.4))
        .unwrap();
    night
}

#[test]
fn the_nights_page_reads_well_and_holds_hostile_text_as_text() {
    let place = place();
    let night = dream_a_night(&place);
    let zone = TimeZone::get("Europe/Warsaw").unwrap();
    let path = write_night(&place.store, &place.dirs, night, &zone).unwrap();
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(path.file_name().unwrap(), "2023-11-15.md");
    let dream = place.store.published_dreams(1).unwrap().remove(0);
    insta::assert_snapshot!(page.replace(dream.record.dream_id.as_str(), "ID"));
    // At will: the same rows give the same page.
    write_night(&place.store, &place.dirs, night, &zone).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    let json: Json =
        serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
    assert_eq!(json["night"], "2023-11-15");
    assert_eq!(json["sessions"][0]["dreams"][0]["thought"], "first think");
    assert_eq!(json["sessions"][0]["attempts"].as_array().unwrap().len(), 2);
}

#[test]
fn the_night_holds_every_alternative_of_a_choice_with_its_figures() {
    let place = place();
    let night = dream_a_night(&place);
    let session = publication().session_id;
    let tried = &place.store.attempts_of_session(&session).unwrap()[0];
    let alternative = |n: usize, name: &str| Alternative {
        name: name.to_owned(),
        weight: [0.5, 0.25, 0.125, 0.125][n],
        figures: format!("{n} of 9 saved"),
    };
    let hostile = "</details><script>alert(1)</script>\n# no *heading*";
    let drawn = vec![
        alternative(0, "lists"),
        alternative(1, hostile),
        alternative(2, "dates"),
        alternative(3, "trees"),
    ];
    let topic = Decision::drawn("topic", "dates".to_owned(), "drawn by weight", drawn);
    let two = vec![alternative(0, "small"), alternative(1, "large")];
    let model = Decision::drawn("model", "small".to_owned(), "drawn by weight", two);
    let choice = Choice {
        decisions: vec![topic, model],
    };
    let fact = AttemptFact {
        attempt_id: tried.attempt_id.clone(),
        session_id: session,
        choice: Some(choice.clone()),
        ..AttemptFact::example(1, false)
    };
    place.store.record_fact(&fact).unwrap();
    let path = write_night(&place.store, &place.dirs, night, &TimeZone::UTC).unwrap();

    let text = fs::read_to_string(path.with_extension("json")).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let (session, id) = (&json["sessions"][0], tried.attempt_id.as_str());
    let whole: Vec<Decision> = serde_json::from_value(session["choices"][id].clone()).unwrap();
    assert_eq!(whole, choice.decisions);
    assert_eq!(
        session["why"][id].as_array().unwrap().len(),
        2,
        "the words stay"
    );

    let page = fs::read_to_string(&path).unwrap();
    let (_, after) = page.split_once("- Why: topic dates").unwrap();
    let (folded, after) = after.split_once("\n    </details>\n").unwrap();
    let lines: Vec<&str> = folded.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "    <details><summary>All 4 alternatives</summary>",
            "",
            "    - 50.0 %: lists, 0 of 9 saved",
            r"    - 25.0 %: \</details\>\<script\>alert(1)\</script\> \# no \*heading\*, 1 of 9 saved",
            "    - 12.5 %: dates, 2 of 9 saved",
            "    - 12.5 %: trees, 3 of 9 saved",
        ]
    );
    let (_, model) = after.split_once("- Why: model small").unwrap();
    let (line, next) = model.split_once('\n').unwrap();
    assert!(
        line.contains("large") && !next.starts_with("    <details>"),
        "{line}"
    );
}

#[test]
fn a_try_without_a_fact_says_itself_why_it_was_tried() {
    let place = place();
    let night = dream_a_night(&place);
    let session = publication().session_id;
    let chosen = |topic: &str| Choice {
        decisions: vec![Decision::drawn(
            "topic",
            topic.to_owned(),
            "in turn",
            Vec::new(),
        )],
    };
    let undecided = Attempt {
        outcome: AttemptOutcome::Undecided,
        choice: Some(chosen("lists")),
        ..attempt(&session, "nobody knows", &["undecided"])
    };
    let learned = Attempt {
        choice: Some(chosen("trees")),
        ..attempt(&session, "wrong", &["hidden_check_failed"])
    };
    for attempt in [&undecided, &learned] {
        place.store.record_attempt(attempt).unwrap();
    }
    let fact = AttemptFact {
        attempt_id: learned.attempt_id.clone(),
        session_id: session.clone(),
        choice: Some(chosen("dates")),
        ..AttemptFact::example(1, false)
    };
    place.store.record_fact(&fact).unwrap();
    let saved = AttemptFact {
        session_id: session,
        topic: "forgotten".to_owned(),
        choice: Some(chosen("heaps")),
        ..AttemptFact::example(2, true)
    };
    let row = row_of(
        &place.dirs,
        proof(),
        Publication {
            fact: Some(saved.clone()),
            ..publication()
        },
    );
    publish_row(&place.store, &place.dirs, row, Some(&saved)).unwrap();
    let forgotten = FactsOf::Topic("forgotten");
    assert_eq!(place.store.forget_facts(forgotten).unwrap(), 1);
    let path = write_night(&place.store, &place.dirs, night, &TimeZone::UTC).unwrap();

    let page = fs::read_to_string(&path).unwrap();
    let why = |topic: &str| page.contains(&format!("- Why: topic {topic}, in turn"));
    assert!(why("lists"), "an undecided try leaves no fact: {page}");
    assert!(why("heaps"), "the dream stands: {page}");
    // Where both are there the fact's holds.
    assert!(why("dates") && !why("trees"), "{page}");
    let json: Json =
        serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
    let session = &json["sessions"][0];
    assert!(session["choices"][undecided.attempt_id.as_str()].is_array());
    let attempts = session["attempts"].as_array().unwrap();
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.get("choice").is_none())
    );
}

#[test]
fn a_night_without_a_session_has_a_page_that_says_so() {
    let place = place();
    let path = write_night(
        &place.store,
        &place.dirs,
        "2024-01-01".parse().unwrap(),
        &TimeZone::UTC,
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        "# The night to Monday, 1 January 2024\n\nNothing was dreamed.\n"
    );
}

#[test]
fn statistics_survive_a_restart() {
    let mut place = place();
    assert_eq!(place.store.statistics().unwrap(), Statistics::default());
    dream_a_night(&place);
    place.reopen();
    let statistics = place.store.statistics().unwrap();
    assert_eq!(statistics.total_dreams, 3);
    assert_eq!(statistics.successful_dreams, 1);
    assert!((statistics.success_rate - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(statistics.saved_dreams_count, 1);
    let session = place.store.sessions(5).unwrap().remove(0);
    assert_eq!(session.report, report(&publication().session_id));
    assert_eq!(session.wake_ms, Some(412.4));
    assert_eq!(session.events.len(), 1);
}

#[test]
fn a_task_that_is_put_back_may_be_tried_again() {
    let place = place();
    let (session, at) = (SessionId::new(), Timestamp::from_second(9).unwrap());
    place
        .store
        .mark_tried("pack:a:1", &session, "saved", at)
        .unwrap();
    place
        .store
        .mark_tried("pack:a:1", &session, "rejected", at)
        .unwrap();
    assert!(place.store.is_tried("pack:a:1").unwrap());
    assert_eq!(place.store.tried_keys().unwrap().len(), 1);
    place.store.forget_tried("pack:a:1").unwrap();
    assert!(!place.store.is_tried("pack:a:1").unwrap());
}

#[test]
fn attempts_keep_what_was_tried_and_why_it_fell() {
    let place = place();
    let session = SessionId::new();
    let kept = attempt(&session, "a task", &["flaky"]);
    place.store.record_attempt(&kept).unwrap();
    place
        .store
        .record_attempt(&attempt(&SessionId::new(), "another", &[]))
        .unwrap();
    assert_eq!(place.store.attempts_of_session(&session).unwrap(), [kept]);
    assert_eq!(
        place.store.attempts(1).unwrap()[0].scenario.title,
        "another"
    );
}
