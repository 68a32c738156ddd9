//! The part of the tree that holds one sandbox. Made by the tree.

use std::time::Duration;

use super::groups::{self, Group};
use super::{KILL_WITHIN, killing};

/// The groups of one sandbox. Dropping it kills what is left in it and removes it.
/// The default holds nothing: a sandbox outside of the tree.
#[derive(Debug, Default)]
pub struct Branch {
    pub(super) groups: Vec<Group>,
}

impl Branch {
    /// How often the kernel ended a process of the branch at its memory limit.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        let counters = self.groups.iter().filter_map(Group::oom_kills);
        counters.max().unwrap_or(0)
    }

    /// How often a process could not be made at the branch's process limit.
    #[must_use]
    pub fn process_refusals(&self) -> u64 {
        let counters = self.groups.iter().filter_map(Group::process_refusals);
        counters.max().unwrap_or(0)
    }

    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        groups::cpu_time(&self.groups)
    }

    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        groups::processes(&self.groups)
    }

    pub fn kill(&self) {
        killing::kill(&self.groups, KILL_WITHIN);
    }

    /// Removes the groups if nothing is left in them; waits a moment for what is just ending.
    pub fn remove(&self) -> bool {
        let left = self.groups.iter().filter(|g| !g.remove()).count();
        left == 0
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        self.kill();
        self.remove();
    }
}
