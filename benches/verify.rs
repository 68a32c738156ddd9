//! What proving one candidate costs: every good fixture before the Guardian, on each backend that this machine has, beside
//! sixty bare runs of one call in the same sandbox. The project's limit is 2 s for an ordinary candidate on two cores.
//!
//! `cargo bench --bench verify`. Exit code 1 where more than one of ten took longer than that or one was no gold, 2 where no backend is
//! here to measure.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::Candidate;
use dreamer::guardian::candidate_file::Candidates;
use dreamer::guardian::{Context, Guardian, Judgement};
use dreamer::sandbox::{Bubblewrap, Docker, Job, Limits, RunnerSpec, Sandbox, SandboxError};
use dreamer::supervisor::permit::{self, WorkPermit};
use dreamer::tree::Tree;

const NAMESPACE: &str = "dreamer-bench";
const IMAGE: &str = "dreamer-sandbox:1";
const LIMIT: Duration = Duration::from_secs(2);
const BARE_RUNS: u32 = 60;

fn say(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn candidates() -> Vec<Candidate> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/good_dreams");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path| {
        let bytes = fs::read(path).expect("a fixture");
        let entry = Candidates::new(bytes.as_slice()).next();
        let entry = entry.expect("an entry").expect("it is read");
        entry.candidate.expect("a candidate")
    };
    paths.into_iter().map(read).collect()
}

async fn bare(sandbox: &dyn Sandbox, permit: &WorkPermit) -> Result<Duration, SandboxError> {
    let spec = RunnerSpec {
        hash_seed: 1,
        limits: Limits::default(),
    };
    let since = clock::monotonic();
    let mut runner = sandbox.open(permit, &spec).await?;
    for _ in 0..BARE_RUNS {
        let job = Job::Call {
            code: "def f(x):\n    return x + 1\n".to_owned(),
            setup: String::new(),
            given: std::collections::BTreeMap::new(),
            values: std::collections::BTreeMap::new(),
            call: "f(1)".to_owned(),
            trace: false,
        };
        runner.run(permit, &job).await?;
    }
    runner.close().await;
    Ok(clock::monotonic().duration_since(since))
}

/// Whether the limit was kept.
async fn measure(sandbox: Arc<dyn Sandbox>, permit: &WorkPermit) -> Result<bool, SandboxError> {
    let name = sandbox.backend().as_str();
    let bare = bare(sandbox.as_ref(), permit).await?;
    let guardian = Guardian::new(sandbox);
    let (mut times, mut all_gold) = (Vec::new(), true);
    for candidate in candidates() {
        let since = clock::monotonic();
        let judged = guardian
            .judge(permit, &candidate, &Context::default())
            .await;
        let took = clock::monotonic().duration_since(since);
        if !matches!(judged, Judgement::Verified(_)) {
            say(&format!("{name}: {} is no gold", candidate.scenario.title));
            all_gold = false;
        }
        times.push(took);
    }
    times.sort();
    let (half, ordinary) = (times[times.len() / 2], times[times.len() * 9 / 10]);
    let most = times[times.len() - 1];
    let over = times.iter().filter(|took| **took > LIMIT).count();
    say(&format!(
        "{name}: {} candidates, half within {half:.2?}, nine of ten within {ordinary:.2?}, all within {most:.2?}, {over} over \
         {LIMIT:?}; one costs {:.1} times {BARE_RUNS} bare runs ({bare:.2?})",
        times.len(),
        half.as_secs_f64() / bare.as_secs_f64(),
    ));
    Ok(all_gold && ordinary <= LIMIT)
}

#[tokio::main]
async fn main() -> ExitCode {
    let tree = Arc::new(Tree::open(NAMESPACE).expect("a tree"));
    let (permit, _holder) = permit::operator(tree);
    let docker = Docker::find(NAMESPACE, IMAGE)
        .await
        .map(|d| Arc::new(d) as Arc<dyn Sandbox>);
    let bubblewrap = Bubblewrap::find()
        .await
        .map(|b| Arc::new(b) as Arc<dyn Sandbox>);
    let mut code = 2;
    for found in [docker, bubblewrap] {
        let measured = match found {
            Ok(sandbox) => measure(sandbox, &permit).await,
            Err(error) => Err(error),
        };
        match measured {
            Ok(true) if code == 2 => code = 0,
            Ok(true) => {}
            Ok(false) => code = 1,
            Err(error) => say(&format!("left out: {error}")),
        }
    }
    ExitCode::from(code)
}
