//! 44 and 45 of the corpus: what the supervisor does to sandboxes while they run. Its killing is in `soak`, the engine's
//! in `engines`.

use std::time::Duration;

use dreamer::clock;
use dreamer::dream::WakeReason;
use dreamer::sandbox::{Job, Limits, Runner, Sandbox, SandboxError};
use dreamer::supervisor::permit::WorkPermit;

use super::bench::{benches_of, call, containers_of, new_permit, spec, wait_until_empty};
use crate::support::{full, left_out};

const FORKS: &str = "
import os
def f():
    while True:
        try:
            if os.fork() == 0:
                sum(range(2000))
                os._exit(0)
            os.waitpid(-1, os.WNOHANG)
        except OSError:
            pass
";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_escapes_a_hundred_freezes_that_land_while_it_forks() {
    let namespace = "dreamer-it-freeze";
    for bench in benches_of(namespace).await {
        let tree = bench.permit.tree().clone();
        if !tree.freeze() {
            left_out("freezing", "this host gives no groups");
            continue;
        }
        tree.thaw();
        let limits = Limits {
            cpu_ms: 60_000,
            wall_ms: 60_000,
            ..Limits::default()
        };
        let mut runner = bench.open(limits).await;
        let permit = bench.permit.clone();
        let running = tokio::runtime::Handle::current().spawn(async move {
            let seen = runner.run(&permit, &call(FORKS, "f()")).await;
            runner.close().await;
            seen
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        for cycle in 0..100_u64 {
            assert!(tree.freeze());
            // The last of them stops within some milliseconds; on a machine whose own host stalls it is counted late, and
            // so is one that was being born. What escapes goes on and on.
            let mut looks = 0;
            let processes = loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                let (used, processes) = (tree.cpu_time(), tree.processes());
                tokio::time::sleep(Duration::from_millis(5)).await;
                let more = tree.cpu_time().saturating_sub(used);
                let now = tree.processes();
                if more < Duration::from_millis(2) && now == processes {
                    break processes;
                }
                looks += 1;
                assert!(
                    looks < 5,
                    "cycle {cycle} on {}: {more:?}, {processes:?} and then {now:?}",
                    bench.name()
                );
            };
            assert!(processes.len() > 1);
            tree.thaw();
            tokio::time::sleep(Duration::from_millis(cycle % 7)).await;
        }
        // Frozen for the last time, and ended as it is.
        tree.freeze();
        bench.holder.end(WakeReason::Presence);
        let seen = running.await.unwrap();
        assert!(
            matches!(seen, Err(SandboxError::Interrupted(_))),
            "{seen:?}"
        );
        wait_until_empty(&tree, namespace).await;
        tree.thaw();
    }
}

/// Opens, runs something that forks and prints, collects it and closes, again and again until the permit is over.
async fn work(sandbox: &dyn Sandbox, permit: &WorkPermit) -> SandboxError {
    let code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\nprint('x' * 500_000)\ntime.sleep(0.03)\n";
    let job = Job::Program {
        code: code.to_owned(),
    };
    loop {
        let mut runner: Runner = match sandbox.open(permit, &spec()).await {
            Ok(runner) => runner,
            Err(error) => return error,
        };
        for _ in 0..3 {
            if let Err(error) = runner.run(permit, &job).await {
                return error;
            }
        }
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_at_any_moment_interrupts_and_leaves_nothing() {
    let namespace = "dreamer-it-wake";
    for bench in benches_of(namespace).await {
        // In the long run 200 moments that have nothing to do with each other.
        let moments: Vec<u64> = if full() {
            (0..200_u64).map(|n| n * 2_654_435_761 % 613).collect()
        } else {
            vec![
                0, 1, 3, 8, 15, 25, 40, 60, 80, 100, 130, 160, 200, 260, 330, 410,
            ]
        };
        for after_ms in moments {
            let (permit, holder) = new_permit(namespace);
            let (sandbox, theirs) = (bench.sandbox.clone(), permit.clone());
            let working = tokio::runtime::Handle::current()
                .spawn(async move { work(sandbox.as_ref(), &theirs).await });
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let began = clock::monotonic();
            holder.end(WakeReason::Presence);
            let ended = working.await.unwrap();
            assert!(
                matches!(ended, SandboxError::Interrupted(_)),
                "after {after_ms} ms on {}: {ended}",
                bench.name()
            );
            wait_until_empty(permit.tree(), namespace).await;
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{:?}",
                began.elapsed()
            );
            bench.sandbox.settle().await;
        }
        assert_eq!(containers_of(namespace), [] as [String; 0]);
    }
}

/// 48: whatever kills process 1, the run is `Oom` or could not be judged, and other sandboxes go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_killed_is_never_a_verdict() {
    for bench in benches_of("dreamer-it-runner").await {
        let mut other = bench.open(Limits::default()).await;
        let spared = bench.permit.tree().processes();
        let mut runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        let permit = bench.permit.clone();
        let running = tokio::runtime::Handle::current().spawn(async move {
            let job = call("import time\ndef f(): time.sleep(60)", "f()");
            let seen = runner.run(&permit, &job).await;
            (seen, runner.is_spent())
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        for pid in tree.processes().iter().filter(|p| !spared.contains(p)) {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(*pid).unwrap());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
        }
        let (seen, spent) = running.await.unwrap();
        assert!(matches!(seen, Err(SandboxError::Infra(_))), "{seen:?}");
        assert!(spent);
        let seen = other.run(&bench.permit, &call("", "1 + 1")).await;
        assert!(seen.is_ok(), "{seen:?}");
        other.close().await;
    }
}
