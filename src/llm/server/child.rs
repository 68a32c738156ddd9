//! One running server process of ours: in its own process group and its own control group below the dreams', dying with
//! us, held by a file descriptor that means this process and no other. Called by the keeper alone.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::task::JoinSet;

use crate::tree::{Adopted, Branch, DeadMan, Spawner, Tree};

/// A server that was asked to end writes nothing that we need: longer than this nobody waits for its memory.
const POLITE: Duration = Duration::from_millis(500);

/// A model's memory in huge pages, where the system gives them to programs that ask (the usual `madvise`): the kernel takes
/// them back many times faster when the server is killed, and reads them faster until then. Read by the C library of
/// GNU from 2.35 on, by others ignored; who sets the variable otherwise is left alone.
const HUGE_PAGES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// A line or two of a log.
const LOG_BYTES: usize = 4096;

/// What it said last lies in a pipe; longer than this only something holds that pipe open which got away.
const LAST_WORDS: Duration = Duration::from_millis(100);

pub(super) struct Process {
    child: Child,
    pid: u32,
    pidfd: AsyncFd<OwnedFd>,
    /// Kills what is left in it when it is dropped.
    branch: Branch,
    /// Ends what it started, should we not come to it.
    _dead_man: Option<DeadMan>,
    _adopted: Adopted,
    /// Over once everything that it said is in the log.
    log: JoinSet<()>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a child is given, no setting of ours"
)]
fn inherits(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

fn watched(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        unsafe_code,
        reason = "the runtime asks for a promise about the descriptor"
    )]
    // SAFETY: the descriptor is owned, lives as long as its registration, and nobody else closes it.
    unsafe {
        Ok(AsyncFd::register(pidfd)?)
    }
}

impl Process {
    /// Starts `command` where a freeze and a kill of the tree reach it; what it says goes to `log`.
    pub(super) async fn start(
        spawner: &Spawner,
        tree: &Arc<Tree>,
        words: &[String],
        mut log: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let (said, say) = io::pipe()?;
        let branch = tree.unlimited_branch("model")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(say.try_clone()?)
            .stderr(say);
        {
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        if !inherits(HUGE_PAGES.0) {
            command.env(HUGE_PAGES.0, HUGE_PAGES.1);
        }
        let placement = tree.placement(Some(&branch)).dying_with_us();
        placement.apply(&mut command, None);
        let child = spawner.spawn(command).await?;
        let gone = || io::Error::other("it ended at once");
        let pid = child.id().ok_or_else(gone)?;
        let raw = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        // It is our child and nobody has waited for it yet: the number cannot mean another process.
        let pidfd = pidfd_open(raw.ok_or_else(gone)?, PidfdFlags::empty())?;
        let dead_man = DeadMan::of_family(pid).inspect_err(|error| {
            tracing::warn!(%error, "should this program be killed, what a model server started may outlive it");
        });
        let mut said = pipe::Receiver::from_owned_fd(said.into())?;
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            let mut buffer = vec![0; LOG_BYTES];
            while let Ok(read @ 1..) = said.read(&mut buffer).await {
                // A log that cannot be written must not stop a server.
                log.write_all(&buffer[..read]).ok();
            }
        });
        let adopted = tree.adopt_large(pid, pidfd.try_clone()?);
        Ok(Self {
            child,
            pid,
            pidfd: watched(pidfd)?,
            branch,
            _dead_man: dead_man.ok(),
            _adopted: adopted,
            log: writing,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns when the process has ended; it can still be asked how, and its group is still its own.
    pub(super) async fn ended(&self) {
        // An error means that there is nothing to wait for any more.
        drop(self.pidfd.readable().await);
    }

    /// Asks it to end, then ends it with everything that it started; returns how it ended.
    pub(super) async fn stop(mut self) -> String {
        // It may have ended meanwhile.
        pidfd_send_signal(self.pidfd.get_ref(), rustix::process::Signal::TERM).ok();
        drop(tokio::time::timeout(POLITE, self.ended()).await);
        self.bury().await
    }

    /// Ends what is left of it, and returns once its last words are in the log: they say most often why it ended. As long as
    /// nobody has waited for the process, its number names its group.
    pub(super) async fn bury(&mut self) -> String {
        if let Ok(group) = i32::try_from(self.pid) {
            killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        }
        self.branch.kill();
        let how = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        drop(tokio::time::timeout(LAST_WORDS, self.log.join_next()).await);
        how
    }
}
