//! What is forgotten stays forgotten, and what is written into files comes back whole: the `learning` commands over a real
//! database and real folders.

use std::path::Path;
use std::process::Command;

use dreamer::dream::{Attempt, AttemptFact};
use dreamer::ids::{AttemptId, SessionId};
use dreamer::knowledge::Knowledge;
use dreamer::learning::{LearningStore, OfflineModel, SnapshotKey};
use dreamer::store::{ArchiveRow, ExperienceQuery, NewExperience, Store};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::learning::{fact, store};
use crate::support::{World, facts};

/// Exit code and output of a command over the database in `folder`.
fn told(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_dreamer"))
        .args(words)
        .env_clear()
        .env("DREAMING_DATA_DIR", folder)
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (out.status.code(), text.concat())
}

/// A try of a night before facts were kept.
fn earlier(store: &Store, topic: &str) {
    let attempt: Attempt = serde_json::from_value(json!({
        "attempt_id": AttemptId::new(), "session_id": SessionId::new(), "at": "2026-01-02T03:04:05Z",
        "outcome": "rejected", "reasons": ["hidden_failed"], "scenario": dreamer::dream::Scenario::default(),
        "generator": "llm", "topic": {"cluster": 1, "label": topic},
    }))
    .expect("an attempt");
    store.record_attempt(&attempt).expect("it is kept");
}

#[test]
fn what_was_forgotten_of_earlier_nights_does_not_come_back() {
    let world = World::new();
    let store = store(world.path());
    earlier(&store, "lists");
    earlier(&store, "dates");
    let show = |topic: &str| told(world.path(), &["learning", "show", topic]).0;
    assert_eq!((show("lists"), show("dates")), (Some(0), Some(0)));
    for topic in ["lists", "dates"] {
        let (code, text) = told(world.path(), &["learning", "forget", topic]);
        assert_eq!(code, Some(0), "{text}");
    }
    // Nothing at all is known now; asking twice brings nothing back, and neither does a session's start.
    for _ in 0..2 {
        assert_eq!((show("lists"), show("dates")), (Some(1), Some(1)));
    }
    assert_eq!(dreamer::learning::backfill(&store).expect("read"), 0);
    assert!(store.facts(10).expect("read").is_empty());
}

#[test]
fn a_newest_row_that_cannot_be_read_does_not_bring_back_what_was_forgotten() {
    let world = World::new();
    let store = store(world.path());
    earlier(&store, "lists");
    assert_eq!(dreamer::learning::backfill(&store).expect("read"), 1);
    assert_eq!(
        told(world.path(), &["learning", "forget", "lists"]).0,
        Some(0)
    );
    let rows = rusqlite::Connection::open(world.path().join("dreamer.db")).expect("the file");
    rows.execute(
        "INSERT INTO attempt_facts (id, session, topic, at, record) VALUES ('x', 's', 'u', 1, '{')",
        [],
    )
    .expect("damaged");
    assert_eq!(dreamer::learning::backfill(&store).expect("read"), 0);
}

/// A topic with five sessions and what offline analysis makes of them.
fn analysed(store: &Store, topic: &str) -> OfflineModel {
    let learning = LearningStore::new(store);
    for n in 0..10 {
        learning
            .save(&fact(topic, &format!("s{n}"), n))
            .expect("saved");
    }
    let model = learning.run_offline_learning(topic, 100, dreamer::clock::utc());
    model.expect("analysed").expect("there are sessions")
}

#[test]
fn a_forgotten_topic_or_session_takes_the_offline_model_with_it() {
    let world = World::new();
    let store = store(world.path());
    let learning = LearningStore::new(&store);
    let model = |topic: &str| learning.load_offline_model(topic).expect("read");
    for topic in ["t", "u", "v"] {
        analysed(&store, topic);
    }
    assert_eq!(told(world.path(), &["learning", "forget", "t"]).0, Some(0));
    assert_eq!(model("t"), None);
    let unknown = ["learning", "forget", "u", "nobody"];
    assert_eq!(told(world.path(), &unknown).0, Some(1));
    assert!(model("u").is_some(), "nothing was forgotten");
    let known = ["learning", "forget", "u", "s1"];
    assert_eq!(told(world.path(), &known).0, Some(0));
    assert_eq!(model("u"), None, "it was made of that session too");
    assert!(model("v").is_some());
    learning.delete(&SnapshotKey::Global).expect("deleted");
    assert_eq!(model("v"), None);
}

/// Two events of a course.
fn course(store: &Store, name: &str) {
    let at = dreamer::clock::utc();
    let records = [0, 1].map(|number| json!({"timestamp": at, "data": number}).to_string());
    let rows: Vec<NewExperience<'_>> = records
        .iter()
        .enumerate()
        .map(|(number, record)| NewExperience {
            id: format!("{name} {number}"),
            at,
            event_type: "dream.woven",
            source: "test",
            trajectory: Some(name),
            caused_by: None,
            record,
        })
        .collect();
    store.keep_experience(&rows, "test", &[], at).expect("kept");
}

fn events(store: &Store, course: &str) -> usize {
    let query = ExperienceQuery {
        limit: 9,
        trajectory: Some(course.to_owned()),
        ..ExperienceQuery::default()
    };
    store.experience(&query).expect("readable").len()
}

/// Notes an archive whose file nobody looks at.
fn archived(store: &Store) {
    let row = ArchiveRow {
        file: "experience-000000000000-000000000000.jsonl.gz".to_owned(),
        sha256: String::new(),
        bytes: 1,
        events: 1,
        first: Timestamp::UNIX_EPOCH,
        last: Timestamp::UNIX_EPOCH,
    };
    store.experience_archived(&row, 0).expect("noted");
}

#[test]
fn a_forgotten_topic_takes_the_experiences_of_its_tries_with_it() {
    let world = World::new();
    let store = store(world.path());
    for (n, topic) in [(1, "lists"), (2, "dates")] {
        let fact = AttemptFact {
            topic: topic.to_owned(),
            trajectory: Some(format!("course of {topic}")),
            ..facts::example(n, true)
        };
        assert!(store.record_fact(&fact).expect("kept"));
        course(&store, &format!("course of {topic}"));
    }
    let (code, text) = told(world.path(), &["learning", "forget", "lists"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("archive"), "nothing is left of it: {text}");
    let left = |topic: &str| events(&store, &format!("course of {topic}"));
    assert_eq!((left("lists"), left("dates")), (0, 2));
    archived(&store);
    let (code, text) = told(world.path(), &["learning", "forget", "dates"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("archives of old experiences keep"), "{text}");
}

#[test]
fn a_forgotten_document_takes_tries_facts_and_experiences_with_it() {
    let world = World::new();
    let store = std::sync::Arc::new(store(world.path()));
    let path = world.write("notes/diary.md", "# Diary\n\nCount the words in a text.\n");
    let knowledge = Knowledge::new(std::sync::Arc::clone(&store));
    knowledge
        .ingest(std::slice::from_ref(&path), &mut |_| ())
        .expect("it is ingested");
    let real = path.canonicalize().expect("it is there");
    let (id, session) = (AttemptId::new(), SessionId::new());
    let attempt: Attempt = serde_json::from_value(json!({
        "attempt_id": id, "session_id": session, "at": "2026-01-02T03:04:05Z", "outcome": "rejected",
        "reasons": ["hidden_failed"], "scenario": dreamer::dream::Scenario::default(), "generator": "llm",
        "provenance": {"sources": [{"path": real, "sha256": "", "lines": [1, 3]}]},
    }))
    .expect("an attempt");
    store.record_attempt(&attempt).expect("it is kept");
    let fact = AttemptFact {
        attempt_id: id,
        trajectory: Some("course".to_owned()),
        ..facts::example(1, false)
    };
    store.record_fact(&fact).expect("it is kept");
    course(&store, "course");
    course(&store, "another");
    archived(&store);

    let notes = world.path().join("notes");
    let notes = notes.to_str().expect("UTF-8");
    let (code, text) = told(world.path(), &["knowledge", "forget", notes]);
    assert_eq!(code, Some(0), "{text}");
    let derived = "derived from it: 0 dreams, 1 other attempt and 2 experiences";
    assert!(text.contains(derived), "{text}");
    assert!(text.contains("archives of old experiences keep"), "{text}");
    assert!(store.attempts(9).expect("read").is_empty());
    assert!(store.facts(9).expect("read").is_empty());
    let left = |course: &str| events(&store, course);
    assert_eq!((left("course"), left("another")), (0, 2));
    let (code, text) = told(world.path(), &["knowledge", "forget", notes]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing is known of"), "{text}");
}

#[test]
fn sessions_are_named_of_a_span_of_time_and_of_these_the_newest() {
    let world = World::new();
    let store = store(world.path());
    let learning = LearningStore::new(&store);
    for day in 0..5 {
        let fact = fact("t", &format!("s{day}"), day * 86_400);
        assert!(learning.save(&fact).expect("saved"));
    }
    let asked = |words: &[&str]| {
        let all = ["learning", "sessions", "t", "--json"];
        told(world.path(), &[all.as_slice(), words].concat())
    };
    let check = |words: &[&str], names: &[&str]| {
        let (code, text) = asked(words);
        let found: Vec<String> = serde_json::from_str(&text).expect("a list");
        assert_eq!(found, names, "{words:?}");
        let some = if names.is_empty() { Some(1) } else { Some(0) };
        assert_eq!(code, some, "{words:?}");
    };
    let [second, third, ninth] = ["02", "03", "09"].map(|day| format!("1970-01-{day}T00:00:00Z"));
    check(&[], &["s0", "s1", "s2", "s3", "s4"]);
    check(&["--since", &third], &["s2", "s3", "s4"]);
    check(&["--until", &second], &["s0", "s1"]);
    check(&["--since", &second, "--until", &third], &["s1", "s2"]);
    check(&["--newest", "2"], &["s3", "s4"]);
    check(&["--since", &second, "--newest", "1"], &["s4"]);
    check(&["--until", &third, "--newest", "2"], &["s1", "s2"]);
    check(&["--since", &ninth], &[]);
    for (words, problem) in [
        (["--since", "yesterday"].as_slice(), "no moment such as"),
        (
            ["--since", third.as_str(), "--until", second.as_str()].as_slice(),
            "lies after",
        ),
    ] {
        let (code, text) = asked(words);
        assert_eq!(code, Some(64), "{text}");
        assert!(text.contains(problem), "{text}");
    }
}

#[test]
fn an_export_goes_into_an_empty_folder_alone_so_that_nothing_forgotten_stays_there() {
    let world = World::new();
    let data = world.path().join("data");
    let store = store(&data);
    analysed(&store, "t");
    let out = world.path().join("out");
    let name = out.to_str().expect("a path");
    assert_eq!(told(&data, &["learning", "export", name]).0, Some(0));
    assert_eq!(told(&data, &["learning", "forget", "t", "s1"]).0, Some(0));
    let (code, text) = told(&data, &["learning", "export", name]);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("empty"), "it says what to do: {text}");
    let file = world.write("file", "");
    let file = file.to_str().expect("a path");
    assert_eq!(told(&data, &["learning", "export", file]).0, Some(64));
    std::fs::remove_dir_all(&out).expect("removed");
    std::fs::create_dir(&out).expect("made");
    assert_eq!(told(&data, &["learning", "export", name]).0, Some(0));
    assert!(!out.join("scenarios/t/sessions/s1").exists());
}

#[test]
fn an_import_of_what_is_not_there_is_bad_usage() {
    let world = World::new();
    let data = world.path().join("data");
    let store = store(&data);
    let (code, text) = told(&data, &["learning", "import", "/nonexistent"]);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("scenarios"), "{text}");
    world.write("in/other.txt", "");
    let folder = world.path().join("in");
    let name = folder.to_str().expect("a path");
    assert_eq!(told(&data, &["learning", "import", name]).0, Some(64));
    // A folder that was written while nothing was known is one.
    let out = world.path().join("out");
    LearningStore::new(&store).export(&out).expect("exported");
    let (code, text) = told(
        &data,
        &["learning", "import", out.to_str().expect("a path")],
    );
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn an_offline_model_comes_back_with_its_order_of_actions_where_none_is_there() {
    let world = World::new();
    let (from, to) = (
        store(&world.path().join("from")),
        store(&world.path().join("to")),
    );
    analysed(&from, "a:b");
    let out = world.path().join("out");
    LearningStore::new(&from).export(&out).expect("exported");
    let path = out.join("scenarios/a%3Ab/offline_model.json");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let mut model: Json = serde_json::from_str(&text).expect("JSON");
    model["action_order"] = json!({"first": ["weave"], "k": 3});
    std::fs::write(&path, model.to_string()).expect("written");
    let imported = LearningStore::new(&to).import(&out).expect("imported");
    assert_eq!((imported.models, imported.refused.len()), (1, 0));
    let load = || {
        let model = LearningStore::new(&to).load_offline_model("a:b");
        serde_json::to_value(model.expect("read").expect("it is there")).expect("JSON")
    };
    assert_eq!(load(), model);
    // What is there already is not replaced.
    let mut other = model.clone();
    other["action_order"] = json!(["code"]);
    std::fs::write(&path, other.to_string()).expect("written");
    let again = LearningStore::new(&to).import(&out).expect("imported");
    assert_eq!((again.models, again.taken, again.known), (0, 0, 10));
    assert_eq!(load(), model);
}

#[test]
fn every_version_that_an_import_meets_is_checked_and_a_model_that_is_none_is_refused() {
    let world = World::new();
    let (from, to) = (
        store(&world.path().join("from")),
        store(&world.path().join("to")),
    );
    for topic in ["t", "u"] {
        analysed(&from, topic);
    }
    let out = world.path().join("out");
    LearningStore::new(&from).export(&out).expect("exported");
    let change = |path: &str, change: &dyn Fn(&mut Json)| {
        let path = out.join(path);
        let text = std::fs::read_to_string(&path).expect("it is there");
        let mut json: Json = serde_json::from_str(&text).expect("JSON");
        change(&mut json);
        std::fs::write(&path, json.to_string()).expect("written");
    };
    let newer = |json: &mut Json| json["version"] = json!(2);
    change("global_stats.json", &newer);
    change("scenarios/t/stats.json", &newer);
    change("scenarios/t/offline_model.json", &newer);
    change("scenarios/u/offline_model.json", &|json| {
        json["recommended_paths"] = json!([
            {"actions": ["weave", "code", "settle"], "success_rate": 7.0, "observations": 9}
        ]);
    });
    let imported = LearningStore::new(&to).import(&out).expect("imported");
    assert_eq!((imported.taken, imported.models), (20, 0));
    let refused: Vec<&str> = imported
        .refused
        .iter()
        .map(|(path, _)| path.rsplit("/out/").next().expect("a path"))
        .collect();
    assert_eq!(
        refused,
        [
            "global_stats.json",
            "scenarios/t/stats.json",
            "scenarios/t/offline_model.json",
            "scenarios/u/offline_model.json"
        ],
        "{imported:?}"
    );
    assert!(
        imported.refused[..3]
            .iter()
            .all(|(_, why)| why.contains("version is 2"))
    );
}

#[test]
fn what_was_imported_is_shown_as_what_it_is() {
    let world = World::new();
    let store = store(world.path());
    let mut whole = fact("t", "s", 2);
    whole.snapshot.episodes.successes = 10_000;
    whole.snapshot.episodes.failures = 100;
    LearningStore::new(&store).save(&whole).expect("saved");
    let (_, text) = told(world.path(), &["learning", "show"]);
    assert!(text.starts_with("10100 tries of 1 topics"), "{text}");
    assert!(text.contains("\n10100 tries, 99 % saved\n"), "{text}");
    let (_, text) = told(world.path(), &["learning", "show", "--merge", "success"]);
    assert!(
        text.contains("10100 tries, each at 1.99 on average"),
        "{text}"
    );
}

#[test]
fn offline_analysis_says_what_its_strategy_does_and_an_imported_bound_is_none() {
    let world = World::new();
    let (data, other) = (world.path().join("data"), world.path().join("other"));
    let own = store(&data);
    analysed(&own, "t");
    let (code, text) = told(&data, &["learning", "offline", "t"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("choices weigh it by thompson: a rate drawn from what is believed"),
        "{text}"
    );
    let out = world.path().join("out");
    LearningStore::new(&own).export(&out).expect("exported");
    let path = out.join("scenarios/t/offline_model.json");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let mut model: Json = serde_json::from_str(&text).expect("JSON");
    for path in model["recommended_paths"].as_array_mut().expect("a list") {
        path["success_rate"] = json!(0.2);
        path["lower_bound"] = json!(0.99);
    }
    std::fs::write(&path, model.to_string()).expect("written");
    let other = store(&other);
    let learning = LearningStore::new(&other);
    assert_eq!(learning.import(&out).expect("imported").models, 1);
    let model = learning.load_offline_model("t").expect("read");
    for path in model.expect("it is there").recommended_paths {
        let bound = dreamer::learning::wilson_lower(0.2 * 10.0, 10.0);
        assert_eq!(path.observations, 10);
        assert!((path.lower_bound - bound).abs() < 1e-12, "{path:?}");
    }
    // What an earlier program kept as it was claimed is not believed either.
    let rows = rusqlite::Connection::open(world.path().join("other/dreamer.db")).expect("the file");
    rows.execute(
        "UPDATE offline_models SET record = json_set(record, '$.recommended_paths[0].lower_bound', 0.99)",
        [],
    )
    .expect("claimed");
    let (_, model) = learning.offline_models().expect("read").remove(0);
    assert!(model.recommended_paths[0].lower_bound < 0.2, "{model:?}");
}
