//! Every process of the machine with its CPU time, from one walk through `/proc`; and the machine's own counters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Sensed;

/// The kernel tells user space times in hundredths of a second, whatever its own tick (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;

/// Fields of `/proc/stat`'s first line that are work: user, nice, system, irq, softirq. Guest time is in user already.
const WORK: [usize; 5] = [0, 1, 2, 5, 6];
/// All that this machine had: user, nice, system, idle, iowait, irq, softirq. What its host stole behind them it never had:
/// counted in, a program that takes all there is would seem to leave some.
const ALL: usize = 7;

/// The process that all others descend from.
const FIRST: u32 = 1;

/// The process that all threads of the kernel descend from.
const KERNEL: u32 = 2;

#[derive(Debug, Clone, PartialEq)]
struct Process {
    parent: u32,
    name: String,
    /// Running, or ready to.
    ready: bool,
    /// The number of the terminal that it belongs to; 0 for none.
    terminal: u32,
    /// Seconds of its own, and of its children that it has waited for.
    own: f64,
    waited: f64,
    /// When it started, in ticks since the machine did.
    started: u64,
}

#[derive(Debug, Default)]
pub(super) struct Processes {
    all: BTreeMap<u32, Process>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Processes {
    /// Those that exist now; one that ends meanwhile is left out.
    pub(super) fn read(proc: &Path) -> Self {
        let mut processes = Self::default();
        let Ok(entries) = fs::read_dir(proc) else {
            return processes;
        };
        for entry in entries.flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let Some(process) = fs::read(entry.path().join("stat"))
                .ok()
                .and_then(|stat| parse(&String::from_utf8_lossy(&stat)))
            else {
                continue;
            };
            processes
                .children
                .entry(process.parent)
                .or_default()
                .push(pid);
            processes.all.insert(pid, process);
        }
        processes
    }

    /// A process and everything that it started and that has not left it.
    pub(super) fn family(&self, root: u32) -> BTreeSet<u32> {
        let mut family = BTreeSet::new();
        let mut todo = vec![root];
        while let Some(pid) = todo.pop() {
            if self.all.contains_key(&pid) && family.insert(pid) {
                todo.extend(self.children.get(&pid).into_iter().flatten());
            }
        }
        family
    }

    /// What a process has started itself and that has not left it.
    pub(super) fn children(&self, pid: u32) -> &[u32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// CPU seconds of one process; `waited` adds what its children used that it has waited for.
    pub(super) fn used(&self, pid: u32, waited: bool) -> f64 {
        self.all.get(&pid).map_or(0.0, |process| {
            process.own + if waited { process.waited } else { 0.0 }
        })
    }

    pub(super) fn named<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = u32> + 'a {
        self.all
            .iter()
            .filter(|(_, process)| names.contains(&process.name.as_str()))
            .map(|(pid, _)| *pid)
    }

    /// The first process is seen, and with it everybody's: a `/proc` with `hidepid` shows a user only his own.
    pub(super) fn are_all_seen(&self) -> bool {
        self.all.contains_key(&FIRST)
    }

    /// The numbers of all terminals that a process belongs to.
    pub(super) fn terminals(&self) -> BTreeSet<u32> {
        let all = self.all.values().map(|process| process.terminal);
        all.filter(|terminal| *terminal != 0).collect()
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.all.keys().copied()
    }

    /// Running, or ready to.
    pub(super) fn wants_to_run(&self, pid: u32) -> bool {
        self.all.get(&pid).is_some_and(|process| process.ready)
    }

    /// A thread of the kernel itself.
    pub(super) fn is_kernels(&self, pid: u32) -> bool {
        pid == KERNEL
            || self
                .all
                .get(&pid)
                .is_some_and(|process| process.parent == KERNEL)
    }

    /// Every process of a user.
    pub(super) fn of_user(&self, proc: &Path, user: u32) -> Vec<u32> {
        let owned = |pid: &u32| {
            fs::metadata(proc.join(pid.to_string())).is_ok_and(|about| about.uid() == user)
        };
        self.pids().filter(owned).collect()
    }

    /// When a process started; `None` where there is none. With its number it names a process for ever.
    pub(super) fn started(&self, pid: u32) -> Option<u64> {
        self.all.get(&pid).map(|process| process.started)
    }
}

/// One line of `/proc/<pid>/stat`. The name stands in parentheses and may hold anything, so the fields are counted from
/// the last one.
fn parse(stat: &str) -> Option<Process> {
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Counted from 0 after the name: 1 parent, 4 terminal, 11 and 12 own time, 13 and 14 children's, 19 the start.
    let seconds = |index: usize| -> Option<f64> {
        fields
            .get(index)?
            .parse::<f64>()
            .ok()
            .map(|ticks| ticks / TICKS_A_SECOND)
    };
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        name,
        ready: *fields.first()? == "R",
        // Shown as if it had a sign.
        terminal: fields.get(4)?.parse::<i32>().ok()?.cast_unsigned(),
        own: seconds(11)? + seconds(12)?,
        waited: seconds(13)? + seconds(14)?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Busy and total CPU seconds of the whole machine since it booted.
pub(super) fn machine(proc: &Path) -> Result<(f64, f64), String> {
    let path = proc.join("stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    counters(&stat).ok_or_else(|| format!("{} has another form", path.display()))
}

fn counters(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .take(ALL)
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    if ticks.len() < ALL {
        return None;
    }
    let busy: f64 = WORK.iter().map(|index| ticks[*index]).sum();
    let total: f64 = ticks.iter().sum();
    Some((busy / TICKS_A_SECOND, total / TICKS_A_SECOND))
}

/// Share of memory that is not available to a new program.
pub(super) fn memory_used(proc: &Path) -> Sensed<f64> {
    let path = proc.join("meminfo");
    let read = fs::read_to_string(&path).ok().and_then(|text| {
        let kilobytes = |key: &str| -> Option<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let total = kilobytes("MemTotal:").filter(|total| *total > 0.0)?;
        Some(1.0 - kilobytes("MemAvailable:")? / total)
    });
    read.map_or_else(
        || Sensed::Unknown(format!("{} cannot be read", path.display())),
        |share| Sensed::Known(share.clamp(0.0, 1.0)),
    )
}

/// Share of the last ten seconds in which at least one program stood waiting for memory (`some avg10`); `None` on a kernel
/// that does not tell. Our own work at its own limit counts too: whoever waits, the machine is short.
pub(super) fn memory_pressure(proc: &Path) -> Option<f64> {
    let text = fs::read_to_string(proc.join("pressure/memory")).ok()?;
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let mut words = some.split_whitespace();
    let percent = words.find_map(|word| word.strip_prefix("avg10="))?;
    let percent: f64 = percent.parse().ok()?;
    percent
        .is_finite()
        .then(|| (percent / 100.0).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_any_name() {
        let line = "42 (a) b (c)) S 7 42 42 34816 42 4194560 1 2 0 0 150 50 30 20 20 0 1 0 99 1 1";
        let process = parse(line).expect("it is read");
        assert_eq!((process.parent, process.terminal), (7, 34816));
        assert_eq!((process.name.as_str(), process.started), ("a) b (c)", 99));
        assert!((process.own - 2.0).abs() < 1e-9 && (process.waited - 0.5).abs() < 1e-9);
        assert_eq!(parse("garbage"), None);
        assert_eq!(parse("1 (x) S"), None);
    }

    #[test]
    fn waiting_for_the_disk_is_no_work_and_stolen_time_was_never_there() {
        let stat = "cpu  100 100 100 1000 500 50 50 100 70 0\ncpu0 1 1 1 1\n";
        assert_eq!(counters(stat), Some((4.0, 19.0)));
        assert_eq!(counters("cpu  1 2\n"), None);
        assert_eq!(counters("intr 5\n"), None);
    }

    #[test]
    fn pressure_is_the_share_of_the_last_ten_seconds() {
        let proc = tempfile::tempdir().expect("a folder");
        assert_eq!(memory_pressure(proc.path()), None, "an old kernel");
        fs::create_dir(proc.path().join("pressure")).expect("a folder");
        // Recorded from Linux 6.18 at rest; then the same with the figures of a machine that is short.
        for (recorded, expected) in [
            (
                "some avg10=0.00 avg60=0.00 avg300=0.00 total=23996069\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2815070\n",
                Some(0.0),
            ),
            (
                "some avg10=31.72 avg60=9.04 avg300=2.11 total=9284421\nfull avg10=28.60 avg60=8.10 avg300=1.90 total=812\n",
                Some(0.3172),
            ),
            ("some avg10=nan avg60=0\n", None),
            ("full avg10=50.00\n", None),
            ("\0\u{fffd}", None),
        ] {
            fs::write(proc.path().join("pressure/memory"), recorded).expect("it is written");
            assert_eq!(memory_pressure(proc.path()), expected, "{recorded}");
        }
    }
}
