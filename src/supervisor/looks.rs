//! The event loop's looks at the machine: how often, what is told between them, and what each one means for the state.
//! Part of the event loop; the senses are read on a thread of their own.

use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use super::state::{self, Event, State};
use super::{
    Due, LOOK_AWAKE, LOOK_CALM, LOOK_DREAMING, Purpose, SENSES_PATIENCE, StateName, Supervisor,
    Tick, Why, memory, proposals, schedule,
};
use crate::clock::{self, Instant};
use crate::config::Settings;
use crate::dream::{Trigger, WakeReason};
use crate::energy::disturb::{Disturbance, Running};
use crate::energy::gate::{self, GateKind, Leave};
use crate::energy::{Notice, Noticed, Reading};
use crate::ids::SessionId;

/// Two looks that are no further apart, the senses' own time included, say what the machine does now; of others only the
/// mean is known, if anything.
const LOOKS_CLOSE: Duration = LOOK_AWAKE.saturating_add(SENSES_PATIENCE);

/// A desktop tells of a movement by the time since then, in its own time: so much later than the watch that told of it first.
const SAME_MOVEMENT: Duration = Duration::from_millis(500);

impl Supervisor {
    pub(super) fn pace(&self) -> Duration {
        match self.state {
            // As ready to stop as a dream.
            State::Awake { .. } if self.chores.is_at_work() => LOOK_DREAMING,
            State::Awake { waiting: None, .. } if self.calm => LOOK_CALM,
            State::Starting | State::Safe { .. } | State::Awake { .. } => LOOK_AWAKE,
            State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. }
            | State::Waking { .. }
            | State::Stopping { .. } => LOOK_DREAMING,
        }
    }

    /// Sends the senses out, unless they are out already; senses that do not come back count as unknown.
    pub(super) fn look(&mut self, now: Instant) {
        if self.looks.is_empty() {
            // Until the first is over there is none before.
            let any = self.current.tick.is_some();
            self.look_before = any.then_some(self.look_began);
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
        } else {
            // What is to be seen now the one that is out may have missed.
            self.look_again = true;
            self.next_look = self.look_began + SENSES_PATIENCE;
        }
    }

    /// A person gave a command: as good as a key. A measurement gives its own.
    pub(super) fn asked(&mut self, now: Instant) {
        if !matches!(self.purpose, Purpose::Measuring) {
            self.energy.mark_activity(now);
        }
    }

    /// Input, told as it happened.
    pub(super) fn noticed(&mut self, noticed: &Noticed, now: Instant) {
        let at = noticed.at;
        let reason = match noticed.what {
            Notice::Sleep => WakeReason::Suspend,
            Notice::Key | Notice::Login | Notice::Pointer | Notice::Asked => WakeReason::Presence,
        };
        self.put_off(reason, now);
        let event = match noticed.what {
            Notice::Key | Notice::Login => Event::Input { at },
            Notice::Pointer => {
                // The table judges it; a look that finds the same movement must not judge it again.
                self.judged_input = Some(at + SAME_MOVEMENT);
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
    pub(super) fn looked(&mut self, reading: &Reading, now: Instant) {
        // A look that was under way has not seen it. The table judges it first: a bumped desk is no more than that.
        let told = self.energy.last_told();
        while let Ok(noticed) = self.notices.try_recv() {
            self.noticed(&noticed, now);
        }
        let mut reading = reading.clone();
        // What was read is as old as the look.
        let lag = now.saturating_duration_since(self.look_began);
        reading.presence.last_input = reading
            .presence
            .last_input
            .map(|ago| ago.saturating_add(lag));
        // A measurement presses keys itself and goes on as if nobody had: its senses forget them, and so must this.
        let forgets = matches!(self.purpose, Purpose::Measuring);
        if let Some(at) = told.filter(|at| !forgets || *at >= self.look_began) {
            let ago = now.saturating_duration_since(at);
            reading.presence.saw_input(ago);
        }
        let reading = &reading;
        let wall = (self.wall)();
        let utc = wall.timestamp();
        self.remember(|memory| {
            memory.pause = memory.pause.filter(|pause| pause.holds(utc));
            // What cannot be true now must not hold later either, when its moment comes.
            memory.marks = memory.marks.believed(utc);
        });
        let known = self.memory.get();
        let began = clock::monotonic();
        let judged = Judged::new(reading, &self.settings, &wall, known);
        let judge = began.elapsed();

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
        // One that begins after the window opened is the absence's, and outlasts the night.
        let opened = judged.inside_window && !self.inside;
        self.inside = judged.inside_window;
        let mut chosen = proposals::Kind::Nothing;
        match &self.state {
            State::Awake { .. } | State::Settling { .. } => {
                let due = Due::of(&known, utc);
                chosen = proposals::choose(&proposals::gather(&proposals::Looked {
                    service: judged.service,
                    when_away: judged.when_away,
                    is_system_busy: self.energy.is_system_busy(),
                    blind: reading.presence.blind.is_some(),
                    due: if self.chores.any() {
                        due
                    } else {
                        Due::default()
                    },
                }));
                let before = self.look_before.map(|before| before + LOOKS_CLOSE);
                let is_close = before.is_some_and(|until| self.look_began <= until);
                match chosen.chore() {
                    Some(chore) if is_close => self.chores.begin(chore),
                    // What the machine did since the look before is long ago, or not known: the next one tells.
                    Some(_) => self.calm = false,
                    None => self.chores.stop(),
                }
                let service = match self.purpose {
                    // What was put off is made up for before the dream that it was for.
                    Purpose::Service
                        if chosen == proposals::Kind::Dream && self.checks.are_owed() =>
                    {
                        self.checks.begin(&self.tree, now);
                        Leave::Closed(GateKind::Presence)
                    }
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
            State::Dreaming { run } | State::Frozen { run, .. }
                if run.trigger == Trigger::Idle && opened =>
            {
                self.step(Event::NightFell, now);
            }
            State::Starting
            | State::Safe { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. }
            | State::Waking { .. }
            | State::Stopping { .. } => {}
        }
        if let (Some(run), Some(task)) = (self.state.dreams(), &self.task) {
            let running = Running {
                trigger: run.trigger,
                since: self
                    .judged_input
                    .map_or(task.since, |at| at.max(task.since)),
                until: task.until,
                strained: match &self.state {
                    State::Frozen { hold, .. } => hold.strain_reason(),
                    _ => None,
                },
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
                // The two seconds count from the event, not from the look that found it.
                let ago = reading.presence.last_input.unwrap_or_default();
                let at = match reason {
                    WakeReason::Presence => now.checked_sub(ago.min(LOOK_DREAMING)).unwrap_or(now),
                    _ => now,
                };
                self.step(Event::Disturbed { reason, at }, now);
            }
            let (over, calm) = (found.over, found.calm);
            self.step(Event::Strain { over, calm }, now);
        }

        let milliseconds = |span: Duration| (span.as_secs_f64() * 1e5).round() / 1e2;
        self.current.tick = Some(Tick {
            senses_ms: milliseconds(lag),
            judge_ms: milliseconds(judge),
            decide_ms: milliseconds(began.elapsed().saturating_sub(judge)),
            chosen,
        });
        let why = Arc::new(self.why(judged));
        self.current.why = Some(Arc::clone(&why));
        for asked in self.whys.drain(..) {
            asked.send(Arc::clone(&why)).ok();
        }
    }

    pub(super) fn why(&self, judged: Judged) -> Why {
        let name = StateName::of(&self.state);
        let because = match &self.state {
            State::Starting => "preflight".to_owned(),
            State::Safe { reason, good, .. } => {
                format!(
                    "safe mode: {reason} ({good} of {} good checks)",
                    state::SAFE_EXIT
                )
            }
            State::Awake { .. } | State::Settling { .. } if self.state.waiting().is_some() => {
                judged.because_it_waits()
            }
            State::Awake { .. } | State::Settling { .. } => judged.because(),
            State::Dreaming { run } => format!("session {} runs", run.session),
            State::Frozen { run, hold } => {
                let why = hold.reason().as_str();
                format!("session {} is frozen: {why}", run.session)
            }
            State::Waking { reason, .. } => format!("waking: {}", reason.as_str()),
            State::Stopping { .. } => "the service is stopping".to_owned(),
        };
        // Whatever the gates say, nothing begins in these.
        let shut = matches!(
            self.state,
            State::Starting | State::Safe { .. } | State::Stopping { .. }
        );
        Why {
            state: name.word(self.current.phase),
            may_dream: !shut && matches!(judged.service, Leave::May(_)),
            gates: judged.gates,
            supervisor: name,
            because,
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
    /// The gates as they stand for what a person asked for.
    asked: Vec<gate::Gate>,
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
            asked,
        }
    }

    /// The first closed gate in a sentence.
    #[must_use]
    pub fn because(&self) -> String {
        match self.service {
            Leave::May(Trigger::Night) => "may dream: the night holds".to_owned(),
            Leave::May(_) => "may dream: idle long enough".to_owned(),
            Leave::Closed(kind) => closed(&self.gates, kind),
        }
    }

    /// As `because`, for a request that waits until its owner is away: some of the service's own gates it passes by.
    #[must_use]
    pub fn because_it_waits(&self) -> String {
        let held = match self.when_away {
            Leave::May(_) => "it begins once every gate has stayed open".to_owned(),
            Leave::Closed(kind) => closed(&self.asked, kind),
        };
        format!("a session waits until you are away; {held}")
    }
}

fn closed(gates: &[gate::Gate], kind: GateKind) -> String {
    let reason = gates
        .iter()
        .find(|gate| gate.gate == kind)
        .map_or("", |gate| gate.reason.as_str());
    format!("{}: {reason}", kind.as_str())
}
