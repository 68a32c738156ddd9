//! Publishing against a real database and a real folder, stopped after every step.

mod crashes;
mod forgetting;
mod pages;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::shelf::{Part, Publishing, STEPS, Step};
use super::*;
use crate::dream::{
    Alternative, Attempt, AttemptFact, Check, CheckKind, Choice, Decision, GateOutcome, Origin,
    Scenario, SessionReport, SessionStatus, Source, Tries, Trigger, WakeReason,
};
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
        publish_row(&self.store, &self.dirs, self.row(), None)
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
        dream_id: DreamId::new(),
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
        fact: None,
    }
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
    publish_row(&place.store, &place.dirs, row, None).unwrap();
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
    let published = publish_row(&place.store, &place.dirs, place.row(), None).unwrap();
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
