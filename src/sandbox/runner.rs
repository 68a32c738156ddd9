//! One interpreter in its sandbox, whatever the backend: sends it jobs, waits for its answers, ends it. Opened by the
//! backends; used by everything that runs code.
//!
//! Three tasks share the work so that nothing can block an end: one always drains what the sandbox says, one keeps the
//! process (and kills it when the permit is over), and `run` races both against its own deadline.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::{RwLock, RwLockReadGuard, mpsc};

use super::frame::{self, Counted, MAX_FRAME};
use super::keeper::{Keeper, StderrTail};
use super::program::{Program, started_anew};
use super::{Job, Limits, SandboxError};
use crate::clock;
use crate::dream::{Ending, Observation, Outcome, Serve};
use crate::supervisor::permit::{Pace, WorkPermit};
use crate::tree::Branch;

/// How the text of an error begins that says nothing but that time ran out.
pub(super) const TOO_SLOW: &str = "no answer within";
/// How long a fresh interpreter may take until it is ready. Usually a tenth of a second; a machine that sleeps deeply
/// or reads from a slow disk takes a few seconds.
const READY: Duration = Duration::from_secs(30);
/// What the runner may need beyond the job's wall limit: cleaning up after a fork bomb on a busy machine.
const GRACE: Duration = Duration::from_secs(10);
/// How many wall limits a job may take where it stands waiting for a CPU; `inside/prelude.py` says the same.
const MAX_STRETCH: u32 = 6;
/// Held by whoever has an interpreter at work, and as a whole by a run that is timed with nothing else beside it.
static AT_WORK: RwLock<()> = RwLock::const_new(());
/// How often the running time of a job is counted; time in which the permit is frozen does not count.
const TICK: Duration = Duration::from_millis(250);

/// What a backend hands over for one started sandbox.
pub(super) struct Parts {
    pub(super) input: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) output: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) errors: StderrTail,
    pub(super) branch: Arc<Branch>,
    pub(super) keeper: Keeper,
    pub(super) limits: Limits,
    pub(super) count_processes: bool,
    pub(super) program: Arc<Program>,
    /// The hash seed, where the interpreter was started before anybody knew it: it starts itself once more.
    pub(super) seed: Option<u32>,
}

/// A fresh interpreter in its sandbox. Dropping it kills it.
pub struct Runner {
    /// Behind a lock that is never taken: a writer of the container engine is not `Sync`, and runners are held in shared
    /// places while others are opened beside them.
    input: Mutex<Box<dyn AsyncWrite + Send + Unpin>>,
    replies: mpsc::Receiver<Vec<u8>>,
    errors: StderrTail,
    branch: Arc<Branch>,
    keeper: Keeper,
    program: Arc<Program>,
    limits: Limits,
    count_processes: bool,
    spent: bool,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("limits", &self.limits)
            .field("spent", &self.spent)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// Sends the program inside and waits until it is ready.
    pub(super) async fn begin(permit: &WorkPermit, parts: Parts) -> Result<Self, SandboxError> {
        let (sender, replies) = mpsc::channel(1);
        let seed = parts.seed;
        // Ends with the sandbox's output, which ends with the sandbox: the handle is not needed.
        drop(Handle::current().spawn(drain(parts.output, sender)));
        let mut runner = Self {
            input: Mutex::new(parts.input),
            replies,
            errors: parts.errors,
            branch: parts.branch,
            keeper: parts.keeper,
            limits: parts.limits,
            program: parts.program,
            count_processes: parts.count_processes,
            spent: true,
        };
        let before = seed.map_or_else(Vec::new, started_anew);
        runner.start(permit, before).await?;
        Ok(runner)
    }

    /// Starts the interpreter anew with another hash seed, inside the same sandbox: another program image, in which
    /// nothing of the old one's memory is left. What the sandbox's folders hold was removed after each job.
    ///
    /// # Errors
    /// `Interrupted` once the permit is over, `Infra` where the sandbox broke.
    pub async fn renew(&mut self, permit: &WorkPermit, hash_seed: u32) -> Result<(), SandboxError> {
        permit.running().await?;
        if self.spent {
            return Err(SandboxError::Infra("the interpreter has ended".to_owned()));
        }
        self.spent = true;
        self.start(permit, frame::anew(hash_seed)).await
    }

    /// Sends the program inside, behind what comes `before` it, and waits until it is ready.
    async fn start(&mut self, permit: &WorkPermit, before: Vec<u8>) -> Result<(), SandboxError> {
        let mut request = before;
        request.extend(self.program.frame());
        let froze = AtomicBool::new(false);
        let beside = beside(permit).await?;
        let answer = self.exchange(permit, &request, READY, &froze).await?;
        drop(beside);
        match answer {
            Some(ready) if ready.starts_with(b"{\"ready\"") => {
                self.program.learn(&ready);
                self.spent = false;
                Ok(())
            }
            Some(_) | None => Err(self.broken("the interpreter did not start").await),
        }
    }

    /// The limits of each job.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// True once this runner can run nothing more: open another one.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// False once it has ended without being told to.
    pub(super) fn is_alive(&self) -> bool {
        !self.spent && self.keeper.is_at_work() && !self.replies.is_closed()
    }

    /// Runs one job and waits for its end.
    ///
    /// # Errors
    /// `Interrupted` once the permit is over, `Infra` where the sandbox broke; neither says anything of the code.
    pub async fn run(
        &mut self,
        permit: &WorkPermit,
        job: &Job,
    ) -> Result<Observation, SandboxError> {
        self.run_served(permit, job, None).await
    }

    /// Runs one call beside a loopback server whose address it knows as `base_url`. The server lives in the sandbox's
    /// process 1, which the call's processes can neither signal nor read.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_served(
        &mut self,
        permit: &WorkPermit,
        job: &Job,
        serve: Option<&Serve>,
    ) -> Result<Observation, SandboxError> {
        let limits = self.limits;
        self.run_within(permit, job, serve, &limits).await
    }

    /// As `run_served`, with less time than the sandbox's other jobs have. What holds for the sandbox as a whole stays.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_within(
        &mut self,
        permit: &WorkPermit,
        job: &Job,
        serve: Option<&Serve>,
        limits: &Limits,
    ) -> Result<Observation, SandboxError> {
        loop {
            permit.running().await?;
            let beside = beside(permit).await?;
            let seen = self.run_once(permit, job, serve, limits).await?;
            drop(beside);
            if seen.ending != Ending::Interrupted {
                return Ok(seen);
            }
        }
    }

    /// As `run_within`, while no other interpreter of this program is at work: for a run whose time decides. Waits for
    /// those that are, and holds up those that come.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_alone(
        &mut self,
        permit: &WorkPermit,
        job: &Job,
        serve: Option<&Serve>,
        limits: &Limits,
    ) -> Result<Observation, SandboxError> {
        loop {
            permit.running().await?;
            let alone = tokio::select! {
                biased;
                ended = permit.ended() => return Err(ended.into()),
                alone = AT_WORK.write() => alone,
            };
            let seen = self.run_once(permit, job, serve, limits).await?;
            drop(alone);
            // Frozen time is no running time, and code that looks at a clock saw it jump: such a run is done again.
            if seen.ending != Ending::Interrupted {
                return Ok(seen);
            }
        }
    }

    async fn run_once(
        &mut self,
        permit: &WorkPermit,
        job: &Job,
        serve: Option<&Serve>,
        limits: &Limits,
    ) -> Result<Observation, SandboxError> {
        if self.spent {
            return Err(SandboxError::Infra("the interpreter has ended".to_owned()));
        }
        let limits = &Limits {
            cpu_ms: limits.cpu_ms.min(self.limits.cpu_ms),
            wall_ms: limits.wall_ms.min(self.limits.wall_ms),
            ..self.limits
        };
        // Until the answer is there: a caller that drops this future leaves an answer behind that is not its own.
        self.spent = true;
        let before = self.counters();
        let request = frame::request(job, limits, self.count_processes, serve);
        let wall = Duration::from_millis(limits.wall_ms) * MAX_STRETCH + GRACE;
        let began = clock::monotonic();
        let froze = AtomicBool::new(false);
        let answer = self.exchange(permit, &request, wall, &froze).await?;
        let after = self.counters();
        let counted = Counted {
            oom_kills: after.oom_kills.saturating_sub(before.oom_kills),
            process_refusals: after
                .process_refusals
                .saturating_sub(before.process_refusals),
            refusals_unknown: self.count_processes,
        };
        let Some(answer) = answer else {
            if counted.oom_kills > 0 {
                let mut seen = Observation::of(Ending::Oom, Outcome::Nothing);
                seen.wall_ms = began.elapsed().as_secs_f64() * 1000.0;
                return Ok(seen);
            }
            return Err(self.broken("the interpreter went away").await);
        };
        let (mut seen, clean) = frame::observation(&answer, counted)
            .map_err(|e| SandboxError::Infra(format!("the interpreter's answer: {e}")))?;
        self.spent = !clean;
        if froze.into_inner() || is_frozen(permit) {
            seen.ending = Ending::Interrupted;
        }
        Ok(seen)
    }

    /// Ends the interpreter and waits until nothing of it is left.
    pub async fn close(self) {
        let Self {
            input, mut keeper, ..
        } = self;
        drop(input);
        keeper.finish().await;
    }

    fn counters(&self) -> Counted {
        Counted {
            oom_kills: self.branch.oom_kills(),
            process_refusals: self.branch.process_refusals(),
            refusals_unknown: self.count_processes,
        }
    }

    /// Sends a frame and waits for one; `None` where the sandbox ended instead of answering.
    async fn exchange(
        &mut self,
        permit: &WorkPermit,
        request: &[u8],
        limit: Duration,
        froze: &AtomicBool,
    ) -> Result<Option<Vec<u8>>, SandboxError> {
        let input = self.input.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (replies, keeper) = (&mut self.replies, &self.keeper);
        let work = async move {
            // A sandbox that ended refuses the request; why it ended is told by its silence.
            let _ = input.write_all(request).await;
            let _ = input.flush().await;
            replies.recv().await
        };
        tokio::select! {
            biased;
            ended = permit.ended() => {
                keeper.stop();
                Err(ended.into())
            }
            answer = work => Ok(answer),
            () = running_time(permit, limit, froze) => {
                keeper.stop();
                Err(SandboxError::Infra(format!("{TOO_SLOW} {limit:?}")))
            }
        }
    }

    /// An infrastructure error with what the sandbox said last.
    async fn broken(&mut self, what: &str) -> SandboxError {
        // The last words may still be on their way; they end with the process, which is ending.
        self.keeper.finish().await;
        tokio::task::yield_now().await;
        let words = self.errors.text();
        SandboxError::Infra(if words.is_empty() {
            what.to_owned()
        } else {
            format!("{what}: {words}")
        })
    }
}

/// A place beside the other interpreters at work.
async fn beside(permit: &WorkPermit) -> Result<RwLockReadGuard<'static, ()>, SandboxError> {
    tokio::select! {
        biased;
        ended = permit.ended() => Err(ended.into()),
        beside = AT_WORK.read() => Ok(beside),
    }
}

fn is_frozen(permit: &WorkPermit) -> bool {
    matches!(permit.pace(), Pace::Frozen { .. })
}

/// Returns after `limit` of time in which the permit was not frozen; notes whether it was.
async fn running_time(permit: &WorkPermit, limit: Duration, froze: &AtomicBool) {
    let mut left = limit;
    while !left.is_zero() {
        let step = left.min(TICK);
        tokio::select! {
            biased;
            // At once, so that no freeze is too short to be seen.
            () = permit.not_running() => {
                froze.store(true, Ordering::Relaxed);
                if permit.running().await.is_err() {
                    return std::future::pending().await;
                }
            }
            () = tokio::time::sleep(step) => left = left.saturating_sub(step),
        }
    }
}

/// Reads frames until the sandbox's output ends. Goes on reading when nobody wants them any more: an unread pipe would
/// hold up the sandbox's end.
async fn drain(mut output: Box<dyn AsyncRead + Send + Unpin>, replies: mpsc::Sender<Vec<u8>>) {
    while let Some(frame) = read_frame(&mut output).await {
        // A second frame before the first was taken was not asked for.
        if replies.try_send(frame).is_err() {
            break;
        }
    }
    drop(replies);
    let mut rest = [0; 4096];
    while let Ok(1..) = output.read(&mut rest).await {}
}

async fn read_frame(output: &mut (dyn AsyncRead + Send + Unpin)) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    output.read_exact(&mut length).await.ok()?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return None;
    }
    // As large as it will be: pieces of every size in between would stay behind in the allocator's rooms.
    let mut body = Vec::with_capacity(length);
    let read = output
        .take(length as u64)
        .read_to_end(&mut body)
        .await
        .ok()?;
    (read == length).then_some(body)
}
