//! What a sandboxed process takes of a machine that its owner needs: its niceness, its CPU class and its IO class, read
//! where the kernel keeps them.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dreamer::sandbox::{Limits, RunnerSpec};
use dreamer::supervisor::permit;
use dreamer::tree::{Mechanism, Tree};

use super::bench::{benches_of, call, spec};
use crate::support::left_out;

/// Niceness and scheduling policy of a process, the fields 19 and 41 of its `stat`; `None` once it is gone.
fn classes(pid: u32) -> Option<(i32, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some((fields[16].parse().unwrap(), fields[38].parse().unwrap()))
}

/// What `ionice` says of a process.
fn io_class(pid: u32) -> Option<String> {
    let said = Command::new("ionice")
        .args(["-p", &pid.to_string()])
        .output()
        .ok()?;
    said.status
        .success()
        .then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

const SCHED_OTHER: u32 = 0;
const SCHED_IDLE: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn every_process_of_a_sandbox_is_as_low_as_the_settings_say() {
    let namespace = "dreamer-it-low";
    if io_class(std::process::id()).is_none() {
        left_out("the IO class", "there is no ionice here");
        return;
    }
    for bench in benches_of(namespace).await {
        if bench.permit.tree().mechanism() == Mechanism::None {
            left_out("the processes of a sandbox", "this host gives no groups");
            continue;
        }
        // 10 keeps the ordinary CPU class, from which nobody could tell that the IO class was set too.
        for (niceness, policy) in [(10, SCHED_OTHER), (19, SCHED_IDLE)] {
            let tree = Tree::with_niceness(namespace, niceness).unwrap();
            let (permit, holder) = permit::operator(Arc::new(tree));
            let tree = Arc::clone(permit.tree());
            let opened = bench.sandbox.open(&permit, &spec()).await;
            let mut runner = opened.unwrap();
            let job = call(
                "import os, time\ndef f():\n    os.fork()\n    time.sleep(60)",
                "f()",
            );
            let running = tokio::runtime::Handle::current().spawn(async move {
                runner.run(&permit, &job).await.ok();
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
            let pids = tree.processes();
            assert!(pids.len() >= 3, "{pids:?}");
            for pid in pids {
                let seen = (classes(pid), io_class(pid));
                let expected = (Some((i32::from(niceness), policy)), Some("idle".to_owned()));
                assert_eq!(seen, expected, "{pid} on {}", bench.name());
            }
            drop(holder);
            running.await.unwrap();
        }
        bench.sandbox.settle().await;
    }
}

/// The list of calls lets a process take the idle classes, and nothing that is better than them.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_does_not_raise_itself() {
    let namespace = "dreamer-it-raise";
    let code = "
import ctypes, os
def tried(step):
    try:
        step()
        return True
    except OSError:
        return False
def f():
    call = ctypes.CDLL(None, use_errno=True).syscall
    number = {'x86_64': 251}.get(os.uname().machine, 30)
    best = call(number, 1, 0, 2 << 13)
    return [
        tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, 0)),
        tried(lambda: os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))),
        best == 0,
    ]
";
    for bench in benches_of(namespace).await {
        let tree = Tree::with_niceness(namespace, 19).unwrap();
        let (permit, _holder) = permit::operator(Arc::new(tree));
        let limits = Limits::default();
        let wanted = RunnerSpec {
            hash_seed: 7,
            limits,
        };
        let mut runner = bench.sandbox.open(&permit, &wanted).await.unwrap();
        let job = call(code, "any(f())");
        let seen = runner.run(&permit, &job).await.unwrap();
        runner.close().await;
        let said = format!("{:?}", super::bench::value(&seen));
        assert!(said.contains("false"), "{said} on {}", bench.name());
    }
}
