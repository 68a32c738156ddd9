//! macOS by its own tools: `ioreg` for the last input, `pmset` for the power source and for who keeps the display on.
//! Compiled everywhere and tested with the tools' output; nobody has run it on a Mac yet, and `doctor` says so.
//!
//! There is no event to wait for: input is found by looks alone.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Presence, Reading, Sensed};
use crate::clock;
use crate::energy::Power;

/// The tools answer within some tens of milliseconds; one that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a tool that runs is looked at.
const STEP: Duration = Duration::from_millis(5);
/// `ioreg` prints some tens of kilobytes for the class that is asked.
const MOST_OUTPUT: u64 = 4 << 20;

/// The programs that are asked; others in tests.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    ioreg: &'static str,
    pmset: &'static str,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            ioreg: "/usr/sbin/ioreg",
            pmset: "/usr/bin/pmset",
        }
    }
}

/// One look. What these tools do not tell is unknown and says so.
pub(super) fn read(tools: &Tools) -> Reading {
    let not_read = || Sensed::Unknown("it is not read on macOS".to_owned());
    Reading {
        presence: presence(
            run(tools.ioreg, &["-c", "IOHIDSystem", "-d", "4"]),
            run(tools.pmset, &["-g", "assertions"]),
        ),
        load_of_others: not_read(),
        graphics: None,
        memory_used: not_read(),
        memory_pressure: None,
        temperature_c: not_read(),
        power: match run(tools.pmset, &["-g", "batt"]) {
            Ok(text) => power(&text).map_or_else(
                || Sensed::Unknown("pmset names no power source".to_owned()),
                Sensed::Known,
            ),
            Err(why) => Sensed::Unknown(why),
        },
    }
}

fn presence(registry: Result<String, String>, assertions: Result<String, String>) -> Presence {
    let last_input = registry
        .and_then(|text| idle_time(&text).ok_or_else(|| "ioreg tells no HIDIdleTime".to_owned()));
    let doing = assertions.map(|text| display_kept_on(&text));
    // A film that is not seen is a person that is not seen.
    let blind = [last_input.as_ref().err(), doing.as_ref().err()];
    let blind = blind.into_iter().flatten().next().cloned();
    let doing = doing.ok().flatten();
    Presence {
        still_for: None,
        last_input: match doing {
            Some(_) => Some(Duration::ZERO),
            None => last_input.ok(),
        },
        blind,
        doing,
    }
}

/// The shortest idle time of all input systems: nanoseconds since the last input.
fn idle_time(registry: &str) -> Option<Duration> {
    let values = registry.lines().filter_map(|line| {
        let (_, value) = line.split_once("\"HIDIdleTime\" = ")?;
        value.trim().parse().ok().map(Duration::from_nanos)
    });
    values.min()
}

/// `Now drawing from 'Battery Power'`, and a line for each battery with its charge.
fn power(batteries: &str) -> Option<Power> {
    let (_, source) = batteries.lines().next()?.split_once("drawing from '")?;
    match source.trim_end_matches('\'') {
        "AC Power" => Some(Power::Mains),
        "Battery Power" | "UPS Power" => {
            let charges = batteries.lines().skip(1).filter_map(|line| {
                let (before, _) = line.split_once('%')?;
                let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
                digits.parse().ok().filter(|percent| *percent <= 100)
            });
            // Of several the lowest counts.
            Some(Power::Battery {
                percent: charges.min(),
            })
        }
        _ => None,
    }
}

/// Who keeps the display from sleeping: a film, a call, a presentation. `caffeinate` and downloads keep the system
/// awake, not the display.
fn display_kept_on(assertions: &str) -> Option<String> {
    const KIND: &str = "PreventUserIdleDisplaySleep";
    let mut held = assertions.lines().filter(|line| line.contains(KIND));
    let (mut any, mut by) = (false, None);
    for line in held.by_ref() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [KIND, count] => any |= *count != "0",
            ["pid", ..] => {
                any = true;
                let who = line
                    .split_once('(')
                    .and_then(|(_, rest)| Some(rest.split_once(')')?.0));
                let what = line
                    .split_once("named: \"")
                    .map(|(_, rest)| rest.trim_end().trim_end_matches('"'));
                by = by.or(who.zip(what));
            }
            _ => {}
        }
    }
    any.then(|| match by {
        Some((who, what)) => {
            let words = super::desktop::said::words;
            format!("{}: {}", words(who), words(what))
        }
        None => "an application keeps the display on".to_owned(),
    })
}

/// What a tool prints; one that hangs is ended.
fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take();
    // Read beside: a full pipe would keep the tool from ending.
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.map(|output| output.take(MOST_OUTPUT).read_to_end(&mut text));
        read.is_some_and(|read| read.is_ok()).then_some(text)
    });
    let began = clock::monotonic();
    let ended = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if began.elapsed() > PATIENCE => break None,
            None => std::thread::sleep(STEP),
        }
    };
    let Some(status) = ended else {
        child.kill().ok();
        child.wait().ok();
        // Whoever holds the pipe still may go on holding it: nobody waits for the reader.
        return Err(format!(
            "{program} has not answered for {} s",
            PATIENCE.as_secs()
        ));
    };
    if !status.success() {
        return Err(format!("{program} ended with {status}"));
    }
    let text = reading.join().ok().flatten();
    let text = text.ok_or_else(|| format!("{program}: its answer cannot be read"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests;
