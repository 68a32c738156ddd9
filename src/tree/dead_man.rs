//! Ends what a branch holds once this process is gone, however it went. A process of ours dies with us by itself, but not
//! what it started in turn, as a model server its runners. Held by whoever starts such a process.

use std::io::{self, PipeWriter};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::Branch;

/// Waits for the end of its input, which comes when nobody is left to write to it. Its words are a process group and the
/// folders of control groups. What stands frozen under version 1 alone is left to the next start's sweep.
const SCRIPT: &str = r#"read -r _
kill -9 -- "-$1"
shift
for group; do
    if [ -e "$group/cgroup.kill" ]; then
        echo 1 >"$group/cgroup.kill"
    else
        kill -9 $(cat "$group/cgroup.procs")
    fi
done"#;

/// A shell that outlives us by a moment; ended without a trace when this is dropped.
#[derive(Debug)]
pub struct DeadMan {
    shell: Child,
    _line: PipeWriter,
}

impl DeadMan {
    /// For the branch in which the leader of the process group `leader` runs.
    ///
    /// # Errors
    /// Where no shell can be started.
    pub fn switch(branch: &Branch, leader: u32) -> io::Result<Self> {
        let (end, line) = io::pipe()?;
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "dreamer-dead-man"])
            .arg(leader.to_string())
            .args(branch.groups.iter().map(super::Group::path))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            // What a terminal says to us is not for it.
            .process_group(0)
            .stdin(end)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { shell, _line: line })
    }
}

impl Drop for DeadMan {
    fn drop(&mut self) {
        // Before the line breaks: the numbers may be somebody else's by now.
        self.shell.kill().ok();
        self.shell.wait().ok();
    }
}
