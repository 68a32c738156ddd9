//! The two named jobs of the original, `nightly_dreaming` and `idle_dreaming_check`. They only nudge: the supervisor
//! has its own tick and asks its predicates of now, so a scheduler that is late, wrong about a clock change or dead
//! changes nothing.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
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

/// The running scheduler; it ends with this. It looks at the clock twice a second, so it has a thread to itself where it can
/// rest: a machine that has nothing to do is not woken for it. (Each one that is stopped leaves its tasks behind, so it rests
/// instead.)
pub(super) struct Jobs {
    rests: bool,
    tell: mpsc::UnboundedSender<bool>,
}

impl Jobs {
    /// The supervisor's own tick goes on where this fails.
    pub(super) fn start(
        jobs: &'static [NamedJob],
        nudge: &Arc<Notify>,
    ) -> Result<Self, std::io::Error> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let nudge = Arc::clone(nudge);
        let (tell, told) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("named jobs".to_owned())
            .spawn(move || match runtime.block_on(begin(jobs, &nudge)) {
                Ok(_scheduler) => drive(&runtime, told),
                Err(error) => tracing::warn!(%error, "the named jobs are off"),
            })?;
        Ok(Self { rests: false, tell })
    }

    /// Nothing can begin for a while, so nobody needs to be nudged; or something can again.
    pub(super) fn rest(&mut self, rests: bool) {
        if self.rests != rests {
            self.rests = rests;
            // Its thread ends before this only where no job could be registered.
            let _ = self.tell.send(rests);
        }
    }
}

/// Runs what was spawned on the runtime until nobody tells any more, but while it is told to rest.
fn drive(runtime: &Runtime, mut told: mpsc::UnboundedReceiver<bool>) {
    let mut rests = false;
    while let Some(next) = if rests {
        told.blocking_recv()
    } else {
        runtime.block_on(told.recv())
    } {
        rests = next;
    }
}

async fn begin(jobs: &[NamedJob], nudge: &Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
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
    Ok(scheduler)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn both_of_the_originals_jobs_are_registered() {
        let names: Vec<&str> = NAMED_JOBS.iter().map(|job| job.name).collect();
        assert_eq!(names, ["nightly_dreaming", "idle_dreaming_check"]);
        let jobs = begin(NAMED_JOBS, &Arc::default()).await;
        let mut scheduler = jobs.expect("their times make sense");
        let left = scheduler.time_till_next_job().await.unwrap().unwrap();
        assert!(left <= Duration::from_mins(1), "{left:?}");
    }

    #[tokio::test]
    async fn a_job_nudges_but_not_while_it_rests() {
        const EACH_SECOND: &[NamedJob] = &[NamedJob {
            name: "each second",
            schedule: "* * * * * *",
        }];
        let nudge = Arc::new(Notify::new());
        let nudged = |within| tokio::time::timeout(within, nudge.notified());
        let mut jobs = Jobs::start(EACH_SECOND, &nudge).unwrap();
        nudged(Duration::from_secs(10)).await.expect("a nudge");
        jobs.rest(true);
        // One may have been on its way.
        let _ = nudged(Duration::from_millis(200)).await;
        let late = nudged(Duration::from_secs(3)).await;
        assert!(late.is_err(), "nudged while it rests");
        jobs.rest(false);
        nudged(Duration::from_secs(10)).await.expect("a nudge");
    }
}
