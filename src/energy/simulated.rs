//! Senses that follow a script: a day of a machine and its owner, written down. For `dreamer run --simulate` and for
//! tests; the same trait and the same supervisor as with real ones.
//!
//! ```text
//! # what happens, in the owner's own time
//! start 2026-11-20T21:50[Europe/Warsaw]
//! 21:55 key
//! 22:40 pointer
//! 23:30 load 90%
//! 23:45 load 5%
//! 00:30 suspend 6h
//! 07:00 clock +30m
//! end 09:00
//! ```
//!
//! Words: `key`, `pointer`, `login`, `load N%`, `memory N%`, `heat N`, `battery N%`, `mains`, `blind`, `sighted`,
//! `suspend DURATION`, `clock +DURATION` or `-DURATION`, `session DURATION` (how long a session would last).

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, ToSpan, Zoned};

use super::{Hear, Listening, Notice, Noticed, Power, Presence, Reading, Sensed, Senses};
use crate::clock::Instant;

/// How long a session lasts where the script does not say: ten scenarios of some minutes.
const SESSION: Duration = Duration::from_mins(40);

/// Longest script: a year of minutes is half a million lines, and every one is kept.
const MOST_LINES: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    Input(Notice),
    Load(f64),
    Memory(f64),
    Heat(f64),
    Power(Power),
    Blind(bool),
    /// The machine sleeps: the wall clock goes on, nothing else does.
    Suspend(Duration),
    /// Somebody sets the wall clock.
    Clock(SignedDuration),
    Session(Duration),
}

/// A script that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub start: Zoned,
    /// What happens, by the time that the machine is awake until then.
    acts: Vec<(Duration, Act)>,
    /// How long the machine is awake until the end.
    pub length: Duration,
    pub session: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ScriptError {
    pub line: usize,
    pub what: String,
}

impl Script {
    /// # Errors
    /// The first line that makes no sense, with its number.
    pub fn read(text: &str) -> Result<Self, ScriptError> {
        let mut reader = Reader::default();
        for (number, line) in text.lines().enumerate().take(MOST_LINES) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            reader.line(line).map_err(|what| ScriptError {
                line: number + 1,
                what,
            })?;
        }
        let at_end = |what: &str| ScriptError {
            line: text.lines().count(),
            what: what.to_owned(),
        };
        let start = reader.start.ok_or_else(|| at_end("there is no start"))?;
        let length = reader.length.ok_or_else(|| at_end("there is no end"))?;
        Ok(Self {
            start,
            acts: reader.acts,
            length,
            session: reader.session.unwrap_or(SESSION),
        })
    }

    /// A script made by a program: what happens, by the time that the machine is awake until then, in order.
    #[must_use]
    pub fn of(start: Zoned, acts: Vec<(Duration, Act)>, length: Duration) -> Self {
        Self {
            start,
            acts,
            length,
            session: SESSION,
        }
    }

    /// What the wall clock shows when the machine has been awake for so long.
    #[must_use]
    pub fn wall(&self, awake: Duration) -> Zoned {
        let mut shift = SignedDuration::ZERO;
        for (_, act) in self.acts.iter().take_while(|(at, _)| *at <= awake) {
            match act {
                Act::Suspend(length) => {
                    shift += SignedDuration::try_from(*length).unwrap_or_default();
                }
                Act::Clock(jump) => shift += *jump,
                Act::Input(_)
                | Act::Load(_)
                | Act::Memory(_)
                | Act::Heat(_)
                | Act::Power(_)
                | Act::Blind(_)
                | Act::Session(_) => {}
            }
        }
        let passed = SignedDuration::try_from(awake).unwrap_or_default() + shift;
        self.start.checked_add(passed).unwrap_or(self.start.clone())
    }

    fn reading(&self, awake: Duration) -> Reading {
        let mut now = Reading {
            presence: Presence::headless(),
            load_of_others: Sensed::Known(0.02),
            graphics: None,
            memory_used: Sensed::Known(0.3),
            memory_pressure: None,
            temperature_c: Sensed::Unknown("the script has no sensor".to_owned()),
            power: Sensed::Known(Power::Mains),
        };
        // The owner was there when the script began.
        let mut input = Duration::ZERO;
        for (at, act) in self.acts.iter().take_while(|(at, _)| *at <= awake) {
            match act {
                // A look never finds what is only just being told.
                Act::Input(_) | Act::Suspend(_) if *at < awake => input = *at,
                Act::Load(share) => now.load_of_others = Sensed::Known(*share),
                Act::Memory(share) => now.memory_used = Sensed::Known(*share),
                Act::Heat(degrees) => now.temperature_c = Sensed::Known(*degrees),
                Act::Power(power) => now.power = Sensed::Known(*power),
                Act::Blind(blind) => {
                    now.presence.blind = blind.then(|| "the script hides the input".to_owned());
                }
                Act::Input(_) | Act::Suspend(_) | Act::Clock(_) | Act::Session(_) => {}
            }
        }
        now.presence.last_input = Some(awake.saturating_sub(input));
        now
    }

    /// What is told the moment it happens, and when.
    fn told(&self) -> Vec<(Duration, Notice)> {
        let acts = self.acts.iter();
        acts.filter_map(|(at, act)| match act {
            Act::Input(notice) => Some((*at, *notice)),
            Act::Suspend(_) => Some((*at, Notice::Sleep)),
            Act::Load(_)
            | Act::Memory(_)
            | Act::Heat(_)
            | Act::Power(_)
            | Act::Blind(_)
            | Act::Clock(_)
            | Act::Session(_) => None,
        })
        .collect()
    }
}

#[derive(Debug, Default)]
struct Reader {
    start: Option<Zoned>,
    /// The wall time of the line before, and what the wall clock is ahead of the time awake.
    wall: Option<Zoned>,
    ahead: SignedDuration,
    acts: Vec<(Duration, Act)>,
    length: Option<Duration>,
    session: Option<Duration>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        if self.length.is_some() {
            return Err("there is something behind the end".to_owned());
        }
        match (first, &self.start) {
            ("start", None) => {
                let start: Zoned = rest
                    .parse()
                    .map_err(|_| format!("{rest:?} is no time with a zone"))?;
                self.wall = Some(start.clone());
                self.start = Some(start);
                Ok(())
            }
            ("start", Some(_)) => Err("it starts twice".to_owned()),
            (_, None) => Err("the script begins with `start`".to_owned()),
            ("session", Some(_)) => {
                self.session = Some(length(rest)?);
                Ok(())
            }
            ("end", Some(_)) => {
                self.length = Some(self.moment(rest)?);
                Ok(())
            }
            (time, Some(_)) => {
                let at = self.moment(time)?;
                let act = act(rest)?;
                match act {
                    Act::Suspend(length) => {
                        self.shift(SignedDuration::try_from(length).unwrap_or_default());
                    }
                    Act::Clock(jump) => self.shift(jump),
                    _ => {}
                }
                self.acts.push((at, act));
                Ok(())
            }
        }
    }

    fn shift(&mut self, by: SignedDuration) {
        self.ahead += by;
        if let Some(wall) = &self.wall {
            self.wall = wall.checked_add(by).ok();
        }
    }

    /// The next moment at which the wall clock shows `time`, as time awake since the start.
    fn moment(&mut self, time: &str) -> Result<Duration, String> {
        let no_time = || format!("{time:?} is no time of day");
        let (Some(start), Some(before)) = (&self.start, &self.wall) else {
            return Err("the script begins with `start`".to_owned());
        };
        let clock: Time = time.parse().map_err(|_| no_time())?;
        let on = |date: jiff::civil::Date| {
            date.to_datetime(clock)
                .to_zoned(before.time_zone().clone())
                .map_err(|_| no_time())
        };
        let mut next = on(before.date())?;
        if next < *before {
            next = on(before.date().checked_add(1.day()).map_err(|_| no_time())?)?;
        }
        let passed = next.timestamp().duration_since(start.timestamp()) - self.ahead;
        self.wall = Some(next);
        Duration::try_from(passed).map_err(|_| "it goes back in time".to_owned())
    }
}

fn act(words: &str) -> Result<Act, String> {
    let (word, value) = words.split_once(' ').unwrap_or((words, ""));
    let value = value.trim();
    let number = |unit: &str| -> Result<f64, String> {
        let bare = value.strip_suffix(unit).unwrap_or(value).trim();
        let read = bare.parse::<f64>().ok().filter(|n| n.is_finite());
        read.ok_or_else(|| format!("{word}: {value:?} is no number"))
    };
    Ok(match word {
        "key" => Act::Input(Notice::Key),
        "pointer" => Act::Input(Notice::Pointer),
        "login" => Act::Input(Notice::Login),
        "load" => Act::Load(number("%")? / 100.0),
        "memory" => Act::Memory(number("%")? / 100.0),
        "heat" => Act::Heat(number("°C")?),
        "mains" => Act::Power(Power::Mains),
        "battery" => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to a percentage"
            )]
            let percent = Some(number("%")?.clamp(0.0, 100.0) as u8);
            Act::Power(Power::Battery { percent })
        }
        "blind" => Act::Blind(true),
        "sighted" => Act::Blind(false),
        "suspend" => Act::Suspend(length(value)?),
        "clock" => {
            let (sign, rest) = match value.split_at_checked(1) {
                Some(("+", rest)) => (1, rest),
                Some(("-", rest)) => (-1, rest),
                _ => return Err("clock: say +30m or -30m".to_owned()),
            };
            let jump = SignedDuration::try_from(length(rest)?).unwrap_or_default();
            Act::Clock(jump * sign)
        }
        _ => return Err(format!("{word:?} is no word of a script")),
    })
}

/// `90s`, `30m`, `6h`.
fn length(text: &str) -> Result<Duration, String> {
    let no_length = || format!("{text:?} is no length such as 90s, 30m or 6h");
    let unit = text.chars().last().ok_or_else(no_length)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(no_length()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| no_length())?;
    let all = number.checked_mul(seconds).ok_or_else(no_length)?;
    Ok(Duration::from_secs(all))
}

/// The senses of a scripted machine that was switched on at `begun`.
#[derive(Debug)]
pub struct SimulatedSenses {
    script: Arc<Script>,
    begun: Instant,
}

impl SimulatedSenses {
    #[must_use]
    pub fn new(script: Arc<Script>, begun: Instant) -> Self {
        Self { script, begun }
    }
}

impl Senses for SimulatedSenses {
    fn read(&mut self, now: Instant) -> Reading {
        self.script
            .reading(now.saturating_duration_since(self.begun))
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        let (told, begun) = (self.script.told(), self.begun);
        let mut telling = tokio::task::JoinSet::new();
        telling.spawn(async move {
            for (after, what) in told {
                let at = begun + after;
                tokio::time::sleep_until(at).await;
                hear(&Noticed { what, at });
            }
        });
        // Dropping it ends the task.
        Some(Listening::new(telling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: &str = "
        start 2026-11-20T21:50[Europe/Warsaw]
        21:55 key      # the last one
        23:30 load 90%
        00:30 suspend 6h
        session 20m
        07:00 clock +30m
        end 08:00
    ";

    #[test]
    fn a_script_follows_the_owners_clock_through_sleep_and_corrections() {
        let script = Script::read(NIGHT).expect("it is a script");
        let minutes: Vec<_> = script
            .acts
            .iter()
            .map(|(at, _)| at.as_secs() / 60)
            .collect();
        // Asleep from 00:30 to 06:30; at 07:00 the clock jumps to 07:30.
        assert_eq!(minutes, [5, 100, 160, 190]);
        assert_eq!(script.length, Duration::from_mins(220));
        assert_eq!(script.session, Duration::from_mins(20));
        let shown = |minutes| {
            script
                .wall(Duration::from_mins(minutes))
                .strftime("%H:%M")
                .to_string()
        };
        assert_eq!(
            [shown(0), shown(159), shown(160), shown(220)],
            ["21:50", "00:29", "06:30", "08:00"]
        );
        let reading = script.reading(Duration::from_mins(110));
        assert_eq!(reading.load_of_others, Sensed::Known(0.9));
        assert_eq!(reading.presence.last_input, Some(Duration::from_mins(105)));
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        for (text, line) in [
            ("21:00 key", 1),
            ("start yesterday", 1),
            ("start 2026-11-20T21:50[UTC]\n25:00 key", 2),
            ("start 2026-11-20T21:50[UTC]\n22:00 shout", 2),
            ("start 2026-11-20T21:50[UTC]\n\n22:00 load much", 3),
            ("start 2026-11-20T21:50[UTC]\n22:00 suspend 6d", 2),
            ("start 2026-11-20T21:50[UTC]\n22:00 key", 2),
            ("start 2026-11-20T21:50[UTC]\nend 22:00\n22:30 key", 3),
        ] {
            assert_eq!(Script::read(text).map_err(|e| e.line), Err(line), "{text}");
        }
    }
}
