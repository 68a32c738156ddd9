//! The Guardian on real sandboxes: no planted bad dream gets in, each falls for the right reason, and good ones stand.
//! Runs on every backend that this machine has and says which it left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Candidate, Origin, Reason, Scenario, Tier};
use dreamer::guardian::candidate_file::Candidates;
use dreamer::guardian::plants::{Class, Planted};
use dreamer::guardian::{
    Benchmarks, Context, Guardian, Judgement, Known, Peer, benchmarks, sketch,
};
use dreamer::sandbox::{self, Bubblewrap, Docker, Sandbox, SandboxError};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;

use crate::support::{ledger, left_out};

/// Tells the groups of these tests from those of a service on the same machine.
const NAMESPACE: &str = "dreamer-it";
const IMAGE: &str = "dreamer-sandbox:1";

struct Bench {
    guardian: Guardian,
    backend: &'static str,
    permit: WorkPermit,
    _holder: PermitHolder,
}

fn new_permit() -> (WorkPermit, PermitHolder) {
    permit::operator(Arc::new(Tree::open(NAMESPACE).expect("a tree")))
}

/// A backend with a permit of its own, unless this machine does not have it.
async fn bench(found: Result<Arc<dyn Sandbox>, SandboxError>) -> Option<Bench> {
    let (permit, holder) = new_permit();
    let tried = match found {
        Ok(found) => sandbox::try_out(found.as_ref(), &permit)
            .await
            .map(|()| found),
        Err(error) => Err(error),
    };
    match tried {
        Ok(sandbox) => {
            let backend = sandbox.backend().as_str();
            ledger(backend);
            Some(Bench {
                guardian: Guardian::new(sandbox),
                backend,
                permit,
                _holder: holder,
            })
        }
        Err(error) => {
            left_out("the Guardian", &error.to_string());
            None
        }
    }
}

async fn benches() -> Vec<Bench> {
    let docker = Docker::find(NAMESPACE, IMAGE)
        .await
        .map(|d| Arc::new(d) as Arc<dyn Sandbox>);
    let bubblewrap = Bubblewrap::find()
        .await
        .map(|b| Arc::new(b) as Arc<dyn Sandbox>);
    let found = [bench(docker).await, bench(bubblewrap).await];
    found.into_iter().flatten().collect()
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("fixtures")
        .map(|e| e.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// What became of one fixture: its tier, or its reasons.
async fn judge(bench: &Bench, path: &Path) -> Result<Tier, Vec<Reason>> {
    let bytes = fs::read(path).expect("a fixture");
    let entry = Candidates::new(bytes.as_slice())
        .next()
        .expect("an entry")
        .expect("it is read");
    let candidate = match entry.candidate {
        Ok(candidate) => candidate,
        Err(bad) => return Err(vec![bad.reason]),
    };
    let mut last = String::new();
    let context = Context {
        known: Some(Known::default()),
        ..Context::default()
    };
    // A machine that gives the dream's low-priority processes no time at all leaves things undecided, as it should.
    for _ in 0..3 {
        match bench
            .guardian
            .judge(&bench.permit, &candidate, &context)
            .await
        {
            Judgement::Verified(dream) => return Ok(dream.tier()),
            Judgement::Rejected { reasons, .. } => return Err(reasons),
            Judgement::Undecided { why, .. } => last = why,
        }
    }
    panic!("{}: undecided: {last}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_bad_dream_falls_for_its_own_reason() {
    for bench in benches().await {
        let mut wrong = Vec::new();
        for path in fixtures("bad_dreams") {
            let json: serde_json::Value =
                serde_json::from_slice(&fs::read(&path).expect("a fixture")).expect("JSON");
            let expected = json["expected_reason"]
                .as_str()
                .expect("an expected reason")
                .to_owned();
            let seen = judge(&bench, &path).await;
            if seen
                .as_ref()
                .err()
                .and_then(|r| r.first())
                .map(ToString::to_string)
                != Some(expected.clone())
            {
                wrong.push(format!(
                    "{}: expected {expected}, got {seen:?}",
                    path.display()
                ));
            }
        }
        assert!(
            wrong.is_empty(),
            "on {}:\n{}",
            bench.backend,
            wrong.join("\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_good_dream_is_gold_within_two_seconds() {
    for bench in benches().await {
        let mut wrong = Vec::new();
        for path in fixtures("good_dreams") {
            let since = clock::monotonic();
            let seen = judge(&bench, &path).await;
            let took = clock::monotonic().duration_since(since);
            if seen != Ok(Tier::Gold) {
                wrong.push(format!("{}: {seen:?}", path.display()));
            }
            // Ten times what it takes alone: other tests share the machine.
            if took > Duration::from_secs(20) {
                wrong.push(format!("{}: took {took:?}", path.display()));
            }
        }
        assert!(
            wrong.is_empty(),
            "on {}:\n{}",
            bench.backend,
            wrong.join("\n")
        );
    }
}

/// What the project's contract asks of both corpora.
#[test]
fn the_corpora_are_as_large_as_they_must_be() {
    let reasons: BTreeSet<String> = fixtures("bad_dreams")
        .iter()
        .map(|path| fs::read(path).expect("a fixture"))
        .map(|text| serde_json::from_slice::<serde_json::Value>(&text).expect("JSON"))
        .map(|json| {
            json["expected_reason"]
                .as_str()
                .expect("a reason")
                .to_owned()
        })
        .collect();
    assert!(fixtures("bad_dreams").len() >= 80);
    assert!(reasons.len() >= 25, "{reasons:?}");
    let good = fixtures("good_dreams");
    assert!(good.len() >= 60);
    let difficulties: BTreeSet<String> = good
        .iter()
        .map(|path| format!("{:?}", read(path).scenario.difficulty))
        .collect();
    assert_eq!(difficulties.len(), 3, "{difficulties:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_wrong_attempt_must_miss_a_check() {
    let candidate = good("merge_sorted");
    let after = |wrong: &str| Context {
        wrong_attempts: vec![wrong.to_owned()],
        ..Context::default()
    };
    let name = &candidate.scenario.entry_point;
    for bench in benches().await {
        let judge = |context| {
            let (bench, candidate) = (&bench, &candidate);
            async move {
                let judged = bench.guardian.judge(&bench.permit, candidate, &context);
                judged.await
            }
        };
        let passes = judge(after(&candidate.code)).await;
        let Judgement::Rejected { reasons, gates, .. } = passes else {
            panic!("{passes:?}");
        };
        assert_eq!(reasons, [Reason::NothingSolutionPasses]);
        let told = gates.last().expect("a gate");
        assert!(told.detail.contains("wrong attempt 1"), "{told:?}");
        let misses = judge(after(&format!("def {name}(*xs):\n    return 3\n"))).await;
        assert!(matches!(misses, Judgement::Verified(_)), "{misses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_permit_is_never_a_verdict() {
    for bench in benches().await {
        let (permit, holder) = new_permit();
        drop(holder);
        let bytes = fs::read(&fixtures("good_dreams")[0]).expect("a fixture");
        let entry = Candidates::new(bytes.as_slice())
            .next()
            .expect("an entry")
            .expect("it is read");
        let candidate = entry.candidate.expect("a candidate");
        let judgement = bench
            .guardian
            .judge(&permit, &candidate, &Context::default())
            .await;
        assert!(
            matches!(judgement, Judgement::Undecided { .. }),
            "{judgement:?}"
        );
    }
}

fn read(path: &Path) -> Candidate {
    let bytes = fs::read(path).expect("a fixture");
    let entry = Candidates::new(bytes.as_slice())
        .next()
        .expect("an entry")
        .expect("it is read");
    entry.candidate.expect("a candidate")
}

fn good(name: &str) -> Candidate {
    let file = format!("tests/fixtures/good_dreams/{name}.json");
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_three_times_gives_the_same_verdict_on_every_backend() {
    let names = [
        ("good_dreams", "merge_sorted"),
        ("good_dreams", "glob_match"),
        ("bad_dreams", "boundaries_untested"),
        ("bad_dreams", "hash_order"),
        ("bad_dreams", "random_choice"),
        ("bad_dreams", "whole_table"),
        ("bad_dreams", "wrong_on_negatives"),
    ];
    let mut seen: Vec<Vec<Result<Tier, Vec<Reason>>>> = vec![Vec::new(); names.len()];
    for bench in benches().await {
        for _ in 0..3 {
            // Side by side: they are each other's load.
            let paths = names.map(|(folder, name)| {
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("tests/fixtures")
                    .join(folder)
                    .join(format!("{name}.json"))
            });
            let judged = paths.iter().map(|path| judge(&bench, path));
            let judged = futures_util::future::join_all(judged).await;
            for (all, one) in seen.iter_mut().zip(judged) {
                all.push(one);
            }
        }
    }
    for ((_, name), all) in names.iter().zip(&seen) {
        assert!(
            all.windows(2).all(|pair| pair[0] == pair[1]),
            "{name}: {all:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plants_of_good_dreams_do_not_get_through() {
    for bench in benches().await {
        let mut classes = Vec::new();
        for (turn, name) in ["merge_sorted", "roman_read", "bank_account", "wrap_lines"]
            .into_iter()
            .enumerate()
        {
            let dream = good(name);
            let plants = bench.guardian.plants(&bench.permit, &dream, turn);
            for plant in plants.await.expect("the sandbox works") {
                let planted = bench.guardian.try_plant(&bench.permit, &plant).await;
                assert!(
                    matches!(planted, Planted::Fell(_)),
                    "{name}: {} ({:?}): {planted:?}",
                    plant.kind(),
                    plant.class()
                );
                assert_eq!(plant.witness().is_some(), plant.class() == Class::Shown);
                classes.push(plant.class());
            }
        }
        assert!(classes.contains(&Class::Certain) && classes.contains(&Class::Shown));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_that_agree_add_checks_and_one_that_does_not_ends_it() {
    let weak = |origin, code: &str| Context {
        peers: vec![Peer {
            code: code.to_owned(),
            origin,
        }],
        ..Context::default()
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/bad_dreams/boundaries_untested.json");
    let candidate = read(&path);
    // Another author, the same answers.
    let other = "def grade(points):\n    for least, name in ((90, 'a'), (70, 'b'), (50, 'c')):\n        if points >= least:\n            return name\n    return 'd'\n";
    for bench in benches().await {
        let judged = bench
            .guardian
            .judge(&bench.permit, &candidate, &weak(Origin::Model, other))
            .await;
        // Either the new questions met the boundaries and became checks, or the suite stays weak; never a gold of it as
        // it was.
        if let Judgement::Verified(dream) = &judged {
            let added = dream.candidate().hidden_checks.len() - candidate.hidden_checks.len();
            assert!(added > 0, "{judged:?}");
            let origins = dream
                .candidate()
                .hidden_checks
                .iter()
                .map(|check| check.origin);
            assert_eq!(
                origins
                    .filter(|origin| *origin == Origin::Agreement)
                    .count(),
                added
            );
        }
        let broken = other.replace("points >= least", "points + 40 >= least");
        // What another solution says may be disputed, what the real thing says may not.
        for (by, may) in [(Origin::Reference, false), (Origin::Model, true)] {
            let judged = bench
                .guardian
                .judge(&bench.permit, &candidate, &weak(by, &broken))
                .await;
            let Judgement::Rejected {
                reasons, disputed, ..
            } = &judged
            else {
                panic!("it falls: {judged:?}");
            };
            assert_eq!(reasons, &[Reason::Disagreement]);
            let call = disputed.as_ref().map(|check| check.call.as_str());
            assert_eq!(
                call.is_some_and(|call| call.starts_with("grade(")),
                may,
                "{judged:?}"
            );
        }
    }
}

fn task(entry_point: &str, task_prompt: &str) -> Candidate {
    Candidate {
        scenario: Scenario {
            entry_point: entry_point.to_owned(),
            task_prompt: task_prompt.to_owned(),
            ..Scenario::default()
        },
        code: String::new(),
        checks: vec![],
        hidden_checks: vec![],
    }
}

fn benchmark_fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/benchmarks")
        .join(name);
    fs::read_to_string(path).expect("a fixture")
}

#[test]
fn paraphrased_benchmark_tasks_are_caught() {
    let mut missed = Vec::new();
    for line in benchmark_fixture("paraphrased.jsonl").lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| line[key].as_str().expect("text");
        let candidate = task(text("entry_point"), text("task_prompt"));
        let found = benchmarks::known(&candidate);
        // Some benchmark tasks are each other's: caught is caught.
        if found.is_none() {
            missed.push(format!(
                "{}: nearest {:?}",
                text("id"),
                benchmarks::nearest(&candidate)
            ));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn two_hundred_ordinary_tasks_are_not() {
    let mut tasks: Vec<Candidate> = benchmark_fixture("ordinary.txt")
        .lines()
        .map(|line| {
            let (name, text) = line.split_once(" | ").expect("a name and a task");
            task(name, text)
        })
        .collect();
    tasks.extend(fixtures("good_dreams").iter().map(|path| read(path)));
    let pack = dreamer::pack::offline::OfflinePack::load().expect("the shipped pack loads");
    let mut files = std::collections::HashSet::new();
    let first = pack
        .variants()
        .filter(|task| files.insert(task.file.clone()));
    tasks.extend(first.map(|task| Candidate {
        scenario: task.scenario.clone(),
        code: task.solution.clone(),
        checks: vec![],
        hidden_checks: vec![],
    }));
    assert!(tasks.len() >= 200, "{} tasks", tasks.len());
    let mut caught = Vec::new();
    for task in &tasks {
        if let Some(found) = benchmarks::known(task) {
            caught.push(format!("{}: {found:?}", task.scenario.entry_point));
        }
    }
    assert!(caught.is_empty(), "{}", caught.join("\n"));
}

/// The benchmark's own tasks, renamed here. Their text is not in the repository: a file with it is named by an
/// environment variable, and where it is not, this is said to be left out.
#[test]
fn renamed_copies_of_benchmark_tasks_are_caught() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test may ask what it was given"
    )]
    let Some(files) = std::env::var_os("DREAMER_TEST_BENCHMARKS") else {
        return left_out(
            "renamed copies of benchmark tasks",
            "DREAMER_TEST_BENCHMARKS names no files",
        );
    };
    ledger("benchmarks");
    let wanted: Vec<String> = benchmark_fixture("paraphrased.jsonl")
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let mut missed = Vec::new();
    let mut tried = 0;
    for file in std::env::split_paths(&files) {
        for line in fs::read_to_string(file)
            .expect("a benchmark's file")
            .lines()
        {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let (id, name, prompt, code) = if line["prompt"].is_string() {
                let code = format!("{}{}", text("prompt"), text("canonical_solution"));
                (text("task_id"), text("entry_point"), text("prompt"), code)
            } else {
                let first = line["test_list"][0].as_str().unwrap_or_default();
                let called = first.trim_start_matches("assert ").split('(').find(|part| {
                    !matches!(
                        *part,
                        "" | "set" | "sorted" | "abs" | "round" | "len" | "str" | "tuple" | "list"
                    )
                });
                let name = called.unwrap_or_default().to_owned();
                (
                    format!("MBPP/{}", line["task_id"]),
                    name,
                    text("text"),
                    text("code"),
                )
            };
            if !wanted.contains(&id) {
                continue;
            }
            tried += 1;
            let mut copy = task("weigh_anchor", &prompt.replace(&name, "weigh_anchor"));
            copy.code = code.replace(&name, "weigh_anchor");
            if benchmarks::known(&copy).is_none() {
                missed.push(format!("{id}: nearest {:?}", benchmarks::nearest(&copy)));
            }
        }
    }
    assert_eq!(tried, wanted.len(), "the files hold all chosen tasks");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_dream_is_refused_and_a_chosen_benchmark_is_marked() {
    let Some(bench) = benches().await.pop() else {
        return;
    };
    let dream = good("merge_sorted");
    let judge = |known| async {
        let context = Context {
            known: Some(known),
            ..Context::default()
        };
        bench.guardian.judge(&bench.permit, &dream, &context).await
    };
    let saved = Known {
        sketches: vec![sketch(&dream)],
        ..Known::default()
    };
    let judged = judge(saved).await;
    assert!(
        matches!(&judged, Judgement::Rejected { reasons, .. } if reasons == &[Reason::Duplicate]),
        "{judged:?}"
    );
    let chosen = Known {
        benchmarks: Benchmarks::Mark,
        ..Known::default()
    };
    let Judgement::Verified(ordinary) = judge(chosen).await else {
        panic!("an ordinary task is accepted");
    };
    assert!(!ordinary.contaminated());
}
