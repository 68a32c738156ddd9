//! Publishing against a real database and a real folder, stopped after every step.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::shelf::{Part, Publishing, STEPS, Step};
use super::*;
use crate::dream::{
    Alternative, Attempt, AttemptFact, AttemptOutcome, Check, CheckKind, Choice, Decision,
    GateOutcome, Origin, Scenario, SessionReport, SessionStatus, Source, Tries, Trigger,
    WakeReason,
};
use crate::ids::AttemptId;
use crate::store::Statistics;

/// A fresh place: database, output folder, and a file of somebody else's in it.
struct Place {
    _temp: TempDir,
    dirs: Dirs,
    store: Store,
}

const FOREIGN: [&str; 5] = [
    "notes.txt",
    "dream_mine.json",
    ".dream_mine.py.tmp",
    "test_dream_0.py",
    ".something.tmp",
];

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let dirs = Dirs {
        output: temp.path().join("out"),
        data: temp.path().join("data"),
    };
    fs::create_dir_all(&dirs.output).unwrap();
    for name in FOREIGN {
        fs::write(dirs.output.join(name), name).unwrap();
    }
    let store = Store::open(&dirs.data.join("dreamer.db")).unwrap();
    Place {
        _temp: temp,
        dirs,
        store,
    }
}

impl Place {
    /// As a new process would see it.
    fn reopen(&mut self) {
        self.store = Store::open(&self.dirs.data.join("dreamer.db")).unwrap();
    }

    fn names(&self) -> BTreeSet<String> {
        fs::read_dir(&self.dirs.output)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !FOREIGN.contains(&name.as_str()))
            .collect()
    }

    fn row(&self) -> DreamRow {
        row_of(&self.dirs, proof(), publication())
    }

    fn published(&self) -> DreamId {
        publish_row(&self.store, &self.dirs, self.row())
            .unwrap()
            .record
            .dream_id
    }

    #[track_caller]
    fn assert_whole(&self, row: &DreamRow) {
        self.assert_files_match_the_mark(row);
        let dream = &row.record.dream_id;
        assert_eq!(
            self.store.dream(dream).unwrap().unwrap().state,
            DreamState::Published
        );
        assert_eq!(self.store.count_lessons().unwrap(), 1);
        self.assert_foreign_untouched();
    }

    /// The three files and nothing else, each as the mark says.
    #[track_caller]
    fn assert_files_match_the_mark(&self, row: &DreamRow) {
        let dream = &row.record.dream_id;
        let expected: BTreeSet<String> = [Part::Code, Part::Test, Part::Record]
            .map(|part| part.name(dream))
            .into();
        assert_eq!(self.names(), expected);
        let json: Json = serde_json::from_str(
            &fs::read_to_string(self.dirs.output.join(Part::Record.name(dream))).unwrap(),
        )
        .unwrap();
        for part in [Part::Code, Part::Test] {
            let name = part.name(dream);
            let bytes = fs::read(self.dirs.output.join(&name)).unwrap();
            assert_eq!(json["sha256"][&name], files::sha256(&bytes), "{name}");
        }
    }

    #[track_caller]
    fn assert_absent(&self) {
        assert_eq!(self.names(), BTreeSet::new());
        assert_eq!(self.store.count_lessons().unwrap(), 0);
        assert_eq!(self.store.published_dreams(9).unwrap(), []);
        assert_eq!(self.store.unfinished_dreams().unwrap(), []);
        self.assert_foreign_untouched();
    }

    #[track_caller]
    fn assert_foreign_untouched(&self) {
        for name in FOREIGN {
            let path = self.dirs.output.join(name);
            assert_eq!(fs::read_to_string(path).unwrap(), name);
        }
    }
}

fn example(call: &str, expect: &str) -> Check {
    Check {
        kind: CheckKind::Example {
            expect: expect.to_owned(),
        },
        setup: String::new(),
        call: call.to_owned(),
        given: std::collections::BTreeMap::new(),
        origin: Origin::Source,
        max_ms: None,
        serve: None,
    }
}

fn proof() -> Proof {
    Proof {
        candidate: Candidate {
            scenario: Scenario {
                title: "Add two numbers".to_owned(),
                task_prompt: "Write add(a, b).".to_owned(),
                libraries: vec!["numpy".to_owned()],
                entry_point: "add".to_owned(),
                ..Scenario::default()
            },
            code: "def add(a, b):\n    return a + b\n".to_owned(),
            checks: vec![example("add(1, 2)", "3")],
            hidden_checks: vec![example("add(-1, 1)", "0")],
        },
        contaminated: false,
        tier: Tier::Gold,
        evidence: vec![GateReport {
            gate: "parses".to_owned(),
            outcome: GateOutcome::Pass,
            detail: "1 function".to_owned(),
            ms: 1,
        }],
    }
}

fn publication() -> Publication {
    Publication {
        session_id: SessionId::parse("01a1fc634a4a72788b04591ca1a10d5e").unwrap(),
        generator: Generator::Source,
        provenance: Provenance::default(),
        topic: None,
        thought: Some("first think".to_owned()),
        dropped_checks: Vec::new(),
        tries: Some(Tries {
            tried: 3,
            passed: 2,
        }),
        sketch: Sketch::default(),
        tokens: Tokens::default(),
        seconds: 1.5,
        at: Timestamp::from_second(1_700_000_000).unwrap(),
    }
}

#[test]
fn a_crash_after_any_step_leaves_a_whole_dream_or_none() {
    for stop in 0..=STEPS.len() {
        let mut place = place();
        let row = place.row();
        let lesson = lesson_of(&row);
        let mut publishing = Publishing::new(&place.store, &row, &lesson);
        for _ in 0..stop {
            publishing.step().unwrap();
        }
        drop(publishing);
        // The mark promises the other two, also to who looks before the next start.
        let marked = place
            .names()
            .contains(&Part::Record.name(&row.record.dream_id));
        assert_eq!(marked, stop > 12, "after step {stop}");
        if marked {
            place.assert_files_match_the_mark(&row);
        }
        place.reopen();
        recover(&place.store, &place.dirs).unwrap();
        if stop == 0 {
            place.assert_absent();
        } else {
            place.assert_whole(&row);
        }
        let again = recover(&place.store, &place.dirs).unwrap();
        assert_eq!(again, Recovery::default(), "after step {stop}");
    }
}

#[test]
fn a_write_torn_in_the_middle_is_written_again() {
    for (at, step) in STEPS.iter().enumerate() {
        let Step::Write(part) = *step else { continue };
        let mut place = place();
        let row = place.row();
        let lesson = lesson_of(&row);
        let mut publishing = Publishing::new(&place.store, &row, &lesson);
        for _ in 0..=at {
            publishing.step().unwrap();
        }
        drop(publishing);
        let torn = place
            .dirs
            .output
            .join(format!(".{}.tmp", part.name(&row.record.dream_id)));
        let whole = fs::read(&torn).unwrap();
        fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
        place.reopen();
        recover(&place.store, &place.dirs).unwrap();
        place.assert_whole(&row);
    }
}

#[test]
fn a_folder_that_cannot_be_written_leaves_nothing_of_the_dream() {
    // What cannot be written over: a folder where each of the files belongs.
    for part in [Part::Code, Part::Test, Part::Record] {
        let place = place();
        let row = place.row();
        let in_the_way = place.dirs.output.join(part.name(&row.record.dream_id));
        fs::create_dir(&in_the_way).unwrap();
        assert!(publish_row(&place.store, &place.dirs, row).is_err());
        let left = recover(&place.store, &place.dirs);
        fs::remove_dir(&in_the_way).unwrap();
        // The folder in the way blocked the clean-up too; with it gone a start brings the dream or takes it away.
        assert!(left.is_ok(), "{left:?}");
        recover(&place.store, &place.dirs).unwrap();
        let whole = place.names().len();
        assert!(whole == 0 || whole == 3, "{:?}", place.names());
        assert_eq!(place.store.count_lessons().unwrap(), u64::from(whole == 3));
    }
}

#[test]
fn an_output_folder_that_cannot_be_made_leaves_no_row() {
    let mut place = place();
    let file = place.dirs.data.join("a file");
    fs::write(&file, "").unwrap();
    place.dirs.output = file.join("out");
    assert!(publish_row(&place.store, &place.dirs, place.row()).is_err());
    assert_eq!(place.store.unfinished_dreams().unwrap(), []);
}

#[test]
fn a_dream_whose_mark_a_person_removed_is_gone_and_stays_gone() {
    let place = place();
    let dream = place.published();
    fs::remove_file(place.dirs.output.join(Part::Record.name(&dream))).unwrap();
    let found = recover(&place.store, &place.dirs).unwrap();
    assert_eq!(found.withdrawn, std::slice::from_ref(&dream));
    // Nothing else in the folder is touched, and nothing is written again.
    let left: BTreeSet<String> = [Part::Code, Part::Test]
        .map(|part| part.name(&dream))
        .into();
    assert_eq!(place.names(), left);
    assert_eq!(place.store.count_lessons().unwrap(), 0);
    assert!(matches!(
        review(&place.store, &place.dirs, &dream, Review::Approved),
        Err(JournalError::Withdrawn(_))
    ));
    assert_eq!(
        recover(&place.store, &place.dirs).unwrap(),
        Recovery::default()
    );
    assert_eq!(place.names(), left);
    // It still counts against a task that resembles it.
    assert_eq!(place.store.sketches().unwrap().len(), 1);
}

#[test]
fn a_folder_that_is_not_there_withdraws_nothing() {
    let place = place();
    place.published();
    let elsewhere = place.dirs.data.join("elsewhere");
    fs::rename(&place.dirs.output, &elsewhere).unwrap();
    let found = recover(&place.store, &place.dirs).unwrap();
    assert_eq!(
        found.missing_folders,
        std::slice::from_ref(&place.dirs.output)
    );
    assert_eq!(found.withdrawn, []);
    fs::rename(&elsewhere, &place.dirs.output).unwrap();
    assert_eq!(
        recover(&place.store, &place.dirs).unwrap(),
        Recovery::default()
    );
}

#[test]
fn another_output_folder_does_not_withdraw_the_dreams_of_the_first() {
    let place = place();
    place.published();
    let moved = Dirs {
        output: place.dirs.data.join("new"),
        ..place.dirs.clone()
    };
    fs::create_dir_all(&moved.output).unwrap();
    assert_eq!(recover(&place.store, &moved).unwrap(), Recovery::default());
}

#[test]
fn a_review_reaches_the_row_and_the_file_also_after_a_crash_in_between() {
    let mut place = place();
    let dream = place.published();
    let path = place.dirs.output.join(Part::Record.name(&dream));
    let review_in_file = |path: &Path| -> Json {
        serde_json::from_str::<Json>(&fs::read_to_string(path).unwrap()).unwrap()["review"].clone()
    };
    review(&place.store, &place.dirs, &dream, Review::Approved).unwrap();
    assert_eq!(review_in_file(&path), "approved");

    let mut row = place.store.dream(&dream).unwrap().unwrap();
    assert_eq!(row.record.review, Review::Approved);
    row.record.review = Review::Rejected;
    place.store.begin_rewriting_dream(&row.record).unwrap();
    place.reopen();
    let found = recover(&place.store, &place.dirs).unwrap();
    assert_eq!(found.finished, [dream]);
    assert_eq!(review_in_file(&path), "rejected");
    assert_eq!(
        recover(&place.store, &place.dirs).unwrap(),
        Recovery::default()
    );
}

#[test]
fn a_withdrawal_that_a_crash_cut_short_is_finished_at_the_next_start() {
    let mut place = place();
    let dream = place.published();
    place.store.begin_removing_dream(&dream).unwrap();
    fs::remove_file(place.dirs.output.join(Part::Record.name(&dream))).unwrap();
    place.reopen();
    recover(&place.store, &place.dirs).unwrap();
    place.assert_absent();

    let dream = place.published();
    withdraw(&place.store, &place.dirs, &dream).unwrap();
    place.assert_absent();
}

#[test]
fn forgetting_a_document_withdraws_the_dreams_made_from_it() {
    let place = place();
    let source = "/notes/tools.md".to_owned();
    let mut row = place.row();
    row.record.provenance.sources = vec![Source {
        path: source.clone(),
        sha256: String::new(),
        lines: (1, 9),
        licence: String::new(),
    }];
    let dream = row.record.dream_id.clone();
    publish_row(&place.store, &place.dirs, row).unwrap();
    let elsewhere = ["/elsewhere.md".to_owned()];
    assert!(
        withdraw_derived(&place.store, &place.dirs, &elsewhere)
            .unwrap()
            .is_empty()
    );
    assert_eq!(place.names().len(), 3);
    let gone = withdraw_derived(&place.store, &place.dirs, &[source]).unwrap();
    assert_eq!(gone, [dream]);
    assert!(place.names().is_empty());
    assert_eq!(place.store.count_lessons().unwrap(), 0);
}

#[test]
fn temporary_files_of_ours_go_and_those_of_others_stay() {
    let place = place();
    let id = DreamId::new();
    for name in [
        format!(".dream_{id}.py.tmp"),
        format!(".test_dream_{id}.py.tmp"),
        format!(".dream_{id}.json.tmp"),
    ] {
        fs::write(place.dirs.output.join(name), "half").unwrap();
    }
    assert_eq!(recover(&place.store, &place.dirs).unwrap().temporaries, 3);
    place.assert_absent();
}

#[test]
fn a_start_changes_nothing_where_all_is_well() {
    let place = place();
    for _ in 0..3 {
        place.published();
    }
    assert_eq!(
        recover(&place.store, &place.dirs).unwrap(),
        Recovery::default()
    );
    assert_eq!(place.store.published_dreams(100).unwrap().len(), 3);
}

#[test]
fn the_record_has_the_originals_keys_and_ours() {
    let place = place();
    let published = publish_row(&place.store, &place.dirs, place.row()).unwrap();
    let text = fs::read_to_string(&published.record_path).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let object = json.as_object().unwrap();
    for key in [
        "dream_id",
        "session_id",
        "scenario",
        "code_file",
        "timestamp",
        "synthetic",
        "checks",
        "hidden_checks",
        "tier",
        "evidence",
        "provenance",
        "generator",
        "sha256",
        "review",
        "contaminated",
    ] {
        assert!(object.contains_key(key), "{key}");
    }
    for key in [
        "title",
        "description",
        "task_prompt",
        "difficulty",
        "libraries",
        "test_cases",
        "entry_point",
    ] {
        assert!(json["scenario"].get(key).is_some(), "{key}");
    }
    assert_eq!(json["timestamp"], "2023-11-14T22:13:20.000Z");
    assert_eq!(json["synthetic"], true);
    assert_eq!(json["review"], "pending");
    assert!(
        !text.contains("first think"),
        "the thought stays in the database"
    );
    let lesson = place.store.lessons(1).unwrap().remove(0);
    assert_eq!(lesson.action, "def add(a, b):\n    return a + b\n");
    assert_eq!(lesson.tags, ["synthetic", "dream", "numpy"]);
    assert!(lesson.metadata.synthetic);
    assert_eq!(place.store.search_lessons("add subtract", 5).unwrap(), []);
    assert_eq!(place.store.search_lessons("two NUMB", 5).unwrap(), [lesson]);
}

#[test]
fn a_prefix_finds_one_dream_and_only_one() {
    let place = place();
    let dream = place.published();
    assert_eq!(
        find(&place.store, &dream.as_str()[..8])
            .unwrap()
            .record
            .dream_id,
        dream
    );
    assert!(matches!(
        find(&place.store, ""),
        Err(JournalError::NotFound(_))
    ));
    assert!(matches!(
        find(&place.store, "%"),
        Err(JournalError::NotFound(_))
    ));
    place.published();
    assert!(matches!(
        find(&place.store, &dream.as_str()[..4]),
        Err(JournalError::Ambiguous { .. })
    ));
}

fn attempt(session: &SessionId, title: &str, reasons: &[&str]) -> Attempt {
    Attempt {
        attempt_id: AttemptId::new(),
        session_id: session.clone(),
        at: Timestamp::from_second(1_700_000_100).unwrap(),
        outcome: AttemptOutcome::Rejected,
        reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
        why: String::new(),
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
        checks: Vec::new(),
        hidden_checks: Vec::new(),
        dropped_checks: Vec::new(),
        generator: Generator::Llm,
        provenance: Provenance::default(),
        topic: None,
        seconds: 3.0,
        tokens: Tokens::default(),
        thought: None,
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
    publish_row(store, &place.dirs, row_of(&place.dirs, proof, dream)).unwrap();
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
