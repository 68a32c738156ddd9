//! The two named jobs of the original, `nightly_dreaming` and `idle_dreaming_check`. They only nudge: the supervisor
//! has its own tick and asks its predicates of now, so a scheduler that is late, wrong about a clock change or dead
//! changes nothing.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Every five minutes: the night window is asked about, not fired at its first minute.
const NIGHTLY: (&str, &str) = ("nightly_dreaming", "0 */5 * * * *");
/// Every minute, as the original checked for idleness.
const IDLE: (&str, &str) = ("idle_dreaming_check", "30 * * * * *");

/// The running scheduler; `stop` ends it.
pub(super) struct Jobs {
    scheduler: JobScheduler,
}

impl Jobs {
    pub(super) async fn start(nudge: &Arc<Notify>) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        for (name, schedule) in [NIGHTLY, IDLE] {
            let nudge = Arc::clone(nudge);
            let job = Job::new_async(schedule, move |_, _| {
                let nudge = Arc::clone(&nudge);
                Box::pin(async move {
                    tracing::trace!(job = name, "nudges the supervisor");
                    nudge.notify_one();
                })
            })?;
            let id = scheduler.add(job).await?;
            tracing::debug!(job = name, %id, schedule, "registered");
        }
        scheduler.start().await?;
        Ok(Self { scheduler })
    }

    pub(super) async fn stop(mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!(%error, "the scheduler did not stop cleanly");
        }
    }
}
