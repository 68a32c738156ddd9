//! Runs code that nobody trusts and reports what it did. Called by the Guardian, by settling and by `sandbox run`.
//! Never judges: an observation is not a verdict.
//!
//! A `Sandbox` is a backend (Docker or bubblewrap). It opens `Runner`s: one fresh interpreter each, with one hash
//! seed, that forks a child for every job. A runner is used for one candidate and destroyed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::config::{SandboxChoice, SandboxSettings};
use crate::dream::Value;
use crate::supervisor::permit::{Ended, WorkPermit};
use crate::tree::Tree;

pub mod bubblewrap;
mod canary;
pub mod docker;
pub mod doctor;
mod frame;
mod keeper;
pub mod libraries;
mod program;
mod python;
mod runner;
mod seccomp;

use libraries::{Library, LibrarySet};

pub use bubblewrap::Bubblewrap;
pub use docker::Docker;
pub use runner::Runner;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    Docker,
    Bubblewrap,
}

impl Backend {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Bubblewrap => "bubblewrap",
        }
    }
}

/// Limits of one job. A miss ends the job with the matching `Ending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time of the job's process, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time, a generous backstop behind the CPU limit, in milliseconds.
    pub wall_ms: u64,
    /// Address space of the job's process, in bytes.
    pub memory_bytes: u64,
    /// Standard output and standard error together, in bytes.
    pub output_bytes: u64,
    /// Largest file the job may write, in bytes.
    pub file_bytes: u64,
    /// Processes and threads in the sandbox.
    pub processes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_ms: 5_000,
            wall_ms: 20_000,
            memory_bytes: 512 << 20,
            output_bytes: 1 << 20,
            file_bytes: 16 << 20,
            processes: 64,
        }
    }
}

/// Thousandths of a CPU that a sandbox may use: one for the job and half a one for what watches it, so that a job with
/// many threads leaves room for others. Its time limit is counted in CPU time, so this never changes a verdict.
const CPU_MILLI: u64 = 1500;

/// The same on a machine that has less.
fn cpu_milli() -> u64 {
    let here = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    CPU_MILLI.min(here as u64 * 1000)
}

/// What a fresh runner is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerSpec {
    /// `PYTHONHASHSEED` of the interpreter.
    pub hash_seed: u32,
    pub limits: Limits,
}

/// One piece of work for a runner.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Executes `code` as a module, then `setup`, then evaluates `call` with fresh copies of `given` and `values`.
    Call {
        code: String,
        setup: String,
        /// Name to Python literal.
        given: BTreeMap<String, String>,
        /// Name to value observed earlier.
        values: BTreeMap<String, Value>,
        call: String,
        /// Record which lines of `code` run during setup and call.
        trace: bool,
    },
    /// Executes a whole program as `__main__`.
    Program { code: String },
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(transparent)]
    Interrupted(#[from] Ended),
    /// Nothing on this machine can isolate a program; the text says what was tried and what to install.
    #[error("no sandbox: {0}")]
    Unavailable(String),
    #[error("the sandbox failed: {0}")]
    Infra(String),
}

/// One of the two world traits: a way to isolate a program on this machine.
#[async_trait]
pub trait Sandbox: Send + Sync {
    fn backend(&self) -> Backend;

    /// Digest of what the interpreter runs on: an image digest or a fingerprint of the host's interpreter.
    fn image_digest(&self) -> String;

    /// Whether its programs run in the groups of such a tree, so that one write stops them and their use is counted.
    fn lies_within(&self, _tree: &Tree) -> bool {
        true
    }

    /// What this backend cannot do inside such a tree, in words; empty where there is nothing to tell.
    fn gaps(&self, tree: &Tree) -> Vec<String> {
        self.unprotected(tree)
    }

    /// The limits that nothing enforces for a job as a whole inside such a tree: the part of `gaps` because of which a
    /// strict session does not begin.
    fn unprotected(&self, tree: &Tree) -> Vec<String>;

    /// What solutions may import beside the standard library.
    fn libraries(&self) -> &[Library];

    /// True where making a sandbox costs far more than the interpreter in it, so that whoever needs several interpreters
    /// one after the other had better start one anew (`Runner::renew`).
    fn is_dear(&self) -> bool;

    /// A fresh runner inside the permit's process tree, ready for its first job.
    async fn open(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Result<Runner, SandboxError>;

    /// Returns once nothing is left of the sandboxes whose runners were closed or dropped. Whoever ends this process
    /// waits for it, under a time limit: what is not gone by then is for the next sweep.
    async fn settle(&self);

    /// Removes sandboxes that earlier processes of this program left behind; returns how many. `sandbox::sweep` does
    /// this for every backend and removes their groups too.
    async fn sweep(&self) -> Result<u64, SandboxError>;
}

/// How long what is left of a sandbox that did not work is waited for: an engine that hangs must not hold up its caller.
const SETTLE: Duration = Duration::from_secs(5);

/// The sandbox that the settings ask for, tried once: a backend that is present and cannot start is not present.
/// `Auto` is Docker where the engine answers and has the image, else bubblewrap.
///
/// # Errors
/// `Unavailable`, with what was tried and what to install; `Interrupted`.
pub async fn select(
    settings: &SandboxSettings,
    permit: &WorkPermit,
) -> Result<Arc<dyn Sandbox>, SandboxError> {
    choose(settings, permit, false).await
}

/// As `select`, for who opens many runners: containers are started ahead. Waits in `settle` before it ends.
///
/// # Errors
/// As `select`.
pub async fn select_for_many(
    settings: &SandboxSettings,
    permit: &WorkPermit,
) -> Result<Arc<dyn Sandbox>, SandboxError> {
    choose(settings, permit, true).await
}

async fn choose(
    settings: &SandboxSettings,
    permit: &WorkPermit,
    many: bool,
) -> Result<Arc<dyn Sandbox>, SandboxError> {
    let mut tried = Vec::new();
    for &backend in order(settings.choice) {
        match find(backend, settings, permit, many).await {
            Ok(found) => return Ok(found),
            Err(SandboxError::Interrupted(ended)) => return Err(ended.into()),
            Err(SandboxError::Unavailable(why)) => tried.push(why),
            Err(SandboxError::Infra(why)) => tried.push(format!("{}: {why}", backend.as_str())),
        }
    }
    Err(SandboxError::Unavailable(tried.join("; ")))
}

/// The backends that a choice allows, the best first.
fn order(choice: SandboxChoice) -> &'static [Backend] {
    match choice {
        SandboxChoice::Docker => &[Backend::Docker],
        SandboxChoice::Bubblewrap => &[Backend::Bubblewrap],
        SandboxChoice::Auto => &[Backend::Docker, Backend::Bubblewrap],
    }
}

async fn find(
    backend: Backend,
    settings: &SandboxSettings,
    permit: &WorkPermit,
    many: bool,
) -> Result<Arc<dyn Sandbox>, SandboxError> {
    let found = find_untried(backend, settings, many).await?;
    let tried = try_out(found.as_ref(), permit).await;
    if tried.is_err() {
        // Whoever is told that it failed, or was interrupted, may end this process: nothing of it is to be left by then.
        let left = tokio::time::timeout(SETTLE, found.settle()).await;
        if left.is_err() {
            tracing::warn!("what is left of a sandbox that did not work is for the next sweep");
        }
    }
    tried.map(|()| found)
}

async fn find_untried(
    backend: Backend,
    settings: &SandboxSettings,
    many: bool,
) -> Result<Arc<dyn Sandbox>, SandboxError> {
    let set = library_set(backend, settings);
    Ok(match backend {
        Backend::Docker => {
            let found = Docker::find(&settings.namespace, &settings.image).await?;
            let found = found.with_libraries(set);
            Arc::new(if many { found.starting_ahead() } else { found })
        }
        Backend::Bubblewrap => Arc::new(Bubblewrap::find().await?.with_libraries(set)),
    })
}

/// A set that cannot be used is said and left out: tasks that want it are then refused, all others go on.
fn library_set(backend: Backend, settings: &SandboxSettings) -> Option<LibrarySet> {
    libraries::current(&settings.libraries_dir, backend).unwrap_or_else(|why| {
        tracing::warn!("solutions cannot import the prepared libraries: {why}");
        None
    })
}

/// How often a program that runs for long looks for what was left behind: an engine that was away may be back.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// Removes what dead processes of this namespace left behind, by whatever backend: containers and groups, frozen or
/// not. Touches nothing that a process which still runs holds. Returns how many things were removed.
///
/// # Errors
/// `Infra` where an engine answers and then fails; what could be ended without it is ended all the same.
pub async fn sweep(namespace: &str) -> Result<u64, SandboxError> {
    // Groups first: a frozen container hangs its engine, and an engine that is away must not save its containers.
    let before = sweep_groups(namespace).await?;
    let containers = Box::pin(docker::sweep(namespace)).await?;
    // An engine that was just starting a container may have made its groups anew.
    let after = sweep_groups(namespace).await?;
    Ok(before + containers + after)
}

async fn sweep_groups(namespace: &str) -> Result<u64, SandboxError> {
    let namespace = namespace.to_owned();
    let groups = tokio::task::spawn_blocking(move || Tree::sweep(&namespace)).await;
    groups.map_err(|e| SandboxError::Infra(e.to_string()))
}

/// Sweeps now and at intervals, for ever; `swept` hears of the end of each.
pub async fn keep_sweeping(namespace: &str, swept: impl Fn()) -> std::convert::Infallible {
    loop {
        match sweep(namespace).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "cleared away what was left of old sandboxes"),
            Err(error) => tracing::debug!(%error, "not everything could be swept"),
        }
        swept();
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Refuses a sandbox that cannot hold a job to all its limits. Asked before a session in strict mode.
///
/// # Errors
/// `Unavailable`, with the limits and with what would enforce them.
pub fn require_protection(sandbox: &dyn Sandbox, permit: &WorkPermit) -> Result<(), SandboxError> {
    let open = sandbox.unprotected(permit.tree());
    if open.is_empty() {
        return Ok(());
    }
    Err(SandboxError::Unavailable(format!(
        "{} cannot enforce every limit here: {}; use Docker, or start the program where it may divide its control group \
         (the service, or `systemd-run --user --scope -p Delegate=yes dreamer …`), or accept it with \
         DREAMING_VALIDATION_STRICT=false",
        sandbox.backend().as_str(),
        open.join("; ")
    )))
}

/// Starts and ends one sandbox, to see that this host lets us and that it holds: a planted secret stays unread, a
/// listening port uncontacted.
///
/// # Errors
/// `Unavailable` with the backend's own words or with what it did not hold, `Interrupted`.
pub async fn try_out(sandbox: &dyn Sandbox, permit: &WorkPermit) -> Result<(), SandboxError> {
    let spec = RunnerSpec {
        hash_seed: 0,
        limits: Limits::default(),
    };
    let name = sandbox.backend().as_str();
    let told = match sandbox.open(permit, &spec).await {
        Ok(mut runner) => {
            let told = canary::quick(&mut runner, permit).await;
            runner.close().await;
            told
        }
        Err(error) => Err(error),
    };
    told.map_err(|error| match error {
        SandboxError::Infra(why) => {
            let hint = hint(sandbox.backend(), &why);
            SandboxError::Unavailable(format!("{name} does not start: {why}; {hint}"))
        }
        SandboxError::Unavailable(why) => SandboxError::Unavailable(format!("{name}: {why}")),
        SandboxError::Interrupted(ended) => ended.into(),
    })
}

/// What may help where a sandbox did not start, from its own words.
fn hint(backend: Backend, why: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|w| why.contains(w));
    match backend {
        _ if says(&[runner::TOO_SLOW]) => {
            "the machine may be too busy or its memory used up: try again when it is quieter"
        }
        Backend::Docker => "see `docker info`",
        Backend::Bubblewrap
            if says(&["amespace", "uid map", "ermission denied", "not permitted"]) =>
        {
            "allow unprivileged user namespaces (on Ubuntu by an AppArmor profile for bwrap, elsewhere by the \
             setting kernel.unprivileged_userns_clone or user.max_user_namespaces)"
        }
        // The doctor itself shows this: it must not send anybody to the doctor.
        Backend::Bubblewrap => "see whether `bwrap --ro-bind / / true` runs for this user",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_is_not_told_to_allow_namespaces() {
        let slow = format!("{} 30s", runner::TOO_SLOW);
        assert!(hint(Backend::Bubblewrap, &slow).contains("busy"));
        assert!(hint(Backend::Docker, &slow).contains("busy"));
        let refused = "bwrap: No permissions to create new namespace";
        assert!(hint(Backend::Bubblewrap, refused).contains("allow unprivileged user namespaces"));
        let other = "bwrap: Can't find source path /opt/x";
        assert!(!hint(Backend::Bubblewrap, other).contains("namespaces"));
        assert!(!hint(Backend::Bubblewrap, other).contains("doctor"));
    }
}
