//! A real `dreamer dream` leaves experiences, and the command line shows them.

use std::process::{Command, Output};
use std::time::Duration;

use dreamer::app::App;
use dreamer::config::{ExperienceSink, LlmChoice, SandboxChoice};
use dreamer::experience::SinkChoice;
use jiff::SignedDuration;
use serde_json::Value as Json;

use crate::session::{TOOLS, backends, know, night, request, settings, supervise_app};
use crate::support::World;

pub(super) fn dreamer(world: &World, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dreamer"))
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", world.path())
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("DREAMING_OUTPUT_DIR", world.path().join("out"))
        .env("DREAMING_LLM_URL", "none")
        .current_dir(world.path())
        .output()
        .expect("the program runs")
}

#[track_caller]
fn lines(output: &Output) -> Vec<Json> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_of_a_dream_leaves_an_experience() {
    for backend in backends().await {
        let world = World::new();
        let settings = settings(&world, backend, LlmChoice::Forbidden);
        know(&world, &settings, "tools.py", TOOLS);
        let report = night(&settings, request(2)).await;
        assert_eq!(report.dreams_successful, 2, "{report:?}");

        let stats = &lines(&dreamer(&world, &["experience", "stats", "--json"]))[0];
        let count = |key: &str| stats[key].as_u64().expect("a number");
        assert_eq!(count("written"), count("flushed"), "{stats}");
        assert_eq!((count("dropped"), count("buffered")), (0, 0), "{stats}");
        assert_eq!(stats["sinks"]["sqlite"]["flushed"], stats["flushed"]);
        let types = &stats["types"];
        for (event_type, wanted) in [
            ("session.began", 1),
            ("dream.woven", 2),
            ("dream.solved", 2),
            ("dream.settled", 2),
            ("dream.saved", 2),
            ("trajectory.ended", 2),
            ("session.ended", 1),
        ] {
            assert_eq!(types[event_type], wanted, "{event_type}: {stats}");
        }
        assert!(types["guardian.verdict"].as_u64() >= Some(2), "{stats}");

        let ended = ["experience", "tail", "--json", "--type", "trajectory.ended"];
        let ends = lines(&dreamer(&world, &ended));
        let end = &ends[0]["data"];
        assert_eq!(
            (&end["outcome"], &end["total_reward"]),
            (&"saved".into(), &1.0.into())
        );
        let id = end["trajectory_id"].as_str().expect("an id");
        let tail = ["experience", "tail", "--json", "--trajectory", id];
        let course = lines(&dreamer(&world, &tail));
        assert_eq!(
            course.len() as u64,
            end["length"].as_u64().expect("a number") + 1
        );
        for pair in course.windows(2) {
            assert_eq!(
                pair[1]["caused_by"], pair[0]["event_id"],
                "one stage leads to the next"
            );
            assert_eq!(pair[0]["leads_to"][0], pair[1]["event_id"]);
        }

        let drawn = [
            "experience",
            "sample",
            "--json",
            "--strategy",
            "prioritized",
            "-n",
            "8",
            "--seed",
            "5",
        ];
        let batch = lines(&dreamer(&world, &drawn));
        assert_eq!(batch[0]["count"], 8);
        assert_eq!(
            batch,
            lines(&dreamer(&world, &drawn)),
            "a seed draws the same again"
        );
    }
}

#[test]
fn without_a_dream_there_is_nothing_and_that_is_said() {
    let world = World::new();
    let stats = &lines(&dreamer(&world, &["experience", "stats", "--json"]))[0];
    assert_eq!(stats["written"], 0);
    assert!(stats["sinks"].as_object().expect("an object").is_empty());
    let tail = dreamer(&world, &["experience", "tail"]);
    assert_eq!(tail.status.code(), Some(1));
    let sample = dreamer(&world, &["experience", "sample", "--strategy", "diverse"]);
    assert_eq!(sample.status.code(), Some(1));
    let wrong = dreamer(&world, &["experience", "sample", "--strategy", "best"]);
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn the_tail_begins_where_it_is_told_to() {
    let world = World::new();
    let (stream, _) = super::open(&world, vec![SinkChoice::Durable]);
    let now = dreamer::clock::utc();
    let ago = |days: i64| now - SignedDuration::from_hours(24 * days);
    for (number, days) in [(1, 3), (2, 1)] {
        let mut old = super::event(number);
        old.timestamp = Some(ago(days));
        stream.write_event(old).expect("taken");
    }
    assert!(stream.flush(super::PATIENCE));
    drop(stream);
    let since = ago(2).to_string();
    let tail = ["experience", "tail", "--json", "--since", since.as_str()];
    let found = lines(&dreamer(&world, &tail));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["data"], 2);
    let wrong = dreamer(&world, &["experience", "tail", "--since", "later"]);
    assert_eq!(wrong.status.code(), Some(64));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("no moment such as 2026-11-20"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_takes_nothing_is_named_by_the_status_with_what_mends_it() {
    let world = World::new();
    let mut settings = settings(&world, SandboxChoice::Auto, LlmChoice::Forbidden);
    settings.experience.sinks = vec![ExperienceSink::Sqlite, ExperienceSink::Jsonl];
    // A folder stands where the file should be.
    let place = settings.data_dir.join("experience/experience.jsonl");
    std::fs::create_dir_all(place).expect("a folder");
    let (supervisor, _senses) = supervise_app(&App::open(&settings).expect("the parts join"));
    assert!(supervisor.get_statistics().troubles.is_empty());
    // It finds nothing to dream of, and says so to the stream.
    let session = supervisor.request(request(1)).await.expect("accepted");
    supervisor.finished(&session).await.expect("a report");
    let told = async {
        loop {
            let troubles = supervisor.get_statistics().troubles;
            if !troubles.is_empty() {
                return troubles;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::time::timeout(super::PATIENCE, told).await;
    let troubles = told.expect("it is told in time");
    let [trouble] = &troubles[..] else {
        panic!("{troubles:?}");
    };
    assert_eq!(trouble.check, "experience_jsonl");
    assert!(trouble.detail.contains("experience.jsonl"), "{trouble:?}");
    let fix = &trouble.fix;
    assert!(fix.contains("DREAMING_EXPERIENCE_SINKS"), "{fix}");
    supervisor.shutdown().await;
}

#[test]
fn what_the_originals_file_says_in_vain_is_a_warning_and_no_refusal() {
    let world = World::new();
    world.write(
        ".config/dreamer/dreamer.toml",
        "[experience.stream]\nfile_path = \"./data/experience_events.jsonl\"\n\
         [experience.integration]\ndna_guardian_integration = true\n",
    );
    let output = dreamer(&world, &["config", "show"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let warned = |key: &str| said.lines().filter(|line| line.contains(key)).count();
    assert_eq!(warned("experience.stream.file_path"), 1, "{said}");
    assert_eq!(warned("integration.dna_guardian_integration"), 1, "{said}");
}

/// What a course of events says of its try: how it ended, its steps and its seconds.
fn folded(course: &[Json]) -> (&'static str, Vec<(String, bool)>, f64) {
    let of = |event_type: &str| course.iter().rev().find(|e| e["event_type"] == event_type);
    let learned = &of("dream.learned").expect("a fact was left")["data"];
    let begin = learned["begin"].as_str().expect("a step").to_owned();
    let seconds = learned["seconds"].as_f64().expect("seconds");
    if of("dream.not_woven").is_some() {
        return ("not_woven", vec![(begin, false)], seconds);
    }
    let saved = of("dream.saved").is_some();
    let not_kept = of("dream.fallen").is_some_and(|e| e["data"]["reasons"][0] == "below_gold");
    let verdict = of("guardian.verdict");
    let mut steps = vec![
        (begin, of("dream.woven").is_some()),
        ("code".to_owned(), of("dream.solved").is_some()),
        ("settle".to_owned(), verdict.is_some()),
    ];
    let gates = verdict.and_then(|e| e["data"]["gates"].as_array());
    for gate in gates.into_iter().flatten() {
        if gate["outcome"] != "skipped" {
            let name = gate["gate"].as_str().expect("a name").to_owned();
            steps.push((name, gate["outcome"] == "pass"));
        }
    }
    if saved || not_kept {
        steps.push(("save".to_owned(), saved));
    }
    let outcome = match (saved, not_kept) {
        (true, _) => "saved",
        (_, true) => "not_kept",
        (false, false) => "rejected",
    };
    (outcome, steps, seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_is_what_the_events_of_its_trajectory_add_up_to() {
    for backend in backends().await {
        let world = World::new();
        let settings = settings(&world, backend, LlmChoice::Forbidden);
        know(&world, &settings, "tools.py", TOOLS);
        let report = night(&settings, request(3)).await;
        let store = super::store(&world);
        let facts = store.facts_of_session(&report.session_id).expect("facts");
        assert!(facts.len() >= 2, "{report:?}");
        for fact in facts {
            let trajectory = fact.trajectory.clone().expect("it knows its events");
            let query = dreamer::store::ExperienceQuery {
                limit: usize::MAX,
                trajectory: Some(trajectory),
                ..Default::default()
            };
            let rows = store.experience(&query).expect("readable");
            let course: Vec<Json> = rows
                .iter()
                .map(|row| serde_json::from_str(&row.record).expect("JSON"))
                .collect();
            let steps = fact.steps.iter();
            let steps = steps.map(|step| (step.name.clone(), step.ok)).collect();
            assert_eq!(
                folded(&course),
                (fact.outcome.as_str(), steps, fact.seconds)
            );
            let learned = course.iter().find(|e| e["event_type"] == "dream.learned");
            let learned = &learned.expect("it is told")["data"];
            assert_eq!(learned["attempt_id"], fact.attempt_id.as_str());
        }
    }
}
