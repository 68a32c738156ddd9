//! Where the supervisor may not write the engine's groups: containers are stopped through the engine alone.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Observation, WakeReason};
use dreamer::sandbox::{Docker, Limits, Sandbox, SandboxError};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;
use tokio::task::JoinHandle;

use super::bench::{IMAGE, call, containers_of};
use crate::support::{ledger, left_out};

/// A container outside of our tree whose job takes a whole processor.
struct Busy {
    docker: Docker,
    permit: WorkPermit,
    holder: PermitHolder,
    id: String,
    running: JoinHandle<Result<Observation, SandboxError>>,
}

async fn busy(namespace: &'static str) -> Option<Busy> {
    let docker = match Docker::find(namespace, IMAGE).await {
        Ok(docker) => docker,
        Err(error) => {
            left_out("pausing by the engine", &error.to_string());
            return None;
        }
    };
    ledger("docker");
    docker.sweep().await.unwrap();
    let (permit, holder) = permit::operator(Arc::new(Tree::without_groups(0)));
    let limits = Limits {
        cpu_ms: 60_000,
        wall_ms: 60_000,
        ..Limits::default()
    };
    let spec = dreamer::sandbox::RunnerSpec {
        hash_seed: 7,
        limits,
    };
    let mut runner = docker.open(&permit, &spec).await.unwrap();
    let theirs = permit.clone();
    let running = tokio::runtime::Handle::current().spawn(async move {
        let endless = call("def f():\n    while True: pass", "f()");
        let seen = runner.run(&theirs, &endless).await;
        runner.close().await;
        seen
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let id = containers_of(namespace).first().cloned();
    Some(Busy {
        docker,
        permit,
        holder,
        id: id.expect("a container"),
        running,
    })
}

fn docker(words: &[&str]) -> String {
    let said = Command::new("docker").args(words).output().unwrap();
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

impl Busy {
    fn state(&self) -> String {
        docker(&["inspect", "--format", "{{.State.Status}}", &self.id])
    }

    /// Hundredths of a second that the container's processes have used up to now.
    fn used(&self) -> u64 {
        let all = docker(&["top", &self.id, "-o", "pid"]);
        let pids = all.lines().skip(1);
        let used = pids.filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
        });
        used.sum()
    }

    /// Until the container stands still, seen from outside; the longest that a freeze may take this way.
    async fn until_still(&self) {
        let began = clock::monotonic();
        loop {
            let before = self.used();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.used() == before {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(2), "it goes on");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_permit_stops_a_container_through_the_engine_and_lets_it_go_on() {
    let Some(busy) = busy("dreamer-it-pause").await else {
        return;
    };
    assert!(!busy.docker.lies_within(busy.permit.tree()));
    assert!(busy.used() > 0, "it is busy");
    busy.holder.freeze(clock::monotonic());
    busy.until_still().await;
    assert_eq!(busy.state(), "paused");
    busy.holder.thaw();
    let before = busy.used();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(busy.used() > before, "it goes on");
    assert!(!busy.running.is_finished());
    // Frozen once more, and ended as it is.
    busy.holder.freeze(clock::monotonic());
    busy.until_still().await;
    let began = clock::monotonic();
    busy.holder.end(WakeReason::Presence);
    let seen = busy.running.await.unwrap();
    assert!(
        matches!(seen, Err(SandboxError::Interrupted(_))),
        "{seen:?}"
    );
    busy.docker.settle().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(containers_of("dreamer-it-pause"), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_the_engine_does_not_pause_is_ended() {
    let namespace = "dreamer-it-unpaused";
    let Some(busy) = busy(namespace).await else {
        return;
    };
    // The engine refuses to pause what somebody else has paused.
    docker(&["pause", &busy.id]);
    assert_eq!(busy.state(), "paused");
    let began = clock::monotonic();
    busy.holder.freeze(clock::monotonic());
    let gone = tokio::time::timeout(Duration::from_secs(5), busy.docker.settle()).await;
    assert!(
        gone.is_ok(),
        "it is still there after {:?}",
        began.elapsed()
    );
    assert_eq!(containers_of(namespace), [] as [String; 0]);
    // Nothing that the job did: no verdict.
    busy.holder.thaw();
    let seen = busy.running.await.unwrap();
    assert!(matches!(seen, Err(SandboxError::Infra(_))), "{seen:?}");
}
