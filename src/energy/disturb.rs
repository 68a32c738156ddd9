//! What speaks against a session that runs: the reading, the settings and the time are arguments. Pure. Called by the
//! supervisor for every look while a session runs or is frozen.

use std::time::Duration;

use super::gate::{CALM_PART, COOL_MARGIN_C};
use super::load::Dwell;
use super::{Power, Reading};
use crate::clock::Instant;
use crate::config::Settings;
use crate::dream::{Trigger, WakeReason};

/// For how long others must stand over the threshold before it counts: compiling one file is no wish for the machine.
/// With a look every half second, a program that stays is answered within four seconds.
pub const LOAD_DWELL: Duration = Duration::from_secs(2);

/// A session that a person started on battery goes on down to this charge.
const LOW_BATTERY_PERCENT: u8 = 30;

/// What a running session is judged by besides the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// What the session is held to now; an idle one becomes the night's when the window opens.
    pub trigger: Trigger,
    /// Input before this moment is none: it is why the session could begin, or was forgiven since.
    pub since: Instant,
    /// When it must be over at the latest.
    pub until: Option<Instant>,
    /// The load or heat that it is frozen for.
    pub strained: Option<WakeReason>,
}

/// How others have stood over the threshold; carried from look to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heavy {
    dwell: Dwell,
    /// They did so on the graphics card alone, as far as anybody could see, and the session froze for that.
    card_alone: bool,
}

/// One look's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// The session must end, the strongest reason first.
    pub end: Option<WakeReason>,
    /// Load or heat has stood over its limit: freeze, and see whether it lasts.
    pub over: Option<WakeReason>,
    /// Load and heat are under their lower limits.
    pub calm: bool,
}

impl Disturbance {
    /// Judges one look. `heavy` carries over from look to look.
    #[must_use]
    pub fn of(
        reading: &Reading,
        settings: &Settings,
        running: Running,
        inside_window: bool,
        heavy: &mut Heavy,
        now: Instant,
    ) -> Self {
        let (load, load_calm) = load(reading, settings, running.strained, heavy, now);
        let (heat, heat_calm) = heat(reading, settings);
        // What froze for heat may go on where the load cannot be told apart: it could before.
        let load_calm = load_calm.unwrap_or(running.strained == Some(WakeReason::Heat));
        Self {
            end: end(reading, settings, running, inside_window, now),
            over: heat.or(load),
            calm: load_calm && heat_calm,
        }
    }
}

fn load(
    reading: &Reading,
    settings: &Settings,
    strained: Option<WakeReason>,
    heavy: &mut Heavy,
    now: Instant,
) -> (Option<WakeReason>, Option<bool>) {
    let threshold = settings.energy.cpu_threshold;
    let is_calm = |share: f64| share < threshold * CALM_PART;
    let share = reading.load();
    let processors = reading.load_of_others.known();
    // A busy graphics card says enough where the processors cannot be told apart; a calm one says nothing of them.
    let heavy_now = share
        .map(|share| share >= threshold)
        .filter(|heavy| *heavy || processors.is_some());
    let heavy_for = heavy.dwell.observe(heavy_now, now);
    let frozen = strained == Some(WakeReason::Load);
    if processors.is_some_and(|share| share >= threshold) {
        heavy.card_alone = false;
    } else if heavy_now == Some(true) && !frozen {
        heavy.card_alone |= heavy_for.is_zero();
    }
    let over = (heavy_for >= LOAD_DWELL).then_some(WakeReason::Load);
    let calm = match (processors, &reading.graphics) {
        (Some(_), _) => Some(share.is_some_and(is_calm)),
        // What was no reason to freeze is none to stay frozen, known or not. A card that nobody uses sleeps.
        (None, None) => (frozen && heavy.card_alone).then_some(true),
        (None, Some(card)) => {
            (frozen && heavy.card_alone).then(|| card.known().is_some_and(is_calm))
        }
    };
    (over, calm)
}

fn heat(reading: &Reading, settings: &Settings) -> (Option<WakeReason>, bool) {
    let limit = settings.energy.temperature_limit_c;
    let Some((limit, degrees)) = limit.zip(reading.temperature_c.known()) else {
        // A limit that nobody set, or a sensor that is not there, is no heat.
        return (None, true);
    };
    (
        (degrees >= limit).then_some(WakeReason::Heat),
        degrees < limit - COOL_MARGIN_C,
    )
}

fn end(
    reading: &Reading,
    settings: &Settings,
    running: Running,
    inside_window: bool,
    now: Instant,
) -> Option<WakeReason> {
    let manual = running.trigger == Trigger::Manual;
    // `since` may lie a moment ahead: then everything so far was forgiven.
    let ran_for = now.checked_duration_since(running.since);
    let somebody = ran_for
        .zip(reading.presence.last_input)
        .is_some_and(|(ran_for, ago)| ago <= ran_for);
    // What could not have begun without sight does not go on without it; the night can do with less.
    let needs_sight = match running.trigger {
        Trigger::Idle => true,
        Trigger::WhenAway => !inside_window,
        Trigger::Night | Trigger::Manual => false,
    };
    // Where even the memory is unknown nothing is known: a sensor hangs, and nothing else could wake.
    let sightless = reading.memory_used.known().is_none();
    let lost_sight = (needs_sight || sightless) && reading.presence.blind.is_some();
    let empty = match reading.power.known() {
        Some(Power::Battery { percent }) => {
            !manual || percent.is_none_or(|percent| percent < LOW_BATTERY_PERCENT)
        }
        Some(Power::Mains) | None => false,
    };
    let full = reading.memory_is_short(settings.energy.memory_threshold);
    let over_time = running.until.is_some_and(|until| now >= until)
        || (running.trigger == Trigger::Night && !inside_window);

    [
        (!manual && (somebody || lost_sight), WakeReason::Presence),
        (full, WakeReason::Memory),
        (empty, WakeReason::Battery),
        (over_time, WakeReason::WindowClosed),
    ]
    .into_iter()
    .find_map(|(holds, reason)| holds.then_some(reason))
}

#[cfg(test)]
mod tests;
