//! A group that was handed to us with ourselves in it, as a service manager hands it to a user's service: version 2 lets
//! nobody divide a group that holds processes, so this process goes into a group of its own below it first. Called by
//! `groups` alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Version 2 controllers that a tree asks for.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];
/// Where this process waits, below the group that it divides.
const ASIDE: &str = "dreamer-self";

/// Hands the controllers down to what is made below the group, where the kernel and the group's owner let us.
pub(super) fn divide(group: &Path) {
    if hand_down(group) {
        return;
    }
    let aside = group.join(ASIDE);
    let _ = fs::create_dir(&aside);
    if enter(&aside).is_ok() && !hand_down(group) {
        // Somebody else is in it too: then it cannot be divided, and we need not stand aside.
        let _ = enter(group);
        let _ = fs::remove_dir(&aside);
    }
}

/// Each controller alone, because one that is missing would refuse them all. False where processes are in the way.
fn hand_down(group: &Path) -> bool {
    let file = group.join("cgroup.subtree_control");
    let tried = CONTROLLERS.map(|controller| fs::write(&file, format!("+{controller}")));
    !tried
        .into_iter()
        .any(|done| done.is_err_and(|error: io::Error| error.kind() == io::ErrorKind::ResourceBusy))
}

/// Puts this process into the group.
fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// The group that was handed to us, where we stand aside in it.
pub(super) fn handed(own: PathBuf) -> PathBuf {
    if own.ends_with(ASIDE) {
        own.parent().map(Path::to_owned).unwrap_or_default()
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_that_was_handed_to_us_stays_the_same_when_we_stand_aside() {
        let handed_to_us = PathBuf::from("user.slice/app.slice/dreamer.service");
        assert_eq!(handed(handed_to_us.clone()), handed_to_us);
        assert_eq!(handed(handed_to_us.join(ASIDE)), handed_to_us);
    }

    #[test]
    fn a_group_without_processes_of_its_own_is_divided_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        divide(folder.path());
        assert!(!folder.path().join(ASIDE).exists());
        let last = fs::read_to_string(folder.path().join("cgroup.subtree_control"));
        assert_eq!(last.unwrap(), "+cpu");
    }
}
