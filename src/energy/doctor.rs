//! What the senses can and cannot see on this machine, for `dreamer doctor`. Starts nothing and changes nothing.

use std::sync::Arc;

use super::glance::Glance;
use super::host::{Answer, Idle, Mend, Source, Word};
use super::{Power, Reading, Sensed, gate};
use crate::config::Settings;
use crate::dream::Finding;
use crate::tree::{Mechanism, Tree};

/// One finding a sense, and one for how fast a dream can be stopped. Blocks for a second: call it where that is allowed.
#[must_use]
pub fn findings(settings: &Settings, tree: &Arc<Tree>) -> Vec<Finding> {
    let seen = Glance::take(&settings.desktop, tree);
    let reading = seen.reading;
    let mut found = vec![
        presence(&reading, seen.mend, seen.listening),
        load(&reading, settings.energy.cpu_threshold),
        memory(&reading, settings.energy.memory_threshold),
    ];
    found.extend(desktop(&seen.words));
    found.extend(seen.graphics.map(graphics));
    found.extend(recorded(&seen.recorded));
    found.extend(untested());
    found.push(temperature(&reading, settings));
    found.push(power(&reading));
    found.push(freezing(tree));
    found
}

fn presence(reading: &Reading, mend: Option<Mend>, listening: bool) -> Finding {
    let detail = gate::describe(&reading.presence);
    match (&reading.presence.blind, listening) {
        (Some(why), _) => {
            let fix = mend.map_or("see what it says of itself", Mend::fix);
            let fix = format!("{fix}; until then it dreams by night only");
            Finding::warn("presence", format!("{detail}: {why}"), fix)
        }
        (None, false) => Finding::warn(
            "presence",
            format!("{detail}; input is found by looking twice a second, not at once"),
            "see the log for why nothing can be watched",
        ),
        (None, true) => Finding::ok("presence", format!("{detail}; input is noticed at once")),
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
    let met = format!(" ({})", source.only_ever_tried());
    if let Some(why) = word.answer.trouble() {
        return Some(Finding::warn(
            source.check(),
            format!("{} {why}{met}", source.as_str()),
            format!(
                "{}; until it answers, presence is unknown and it dreams by night only",
                Mend::Service.fix()
            ),
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

/// What others use now: where they always do, nothing will ever begin.
fn load(reading: &Reading, threshold: f64) -> Finding {
    let used = sensed(
        "load",
        &reading.load_of_others,
        |share| format!("other programs use {:.0} %", share * 100.0),
        "see that /proc is mounted and that its `stat` can be read here, then run `dreamer doctor` again; until it is known, \
         presence, memory, heat and battery alone end a dream",
    );
    let calm = threshold * gate::CALM_PART;
    if reading.load().is_none_or(|share| share < calm) {
        return used;
    }
    Finding::warn(
        "load",
        format!(
            "{}; dreams begin below {:.0} % only",
            used.detail,
            calm * 100.0
        ),
        "wait until they are done; where it is always so, raise DREAMING_CPU_THRESHOLD, for nothing begins while it is",
    )
}

/// What is in use while we do nothing: where that alone reaches the limit, nothing will ever begin.
fn memory(reading: &Reading, threshold: f64) -> Finding {
    let used = sensed(
        "memory",
        &reading.memory_used,
        |share| format!("{:.0} % is used", share * 100.0),
        "see whether /proc is mounted",
    );
    if !reading.memory_is_short(threshold) {
        return used;
    }
    let pressed = if reading.is_pressed() {
        " and programs stand waiting for it"
    } else {
        ""
    };
    Finding::warn(
        "memory",
        format!(
            "{}{pressed}; dreams begin below {:.0} % only",
            used.detail,
            threshold * 100.0
        ),
        "end what holds the memory, or raise DREAMING_MEMORY_THRESHOLD: while this stays so nothing begins",
    )
}

/// The graphics cards that are awake.
fn graphics(look: Result<f64, String>) -> Finding {
    let met = "(tried against a stand-in library only, never with a card)";
    match look {
        Ok(others) => Finding::ok(
            "graphics",
            format!("other programs use {:.0} % {met}", others * 100.0),
        ),
        Err(why) => Finding::warn(
            "graphics",
            format!("unknown: {why} {met}"),
            "see whether the driver's own `nvidia-smi` answers; until then what others do on the card ends no dream",
        ),
    }
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
        Sensed::Known(now) if *now >= limit - gate::COOL_MARGIN_C => Finding::warn(
            "temperature",
            format!(
                "{now:.0} °C; dreams begin below {:.0} °C only",
                limit - gate::COOL_MARGIN_C
            ),
            "let it cool; where the machine is as warm at rest, raise DREAMING_TEMPERATURE_LIMIT_C, for nothing begins while it is",
        ),
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
            "install and start UPower, which is asked where the kernel does not tell (`upower -d` shows what it knows); until \
             it is known a dream goes on when the machine is unplugged, so end it first with `dreamer wake`",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dream::Health;

    #[test]
    fn memory_that_is_full_at_rest_is_a_finding_that_names_the_setting() {
        let mut reading = Reading::unknown("a test");
        reading.memory_used = Sensed::Known(0.3);
        assert_eq!(memory(&reading, 0.8).status, Health::Ok);
        let short = memory(&reading, 0.25);
        assert_eq!(short.status, Health::Warn);
        assert!(format!("{short:?}").contains("DREAMING_MEMORY_THRESHOLD"));
        reading.memory_pressure = Some(0.5);
        assert!(memory(&reading, 0.8).detail.contains("waiting"));
    }

    #[test]
    fn what_cannot_be_read_comes_with_what_to_do_and_not_only_with_what_follows() {
        let reading = Reading::unknown("a test");
        for (found, remedy) in [
            (load(&reading, 0.7), "see that /proc is mounted"),
            (memory(&reading, 0.8), "see whether /proc is mounted"),
            (power(&reading), "start UPower"),
        ] {
            assert_eq!(found.status, Health::Warn, "{found:?}");
            assert!(found.fix.contains(remedy), "{found:?}");
        }
    }

    #[test]
    fn a_way_to_the_keys_says_what_else_it_opens_and_where_a_narrower_one_is() {
        let fix = Mend::Devices.fix();
        assert!(fix.contains("every program of that user"), "{fix}");
        assert!(fix.contains("SupplementaryGroups=input"), "{fix}");
    }

    #[test]
    fn each_cause_of_not_knowing_who_is_there_has_a_line_of_its_own_that_mends_it() {
        let reading = Reading::unknown("a test");
        let fixes: std::collections::BTreeSet<String> = Mend::ALL
            .into_iter()
            .map(|mend| presence(&reading, Some(mend), true).fix)
            .collect();
        assert_eq!(fixes.len(), Mend::ALL.len());
        let of_devices = fixes.iter().filter(|fix| fix.contains("usermod"));
        assert_eq!(of_devices.count(), 1);
        for (mend, word) in [
            (Mend::Devices, "usermod"),
            (Mend::RemoteScreen, "stop that program"),
            (Mend::RemoteSession, "loginctl"),
            (Mend::HiddenProcesses, "hidepid"),
        ] {
            let fix = presence(&reading, Some(mend), true).fix;
            assert!(fix.contains(word), "{fix}");
        }
        assert!(!presence(&reading, None, false).fix.contains("usermod"));
    }

    #[test]
    fn limits_below_what_the_machine_does_at_rest_are_named() {
        let mut settings = Settings::defaults_in(std::path::Path::new("/nowhere"));
        settings.energy.temperature_limit_c = Some(50.0);
        let mut reading = Reading::unknown("a test");
        reading.temperature_c = Sensed::Known(41.0);
        assert_eq!(temperature(&reading, &settings).status, Health::Ok);
        reading.temperature_c = Sensed::Known(42.0);
        assert_eq!(temperature(&reading, &settings).status, Health::Warn);
        reading.load_of_others = Sensed::Known(0.03);
        assert_eq!(load(&reading, 0.7).status, Health::Ok);
        let busy = load(&reading, 0.05);
        assert_eq!(busy.status, Health::Warn);
        assert!(busy.fix.contains("DREAMING_CPU_THRESHOLD"));
    }
}
