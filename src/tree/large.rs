//! Takes the memory of a large process back while it dies: a model server holds gigabytes, and the kernel gives them back on
//! one processor, at the end of its last thread. A thread of ours begins at once, beside it. Called by `Tree::kill`.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use rustix::process::{Signal, pidfd_send_signal};

use super::signals::Roots;

/// The kernel gives up where the dying process itself holds its memory's lock; then it is nearly gone anyway.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_micros(500);

/// Kills each of them that is large and begins to take its memory back; does not wait for that.
pub(super) fn kill(roots: &Roots) {
    for process in roots.values().flatten() {
        if pidfd_send_signal(process, Signal::KILL).is_err() {
            continue;
        }
        let process = Arc::clone(process);
        let named = thread::Builder::new().name("release".to_owned());
        // Without a thread the kernel does it alone, later.
        drop(named.spawn(move || release(&process)));
    }
}

fn release(process: &OwnedFd) {
    for _ in 0..TRIES {
        #[expect(
            unsafe_code,
            reason = "this system call has no safe form here; it takes a descriptor and flags"
        )]
        // SAFETY: it takes numbers alone, and the descriptor is open for as long as it is borrowed.
        let done = unsafe { libc::syscall(libc::SYS_process_mrelease, process.as_raw_fd(), 0) };
        if done == 0 || Errno::last() != Errno::EAGAIN {
            return;
        }
        thread::sleep(BETWEEN);
    }
}
