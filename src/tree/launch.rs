//! Starts a process inside its unified group from its first instruction on. Called by the bubblewrap sandbox through
//! the spawner.
//!
//! A process that joins a group of the unified hierarchy waits for the kernel's other processors, several milliseconds,
//! and every fork of the host waits with it; one that is *made* there (`clone3` with `CLONE_INTO_CGROUP`) does not. The
//! standard library has no way to do that. Where the kernel refuses, the process is made outside and joins.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::libc;
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use super::placement::Placement;

/// `CLONE_INTO_CGROUP` and `CLONE_PIDFD` of the kernel's `linux/sched.h`.
const INTO_GROUP: u64 = 0x2_0000_0000;
const WITH_PIDFD: u64 = 0x1000;
/// What a shell's child ends with where its program cannot be started; nobody reads it.
const NOT_STARTED: libc::c_int = 127;

/// What to start: in the root folder, with an empty environment, its three streams as pipes.
#[derive(Debug)]
pub struct Launch {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub placement: Placement,
    /// User and group of the process; ours where there is none.
    pub user: Option<u32>,
}

/// A started process and its streams.
#[derive(Debug)]
pub struct Launched {
    pub input: pipe::Sender,
    pub output: pipe::Receiver,
    pub errors: pipe::Receiver,
    pub process: Process,
}

/// A child of ours, held by a descriptor that means this process and no other. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// Readable once the process has ended; nothing once it was waited for.
    held: Option<AsyncFd<OwnedFd>>,
}

impl Process {
    #[must_use]
    pub fn id(&self) -> u32 {
        self.pid
    }

    pub fn kill(&self) {
        if let Some(held) = &self.held {
            // It may have ended already.
            pidfd_send_signal(held.get_ref(), Signal::KILL).ok();
        }
    }

    /// Waits for its end and takes what the kernel kept of it.
    pub async fn wait(&mut self) {
        if let Some(held) = &self.held {
            // An error means that there is nothing to wait for any more.
            drop(held.readable().await);
            reap(held.get_ref());
            self.held = None;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if let Some(held) = self.held.take().map(AsyncFd::into_inner) {
            // Ending may take a moment, and whoever drops it may be the runtime's own thread.
            std::thread::spawn(move || reap(&held));
        }
    }
}

/// Waits for the end of a child and takes what the kernel kept of it.
fn reap(held: &OwnedFd) {
    // An error means that somebody took it already.
    waitid(WaitId::PidFd(held.as_fd()), WaitIdOptions::EXITED).ok();
}

impl Launch {
    /// Blocks until the program is started. Inside a runtime, on a thread that outlives the process: it dies with the
    /// thread.
    pub(super) fn start(self) -> io::Result<Launched> {
        let (theirs_in, ours_in) = io::pipe()?;
        let (ours_out, theirs_out) = io::pipe()?;
        let (ours_err, theirs_err) = io::pipe()?;
        let (mut failed, fails) = io::pipe()?;
        let words = std::iter::once(self.program.into_os_string()).chain(self.arguments);
        let words: Vec<CString> = words
            .map(|word| CString::new(word.into_vec()))
            .collect::<Result<_, _>>()?;
        let mut pointers: Vec<*const libc::c_char> = words.iter().map(|w| w.as_ptr()).collect();
        pointers.push(std::ptr::null());
        let group = self.placement.unified().and_then(folder);
        let begin = Begin {
            words: &pointers,
            streams: [
                theirs_in.as_raw_fd(),
                theirs_out.as_raw_fd(),
                theirs_err.as_raw_fd(),
            ],
            fails: fails.as_raw_fd(),
            placement: &self.placement,
            user: self.user,
        };
        let (pid, pidfd) = match group.as_ref().map(|group| fork(&begin, Some(group))) {
            Some(Ok(made)) => made,
            // Refused by an old kernel, or by a group that nobody may be born into.
            Some(Err(_)) | None => fork(&begin, None)?,
        };
        let mut process = Process {
            pid,
            held: Some(watched(pidfd)?),
        };
        drop((theirs_in, theirs_out, theirs_err, fails));
        let mut number = [0; 4];
        // Ends without a word once the program runs.
        if failed.read_exact(&mut number).is_ok() {
            // Its last act; who is told of the failure finds nothing of it.
            process.held.take().map(AsyncFd::into_inner).inspect(reap);
            return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)));
        }
        Ok(Launched {
            input: to(ours_in)?,
            output: from(ours_out)?,
            errors: from(ours_err)?,
            process,
        })
    }
}

fn to(end: PipeWriter) -> io::Result<pipe::Sender> {
    pipe::Sender::from_owned_fd(end.into())
}

fn from(end: PipeReader) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(end.into())
}

/// The folder of a group, by the file through which it is joined.
fn folder(procs: &CStr) -> Option<File> {
    let path = PathBuf::from(OsString::from_vec(procs.to_bytes().to_vec()));
    File::open(path.parent()?).ok()
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

/// What the new process does. All of it was made before: it may neither allocate nor take a lock.
struct Begin<'a> {
    /// Ends with a null pointer.
    words: &'a [*const libc::c_char],
    streams: [RawFd; 3],
    fails: RawFd,
    placement: &'a Placement,
    user: Option<u32>,
}

impl Begin<'_> {
    #[expect(unsafe_code, reason = "raw system calls between fork and exec")]
    fn go(&self, born: bool) -> ! {
        let Err(error) = self.try_to(born);
        let number = error.raw_os_error().unwrap_or(libc::EINVAL).to_ne_bytes();
        // SAFETY: four bytes from the stack; this process ends here.
        unsafe {
            libc::write(self.fails, number.as_ptr().cast(), number.len());
            libc::_exit(NOT_STARTED)
        }
    }

    #[expect(unsafe_code, reason = "raw system calls between fork and exec")]
    fn try_to(&self, born: bool) -> io::Result<Infallible> {
        // SAFETY: the streams are open and above the first three, which the standard library keeps open; the set of
        // signals is plain and on the stack.
        unsafe {
            for (number, stream) in (0..).zip(self.streams) {
                if libc::dup2(stream, number) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            // What a program expects to begin with, as the standard library sets it.
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            if libc::chdir(c"/".as_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        self.placement.enter(self.user, born)?;
        let nothing: [*const libc::c_char; 1] = [std::ptr::null()];
        // SAFETY: both lists end with a null pointer, and their strings outlive the call.
        unsafe {
            libc::execve(self.words[0], self.words.as_ptr(), nothing.as_ptr());
        }
        Err(io::Error::last_os_error())
    }
}

/// A copy of this process that begins and does nothing else, made in `group`; its number and a descriptor of it.
#[expect(unsafe_code, reason = "the C library has no call for this")]
fn fork(begin: &Begin<'_>, group: Option<&File>) -> io::Result<(u32, OwnedFd)> {
    let mut pidfd: RawFd = -1;
    // SAFETY: all zeroes are valid and mean "as this process does"; the address is that of a number that outlives the
    // call. Without a stack of its own the copy goes on here, on a copy of this one, and only begins.
    unsafe {
        let mut asked: libc::clone_args = std::mem::zeroed();
        asked.flags = WITH_PIDFD;
        asked.pidfd = (&raw mut pidfd).addr() as u64;
        asked.exit_signal = libc::SIGCHLD as u64;
        if let Some(group) = group {
            asked.flags |= INTO_GROUP;
            asked.cgroup = u64::from(group.as_raw_fd().unsigned_abs());
        }
        let size = size_of::<libc::clone_args>();
        match libc::syscall(libc::SYS_clone3, &raw const asked, size) {
            0 => begin.go(group.is_some()),
            -1 => Err(io::Error::last_os_error()),
            pid => {
                let pid = u32::try_from(pid).map_err(io::Error::other)?;
                Ok((pid, OwnedFd::from_raw_fd(pidfd)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::super::{Spawner, Tree};
    use super::*;

    fn launch(tree: &Tree, words: &[&str]) -> Launch {
        Launch {
            program: words[0].into(),
            arguments: words[1..].iter().map(Into::into).collect(),
            placement: tree.placement(None),
            user: None,
        }
    }

    #[tokio::test]
    async fn a_launched_process_begins_in_every_group_with_nothing_of_ours() {
        let tree = Tree::open("dreamer-test-launch").unwrap();
        let shown =
            "cat /proc/self/cgroup; pwd; env; ls /proc/$$/fd; exec grep SigBlk /proc/self/status";
        let spawner = Spawner::start().unwrap();
        let mut started = spawner
            .launch(launch(&tree, &["/bin/sh", "-c", shown]))
            .await
            .unwrap();
        let mut said = String::new();
        started.output.read_to_string(&mut said).await.unwrap();
        started.process.wait().await;
        for group in &tree.groups {
            let end = format!(":/{}", group.path_in_hierarchy());
            assert!(
                said.lines().any(|line| line.ends_with(&end)),
                "{end} in {said}"
            );
        }
        // A shell adds its own folder to an empty environment.
        let rest: Vec<_> = said.lines().filter(|l| !l.contains(":/")).collect();
        let signals = "SigBlk:\t0000000000000000";
        assert_eq!(rest, ["/", "PWD=/", "0", "1", "2", signals], "{said}");
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_an_error() {
        let tree = Tree::open("dreamer-test-launch-none").unwrap();
        let spawner = Spawner::start().unwrap();
        let failed = spawner.launch(launch(&tree, &["/nowhere"])).await;
        let error = failed.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(tree.processes(), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn a_dropped_process_is_killed_and_leaves_no_zombie() {
        let tree = Tree::open("dreamer-test-launch-drop").unwrap();
        let spawner = Spawner::start().unwrap();
        let started = spawner.launch(launch(&tree, &["/bin/sleep", "600"]));
        let pid = started.await.unwrap().process.id();
        let folder = PathBuf::from(format!("/proc/{pid}"));
        for _ in 0..500 {
            if !folder.exists() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("process {pid} is still there");
    }
}
