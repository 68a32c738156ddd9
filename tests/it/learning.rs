//! Facts that sessions leave and what later choices make of them: on real parts where a sandbox is present, and over real
//! files and processes.

use std::path::Path;
use std::process::{Command, Stdio};

use dreamer::dream::LearningPhase;
use dreamer::learning::{LearningStore, Selection, SessionFact, Snapshot, SnapshotKey};
use dreamer::store::Store;
use jiff::Timestamp;

use crate::support::{World, full};

pub(crate) fn fact(topic: &str, session: &str, seconds: i64) -> SessionFact {
    let mut snapshot = Snapshot {
        sessions: 1,
        ..Snapshot::default()
    };
    let steps = [
        ("weave", true),
        ("code", true),
        ("settle", seconds % 2 == 0),
    ];
    snapshot.note_episode(&steps, seconds % 2 == 0, "in turn");
    SessionFact {
        topic: topic.to_owned(),
        session: session.to_owned(),
        at: Timestamp::from_second(seconds).expect("a time"),
        task: None,
        phase: Some(LearningPhase::Release),
        group: None,
        selection: Selection::default(),
        snapshot,
    }
}

pub(crate) fn store(folder: &Path) -> Store {
    Store::open(&folder.join("dreamer.db")).expect("the store opens")
}

#[test]
fn fifty_saves_within_a_second_are_fifty_sessions_and_come_back_in_the_order_of_time() {
    let world = World::new();
    let store = store(world.path());
    let learning = LearningStore::new(&store);
    for n in 0..50 {
        assert!(
            learning
                .save(&fact("t", &format!("s{n:02}"), 1_000))
                .expect("saved")
        );
        assert!(
            !learning
                .save(&fact("t", &format!("s{n:02}"), 1_000))
                .expect("known")
        );
    }
    assert_eq!(learning.list_sessions("t").expect("a list").len(), 50);
    let all = learning
        .load(&SnapshotKey::Scenario("t".to_owned()))
        .expect("read")
        .expect("there");
    assert!((all.counts.episodes.visits() - 50.0).abs() < 1e-12);
    // Names that sort otherwise than their times.
    for (name, at) in [("999999999", 3), ("10", 1), ("1700000000", 2)] {
        learning.save(&fact("u", name, at)).expect("saved");
    }
    assert_eq!(
        learning.list_sessions("u").expect("a list"),
        ["10", "1700000000", "999999999"]
    );
    let newest: Vec<String> = learning
        .query_latest("u", 2)
        .expect("read")
        .into_iter()
        .map(|fact| fact.session)
        .collect();
    assert_eq!(newest, ["999999999", "1700000000"]);
    let at = |seconds| Timestamp::from_second(seconds).expect("a time");
    assert_eq!(
        learning.query_range("u", at(1), at(2)).expect("read").len(),
        2
    );
    assert_eq!(learning.query_since("u", at(2)).expect("read").len(), 2);
}

#[test]
fn what_is_deleted_is_gone_from_every_view() {
    let world = World::new();
    let store = store(world.path());
    let learning = LearningStore::new(&store);
    learning.save(&fact("t", "a", 2)).expect("saved");
    learning.save(&fact("t", "b", 4)).expect("saved");
    let session = SnapshotKey::Session {
        scenario: "t".to_owned(),
        session_id: "a".to_owned(),
    };
    assert!(learning.exists(&session).expect("read"));
    assert!(learning.delete(&session).expect("deleted"));
    assert!(!learning.delete(&session).expect("nothing left"));
    let view = learning.view(&SnapshotKey::Global).expect("read");
    assert_eq!(view.global.episodes.visits(), 1);
    assert_eq!(view.topics["t"].actions["weave"].visits(), 1);
}

#[test]
fn hostile_names_come_back_exactly_or_are_refused_and_nothing_leaves_the_folder() {
    let world = World::new();
    let (here, there) = (world.path().join("here"), world.path().join("there"));
    let (from, to) = (store(&here), store(&there));
    let out = world.path().join("a/b/out");
    let names = ["../x", "/etc", "a:b", "..", "żółć 🦀", "a/sessions/1"];
    for (n, name) in (2..).zip(names) {
        assert!(
            LearningStore::new(&from)
                .save(&fact(name, name, n))
                .expect("saved")
        );
    }
    let emoji = "🦀".repeat(2_500);
    assert!(
        LearningStore::new(&from)
            .save(&fact(&emoji, "s", 1))
            .is_err()
    );
    LearningStore::new(&from).export(&out).expect("exported");
    let around: Vec<_> = std::fs::read_dir(world.path().join("a/b"))
        .expect("a folder")
        .collect();
    assert_eq!(around.len(), 1, "{around:?}");
    let imported = LearningStore::new(&to).import(&out).expect("imported");
    assert_eq!(
        (imported.taken, imported.refused.len()),
        (6, 0),
        "{imported:?}"
    );
    let again = LearningStore::new(&to).import(&out).expect("imported");
    assert_eq!((again.taken, again.known), (0, 6));
    let views = [&from, &to].map(|s| {
        LearningStore::new(s)
            .view(&SnapshotKey::Global)
            .expect("read")
    });
    assert_eq!(views[0], views[1]);
}

#[test]
fn files_of_another_version_and_links_are_refused_with_their_reason() {
    let world = World::new();
    let store = store(world.path());
    world.write("in/scenarios/t/sessions/1/stats.json", r#"{"version": 2}"#);
    world.write("in/scenarios/t/sessions/2/stats.json", "not JSON");
    world.write("in/scenarios/%ZZ/sessions/3/stats.json", "{}");
    let link = world.path().join("in/scenarios/t/sessions/4");
    std::fs::create_dir_all(&link).expect("a folder");
    std::os::unix::fs::symlink("/etc/passwd", link.join("stats.json")).expect("a link");
    let imported = LearningStore::new(&store)
        .import(&world.path().join("in"))
        .expect("read");
    assert_eq!(
        (imported.taken, imported.refused.len()),
        (0, 4),
        "{imported:?}"
    );
    assert!(
        imported
            .refused
            .iter()
            .any(|(_, why)| why.contains("version") || why.contains("snapshot"))
    );
}

#[test]
fn a_damaged_row_costs_itself_and_no_other() {
    let world = World::new();
    let store = store(world.path());
    let learning = LearningStore::new(&store);
    for n in 0..3 {
        learning
            .save(&fact("t", &format!("s{n}"), n))
            .expect("saved");
    }
    let rows = rusqlite::Connection::open(world.path().join("dreamer.db")).expect("the file");
    rows.execute(
        "UPDATE session_facts SET record = '{' WHERE session = 's1'",
        [],
    )
    .expect("damaged");
    rows.execute(
        "INSERT INTO attempt_facts (id, session, topic, at, record) VALUES ('x', 's', 't', 1, '{\"seconds\":null}')",
        [],
    )
    .expect("damaged");
    let view = learning
        .view(&SnapshotKey::Global)
        .expect("the rest is read");
    assert_eq!(view.facts().len(), 2);
    assert!(store.facts(10).expect("the rest is read").is_empty());
}

/// Eight processes of the program itself, each with sessions of its own and some that all have.
#[test]
fn eight_processes_lose_nothing_and_count_nothing_twice() {
    let (each, shared) = if full() { (1_000, 100) } else { (60, 20) };
    let world = World::new();
    let data = world.path().join("data");
    let database = Store::open(&data.join("dreamer.db")).expect("the store opens");
    for process in 0..8 {
        let folder = world.path().join(format!("in{process}"));
        for n in 0..each {
            let name = if n < shared {
                format!("shared{n}")
            } else {
                format!("p{process}n{n}")
            };
            let fact = fact(&format!("t{}", n % 3), &name, 2 * n);
            let json = dreamer::learning::layout::fact_to_json(&fact).to_string();
            let place = format!("scenarios/{}/sessions/{name}/stats.json", fact.topic);
            let path = folder.join(place);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, json).expect("written");
        }
    }
    let running: Vec<_> = (0..8)
        .map(|process| {
            Command::new(env!("CARGO_BIN_EXE_dreamer"))
                .args(["learning", "import"])
                .arg(world.path().join(format!("in{process}")))
                .env_clear()
                .env("DREAMING_DATA_DIR", &data)
                .env("HOME", world.path())
                .current_dir(world.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts")
        })
        .collect();
    let mut taken = 0;
    for child in running {
        let out = child.wait_with_output().expect("it ends");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
        taken += told["taken"].as_i64().expect("a count");
    }
    let expected = shared + 8 * (each - shared);
    assert_eq!(taken, expected, "each session was taken by one process");
    let learning = LearningStore::new(&database);
    let view = learning.view(&SnapshotKey::Global).expect("read");
    assert_eq!(
        view.facts().len(),
        usize::try_from(expected).expect("a count")
    );
    assert_eq!(view.global.episodes.visits(), expected.unsigned_abs());
}
