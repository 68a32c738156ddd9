//! The dream's process tree: one place that holds every process the program starts for a dream, so that one write
//! stops them all and their use of the machine is known exactly. Lies below the worlds; knows nothing of dreams.
//!
//! Permits carry it, the sandboxes put their processes into it, the energy side asks it for CPU time. What the host
//! does not offer (no control groups, no right to make them) is missing and said so, never pretended.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

mod apart;
mod branch;
mod dead_man;
mod delegated;
mod freezing;
mod groups;
mod killing;
mod large;
mod launch;
mod pauses;
mod placement;
mod process;
mod share;
mod signals;
mod spawner;

pub use apart::Apart;
use apart::Outside;
pub use branch::Branch;
pub use dead_man::DeadMan;
use groups::{Group, Hierarchy};
pub use launch::{Launch, Launched, Process};
pub use placement::{IOPRIO_IDLE, IOPRIO_WHO_PROCESS, Placement, lower_this_thread};
pub use process::{is_alive, start_time};
use share::Share;
use signals::Roots;
pub use spawner::Spawner;

/// Limits of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchLimits {
    pub memory_bytes: u64,
    pub processes: u64,
    /// Thousandths of a CPU that all its processes together may use in each tenth of a second.
    pub cpu_milli: u64,
}

/// What holds the dream's processes on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The unified hierarchy alone.
    CgroupV2,
    /// Controllers in version 1, freezing and killing in the unified hierarchy beside them.
    Hybrid,
    CgroupV1,
    /// Nothing usable: only what each process limits by itself.
    None,
}

/// How long it goes on killing what it finds before it gives up on groups that cannot be killed at once. A fork bomb
/// within the process limit is over after two or three passes.
const KILL_WITHIN: Duration = Duration::from_millis(40);

static SERIAL: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub struct Tree {
    name: String,
    groups: Vec<Group>,
    niceness: AtomicU8,
    branches: AtomicU64,
    /// How often all of it was ended.
    kills: AtomicU64,
    /// Processes that were started for a dream: all of them for where no group holds them, and the large ones, whose
    /// memory is worth taking back at once.
    roots: Mutex<Roots>,
    /// They were stopped one by one: whoever joins them stops too. Changed while they are held.
    stopped: AtomicBool,
    /// Containers that an engine keeps elsewhere.
    outside: Mutex<Outside>,
    /// Set up before the first process enters a group.
    dead_man: OnceLock<DeadMan>,
}

/// One started process that the tree stops and ends where it has no groups; it is forgotten with this.
#[derive(Debug)]
pub struct Adopted {
    tree: Arc<Tree>,
    pid: u32,
}

impl Drop for Adopted {
    fn drop(&mut self) {
        self.tree.lock_roots().remove(&self.pid);
    }
}

impl Tree {
    /// Makes the groups of this process's dream work, by the best mechanism the host offers; `namespace` names them.
    /// At the priority of an ordinary program: for tests and for what a person waits for. Dreams take
    /// `with_niceness`, or they would compete with their owner.
    ///
    /// # Errors
    /// Never for a host without usable control groups: the tree then holds nothing and says so in `mechanism`.
    pub fn open(namespace: &str) -> io::Result<Self> {
        Self::with_niceness(namespace, 0)
    }

    /// As `open`, for dream work: `niceness` 0 to 19 (DREAMING_PROCESS_PRIORITY), where 19 is the idle CPU class. On a
    /// machine whose CPUs are all busy that class gets next to nothing.
    ///
    /// # Errors
    /// As `open`.
    pub fn with_niceness(namespace: &str, niceness: u8) -> io::Result<Self> {
        let pid = std::process::id();
        let start = start_time(pid).unwrap_or(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{namespace}-{pid}-{start}-{serial}");
        let groups: Vec<_> = Hierarchy::find()
            .iter()
            .filter_map(|hierarchy| hierarchy.make(&name).ok())
            .collect();
        for group in &groups {
            Share::of(niceness).give(group);
        }
        let mut tree = Self::without_groups(niceness);
        tree.name = name;
        tree.groups = groups;
        Ok(tree)
    }

    /// A tree without groups, as on a host that has none.
    #[must_use]
    pub fn without_groups(niceness: u8) -> Self {
        Self {
            name: String::new(),
            groups: Vec::new(),
            niceness: AtomicU8::new(niceness),
            branches: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            roots: Mutex::default(),
            stopped: AtomicBool::new(false),
            outside: Mutex::default(),
            dead_man: OnceLock::new(),
        }
    }

    /// Another niceness for what is started from now on, and for the tree's share of a contended CPU.
    pub fn set_niceness(&self, niceness: u8) {
        self.niceness.store(niceness, Ordering::Relaxed);
        for group in &self.groups {
            Share::of(niceness).give(group);
        }
    }

    /// That of what is started now, 0 to 19.
    #[must_use]
    pub fn niceness(&self) -> u8 {
        self.niceness.load(Ordering::Relaxed)
    }

    /// True where dream work takes only what nobody else wants.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        Share::of(self.niceness()) == Share::Idle
    }

    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        let v2 = self.groups.iter().any(Group::is_v2);
        let v1 = self.groups.iter().any(|g| !g.is_v2());
        match (v1, v2) {
            (false, true) => Mechanism::CgroupV2,
            (true, true) => Mechanism::Hybrid,
            (true, false) => Mechanism::CgroupV1,
            (false, false) => Mechanism::None,
        }
    }

    /// True where a branch's memory limit is enforced for all its processes together.
    #[must_use]
    pub fn limits_memory(&self) -> bool {
        self.groups.iter().any(|g| g.has("memory"))
    }

    /// True where a branch's process limit is enforced.
    #[must_use]
    pub fn limits_processes(&self) -> bool {
        self.groups.iter().any(|g| g.has("pids"))
    }

    /// Makes the groups of one sandbox. `name` is a file name.
    ///
    /// # Errors
    /// Where a group that the tree has cannot be divided.
    pub fn branch(&self, name: &str, limits: BranchLimits) -> io::Result<Branch> {
        let serial = self.branches.fetch_add(1, Ordering::Relaxed);
        let mut branch = Branch { groups: Vec::new() };
        for group in &self.groups {
            let child = group.divide(&format!("{name}-{serial}"))?;
            child.limit(limits)?;
            branch.groups.push(child);
        }
        Ok(branch)
    }

    /// As `branch`, for what only the tree as a whole bounds: a model server.
    ///
    /// # Errors
    /// As `branch`.
    pub fn unlimited_branch(&self, name: &str) -> io::Result<Branch> {
        let serial = self.branches.fetch_add(1, Ordering::Relaxed);
        let mut branch = Branch { groups: Vec::new() };
        for group in &self.groups {
            branch
                .groups
                .push(group.divide(&format!("{name}-{serial}"))?);
        }
        Ok(branch)
    }

    /// Where a process has to go before its first instruction, for `branch` or, without one, for the tree itself.
    #[must_use]
    pub fn placement(&self, branch: Option<&Branch>) -> Placement {
        self.outlive();
        let groups = branch.map_or(&self.groups, |b| &b.groups);
        let (unified, others): (Vec<_>, Vec<_>) = groups.iter().partition(|g| g.is_v2());
        Placement::new(
            others.into_iter().filter_map(procs_file).collect(),
            unified.into_iter().find_map(procs_file),
            self.niceness(),
        )
    }

    /// From here on what is in the groups dies with us. Tried again with the next process where it fails.
    fn outlive(&self) {
        if self.groups.is_empty() || self.dead_man.get().is_some() {
            return;
        }
        match DeadMan::of_groups(&self.groups) {
            // Where two came at once, one of them goes without a trace.
            Ok(dead_man) => drop(self.dead_man.set(dead_man)),
            Err(error) => {
                tracing::warn!(%error, "should this program be killed, some of its dream may outlive it");
            }
        }
    }

    /// CPU time that everything in the tree has used, also what has already ended; the containers outside of it among that.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        groups::cpu_time(&self.groups) + self.lock_outside().cpu_time()
    }

    /// False where no group of its own counts: `cpu_time` then has the containers outside of it alone.
    #[must_use]
    pub fn counts_cpu(&self) -> bool {
        groups::count_cpu(&self.groups)
    }

    /// Ends every process in the tree, at once. Ending takes CPU time too, and comes before all else: what idles along
    /// while it ends keeps its memory until the owner's programs leave it a moment. `thaw` takes the priority back.
    pub fn kill(&self) {
        // First, so that whoever sees an end also sees why.
        self.kills.fetch_add(1, Ordering::Release);
        for group in &self.groups {
            Share::First.give(group);
        }
        if self.niceness() > 0 {
            for thread in groups::threads(&self.groups) {
                placement::hurry(thread);
            }
        }
        large::kill(&self.lock_roots());
        self.lock_outside().kill();
        killing::kill(&self.groups, KILL_WITHIN);
        if self.groups.is_empty() {
            signals::kill(&self.lock_roots());
        }
    }

    /// Takes the CPU from every process in the tree: one write where there are groups, one signal a process where
    /// there are none. False where nothing can be stopped this way.
    pub fn freeze(&self) -> bool {
        let own = freezing::freeze(&self.groups, true) || self.stop();
        let apart = self.lock_outside().freeze(true);
        own || apart
    }

    fn stop(&self) -> bool {
        let roots = self.lock_roots();
        // What is being started now is no root yet.
        self.stopped.store(true, Ordering::Relaxed);
        signals::stop(&roots)
    }

    /// Gives the CPU back. What is killed must not lie frozen: thaw after the last kill.
    pub fn thaw(&self) -> bool {
        for group in &self.groups {
            Share::of(self.niceness()).give(group);
        }
        let apart = self.lock_outside().freeze(false);
        let roots = self.lock_roots();
        let was_stopped = self.stopped.swap(false, Ordering::Relaxed);
        let thawed = freezing::freeze(&self.groups, false);
        // Both, where a freeze had to stop them one by one.
        let went_on = (was_stopped || !thawed) && signals::go_on(&roots);
        thawed || went_on || apart
    }

    /// True where one write stops everything in the tree.
    #[must_use]
    pub fn freezes_at_once(&self) -> bool {
        freezing::can_freeze(&self.groups)
    }

    /// True once everything in a tree with groups stands still after `freeze`; `None` where the host does not say.
    #[must_use]
    pub fn is_frozen(&self) -> Option<bool> {
        freezing::is_frozen(&self.groups)
    }

    /// Takes a started process, with all that it starts, into account where no group holds it.
    #[must_use]
    pub fn adopt(self: &Arc<Self>, pid: u32) -> Adopted {
        self.take_in(pid, None)
    }

    /// As `adopt`, for a process with so much memory that taking it back is work; `pidfd` means that process.
    pub fn adopt_large(self: &Arc<Self>, pid: u32, pidfd: OwnedFd) -> Adopted {
        self.take_in(pid, Some(Arc::new(pidfd)))
    }

    fn take_in(self: &Arc<Self>, pid: u32, large: Option<Arc<OwnedFd>>) -> Adopted {
        let mut roots = self.lock_roots();
        roots.insert(pid, large);
        if self.stopped.load(Ordering::Relaxed) {
            signals::stop(&Roots::from([(pid, None)]));
        }
        drop(roots);
        Adopted {
            tree: Arc::clone(self),
            pid,
        }
    }

    fn lock_roots(&self) -> std::sync::MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Groups of sandboxes that still exist, in any hierarchy.
    #[must_use]
    pub fn branches_left(&self) -> usize {
        freezing::branches(&self.groups)
    }

    /// Every process in the tree and of the containers outside of it.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let mut all = groups::processes(&self.groups);
        all.extend(self.lock_outside().processes());
        all
    }

    /// `--cgroup-parent` for a container engine with the cgroupfs driver; `None` where there are no groups.
    #[must_use]
    pub fn container_parent(&self) -> Option<String> {
        self.outlive();
        let at_top = self
            .groups
            .iter()
            .all(|g| g.path_in_hierarchy() == self.name);
        (!self.groups.is_empty() && at_top).then(|| format!("/{}", self.name))
    }

    /// The groups that a container engine made below this tree for one container.
    #[must_use]
    pub fn container_branch(&self, id: &str) -> Branch {
        let groups = self.groups.iter().filter_map(|g| g.existing(id));
        Branch {
            groups: groups.collect(),
        }
    }

    /// Ends and removes the groups of processes of this program that are no more; returns how many.
    #[must_use]
    pub fn sweep(namespace: &str) -> u64 {
        let mut removed = std::collections::BTreeSet::new();
        let stale = groups::stale(namespace);
        killing::kill(&stale, KILL_WITHIN);
        for group in stale {
            if group.remove() {
                removed.insert(group.path_in_hierarchy());
            }
        }
        removed.len() as u64
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.name.is_empty() {
            return;
        }
        self.kill();
        for group in &self.groups {
            group.remove();
        }
        // A container engine makes a group of this name in every other hierarchy too.
        groups::remove_everywhere(&self.name);
    }
}

/// The file by which a process that has one thread enters a group by itself. In version 1 its thread alone is moved,
/// which is the same then and spares the kernel a wait of several milliseconds for every other processor.
fn procs_file(group: &Group) -> Option<CString> {
    let name = if group.is_v2() {
        "cgroup.procs"
    } else {
        "tasks"
    };
    let path: PathBuf = group.path().join(name);
    CString::new(path.into_os_string().into_encoded_bytes()).ok()
}

#[cfg(test)]
mod tests;
