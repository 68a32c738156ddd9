//! Night and idle as predicates of now. Pure. Never a timer: a window is entered whenever somebody looks inside it.
//!
//! One completed session per night window and one per absence (from input to input); what a wake ended may begin
//! again.

use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::config::{Dreaming, NightHours};
use crate::dream::{SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::Presence;
use crate::energy::gate::{Window, span};

/// After a session that failed the service waits this long: long enough not to spin on a broken part, short enough to
/// still use the night once the part is back.
const AFTER_ERROR: Duration = Duration::from_mins(15);

/// After a session that the machine itself ended (its memory, its load, its heat, its battery) the service waits this long,
/// and twice as long each time that it happens again: what ended it may well be the dream's own doing, such as a model
/// that does not fit, and would end the next one just as soon.
const AFTER_STRAIN: Duration = Duration::from_mins(15);

/// The longest of these waits: a night has room for another try.
const LONGEST_AFTER_STRAIN: Duration = Duration::from_hours(4);

/// A mark that lies further ahead than it can have been set was written by a clock that was wrong, and says nothing. Smaller
/// steps are what clocks are set by: a night is not to be dreamed twice for a quarter of an hour.
const AHEAD: SignedDuration = SignedDuration::from_mins(30);

/// What was already dreamed; survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// When the last night session completed.
    #[serde(default)]
    pub night_done: Option<Timestamp>,
    /// When the last idle session completed.
    #[serde(default)]
    pub absence_done: Option<Timestamp>,
    /// Nothing by itself before this moment: the last session failed.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// What the machine itself ended, in a row up to the last session.
    #[serde(default)]
    pub strained: Option<Strained>,
}

/// Sessions in a row that the machine itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strained {
    /// What ended the last of them.
    pub reason: WakeReason,
    /// How many, at least one.
    pub times: u32,
    /// Nothing by itself before this moment.
    pub until: Timestamp,
}

impl Strained {
    /// One more.
    fn another(before: Option<Self>, reason: WakeReason, now: Timestamp) -> Option<Self> {
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        let until = now.checked_add(wait_after(times)).ok()?;
        Some(Self {
            reason,
            times,
            until,
        })
    }

    /// What happened, in words.
    fn describe(self) -> String {
        let what = match self.reason {
            WakeReason::Load => "the load of other programs",
            WakeReason::Heat => "heat",
            WakeReason::Battery => "battery",
            WakeReason::Memory => "too little memory",
            other => other.as_str(),
        };
        match self.times {
            1 => format!("the last session was ended by {what}"),
            times => format!("{times} sessions in a row were ended, the last by {what}"),
        }
    }
}

/// How long the service waits after so many sessions in a row that the machine itself ended.
fn wait_after(times: u32) -> Duration {
    let doubled = 2u32.saturating_pow(times.saturating_sub(1));
    AFTER_STRAIN
        .saturating_mul(doubled)
        .min(LONGEST_AFTER_STRAIN)
}

impl Marks {
    /// Those that can be true at this moment. Who keeps them drops the others for good: each would seem true again when
    /// its moment comes, and cost another night.
    pub(super) fn believed(self, now: Timestamp) -> Self {
        // Some are set into the future, by this much.
        let sound = |mark: Timestamp, by: Duration| {
            let by = SignedDuration::try_from(by).unwrap_or_default();
            mark.duration_since(now) <= AHEAD.saturating_add(by)
        };
        Self {
            night_done: self.night_done.filter(|at| sound(*at, Duration::ZERO)),
            absence_done: self.absence_done.filter(|at| sound(*at, Duration::ZERO)),
            not_before: self.not_before.filter(|at| sound(*at, AFTER_ERROR)),
            strained: self
                .strained
                .filter(|strained| sound(strained.until, wait_after(strained.times))),
        }
    }

    /// Until when nothing begins by itself, and why.
    fn later(&self, now: Timestamp) -> Option<String> {
        let next = |until| format!("next try after {}", crate::clock::stamp(until));
        let strained = self.strained.filter(|strained| now < strained.until);
        match self.not_before.filter(|moment| now < *moment) {
            Some(moment) => Some(format!("the last session failed, {}", next(moment))),
            None => strained
                .map(|strained| format!("{}, {}", strained.describe(), next(strained.until))),
        }
    }

    /// Notes how a session of the service ended. `began` is what it began as, `trigger` what it ended as.
    pub fn ended(
        &mut self,
        began: Trigger,
        trigger: Trigger,
        report: &SessionReport,
        woken: Option<WakeReason>,
        now: Timestamp,
    ) {
        self.strained = match woken {
            Some(
                reason @ (WakeReason::Memory
                | WakeReason::Load
                | WakeReason::Heat
                | WakeReason::Battery),
            ) => Strained::another(self.strained, reason, now),
            // Says nothing of the machine: a service that is started anew must not begin the same again at once.
            Some(WakeReason::Shutdown) => self.strained,
            Some(_) | None => None,
        };
        // A window that closed is a completed session, not a woken one.
        if woken.is_some_and(|reason| reason != WakeReason::WindowClosed) {
            return;
        }
        match report.status {
            SessionStatus::Error => self.not_before = now.checked_add(AFTER_ERROR).ok(),
            SessionStatus::Interrupted | SessionStatus::Busy => {}
            SessionStatus::Completed | SessionStatus::NoKnowledge => {
                if began == Trigger::Night || trigger == Trigger::Night {
                    self.night_done = Some(now);
                }
                // An idle session that became the night's has used up both.
                if began == Trigger::Idle {
                    self.absence_done = Some(now);
                }
            }
        }
    }
}

/// When the night that holds `now` began; `None` outside the window.
#[must_use]
pub fn night_began(night: NightHours, now: &Zoned) -> Option<Timestamp> {
    if !night.contains(now) {
        return None;
    }
    let start = i64::from(night.start);
    let since_midnight = i64::from(now.hour()) * 60 + i64::from(now.minute()) >= start;
    let day = if since_midnight {
        now.date()
    } else {
        now.date().checked_sub(1.day()).ok()?
    };
    let time = Time::midnight().wrapping_add(start.minutes());
    let began = day
        .to_datetime(time)
        .to_zoned(now.time_zone().clone())
        .ok()?;
    // In the hour that a clock change repeats, or where it swallowed the start, the beginning is never after now.
    Some(began.timestamp().min(now.timestamp()))
}

/// The two ways into a dream at this moment.
#[must_use]
pub fn window(now: &Zoned, presence: &Presence, dreaming: &Dreaming, marks: &Marks) -> Window {
    let utc = now.timestamp();
    let marks = &marks.believed(utc);
    let began = night_began(dreaming.night, now);
    let (night, idle) = match marks.later(utc) {
        Some(why) => (Err(why.clone()), Err(why)),
        None => (
            night(began, presence, dreaming, marks),
            idle(utc, presence, dreaming, marks),
        ),
    };
    Window {
        inside: began.is_some(),
        night,
        idle,
        reading: reading(now, presence, marks),
        threshold: format!(
            "{} with {} without input, or {} without input",
            hours(dreaming.night),
            span(dreaming.night_quiet),
            span(dreaming.idle_threshold)
        ),
    }
}

/// What the schedule goes by, for `why`.
fn reading(now: &Zoned, presence: &Presence, marks: &Marks) -> String {
    let input = crate::energy::gate::describe(presence);
    let mut read = format!("{}, {input}", now.strftime("%H:%M"));
    if let Some(strained) = marks.strained {
        read = format!("{read}, {}", strained.describe());
    }
    read
}

/// True where neither way opens within `ahead`, if nobody gives input until then: there is no need to look.
#[must_use]
pub fn stays_closed(
    now: &Zoned,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
    ahead: Duration,
) -> bool {
    let Ok(then) = now.checked_add(ahead) else {
        return false;
    };
    let later = Presence {
        last_input: presence.last_input.map(|ago| ago.saturating_add(ahead)),
        still_for: presence.still_for.map(|quiet| quiet.saturating_add(ahead)),
        ..presence.clone()
    };
    let opens = |window: Window| window.night.is_ok() || window.idle.is_ok();
    // The end of a night within it opens nothing, and a start within it stays open until its end.
    !opens(window(now, presence, dreaming, marks)) && !opens(window(&then, &later, dreaming, marks))
}

fn night(
    began: Option<Timestamp>,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
) -> Result<(), String> {
    let began = began.ok_or_else(|| format!("outside {}", hours(dreaming.night)))?;
    if presence.seen_within(dreaming.night_quiet) {
        return Err(format!("input within {}", span(dreaming.night_quiet)));
    }
    match marks.night_done {
        Some(done) if done >= began => Err("this night's session is done".to_owned()),
        Some(_) | None => Ok(()),
    }
}

fn idle(
    now: Timestamp,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
) -> Result<(), String> {
    let Some(quiet) = presence.quiet_for() else {
        return Err("it is not known whether you are away".to_owned());
    };
    if !presence.is_idle(dreaming.idle_threshold) {
        return Err(format!("idle for {} only", span(quiet)));
    }
    let Some(done) = marks.absence_done else {
        return Ok(());
    };
    // The absence is another one when input came after its session.
    let since_done = Duration::try_from(now.duration_since(done)).unwrap_or_default();
    if presence.last_input.is_some_and(|ago| ago < since_done) {
        Ok(())
    } else {
        Err("this absence's session is done".to_owned())
    }
}

fn hours(night: NightHours) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{}-{}", clock(night.start), clock(night.end))
}

#[cfg(test)]
mod tests;
