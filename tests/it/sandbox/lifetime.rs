//! The life of a sandbox: it ends with its permit, its runner or its owner, and nothing is left.

use std::io::BufRead;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::WakeReason;
use dreamer::sandbox::{self, Limits, SandboxError};
use dreamer::tree::{self, Mechanism};

use super::bench::{
    benches_of, call, containers_of, groups_of, int, spec, value, wait_until_empty,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_permit_ends_a_running_job_within_two_seconds() {
    let namespace = "dreamer-it-end";
    for bench in benches_of(namespace).await {
        let mut runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        let permit = bench.permit.clone();
        let running = tokio::runtime::Handle::current().spawn(async move {
            let seen = runner
                .run(&permit, &call("def f():\n    while True: pass", "f()"))
                .await;
            runner.close().await;
            seen
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = clock::monotonic();
        bench.holder.end(WakeReason::Presence);
        let seen = running.await.unwrap();
        assert!(
            matches!(seen, Err(SandboxError::Interrupted(_))),
            "{seen:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(tree.processes(), [] as [u32; 0]);
        assert_eq!(containers_of(namespace), [] as [String; 0]);
        let refused = bench.sandbox.open(&bench.permit, &spec()).await;
        assert!(matches!(refused, Err(SandboxError::Interrupted(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_permit_ends_an_idle_sandbox_too() {
    let namespace = "dreamer-it-idle";
    for bench in benches_of(namespace).await {
        let runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        bench.holder.end(WakeReason::Presence);
        wait_until_empty(&tree, namespace).await;
        drop(runner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_runner_leaves_nothing() {
    let namespace = "dreamer-it-drop";
    for bench in benches_of(namespace).await {
        let runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        drop(runner);
        wait_until_empty(&tree, namespace).await;
    }
    assert!(groups_of(namespace).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_waits_until_dropped_runners_are_gone() {
    let namespace = "dreamer-it-settle";
    for bench in benches_of(namespace).await {
        drop(bench.open(Limits::default()).await);
        bench.sandbox.settle().await;
        assert_eq!(containers_of(namespace), [] as [String; 0]);
        assert_eq!(bench.permit.tree().processes(), [] as [u32; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_half_opened_sandbox_leaves_nothing() {
    let namespace = "dreamer-it-half";
    for bench in benches_of(namespace).await {
        for after_ms in [1, 5, 20, 40, 60, 90] {
            let limits = Limits::default();
            let opening = bench.open(limits);
            let early = tokio::time::timeout(Duration::from_millis(after_ms), opening).await;
            drop(early);
        }
        wait_until_empty(bench.permit.tree(), namespace).await;
    }
}

/// Not a test by itself: the process that `killed_and_swept` kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test that kills it"]
#[expect(
    clippy::disallowed_methods,
    reason = "the test that starts it says which one it is"
)]
async fn owner_to_be_killed() {
    let namespace = std::env::var("DREAMER_TEST_NAMESPACE").unwrap();
    let freezes = namespace.ends_with("frozen");
    let mut held = Vec::new();
    let mut jobs = tokio::task::JoinSet::new();
    for bench in benches_of(&namespace).await {
        // Far longer than the test waits for it to be gone.
        let limits = Limits {
            cpu_ms: 110_000,
            wall_ms: 110_000,
            ..Limits::default()
        };
        let mut runner = bench.open(limits).await;
        let permit = bench.permit.clone();
        jobs.spawn(async move {
            let endless = call("def spin():\n    while True: pass", "spin()");
            runner.run(&permit, &endless).await.ok();
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        println!("\nholds {:?}", bench.permit.tree().processes());
        if freezes {
            bench.permit.tree().freeze();
        }
        held.push(bench);
    }
    println!("\nready");
    tokio::time::sleep(Duration::from_mins(2)).await;
}

/// Whether all of these processes are gone by themselves, in less time than any of their limits.
async fn gone(pids: &[u32]) -> bool {
    for _ in 0..100 {
        if pids.iter().all(|pid| tree::start_time(*pid).is_none()) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

async fn killed_and_swept(namespace: &str, frozen: bool) {
    let mechanism = match benches_of(namespace).await.first() {
        Some(bench) => bench.permit.tree().mechanism(),
        None => return,
    };
    let test = std::env::current_exe().unwrap();
    let mut owner = std::process::Command::new(test)
        .args([
            "--exact",
            "sandbox::lifetime::owner_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("DREAMER_TEST_NAMESPACE", namespace)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(owner.stdout.take().unwrap()).lines();
    let said: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|l| l != "ready")
        .collect();
    let held = said.iter().filter(|l| l.starts_with("holds ["));
    let pids: Vec<u32> = held
        .flat_map(|l| l["holds [".len()..].trim_end_matches(']').split(", "))
        .filter_map(|p| p.parse().ok())
        .collect();
    owner.kill().unwrap();
    owner.wait().unwrap();
    // In the unified hierarchy what stands frozen can be killed as it is.
    let unified = matches!(mechanism, Mechanism::CgroupV2 | Mechanism::Hybrid);
    if unified || !frozen {
        assert!(gone(&pids).await, "the dreams outlive their owner");
    }
    let removed = sandbox::sweep(namespace).await.unwrap();
    assert_eq!(containers_of(namespace), [] as [String; 0]);
    // What still dies on a busy machine is removed by one of the next sweeps, which a service makes on and on.
    let mut groups = groups_of(namespace);
    for _ in 0..20 {
        if groups.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        sandbox::sweep(namespace).await.unwrap();
        groups = groups_of(namespace);
    }
    assert!(groups.is_empty(), "{groups:?}");
    if !pids.is_empty() {
        // What ends by itself is removed by the engine, too.
        assert!(removed > 0 || !frozen);
        let alive: Vec<_> = pids
            .iter()
            .filter(|p| tree::start_time(**p).is_some())
            .collect();
        assert!(alive.is_empty(), "{alive:?}");
    }
    let again = sandbox::sweep(namespace).await.unwrap();
    assert_eq!(again, 0, "nothing is left to sweep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_owner_leaves_nothing_once_it_is_swept() {
    killed_and_swept("dreamer-it-killed", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_killed_while_all_is_frozen_leaves_nothing_either() {
    killed_and_swept("dreamer-it-killed-frozen", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_spares_what_a_living_process_owns() {
    let namespace = "dreamer-it-spare";
    for bench in benches_of(namespace).await {
        let mut runner = bench.open(Limits::default()).await;
        assert_eq!(sandbox::sweep(namespace).await.unwrap(), 0);
        let seen = runner.run(&bench.permit, &call("", "1 + 1")).await.unwrap();
        assert_eq!(value(&seen), &int(2));
        runner.close().await;
    }
}
