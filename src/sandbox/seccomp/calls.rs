//! The list: what Python, its standard library and threads, processes, files and sockets of one's own need. Read by
//! `seccomp` alone.

use nix::libc;

use crate::tree;

/// A condition on one argument, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Only {
    /// It has this value.
    Is(u8, u64),
    /// It has another value than this.
    Not(u8, u64),
    /// It has none of these bits.
    Without(u8, u64),
}

use Only::{Is, Not, Without};

/// Names of the C library's numbers beside these numbers.
macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// What a newer C library tries first and does without; numbers this high are the same on every processor.
pub(super) const NEWER: &[(&str, i64)] = &[
    // Its flags are in memory, where a filter cannot see them.
    ("clone3", 435),
    ("futex_waitv", 449),
    ("set_mempolicy_home_node", 450),
    ("cachestat", 451),
    ("map_shadow_stack", 453),
    ("futex_wake", 454),
    ("futex_wait", 455),
    ("futex_requeue", 456),
    ("mseal", 462),
];

#[rustfmt::skip]
const EVERYWHERE: &[(&str, i64)] = calls!(
    // Files.
    SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv SYS_pwritev
    SYS_preadv2 SYS_pwritev2 SYS_dup SYS_dup3 SYS_sendfile SYS_fcntl SYS_flock SYS_fsync SYS_fdatasync SYS_sync
    SYS_syncfs SYS_truncate SYS_ftruncate SYS_getcwd SYS_chdir SYS_fchdir SYS_fchmod SYS_fchown SYS_umask SYS_statfs
    SYS_fstatfs SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_setxattr
    SYS_lsetxattr SYS_fsetxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr SYS_openat SYS_openat2 SYS_mkdirat
    SYS_mknodat SYS_fchownat SYS_newfstatat SYS_unlinkat SYS_renameat2 SYS_linkat SYS_symlinkat SYS_readlinkat
    SYS_fchmodat SYS_faccessat SYS_faccessat2 SYS_utimensat SYS_fallocate SYS_fadvise64 SYS_readahead SYS_getdents64
    SYS_copy_file_range SYS_statx SYS_splice SYS_tee SYS_sync_file_range SYS_close_range SYS_memfd_create SYS_pipe2
    SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch
    // Memory.
    SYS_mmap SYS_mprotect SYS_munmap SYS_brk SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_mlock SYS_mlock2
    SYS_munlock SYS_mlockall SYS_munlockall SYS_membarrier
    // Waiting, events and time.
    SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2 SYS_signalfd4
    SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_nanosleep SYS_clock_nanosleep SYS_clock_gettime
    SYS_clock_getres SYS_gettimeofday SYS_getitimer SYS_setitimer SYS_timer_create SYS_timer_settime SYS_timer_gettime
    SYS_timer_getoverrun SYS_timer_delete SYS_times
    // Processes, threads and signals of one's own.
    SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_kill SYS_tkill SYS_tgkill SYS_pidfd_open
    SYS_pidfd_send_signal SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigpending SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_sigaltstack SYS_restart_syscall SYS_sched_yield
    SYS_sched_getaffinity SYS_sched_getscheduler SYS_sched_getparam SYS_sched_getattr SYS_sched_get_priority_max
    SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_getpriority SYS_futex SYS_set_tid_address
    SYS_set_robust_list SYS_get_robust_list SYS_rseq SYS_prctl SYS_getrusage SYS_getcpu
    SYS_getpid SYS_gettid SYS_getppid SYS_setpgid SYS_getpgid SYS_getsid SYS_setsid
    // Users: without rights these change nothing, and process 1 of a container needs them.
    SYS_getuid SYS_getgid SYS_geteuid SYS_getegid SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid
    SYS_setresgid SYS_getresuid SYS_getresgid SYS_setfsuid SYS_setfsgid SYS_getgroups SYS_setgroups SYS_capget
    // Sockets, beside the two that make them.
    SYS_connect SYS_accept SYS_accept4 SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg
    SYS_shutdown SYS_bind SYS_listen SYS_getsockname SYS_getpeername SYS_setsockopt SYS_getsockopt
    // The rest.
    SYS_getrandom SYS_uname SYS_sysinfo
);

/// Calls that only this processor still has in their old form.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const HERE: &[(&str, i64)] = calls!(
    SYS_open SYS_stat SYS_lstat SYS_poll SYS_access SYS_pipe SYS_select SYS_dup2 SYS_alarm SYS_pause SYS_fork SYS_vfork
    SYS_rename SYS_renameat SYS_mkdir SYS_rmdir SYS_creat SYS_link SYS_unlink SYS_symlink SYS_readlink SYS_chmod
    SYS_chown SYS_lchown SYS_getpgrp SYS_utime SYS_utimes SYS_futimesat SYS_mknod SYS_epoll_create SYS_epoll_wait
    SYS_inotify_init SYS_signalfd SYS_eventfd SYS_time SYS_arch_prctl SYS_getdents SYS_getrlimit SYS_setrlimit
);
#[cfg(not(target_arch = "x86_64"))]
const HERE: &[(&str, i64)] = &[];

/// Calls on every argument of which a job may decide.
pub(super) const ALLOWED: [&[(&str, i64)]; 3] = [EVERYWHERE, HERE, &[("SYS_fchmodat2", 452)]];

/// Kinds of namespaces that `clone` makes, all of them bits of its first 32.
const NAMESPACES: u64 = 0x7e02_0000;
/// `ioctl`: puts characters into a terminal's input.
const TIOCSTI: u64 = 0x5412;
const UNIX: u64 = 1;
const INET: u64 = 2;
const INET6: u64 = 10;
const TCP: u64 = 6;
const UDP: u64 = 17;

const IOPRIO_WHO_PROCESS: u64 = tree::IOPRIO_WHO_PROCESS as u64;
const IOPRIO_IDLE: u64 = tree::IOPRIO_IDLE as u64;

/// Calls that are allowed where one row's conditions all hold.
pub(super) const SOME: &[(&str, i64, &[Only])] = &[
    ("clone", libc::SYS_clone, &[Without(0, NAMESPACES)]),
    ("ioctl", libc::SYS_ioctl, &[Not(1, TIOCSTI)]),
    // Of the many families and protocols of the kernel those that talk to oneself.
    ("socket", libc::SYS_socket, &[Is(0, UNIX)]),
    ("socket", libc::SYS_socket, &[Is(0, INET), Is(2, 0)]),
    ("socket", libc::SYS_socket, &[Is(0, INET), Is(2, TCP)]),
    ("socket", libc::SYS_socket, &[Is(0, INET), Is(2, UDP)]),
    ("socket", libc::SYS_socket, &[Is(0, INET6), Is(2, 0)]),
    ("socket", libc::SYS_socket, &[Is(0, INET6), Is(2, TCP)]),
    ("socket", libc::SYS_socket, &[Is(0, INET6), Is(2, UDP)]),
    ("socketpair", libc::SYS_socketpair, &[Is(0, UNIX)]),
    // Of oneself, not of process 1: it may be the same user's.
    ("prlimit64", libc::SYS_prlimit64, &[Is(0, 0)]),
    ("setpriority", libc::SYS_setpriority, &[Is(0, 0), Is(1, 0)]),
    (
        "sched_setaffinity",
        libc::SYS_sched_setaffinity,
        &[Is(0, 0)],
    ),
    (
        "sched_setscheduler",
        libc::SYS_sched_setscheduler,
        &[Is(0, 0)],
    ),
    ("sched_setparam", libc::SYS_sched_setparam, &[Is(0, 0)]),
    ("sched_setattr", libc::SYS_sched_setattr, &[Is(0, 0)]),
    // To the idle class only: who has it could take a better one without any right.
    (
        "ioprio_set",
        libc::SYS_ioprio_set,
        &[Is(0, IOPRIO_WHO_PROCESS), Is(1, 0), Is(2, IOPRIO_IDLE)],
    ),
];
