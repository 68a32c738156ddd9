//! Groups that a container engine made itself, because it takes none of ours as their parent (systemd's driver, the usual one):
//! counted with the tree for as long as their containers run. Where this user makes groups and may write to these too, they are
//! frozen and killed with the tree; where not, that is left to the engine. Never by both: an engine that finds a container frozen
//! refuses to pause it. Called by the tree and by the Docker sandbox.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::Tree;
use super::groups::{self, Group, Hierarchy};

/// One container outside of the tree's groups, for as long as it runs.
#[derive(Debug)]
pub struct Apart {
    tree: Arc<Tree>,
    key: u64,
    stops: bool,
}

impl Apart {
    /// True where a freeze and a kill of the tree reach it without its engine.
    #[must_use]
    pub fn stops_with_the_tree(&self) -> bool {
        self.stops
    }

    /// Ends it, where a kill of the tree would.
    pub fn kill(&self) {
        if let Some(member) = self.tree.lock_outside().living.get(&self.key) {
            member.kill();
        }
    }

    /// Notes what it has used by now: its group goes with it, and between two looks it may be gone.
    pub fn read(&self) {
        if let Some(member) = self.tree.lock_outside().living.get_mut(&self.key) {
            member.read();
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.tree.lock_outside().remove(self.key);
    }
}

/// All containers outside of the tree's groups.
#[derive(Debug, Default)]
pub(super) struct Outside {
    made: u64,
    living: BTreeMap<u64, Member>,
    /// What those used that are gone.
    ended: Duration,
    frozen: bool,
    /// Since somebody last asked there was one that nobody can count.
    missed: bool,
    /// There was one that stopped with the tree.
    stopped: bool,
}

#[derive(Debug)]
struct Member {
    /// One in each hierarchy; none where it cannot be told which they are.
    groups: Vec<Group>,
    is_counted: bool,
    stops: bool,
    /// By when it was last read.
    used: Duration,
}

impl Member {
    fn read(&mut self) {
        // A group that is gone says nothing any more.
        self.used = self.used.max(groups::cpu_time(&self.groups));
    }

    fn write(&self, file: &str, value: &str) -> bool {
        let group = unified(&self.groups).filter(|_| self.stops);
        group.is_some_and(|group| fs::write(group.path().join(file), value).is_ok())
    }

    fn freeze(&self, frozen: bool) -> bool {
        self.write("cgroup.freeze", if frozen { "1" } else { "0" })
    }

    fn kill(&self) {
        self.write("cgroup.kill", "1");
    }
}

/// The group by which all is stopped at once: in version 1 what stands frozen cannot be ended, by the engine either.
fn unified(groups: &[Group]) -> Option<&Group> {
    groups.iter().find(|group| group.is_v2())
}

fn may_freeze(groups: &[Group]) -> bool {
    let opened = |group: &Group| {
        let file = group.path().join("cgroup.freeze");
        OpenOptions::new().write(true).open(file)
    };
    unified(groups).is_some_and(|group| opened(group).is_ok())
}

impl Outside {
    /// `stops`: the tree freezes and kills it.
    fn add(&mut self, groups: Vec<Group>, stops: bool) -> u64 {
        let is_counted = groups::count_cpu(&groups);
        self.missed |= !is_counted;
        self.stopped |= stops;
        self.made += 1;
        let member = Member {
            groups,
            is_counted,
            stops,
            used: Duration::ZERO,
        };
        if self.frozen {
            member.freeze(true);
        }
        self.living.insert(self.made, member);
        self.made
    }

    fn remove(&mut self, key: u64) {
        if let Some(mut member) = self.living.remove(&key) {
            member.read();
            self.ended += member.used;
        }
    }

    fn take_missed(&mut self) -> bool {
        let still = self.living.values().any(|member| !member.is_counted);
        std::mem::replace(&mut self.missed, still)
    }

    /// What all of them have used, also those that are gone.
    pub(super) fn cpu_time(&mut self) -> Duration {
        let mut used = self.ended;
        for member in self.living.values_mut() {
            member.read();
            used += member.used;
        }
        used
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        let all = self.living.values();
        all.flat_map(|member| groups::processes(&member.groups))
            .collect()
    }

    /// Freezes or thaws those that stop with the tree, and who joins later; false where there is none.
    pub(super) fn freeze(&mut self, frozen: bool) -> bool {
        self.frozen = frozen;
        let all = self.living.values();
        all.filter(|member| member.freeze(frozen)).count() > 0
    }

    pub(super) fn kill(&self) {
        self.living.values().for_each(Member::kill);
    }
}

impl Tree {
    /// Counts the container of this id with the tree, until the answer is dropped; `pid` is its first process. One whose groups
    /// cannot be found is known to be uncounted.
    #[must_use]
    pub fn count_apart(self: &Arc<Self>, id: &str, pid: Option<u32>) -> Apart {
        let groups = pid.map(|pid| groups_of(id, pid)).unwrap_or_default();
        let stops = self.freezes_at_once() && may_freeze(&groups);
        let key = self.lock_outside().add(groups, stops);
        Apart {
            tree: Arc::clone(self),
            key,
            stops,
        }
    }

    /// True where, at any moment since the last call, a container ran of which nobody can tell what it used.
    #[must_use]
    pub fn take_uncounted(&self) -> bool {
        self.lock_outside().take_missed()
    }

    /// True where a container ran that a freeze of the tree reached, though it lay outside of it.
    #[must_use]
    pub fn stops_what_is_outside(&self) -> bool {
        self.lock_outside().stopped
    }

    pub(super) fn lock_outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn groups_of(id: &str, pid: u32) -> Vec<Group> {
    let told = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups_named(&Hierarchy::find(), &told, id)
}

/// The groups that hold a container and nothing else, one in each hierarchy: every engine and driver names them after its id,
/// and some put its processes deeper. In any other group there is somebody else too.
fn groups_named(all: &[Hierarchy], told: &str, id: &str) -> Vec<Group> {
    let is_its = |folder: &&Path| {
        let name = folder.file_name().unwrap_or_default();
        !id.is_empty() && name.to_string_lossy().contains(id)
    };
    let found = all.iter().filter_map(|hierarchy| {
        let path = hierarchy.path_in(told)?;
        hierarchy.group_at(path.ancestors().find(is_its)?)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::groups::read_mounts;
    use super::*;

    const ID: &str = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";

    /// A unified hierarchy of plain files.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn put(&self, group: &str, microseconds: u64) -> PathBuf {
            let folder = self.0.path().join(group);
            fs::create_dir_all(&folder).unwrap();
            let used = format!("usage_usec {microseconds}\nuser_usec 0\n");
            fs::write(folder.join("cpu.stat"), used).unwrap();
            fs::write(folder.join("cgroup.freeze"), "0").unwrap();
            folder
        }

        fn found(&self, told: &str) -> Vec<Group> {
            let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", self.0.path().display());
            groups_named(&read_mounts(&mounts), told, ID)
        }
    }

    #[test]
    fn a_containers_group_is_found_by_its_name_whatever_the_driver_and_no_other_is_taken() {
        let host = Host::new();
        for (group, below) in [
            (format!("system.slice/docker-{ID}.scope"), ""),
            (format!("docker/{ID}"), ""),
            (format!("machine.slice/libpod-{ID}.scope"), "/container"),
        ] {
            let folder = host.put(&group, 5);
            host.put(&format!("{group}{below}"), 5);
            let found = host.found(&format!("1:name=systemd:/\n0::/{group}{below}\n"));
            let paths: Vec<_> = found.iter().map(Group::path).collect();
            assert_eq!(paths, [folder.as_path()]);
        }
        host.put("user.slice", 5);
        let elsewhere = format!("0::/../system.slice/docker-{ID}.scope\n");
        for told in ["0::/\n", "0::/user.slice\n", elsewhere.as_str(), ""] {
            assert!(host.found(told).is_empty(), "{told:?}");
        }
    }

    #[test]
    fn what_a_container_used_stays_counted_when_its_group_is_gone() {
        let host = Host::new();
        let name = format!("system.slice/docker-{ID}.scope");
        let told = format!("0::/{name}\n");
        let folder = host.put(&name, 1_500_000);
        let mut outside = Outside::default();
        let key = outside.add(host.found(&told), false);
        assert_eq!(outside.cpu_time(), Duration::from_millis(1500));
        assert!(!outside.take_missed());
        host.put(&name, 2_250_000);
        outside.living.get_mut(&key).unwrap().read();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(outside.cpu_time(), Duration::from_millis(2250));
        outside.remove(key);
        assert_eq!(outside.cpu_time(), Duration::from_millis(2250));
        // The next one of the same name begins at nothing.
        host.put(&name, 1000);
        outside.add(host.found(&told), false);
        assert_eq!(outside.cpu_time(), Duration::from_millis(2251));
    }

    #[test]
    fn one_that_nobody_can_count_is_known_until_the_look_after_its_end() {
        let mut outside = Outside::default();
        let key = outside.add(Vec::new(), false);
        assert!(outside.take_missed() && outside.take_missed());
        outside.remove(key);
        assert!(outside.take_missed());
        assert!(!outside.take_missed());
        let key = outside.add(Vec::new(), false);
        outside.remove(key);
        assert!(outside.take_missed(), "between two looks");
        assert!(!outside.take_missed());
    }

    #[test]
    fn containers_freeze_and_end_with_the_tree_and_are_left_to_the_engine_otherwise() {
        let host = Host::new();
        let name = format!("docker/{ID}");
        let told = format!("0::/{name}\n");
        let folder = host.put(&name, 0);
        let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
        let mut outside = Outside::default();
        assert!(!outside.freeze(true), "nobody is there");
        assert!(may_freeze(&host.found(&told)));
        assert!(!may_freeze(&[]));
        let left = outside.add(host.found(&told), false);
        assert!(!outside.freeze(true));
        assert_eq!(read("cgroup.freeze").as_deref(), Some("0"));
        outside.remove(left);
        let key = outside.add(host.found(&told), true);
        assert_eq!(read("cgroup.freeze").as_deref(), Some("1"));
        assert!(outside.freeze(false));
        assert_eq!(read("cgroup.freeze").as_deref(), Some("0"));
        assert!(outside.freeze(true));
        assert_eq!(read("cgroup.freeze").as_deref(), Some("1"));
        assert_eq!(read("cgroup.kill"), None);
        outside.kill();
        assert_eq!(read("cgroup.kill").as_deref(), Some("1"));
        fs::write(folder.join("cgroup.procs"), "71\n72\n").unwrap();
        assert_eq!(outside.processes(), [71, 72]);
        outside.remove(key);
        assert!(outside.processes().is_empty());
    }
}
