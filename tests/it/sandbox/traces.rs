//! The host's side of a hostile job: what it must not read, change or reach, and what must be gone afterwards.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use dreamer::clock;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tempfile::{NamedTempFile, TempDir};

use super::bench::{containers_of, groups_of};

/// How long things of other tests, which run beside this one, may stay.
const PATIENCE: Duration = Duration::from_secs(30);

/// Things on the host that a job would like.
pub(super) struct Bait {
    mark: String,
    folder: TempDir,
    secrets: Vec<NamedTempFile>,
    sentinel: PathBuf,
    /// Left open for whoever inherits it.
    _open: File,
    tcp: TcpListener,
    udp: UdpSocket,
    local: UnixListener,
    hidden: UnixListener,
}

/// Long ago: reading a file whose access time is older than its change sets it anew.
fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

impl Bait {
    pub(super) fn lay() -> Self {
        // Two tests may plant at once in one process.
        static PLANTED: AtomicUsize = AtomicUsize::new(0);
        let number = PLANTED.fetch_add(1, Ordering::Relaxed);
        let mark = format!("planted-mark-{}-{number}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut secrets = Vec::new();
        for place in [home(), std::env::temp_dir()] {
            let file = tempfile::Builder::new()
                .prefix(".planted-")
                .tempfile_in(place);
            let file = file.unwrap();
            fs::write(file.path(), &mark).unwrap();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
            file.as_file()
                .set_times(FileTimes::new().set_accessed(long_ago()))
                .unwrap();
            secrets.push(file);
        }
        let sentinel = folder.path().join("sentinel");
        fs::write(&sentinel, "unchanged").unwrap();
        fs::set_permissions(&sentinel, fs::Permissions::from_mode(0o666)).unwrap();
        let open = folder.path().join("open");
        fs::write(&open, &mark).unwrap();
        let open = File::open(open).unwrap();
        fcntl(open.as_fd(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let udp = UdpSocket::bind(("0.0.0.0", port)).unwrap();
        let local = UnixListener::bind(folder.path().join("socket")).unwrap();
        fs::set_permissions(
            folder.path().join("socket"),
            fs::Permissions::from_mode(0o666),
        )
        .unwrap();
        let name = SocketAddr::from_abstract_name(mark.as_bytes()).unwrap();
        let hidden = UnixListener::bind_addr(&name).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        local.set_nonblocking(true).unwrap();
        hidden.set_nonblocking(true).unwrap();
        Self {
            mark,
            folder,
            secrets,
            sentinel,
            _open: open,
            tcp,
            udp,
            local,
            hidden,
        }
    }

    /// What programs are told about it, as Python literals.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let secrets: Vec<_> = self.secrets.iter().map(|s| quoted(s.path())).collect();
        let port = self.tcp.local_addr().unwrap().port();
        vec![
            ("SECRETS", format!("[{}]", secrets.join(", "))),
            ("MARK", format!("{:?}", self.mark)),
            ("PORT", port.to_string()),
            ("SENTINEL", quoted(&self.sentinel)),
            ("SOCKET", quoted(&self.folder.path().join("socket"))),
            ("ABSTRACT", format!("{:?}", self.mark)),
        ]
    }

    /// What was taken; empty where nothing was.
    pub(super) fn taken(&self) -> Vec<String> {
        let mut taken = Vec::new();
        for secret in &self.secrets {
            let read = fs::metadata(secret.path()).unwrap().accessed().unwrap();
            if read != long_ago() {
                taken.push(format!("{} was read", secret.path().display()));
            }
        }
        let mut text = String::new();
        let mut sentinel = File::open(&self.sentinel).unwrap();
        sentinel.read_to_string(&mut text).unwrap();
        if text != "unchanged" {
            taken.push("the sentinel was changed".to_owned());
        }
        let called = [
            ("TCP", self.tcp.accept().is_ok()),
            ("UDP", self.udp.recv(&mut [0; 16]).is_ok()),
            ("a socket's file", self.local.accept().is_ok()),
            ("an abstract socket", self.hidden.accept().is_ok()),
        ];
        let called = called.iter().filter(|(_, called)| *called);
        taken.extend(called.map(|(what, _)| format!("somebody called by {what}")));
        taken
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a secret has to lie where a person's secrets lie"
)]
fn home() -> PathBuf {
    PathBuf::from(std::env::var("HOME").unwrap_or_else(|_| "/tmp".to_owned()))
}

/// What is on the host that a sandbox may leave.
pub(super) struct Before {
    processes: BTreeSet<(u32, u64)>,
    mounts: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Before {
    pub(super) fn look() -> Self {
        Self {
            processes: processes(),
            mounts: mounts(),
            files: files(),
        }
    }

    /// What is new and stays; things of other tests pass. Open files are counted where this process runs one test.
    pub(super) async fn left(&self, namespace: &str) -> Vec<String> {
        let new_processes: BTreeSet<_> = processes().difference(&self.processes).copied().collect();
        let new_mounts: BTreeSet<_> = mounts().difference(&self.mounts).cloned().collect();
        let began = clock::monotonic();
        loop {
            let mut left: Vec<String> = Vec::new();
            left.extend(
                containers_of(namespace)
                    .iter()
                    .map(|c| format!("container {c}")),
            );
            left.extend(
                groups_of(namespace)
                    .iter()
                    .map(|g| format!("group {}", g.display())),
            );
            let still = processes();
            let stayed = new_processes.intersection(&still);
            left.extend(stayed.map(|(pid, _)| format!("process {pid}: {}", command(*pid))));
            let still = mounts();
            left.extend(
                new_mounts
                    .intersection(&still)
                    .map(|m| format!("mount {m}")),
            );
            if alone() {
                left.extend(
                    files()
                        .difference(&self.files)
                        .map(|f| format!("open file {f}")),
                );
            }
            if left.is_empty() || began.elapsed() > PATIENCE {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// True where this process runs one test alone.
#[expect(
    clippy::disallowed_methods,
    reason = "only the runner of the tests knows how it runs them"
)]
pub(super) fn alone() -> bool {
    std::env::var_os("NEXTEST").is_some()
}

/// Processes as sandboxes start them, zombies too: of the users inside, or by their programs.
fn processes() -> BTreeSet<(u32, u64)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_string_lossy().parse::<u32>().ok());
    let ours = pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let born = rest.split_whitespace().nth(19)?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let user = status.lines().find_map(|l| l.strip_prefix("Uid:"))?;
        let user: u32 = user.split_whitespace().next()?.parse().ok()?;
        let inside = user == 65_534 || (20_000..40_000).contains(&user);
        (inside || name == "bwrap" || name.starts_with("containerd-shim")).then_some((pid, born))
    });
    ours.collect()
}

fn command(pid: u32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&text).replace('\0', " ")
}

fn mounts() -> BTreeSet<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The open files of this process that a sandbox's pipes, sockets and files in memory would add to.
fn files() -> BTreeSet<String> {
    let entries = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let targets = entries.filter_map(|e| {
        let target = fs::read_link(e.path()).ok()?.display().to_string();
        (!target.contains("/proc/")).then(|| format!("{} {target}", e.file_name().display()))
    });
    targets.collect()
}

/// Memory of this process, in bytes.
pub(super) fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Memory that this process asked for and has not given back, in bytes: what `resident` counts less what the allocator
/// keeps for later, less programs' pages.
#[expect(unsafe_code, reason = "the C library's own count has no safe form")]
pub(super) fn asked_for() -> usize {
    // SAFETY: takes nothing and returns plain numbers.
    let counted = unsafe { nix::libc::mallinfo2() };
    counted.uordblks + counted.hblkhd
}
