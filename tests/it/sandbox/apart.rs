//! Containers that their engine keeps outside of the tree, as one with systemd's driver does: tried with any engine by handing it
//! no group of ours. Counted to their end all the same, and frozen with the tree where their groups can be written.

use std::process::Command;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::WakeReason;
use dreamer::sandbox::{Limits, Sandbox};

use super::bench::{call, containers_of, docker_of, new_permit, spec, spec_with};
use crate::support::left_out;

const BURN: &str = "import time\ndef f():\n    while time.process_time() < 1: pass";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_outside_of_the_tree_used_is_counted_to_its_end() {
    let Some(docker) = docker_of("dreamer-it-apart").await else {
        return;
    };
    let docker = docker.apart();
    let (permit, _holder) = new_permit("dreamer-it-apart");
    let tree = permit.tree();
    assert!(!docker.lies_within(tree));
    let before = tree.cpu_time();
    let mut runner = docker.open(&permit, &spec()).await.expect("a container");
    let burned = runner.run(&permit, &call(BURN, "f()")).await;
    burned.expect("it runs");
    if tree.take_uncounted() {
        left_out("containers apart", "this engine hides their groups");
        return;
    }
    let used = tree.cpu_time().saturating_sub(before);
    assert!(used > Duration::from_millis(900), "{used:?}");
    runner.close().await;
    docker.settle().await;
    let ended = tree.cpu_time().saturating_sub(before);
    assert!(ended >= used, "{ended:?} of {used:?}");
    assert_eq!(tree.cpu_time().saturating_sub(before), ended);
    assert!(tree.processes().is_empty());
}

/// Whether the only container of this namespace has a group of its own in the unified hierarchy.
fn is_in_the_unified_hierarchy(namespace: &str) -> bool {
    let ids = containers_of(namespace);
    let [id] = ids.as_slice() else {
        panic!("one container, not {ids:?}");
    };
    let asked = Command::new("docker")
        .args(["inspect", "--format", "{{.State.Pid}}", id])
        .output()
        .expect("it answers");
    let pid = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    let told = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    told.lines()
        .any(|line| line.starts_with("0::") && line.contains(id.as_str()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_outside_of_the_tree_is_frozen_with_it_where_its_group_can_be_written() {
    let namespace = "dreamer-it-apart-frozen";
    let Some(docker) = docker_of(namespace).await else {
        return;
    };
    let docker = docker.apart();
    docker.sweep().await.expect("a sweep");
    let (permit, holder) = new_permit(namespace);
    let limits = Limits {
        cpu_ms: 60_000,
        wall_ms: 60_000,
        ..Limits::default()
    };
    let opened = docker.open(&permit, &spec_with(limits)).await;
    let mut runner = opened.expect("a container");
    if !nix::unistd::geteuid().is_root() || !is_in_the_unified_hierarchy(namespace) {
        left_out(
            "freezing containers apart",
            "their groups are not ours to write",
        );
        return;
    }
    let theirs = permit.clone();
    let running = tokio::runtime::Handle::current().spawn(async move {
        let endless = call("def f():\n    while True: pass", "f()");
        runner.run(&theirs, &endless).await.ok();
    });
    let tree = permit.tree();
    let began = clock::monotonic();
    let (start, moment) = (tree.cpu_time(), Duration::from_millis(200));
    while tree.cpu_time() < start + moment {
        assert!(began.elapsed() < Duration::from_secs(10), "nothing burns");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let used_in_a_moment = async || {
        let before = tree.cpu_time();
        tokio::time::sleep(moment).await;
        tree.cpu_time().saturating_sub(before)
    };
    tree.freeze();
    // Those of the lowest priority come to stand still a moment later.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let frozen = used_in_a_moment().await;
    assert!(frozen < Duration::from_millis(20), "{frozen:?}");
    tree.thaw();
    let thawed = used_in_a_moment().await;
    assert!(thawed > Duration::from_millis(50), "{thawed:?}");
    holder.end(WakeReason::Presence);
    tree.kill();
    running.await.expect("it ends");
    docker.settle().await;
    assert_eq!(containers_of(namespace), [] as [String; 0]);
}
