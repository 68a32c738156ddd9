//! Decides when dream work may run, and ends it. Started by the composition root: once for the service, once for a
//! `dream` that no service answers. The only owner of permits for sessions.
//!
//! One event loop owns everything: `select` turns every source into one `Event`, `apply` carries it out without
//! waiting. What may happen stands in `state.rs`, when it may happen in `schedule.rs` and `energy::gate`; everybody
//! else sees snapshots (`view.rs`) through the handle (`handle.rs`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub mod chores;
mod closing;
pub mod handle;
pub mod hold;
mod jobs;
mod looks;
pub mod memory;
pub mod original;
mod parts;
pub mod permit;
mod preflight;
pub mod proposals;
mod publish;
mod reflex;
mod saving;
pub mod schedule;
mod sessions;
pub mod state;
pub mod state_store;
pub mod view;
pub mod wake_test;

pub use chores::{Chore, RunChore};
pub use handle::{ReadCounts, ReadTroubles, Refusal, SupervisorHandle};
pub use jobs::{NAMED_JOBS, NamedJob};
pub use looks::Judged;
pub use parts::{
    CloseSession, NoteTransition, Preflight, Purpose, RunSession, SupervisorParts, Transition,
    WallClock,
};
pub use view::{Counts, Safe, Snapshot, StateName, StateWord, Status, Tick, Told, Why};

use crate::clock::{self, Instant};
use crate::config::Settings;
use crate::dream::{RemRequest, SessionReport, Trigger, WakeReason};
use crate::energy::disturb::Heavy;
use crate::energy::{EnergyManager, Limits, Noticed, Reading};
use crate::engine::progress::ProgressEvent;
use crate::ids::SessionId;
use crate::tree::Tree;
use chores::{Chores, Due};
use closing::Closing;
use handle::{Command, Urgent};
use memory::Memory;
use permit::PermitHolder;
use reflex::Reflex;
use saving::Saving;
use state::{Effect, Event, State};
use state_store::StateStore;

/// How often we look while nothing runs: a start may be late by this much, and the look must cost next to nothing.
const LOOK_AWAKE: Duration = Duration::from_secs(5);
/// How often we look while the calendar, the settings or a pause say that nothing can begin before the next look.
const LOOK_CALM: Duration = Duration::from_mins(1);
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
    Checked(Option<String>),
    Chored(Chore, chores::Done),
    Closed(SessionReport),
    Saved(std::io::Result<()>),
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
    saving: Saving,
    root: CancellationToken,

    state: State,
    task: Option<Task>,
    sessions: JoinSet<SessionReport>,
    /// What was asked for and has not begun.
    requests: HashMap<SessionId, RemRequest>,
    heavy: Heavy,
    /// Pointer input up to this moment is judged by itself; a look that finds it finds nothing new.
    judged_input: Option<Instant>,

    looks: JoinSet<Reading>,
    look_began: Instant,
    /// When the one before that one began.
    look_before: Option<Instant>,
    /// A look was wanted while one was out.
    look_again: bool,
    next_look: Instant,
    /// The last look was inside the night.
    inside: bool,
    /// Nothing can begin for a while, whatever the machine does.
    calm: bool,
    whys: Vec<oneshot::Sender<Arc<Why>>>,
    checks: preflight::Checks,
    chores: Chores,
    closing: Closing,
    note: Option<NoteTransition>,

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
            store: Arc::downgrade(&snapshot),
            told: told.clone(),
            nudge: Arc::clone(&nudge),
            root: root.clone(),
            counts: parts.counts,
            troubles: parts.troubles,
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
            saving: Saving::default(),
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
            heavy: Heavy::default(),
            judged_input: None,
            looks: JoinSet::new(),
            look_began: now,
            look_before: None,
            look_again: false,
            next_look: now,
            inside: false,
            calm: false,
            whys: Vec::new(),
            checks: preflight::Checks::new(parts.preflight, now),
            chores: Chores::new(parts.run_chore),
            closing: Closing::new(parts.close_session),
            note: parts.note,
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
        drop(tokio::spawn(supervisor.run(parts.named_jobs)));
        handle
    }

    async fn run(mut self, named_jobs: &'static [NamedJob]) {
        let mut jobs = (!named_jobs.is_empty())
            .then(|| jobs::Jobs::start(named_jobs, &self.nudge))
            .and_then(|started| {
                started
                    .inspect_err(|error| tracing::warn!(%error, "the named jobs are off"))
                    .ok()
            });
        self.energy.start_monitoring();
        let now = clock::monotonic();
        if !self.checks.begin(&self.tree, now) {
            self.step(Event::Ready, now);
        }
        self.publish();
        while !matches!(self.state, State::Stopping { session: None, .. }) {
            let happening = self.select().await;
            self.apply(happening);
            if let Some(jobs) = &mut jobs {
                jobs.rest(self.pace() == LOOK_CALM);
            }
        }
        // Whoever still holds a permit by now was told and did not hear.
        self.energy.stop_monitoring();
        self.sessions.abort_all();
        self.chores.stop();
        self.tree.kill();
        self.close_rest().await;
        self.save_rest().await;
        self.checks.gone().await;
        self.tree.thaw();
    }

    /// The next thing that happens, the urgent first.
    async fn select(&mut self) -> Happening {
        let stopping = matches!(self.state, State::Stopping { .. });
        let deadline = match &self.state {
            State::Waking { deadline, .. } | State::Stopping { deadline, .. } => *deadline,
            State::Starting
            | State::Safe { .. }
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
            Some(trouble) = self.checks.next() => Happening::Checked(trouble),
            (chore, done) = self.chores.next() => Happening::Chored(chore, done),
            Some(report) = self.closing.next() => Happening::Closed(report),
            Some(written) = self.saving.next() => Happening::Saved(written),
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
                self.put_off(WakeReason::Shutdown, now);
                self.step(Event::Shutdown, now);
            }
            Happening::Noticed(noticed) => self.noticed(&noticed, now),
            Happening::Urgent(Urgent::Wake { reason, reply }) => {
                let there = self.state.session().or(self.state.waiting()).is_some();
                self.energy.wake_up(now);
                self.put_off(reason, now);
                self.step(Event::Wake(reason), now);
                answers.push(Box::new(move || {
                    reply.send(there).ok();
                }));
            }
            Happening::Urgent(Urgent::Pause { length, reply }) => {
                self.asked(now);
                self.put_off(WakeReason::Pause, now);
                self.step(Event::Wake(WakeReason::Pause), now);
                self.pause(length);
                answers.push(Box::new(move || {
                    reply.send(()).ok();
                }));
            }
            Happening::Command(Command::Resume { reply }) => {
                self.asked(now);
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
                self.checks.hurry(now);
                self.disabled(now);
            }
            Happening::Command(Command::Why { reply }) => {
                self.whys.push(reply);
                self.look(now);
            }
            Happening::Command(Command::Request { request, reply }) => {
                self.asked(now);
                let answer = self.request(request, now);
                answers.push(Box::new(move || {
                    reply.send(answer).ok();
                }));
            }
            Happening::Over(id, result) => self.over(id, result, now),
            Happening::Looked(reading) => {
                self.looked(&reading, now);
                let again = std::mem::take(&mut self.look_again);
                self.next_look = if again { now } else { now + self.pace() };
            }
            Happening::Checked(trouble) => {
                self.step(Event::Checked { trouble }, now);
                self.check_again(now);
            }
            Happening::Chored(chore, done) => self.chore_over(chore, done),
            Happening::Closed(report) => self.keep(report),
            Happening::Saved(written) => self.saved(written),
            Happening::Told(session, event) => self.heard(&session, event),
            // The named jobs say that time has passed; where nothing can begin yet, that is known.
            Happening::Nudged if self.calm => {}
            Happening::Nudged => self.next_look = now,
            Happening::Tick => {
                self.step(Event::Tick, now);
                self.check_again(now);
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
        let dreams = self.state.dreams();
        self.reflex
            .arm(dreams.is_some_and(|run| run.trigger != Trigger::Manual));
        let after = StateName::of(&self.state);
        if before != after {
            self.note(before, after);
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
}
