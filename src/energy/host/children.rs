//! What this process and all that it starts have used, where no control group counts it: from the walk through `/proc`, family
//! by family. Pure; part of the host's senses.
//!
//! The sum over a living family falls when a part of it ends that nobody of ours waits for: a sandbox's first process is killed,
//! and what it started is waited for by the system's own. What was counted once therefore stays counted.

use std::collections::BTreeMap;

use super::Processes;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// By each child of ours, its number and its start, what it and its descendants had at the last look.
    families: BTreeMap<(u32, u64), f64>,
    /// What those had that we have waited for.
    waited: f64,
    sum: f64,
}

impl Children {
    /// CPU seconds of the process `me` and of all that it ever started; never less than at the look before.
    pub(super) fn look(&mut self, all: &Processes, me: u32) -> f64 {
        let mut before = std::mem::take(&mut self.families);
        for child in all.children(me) {
            let Some(started) = all.started(*child) else {
                continue;
            };
            let used: f64 = all
                .family(*child)
                .iter()
                .map(|pid| all.used(*pid, true))
                .sum();
            let had = before.remove(&(*child, started)).unwrap_or_default();
            self.sum += (used - had).max(0.0);
            self.families.insert((*child, started), used);
        }
        // Whom we waited for tells us all of it to its end: what it had when it was last seen is in the sum already. Of all
        // that we did not wait for, that is the whole.
        let waited = all.used(me, true) - all.used(me, false);
        let counted: f64 = before.values().sum();
        self.sum += (waited - self.waited - counted).max(0.0);
        self.waited = waited;
        all.used(me, false) + self.sum
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const ME: u32 = 50;

    /// A process of its parent's with so many hundredths of a second of its own, and of children that it waited for.
    fn put(proc: &Path, pid: u32, parent: u32, own: u64, waited: u64) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        let stat = format!(
            "{pid} (x) R {parent} 1 1 0 -1 0 0 0 0 0 {own} 0 {waited} 0 20 0 1 0 {pid} 1 1"
        );
        fs::write(folder.join("stat"), stat).expect("it is written");
    }

    fn end(proc: &Path, pid: u32) {
        fs::remove_dir_all(proc.join(pid.to_string())).expect("it ends");
    }

    #[track_caller]
    fn check(children: &mut Children, proc: &Path, expected: f64) {
        let found = children.look(&Processes::read(proc), ME);
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn a_sandbox_that_ends_keeps_what_it_used() {
        let proc = tempfile::tempdir().expect("a folder");
        let proc = proc.path();
        let mut children = Children::default();
        put(proc, ME, 1, 100, 0);
        put(proc, 60, ME, 5, 0);
        put(proc, 61, 60, 200, 300);
        check(&mut children, proc, 6.05);
        put(proc, 61, 60, 240, 350);
        check(&mut children, proc, 6.95);
        // It is killed: we wait for the first process, and the system for the other.
        end(proc, 60);
        end(proc, 61);
        put(proc, ME, 1, 110, 5);
        check(&mut children, proc, 7.05);
        // The next one has the first one's number.
        put(proc, 60, ME, 40, 0);
        check(&mut children, proc, 7.45);
    }

    #[test]
    fn what_we_waited_for_counts_to_its_end_and_once() {
        let proc = tempfile::tempdir().expect("a folder");
        let proc = proc.path();
        let mut children = Children::default();
        put(proc, ME, 1, 100, 700);
        put(proc, 60, ME, 200, 0);
        check(&mut children, proc, 10.0);
        // A model server, which used half a second more before it ended.
        end(proc, 60);
        put(proc, ME, 1, 100, 950);
        check(&mut children, proc, 10.5);
        // One that began and ended between two looks.
        put(proc, ME, 1, 100, 970);
        check(&mut children, proc, 10.7);
        check(&mut children, proc, 10.7);
    }
}
