//! May we dream now, and if not, which gate is closed. Pure: the reading, the settings and the time are arguments.
//! Called by the supervisor for every look, and by `why`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PRESSED, Power, Presence, Reading, Sensed};
use crate::config::Settings;
use crate::dream::Trigger;

/// Dreams begin only under this part of DREAMING_CPU_THRESHOLD: 0.4 at the default of 0.7, so that a load that hovers
/// at the threshold does not start and end sessions in turn (two thresholds, as HTCondor's desktop policy has).
pub(super) const CALM_PART: f64 = 4.0 / 7.0;

/// Dreams begin only this far under the temperature limit, so that the fan's own swing does not start and end them.
pub(super) const COOL_MARGIN_C: f64 = 8.0;

/// Every gate, in the order in which `why` shows them; the first closed one is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    Enabled,
    Paused,
    Window,
    Presence,
    Load,
    Memory,
    Heat,
    Power,
}

impl GateKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Window => "window",
            Self::Presence => "presence",
            Self::Load => "load",
            Self::Memory => "memory",
            Self::Heat => "heat",
            Self::Power => "power",
        }
    }
}

/// One gate's answer, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub gate: GateKind,
    pub reading: String,
    pub threshold: String,
    pub open: bool,
    pub reason: String,
}

/// The two ways into a dream, as the schedule sees them; `Err` says why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Inside DREAMING_NIGHT_HOURS.
    pub inside: bool,
    pub night: Result<(), String>,
    pub idle: Result<(), String>,
    /// What the schedule read, for `why`.
    pub reading: String,
    /// What it asks for, for `why`.
    pub threshold: String,
}

/// A snooze that a person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `None`: until `resume`.
    pub until: Option<Timestamp>,
}

impl Pause {
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The answer of the energy side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    May(Trigger),
    Closed(GateKind),
}

/// All gates.
#[must_use]
pub fn gates(
    reading: &Reading,
    settings: &Settings,
    window: &Window,
    pause: Option<Pause>,
    now: Timestamp,
) -> Vec<Gate> {
    vec![
        enabled(settings.dreaming.enabled),
        paused(pause.filter(|pause| pause.holds(now))),
        window_gate(window),
        presence(&reading.presence, quiet_needed(settings, window), window),
        load(reading, settings.energy.cpu_threshold),
        memory(reading, settings.energy.memory_threshold),
        heat(&reading.temperature_c, settings.energy.temperature_limit_c),
        power(&reading.power),
    ]
}

/// What the service may do by itself.
#[must_use]
pub fn leave(gates: &[Gate], window: &Window) -> Leave {
    first_closed(gates, |_| true).map_or_else(
        || {
            Leave::May(if window.night.is_ok() {
                Trigger::Night
            } else {
                Trigger::Idle
            })
        },
        Leave::Closed,
    )
}

/// What a request that waits until the owner is away may do: every gate counts but ENABLE_DREAMING.
#[must_use]
pub fn leave_when_away(gates: &[Gate]) -> Leave {
    first_closed(gates, |kind| kind != GateKind::Enabled)
        .map_or(Leave::May(Trigger::WhenAway), Leave::Closed)
}

fn first_closed(gates: &[Gate], counts: impl Fn(GateKind) -> bool) -> Option<GateKind> {
    gates
        .iter()
        .find(|gate| !gate.open && counts(gate.gate))
        .map(|gate| gate.gate)
}

/// How long nobody may have given input: the shorter of the two inside the night window, DREAMING_IDLE_THRESHOLD_MINUTES
/// outside.
#[must_use]
pub fn quiet_needed(settings: &Settings, window: &Window) -> Duration {
    let dreaming = &settings.dreaming;
    if window.inside {
        dreaming.night_quiet.min(dreaming.idle_threshold)
    } else {
        dreaming.idle_threshold
    }
}

fn gate(
    kind: GateKind,
    open: bool,
    reading: impl Into<String>,
    threshold: impl Into<String>,
    reason: impl Into<String>,
) -> Gate {
    Gate {
        gate: kind,
        reading: reading.into(),
        threshold: threshold.into(),
        open,
        reason: reason.into(),
    }
}

fn enabled(enabled: bool) -> Gate {
    gate(
        GateKind::Enabled,
        enabled,
        enabled.to_string(),
        "ENABLE_DREAMING=true",
        if enabled {
            "the service may dream by itself"
        } else {
            "ENABLE_DREAMING is not set to true"
        },
    )
}

fn paused(pause: Option<Pause>) -> Gate {
    let reading = match pause {
        None => "no".to_owned(),
        Some(Pause { until: None }) => "until resumed".to_owned(),
        Some(Pause { until: Some(until) }) => {
            format!("until {}", crate::clock::stamp(until))
        }
    };
    let reason = if pause.is_some() {
        "paused by a person; `dreamer resume` ends it"
    } else {
        "not paused"
    };
    gate(GateKind::Paused, pause.is_none(), reading, "no", reason)
}

fn window_gate(window: &Window) -> Gate {
    let reason = match (&window.night, &window.idle) {
        (Ok(()), _) => "the night holds".to_owned(),
        (Err(_), Ok(())) => "idle long enough".to_owned(),
        (Err(night), Err(idle)) if night == idle => night.clone(),
        (Err(night), Err(idle)) => format!("night: {night}; idle: {idle}"),
    };
    let open = window.night.is_ok() || window.idle.is_ok();
    gate(
        GateKind::Window,
        open,
        &window.reading,
        &window.threshold,
        reason,
    )
}

fn presence(presence: &Presence, quiet: Duration, window: &Window) -> Gate {
    let threshold = format!("no input for {}", span(quiet));
    let reading = describe(presence);
    if presence.seen_within(quiet) {
        return gate(
            GateKind::Presence,
            false,
            reading,
            threshold,
            presence.doing.as_ref().map_or_else(
                || "you are here".to_owned(),
                |doing| format!("you are here ({doing})"),
            ),
        );
    }
    match &presence.blind {
        Some(why) if window.inside => gate(
            GateKind::Presence,
            true,
            reading,
            threshold,
            format!("warning: going by the night alone, because {why}"),
        ),
        Some(why) => gate(
            GateKind::Presence,
            false,
            reading,
            threshold,
            format!("it cannot be known that you are away: {why}"),
        ),
        None => gate(
            GateKind::Presence,
            true,
            reading,
            threshold,
            "nobody is here",
        ),
    }
}

/// Presence in words.
#[must_use]
pub fn describe(presence: &Presence) -> String {
    match (presence.last_input, &presence.blind) {
        (Some(ago), None) => format!("last input {} ago", span(ago)),
        (Some(ago), Some(_)) => format!("unknown (last input seen {} ago)", span(ago)),
        (None, Some(_)) => "unknown".to_owned(),
        (None, None) => presence.still_for.map_or("headless".to_owned(), |quiet| {
            format!("no input for {} at least", span(quiet))
        }),
    }
}

fn load(reading: &Reading, threshold: f64) -> Gate {
    let calm = threshold * CALM_PART;
    let limit = format!(
        "below {} to begin, {} wakes",
        percent(calm),
        percent(threshold)
    );
    let share = |sensed: &Sensed<f64>| sensed.known().map_or("unknown".to_owned(), percent);
    let mut read = share(&reading.load_of_others);
    if let Some(cards) = &reading.graphics {
        read = format!("{read}, graphics {}", share(cards));
    }
    let not_judged = |what: &str, sensed: &Sensed<f64>| match sensed {
        Sensed::Known(_) => None,
        Sensed::Unknown(why) => Some(format!("warning: {what}not judged, because {why}")),
    };
    let warnings = [
        not_judged("", &reading.load_of_others),
        reading
            .graphics
            .as_ref()
            .and_then(|cards| not_judged("the graphics card is ", cards)),
    ];
    let warnings: Vec<String> = warnings.into_iter().flatten().collect();
    let open = reading.load().is_none_or(|share| share < calm);
    let reason = match (open, warnings.is_empty()) {
        (true, true) => "other programs leave room".to_owned(),
        (true, false) => warnings.join("; "),
        (false, _) => {
            let used = reading.load().map_or("unknown".to_owned(), percent);
            format!(
                "other programs need the machine: at {used} DREAMING_CPU_THRESHOLD={threshold} lets no dream begin"
            )
        }
    };
    gate(GateKind::Load, open, read, limit, reason)
}

fn memory(reading: &Reading, threshold: f64) -> Gate {
    let mut limit = format!("below {}", percent(threshold));
    let used = reading.memory_used.known();
    let mut read = used.map_or("unknown".to_owned(), percent);
    if let Some(waited) = reading.memory_pressure {
        limit = format!("{limit}, pressure below {}", percent(PRESSED));
        read = format!("{read}, pressure {}", percent(waited));
    }
    let open = !reading.memory_is_short(threshold);
    let reason = if reading.is_pressed() {
        "memory is short: programs stand waiting for it".to_owned()
    } else if let (false, Some(used)) = (open, used) {
        format!(
            "memory is short: while {} is in use, DREAMING_MEMORY_THRESHOLD={threshold} lets no dream begin",
            percent(used)
        )
    } else if let Sensed::Unknown(why) = &reading.memory_used {
        format!("warning: not judged, because {why}")
    } else {
        "enough memory is available".to_owned()
    };
    gate(GateKind::Memory, open, read, limit, reason)
}

fn heat(temperature: &Sensed<f64>, limit: Option<f64>) -> Gate {
    let Some(limit) = limit else {
        return gate(GateKind::Heat, true, "not asked", "off", "no limit is set");
    };
    let cool = limit - COOL_MARGIN_C;
    let threshold = format!("below {cool:.0} °C to begin, {limit:.0} °C wakes");
    match temperature {
        Sensed::Known(now) => {
            let open = *now < cool;
            let reason = if open {
                "cool enough".to_owned()
            } else {
                format!(
                    "too hot: at {now:.0} °C DREAMING_TEMPERATURE_LIMIT_C={limit} lets no dream begin"
                )
            };
            gate(
                GateKind::Heat,
                open,
                format!("{now:.0} °C"),
                threshold,
                reason,
            )
        }
        Sensed::Unknown(why) => gate(
            GateKind::Heat,
            true,
            "unknown",
            threshold,
            format!("the rule is off, because {why}"),
        ),
    }
}

fn power(power: &Sensed<Power>) -> Gate {
    match power {
        Sensed::Known(Power::Mains) => {
            gate(GateKind::Power, true, "mains", "mains", "not on battery")
        }
        Sensed::Known(Power::Battery { percent }) => {
            let reading = percent.map_or_else(
                || "battery".to_owned(),
                |percent| format!("battery, {percent} %"),
            );
            gate(GateKind::Power, false, reading, "mains", "on battery")
        }
        Sensed::Unknown(why) => gate(
            GateKind::Power,
            true,
            "unknown",
            "mains",
            format!("warning: not judged, because {why}"),
        ),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A duration in the two largest units that it has.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) if !seconds.is_multiple_of(60) && minutes < 10 => {
            format!("{minutes} min {} s", seconds % 60)
        }
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;
