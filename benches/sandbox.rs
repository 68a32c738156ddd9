//! What the sandbox costs, each figure as a ratio to something measured in the same run, in turn with it.
//!
//! `cargo bench --bench sandbox -- [warm|cold|fork|verify|cores]… [docker|bubblewrap]…`; without words everything that
//! this machine has. Wants a quiet machine: the last line of each part says what the ratio is to.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dreamer::clock;
use dreamer::config::{SandboxChoice, SandboxSettings, Settings};
use dreamer::dream::{Candidate, Check, Ending, Scenario};
use dreamer::guardian::{Context, Guardian, Judgement};
use dreamer::sandbox::{self, Backend, Job, Limits, RunnerSpec, Sandbox};
use dreamer::supervisor::permit::{self, WorkPermit};
use dreamer::tree::Tree;

const NAMESPACE: &str = "dreamer-bench";
/// What the program inside imports; what is compared imports the same.
const INSIDE: &str = include_str!("../src/sandbox/inside/prelude.py");
/// What solutions import most.
const USUAL: &str = "import abc, asyncio, bisect, collections, concurrent.futures, contextlib, copy, dataclasses, datetime
import decimal, enum, fractions, functools, hashlib, heapq, itertools, json, logging, operator, random, re, statistics
import string, textwrap, typing, uuid";
/// An ordinary small solution at work.
const PROGRAM: &str = r#"
def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps

longest = max(range(1, 500), key=collatz)
words = "the quick brown fox jumps over the lazy dog".split()
print(longest, collatz(longest), sorted(words, key=lambda w: (-len(w), w)))
"#;
/// Half a second of one processor, for the two of them.
const BUSY: &str = "total = 0\nfor n in range(4_000_000):\n    total += n * n\nprint(total)\n";

fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn imports() -> String {
    let lines = INSIDE.lines().filter(|line| line.starts_with("import "));
    lines.chain([USUAL]).collect::<Vec<_>>().join("\n")
}

/// Milliseconds.
async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let since = clock::monotonic();
    let done = work.await;
    (since.elapsed().as_secs_f64() * 1000.0, done)
}

fn timed_command(command: &mut Command) -> f64 {
    let since = clock::monotonic();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{command:?}");
    since.elapsed().as_secs_f64() * 1000.0
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn high(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() * 95 / 100]
}

fn spread(times: &[f64]) -> String {
    format!("{:.1} ms (95 %: {:.1})", median(times), high(times))
}

struct Place {
    settings: SandboxSettings,
    sandbox: Arc<dyn Sandbox>,
    permit: WorkPermit,
}

impl Place {
    async fn open(&self, limits: Limits) -> sandbox::Runner {
        let spec = RunnerSpec {
            hash_seed: 1,
            limits,
        };
        let opened = self.sandbox.open(&self.permit, &spec).await;
        opened.expect("a sandbox opens")
    }

    async fn run(&self, runner: &mut sandbox::Runner, code: &str) {
        let code = code.to_owned();
        let seen = runner.run(&self.permit, &Job::Program { code }).await;
        let seen = seen.expect("a program runs");
        assert_eq!(seen.ending, Ending::Exited(0), "{}", seen.stderr);
    }

    fn docker_run(&self, code: &str) -> Command {
        let mut command = Command::new("docker");
        command.args([
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "/usr/bin/python3",
        ]);
        command.args([self.settings.image.as_str(), "-S", "-s", "-B", "-c", code]);
        command
    }
}

#[tokio::main]
async fn main() {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|w| !w.starts_with('-'))
        .collect();
    let wants = |name: &str, all: &[&str]| {
        let named = words.iter().any(|word| all.contains(&word.as_str()));
        !named || words.iter().any(|word| word == name)
    };
    let parts = ["warm", "cold", "fork", "verify", "cores"];
    let folder = tempfile::tempdir().expect("a folder");
    for (name, choice) in [
        ("docker", SandboxChoice::Docker),
        ("bubblewrap", SandboxChoice::Bubblewrap),
    ] {
        if !wants(name, &["docker", "bubblewrap"]) {
            continue;
        }
        let mut settings = Settings::defaults_in(folder.path()).sandbox;
        settings.choice = choice;
        NAMESPACE.clone_into(&mut settings.namespace);
        let tree = Arc::new(Tree::open(NAMESPACE).expect("a tree"));
        let (permit, _holder) = permit::operator(tree);
        let sandbox = match sandbox::select_for_many(&settings, &permit).await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                say(&format!("left out: {name}: {error}"));
                continue;
            }
        };
        let place = Place {
            settings,
            sandbox,
            permit,
        };
        say(&format!("== {name}"));
        if wants("warm", &parts) && place.sandbox.backend() == Backend::Docker {
            warm(&place).await;
        }
        if wants("cold", &parts) && place.sandbox.backend() == Backend::Bubblewrap {
            cold(&place).await;
        }
        if wants("fork", &parts) {
            fork(&place).await;
        }
        if wants("verify", &parts) {
            verify(&place).await;
        }
        if wants("cores", &parts) {
            cores(&place).await;
        }
        place.sandbox.settle().await;
    }
}

/// A job in a container that is ready, beside `docker run --rm` of the same program.
async fn warm(place: &Place) {
    const ROUNDS: usize = 20;
    let (mut waits, mut jobs, mut ends, mut whole) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (wait, mut runner) = timed(place.open(Limits::default())).await;
        let (job, ()) = timed(place.run(&mut runner, PROGRAM)).await;
        let (end, ()) = timed(runner.close()).await;
        waits.push(wait);
        jobs.push(job);
        ends.push(end);
        whole.push(timed_command(&mut place.docker_run(PROGRAM)));
    }
    say(&format!("docker run --rm: {}", spread(&whole)));
    say(&format!(
        "waiting for a ready container: {}",
        spread(&waits)
    ));
    say(&format!("the job in it: {}", spread(&jobs)));
    say(&format!("until nothing is left: {}", spread(&ends)));
    say(&format!(
        "warm job / docker run: {:.3} (at most 0.2)",
        median(&jobs) / median(&whole)
    ));
    let per_second = sustained(place).await;
    say(&format!(
        "sustained, refill included: {per_second:.1} jobs a second"
    ));
}

/// Whole jobs, each in a sandbox of its own, from two sides for some seconds.
async fn sustained(place: &Place) -> f64 {
    const EACH: usize = 15;
    let side = || async {
        for _ in 0..EACH {
            let mut runner = place.open(Limits::default()).await;
            place.run(&mut runner, PROGRAM).await;
            runner.close().await;
        }
    };
    let (took, _) = timed(async { tokio::join!(side(), side()) }).await;
    (2 * EACH) as f64 * 1000.0 / took
}

/// A whole job, from nothing to nothing left, beside bubblewrap and Python by themselves.
async fn cold(place: &Place) {
    const ROUNDS: usize = 40;
    let program = format!("{}\n{PROGRAM}", imports());
    let plain = || {
        let mut command = Command::new("bwrap");
        for space in ["user", "ipc", "pid", "net", "uts", "cgroup"] {
            command.arg(format!("--unshare-{space}"));
        }
        command.args([
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
        ]);
        command.args(["--dev", "/dev", "--tmpfs", "/tmp"]);
        command.args(["/usr/bin/python3", "-S", "-s", "-B", "-c", &program]);
        command
    };
    let cold = sandbox::Bubblewrap::find().await.expect("bubblewrap");
    let spec = RunnerSpec {
        hash_seed: 1,
        limits: Limits::default(),
    };
    let (mut ours, mut theirs) = (vec![], vec![]);
    let (mut opens, mut runs, mut closes) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (open, runner) = timed(cold.open(&place.permit, &spec)).await;
        let mut runner = runner.expect("a sandbox opens");
        let (run, ()) = timed(place.run(&mut runner, &program)).await;
        let (close, ()) = timed(runner.close()).await;
        opens.push(open);
        runs.push(run);
        closes.push(close);
        ours.push(open + run);
        theirs.push(timed_command(&mut plain()));
    }
    say(&format!(
        "bwrap + python3 with the same imports: {}",
        spread(&theirs)
    ));
    say(&format!(
        "our job from nothing to its ending: {}",
        spread(&ours)
    ));
    say(&format!(
        "of it ready {}, run {}; after it gone {}",
        spread(&opens),
        spread(&runs),
        spread(&closes)
    ));
    say(&format!(
        "cold job / plain bwrap: {:.3} (at most 1.15)",
        median(&ours) / median(&theirs)
    ));
    let per_second = sustained(place).await;
    say(&format!(
        "sustained, refill included: {per_second:.1} jobs a second"
    ));
}

/// A run in a warm runner, beside the interpreter that starts anew.
async fn fork(place: &Place) {
    const ROUNDS: usize = 40;
    let program = format!("{}\n{PROGRAM}", imports());
    let mut runner = place.open(Limits::default()).await;
    // The first loads what the program imports.
    place.run(&mut runner, &program).await;
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours.push(timed(place.run(&mut runner, &program)).await.0);
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-S", "-s", "-B", "-c", &program]);
        theirs.push(timed_command(&mut python));
    }
    runner.close().await;
    say(&format!(
        "python3 -c with the same imports: {}",
        spread(&theirs)
    ));
    say(&format!("a forked run: {}", spread(&ours)));
    say(&format!(
        "forked run / python3 -c: {:.3} (at most 0.3)",
        median(&ours) / median(&theirs)
    ));
}

fn candidate(code: &str, calls: &[(&str, &str)]) -> Candidate {
    let check = |(call, expect): &(&str, &str)| Check::example(*call, *expect);
    let (visible, hidden) = calls.split_at(calls.len() / 2);
    Candidate {
        scenario: Scenario {
            title: "a measured one".to_owned(),
            task_prompt: "Write the function that the checks describe.".to_owned(),
            entry_point: "f".to_owned(),
            ..Scenario::default()
        },
        code: code.to_owned(),
        checks: visible.iter().map(check).collect(),
        hidden_checks: hidden.iter().map(check).collect(),
    }
}

/// Loops that end whatever is changed in them.
const ENDING: &str = "def f(xs, limit):\n    total = 0\n    kept = []\n    for at, x in enumerate(xs):\n        if x > limit and at % 2 == 0:\n            total += x * 2\n            kept.append(x - 1)\n        elif x < 0:\n            total -= x\n        else:\n            kept.append(x + at)\n    if not kept:\n        return (total, -1)\n    return (total, max(kept) - min(kept))\n";
const ENDING_CALLS: [(&str, &str); 6] = [
    ("f([1, 2, 3], 2)", "(6, 2)"),
    ("f([], 0)", "(0, -1)"),
    ("f([-4, 7, 9], 3)", "(22, 0)"),
    ("f([5, 5, 5, 5], 4)", "(20, 4)"),
    ("f([0, -1, 8, 2], 0)", "(17, 7)"),
    ("f([-2, -3], 1)", "(5, -1)"),
];
/// The same kind of work in loops that a small change makes endless: five mutants of it never end.
const ENDLESS: &str = "def f(xs, limit):\n    total = 0\n    at = 0\n    while at < len(xs):\n        x = xs[at]\n        if x > limit:\n            total += x * 2\n        at += 1\n    most = 0\n    at = 0\n    while at < len(xs):\n        most = max(most, xs[at])\n        at += 1\n    left = total\n    steps = 0\n    while left > 0:\n        left -= 3\n        steps += 1\n    return (total, steps, most)\n";
const ENDLESS_CALLS: [(&str, &str); 6] = [
    ("f([1, 2, 3], 2)", "(6, 2, 3)"),
    ("f([], 0)", "(0, 0, 0)"),
    ("f([-4, 7, 9], 3)", "(32, 11, 9)"),
    ("f([5, 5, 5, 5], 4)", "(40, 14, 5)"),
    ("f([0, -1, 8, 2], 0)", "(20, 7, 8)"),
    ("f([-2, -3], 1)", "(0, 0, 0)"),
];

/// One whole verification, beside sixty `docker run`s.
async fn verify(place: &Place) {
    const ROUNDS: usize = 8;
    let guardian = Guardian::new(Arc::clone(&place.sandbox));
    let mut whole = vec![];
    for (what, code, calls) in [
        ("no mutant endless", ENDING, &ENDING_CALLS),
        ("five mutants endless", ENDLESS, &ENDLESS_CALLS),
    ] {
        let (candidate, context) = (candidate(code, calls), Context::default());
        let mut times = vec![];
        let mut evidence = Vec::new();
        for round in 0..=ROUNDS {
            let judging = Box::pin(guardian.judge(&place.permit, &candidate, &context));
            let (took, judgement) = timed(judging).await;
            evidence = match judgement {
                Judgement::Verified(dream) => dream.evidence().to_vec(),
                Judgement::Rejected { gates, .. } | Judgement::Undecided { gates, .. } => {
                    say(&format!("not a whole verification: {what} fell"));
                    gates
                }
            };
            if docker_is_here() && round % 2 == 0 {
                whole.push(timed_command(&mut place.docker_run(PROGRAM)));
            }
            // The first finds nothing ready.
            if round > 0 {
                times.push(took);
            }
        }
        say(&format!("a full verification, {what}: {}", spread(&times)));
        for gate in &evidence {
            say(&format!(
                "    {:>5} ms {}: {}",
                gate.ms, gate.gate, gate.detail
            ));
        }
        if !whole.is_empty() {
            let sixty = 60.0 * median(&whole);
            let ratio = sixty / median(&times);
            say(&format!(
                "sixty docker runs ({:.0} ms each) / verification: {ratio:.1} (at least 40 where no mutant is endless)",
                median(&whole)
            ));
        }
    }
}

fn docker_is_here() -> bool {
    Path::new("/var/run/docker.sock").exists()
}

/// Two at a time, beside one: busy runs in two sandboxes, and plain interpreters for what the machine itself gives.
async fn cores(place: &Place) {
    const EACH: usize = 6;
    let mut first = place.open(Limits::default()).await;
    let mut second = place.open(Limits::default()).await;
    let (one, ()) = timed(async {
        for _ in 0..2 * EACH {
            place.run(&mut first, BUSY).await;
        }
    })
    .await;
    let side = async |runner: &mut sandbox::Runner| {
        for _ in 0..EACH {
            place.run(runner, BUSY).await;
        }
    };
    let (two, _) = timed(async { tokio::join!(side(&mut first), side(&mut second)) }).await;
    first.close().await;
    second.close().await;
    let python = || {
        let mut python = tokio::process::Command::new("/usr/bin/python3");
        python.args(["-S", "-c", BUSY]).stdout(Stdio::null());
        python
    };
    let plain = async || {
        for _ in 0..EACH {
            assert!(python().status().await.expect("it starts").success());
        }
    };
    let (bare_one, _) = timed(async { (plain().await, plain().await) }).await;
    let (bare_two, _) = timed(async { tokio::join!(plain(), plain()) }).await;
    say(&format!(
        "both processors / one: {:.2} (at least 1.7; plain interpreters on this machine now: {:.2})",
        one / two,
        bare_one / bare_two
    ));
}
