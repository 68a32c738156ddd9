//! Stopping and ending processes one by one, for hosts without usable control groups. Called by the tree alone. The
//! last resort: a process can fork between two looks, so it is looked again until nothing new turns up.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill as signal};
use nix::unistd::Pid;

/// Started processes by number; those with much memory have the descriptor that means them and no other.
pub(super) type Roots = BTreeMap<u32, Option<Arc<OwnedFd>>>;

/// Looks at the processes until no new one turns up; a fork bomb within its limits is caught in two or three.
const PASSES: u32 = 8;

/// Stops `roots` and all that they started; false where there is none.
pub(super) fn stop(roots: &Roots) -> bool {
    let mut stopped = BTreeSet::new();
    for _ in 0..PASSES {
        let found = family(roots);
        let new: Vec<_> = found.difference(&stopped).copied().collect();
        if new.is_empty() {
            break;
        }
        for pid in new {
            send(pid, Signal::SIGSTOP);
            stopped.insert(pid);
        }
    }
    !stopped.is_empty()
}

pub(super) fn go_on(roots: &Roots) -> bool {
    let found = family(roots);
    for pid in &found {
        send(*pid, Signal::SIGCONT);
    }
    !found.is_empty()
}

pub(super) fn kill(roots: &Roots) {
    for pid in family(roots) {
        send(pid, Signal::SIGKILL);
    }
}

fn send(pid: u32, what: Signal) {
    if let Ok(number) = i32::try_from(pid) {
        // One that ended meanwhile needs nothing.
        let _ = signal(Pid::from_raw(number), what);
    }
}

/// The roots that still run, and their descendants.
fn family(roots: &Roots) -> BTreeSet<u32> {
    if roots.is_empty() {
        return BTreeSet::new();
    }
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut living = BTreeSet::new();
    for entry in entries {
        let pid = entry.file_name().to_str().and_then(|n| n.parse().ok());
        let Some(pid) = pid else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
            living.insert(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut todo: Vec<u32> = roots
        .keys()
        .filter(|pid| living.contains(pid))
        .copied()
        .collect();
    while let Some(pid) = todo.pop() {
        if found.insert(pid) {
            todo.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    #[test]
    fn a_family_is_stopped_goes_on_and_is_ended() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let mut child = Command::new("/bin/sh")
            .args(["-c", "sleep 600 & wait"])
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let roots = Roots::from([(child.id(), None)]);
        let mut all = family(&roots);
        for _ in 0..200 {
            if all.len() == 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            all = family(&roots);
        }
        assert_eq!(all.len(), 2, "the shell and what it started");
        let reach = |wanted: fn(char) -> bool| {
            for _ in 0..200 {
                if all.iter().all(|pid| state(*pid).is_none_or(wanted)) {
                    return true;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            false
        };
        assert!(stop(&roots));
        assert!(reach(|s| s == 'T'));
        assert!(go_on(&roots));
        assert!(reach(|s| s != 'T'));
        kill(&roots);
        child.wait().unwrap();
        assert!(reach(|s| s == 'Z'));
        assert!(!stop(&roots), "nobody is left");
    }
}
