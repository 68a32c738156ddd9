//! Ending all that control groups hold. Called by the tree and its branches.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;

use super::groups::{Group, children, processes};
use super::{Tree, pauses};

impl Tree {
    /// How often `kill` was called, counted before the first process ends: where it grew meanwhile, what ended may have
    /// been ended, and has not failed.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::Acquire)
    }
}

/// Ends everything in the groups: by one write where the kernel can, then one by one, a few times, for what forks
/// meanwhile or is in a version 1 hierarchy alone.
pub(super) fn kill(groups: &[Group], within: Duration) {
    let unified = || groups.iter().filter(|g| g.is_v2());
    let mut at_once = true;
    for group in unified() {
        at_once &= fs::write(group.path().join("cgroup.kill"), "1").is_ok();
    }
    let me = std::process::id();
    for pause in pauses::up_to(within) {
        // What was killed at once needs the processors now, and one word says whether it is gone; only then is looked
        // for what a version 1 hierarchy alone holds.
        if at_once && unified().any(Group::is_populated) {
            thaw(groups);
            std::thread::sleep(pause);
            continue;
        }
        let left = processes(groups);
        let mut any = false;
        for pid in left.into_iter().filter(|p| *p != me && *p != 0) {
            any = true;
            if let Ok(number) = i32::try_from(pid) {
                let _ = signal(Pid::from_raw(number), Signal::SIGKILL);
            }
        }
        if !any {
            break;
        }
        thaw(groups);
        std::thread::sleep(pause);
    }
}

/// Version 1 cannot end what is frozen, by us or by an engine that paused it: killed first, then thawed.
fn thaw(groups: &[Group]) {
    for group in groups.iter().filter(|g| !g.is_v2()) {
        thaw_below(group.path());
    }
}

fn thaw_below(path: &Path) {
    let state = path.join("freezer.state");
    if state.exists() {
        let _ = fs::write(state, "THAWED");
        for child in children(path) {
            thaw_below(&child);
        }
    }
}
