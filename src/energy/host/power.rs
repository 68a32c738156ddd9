//! Mains or battery, from the kernel's power supplies.

use std::fs;
use std::io;
use std::path::Path;

use super::Sensed;
use crate::energy::Power;

/// What the kernel says of a battery (`POWER_SUPPLY_STATUS_*`); `Unknown` is a word of its own there, of batteries that
/// neither charge nor discharge.
const STATUSES: [&str; 5] = ["Unknown", "Charging", "Discharging", "Not charging", "Full"];

/// What the kernel calls the kinds of supply (`POWER_SUPPLY_TYPE_*`): those that hold a charge, and those that bring it.
/// It has the word `Unknown` too, of a supply that may be either.
const BATTERIES: [&str; 2] = ["Battery", "UPS"];
const FEEDS: [&str; 10] = [
    "Mains",
    "USB",
    "USB_DCP",
    "USB_CDP",
    "USB_ACA",
    "USB_C",
    "USB_PD",
    "USB_PD_DRP",
    "BrickID",
    "Wireless",
];

pub(super) fn read(sys: &Path) -> Sensed<Power> {
    let folder = sys.join("class/power_supply");
    let supplies = match fs::read_dir(&folder) {
        Ok(supplies) => supplies,
        // No such class: a machine without batteries, as servers and most virtual machines are.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Sensed::Known(Power::Mains);
        }
        Err(error) => return Sensed::Unknown(format!("{}: {error}", folder.display())),
    };
    let mut discharging = None;
    let mut unread = None;
    for supply in supplies.flatten() {
        let name = supply.file_name();
        let name = name.to_string_lossy();
        let get = |name: &str| {
            fs::read_to_string(supply.path().join(name)).map(|text| text.trim().to_owned())
        };
        // A mouse's battery does not feed the machine.
        if get("scope").is_ok_and(|scope| scope == "Device") {
            continue;
        }
        match get("type") {
            Ok(kind) if BATTERIES.contains(&kind.as_str()) => {}
            Ok(kind) if FEEDS.contains(&kind.as_str()) => continue,
            Ok(_) => {
                unread = Some(format!(
                    "the supply {name} does not tell of what type it is"
                ));
                continue;
            }
            Err(error) => {
                unread = Some(format!(
                    "the type of the supply {name} cannot be read: {error}"
                ));
                continue;
            }
        }
        match get("status") {
            Ok(status) if status == "Discharging" => {
                let percent: Option<u8> = get("capacity").ok().and_then(|text| text.parse().ok());
                // Of several the lowest counts.
                discharging = Some(match discharging {
                    None => percent,
                    Some(lowest) => percent.min(lowest).or(lowest).or(percent),
                });
            }
            Ok(status) if STATUSES.contains(&status.as_str()) => {}
            Ok(_) => unread = Some(format!("the battery {name} tells no status")),
            Err(error) => {
                unread = Some(format!("the battery {name} cannot be read: {error}"));
            }
        }
    }
    match (discharging, unread) {
        (Some(percent), _) => Sensed::Known(Power::Battery { percent }),
        // It may be the one that feeds the machine.
        (None, Some(why)) => Sensed::Unknown(why),
        (None, None) => Sensed::Known(Power::Mains),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discharging_battery_is_told_from_a_full_one_and_from_a_mouse() {
        let sys = tempfile::tempdir().expect("a folder");
        assert_eq!(read(sys.path()), Sensed::Known(Power::Mains));
        let put = |supply: &str, files: &[(&str, &str)]| {
            let folder = sys.path().join("class/power_supply").join(supply);
            fs::create_dir_all(&folder).expect("a folder");
            for (name, text) in files {
                fs::write(folder.join(name), format!("{text}\n")).expect("it is written");
            }
        };
        put(
            "mouse",
            &[
                ("type", "Battery"),
                ("scope", "Device"),
                ("status", "Discharging"),
            ],
        );
        put(
            "BAT0",
            &[("type", "Battery"), ("status", "Full"), ("capacity", "100")],
        );
        assert_eq!(read(sys.path()), Sensed::Known(Power::Mains));
        put("AC", &[("type", "Mains"), ("online", "1")]);
        assert_eq!(read(sys.path()), Sensed::Known(Power::Mains));
        put("BAT0", &[("status", "Discharging"), ("capacity", "41")]);
        let percent = Some(41);
        assert_eq!(read(sys.path()), Sensed::Known(Power::Battery { percent }));
        for nonsense in ["", "\u{1}\u{fffd}", "Dischargin"] {
            put("BAT0", &[("status", nonsense)]);
            let Sensed::Unknown(why) = read(sys.path()) else {
                panic!("{nonsense:?} is no status");
            };
            assert!(why.contains("BAT0"), "{why}");
        }
        fs::remove_file(sys.path().join("class/power_supply/BAT0/status")).expect("it vanishes");
        assert!(matches!(read(sys.path()), Sensed::Unknown(_)));
    }

    #[test]
    fn a_supply_that_does_not_say_what_it_is_may_be_the_battery() {
        let sys = tempfile::tempdir().expect("a folder");
        let supply = sys.path().join("class/power_supply/X0");
        fs::create_dir_all(&supply).expect("a folder");
        let why = || match read(sys.path()) {
            Sensed::Unknown(why) => why,
            known @ Sensed::Known(_) => panic!("{known:?}"),
        };
        assert!(why().contains("X0"), "it has no type at all: {}", why());
        for nonsense in ["", "Unknown", "\u{1}\u{fffd}", "Batt"] {
            fs::write(supply.join("type"), nonsense).expect("it is written");
            assert!(why().contains("X0"), "{nonsense:?}: {}", why());
        }
        fs::write(supply.join("type"), "USB_PD\n").expect("it is written");
        assert_eq!(read(sys.path()), Sensed::Known(Power::Mains));
        // What is known to discharge needs no word of the other.
        let battery = sys.path().join("class/power_supply/BAT0");
        fs::create_dir_all(&battery).expect("a folder");
        fs::write(battery.join("type"), "Battery\n").expect("it is written");
        fs::write(battery.join("status"), "Discharging\n").expect("it is written");
        fs::write(supply.join("type"), "").expect("it is written");
        let percent = None;
        assert_eq!(read(sys.path()), Sensed::Known(Power::Battery { percent }));
    }
}
