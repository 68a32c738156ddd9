//! The hostile corpus on every backend: each program ends as its header says, takes nothing, reaches nobody and leaves
//! nothing, and the next job in the same sandbox finds it as it was.

use std::process::Command;

use dreamer::dream::{Ending, Observation, Outcome, Value};
use dreamer::sandbox::{Backend, Job, SandboxError};

use super::bench::{Bench, benches_of, call, spec_with, value};
use super::corpus::{After, Program, programs, same};
use super::traces::{Bait, Before};

/// Looks at everything that a job before it could have left; an empty list where it left nothing.
const LOOK: &str = "
import builtins, json, os, signal, sys, threading, time
def look():
    found = []
    for folder in ('/tmp', '/dev/shm'):
        found += [os.path.join(folder, name) for name in os.listdir(folder)]
    processes = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())
    if processes[:1] != [1] or len(processes) != 2:
        found.append(str(processes))
    for name in ('/proc/sysvipc/shm', '/proc/sysvipc/msg', '/proc/sysvipc/sem'):
        try:
            found += open(name).read().splitlines()[1:]
        except OSError:
            pass
    if json.dumps(len([1])) != '1' or builtins.open is not open or time.monotonic() <= 0:
        found.append('patched')
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or threading.active_count() != 1:
        found.append('signals or threads')
    if os.getpriority(os.PRIO_PROCESS, 0) != os.getpriority(os.PRIO_PROCESS, 1):
        found.append('priority')
    if os.sched_getaffinity(0) != os.sched_getaffinity(1) or os.getcwd() != '/tmp':
        found.append('place')
    return found
";

/// What the run of one program was not as it should be.
async fn faults(bench: &Bench, program: &Program, bait: &Bait) -> Vec<String> {
    let backend = bench.sandbox.backend();
    let mut runner = bench
        .sandbox
        .open(&bench.permit, &spec_with(program.limits))
        .await
        .expect("a sandbox opens");
    let mut faults = Vec::new();
    if let Some(code) = &program.before {
        let code = code.clone();
        let seen = runner.run(&bench.permit, &Job::Program { code }).await;
        assert_eq!(
            seen.unwrap().ending,
            Ending::Exited(0),
            "before {}",
            program.name
        );
    }
    let seen = runner.run(&bench.permit, &program.job(&bait.facts())).await;
    let seen = match seen {
        Ok(seen) => seen,
        Err(SandboxError::Infra(why)) => ended(&Ending::Infra(why)),
        Err(error) => panic!("{}: {error}", program.name),
    };
    let endings = program.endings(backend);
    if !endings.iter().any(|e| same(e, &seen.ending)) {
        faults.push(format!(
            "ended as {:?}, not {endings:?}: {:?} {:?}",
            seen.ending,
            shortened(&seen.stdout),
            shortened(&seen.stderr)
        ));
    }
    let said = matches!(seen.ending, Ending::Exited(_));
    let stdout = program
        .stdout
        .as_ref()
        .filter(|s| said && **s != seen.stdout);
    if let Some(stdout) = stdout {
        faults.push(format!(
            "said {:?}, not {stdout:?}; {:?}",
            seen.stdout, seen.stderr
        ));
    }
    let left = seen.notes.get("left_processes");
    if program.left.is_some() && program.left.as_ref() != left {
        faults.push(format!("left {left:?} processes, not {:?}", program.left));
    }
    if program.within_ms.is_some_and(|most| seen.wall_ms > most) {
        faults.push(format!("took {} ms", seen.wall_ms));
    }
    match (program.after(backend), runner.is_spent()) {
        (After::Clean, true) => faults.push("spent its sandbox".to_owned()),
        (After::Spent, false) => faults.push("did not spend its sandbox".to_owned()),
        _ => {}
    }
    if !runner.is_spent() {
        let next = runner.run(&bench.permit, &call(LOOK, "look()")).await;
        let next = next.expect("the next job runs");
        if next.outcome
            != (Outcome::Value {
                value: Value::List(Vec::new()),
            })
        {
            faults.push(format!("the next job found {:?}", value(&next)));
        }
    }
    runner.close().await;
    let alive = bench.permit.tree().processes();
    if !alive.is_empty() {
        faults.push(format!("processes {alive:?} are left"));
    }
    faults.extend(bait.taken());
    faults
}

fn ended(ending: &Ending) -> Observation {
    serde_json::from_value(serde_json::json!({
        "ending": ending, "outcome": {"outcome": "nothing"}, "lines": [], "mutated": [], "stdout": "", "stderr": "",
        "wall_ms": 0.0, "cpu_ms": 0.0,
    }))
    .expect("an observation")
}

fn shortened(text: &str) -> String {
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub(300)).collect()
}

async fn the_corpus_on(backend: Backend) {
    let namespace = format!("dreamer-it-hostile-{}", backend.as_str());
    let benches = benches_of(&namespace).await;
    let found = benches.into_iter().find(|b| b.sandbox.backend() == backend);
    let Some(bench) = found else { return };
    let bait = Bait::lay();
    // The first sandbox makes things that stay: the runtime's threads, the engine's connection.
    bench.open(super::bench::spec().limits).await.close().await;
    let before = Before::look();
    let mut wrong = Vec::new();
    let only = only();
    for program in programs().iter().filter(|p| p.name.contains(&only)) {
        for fault in faults(&bench, program, &bait).await {
            wrong.push(format!("{}: {fault}", program.name));
        }
    }
    bench.sandbox.settle().await;
    drop(bench);
    let left = before.left(&namespace).await;
    wrong.extend(left.iter().map(|l| format!("left on the host: {l}")));
    assert!(
        wrong.is_empty(),
        "on {}:\n{}",
        backend.as_str(),
        wrong.join("\n")
    );
}

/// Part of a name, for somebody who works on one program.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own business, no setting of the program"
)]
fn only() -> String {
    std::env::var("DREAMER_TEST_PROGRAM").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_program_is_held_by_docker() {
    the_corpus_on(Backend::Docker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_program_is_held_by_bubblewrap() {
    the_corpus_on(Backend::Bubblewrap).await;
}

#[test]
fn the_corpus_is_whole_and_every_header_can_be_read() {
    let programs = programs();
    assert!(programs.len() >= 68, "{}", programs.len());
    for program in &programs {
        for backend in [Backend::Docker, Backend::Bubblewrap] {
            assert!(!program.endings(backend).is_empty());
            program.after(backend);
        }
    }
    let numbers: std::collections::BTreeSet<u32> = programs
        .iter()
        .filter_map(|p| p.name[..2].parse().ok())
        .collect();
    // 38 to 41 go through `dreamer verify`, 44 to 48 are tests of the supervisor.
    let missing = (1..=37).chain([42, 43]).filter(|n| !numbers.contains(n));
    assert_eq!(missing.collect::<Vec<_>>(), [] as [u32; 0]);
}

/// 38 to 41: candidates that forge their verdict, through the program itself.
#[test]
fn no_forged_verdict_is_ever_gold_or_silver() {
    let folder = super::corpus::folder().join("verify");
    let entries = std::fs::read_dir(folder).expect("candidates");
    let mut files: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() >= 12);
    let data = tempfile::tempdir().unwrap();
    for backend in ["docker", "bubblewrap"] {
        let done = Command::new(env!("CARGO_BIN_EXE_dreamer"))
            .arg("verify")
            .args(&files)
            .arg("--json")
            .env("DREAMING_SANDBOX", backend)
            .env("DREAMING_DOCKER_NAMESPACE", "dreamer-it-forged")
            .env("DREAMING_DATA_DIR", data.path())
            .output()
            .expect("the program runs");
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        if text.is_empty() && errors.contains(backend) {
            crate::support::left_out(backend, &errors);
            continue;
        }
        let verdicts: Vec<serde_json::Value> = text
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        assert_eq!(verdicts.len(), files.len(), "{text} {errors}");
        for verdict in verdicts {
            assert_eq!(verdict["verdict"], "rejected", "on {backend}: {verdict}");
        }
        assert_eq!(done.status.code(), Some(1));
    }
}
