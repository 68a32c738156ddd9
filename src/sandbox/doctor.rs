//! What `dreamer doctor` finds of the sandbox: every backend that the settings allow, each with live canaries. Runs
//! real sandboxes; a backend whose canary fails is refused.

use std::path::Path;

use super::{Backend, Sandbox, SandboxError, canary, find_untried, order};
use crate::config::SandboxSettings;
use crate::dream::{Finding, Health};
use crate::supervisor::permit::WorkPermit;

/// `data_dir`: a canary is planted in it too, because what must not be read lies there.
pub async fn findings(
    settings: &SandboxSettings,
    data_dir: &Path,
    permit: &WorkPermit,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for &backend in order(settings.choice) {
        match find_untried(backend, settings, false).await {
            Ok(sandbox) => {
                found.extend(of_one(sandbox.as_ref(), data_dir, permit).await);
                for gap in sandbox.gaps(permit.tree()) {
                    let fix = "run the service under systemd with a group of its own (`dreamer service install`), begin a dream with \
                               `systemd-run --user --scope -p Delegate=yes`, or use the other sandbox; until then a strict dream \
                               begun here is refused";
                    found.push(Finding::warn(
                        &format!("{}_limits", name(backend)),
                        gap,
                        fix,
                    ));
                }
                sandbox.settle().await;
            }
            Err(error) => found.push(absent(backend, &error)),
        }
    }
    // One that works is enough, and one that leaks is refused: dreaming then uses the other.
    let works = |f: &Finding| f.status == Health::Ok && !f.check.ends_with("_limits");
    if found.iter().any(works) {
        for finding in found.iter_mut().filter(|f| f.fix.starts_with(INSTALL)) {
            finding.status = Health::Warn;
        }
    }
    found
}

/// What the canaries say of one backend.
pub async fn of_one(sandbox: &dyn Sandbox, data_dir: &Path, permit: &WorkPermit) -> Vec<Finding> {
    canary::findings(sandbox, data_dir, permit).await
}

pub(super) fn name(backend: Backend) -> String {
    format!("sandbox_{}", backend.as_str())
}

/// How the fix of a backend begins that is not there at all.
const INSTALL: &str = "for this sandbox";

fn absent(backend: Backend, error: &SandboxError) -> Finding {
    let fix = match backend {
        Backend::Docker => "start Docker and run `dreamer sandbox prepare`",
        Backend::Bubblewrap => "install the packages `bubblewrap` and `python3`",
    };
    Finding::fail(
        &name(backend),
        error.to_string(),
        format!("{INSTALL}: {fix}"),
    )
}
