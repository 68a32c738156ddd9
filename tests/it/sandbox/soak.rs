//! Long tests with small counts: random jobs of the corpus in a row, and the program killed at random moments. The
//! environment variables DREAMER_SOAK_JOBS and DREAMER_SOAK_KILLS give the full counts; `scripts/soak sandbox` sets them.

use std::process::{Command, Stdio};
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::Ending;
use dreamer::sandbox::{self, Backend, SandboxError};

use super::bench::{Bench, benches_of, containers_of, groups_of, spec_with};
use super::corpus::{Program, programs, same};
use super::traces::{Bait, Before, asked_for, resident};

/// How much later than its limit the end of a job may be known, and everything of it gone.
const KNOWN: Duration = Duration::from_millis(500);
const GONE: Duration = Duration::from_secs(2);
/// How much the memory of this process may grow after the first quarter of the jobs. Few jobs say little: the allocator
/// is still taking its pieces.
const GROWTH: f64 = 0.05;
const GROWTH_OF_FEW: f64 = 0.5;
const MANY: usize = 1_000;

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own business, no setting of the program"
)]
fn count(name: &str, usual: usize) -> usize {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().unwrap_or(usual)
}

/// Random enough, and the same again for the same seed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        // Fixed where the count is small, so that a failure repeats itself.
        let seed = count("DREAMER_SOAK_SEED", 1) as u64;
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % n as u64).unwrap()
    }
}

/// One job in a sandbox of its own: how it ended, how long that took, and how long until nothing was left.
async fn one(bench: &Bench, program: &Program, bait: &Bait) -> (Ending, Duration, Duration) {
    let spec = spec_with(program.limits);
    let opened = bench.sandbox.open(&bench.permit, &spec).await;
    let mut runner = opened.expect("a sandbox opens");
    let began = clock::monotonic();
    let seen = runner.run(&bench.permit, &program.job(&bait.facts())).await;
    let known = began.elapsed();
    runner.close().await;
    let gone = began.elapsed();
    assert_eq!(
        bench.permit.tree().processes(),
        [] as [u32; 0],
        "{}",
        program.name
    );
    let ending = match seen {
        Ok(seen) => seen.ending,
        Err(SandboxError::Infra(why)) => Ending::Infra(why),
        Err(error) => panic!("{}: {error}", program.name),
    };
    (ending, known, gone)
}

#[tokio::test(flavor = "multi_thread")]
async fn random_hostile_jobs_in_a_row_leave_nothing() {
    // As the program does when it starts.
    dreamer::memory::give_back();
    let jobs = count("DREAMER_SOAK_JOBS", 60);
    let namespace = "dreamer-it-soak";
    let benches = benches_of(namespace).await;
    if benches.is_empty() {
        return;
    }
    let (bait, programs, mut dice) = (Bait::lay(), programs(), Dice::new());
    for bench in &benches {
        bench.open(super::bench::spec().limits).await.close().await;
    }
    let before = Before::look();
    let (mut wrong, mut memory, mut latest) = (Vec::new(), 0, [Duration::ZERO; 2]);
    let (mut late, mut starved) = (0, 0);
    for n in 0..jobs {
        if n == jobs / 4 {
            memory = resident();
        }
        if n % (jobs / 20).max(1) == 0 {
            println!(
                "{n}: {} KiB resident, {} KiB asked for",
                resident() >> 10,
                asked_for() >> 10
            );
        }
        let bench = &benches[dice.below(benches.len())];
        let backend = bench.sandbox.backend();
        let program = &programs[dice.below(programs.len())];
        let (ending, known, gone) = one(bench, program, &bait).await;
        // No verdict, and said so: another program took the machine.
        if matches!(&ending, Ending::Infra(why) if why.contains("no CPU time")) {
            starved += 1;
            continue;
        }
        if !program.endings(backend).iter().any(|e| same(e, &ending)) {
            wrong.push(format!(
                "{} on {}: {ending:?}",
                program.name,
                backend.as_str()
            ));
        }
        // Whatever ends a job, its wall limit is the last that may.
        let limit = Duration::from_millis(program.limits.wall_ms);
        let over = [known.saturating_sub(limit), gone.saturating_sub(limit)];
        latest = [latest[0].max(over[0]), latest[1].max(over[1])];
        late += usize::from(over[0] > KNOWN || over[1] > GONE);
        if over[0] > KNOWN || over[1] > GONE {
            println!(
                "{} on {}: known {known:?}, gone {gone:?}",
                program.name,
                backend.as_str()
            );
        }
    }
    let growth = resident() as f64 / memory as f64 - 1.0;
    let taken = bait.taken();
    for bench in &benches {
        bench.sandbox.settle().await;
    }
    drop(benches);
    let left = before.left(namespace).await;
    println!(
        "{jobs} jobs: {} wrong endings, {} things left, memory {memory} bytes {:+.1} %, known at most {:?} and gone at \
         most {:?} after the limit, {late} late, {starved} starved",
        wrong.len(),
        left.len(),
        growth * 100.0,
        latest[0],
        latest[1]
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(left.is_empty() && taken.is_empty(), "{left:?} {taken:?}");
    let most = if jobs < MANY { GROWTH_OF_FEW } else { GROWTH };
    assert!(growth < most, "memory grew by {:.1} %", growth * 100.0);
    // A machine that does other things at the same time is late itself; the full count wants a quiet one.
    assert!(
        late + starved <= jobs / 50,
        "{late} of {jobs} were late, {starved} starved"
    );
}

/// Kills the program at a random moment of a row of jobs, then starts it again: nothing may be left.
fn killed_and_swept(backend: Backend, after: Duration) {
    let namespace = format!("dreamer-it-kill9-{}", backend.as_str());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("job.py");
    let job = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\ntime.sleep(0.1)\n";
    std::fs::write(&file, job).unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dreamer"));
        command
            .env("DREAMING_DOCKER_NAMESPACE", &namespace)
            .env("DREAMING_DATA_DIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let mut running = program()
        .args([
            "sandbox",
            "run",
            "--repeat",
            "1000",
            "--backend",
            backend.as_str(),
        ])
        .arg(&file)
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    running.kill().unwrap();
    running.wait().unwrap();
    // What the engine was just told to do it does all the same.
    std::thread::sleep(Duration::from_millis(300));
    let swept = program().args(["sandbox", "sweep"]).status().unwrap();
    assert!(swept.success());
    assert_eq!(
        containers_of(&namespace),
        [] as [String; 0],
        "killed after {after:?}"
    );
    let groups = groups_of(&namespace);
    assert!(groups.is_empty(), "killed after {after:?}: {groups:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_at_random_moments_leaves_nothing_after_its_next_start() {
    let kills = count("DREAMER_SOAK_KILLS", 4);
    let present: Vec<_> = benches_of("dreamer-it-kill9").await;
    let backends: Vec<_> = present.iter().map(|b| b.sandbox.backend()).collect();
    drop(present);
    if backends.is_empty() {
        return;
    }
    let (before, mut dice) = (Before::look(), Dice::new());
    for n in 0..kills {
        let backend = backends[n % backends.len()];
        let after = Duration::from_millis(20 + dice.below(2_000) as u64);
        tokio::task::spawn_blocking(move || killed_and_swept(backend, after))
            .await
            .unwrap();
    }
    for backend in backends {
        sandbox::sweep(&format!("dreamer-it-kill9-{}", backend.as_str()))
            .await
            .unwrap();
    }
    let left = before.left("dreamer-it-kill9").await;
    assert!(left.is_empty(), "{left:?}");
    println!("{kills} kills: nothing left");
}
