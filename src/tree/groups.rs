//! Control groups as files: finding the hierarchies, making, limiting, counting, killing and removing groups. Called
//! by the tree alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::BranchLimits;
use super::delegated;
use super::pauses;
use super::process::is_alive;

/// Version 1 controllers that a tree uses. `freezer` only where there is no unified hierarchy.
const V1: [&str; 5] = ["memory", "pids", "cpuacct", "cpu", "freezer"];
/// The kernel's own period in which a group's CPU time is counted.
const CPU_PERIOD_US: u64 = 100_000;
/// A group is busy for a moment after its last process ended.
const REMOVE_WITHIN: Duration = Duration::from_millis(200);

/// One mounted hierarchy.
#[derive(Debug, Clone)]
pub(super) struct Hierarchy {
    mount: PathBuf,
    /// The folder below the mount in which groups are made; empty for the top.
    base: PathBuf,
    v2: bool,
    controllers: Vec<String>,
}

/// One group in one hierarchy.
#[derive(Debug)]
pub(super) struct Group {
    mount: PathBuf,
    path: PathBuf,
    v2: bool,
    controllers: Vec<String>,
}

impl Hierarchy {
    /// The hierarchies of this host that a tree can use.
    pub(super) fn find() -> Vec<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let as_root = nix::unistd::geteuid().is_root();
        let mut found = read_mounts(&mounts);
        let unified = found.iter().any(|h| h.v2);
        found.retain(|h| h.v2 || !(unified && h.controllers == ["freezer"]));
        if !as_root {
            // Somebody else's process may only divide what was handed to it: the group that it already is in.
            for hierarchy in &mut found {
                hierarchy.base = own_group(&own, hierarchy).unwrap_or_default();
            }
        }
        found
    }

    pub(super) fn make(&self, name: &str) -> io::Result<Group> {
        let parent = self.mount.join(&self.base);
        if self.v2 {
            delegated::divide(&parent);
        }
        let path = parent.join(name);
        fs::create_dir(&path)?;
        let controllers = if self.v2 {
            words(&path.join("cgroup.controllers"))
        } else {
            self.controllers.clone()
        };
        Ok(Group {
            mount: self.mount.clone(),
            path,
            v2: self.v2,
            controllers,
        })
    }

    /// The group of a process here, from its `/proc/<pid>/cgroup`, relative to the mount.
    pub(super) fn path_in(&self, told: &str) -> Option<PathBuf> {
        told.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
            let ours = if self.v2 {
                names.is_empty()
            } else {
                names
                    .split(',')
                    .any(|n| self.controllers.iter().any(|c| c == n))
            };
            ours.then(|| PathBuf::from(path.trim_start_matches('/')))
        })
    }

    /// The group at a path relative to the mount, where somebody else made it.
    pub(super) fn group_at(&self, path: &Path) -> Option<Group> {
        let path = self.mount.join(path);
        path.is_dir().then(|| Group {
            mount: self.mount.clone(),
            path,
            v2: self.v2,
            controllers: self.controllers.clone(),
        })
    }

    #[cfg(test)]
    pub(super) fn holds(&self, name: &str) -> bool {
        self.mount.join(&self.base).join(name).exists()
    }
}

/// Hierarchies in the form of `/proc/self/mounts`.
pub(super) fn read_mounts(mounts: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(_), Some(mount), Some(kind), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let controllers: Vec<_> = options
            .split(',')
            .filter(|o| V1.contains(o))
            .map(str::to_owned)
            .collect();
        let v2 = kind == "cgroup2";
        let new = !found
            .iter()
            .any(|h| h.v2 == v2 && h.controllers == controllers);
        if new && (v2 || (kind == "cgroup" && !controllers.is_empty())) {
            found.push(Hierarchy {
                mount: PathBuf::from(mount),
                base: PathBuf::new(),
                v2,
                controllers: if v2 { Vec::new() } else { controllers },
            });
        }
    }
    found
}

/// The group that was handed to this process in a hierarchy, from `/proc/self/cgroup`, relative to the mount.
fn own_group(own: &str, hierarchy: &Hierarchy) -> Option<PathBuf> {
    hierarchy.path_in(own).map(delegated::handed)
}

fn words(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The number behind `key` in a file of `key number` lines.
pub(super) fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

impl Group {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_v2(&self) -> bool {
        self.v2
    }

    pub(super) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }

    /// Whether anything lives in it or below, as the unified hierarchy says.
    pub(super) fn is_populated(&self) -> bool {
        keyed(&self.path.join("cgroup.events"), "populated") == Some(1)
    }

    pub(super) fn path_in_hierarchy(&self) -> String {
        let path = self.path.strip_prefix(&self.mount).unwrap_or(&self.path);
        path.to_string_lossy().into_owned()
    }

    pub(super) fn divide(&self, name: &str) -> io::Result<Self> {
        if self.v2 {
            delegated::divide(&self.path);
        }
        let path = self.path.join(name);
        fs::create_dir(&path)?;
        Ok(self.at(path))
    }

    /// The group of this name below, where somebody else made it.
    pub(super) fn existing(&self, name: &str) -> Option<Self> {
        let path = self.path.join(name);
        path.is_dir().then(|| self.at(path))
    }

    fn at(&self, path: PathBuf) -> Self {
        Self {
            mount: self.mount.clone(),
            path,
            v2: self.v2,
            controllers: self.controllers.clone(),
        }
    }

    /// Swap is limited together with memory; not every kernel counts it, nor hands out CPU time in parts.
    pub(super) fn limit(&self, limits: BranchLimits) -> io::Result<()> {
        let memory = limits.memory_bytes.to_string();
        if self.has("memory") && self.v2 {
            fs::write(self.path.join("memory.max"), &memory)?;
            let _ = fs::write(self.path.join("memory.swap.max"), "0");
        } else if self.has("memory") {
            fs::write(self.path.join("memory.limit_in_bytes"), &memory)?;
            let _ = fs::write(self.path.join("memory.memsw.limit_in_bytes"), &memory);
        }
        if self.has("pids") {
            fs::write(self.path.join("pids.max"), limits.processes.to_string())?;
        }
        if self.has("cpu") {
            let quota = limits.cpu_milli * CPU_PERIOD_US / 1000;
            let _ = if self.v2 {
                fs::write(
                    self.path.join("cpu.max"),
                    format!("{quota} {CPU_PERIOD_US}"),
                )
            } else {
                fs::write(self.path.join("cpu.cfs_quota_us"), quota.to_string())
            };
        }
        Ok(())
    }

    pub(super) fn oom_kills(&self) -> Option<u64> {
        let file = if self.v2 {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        self.has("memory")
            .then(|| keyed(&self.path.join(file), "oom_kill"))?
    }

    pub(super) fn process_refusals(&self) -> Option<u64> {
        self.has("pids")
            .then(|| keyed(&self.path.join("pids.events"), "max"))?
    }

    fn cpu_time(&self) -> Option<Duration> {
        if self.v2 {
            keyed(&self.path.join("cpu.stat"), "usage_usec").map(Duration::from_micros)
        } else if self.has("cpuacct") {
            let text = fs::read_to_string(self.path.join("cpuacct.usage")).ok()?;
            text.trim().parse().ok().map(Duration::from_nanos)
        } else {
            None
        }
    }

    /// Removes the group and everything below it; false where something is left.
    pub(super) fn remove(&self) -> bool {
        remove_below(&self.path);
        for pause in pauses::up_to(REMOVE_WITHIN) {
            match fs::remove_dir(&self.path) {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(pause);
                }
                Err(_) => return false,
            }
        }
        false
    }
}

pub(super) fn children(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    folders.map(|e| e.path()).collect()
}

fn remove_below(path: &Path) {
    for child in children(path) {
        remove_below(&child);
        let _ = fs::remove_dir(&child);
    }
}

fn listed_below(path: &Path, file: &str, into: &mut Vec<u32>) {
    let listed = words(&path.join(file));
    into.extend(listed.iter().filter_map(|w| w.parse::<u32>().ok()));
    for child in children(path) {
        listed_below(&child, file, into);
    }
}

/// Every number of one of these files, each once: the first for version 1, the second for the unified hierarchy.
fn listed(groups: &[Group], files: [&str; 2]) -> Vec<u32> {
    let mut all = Vec::new();
    for group in groups {
        listed_below(&group.path, files[usize::from(group.v2)], &mut all);
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Every process in the groups, each once.
pub(super) fn processes(groups: &[Group]) -> Vec<u32> {
    listed(groups, ["cgroup.procs"; 2])
}

/// Every thread in the groups, each once.
pub(super) fn threads(groups: &[Group]) -> Vec<u32> {
    // One hierarchy holds them all, and while they wait to die each file read counts.
    let one = groups.iter().position(Group::is_v2).unwrap_or(0);
    let one = groups.get(one..=one).unwrap_or_default();
    listed(one, ["tasks", "cgroup.threads"])
}

/// The largest of the counters: they count the same processes.
pub(super) fn cpu_time(groups: &[Group]) -> Duration {
    let times = groups.iter().filter_map(Group::cpu_time);
    times.max().unwrap_or_default()
}

pub(super) fn count_cpu(groups: &[Group]) -> bool {
    groups.iter().any(|group| group.cpu_time().is_some())
}

/// Groups named as trees of `namespace` whose process is no more, in every hierarchy of the host: a container engine
/// makes a group of the tree's name also where the tree itself has none.
pub(super) fn stale(namespace: &str) -> Vec<Group> {
    let mut folders: Vec<(PathBuf, PathBuf, bool)> = mount_points()
        .into_iter()
        .map(|(mount, v2)| (mount.clone(), mount, v2))
        .collect();
    for hierarchy in Hierarchy::find() {
        let base = hierarchy.mount.join(&hierarchy.base);
        if base != hierarchy.mount {
            folders.push((hierarchy.mount, base, hierarchy.v2));
        }
    }
    let mut found = Vec::new();
    for (mount, folder, v2) in folders {
        for path in children(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if owner(&name, namespace).is_some_and(|(pid, start)| !is_alive(pid, start)) {
                found.push(Group {
                    mount: mount.clone(),
                    path,
                    v2,
                    controllers: Vec::new(),
                });
            }
        }
    }
    found
}

/// Every mounted hierarchy of the host, and whether it is the unified one.
fn mount_points() -> Vec<(PathBuf, bool)> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fields = mounts.lines().map(|l| l.split(' ').skip(1));
    let read = fields.filter_map(|mut f| Some((PathBuf::from(f.next()?), f.next()?)));
    let groups = read.filter(|(_, kind)| *kind == "cgroup" || *kind == "cgroup2");
    groups
        .map(|(mount, kind)| (mount, kind == "cgroup2"))
        .collect()
}

/// The process that made the tree of this name: its number and its start.
fn owner(name: &str, namespace: &str) -> Option<(u32, u64)> {
    let rest = name.strip_prefix(namespace)?.strip_prefix('-')?;
    let mut numbers = rest.split('-');
    let owner = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    let _serial: u64 = numbers.next()?.parse().ok()?;
    numbers.next().is_none().then_some(owner)
}

/// Removes empty groups of this name from every hierarchy of the host.
pub(super) fn remove_everywhere(name: &str) {
    for (mount, _) in mount_points() {
        let path = mount.join(name);
        remove_below(&path);
        let _ = fs::remove_dir(path);
    }
}

#[cfg(test)]
mod tests {
    use super::{own_group, owner, read_mounts};

    const HYBRID: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
";

    #[test]
    fn hierarchies_are_read_from_the_mounts() {
        let found = read_mounts(HYBRID);
        let names: Vec<_> = found
            .iter()
            .map(|h| h.mount.display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "/sys/fs/cgroup/memory",
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/unified"
            ]
        );
        assert_eq!(found[1].controllers, ["cpu", "cpuacct"]);
        let pure = read_mounts("cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n");
        assert!(pure.len() == 1 && pure[0].v2);
    }

    #[test]
    fn a_user_divides_the_group_that_it_is_in() {
        let own = "4:memory:/a/b\n1:cpu,cpuacct:/\n0::/user.slice/x.service\n";
        let found = read_mounts(HYBRID);
        let groups: Vec<_> = found.iter().map(|h| own_group(own, h)).collect();
        let text = |n: usize| groups[n].as_ref().map(|p| p.display().to_string());
        assert_eq!(text(0).as_deref(), Some("a/b"));
        assert_eq!(text(1).as_deref(), Some(""));
        assert_eq!(text(2).as_deref(), Some("user.slice/x.service"));
    }

    #[test]
    fn only_names_of_trees_have_an_owner() {
        assert_eq!(owner("dream-12-345-0", "dream"), Some((12, 345)));
        assert_eq!(owner("dream-12-345", "dream"), None);
        assert_eq!(owner("dream-other-12-345-0", "dream"), None);
        assert_eq!(owner("dreamy-12-345-0", "dream"), None);
    }
}
