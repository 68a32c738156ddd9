//! Whose container it is, and what becomes of those whose owner is no more. Called by the Docker backend and by the
//! sandbox's sweep. Removes nothing that a living process holds.

use std::time::Duration;

use super::container;
use super::engine::{connect, places};
use crate::clock;
use crate::sandbox::SandboxError;
use crate::tree::{is_alive, start_time};

/// Whose container it is: `<pid>-<start of that process>`.
pub(super) const OWNER: &str = "dreamer.owner";
/// DREAMING_DOCKER_NAMESPACE of the program that made it.
pub(super) const NAMESPACE: &str = "dreamer.namespace";
pub(super) const SESSION: &str = "dreamer.session";
pub(super) const JOB: &str = "dreamer.job";
/// After this second (UTC, since 1970) it is an orphan, whoever owns it.
pub(super) const DEADLINE: &str = "dreamer.deadline";

/// How long a container may live. It serves one candidate, which takes seconds; with a session that is frozen between
/// two evenings in it, hours.
const LIFETIME: Duration = Duration::from_hours(24);
/// Removes the containers of earlier processes, with or without our image; none where no engine answers.
///
/// # Errors
/// `Infra` where the engine answers and then fails.
pub(in crate::sandbox) async fn sweep(namespace: &str) -> Result<u64, SandboxError> {
    match connect(&places()).await {
        Ok(engine) => sweep_containers(&engine, namespace).await,
        Err(_) => Ok(0),
    }
}

pub(super) async fn sweep_containers(
    engine: &bollard::Docker,
    namespace: &str,
) -> Result<u64, SandboxError> {
    let mut removed = 0;
    let now = clock::utc().as_second();
    for container in container::labelled(engine, NAMESPACE, namespace).await? {
        let label = |name| container.labels.get(name).map_or("", String::as_str);
        // Our own that nobody holds were given up while the engine did not answer.
        let given_up = label(OWNER) == owner() && !container::is_held(&container.name);
        if given_up || owner_is_gone(label(OWNER)) || is_over(label(DEADLINE), now) {
            container::remove(engine, &container.id).await;
            removed += 1;
        }
    }
    Ok(removed)
}

/// This process, as its containers name it.
pub(super) fn owner() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", start_time(pid).unwrap_or(0))
}

/// True unless the process that the label names still runs; a label that names none has no living owner.
fn owner_is_gone(label: &str) -> bool {
    let owner = label.split_once('-').and_then(|(pid, start)| {
        let pid: u32 = pid.parse().ok()?;
        let start: u64 = start.parse().ok()?;
        Some((pid, start))
    });
    !owner.is_some_and(|(pid, start)| is_alive(pid, start))
}

pub(super) fn deadline(now: i64) -> i64 {
    now.saturating_add_unsigned(LIFETIME.as_secs())
}

fn is_over(label: &str, now: i64) -> bool {
    label.parse::<i64>().is_ok_and(|deadline| deadline < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_gone_unless_the_very_same_process_runs() {
        let me = std::process::id();
        let start = start_time(me).unwrap();
        assert!(!owner_is_gone(&format!("{me}-{start}")));
        assert!(owner_is_gone(&format!("{me}-{}", start + 1)));
        assert!(owner_is_gone(&format!("{}-1", u32::MAX >> 1)));
        assert!(owner_is_gone("rubbish"));
    }

    #[test]
    fn a_container_is_over_after_its_deadline_and_one_without_never() {
        let label = deadline(1_000).to_string();
        assert!(!is_over(&label, 1_000));
        assert!(is_over(&label, deadline(1_000) + 1));
        assert!(!is_over("", i64::MAX));
    }
}
