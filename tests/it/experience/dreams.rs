//! A real `dreamer dream` leaves experiences, and the command line shows them.

use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::session::{TOOLS, backends, know, night, request, settings};
use crate::support::World;
use dreamer::config::LlmChoice;

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
