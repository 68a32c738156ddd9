//! Measures the promise: from a real key press in a real terminal to the last CPU cycle of dream work, and until
//! nothing of it is left. Called by `dreamer wake-test` and by the tests; runs the same supervisor, senses and sandboxes
//! as a night does, with sandboxes that do nothing but burn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::permit::{self, PermitKind, WorkPermit};
use super::{Purpose, RunSession, Supervisor, SupervisorHandle, SupervisorParts};
use crate::clock::{self, Instant};
use crate::config::Settings;
use crate::dream::{RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::host::HostSenses;
use crate::energy::{Hear, Listening, OwnWork, Power, Presence, Reading, Sensed, Senses};
use crate::ids::SessionId;
use crate::sandbox::{self, Backend, Job, Limits, RunnerSpec, Sandbox, SandboxError};
use crate::tree::Tree;

mod figures;
mod model;
mod typist;

use model::Model;

pub use figures::{Figures, Freezing, Measured};
pub use typist::Typist;

/// What burns in each sandbox until it is ended.
const BURN: &str = "while True:\n    pass\n";
/// How long four sandboxes may take until all of them burn: a container engine on a machine that compiles.
const BUSY: Duration = Duration::from_mins(1);
/// Beyond this a wake has failed, whatever it was.
const LATE: Duration = Duration::from_secs(10);
/// How often the CPU time of the dream is read after the key; a figure is late by at most this.
const SAMPLE: Duration = Duration::from_micros(500);
/// Reading goes on this long after everything is gone, to be sure that nothing stirs.
const AFTERMATH: Duration = Duration::from_millis(30);
/// Rounds that somebody else's key ended before ours are repeated, so often in a row.
const TRIES: u32 = 5;

/// What is measured, and how often.
#[derive(Debug, Clone)]
pub struct Plan {
    pub settings: Settings,
    pub rounds: u32,
    pub sandboxes: usize,
}

/// One wake.
#[derive(Debug, Clone, Copy)]
struct Round {
    stillness: Duration,
    cpu_after: Duration,
    release: Duration,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum WakeTestError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot open a terminal to press a key in")]
    Terminal(#[source] std::io::Error),
    #[error("cannot make the process group of the dreams")]
    Tree(#[source] std::io::Error),
    #[error("the dream did not get under way within {BUSY:?}; `dreamer why` may tell")]
    NotBusy,
}

/// Runs all rounds; `told` hears of each one that is over.
///
/// # Errors
/// Where no round can be run at all. A round that goes wrong is counted, not an error.
pub async fn measure(plan: &Plan, mut told: impl FnMut(u32)) -> Result<Measured, WakeTestError> {
    let settings = &plan.settings;
    let tree = Tree::with_niceness(&settings.sandbox.namespace, settings.energy.priority);
    let tree = Arc::new(tree.map_err(WakeTestError::Tree)?);
    let (permit, _holder) = permit::operator(Arc::clone(&tree));
    let sandbox = sandbox::select(&settings.sandbox, &permit).await?;
    sandbox.settle().await;
    let mut bench = Bench::set_up(plan, &tree, &sandbox).map_err(WakeTestError::Terminal)?;
    let mut rounds = Vec::new();
    let mut failures = Vec::new();
    for number in 0..plan.rounds {
        match bench.round(number).await? {
            Ok(round) => rounds.push(round),
            Err(why) => failures.push(format!("round {}: {why}", number + 1)),
        }
        told(number + 1);
    }
    bench.supervisor.shutdown().await;
    let figures = |of: fn(&Round) -> Duration| Figures::of(rounds.iter().map(of).collect());
    let counted = bench.counted;
    Ok(Measured {
        rounds: plan.rounds,
        backend: sandbox.backend().as_str().to_owned(),
        model_server: settings.llm.own_server().map(|server| server.name.clone()),
        freezing: freezing(&tree, sandbox.as_ref()),
        stillness_ms: figures(if counted {
            |round| round.stillness
        } else {
            |round| round.release
        }),
        cpu_after_ms: counted.then(|| figures(|round| round.cpu_after)),
        release_ms: figures(|round| round.release),
        failed_rounds: u32::try_from(failures.len()).unwrap_or(u32::MAX),
        failures,
    })
}

/// By what the dreams of all rounds were stopped.
fn freezing(tree: &Tree, sandbox: &dyn Sandbox) -> Freezing {
    let at_once = tree.freezes_at_once() && sandbox.lies_within(tree);
    match (at_once, sandbox.backend()) {
        (true, _) => Freezing::OneWrite,
        (false, Backend::Docker) if tree.stops_what_is_outside() => Freezing::WriteForEach,
        (false, Backend::Docker) => Freezing::Engine,
        (false, Backend::Bubblewrap) => Freezing::Signals,
    }
}

struct Bench {
    supervisor: SupervisorHandle,
    tree: Arc<Tree>,
    /// Whether the tree's groups count what the sandboxes use.
    counted: bool,
    busy: mpsc::Receiver<()>,
    gone: mpsc::Receiver<Instant>,
    vacated: Arc<Mutex<Instant>>,
    typist: Typist,
}

impl Bench {
    fn set_up(plan: &Plan, tree: &Arc<Tree>, sandbox: &Arc<dyn Sandbox>) -> std::io::Result<Self> {
        let mut settings = plan.settings.clone();
        // What the service remembers, a pause among it, is none of this.
        settings.data_dir = settings.data_dir.join("wake-test");
        let counted = tree.counts_cpu() && sandbox.lies_within(tree);
        let vacated = Arc::new(Mutex::new(clock::monotonic()));
        let senses = Vacated {
            host: HostSenses::new(Arc::clone(tree), OwnWork::new()),
            since: Arc::clone(&vacated),
        };
        let (busy_in, busy) = mpsc::channel(1);
        let (gone_in, gone) = mpsc::channel(1);
        let sandbox = Arc::clone(sandbox);
        let count = plan.sandboxes;
        let model = Model::of(plan, tree).map(Arc::new);
        let run_session: RunSession = Arc::new(move |permit, _, _| {
            let (sandbox, busy, gone) = (Arc::clone(&sandbox), busy_in.clone(), gone_in.clone());
            let model = model.clone();
            Box::pin(async move {
                let report = burn(&permit, &sandbox, (count, model.as_deref()), &busy).await;
                // The receiver outlives the session.
                gone.try_send(clock::monotonic()).ok();
                report
            })
        });
        let supervisor = Supervisor::start(SupervisorParts::new(
            Purpose::Measuring,
            settings,
            Box::new(senses),
            Arc::clone(tree),
            run_session,
        ));
        Ok(Self {
            supervisor,
            tree: Arc::clone(tree),
            counted,
            busy,
            gone,
            vacated,
            typist: Typist::sit_down()?,
        })
    }

    /// One dream and one key, or why the wake went wrong.
    async fn round(&mut self, number: u32) -> Result<Result<Round, String>, WakeTestError> {
        for _ in 0..TRIES {
            while self.gone.try_recv().is_ok() {}
            *self.vacated.lock().unwrap_or_else(PoisonError::into_inner) = clock::monotonic();
            let asked = self.supervisor.request(request()).await;
            let session = asked.map_err(|_| WakeTestError::NotBusy)?;
            let busy = tokio::time::timeout(BUSY, self.busy.recv()).await;
            if !matches!(busy, Ok(Some(()))) {
                self.supervisor.wake(WakeReason::Interrupt).await;
                return Err(WakeTestError::NotBusy);
            }
            // A moment that has nothing to do with any tick.
            let pause = 60 + u64::from(number.wrapping_mul(2_654_435_761) >> 24);
            let (begun, before) = (clock::monotonic(), self.tree.cpu_time());
            tokio::time::sleep(Duration::from_millis(pause)).await;
            // A stillness that was there before the key would prove nothing.
            let lasts = || self.supervisor.snapshot().session.as_ref() == Some(&session);
            while self.counted
                && self.tree.cpu_time() == before
                && begun.elapsed() < BUSY
                && lasts()
            {
                tokio::time::sleep(SAMPLE).await;
            }
            if lasts() {
                let idle = self.counted && self.tree.cpu_time() == before;
                let round = self.press(&session).await;
                let still = "the sandboxes used no CPU time that is counted";
                return Ok(if idle { Err(still.to_owned()) } else { round });
            }
        }
        Err(WakeTestError::NotBusy)
    }

    async fn press(&mut self, session: &SessionId) -> Result<Round, String> {
        let watching = Watching::begin(Arc::clone(&self.tree));
        let pressed = clock::monotonic();
        let typed = self.typist.press();
        let ended = tokio::time::timeout(LATE, self.supervisor.finished(session)).await;
        tokio::time::sleep(AFTERMATH).await;
        let (last, cpu_after) = watching.end();
        typed.map_err(|error| format!("no key could be pressed: {error}"))?;
        let Ok(ended) = ended else {
            return Err(format!("the dream had not ended {LATE:?} after the key"));
        };
        let (Some(report), Ok(gone)) = (ended, self.gone.try_recv()) else {
            return Err("the dream ended and left no report".to_owned());
        };
        if (report.status, report.wake_reason)
            != (SessionStatus::Interrupted, Some(WakeReason::Presence))
        {
            let (status, reason) = (report.status, report.wake_reason);
            return Err(format!("it ended {status:?}, woken by {reason:?}"));
        }
        let (left, groups) = (self.tree.processes(), self.tree.branches_left());
        if !left.is_empty() || groups > 0 {
            return Err(format!("processes {left:?} and {groups} groups were left"));
        }
        let since = |at: Instant| at.saturating_duration_since(pressed);
        Ok(Round {
            stillness: last.map_or(Duration::ZERO, since),
            cpu_after,
            release: since(gone),
        })
    }
}

/// Opens the sandboxes, lets them burn until the permit is over, and returns once nothing is left of them.
async fn burn(
    permit: &WorkPermit,
    sandbox: &Arc<dyn Sandbox>,
    (count, model): (usize, Option<&Model>),
    busy: &mpsc::Sender<()>,
) -> SessionReport {
    let session = match permit.kind() {
        PermitKind::Session(session) => session.clone(),
        PermitKind::Operator | PermitKind::Preflight => SessionId::new(),
    };
    let limits = Limits {
        cpu_ms: 600_000,
        wall_ms: 600_000,
        ..Limits::default()
    };
    let (burns, mut burning) = mpsc::channel(count.max(1) + 1);
    let mut work = JoinSet::new();
    let mut talking = JoinSet::new();
    let mut server = None;
    if let Some(model) = model {
        server = model.generate(permit, &burns, &mut talking).await;
    }
    let sandboxes = count;
    let count = count + usize::from(model.is_some());
    for number in 0..sandboxes {
        let (permit, sandbox) = (permit.clone(), Arc::clone(sandbox));
        let (burns, limits) = (burns.clone(), limits);
        work.spawn(async move {
            let spec = RunnerSpec {
                hash_seed: u32::try_from(number).unwrap_or(0),
                limits,
            };
            let mut runner = sandbox.open(&permit, &spec).await?;
            burns.send(()).await.ok();
            let code = BURN.to_owned();
            runner.run(&permit, &Job::Program { code }).await
        });
    }
    drop(burns);
    let mut begun = 0;
    let ended = loop {
        tokio::select! {
            ended = permit.ended() => break ended,
            Some(()) = burning.recv() => {
                begun += 1;
                if begun == count {
                    busy.send(()).await.ok();
                }
            }
        }
    };
    work.shutdown().await;
    talking.shutdown().await;
    if let Some(server) = server {
        server.gone().await;
    }
    sandbox.settle().await;
    let mut report = SessionReport::empty(session, SessionStatus::Interrupted);
    report.wake_reason = Some(ended.0);
    report
}

fn request() -> RemRequest {
    RemRequest {
        trigger: Trigger::WhenAway,
        max_scenarios: None,
        complexity: crate::dream::Complexity::Simple,
        for_duration: None,
        tasks: Vec::new(),
        tasks_file: None,
    }
}

/// This machine's senses, as if its owner had left before `since` and nothing else ran: only what happens from then on
/// counts.
struct Vacated {
    host: HostSenses,
    since: Arc<Mutex<Instant>>,
}

impl Senses for Vacated {
    fn read(&mut self, now: Instant) -> Reading {
        let real = self.host.read(now);
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let gone_for = now.saturating_duration_since(since);
        Reading {
            presence: Presence {
                last_input: real.presence.last_input.filter(|ago| *ago < gone_for),
                still_for: None,
                blind: None,
                doing: None,
            },
            load_of_others: Sensed::Known(0.0),
            graphics: None,
            memory_used: Sensed::Known(0.0),
            memory_pressure: None,
            temperature_c: Sensed::Unknown("not asked".to_owned()),
            power: Sensed::Known(Power::Mains),
        }
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        self.host.listen(hear)
    }
}

/// Reads the dream's CPU time over and over, on a thread of its own.
struct Watching {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(Option<Instant>, Duration)>,
}

impl Watching {
    fn begin(tree: Arc<Tree>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let first = tree.cpu_time();
        let thread = std::thread::spawn(move || {
            let (mut last, mut used) = (None, first);
            while !stopped.load(Ordering::Relaxed) {
                let now_used = tree.cpu_time();
                if now_used > used {
                    used = now_used;
                    last = Some(clock::monotonic());
                }
                std::thread::sleep(SAMPLE);
            }
            (last, used.saturating_sub(first))
        });
        Self { stop, thread }
    }

    /// When the dream's CPU time was last seen to grow, and by how much it grew in all.
    fn end(self) -> (Option<Instant>, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// For JSON and for people.
impl Serialize for Figures {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}
