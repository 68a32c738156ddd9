//! Puts a process where it belongs before its first instruction: its groups, its limits, its CPU and IO class, its
//! user, and none of our open files but the one it is handed. Called for everything that the program starts for a dream.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};

/// `ioprio_set`: one process.
pub const IOPRIO_WHO_PROCESS: libc::c_int = 1;
/// `ioprio_set`: the idle class.
pub const IOPRIO_IDLE: libc::c_int = 3 << 13;

/// Gives a thread the ordinary CPU class and, where that is allowed, the ordinary niceness. One that is gone, or that
/// may not be touched, stays as it is.
pub(super) fn hurry(thread: u32) {
    let Ok(thread) = libc::pid_t::try_from(thread) else {
        return;
    };
    #[expect(
        unsafe_code,
        reason = "these system calls have no safe form here; they take plain values and one structure on the stack"
    )]
    // SAFETY: `parameters` is a plain structure for which all zeroes are valid, and it outlives the call.
    unsafe {
        let parameters: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(thread, libc::SCHED_OTHER, &raw const parameters);
        libc::setpriority(libc::PRIO_PROCESS, thread.unsigned_abs(), 0);
    }
}

/// Lowers the calling thread to the last in every queue, for CPU and disk; it cannot be raised again. Where the system
/// refuses it stays as it is.
pub fn lower_this_thread() {
    #[expect(
        unsafe_code,
        reason = "these system calls have no safe form here; they take plain values"
    )]
    // SAFETY: both take numbers alone; 0 means the caller.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 19);
        libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
    }
}

/// Where a process goes.
#[derive(Debug)]
pub struct Placement {
    /// Files of the version 1 groups that a process joins by writing to them.
    procs: Vec<CString>,
    /// The group in the unified hierarchy.
    unified: Option<CString>,
    niceness: u8,
    limits: Vec<(Resource, u64)>,
    dies_with_us: bool,
    kept: Option<OwnedFd>,
}

impl Placement {
    pub(super) fn new(procs: Vec<CString>, unified: Option<CString>, niceness: u8) -> Self {
        Self {
            procs,
            unified,
            niceness,
            limits: Vec::new(),
            dies_with_us: false,
            kept: None,
        }
    }

    /// The process cannot raise these again, and what it starts has them too.
    #[must_use]
    pub fn limiting(mut self, limits: &[(Resource, u64)]) -> Self {
        self.limits.extend_from_slice(limits);
        self
    }

    /// The process is killed when the thread that starts it ends: start it from one that never does (`Spawner`).
    #[must_use]
    pub fn dying_with_us(mut self) -> Self {
        self.dies_with_us = true;
        self
    }

    /// The process finds this file open under the number that it has here.
    #[must_use]
    pub fn keeping(mut self, file: OwnedFd) -> Self {
        self.kept = Some(file);
        self
    }

    /// Makes `command` start inside the groups, with the dream's CPU and IO class, without any open file beyond the
    /// first three, and, with `user`, as that user and group without supplementary groups.
    pub fn apply(self, command: &mut Command, user: Option<u32>) {
        #[expect(
            unsafe_code,
            reason = "pre_exec has no safe form; the closure only makes system calls on memory made before the fork"
        )]
        // SAFETY: between fork and exec the closure neither allocates nor takes a lock: it reads `self` and calls
        // open, write, close, prctl, setrlimit, setpriority, sched_setscheduler, ioprio_set, close_range, fcntl, setgroups,
        // setresgid, setresuid, each of which is async-signal-safe.
        unsafe {
            command.pre_exec(move || self.enter(user, false));
        }
    }

    /// The file of the unified group that a process joins by writing to it.
    pub(super) fn unified(&self) -> Option<&CStr> {
        self.unified.as_deref()
    }

    /// Called in the new process. `born` in the unified group, it has nothing to join there.
    #[expect(unsafe_code, reason = "raw system calls between fork and exec")]
    pub(super) fn enter(&self, user: Option<u32>, born: bool) -> io::Result<()> {
        let joined = self.unified.iter().filter(|_| !born);
        for path in self.procs.iter().chain(joined) {
            // SAFETY: the path is a C string and the buffer is one byte long.
            let done = unsafe {
                let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
                let written = fd >= 0 && libc::write(fd, c"0".as_ptr().cast(), 1) == 1;
                let error = io::Error::last_os_error();
                if fd >= 0 {
                    libc::close(fd);
                }
                if written { Ok(()) } else { Err(error) }
            };
            done?;
        }
        // SAFETY: plain values; a refusal leaves the sweep at the next start.
        #[cfg(target_os = "linux")]
        if self.dies_with_us {
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        }
        for (resource, limit) in &self.limits {
            setrlimit(*resource, *limit, *limit)?;
        }
        // SAFETY: plain values and one structure on the stack. A refusal of a lower priority is no reason to stop.
        unsafe {
            libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
            if self.niceness > 0 {
                libc::setpriority(libc::PRIO_PROCESS, 0, libc::c_int::from(self.niceness));
            }
            if self.niceness >= 19 {
                let parameters: libc::sched_param = std::mem::zeroed();
                libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters);
            }
            // Marked, not closed: the standard library still needs one of them to report a failed exec.
            let first: libc::c_uint = 3;
            let ranged = libc::syscall(
                libc::SYS_close_range,
                first,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
            if ranged != 0 {
                for fd in 3..1024 {
                    libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
                }
            }
            if let Some(kept) = &self.kept {
                libc::fcntl(kept.as_raw_fd(), libc::F_SETFD, 0);
            }
            if let Some(id) = user {
                become_user(id)?;
            }
        }
        Ok(())
    }
}

/// The kernel's calls themselves: the C library's would ask the threads of a process, and one that was not forked by it
/// believes that it still has its parent's.
#[expect(unsafe_code, reason = "raw system calls between fork and exec")]
unsafe fn become_user(id: u32) -> io::Result<()> {
    // SAFETY: plain values and, for a list of no groups, a null pointer.
    let refused = unsafe {
        libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) != 0
            || libc::syscall(libc::SYS_setresgid, id, id, id) != 0
            || libc::syscall(libc::SYS_setresuid, id, id, id) != 0
    };
    if refused {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
