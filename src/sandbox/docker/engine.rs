//! The way to a container engine: where it listens, and every call under a time limit. Called by the Docker backend alone.

use std::path::PathBuf;
use std::time::Duration;

use crate::sandbox::SandboxError;

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
