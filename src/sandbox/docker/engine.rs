//! The way to a container engine: where it listens, and every call under a time limit. Called by the Docker backend alone.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::Runtime;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};

use crate::sandbox::{SandboxError, seccomp};

/// How long one call to the engine may take. Starting a container takes a tenth of a second, on a machine that
/// compiles beside it some seconds.
const CALL: Duration = Duration::from_mins(1);
/// How long an engine may take to say that it is there.
const PING: Duration = Duration::from_secs(5);
/// Where engines listen: the system's, then the user's own; Docker's, then Podman's, which speaks the same.
pub(super) fn places() -> Vec<PathBuf> {
    let own = format!("/run/user/{}", nix::unistd::getuid());
    vec![
        PathBuf::from("/var/run/docker.sock"),
        PathBuf::from(format!("{own}/docker.sock")),
        PathBuf::from("/run/podman/podman.sock"),
        PathBuf::from(format!("{own}/podman/podman.sock")),
    ]
}

/// The first engine that answers.
pub(super) async fn connect(places: &[PathBuf]) -> Result<bollard::Docker, SandboxError> {
    let mut tried = Vec::new();
    for place in places.iter().filter(|p| p.exists()) {
        let path = place.to_string_lossy();
        let client =
            bollard::Docker::connect_with_unix(&path, CALL.as_secs(), bollard::API_DEFAULT_VERSION);
        let answer = match client {
            Ok(client) => match tokio::time::timeout(PING, client.ping()).await {
                Ok(Ok(_)) => return Ok(client),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {PING:?}"),
            },
            Err(error) => error.to_string(),
        };
        tried.push(format!("{path}: {answer}"));
    }
    let what = if tried.is_empty() {
        let first = places.first().map(|p| p.to_string_lossy());
        format!("no engine listens at {}", first.unwrap_or_default())
    } else {
        tried.join("; ")
    };
    Err(SandboxError::Unavailable(format!(
        "docker: {what}; install and start Docker, and be allowed to use its socket"
    )))
}

/// A call to the engine under its time limit, with the engine's own words where it fails.
pub(super) async fn timed<T>(
    what: &str,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, SandboxError> {
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(SandboxError::Infra(format!("docker {what}: {error}"))),
        Err(_) => Err(SandboxError::Infra(format!(
            "docker {what}: no answer within {CALL:?}"
        ))),
    }
}

/// Processes of a user in a Podman container: more than anybody has, and what its service is allowed on any usual host.
const PODMAN_PROCESSES: u64 = 16_384;

/// What one engine wants to be told otherwise than another.
#[derive(Debug)]
pub(super) struct Manner {
    /// The system calls that a container may make.
    pub(super) filter: String,
    /// False where it knows no limit for the number of files in a folder in memory: Podman.
    pub(super) counts_files: bool,
    /// Processes of a user: Podman asks for a default of its own, which this host may not grant. A container's own limit
    /// is set beside it.
    pub(super) processes: Option<u64>,
    _file: Option<File>,
}

impl Manner {
    pub(super) fn of_docker() -> Self {
        Self {
            filter: format!("seccomp={}", seccomp::profile()),
            counts_files: true,
            processes: None,
            _file: None,
        }
    }

    /// Podman opens the filter as a file by its name: one in memory, under the name that other processes have for it.
    fn of_podman() -> io::Result<Self> {
        let file = in_memory(seccomp::profile().as_bytes())?;
        let (pid, fd) = (std::process::id(), file.as_raw_fd());
        Ok(Self {
            filter: format!("seccomp=/proc/{pid}/fd/{fd}"),
            counts_files: false,
            processes: Some(PODMAN_PROCESSES.min(getrlimit(Resource::RLIMIT_NPROC)?.1)),
            _file: Some(file),
        })
    }

    /// That of the engine that answers here.
    pub(super) async fn of(engine: &bollard::Docker) -> Result<Self, SandboxError> {
        // An engine that does not say is taken for Docker; whether it works is seen when it is tried out.
        let version = timed("version", engine.version()).await;
        let parts = version.ok().and_then(|version| version.components);
        let parts = parts.unwrap_or_default();
        if !parts.iter().any(|part| part.name.starts_with("Podman")) {
            return Ok(Self::of_docker());
        }
        Self::of_podman()
            .map_err(|e| SandboxError::Infra(format!("cannot make a file in memory: {e}")))
    }
}

fn in_memory(text: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("seccomp", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text)?;
    Ok(file)
}

/// True where the engine has this runtime. Podman lists all that it has ever heard of, with the places where they would
/// be; Docker lists what was set up, by a name alone where it searches for the program itself.
pub(super) fn has_runtime(known: &HashMap<String, Runtime>, name: &str) -> bool {
    known.get(name).is_some_and(|runtime| {
        let path = runtime.path.as_deref().map(Path::new);
        path.is_none_or(|path| path.is_relative() || path.exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_only_listed_is_not_there() {
        let at = |path: Option<&str>| {
            let runtime = Runtime {
                path: path.map(str::to_owned),
                ..Runtime::default()
            };
            has_runtime(&HashMap::from([("runsc".to_owned(), runtime)]), "runsc")
        };
        assert!(at(None) && at(Some("runsc")) && at(Some("/proc/self/exe")));
        assert!(!at(Some("/nowhere/runsc")));
        assert!(!has_runtime(&HashMap::new(), "runsc"));
    }
}
