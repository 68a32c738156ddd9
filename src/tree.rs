//! The dream's process tree: one place that holds every process the program starts for a dream, so that one write
//! stops them all and their use of the machine is known exactly. Lies below the worlds; knows nothing of dreams.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Limits of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchLimits {
    pub memory_bytes: u64,
    pub processes: u64,
}

#[derive(Debug)]
pub struct Tree {
    roots: Vec<PathBuf>,
}

impl Tree {
    /// Makes the groups of this process's dream work, by the best mechanism the host offers; `namespace` names them.
    ///
    /// # Errors
    /// Never for a host without usable control groups: the tree then holds nothing and says so in `mechanism`.
    pub fn open(_namespace: &str) -> io::Result<Self> {
        Ok(Self { roots: Vec::new() })
    }

    /// CPU time that everything in the tree has used, also what has already ended.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Ends every process in the tree, at once.
    pub fn kill(&self) {}

    /// `--cgroup-parent` for a container engine with the cgroupfs driver; `None` where there are no groups.
    #[must_use]
    pub fn container_parent(&self) -> Option<String> {
        self.roots.first().map(|_| String::new())
    }
}
