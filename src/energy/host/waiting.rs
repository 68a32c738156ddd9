//! How long other programs stood ready to run and had no processor: a program that our dream starves uses little, and
//! needs the machine all the same. Read from `/proc/<pid>/task/<tid>/schedstat`. Called by the senses alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Processes;

const NANOS: f64 = 1e9;

/// What each process had waited by the look before.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    used: BTreeMap<u32, f64>,
    waited: BTreeMap<u32, f64>,
    sum: f64,
}

impl Waiting {
    /// Seconds that the processes which are not `ours` have waited since the first look, summed. Only those are asked
    /// that ran since the look before or want to run now: the others have not waited.
    pub(super) fn look(&mut self, proc: &Path, all: &Processes, ours: impl Fn(u32) -> bool) -> f64 {
        let mut used = BTreeMap::new();
        let mut waited = BTreeMap::new();
        for pid in all.pids().filter(|pid| !all.is_kernels(*pid)) {
            let now = all.used(pid, false);
            used.insert(pid, now);
            // A model server that works for us no more is not new: what it waited until now was for us.
            if ours(pid) {
                continue;
            }
            let ran = self.used.get(&pid).is_none_or(|before| now > *before);
            if !ran && !all.wants_to_run(pid) {
                // It keeps its place: what it had waited is still the base of the next difference.
                if let Some(before) = self.waited.get(&pid) {
                    waited.insert(pid, *before);
                }
                continue;
            }
            let Some(now) = waited_by(proc, pid) else {
                continue;
            };
            // One that is new has waited since it began; one that was never asked has no base yet.
            let before = match self.waited.get(&pid) {
                Some(before) => Some(*before),
                None if !self.used.is_empty() && !self.used.contains_key(&pid) => Some(0.0),
                None => None,
            };
            if let Some(before) = before {
                // A thread that ended takes its part with it.
                self.sum += (now - before).max(0.0);
            }
            waited.insert(pid, now);
        }
        self.used = used;
        self.waited = waited;
        self.sum
    }
}

/// Seconds that all threads of a process have waited.
fn waited_by(proc: &Path, pid: u32) -> Option<f64> {
    let tasks = fs::read_dir(proc.join(pid.to_string()).join("task")).ok()?;
    let waits = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        delay(&text)
    });
    Some(waits.sum())
}

/// The second field: nanoseconds on a run queue.
fn delay(schedstat: &str) -> Option<f64> {
    let nanos: f64 = schedstat.split_whitespace().nth(1)?.parse().ok()?;
    Some(nanos / NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_waited_since_the_look_before_counts() {
        let proc = tempfile::tempdir().expect("a folder");
        let put = |pid: u32, state: char, ticks: u64, nanos: u64| {
            let task = proc.path().join(format!("{pid}/task/{pid}"));
            fs::create_dir_all(&task).expect("a folder");
            let stat = format!("{pid} (x) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 9 1");
            fs::write(proc.path().join(format!("{pid}/stat")), stat).expect("it is written");
            let line = format!("{ticks}0000000 {nanos} 5");
            fs::write(task.join("schedstat"), line).expect("it is written");
        };
        let mut waiting = Waiting::default();
        let mut look = || waiting.look(proc.path(), &Processes::read(proc.path()), |pid| pid == 9);
        put(7, 'S', 100, 5_000_000_000);
        put(8, 'R', 100, 5_000_000_000);
        put(9, 'R', 100, 5_000_000_000);
        assert!(look().abs() < 1e-9, "the first look has nothing to compare");
        put(8, 'R', 100, 5_250_000_000);
        put(9, 'R', 100, 9_000_000_000);
        assert!((look() - 0.25).abs() < 1e-9, "starved, and not ours");
        put(7, 'S', 100, 7_000_000_000);
        assert!((look() - 0.25).abs() < 1e-9, "it sleeps: not even asked");
        put(10, 'R', 1, 500_000_000);
        assert!(
            (look() - 0.75).abs() < 1e-9,
            "new, and waiting since it began"
        );
        put(11, 'R', 100, 900_000_000_000);
        let look = |waiting: &mut Waiting, ours: u32| {
            waiting.look(proc.path(), &Processes::read(proc.path()), |pid| {
                pid == ours
            })
        };
        let mut waiting = Waiting::default();
        look(&mut waiting, 11);
        look(&mut waiting, 11);
        assert!(look(&mut waiting, 0).abs() < 1e-9, "ours no more, not new");
        put(11, 'R', 100, 900_500_000_000);
        assert!((look(&mut waiting, 0) - 0.5).abs() < 1e-9);
        assert_eq!(delay("garbage"), None);
    }
}
