//! The tree on this host: where it gives no groups to this user, most of it has nothing to try.

use std::process::{Command, Stdio};

use super::*;

const LIMITS: BranchLimits = BranchLimits {
    memory_bytes: 64 << 20,
    processes: 8,
    cpu_milli: 1000,
};

/// A tree, unless this host gives no groups to this user.
fn tree(test: &str) -> Option<Tree> {
    let tree = Tree::open(&format!("dreamer-test-{test}")).unwrap();
    let usable = tree.mechanism() != Mechanism::None;
    usable.then_some(tree)
}

fn sleeper(tree: &Tree, branch: &Branch, shell: &str) -> std::process::Child {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", shell]).stdin(Stdio::null());
    tree.placement(Some(branch)).apply(&mut command, None);
    command.spawn().unwrap()
}

#[test]
fn killing_a_tree_ends_its_processes_and_dropping_it_leaves_no_group() {
    let Some(tree) = tree("kill") else { return };
    let branch = tree.branch("a", LIMITS).unwrap();
    let mut child = sleeper(&tree, &branch, "sleep 600 & sleep 600");
    assert!(tree.processes().contains(&child.id()));
    tree.kill();
    assert!(!child.wait().unwrap().success());
    let name = tree.name.clone();
    drop(branch);
    drop(tree);
    for hierarchy in Hierarchy::find() {
        assert!(!hierarchy.holds(&name), "{hierarchy:?} still holds {name}");
    }
}

#[test]
fn a_branch_counts_refused_processes_and_cpu_time() {
    let Some(tree) = tree("pids") else { return };
    if !tree.limits_processes() {
        return;
    }
    let branch = tree.branch("a", LIMITS).unwrap();
    let many = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done 2>/dev/null; i=0; \
                while [ $i -lt 20000 ]; do i=$((i+1)); done";
    let mut child = sleeper(&tree, &branch, many);
    let _ = child.wait();
    assert!(branch.process_refusals() > 0);
    assert!(branch.cpu_time() > Duration::ZERO);
    // The branch first: what it started goes on meanwhile.
    let of_branch = branch.cpu_time();
    assert!(tree.cpu_time() >= of_branch);
}

#[test]
fn a_frozen_tree_can_be_killed() {
    let Some(tree) = tree("freeze") else { return };
    let branch = tree.branch("a", LIMITS).unwrap();
    let mut child = sleeper(&tree, &branch, "while :; do :; done");
    if tree.freeze() {
        let before = tree.cpu_time();
        std::thread::sleep(Duration::from_millis(100));
        let used = tree.cpu_time().saturating_sub(before);
        assert!(used < Duration::from_millis(50), "{used:?} while frozen");
    }
    tree.kill();
    child.wait().unwrap();
}

fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether it comes to stand still, or not to, within two seconds.
fn comes_to(pid: u32, still: bool) -> bool {
    for _ in 0..200 {
        if state(pid).is_some_and(|state| (state == 'T') == still) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn what_is_started_while_all_stand_still_by_signals_stands_still_too() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let busy = || {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "while :; do :; done"]);
        command.stdin(Stdio::null()).spawn().unwrap()
    };
    let tree = Arc::new(Tree::without_groups(0));
    assert!(!tree.freeze(), "nobody is there yet");
    let mut child = busy();
    let adopted = tree.adopt(child.id());
    assert!(comes_to(child.id(), true));
    assert!(tree.thaw());
    assert!(comes_to(child.id(), false));
    // Who comes after that runs at once.
    let mut other = busy();
    let also = tree.adopt(other.id());
    std::thread::sleep(Duration::from_millis(50));
    assert!(comes_to(other.id(), false));
    tree.kill();
    child.wait().unwrap();
    other.wait().unwrap();
    drop((adopted, also));
}

#[test]
fn what_is_in_a_tree_dies_with_us_however_it_was_started() {
    let Some(mut tree) = tree("dead") else { return };
    let branch = tree.branch("a", LIMITS).unwrap();
    let mut child = sleeper(&tree, &branch, "sleep 600 & sleep 600");
    while tree.processes().len() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let dead_man = tree.dead_man.get_mut().unwrap();
    let (_, other) = io::pipe().unwrap();
    drop(std::mem::replace(&mut dead_man.line, other));
    assert!(!child.wait().unwrap().success());
    for _ in 0..100 {
        if tree.processes().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{:?} are left", tree.processes());
}

#[test]
fn sweeping_removes_the_groups_of_dead_processes_only() {
    let Some(tree) = tree("sweep") else { return };
    let dead = format!("dreamer-test-sweep-{}-1-0", u32::MAX >> 1);
    for hierarchy in Hierarchy::find() {
        let _ = hierarchy.make(&dead);
    }
    assert_eq!(Tree::sweep("dreamer-test-sweep"), 1);
    assert!(Hierarchy::find().iter().any(|h| h.holds(&tree.name)));
    assert!(!Hierarchy::find().iter().any(|h| h.holds(&dead)));
}

#[test]
fn what_dies_comes_first_and_what_follows_it_idles_again() {
    let tree = Tree::with_niceness("dreamer-test-share", 19).unwrap();
    let Some(group) = tree.groups.iter().find(|group| group.has("cpu")) else {
        return;
    };
    let read = |file: &str| {
        let text = std::fs::read_to_string(group.path().join(file)).unwrap_or_default();
        text.trim().to_owned()
    };
    let weight = if group.is_v2() {
        "cpu.weight"
    } else {
        "cpu.shares"
    };
    if read("cpu.idle").is_empty() {
        return;
    }
    let idling = (read("cpu.idle"), read(weight));
    assert_eq!(idling.0, "1");
    tree.kill();
    assert_eq!(read("cpu.idle"), "0");
    let first: u64 = read(weight).parse().unwrap();
    assert!(first >= 10_000, "{first}");
    tree.thaw();
    assert_eq!((read("cpu.idle"), read(weight)), idling);
    tree.kill();
    tree.set_niceness(5);
    let ordinary: u64 = read(weight).parse().unwrap();
    assert!(ordinary < 10_000, "{ordinary}");
}
