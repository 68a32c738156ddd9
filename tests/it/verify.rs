//! `dreamer verify` as other programs use it: what it prints, how it ends, and what it does with lines that are no
//! candidates.

use std::path::Path;
use std::process::{Command, Output};

use dreamer::clock;
use dreamer::dream::{Candidate, Generator, Provenance, Tokens};
use dreamer::guardian::{self, Context, Guardian, Judgement};
use dreamer::ids::{DreamId, SessionId};
use dreamer::journal::{self, Dirs, Publication};
use dreamer::store::Store;
use serde_json::{Value as Json, json};

use crate::support::World;
use crate::support::backends::{NAMESPACE, backends};

fn verify(world: &World, words: &[&str]) -> Output {
    let mut program = program(world, words);
    program.arg("--json").output().expect("the program runs")
}

fn program(world: &World, words: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_dreamer"));
    program
        .arg("verify")
        .args(words)
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("DREAMING_OUTPUT_DIR", world.path().join("out"))
        .env("DREAMING_DOCKER_NAMESPACE", NAMESPACE)
        .current_dir(world.path());
    program
}

fn verdicts(output: &Output) -> Vec<Json> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("one object a line")
}

fn reasons(verdict: &Json) -> Vec<&str> {
    let reasons = verdict["reasons"].as_array().expect("a list");
    reasons.iter().filter_map(Json::as_str).collect()
}

fn good(name: &str) -> Json {
    let file = format!("tests/fixtures/good_dreams/{name}.json");
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    serde_json::from_slice(&text.expect("a fixture")).expect("JSON")
}

/// Lines that are no candidates, each of another kind.
fn bad_lines() -> Vec<Vec<u8>> {
    let dream = good("gcd_recursive");
    let changed = |change: fn(&mut Json)| {
        let mut other = dream.clone();
        change(&mut other);
        other.to_string().into_bytes()
    };
    vec![
        b"no JSON at all".to_vec(),
        b"[1, 2]".to_vec(),
        b"{\"code\": \"unfinished".to_vec(),
        b"{\"code\": \"\xff\xfe\"}".to_vec(),
        changed(|dream| drop(dream.as_object_mut().expect("an object").remove("code"))),
        changed(|dream| drop(dream.as_object_mut().expect("an object").remove("scenario"))),
        changed(|dream| dream["code"] = json!(7)),
        changed(|dream| dream["checks"] = json!("none")),
        changed(|dream| dream["checks"][0]["kind"] = json!("opinion")),
        changed(|dream| dream["code"] = json!("def gcd(a, b):\n    return '\u{0}'\n")),
        changed(|dream| dream["code"] = json!("x = 1\n".repeat(50 << 20 >> 2))),
    ]
}

#[test]
fn a_line_that_is_no_candidate_is_named_and_stops_no_other() {
    let world = World::new();
    let mut file = Vec::new();
    for bad in bad_lines() {
        file.extend(bad);
        file.push(b'\n');
    }
    file.extend(good("gcd_recursive").to_string().into_bytes());
    file.push(b'\n');
    world.write("mixed.jsonl", &file);
    let output = verify(&world, &["mixed.jsonl"]);
    let all = verdicts(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(all.len(), bad_lines().len() + 1, "{said}");
    let (last, bad) = all.split_last().expect("verdicts");
    for (at, verdict) in bad.iter().enumerate() {
        let line = at + 1;
        assert_eq!(verdict["verdict"], "rejected", "line {line}: {verdict}");
        assert_eq!(reasons(verdict), ["bad_input"], "line {line}: {verdict}");
        assert_eq!(verdict["line"], line);
        assert!(said.contains(&format!("mixed.jsonl:{line}: ")), "{said}");
    }
    if last["verdict"] == "unverified" {
        assert_eq!(output.status.code(), Some(2), "no sandbox here: {said}");
        return;
    }
    assert_eq!(last["verdict"], "gold", "{last}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_that_cannot_be_opened_is_bad_usage_and_the_others_are_judged() {
    let world = World::new();
    world.write("bad.jsonl", "{}\n");
    let output = verify(&world, &["absent.jsonl", ".", "bad.jsonl"]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(reasons(&verdicts(&output)[0]), ["bad_input"]);
}

#[test]
fn a_benchmark_task_is_refused_unless_it_is_allowed_and_is_marked_then() {
    let text = include_str!("../fixtures/benchmarks/paraphrased.jsonl");
    let told = |line: &str| serde_json::from_str::<Json>(line).expect("JSON");
    let task = text.lines().map(told);
    let task = task
        .into_iter()
        .find(|task| task["entry_point"] == "can_arrange")
        .expect("the task");
    let example =
        |call: &str, expect: &str| json!({"kind": "example", "call": call, "expect": expect});
    let candidate = json!({
        "scenario": {"title": "The last fall", "description": "", "task_prompt": task["task_prompt"],
                     "difficulty": "simple", "libraries": [], "test_cases": [], "entry_point": "can_arrange"},
        "code": "def can_arrange(arr):\n    last = -1\n    for i in range(1, len(arr)):\n        if arr[i] < arr[i - 1]:\n\
                 \x20           last = i\n    return last\n",
        "checks": [example("can_arrange([1, 3, 2])", "2"), example("can_arrange([1, 2, 3])", "-1"),
                   example("can_arrange([5, 4, 3, 9])", "2")],
        "hidden_checks": [example("can_arrange([2, 1])", "1"), example("can_arrange([])", "-1"),
                          example("can_arrange([7, 8, 1, 2, 9, 3, 4])", "5")],
    });
    let world = World::new();
    world.write("task.json", candidate.to_string());
    let refused = verify(&world, &["task.json"]);
    let verdict = &verdicts(&refused)[0];
    if verdict["verdict"] == "unverified" {
        return;
    }
    assert_eq!(reasons(verdict), ["contaminated"], "{verdict}");
    let allowed = verify(&world, &["task.json", "--allow-benchmarks"]);
    let verdict = &verdicts(&allowed)[0];
    assert_eq!(verdict["verdict"], "gold", "{verdict}");
    assert_eq!(verdict["contaminated"], true);
    assert_eq!(allowed.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_dream_is_a_duplicate_only_where_it_is_asked_against_what_is_saved() {
    let Some(backend) = backends("verify against what is saved").await.pop() else {
        return;
    };
    let world = World::new();
    let dream = good("merge_sorted");
    world.write("dream.json", dream.to_string());
    let candidate: Candidate = serde_json::from_value(dream).expect("a candidate");
    let guardian = Guardian::new(backend.sandbox.clone());
    let judged = guardian
        .judge(&backend.permit, &candidate, &Context::default())
        .await;
    let Judgement::Verified(verified) = judged else {
        panic!("{judged:?}");
    };
    let (data, output) = (world.path().join("data"), world.path().join("out"));
    std::fs::create_dir_all(&data).expect("a folder");
    let store = Store::open(&data.join("dreamer.db")).expect("a store");
    let publication = Publication {
        dream_id: DreamId::new(),
        session_id: SessionId::new(),
        generator: Generator::Offline,
        provenance: Provenance::default(),
        topic: None,
        thought: None,
        dropped_checks: Vec::new(),
        tries: None,
        sketch: guardian::sketch(verified.candidate()),
        tokens: Tokens::default(),
        seconds: 1.0,
        at: clock::utc(),
        fact: None,
    };
    journal::publish(&store, &Dirs { data, output }, verified, publication).expect("published");
    drop(store);

    let alone = verify(&world, &["dream.json"]);
    assert_eq!(verdicts(&alone)[0]["verdict"], "gold");
    let against = verify(&world, &["dream.json", "--against-saved"]);
    assert_eq!(reasons(&verdicts(&against)[0]), ["duplicate"]);
    assert_eq!(against.status.code(), Some(1));
    backend.sandbox.settle().await;
}

#[test]
fn what_each_gate_found_is_explained_to_a_person() {
    let world = World::new();
    let first = good("gcd_recursive").to_string();
    let bad = include_str!("../fixtures/bad_dreams/wrong_value.json").replace('\n', " ");
    world.write("both.jsonl", format!("{first}\n{bad}\nno JSON\n"));
    let told = |words: &[&str]| {
        let output = program(&world, words).output().expect("the program runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let brief = told(&["both.jsonl"]);
    if brief.contains("unverified both") {
        return;
    }
    let text = told(&["both.jsonl", "--explain"]);
    let lines: Vec<&str> = text.lines().collect();
    let of = |start: &str| lines.iter().position(|line| line.starts_with(start));
    let starts = [
        of("gold       both.jsonl:1  "),
        of("rejected   both.jsonl:2  "),
        of("rejected   both.jsonl:3  "),
    ];
    let [Some(accepted), Some(rejected), Some(unread)] = starts else {
        panic!("{text}");
    };
    let gates = |from: usize, to: usize| -> Vec<(String, String)> {
        let words = |line: &&str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.next()?))
        };
        let told = lines[from + 1..to]
            .iter()
            .filter(|line| line.contains(" ms  "));
        told.filter_map(words).collect()
    };
    let all = gates(accepted, rejected);
    for gate in [
        "form",
        "checks",
        "nothing_solutions",
        "hidden_checks",
        "steady",
        "exercised",
        "adequate",
        "clean",
    ] {
        assert!(
            all.contains(&(gate.to_owned(), "pass".to_owned())),
            "{gate}: {text}"
        );
    }
    assert!(
        all.contains(&("agreement".to_owned(), "-".to_owned())),
        "{text}"
    );
    // The last gate is the one that failed, with what it saw.
    let failed = gates(rejected, unread);
    assert_eq!(
        failed.last().map(|(_, outcome)| outcome.as_str()),
        Some("FAIL"),
        "{text}"
    );
    assert!(
        lines[rejected + 1].contains("visible_check_failed: "),
        "{text}"
    );
    assert!(lines[unread + 1].contains("bad_input: "), "{text}");
    assert!(
        text.ends_with("1 gold, 0 silver, 2 rejected, 0 unverified\n"),
        "{text}"
    );
    assert!(!brief.contains(" ms  "), "{brief}");
}

#[test]
fn the_same_task_twice_in_one_file_is_a_duplicate() {
    let world = World::new();
    let dream = good("gcd_recursive").to_string();
    world.write("twice.jsonl", format!("{dream}\n{dream}\n"));
    let output = verify(&world, &["twice.jsonl", "--explain"]);
    let all = verdicts(&output);
    if all[0]["verdict"] == "unverified" {
        return;
    }
    assert_eq!(all[0]["verdict"], "gold", "{}", all[0]);
    assert_eq!(reasons(&all[1]), ["duplicate"]);
}
