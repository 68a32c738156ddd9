//! Ends what is left of the dreams once this process is gone, however it went. What we start dies with us by itself, but
//! not what a model server starts in turn, nor what a sandbox starts in the moment in which we die.

use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Group;

/// Waits for the end of its input, which comes when nobody is left to write to it; deaf to what is said to a whole session.
/// A process that was being made when its group was frozen holds the line until it goes on: then the next start's sweep is
/// what ends it. Its words are a process group, or
/// nothing, and the folders of control groups. What stands frozen dies as it is, but under version 1 alone: there it is
/// killed first and then thawed.
const SCRIPT: &str = r#"trap '' HUP INT TERM
read -r _
[ -z "$1" ] || kill -s KILL -- "-$1"
shift
for group; do
    if [ -e "$group/cgroup.kill" ]; then
        echo 1 >"$group/cgroup.kill"
    else
        kill -s KILL $(cat "$group/cgroup.procs" "$group"/*/cgroup.procs)
    fi
done
for group; do
    for state in "$group/freezer.state" "$group"/*/freezer.state; do
        [ ! -e "$state" ] || echo THAWED >"$state"
    done
done"#;

/// A shell that outlives us by a moment; ended without a trace when this is dropped.
#[derive(Debug)]
pub struct DeadMan {
    shell: Child,
    /// Open for as long as we live.
    #[cfg_attr(not(test), expect(dead_code, reason = "its end is what counts"))]
    pub(super) line: PipeWriter,
}

impl DeadMan {
    /// For the process group that `leader` leads, which no control group may hold.
    ///
    /// # Errors
    /// Where no shell can be started.
    pub fn of_family(leader: u32) -> io::Result<Self> {
        Self::of(&leader.to_string(), std::iter::empty())
    }

    /// For all that lies in `groups` and right below them.
    pub(super) fn of_groups(groups: &[Group]) -> io::Result<Self> {
        Self::of("", groups.iter().map(Group::path))
    }

    fn of<'a>(leader: &str, groups: impl Iterator<Item = &'a Path>) -> io::Result<Self> {
        let (end, line) = io::pipe()?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "dreamer-dead-man", leader])
            .args(groups)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            // What a terminal says to us is not for it.
            .process_group(0)
            .stdin(end)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell, line })
    }
}

impl Drop for DeadMan {
    fn drop(&mut self) {
        // Before the line breaks: the numbers may be somebody else's by now.
        self.shell.kill().ok();
        self.shell.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use nix::libc::SIGKILL;

    use super::*;

    /// A leader and a child of its own, which nobody's death would tell anything.
    fn family() -> Child {
        let mut leader = Command::new("/bin/sh");
        leader.args(["-c", "sleep 600 & wait"]).process_group(0);
        leader.stdin(Stdio::null()).spawn().expect("it starts")
    }

    /// As when this process dies.
    fn cut(switch: &mut DeadMan) {
        let (_, other) = io::pipe().expect("a pipe");
        drop(std::mem::replace(&mut switch.line, other));
    }

    fn ended_by(leader: &mut Child) -> Option<i32> {
        for _ in 0..100 {
            if let Some(status) = leader.try_wait().expect("it is ours") {
                return status.signal();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    #[test]
    fn where_no_group_holds_it_a_family_dies_with_the_line_and_not_with_the_switch() {
        let mut leader = family();
        let switch = DeadMan::of_family(leader.id()).expect("a shell");
        drop(switch);
        std::thread::sleep(Duration::from_millis(200));
        assert!(leader.try_wait().expect("it is ours").is_none());

        let mut switch = DeadMan::of_family(leader.id()).expect("a shell");
        cut(&mut switch);
        assert_eq!(ended_by(&mut leader), Some(SIGKILL));
    }

    /// Plain files stand for the groups of version 1, which this machine may not have.
    #[test]
    fn what_stands_frozen_under_version_1_is_killed_and_then_goes_on_to_die() {
        let folder = tempfile::tempdir().expect("a folder");
        let (group, below) = (folder.path(), folder.path().join("sandbox"));
        std::fs::create_dir(&below).expect("a folder");
        let mut child = Command::new("sleep");
        let mut child = child
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let put = |path: &Path, text: &str| std::fs::write(path, text).expect("it is written");
        put(&below.join("cgroup.procs"), &format!("{}\n", child.id()));
        let states = [group, &below].map(|group| group.join("freezer.state"));
        for state in &states {
            put(state, "FROZEN\n");
        }
        let mut switch = DeadMan::of("", std::iter::once(group)).expect("a shell");
        cut(&mut switch);
        assert_eq!(ended_by(&mut child), Some(SIGKILL));
        let thawed = |state: &std::path::PathBuf| {
            std::fs::read_to_string(state).is_ok_and(|text| text == "THAWED\n")
        };
        for _ in 0..100 {
            if states.iter().all(thawed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it stands frozen");
    }
}
