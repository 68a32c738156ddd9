//! Isolation without a container engine: bubblewrap with all its namespaces around the host's own Python, inside the
//! permit's process tree. Chosen by `sandbox::select`.
//!
//! The sandbox sees the interpreter, its standard library and the libraries these need, a /tmp in memory, its own
//! /proc and a minimal /dev. No network, no user of the host, no file of ours. Needs no rights; as root it gives them
//! up first.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::Resource;
use tokio_util::sync::CancellationToken;

use super::keeper::{Keeper, Keepers, StderrTail};
use super::libraries::{INSIDE, Library, LibrarySet, with_set};
use super::program::{BOOT, Program};
use super::python::Interpreter;
use super::runner::{Parts, Runner};
use super::{Backend, RunnerSpec, Sandbox, SandboxError, cpu_milli, seccomp};
use crate::supervisor::permit::WorkPermit;
use crate::tree::{Branch, BranchLimits, Launch, Process, Spawner, Tree};

const PLACES: [&str; 4] = [
    "/usr/bin/bwrap",
    "/bin/bwrap",
    "/usr/local/bin/bwrap",
    "/run/current-system/sw/bin/bwrap",
];
/// User and group inside, and outside where we are root: nobody.
const NOBODY: u32 = 65_534;
/// Size of /tmp; it counts as memory.
const TMP_BYTES: u64 = 64 << 20;
/// Size of /dev/shm, enough for the locks and queues of `multiprocessing`.
const SHM_BYTES: u64 = 4 << 20;
/// Memory of the interpreter that forks the jobs and of bubblewrap itself, beside the job's own.
const OWN_BYTES: u64 = 64 << 20;
/// Processes that are not the job's: bubblewrap outside, bubblewrap on its way in, the interpreter.
const OWN_PROCESSES: u64 = 3;
/// Open files of a process: what bubblewrap needs on its way in; jobs set less for themselves.
const OPEN_FILES: u64 = 512;
/// How long the end of a killed sandbox may take before we stop waiting for it.
const GONE: Duration = Duration::from_secs(5);

/// The bubblewrap of this host with the Python of this host.
#[derive(Debug)]
pub struct Bubblewrap {
    pub(super) program: PathBuf,
    python: Interpreter,
    libraries: Option<LibrarySet>,
    /// The system calls that a job may make, in the kernel's form.
    filter: Vec<u8>,
    spawner: Arc<Spawner>,
    program_inside: Arc<Program>,
    keepers: Keepers,
}

impl Bubblewrap {
    /// Looks for both programs; does not try them out.
    ///
    /// # Errors
    /// `Unavailable`, with what to install.
    pub async fn find() -> Result<Self, SandboxError> {
        let program = PLACES.iter().map(PathBuf::from).find(|p| p.exists());
        let program = program.ok_or_else(|| {
            unavailable("bubblewrap: no bwrap in /usr/bin; install the package `bubblewrap`")
        })?;
        let looked = tokio::task::spawn_blocking(Interpreter::find).await;
        let python = looked
            .map_err(|e| SandboxError::Infra(e.to_string()))?
            .map_err(|why| unavailable(&format!("bubblewrap: {why}; install `python3`")))?;
        let filter = seccomp::program().map_err(|why| {
            unavailable(&format!(
                "bubblewrap: no filter of system calls can be made here: {why}"
            ))
        })?;
        let spawner = Spawner::start().map_err(|e| SandboxError::Infra(e.to_string()))?;
        Ok(Self {
            program,
            python,
            libraries: None,
            filter,
            spawner: Arc::new(spawner),
            program_inside: Arc::default(),
            keepers: Keepers::new(),
        })
    }

    /// Another bwrap than the one that was found, such as one in a place of its own.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    /// With these libraries for every sandbox.
    #[must_use]
    pub fn with_libraries(self, libraries: Option<LibrarySet>) -> Self {
        Self { libraries, ..self }
    }

    fn words(&self, spec: &RunnerSpec, filter: RawFd) -> Vec<OsString> {
        let mut words = Vec::new();
        let mut show = |outside: &Path, inside: &Path| {
            words.extend(["--ro-bind".into(), outside.into(), inside.into()]);
        };
        if let Some(set) = &self.libraries {
            show(&set.site(), Path::new(INSIDE));
            // What their compiled parts may count on to be there.
            for (inside, outside) in &self.python.common {
                show(outside, inside);
            }
        }
        words.extend(arguments(&self.python, spec.hash_seed, filter));
        words
    }

    /// The filter as a file in memory that bubblewrap reads from its start.
    fn filter_file(&self) -> io::Result<OwnedFd> {
        let mut file = File::from(memfd_create("filter", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(&self.filter)?;
        file.rewind()?;
        Ok(file.into())
    }
}

fn unavailable(text: &str) -> SandboxError {
    SandboxError::Unavailable(text.to_owned())
}

/// Everything that bubblewrap is told.
fn arguments(python: &Interpreter, hash_seed: u32, filter: RawFd) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    let mut add = |words: &[&dyn AsRef<std::ffi::OsStr>]| {
        all.extend(words.iter().map(|w| w.as_ref().to_owned()));
    };
    // Named one by one: `--unshare-all` only tries some of them.
    for space in ["user", "ipc", "pid", "net", "uts", "cgroup"] {
        add(&[&format!("--unshare-{space}")]);
    }
    let id = NOBODY.to_string();
    add(&[&"--uid", &id, &"--gid", &id, &"--hostname", &"dream"]);
    add(&[
        &"--new-session",
        &"--die-with-parent",
        &"--cap-drop",
        &"ALL",
    ]);
    add(&[&"--clearenv"]);
    let seed = hash_seed.to_string();
    let mut environment = vec![
        ("PATH", "/usr/bin"),
        ("LANG", "C.UTF-8"),
        ("HOME", "/tmp"),
        ("PYTHONHASHSEED", seed.as_str()),
        // Each arena reserves address space, which is limited.
        ("MALLOC_ARENA_MAX", "2"),
    ];
    let libraries: Vec<_> = python
        .library_path
        .iter()
        .map(|p| p.to_string_lossy())
        .collect();
    let libraries = libraries.join(":");
    if !libraries.is_empty() {
        environment.push(("LD_LIBRARY_PATH", &libraries));
    }
    for (name, value) in environment {
        add(&[&"--setenv", &name, &value]);
    }
    for (inside, outside) in &python.files {
        add(&[&"--ro-bind", outside, inside]);
    }
    for folder in &python.hidden {
        add(&[
            &"--size",
            &"4096",
            &"--tmpfs",
            folder,
            &"--remount-ro",
            folder,
        ]);
    }
    let (tmp, shm) = (TMP_BYTES.to_string(), SHM_BYTES.to_string());
    add(&[&"--proc", &"/proc", &"--dev", &"/dev"]);
    add(&[&"--size", &shm, &"--tmpfs", &"/dev/shm"]);
    add(&[&"--size", &tmp, &"--tmpfs", &"/tmp", &"--chdir", &"/tmp"]);
    add(&[
        &"--remount-ro",
        &"/dev",
        &"--remount-ro",
        &"/",
        &"--as-pid-1",
    ]);
    add(&[&"--seccomp", &filter.to_string()]);
    add(&[&"--", &python.executable]);
    // Not -I or -E: they would ignore PYTHONHASHSEED. The environment holds nothing else of Python's.
    add(&[&"-S", &"-s", &"-B", &"-c", &BOOT]);
    all
}

#[async_trait]
impl Sandbox for Bubblewrap {
    fn backend(&self) -> Backend {
        Backend::Bubblewrap
    }

    fn image_digest(&self) -> String {
        with_set(&self.python.digest, self.libraries.as_ref())
    }

    fn libraries(&self) -> &[Library] {
        self.libraries.as_ref().map_or(&[], |set| &set.libraries)
    }

    fn is_dear(&self) -> bool {
        false
    }

    fn unprotected(&self, tree: &Tree) -> Vec<String> {
        let mut gaps = Vec::new();
        if !tree.limits_memory() {
            gaps.push(
                "memory is limited for each process, not for all of a job's processes together"
                    .to_owned(),
            );
        }
        if !tree.limits_processes() {
            gaps.push("processes are limited by user, not by group".to_owned());
        }
        gaps
    }

    async fn open(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Result<Runner, SandboxError> {
        permit.running().await?;
        let tree = permit.tree();
        let infra = |what: &str, e: io::Error| SandboxError::Infra(format!("{what}: {e}"));
        let limits = BranchLimits {
            memory_bytes: spec.limits.memory_bytes + TMP_BYTES + OWN_BYTES,
            processes: spec.limits.processes + OWN_PROCESSES,
            cpu_milli: cpu_milli(),
        };
        let branch = tree
            .branch("bubblewrap", limits)
            .map_err(|e| infra("cannot make a group", e))?;
        let branch = Arc::new(branch);
        let as_root = nix::unistd::geteuid().is_root();
        let filter = self
            .filter_file()
            .map_err(|e| infra("cannot make a file in memory", e))?;
        let arguments = self.words(spec, filter.as_raw_fd());
        let placement = tree
            .placement(Some(&branch))
            .limiting(&[
                (Resource::RLIMIT_CORE, 0),
                (Resource::RLIMIT_MSGQUEUE, 0),
                (Resource::RLIMIT_MEMLOCK, 0),
                (Resource::RLIMIT_NOFILE, OPEN_FILES),
                (Resource::RLIMIT_FSIZE, spec.limits.file_bytes),
            ])
            .keeping(filter);
        let launch = Launch {
            program: self.program.clone(),
            arguments,
            placement,
            user: as_root.then_some(NOBODY),
        };
        let started = self
            .spawner
            .launch(launch)
            .await
            .map_err(|e| infra("cannot start bubblewrap", e))?;
        let stop = CancellationToken::new();
        let keeping = keep(
            started.process,
            branch.clone(),
            self.spawner.clone(),
            stop.clone(),
            permit.clone(),
        );
        let parts = Parts {
            input: Box::new(started.input),
            output: Box::new(started.output),
            errors: StderrTail::read(started.errors),
            branch,
            keeper: Keeper::new(&self.keepers, stop, keeping),
            limits: spec.limits,
            count_processes: !tree.limits_processes(),
            program: Arc::clone(&self.program_inside),
            seed: None,
        };
        Runner::begin(permit, parts).await
    }

    async fn settle(&self) {
        self.keepers.settled().await;
    }

    async fn sweep(&self) -> Result<u64, SandboxError> {
        // The sandboxes end with the thread that started them; their groups are the tree's.
        Ok(0)
    }
}

/// Owns the process until it is gone: ends it when it is told to or the permit is over, then removes its groups.
async fn keep(
    mut child: Process,
    branch: Arc<Branch>,
    spawner: Arc<Spawner>,
    stop: CancellationToken,
    permit: WorkPermit,
) {
    // Where no group holds it, it is stopped by signals.
    let adopted = permit.tree().adopt(child.id());
    tokio::select! {
        () = child.wait() => {}
        () = stop.cancelled() => {}
        _ = permit.ended() => {}
    }
    child.kill();
    let cleared = tokio::task::spawn_blocking(move || {
        branch.kill();
        branch.remove()
    });
    let both = async { (child.wait().await, cleared.await) };
    if tokio::time::timeout(GONE, both).await.is_err() {
        tracing::error!("a killed sandbox did not end within {GONE:?}");
    }
    drop((spawner, adopted));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn interpreter() -> Interpreter {
        Interpreter {
            executable: "/opt/py/bin/python3.12".into(),
            files: vec![
                (
                    "/opt/py/bin/python3.12".into(),
                    "/opt/py/bin/python3.12".into(),
                ),
                ("/lib/libz.so.1".into(), "/usr/lib/libz.so.1.3".into()),
            ],
            common: Vec::new(),
            hidden: vec!["/opt/py/lib/python3.12/site-packages".into()],
            library_path: vec!["/opt/py/lib".into()],
            digest: String::new(),
        }
    }

    #[test]
    fn only_the_interpreters_files_are_shown_and_only_for_reading() {
        let words: Vec<_> = arguments(&interpreter(), 7, 5)
            .into_iter()
            .map(|w| w.into_string().unwrap())
            .collect();
        let binds: Vec<_> = words.iter().filter(|w| w.contains("bind")).collect();
        assert_eq!(binds, ["--ro-bind", "--ro-bind"]);
        let text = words.join(" ");
        assert!(text.contains("--ro-bind /usr/lib/libz.so.1.3 /lib/libz.so.1"));
        assert!(text.contains("--setenv PYTHONHASHSEED 7"));
        assert!(text.contains("--seccomp 5"));
        assert!(text.contains("--setenv LD_LIBRARY_PATH /opt/py/lib"));
        assert!(!text.contains("--share-net"));
    }

    #[test]
    fn other_peoples_packages_are_hidden() {
        let words = arguments(&interpreter(), 0, 5);
        let at = words
            .iter()
            .position(|w| Path::new(w).ends_with("site-packages"));
        assert_eq!(words[at.unwrap() - 1], "--tmpfs");
    }
}
