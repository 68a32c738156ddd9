//! Puts a process where it belongs before its first instruction: its groups, its CPU and IO class, its user, and none
//! of our open files. Called for everything that the program starts for a dream.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;

/// `ioprio_set`: the process itself, class idle.
const IOPRIO_WHO_PROCESS: libc::c_int = 1;
const IOPRIO_IDLE: libc::c_int = 3 << 13;

/// Where a process goes.
#[derive(Debug, Clone)]
pub struct Placement {
    pub(super) procs: Vec<CString>,
    pub(super) niceness: u8,
}

impl Placement {
    /// Makes `command` start inside the groups, with the dream's CPU and IO class, without any open file beyond the
    /// first three, and, with `user`, as that user and group without supplementary groups.
    pub fn apply(self, command: &mut Command, user: Option<u32>) {
        #[expect(
            unsafe_code,
            reason = "pre_exec has no safe form; the closure only makes system calls on memory made before the fork"
        )]
        // SAFETY: between fork and exec the closure neither allocates nor takes a lock: it reads `self` and calls
        // open, write, close, setpriority, sched_setscheduler, ioprio_set, close_range, setgroups, setresgid,
        // setresuid, each of which is async-signal-safe.
        unsafe {
            command.pre_exec(move || self.enter(user));
        }
    }

    #[expect(unsafe_code, reason = "raw system calls between fork and exec")]
    fn enter(&self, user: Option<u32>) -> io::Result<()> {
        for path in &self.procs {
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
        // SAFETY: plain values and one structure on the stack. A refusal of a lower priority is no reason to stop.
        unsafe {
            if self.niceness > 0 {
                libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
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
            if let Some(id) = user
                && (libc::setgroups(0, std::ptr::null()) != 0
                    || libc::setresgid(id, id, id) != 0
                    || libc::setresuid(id, id, id) != 0)
            {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}
