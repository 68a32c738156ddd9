//! Ends what is left of the dreams once this process is gone, however it went. What we start dies with us by itself, but
//! not what a model server starts in turn, nor what a sandbox starts in the moment in which we die.

use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::Group;

/// Waits for the end of its input, which comes when nobody is left to write to it; deaf to what is said to a whole session.
/// A process that was being made when its group was frozen holds the line until it goes on: then the next start's sweep is
/// what ends it. Its words are a process group, or
/// nothing, and the folders of control groups. What stands frozen under version 1 alone is left to the next start's sweep.
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
        Self::of(&leader.to_string(), &[])
    }

    /// For all that lies in `groups` and right below them.
    pub(super) fn of_groups(groups: &[Group]) -> io::Result<Self> {
        Self::of("", groups)
    }

    fn of(leader: &str, groups: &[Group]) -> io::Result<Self> {
        let (end, line) = io::pipe()?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "dreamer-dead-man", leader])
            .args(groups.iter().map(Group::path))
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
        let (_, other) = io::pipe().expect("a pipe");
        drop(std::mem::replace(&mut switch.line, other));
        assert_eq!(ended_by(&mut leader), Some(SIGKILL));
    }
}
