//! What is tried before the service may dream (the original's BIOS): model, sandbox, disk, clock. Called by the event
//! loop at the start and in safe mode. Mends nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock;
use crate::config::Settings;
use crate::dream::{Finding, Health};
use crate::supervisor::permit::WorkPermit;
use crate::{llm, sandbox, store};

/// A disk that sleeps needs some ten seconds to turn; what takes longer than this is a share whose server is gone.
const FOLDER_PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks whether an earlier one has come back.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The first thing that is broken, in a sentence; `None` where all is well, and once the permit is over. Nothing of a
/// sandbox is left then.
pub(super) async fn trouble(
    settings: &Settings,
    folders: &Folders,
    permit: &WorkPermit,
) -> Option<String> {
    let mut found = permit.race(folders.findings(settings)).await.ok()?;
    // What nobody can write to keeps the others from being tried, too.
    if !found.iter().any(is_broken) {
        found.push(clock::finding());
        found.push(locked_in(settings, permit).await);
        if permit.is_ended() {
            return None;
        }
        found.extend(llm::doctor::findings(&settings.llm).await);
    }
    let broken = found.into_iter().find(is_broken)?;
    Some(format!("{}: {}", broken.check, broken.detail))
}

fn is_broken(finding: &Finding) -> bool {
    finding.status == Health::Fail
}

/// Looks at folders, and knows those whose look has not come back: a share whose server is gone keeps every thread that
/// asks it, and one is enough.
#[derive(Debug, Clone, Default)]
pub(super) struct Folders {
    asked: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Folders {
    /// One after the other: they may be one and the same.
    async fn findings(&self, settings: &Settings) -> Vec<Finding> {
        let mut found = Vec::new();
        for (check, folder) in [
            ("disk_data", &settings.data_dir),
            ("disk_output", &settings.output_dir),
        ] {
            let look = move |folder: &Path| store::doctor::findings(&[(check, folder)]);
            found.extend(self.ask(check, folder, FOLDER_PATIENCE, look).await);
        }
        found
    }

    /// What `look` finds on a thread of its own, or that it has not come back.
    async fn ask(
        &self,
        check: &'static str,
        folder: &Path,
        patience: Duration,
        look: impl FnOnce(&Path) -> Vec<Finding> + Send + 'static,
    ) -> Vec<Finding> {
        let broken = |what: &str| {
            let fix = "see whether its disk, or the share that it lies on, still answers";
            vec![Finding::fail(
                check,
                format!("{} {what}", folder.display()),
                fix,
            )]
        };
        let silent = || broken(&format!("has not answered for {patience:?}"));
        let until = clock::monotonic() + patience;
        // An earlier look that was put off may still come back.
        while !asked(&self.asked).insert(folder.to_owned()) {
            if clock::monotonic() >= until {
                return silent();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let looking = tokio::task::spawn_blocking({
            let (all, folder) = (Arc::clone(&self.asked), folder.to_owned());
            move || {
                let found = look(&folder);
                asked(&all).remove(&folder);
                found
            }
        });
        match tokio::time::timeout(patience, looking).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                asked(&self.asked).remove(folder);
                broken(&format!("cannot be looked at: {error}"))
            }
            Err(_) => silent(),
        }
    }
}

fn asked(all: &Mutex<BTreeSet<PathBuf>>) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_folder_that_does_not_answer_is_named_in_time_and_asked_once() {
        let (folders, looks) = (Folders::default(), Arc::new(AtomicUsize::new(0)));
        let patience = Duration::from_millis(50);
        let gone = Path::new("/mnt/gone");
        let began = clock::monotonic();
        for _ in 0..3 {
            let looks = Arc::clone(&looks);
            let hangs = move |_: &Path| {
                looks.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_secs(2));
                Vec::new()
            };
            let found = folders.ask("disk_data", gone, patience, hangs).await;
            assert_eq!(found.len(), 1);
            assert!(is_broken(&found[0]), "{found:?}");
            let detail = &found[0].detail;
            assert!(detail.starts_with("/mnt/gone has not"), "{detail}");
        }
        assert!(began.elapsed() < Duration::from_secs(1));
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        let here = |folder: &Path| store::doctor::findings(&[("disk_output", folder)]);
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            let found = folders.ask("disk_output", folder.path(), Duration::from_secs(10), here);
            assert!(!found.await.iter().any(is_broken), "another one is asked");
        }
    }
}
