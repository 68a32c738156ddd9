//! The two named jobs of the original, `nightly_dreaming` and `idle_dreaming_check`. They only nudge: the supervisor
//! has its own tick and asks its predicates of now, so a scheduler that is late, wrong about a clock change or dead
//! changes nothing.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// A job by its name and its times, in cron's words with seconds before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedJob {
    pub name: &'static str,
    pub schedule: &'static str,
}

/// The original's two.
pub const NAMED_JOBS: &[NamedJob] = &[
    // Every five minutes: the night window is asked about, not fired at its first minute.
    NamedJob {
        name: "nightly_dreaming",
        schedule: "0 */5 * * * *",
    },
    // Every minute, as the original checked for idleness.
    NamedJob {
        name: "idle_dreaming_check",
        schedule: "30 * * * * *",
    },
];

/// The running scheduler; `stop` ends it.
pub(super) struct Jobs {
    scheduler: JobScheduler,
}

impl Jobs {
    pub(super) async fn start(
        jobs: &[NamedJob],
        nudge: &Arc<Notify>,
    ) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        for NamedJob { name, schedule } in jobs.iter().copied() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_of_the_originals_jobs_are_registered() {
        let names: Vec<&str> = NAMED_JOBS.iter().map(|job| job.name).collect();
        assert_eq!(names, ["nightly_dreaming", "idle_dreaming_check"]);
        let jobs = Jobs::start(NAMED_JOBS, &Arc::default()).await;
        jobs.expect("their times make sense").stop().await;
    }
}
