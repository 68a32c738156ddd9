//! Decides when dream work may run, and ends it. Started by the composition root: once for the service, once for a
//! `dream` that no service answers. The only owner of permits for sessions.
//!
//! One event loop owns everything: `select` turns every source into one `Event`, `apply` carries it out without
//! waiting. What may happen stands in `state.rs`, when it may happen in `schedule.rs` and `energy::gate`; everybody
//! else sees snapshots (`view.rs`) through the handle (`handle.rs`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Zoned;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub mod handle;
pub mod hold;
mod jobs;
pub mod memory;
pub mod permit;
pub mod proposals;
mod reflex;
pub mod schedule;
pub mod state;
pub mod state_store;
pub mod view;
pub mod wake_test;

pub use handle::{ReadCounts, Refusal, SupervisorHandle};
pub use view::{Counts, Snapshot, StateName, StateWord, Status, Told, Why};

use crate::clock::{self, Instant};
use crate::config::Settings;
use crate::dream::{RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::disturb::{Disturbance, Running};
use crate::energy::gate::{self, GateKind, Leave, Pause};
use crate::energy::load::Dwell;
use crate::energy::{EnergyManager, Limits, Notice, Noticed, Reading, Senses};
use crate::engine::progress::{Progress, ProgressEvent};
use crate::ids::SessionId;
use crate::tree::Tree;
use handle::{Command, Urgent};
use memory::Memory;
use permit::{PermitHolder, PermitKind, WorkPermit};
use reflex::Reflex;
use state::{Effect, Event, State};
use state_store::StateStore;

/// How often we look while nothing runs: a start may be late by this much, and the look must cost next to nothing.
const LOOK_AWAKE: Duration = Duration::from_secs(5);
/// How often we look while the calendar, the settings or a pause say that nothing can begin before the next look.
const LOOK_CALM: Duration = Duration::from_secs(30);
/// How often we look while gates settle or a session runs: a wake comes late by this much at most.
const LOOK_DREAMING: Duration = Duration::from_millis(500);
/// Senses that have not answered for this long count as unknown: no sensor may keep us from deciding.
const SENSES_PATIENCE: Duration = Duration::from_secs(5);
/// Commands that may wait: each is a person or a script at the socket.
const COMMANDS: usize = 32;
/// Noticed input that may wait to be judged. What finds no room changes nothing: the same was already said.
const NOTICES: usize = 64;
/// Progress events that may wait to be heard, and that a slow follower may lag behind: some scenarios' worth.
const TOLD: usize = 256;

/// Runs one session to its report. The permit's end must end it.
pub type RunSession = Arc<
    dyn Fn(WorkPermit, RemRequest, Progress) -> BoxFuture<'static, SessionReport> + Send + Sync,
>;

/// Reads the wall clock in the owner's zone; `clock::local` outside of tests.
pub type WallClock = Arc<dyn Fn() -> Zoned + Send + Sync>;

/// Why this supervisor is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `dreamer run`: dreams by itself where the settings allow.
    Service,
    /// `dreamer dream` without a service: runs what is asked for, nothing by itself.
    Requests,
    /// `dreamer wake-test`: as requests, and what waits for nobody to be there begins with the first calm look.
    Measuring,
}

/// What a supervisor is made of.
pub struct SupervisorParts {
    pub settings: Settings,
    pub purpose: Purpose,
    pub senses: Box<dyn Senses>,
    pub tree: Arc<Tree>,
    pub run_session: RunSession,
    pub counts: ReadCounts,
    pub wall: WallClock,
    /// Registers `nightly_dreaming` and `idle_dreaming_check`; the supervisor does not depend on them.
    pub cron: bool,
}

impl std::fmt::Debug for SupervisorParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupervisorParts")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A session's task as the loop holds it.
#[derive(Debug)]
struct Task {
    session: SessionId,
    holder: PermitHolder,
    abort: AbortHandle,
    id: tokio::task::Id,
    since: Instant,
    until: Option<Instant>,
}

/// Everything that can happen to the loop.
enum Happening {
    Command(Command),
    Urgent(Urgent),
    Noticed(Noticed),
    Over(tokio::task::Id, Result<SessionReport, JoinError>),
    Looked(Reading),
    Told(SessionId, ProgressEvent),
    Nudged,
    Tick,
    Shutdown,
}

/// The event loop.
pub struct Supervisor {
    settings: Arc<Settings>,
    purpose: Purpose,
    tree: Arc<Tree>,
    reflex: Arc<Reflex>,
    run_session: RunSession,
    wall: WallClock,
    energy: EnergyManager,
    memory: Memory,
    root: CancellationToken,

    state: State,
    task: Option<Task>,
    sessions: JoinSet<SessionReport>,
    /// What was asked for and has not begun.
    requests: HashMap<SessionId, RemRequest>,
    heavy: Dwell,
    /// Pointer input up to this moment is judged by itself; a look that finds it finds nothing new.
    judged_input: Option<Instant>,
    /// The newest input that was told; a look that was under way then has not seen it.
    told_input: Option<Instant>,

    looks: JoinSet<Reading>,
    look_began: Instant,
    next_look: Instant,
    /// Nothing can begin for a while, whatever the machine does.
    calm: bool,
    whys: Vec<oneshot::Sender<Arc<Why>>>,

    /// The report of the session that ended last, until it is settled how it counts.
    report: Option<SessionReport>,
    current: Snapshot,
    snapshot: Arc<StateStore<Snapshot>>,
    known_settings: watch::Sender<Arc<Settings>>,
    told: broadcast::Sender<Told>,
    commands: mpsc::Receiver<Command>,
    urgent: mpsc::Receiver<Urgent>,
    notices: mpsc::Receiver<Noticed>,
    progress: mpsc::Receiver<(SessionId, ProgressEvent)>,
    progress_in: mpsc::Sender<(SessionId, ProgressEvent)>,
    nudge: Arc<Notify>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts the event loop on the running runtime. It ends with `SupervisorHandle::shutdown`, or when the last
    /// handle is dropped.
    #[must_use]
    pub fn start(parts: SupervisorParts) -> SupervisorHandle {
        let settings = Arc::new(parts.settings);
        let (commands_in, commands) = mpsc::channel(COMMANDS);
        let (urgent_in, urgent) = mpsc::channel(COMMANDS);
        let (progress_in, progress) = mpsc::channel(TOLD);
        let snapshot = Arc::new(StateStore::new(Snapshot::first()));
        let snapshot_out = snapshot.subscribe();
        let (known_settings, settings_out) = watch::channel(Arc::clone(&settings));
        let (told, _) = broadcast::channel(TOLD);
        let root = CancellationToken::new();
        let nudge = Arc::new(Notify::new());
        let energy = EnergyManager::new(parts.senses, Limits::of(&settings));
        let handle = SupervisorHandle {
            energy: energy.clone(),
            commands: commands_in,
            urgent: urgent_in,
            snapshot: snapshot_out,
            told: told.clone(),
            nudge: Arc::clone(&nudge),
            root: root.clone(),
            counts: parts.counts,
            settings: settings_out,
        };
        let now = clock::monotonic();
        let memory = Memory::load(&settings.data_dir);
        let reflex = Arc::new(Reflex::new(Arc::clone(&parts.tree)));
        let (notices_in, notices) = mpsc::channel(NOTICES);
        energy.register_alert_callback({
            let reflex = Arc::clone(&reflex);
            Arc::new(move |noticed| {
                reflex.strike();
                drop(notices_in.try_send(noticed.clone()));
            })
        });
        let supervisor = Self {
            memory,
            settings,
            purpose: parts.purpose,
            tree: parts.tree,
            reflex,
            run_session: parts.run_session,
            wall: parts.wall,
            energy,
            root,
            state: State::Starting,
            task: None,
            sessions: JoinSet::new(),
            requests: HashMap::new(),
            heavy: Dwell::default(),
            judged_input: None,
            told_input: None,
            looks: JoinSet::new(),
            look_began: now,
            next_look: now,
            calm: false,
            whys: Vec::new(),
            report: None,
            current: Snapshot::first(),
            snapshot,
            known_settings,
            told,
            commands,
            urgent,
            notices,
            progress,
            progress_in,
            nudge,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle owns the loop: `shutdown` cancels it and waits until it is gone"
        )]
        drop(tokio::spawn(supervisor.run(parts.cron)));
        handle
    }

    async fn run(mut self, cron: bool) {
        let jobs = if cron {
            jobs::Jobs::start(&self.nudge)
                .await
                .inspect_err(|error| {
                    tracing::warn!(%error, "the named jobs are off; the supervisor's own tick goes on");
                })
                .ok()
        } else {
            None
        };
        self.energy.start_monitoring();
        self.step(Event::Ready, clock::monotonic());
        self.publish();
        while !matches!(self.state, State::Stopping { session: None, .. }) {
            let happening = self.select().await;
            self.apply(happening);
        }
        // Whoever still holds a permit by now was told and did not hear.
        self.energy.stop_monitoring();
        self.sessions.abort_all();
        self.tree.kill();
        self.tree.thaw();
        if let Some(jobs) = jobs {
            jobs.stop().await;
        }
    }

    /// The next thing that happens, the urgent first.
    async fn select(&mut self) -> Happening {
        let stopping = matches!(self.state, State::Stopping { .. });
        let deadline = match &self.state {
            State::Waking { deadline, .. } | State::Stopping { deadline, .. } => *deadline,
            State::Starting
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. } => self.next_look,
        };
        tokio::select! {
            biased;
            () = self.root.cancelled(), if !stopping => Happening::Shutdown,
            Some(noticed) = self.notices.recv() => Happening::Noticed(noticed),
            urgent = self.urgent.recv(), if !stopping => urgent.map_or(Happening::Shutdown, Happening::Urgent),
            Some(over) = self.sessions.join_next_with_id() => match over {
                Ok((id, report)) => Happening::Over(id, Ok(report)),
                Err(error) => Happening::Over(error.id(), Err(error)),
            },
            Some(look) = self.looks.join_next() => Happening::Looked(look.unwrap_or_else(|error| {
                Reading::unknown(&format!("the senses failed: {error}"))
            })),
            Some((session, event)) = self.progress.recv() => Happening::Told(session, event),
            Some(command) = self.commands.recv() => Happening::Command(command),
            () = self.nudge.notified() => Happening::Nudged,
            () = tokio::time::sleep_until(self.next_look.min(deadline)) => Happening::Tick,
        }
    }

    /// Carries one happening out; never waits.
    fn apply(&mut self, happening: Happening) {
        let now = clock::monotonic();
        // Answers come after the publication, so that whoever was answered finds what the answer says.
        let mut answers: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        match happening {
            Happening::Shutdown => {
                self.step(Event::Shutdown, now);
            }
            Happening::Noticed(noticed) => self.noticed(&noticed, now),
            Happening::Urgent(Urgent::Wake { reason, reply }) => {
                let there = self.state.session().or(self.state.waiting()).is_some();
                self.energy.wake_up(now);
                self.step(Event::Wake(reason), now);
                answers.push(Box::new(move || {
                    reply.send(there).ok();
                }));
            }
            Happening::Urgent(Urgent::Pause { length, reply }) => {
                self.pause(length);
                self.step(Event::Wake(WakeReason::Pause), now);
                answers.push(Box::new(move || {
                    reply.send(()).ok();
                }));
            }
            Happening::Command(Command::Resume { reply }) => {
                self.remember(|memory| memory.pause = None);
                self.next_look = now;
                answers.push(Box::new(move || {
                    reply.send(()).ok();
                }));
            }
            Happening::Command(Command::Ping { reply }) => {
                reply.send(()).ok();
            }
            Happening::Command(Command::Reload { settings }) => {
                self.settings = Arc::clone(&settings);
                self.energy.set_limits(Limits::of(&settings));
                self.known_settings.send_replace(settings);
                self.next_look = now;
            }
            Happening::Command(Command::Why { reply }) => {
                self.whys.push(reply);
                self.look(now);
            }
            Happening::Command(Command::Request { request, reply }) => {
                let answer = self.request(request, now);
                answers.push(Box::new(move || {
                    reply.send(answer).ok();
                }));
            }
            Happening::Over(id, result) => self.over(id, result, now),
            Happening::Looked(reading) => {
                self.looked(&reading, now);
                self.next_look = now + self.pace();
            }
            Happening::Told(session, event) => self.heard(&session, event),
            Happening::Nudged => self.next_look = now,
            Happening::Tick => {
                self.step(Event::Tick, now);
                if now >= self.next_look {
                    self.look(now);
                }
            }
        }
        self.publish();
        for answer in answers {
            answer();
        }
    }

    /// One row of the table, carried out; the effects are handed back for whoever must answer somebody.
    fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let before = StateName::of(&self.state);
        let state = std::mem::replace(&mut self.state, State::Starting);
        let (state, effects) = state::transition(state, event, now);
        self.state = state;
        for effect in &effects {
            self.carry_out(effect, now);
        }
        // Input freezes by itself only what input may end.
        self.reflex.arm(matches!(
            &self.state,
            State::Dreaming { trigger, .. } | State::Frozen { trigger, .. } if *trigger != Trigger::Manual
        ));
        let after = StateName::of(&self.state);
        if before != after {
            tracing::info!(from = before.as_str(), to = after.as_str(), "state");
            // The pace may have changed with the state.
            self.next_look = self.next_look.min(now + self.pace());
        }
        debug_assert_eq!(
            self.task.as_ref().map(|task| &task.session),
            self.state.session(),
            "a permit belongs to the session of the state"
        );
        effects
    }

    fn carry_out(&mut self, effect: &Effect, now: Instant) {
        match effect {
            Effect::Accept { session } => tracing::info!(%session, "a session was asked for"),
            Effect::Refuse { session, .. } => {
                self.requests.remove(session);
            }
            Effect::Begin { session, trigger } => self.begin(session, *trigger, now),
            Effect::Freeze { session } => {
                self.tree.freeze();
                if let Some(task) = &self.task {
                    task.holder.freeze(now);
                }
                tracing::info!(%session, "frozen");
            }
            Effect::Thaw { session } => {
                tracing::info!(%session, "goes on");
                self.tree.thaw();
                if let Some(task) = &self.task {
                    task.holder.thaw();
                }
            }
            Effect::End {
                session,
                reason,
                at,
            } => {
                let after_ms = now.saturating_duration_since(*at).as_secs_f64() * 1000.0;
                tracing::info!(%session, reason = reason.as_str(), after_ms, "the session must end");
                if let Some(task) = &self.task {
                    task.holder.end_since(*reason, *at);
                }
                self.tree.kill();
            }
            Effect::Abandon { session, reason } => {
                tracing::error!(%session, "the session did not report in time and is abandoned");
                let Some(task) = self.task.take() else { return };
                task.abort.abort();
                self.tree.kill();
                self.reflex.let_go();
                let mut report = ended_early(task.session, *reason);
                report.duration_seconds = seconds(now, task.since);
                report
                    .hints
                    .push("the session was abandoned: it did not end in time".to_owned());
                self.keep(report);
            }
            Effect::Cancel { session, reason } => {
                self.requests.remove(session);
                self.keep(ended_early(session.clone(), *reason));
            }
            Effect::Settle {
                began,
                trigger,
                woken,
                ..
            } => {
                // A session that a person asked for uses up neither the night nor the absence.
                let automatic = matches!(began, Trigger::Night | Trigger::Idle);
                if let (true, Some(report)) = (automatic, self.report.take()) {
                    let utc = (self.wall)().timestamp();
                    self.remember(|memory| {
                        memory.marks.ended(*began, *trigger, &report, *woken, utc);
                    });
                }
            }
        }
    }

    fn begin(&mut self, session: &SessionId, trigger: Trigger, now: Instant) {
        let request = self
            .requests
            .remove(session)
            .unwrap_or_else(|| self.by_itself(trigger));
        let niceness = self.settings.energy.priority;
        self.energy.set_low_priority(&self.tree, niceness);
        let until = request.for_duration.map(|length| now + length);
        let kind = PermitKind::Session(session.clone());
        let (permit, holder) = permit::mint(kind, Arc::clone(&self.tree), &self.root);
        let progress = {
            let session = session.clone();
            let sender = self.progress_in.clone();
            // A full queue drops what nobody had time to hear.
            Progress::new(move |event| drop(sender.try_send((session.clone(), event))))
        };
        let abort = self
            .sessions
            .spawn((self.run_session)(permit, request, progress));
        self.heavy = Dwell::default();
        self.judged_input = None;
        self.report = None;
        self.task = Some(Task {
            session: session.clone(),
            holder,
            id: abort.id(),
            abort,
            since: now,
            until,
        });
        tracing::info!(%session, ?trigger, "a session begins");
    }

    /// What a session of the service's own is asked for.
    fn by_itself(&self, trigger: Trigger) -> RemRequest {
        let dreaming = &self.settings.dreaming;
        RemRequest {
            trigger,
            max_scenarios: Some(dreaming.max_scenarios).filter(|most| *most > 0),
            complexity: dreaming.complexity,
            for_duration: None,
            tasks: Vec::new(),
            tasks_file: None,
        }
    }

    fn request(&mut self, request: RemRequest, now: Instant) -> Result<SessionId, Refusal> {
        let session = SessionId::new();
        let trigger = request.trigger;
        self.requests.insert(session.clone(), request);
        let event = Event::Request {
            session: session.clone(),
            trigger,
        };
        let refused = self
            .step(event, now)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Refuse { by, .. } => Some(by),
                Effect::Accept { .. }
                | Effect::Begin { .. }
                | Effect::Freeze { .. }
                | Effect::Thaw { .. }
                | Effect::End { .. }
                | Effect::Abandon { .. }
                | Effect::Cancel { .. }
                | Effect::Settle { .. } => None,
            });
        // A request that waits is decided upon by a look, not in five seconds.
        self.next_look = now;
        match refused {
            None => Ok(session),
            Some(Some(running)) => Err(Refusal::Busy { running }),
            Some(None) => Err(Refusal::Stopping),
        }
    }

    /// A session's task is over.
    fn over(
        &mut self,
        id: tokio::task::Id,
        result: Result<SessionReport, JoinError>,
        now: Instant,
    ) {
        let Some(task) = self.task.take_if(|task| task.id == id) else {
            tracing::debug!("an abandoned session ended");
            return;
        };
        while let Ok((session, event)) = self.progress.try_recv() {
            self.heard(&session, event);
        }
        // Nothing of a session outlives it, however it ended.
        self.tree.kill();
        self.reflex.let_go();
        let woken = match &self.state {
            State::Waking { reason, .. } => Some(*reason),
            State::Stopping { .. } => Some(WakeReason::Shutdown),
            State::Starting
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. } => None,
        };
        let report = match result {
            Ok(mut report) => {
                report.session_id = task.session.clone();
                if report.status == SessionStatus::Interrupted {
                    report.wake_reason = report.wake_reason.or(woken);
                }
                report
            }
            Err(error) => {
                tracing::error!(session = %task.session, %error, "the session broke");
                let mut report = SessionReport::empty(task.session.clone(), SessionStatus::Error);
                report.duration_seconds = seconds(now, task.since);
                report.wake_reason = Some(WakeReason::Failure);
                report
                    .hints
                    .push("the session broke; the log has the details".to_owned());
                report
            }
        };
        self.report = Some(report.clone());
        self.keep(report);
        let session = task.session;
        self.step(Event::Ended { session }, now);
    }

    fn keep(&mut self, report: SessionReport) {
        self.current.phase = None;
        self.current.keep(Arc::new(report.clone()));
        self.told.send(Told::Report { report }).ok();
    }

    fn heard(&mut self, session: &SessionId, event: ProgressEvent) {
        if self.state.session() != Some(session) {
            return;
        }
        if let ProgressEvent::Phase { phase, .. } = &event {
            self.current.phase = Some(*phase);
        }
        self.told
            .send(Told::Progress {
                session_id: session.clone(),
                progress: event,
            })
            .ok();
    }

    fn pace(&self) -> Duration {
        match self.state {
            State::Awake { waiting: None, .. } if self.calm => LOOK_CALM,
            State::Starting | State::Awake { .. } => LOOK_AWAKE,
            State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. }
            | State::Waking { .. }
            | State::Stopping { .. } => LOOK_DREAMING,
        }
    }

    /// Sends the senses out, unless they are out already; senses that do not come back count as unknown.
    fn look(&mut self, now: Instant) {
        if self.looks.is_empty() {
            self.look_began = now;
            self.next_look = now + SENSES_PATIENCE;
            let energy = self.energy.clone();
            self.looks.spawn_blocking(move || energy.get_metrics(now));
        } else if now >= self.look_began + SENSES_PATIENCE {
            let silence = now.saturating_duration_since(self.look_began);
            tracing::warn!(seconds = silence.as_secs(), "the senses do not answer");
            let why = format!("the senses have not answered for {}", gate::span(silence));
            self.looked(&Reading::unknown(&why), now);
            self.next_look = now + self.pace();
        }
    }

    /// Input, told as it happened.
    fn noticed(&mut self, noticed: &Noticed, now: Instant) {
        let at = noticed.at;
        if noticed.what != Notice::Sleep {
            self.told_input = self.told_input.max(Some(at));
        }
        let event = match noticed.what {
            Notice::Key | Notice::Login => Event::Input { at },
            Notice::Pointer => {
                // The table judges it; a look that finds the same movement must not judge it again.
                self.judged_input = Some(at + Duration::from_millis(1));
                Event::Pointer { at }
            }
            Notice::Asked => Event::Wake(WakeReason::Wake),
            Notice::Sleep => Event::Disturbed {
                reason: WakeReason::Suspend,
                at,
            },
        };
        self.step(event, now);
    }

    /// Judges one look at the machine.
    fn looked(&mut self, reading: &Reading, now: Instant) {
        let mut reading = reading.clone();
        // What was read is as old as the look.
        let lag = now.saturating_duration_since(self.look_began);
        reading.presence.last_input = reading
            .presence
            .last_input
            .map(|ago| ago.saturating_add(lag));
        // A measurement presses keys itself and goes on as if nobody had: its senses forget them, and so must this.
        let forgets = matches!(self.purpose, Purpose::Measuring);
        let told = self
            .told_input
            .filter(|at| !forgets || *at >= self.look_began);
        if let Some(at) = told {
            let ago = now.saturating_duration_since(at);
            let seen = reading.presence.last_input.unwrap_or(ago);
            reading.presence.last_input = Some(seen.min(ago));
        }
        let reading = &reading;
        let wall = (self.wall)();
        let utc = wall.timestamp();
        let known = self.memory.get();
        if known.pause.is_some_and(|pause| !pause.holds(utc)) {
            self.remember(|memory| memory.pause = None);
        }
        let known = self.memory.get();
        let judged = Judged::new(reading, &self.settings, &wall, known);

        self.calm = match judged.service {
            Leave::Closed(GateKind::Enabled | GateKind::Paused) => true,
            Leave::Closed(GateKind::Window) => schedule::stays_closed(
                &wall,
                &reading.presence,
                &self.settings.dreaming,
                &known.marks,
                LOOK_CALM,
            ),
            Leave::Closed(_) | Leave::May(_) => false,
        };
        match &self.state {
            State::Awake { .. } | State::Settling { .. } => {
                let blind = reading.presence.blind.is_some();
                let busy = self.energy.is_system_busy();
                let chosen = proposals::choose(&proposals::gather(judged.service, busy, blind));
                let service = match self.purpose {
                    Purpose::Service if chosen == proposals::Kind::Dream => judged.service,
                    Purpose::Service => match judged.service {
                        closed @ Leave::Closed(_) => closed,
                        Leave::May(_) => Leave::Closed(GateKind::Load),
                    },
                    Purpose::Requests | Purpose::Measuring => Leave::Closed(GateKind::Enabled),
                };
                let settle = match self.purpose {
                    Purpose::Service | Purpose::Requests => state::SETTLE,
                    Purpose::Measuring => Duration::ZERO,
                };
                let event = Event::Looked {
                    service,
                    when_away: judged.when_away,
                    next: SessionId::new(),
                    settle,
                };
                self.step(event, now);
            }
            State::Dreaming {
                trigger: Trigger::Idle,
                ..
            }
            | State::Frozen {
                trigger: Trigger::Idle,
                ..
            } if judged.inside_window => {
                self.step(Event::NightFell, now);
            }
            State::Starting
            | State::Dreaming { .. }
            | State::Frozen { .. }
            | State::Waking { .. }
            | State::Stopping { .. } => {}
        }
        if let (State::Dreaming { trigger, .. } | State::Frozen { trigger, .. }, Some(task)) =
            (&self.state, &self.task)
        {
            let running = Running {
                trigger: *trigger,
                since: self
                    .judged_input
                    .map_or(task.since, |at| at.max(task.since)),
                until: task.until,
            };
            let found = Disturbance::of(
                reading,
                &self.settings,
                running,
                judged.inside_window,
                &mut self.heavy,
                now,
            );
            if let Some(reason) = found.end {
                self.step(Event::Disturbed { reason, at: now }, now);
            }
            let (over, calm) = (found.over, found.calm);
            self.step(Event::Strain { over, calm }, now);
        }

        let why = Arc::new(self.why(judged));
        self.current.why = Some(Arc::clone(&why));
        for asked in self.whys.drain(..) {
            asked.send(Arc::clone(&why)).ok();
        }
    }

    fn why(&self, judged: Judged) -> Why {
        let name = StateName::of(&self.state);
        let because = match &self.state {
            State::Starting => "preflight".to_owned(),
            State::Awake { .. } | State::Settling { .. } => judged.because(),
            State::Dreaming { session, .. } => format!("session {session} runs"),
            State::Frozen { session, hold, .. } => {
                format!("session {session} is frozen: {}", hold.reason().as_str())
            }
            State::Waking { reason, .. } => format!("waking: {}", reason.as_str()),
            State::Stopping { .. } => "the service is stopping".to_owned(),
        };
        Why {
            state: name.word(self.current.phase),
            may_dream: matches!(judged.service, Leave::May(_)),
            gates: judged.gates,
            supervisor: name,
            because,
        }
    }

    fn pause(&mut self, length: Option<Duration>) {
        let now = (self.wall)().timestamp();
        // A length beyond the calendar is as good as no end.
        let until = length.and_then(|length| now.checked_add(length).ok());
        self.remember(|memory| memory.pause = Some(Pause { until }));
    }

    fn remember(&mut self, change: impl FnOnce(&mut memory::Remembered)) {
        if let Err(error) = self.memory.update(change) {
            tracing::warn!(%error, "the supervisor's memory cannot be written; it holds until the next start");
        }
    }

    fn publish(&mut self) {
        let name = StateName::of(&self.state);
        let (trigger, waking) = match &self.state {
            State::Dreaming { trigger, .. } => (Some(*trigger), None),
            State::Frozen { trigger, hold, .. } => (Some(*trigger), Some(hold.reason())),
            State::Waking {
                trigger, reason, ..
            } => (Some(*trigger), Some(*reason)),
            State::Starting
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Stopping { .. } => (None, None),
        };
        let renamed = self.current.name != name;
        self.current.name = name;
        self.current.session = self.state.session().cloned();
        self.current.trigger = trigger;
        self.current.waking = waking;
        self.current.waiting = self.state.waiting().cloned();
        self.current.pause = self.memory.get().pause;
        // Nobody else writes: a conflict would be a bug, and the newest state wins.
        let written = self
            .snapshot
            .compare_and_set(self.current.version, self.current.clone());
        debug_assert!(written.is_ok(), "the supervisor is the only writer");
        self.current.version = written.unwrap_or_else(|conflict| conflict.found);
        if renamed {
            self.told
                .send(Told::State {
                    version: self.current.version,
                    supervisor: name,
                })
                .ok();
        }
    }
}

/// One look, judged by the schedule and the gates.
#[derive(Debug)]
pub struct Judged {
    pub gates: Vec<gate::Gate>,
    pub service: Leave,
    pub when_away: Leave,
    pub inside_window: bool,
}

impl Judged {
    #[must_use]
    pub fn new(
        reading: &Reading,
        settings: &Settings,
        wall: &Zoned,
        known: memory::Remembered,
    ) -> Self {
        let utc = wall.timestamp();
        let judge = |marks| {
            let window = schedule::window(wall, &reading.presence, &settings.dreaming, marks);
            let gates = gate::gates(reading, settings, &window, known.pause, utc);
            (window, gates)
        };
        let (window, gates) = judge(&known.marks);
        // A person who asks need not care that the service has had its session.
        let (_, asked) = judge(&schedule::Marks::default());
        Self {
            service: gate::leave(&gates, &window),
            when_away: gate::leave_when_away(&asked),
            inside_window: window.inside,
            gates,
        }
    }

    /// The first closed gate in a sentence.
    #[must_use]
    pub fn because(&self) -> String {
        match self.service {
            Leave::May(Trigger::Night) => "may dream: the night holds".to_owned(),
            Leave::May(_) => "may dream: idle long enough".to_owned(),
            Leave::Closed(kind) => {
                let reason = self
                    .gates
                    .iter()
                    .find(|gate| gate.gate == kind)
                    .map_or("", |gate| gate.reason.as_str());
                format!("{}: {reason}", kind.as_str())
            }
        }
    }
}

/// The report of a session that could not write its own.
fn ended_early(session: SessionId, reason: WakeReason) -> SessionReport {
    let mut report = SessionReport::empty(session, SessionStatus::Interrupted);
    report.wake_reason = Some(reason);
    report
}

fn seconds(now: Instant, since: Instant) -> f64 {
    now.saturating_duration_since(since).as_secs_f64()
}
