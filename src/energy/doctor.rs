//! What the senses can and cannot see on this machine, for `dreamer doctor`. Starts nothing and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use super::host::{Answer, HostSenses, Idle, Source, Word};
use super::notice::Hear;
use super::own::OwnWork;
use super::{Power, Reading, Sensed, Senses, gate};
use crate::clock;
use crate::config::Settings;
use crate::dream::Finding;
use crate::tree::{Mechanism, Tree};

/// A bus that is there answers within this, or is called silent by then.
const DESKTOP_ANSWERS: Duration = Duration::from_secs(3);

/// Between the two looks that a share of the processor takes.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// One finding a sense, and one for how fast a dream can be stopped. Blocks for a second: call it where that is allowed.
#[must_use]
pub fn findings(settings: &Settings, tree: &Arc<Tree>) -> Vec<Finding> {
    let mut senses =
        HostSenses::new(Arc::clone(tree), OwnWork::new()).with_desktop(&settings.desktop);
    let hear: Hear = Arc::new(|_| {});
    let listening = senses.listen(hear);
    let _first = senses.read(clock::monotonic());
    std::thread::sleep(BETWEEN_LOOKS);
    let words = answered(&senses);
    let reading = senses.read(clock::monotonic());
    let mut found = vec![
        presence(&reading, listening.is_some()),
        sensed(
            "load",
            &reading.load_of_others,
            |share| format!("other programs use {:.0} %", share * 100.0),
            "without it presence, memory, heat and battery alone end a dream",
        ),
        sensed(
            "memory",
            &reading.memory_used,
            |share| format!("{:.0} % is used", share * 100.0),
            "see whether /proc is mounted",
        ),
    ];
    found.extend(desktop(&words));
    found.extend(graphics(&senses));
    found.extend(recorded(&senses.met_recordings_only()));
    found.extend(untested());
    found.push(temperature(&reading, settings));
    found.push(power(&reading));
    found.push(freezing(tree));
    found
}

fn presence(reading: &Reading, listening: bool) -> Finding {
    let detail = gate::describe(&reading.presence);
    match (&reading.presence.blind, listening) {
        (Some(why), _) => Finding::warn(
            "presence",
            format!("{detail}: {why}"),
            "let the user of the service read the input devices (`usermod -aG input USER`, then log in again); until \
             then it dreams by night only",
        ),
        (None, false) => Finding::warn(
            "presence",
            format!("{detail}; input is found by looking twice a second, not at once"),
            "see the log for why nothing can be watched",
        ),
        (None, true) => Finding::ok("presence", format!("{detail}; input is noticed at once")),
    }
}

/// What the desktop's services say once each has answered or had its time.
fn answered(senses: &HostSenses) -> Vec<(Source, Word)> {
    let began = clock::monotonic();
    loop {
        let words = senses.desktop();
        let waits = words.iter().any(|(_, word)| word.answer == Answer::Asked);
        if !waits || began.elapsed() > DESKTOP_ANSWERS {
            return words;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A finding for each service that is there, and one that says where none is.
fn desktop(words: &[(Source, Word)]) -> Vec<Finding> {
    let found: Vec<Finding> = words.iter().filter_map(service).collect();
    if found.is_empty() {
        return vec![Finding::ok(
            "desktop",
            "no login manager and no desktop to ask: devices and terminals alone tell who is there",
        )];
    }
    found
}

fn service((source, word): &(Source, Word)) -> Option<Finding> {
    let met = if source.met_the_real_one() {
        ""
    } else {
        " (tried against stand-ins only, never against the real one)"
    };
    if let Some(why) = word.answer.trouble() {
        return Some(Finding::warn(
            source.check(),
            format!("{} {why}{met}", source.as_str()),
            "see whether the service runs (`systemctl status`, `busctl status`); until it answers, presence is unknown \
             and it dreams by night only",
        ));
    }
    if word.answer != Answer::Live {
        return None;
    }
    let mut says = vec!["answers".to_owned()];
    says.extend(word.idle.map(|idle| match idle {
        Idle::Active => "somebody is active".to_owned(),
        Idle::Since(at) => format!("idle for {}", gate::span(at.elapsed())),
    }));
    says.extend(word.doing.clone());
    says.extend(word.power.map(|power| match power {
        Power::Mains => "mains".to_owned(),
        Power::Battery { .. } => "battery".to_owned(),
    }));
    Some(Finding::ok(
        source.check(),
        format!("{}{met}", says.join(", ")),
    ))
}

/// A graphics card, where one is awake.
fn graphics(senses: &HostSenses) -> Option<Finding> {
    let met = "(tried against a stand-in library only, never with a card)";
    Some(match senses.graphics()? {
        Ok(others) => Finding::ok(
            "graphics",
            format!("other programs use {:.0} % {met}", others * 100.0),
        ),
        Err(why) => Finding::warn(
            "graphics",
            format!("unknown: {why} {met}"),
            "see whether the driver's own `nvidia-smi` answers; until then what others do on the card ends no dream",
        ),
    })
}

/// Senses that this machine has and their makers had not.
fn recorded(senses: &[&str]) -> Option<Finding> {
    let detail = format!(
        "{}: tried with recorded ones only, never with a real one",
        senses.join(", ")
    );
    (!senses.is_empty()).then(|| Finding::ok("recordings", detail))
}

/// A system that nobody has tried this on.
fn untested() -> Option<Finding> {
    if cfg!(target_os = "linux") {
        return None;
    }
    let detail = if cfg!(target_os = "macos") {
        "macOS is read through ioreg and pmset, a look at a time; this was tested with their output, never on a Mac"
    } else {
        "this system's senses are not read"
    };
    Some(Finding::warn(
        "system",
        detail,
        "trust it by night only, and tell us what `dreamer why` shows",
    ))
}

fn sensed(check: &str, value: &Sensed<f64>, say: fn(f64) -> String, fix: &str) -> Finding {
    match value {
        Sensed::Known(value) => Finding::ok(check, say(*value)),
        Sensed::Unknown(why) => Finding::warn(check, format!("unknown: {why}"), fix),
    }
}

fn temperature(reading: &Reading, settings: &Settings) -> Finding {
    let Some(limit) = settings.energy.temperature_limit_c else {
        return Finding::ok("temperature", "no limit is set");
    };
    match &reading.temperature_c {
        Sensed::Known(now) => Finding::ok(
            "temperature",
            format!("{now:.0} °C, the limit is {limit:.0} °C"),
        ),
        // A machine without a sensor, as most virtual ones, is not broken.
        Sensed::Unknown(why) => Finding::ok("temperature", format!("the rule is off: {why}")),
    }
}

fn power(reading: &Reading) -> Finding {
    match &reading.power {
        Sensed::Known(Power::Mains) => Finding::ok("power", "mains"),
        Sensed::Known(Power::Battery { percent }) => Finding::ok(
            "power",
            percent.map_or_else(
                || "battery: nothing begins by itself".to_owned(),
                |percent| format!("battery at {percent} %: nothing begins by itself"),
            ),
        ),
        Sensed::Unknown(why) => Finding::warn(
            "power",
            format!("unknown: {why}"),
            "without it a dream goes on when the machine is unplugged",
        ),
    }
}

fn freezing(tree: &Tree) -> Finding {
    let fix = "start the service by systemd (`dreamer service install`), whose unit hands it a group of its own";
    match (tree.mechanism(), tree.freezes_at_once()) {
        (mechanism @ (Mechanism::CgroupV2 | Mechanism::Hybrid | Mechanism::CgroupV1), true) => {
            let met = if mechanism == Mechanism::Hybrid {
                ""
            } else {
                " (tried where both versions of control groups are, never on this one alone)"
            };
            Finding::ok(
                "freezing",
                format!("one write stops all that the dream's groups hold; `dreamer wake-test` measures it{met}"),
            )
        }
        (Mechanism::CgroupV2 | Mechanism::Hybrid | Mechanism::CgroupV1, false) => Finding::warn(
            "freezing",
            "the control groups of this machine cannot be frozen: containers are paused one by one, other processes \
             by signals"
                .to_owned(),
            fix,
        ),
        (Mechanism::None, _) => Finding::warn(
            "freezing",
            "this user may make no control groups: containers are paused one by one, other processes by signals"
                .to_owned(),
            fix,
        ),
    }
}
