//! The Guardian on real sandboxes: no planted bad dream gets in, each falls for the right reason, and good ones stand.
//! Runs on every backend that this machine has and says which it left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Reason, Tier};
use dreamer::guardian::candidate_file::Candidates;
use dreamer::guardian::{Context, Guardian, Judgement};
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
    // A machine that gives the dream's low-priority processes no time at all leaves things undecided, as it should.
    for _ in 0..3 {
        match bench
            .guardian
            .judge(&bench.permit, &candidate, &Context::default())
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
