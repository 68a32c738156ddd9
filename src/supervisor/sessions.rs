//! Sessions in the event loop's hands: what an effect of the table does, how one begins, what becomes of its report.
//! Part of the event loop; nothing here waits.

use std::sync::Arc;

use tokio::task::JoinError;

use super::chores::{self, Chore};
use super::handle::Refusal;
use super::permit::{self, PermitKind};
use super::state::{Effect, Event, State};
use super::{Heavy, Supervisor, Task, Told};
use crate::clock::Instant;
use crate::dream::{RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use crate::engine::progress::{Progress, ProgressEvent};
use crate::ids::SessionId;

impl Supervisor {
    pub(super) fn carry_out(&mut self, effect: &Effect, now: Instant) {
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
            Effect::Abandon {
                session,
                began,
                reason,
            } => {
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
                if let Some(began) = began {
                    self.count(*began, *began, &report, Some(*reason));
                }
                self.close(report);
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
                if let Some(report) = self.report.take() {
                    self.count(*began, *trigger, &report, *woken);
                }
            }
        }
    }

    /// Notes how a session ended. One that a person asked for uses up neither the night nor the absence.
    fn count(
        &mut self,
        began: Trigger,
        trigger: Trigger,
        report: &SessionReport,
        woken: Option<WakeReason>,
    ) {
        if matches!(began, Trigger::Night | Trigger::Idle) {
            let utc = (self.wall)().timestamp();
            self.remember(|memory| memory.marks.ended(began, trigger, report, woken, utc));
        }
    }

    pub(super) fn begin(&mut self, session: &SessionId, trigger: Trigger, now: Instant) {
        let request = self
            .requests
            .remove(session)
            .unwrap_or_else(|| self.by_itself(trigger));
        self.checks.disturb();
        self.chores.stop();
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
        self.heavy = Heavy::default();
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

    /// Somebody needs the machine: what is not a session ends, and is done another time.
    pub(super) fn put_off(&mut self, reason: WakeReason, now: Instant) {
        self.chores.stop();
        if self.checks.give_up(reason, now) {
            // The service is up without it.
            self.step(Event::Ready, now);
        }
    }

    /// The preflight once more, in safe mode; not while a person wants quiet, unless he asks for a session himself.
    pub(super) fn check_again(&mut self, now: Instant) {
        if !matches!(self.state, State::Safe { .. }) {
            self.checks.unask();
            return;
        }
        if self.checks.is_due(now) {
            let utc = (self.wall)().timestamp();
            let pause = self.memory.get().pause;
            if self.checks.are_asked_for() || !pause.is_some_and(|pause| pause.holds(utc)) {
                self.checks.begin(&self.tree, now);
            }
        }
    }

    /// Settings were read again: what the service began by itself it may not go on with where ENABLE_DREAMING is no longer
    /// true. What a person asked for goes on.
    pub(super) fn disabled(&mut self, now: Instant) {
        let began = self.state.dreams().map(|run| run.began);
        let by_itself = matches!(began, Some(Trigger::Night | Trigger::Idle));
        if by_itself && !self.settings.dreaming.enabled {
            self.step(Event::Wake(WakeReason::Pause), now);
        }
    }

    /// What a session of the service's own is asked for.
    pub(super) fn by_itself(&self, trigger: Trigger) -> RemRequest {
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

    pub(super) fn request(
        &mut self,
        request: RemRequest,
        now: Instant,
    ) -> Result<SessionId, Refusal> {
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
        if matches!(self.state, State::Safe { .. }) {
            // What was broken he may have mended: nobody is to wait a quarter of an hour to be believed.
            self.checks.ask(now);
            self.check_again(now);
        }
        match refused {
            None => Ok(session),
            Some(Some(running)) => Err(Refusal::Busy { running }),
            Some(None) => Err(match &self.state {
                State::Safe { reason, .. } => Refusal::Safe {
                    reason: reason.clone(),
                },
                _ => Refusal::Stopping,
            }),
        }
    }

    /// A session's task is over.
    pub(super) fn over(
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
            | State::Safe { .. }
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. } => None,
        };
        let broke = result.is_err();
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
        let automatic = self
            .state
            .dreams()
            .is_some_and(|run| run.began != Trigger::Manual);
        let failed = (report.status == SessionStatus::Error).then(|| {
            let first = report.hints.first();
            first.map_or("a session failed".to_owned(), |hint| {
                format!("a session failed: {hint}")
            })
        });
        self.report = Some(report.clone());
        if broke {
            self.close(report);
        } else {
            self.keep(report);
        }
        let utc = (self.wall)().timestamp();
        self.remember(|memory| memory.session_ended = Some(utc));
        let session = task.session;
        self.step(Event::Ended { session }, now);
        // What nobody watches must not fail all night.
        if let Some(trouble) = failed.filter(|_| automatic && self.checks.any()) {
            let trouble = Some(trouble);
            self.step(Event::Checked { trouble }, now);
        }
    }

    /// A chore is over: done, told to stop (it is due again then), or not to be done today.
    pub(super) fn chore_over(&mut self, chore: Chore, done: chores::Done) {
        let utc = (self.wall)().timestamp();
        match done {
            Ok(None) => return,
            Ok(Some(what)) => tracing::info!(chore = chore.as_str(), "{what}"),
            Err(error) => tracing::warn!(chore = chore.as_str(), %error, "left for another time"),
        }
        self.remember(|memory| match chore {
            Chore::Replay => memory.replayed = Some(utc),
            Chore::Compact => memory.compacted = Some(utc),
        });
    }

    /// As `keep`, for a session that could not write its end down: that comes first.
    fn close(&mut self, report: SessionReport) {
        self.current.phase = None;
        if let Some(report) = self.closing.begin(report) {
            self.keep(report);
        }
    }

    /// At the service's own end: returns once no report is on its way.
    pub(super) async fn close_rest(&mut self) {
        while let Some(report) = self.closing.next().await {
            self.keep(report);
            self.publish();
        }
    }

    pub(super) fn keep(&mut self, report: SessionReport) {
        // A report that comes late says nothing of the session that runs by now.
        if self.task.is_none() {
            self.current.phase = None;
        }
        self.current.keep(Arc::new(report.clone()));
        self.told.send(Told::Report { report }).ok();
    }

    pub(super) fn heard(&mut self, session: &SessionId, event: ProgressEvent) {
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
