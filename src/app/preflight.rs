//! What is tried before the service may dream (the original's BIOS): model, sandbox, disk, clock. Called by the event
//! loop at the start and in safe mode. Mends nothing.

use crate::clock;
use crate::config::Settings;
use crate::dream::{Finding, Health};
use crate::supervisor::permit::WorkPermit;
use crate::{llm, sandbox, store};

/// The first thing that is broken, in a sentence; `None` where all is well, and once the permit is over. Nothing of a
/// sandbox is left then.
pub(super) async fn trouble(settings: &Settings, permit: &WorkPermit) -> Option<String> {
    let folders = [
        ("disk_data", settings.data_dir.as_path()),
        ("disk_output", settings.output_dir.as_path()),
    ];
    let mut found = store::doctor::findings(&folders);
    found.push(clock::finding());
    found.push(locked_in(settings, permit).await);
    if permit.is_ended() {
        return None;
    }
    found.extend(llm::doctor::findings(&settings.llm).await);
    let broken = found
        .into_iter()
        .find(|finding| finding.status == Health::Fail)?;
    Some(format!("{}: {}", broken.check, broken.detail))
}

/// A sandbox opens, and in strict mode enforces all that it must.
async fn locked_in(settings: &Settings, permit: &WorkPermit) -> Finding {
    let fix = "see `dreamer doctor`";
    match sandbox::select(&settings.sandbox, permit).await {
        Err(error) => Finding::fail("sandbox", error.to_string(), fix),
        Ok(sandbox) if settings.dreaming.strict => {
            match sandbox::require_protection(sandbox.as_ref(), permit) {
                Err(error) => Finding::fail("sandbox", error.to_string(), fix),
                Ok(()) => Finding::ok("sandbox", sandbox.backend().as_str()),
            }
        }
        Ok(sandbox) => Finding::ok("sandbox", sandbox.backend().as_str()),
    }
}
