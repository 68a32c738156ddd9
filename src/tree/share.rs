//! How much of a contended CPU a control group gets, beside all others of its level. Best effort: each process has its
//! own class too, and a host may not let us write. Called by the tree.

use std::fs;

use super::groups::Group;

/// The niceness from which dream work takes only what nobody else wants.
const IDLE_FROM: u8 = 19;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// What nobody else wants.
    Idle,
    /// As much as any other group.
    Ordinary,
    /// All that it can use, as far as the kernel lets one group go before the others: for what dies, whose few
    /// milliseconds of work give the owner memory and processors back. A container engine that cleans up after it has
    /// dozens of threads at ordinary weight, each of which counts as much as a whole group.
    First,
}

impl Share {
    pub(super) fn of(niceness: u8) -> Self {
        if niceness >= IDLE_FROM {
            Self::Idle
        } else {
            Self::Ordinary
        }
    }

    pub(super) fn give(self, group: &Group) {
        if !group.has("cpu") {
            return;
        }
        // The kernel's default and its upper end, in each hierarchy's own unit.
        let (file, ordinary, first) = if group.is_v2() {
            ("cpu.weight", "100", "10000")
        } else {
            ("cpu.shares", "1024", "262144")
        };
        let write = |file: &str, value| _ = fs::write(group.path().join(file), value);
        if self != Self::Idle {
            write("cpu.idle", "0");
        }
        // What idles already has no weight of its own and takes none.
        write(file, if self == Self::First { first } else { ordinary });
        if self == Self::Idle {
            write("cpu.idle", "1");
        }
    }
}
