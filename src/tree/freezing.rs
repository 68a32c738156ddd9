//! Freezing and thawing a tree's groups. Called by the tree alone; who may be frozen, and for how long, is decided
//! elsewhere.

use std::fs;

use super::groups::{Group, children, keyed};

/// Freezes or thaws by the best of the groups; false where none can. One write, which the kernel spreads to everything
/// below: it returns before all stand still.
pub(super) fn freeze(groups: &[Group], frozen: bool) -> bool {
    let v2 = groups.iter().find(|g| g.is_v2());
    let done = v2.is_some_and(|g| {
        let file = g.path().join("cgroup.freeze");
        fs::write(file, if frozen { "1" } else { "0" }).is_ok()
    });
    done || freezer(groups).is_some_and(|g| {
        let state = if frozen { "FROZEN" } else { "THAWED" };
        fs::write(g.path().join("freezer.state"), state).is_ok()
    })
}

/// True where one write freezes a whole tree.
pub(super) fn can_freeze(groups: &[Group]) -> bool {
    let v2 = |g: &Group| g.is_v2() && g.path().join("cgroup.freeze").exists();
    groups.iter().any(v2) || freezer(groups).is_some()
}

/// Whether the kernel says that all is frozen; `None` where it does not say.
pub(super) fn is_frozen(groups: &[Group]) -> Option<bool> {
    if let Some(group) = groups.iter().find(|g| g.is_v2()) {
        return keyed(&group.path().join("cgroup.events"), "frozen").map(|n| n == 1);
    }
    let state = fs::read_to_string(freezer(groups)?.path().join("freezer.state")).ok()?;
    Some(state.trim() == "FROZEN")
}

/// How many groups lie directly below, in the hierarchy that has most of them.
pub(super) fn branches(groups: &[Group]) -> usize {
    let counts = groups.iter().map(|g| children(g.path()).len());
    counts.max().unwrap_or(0)
}

fn freezer(groups: &[Group]) -> Option<&Group> {
    groups.iter().find(|g| !g.is_v2() && g.has("freezer"))
}
