//! Mains or battery, from the kernel's power supplies.

use std::fs;
use std::path::Path;

use super::Sensed;
use crate::energy::Power;

/// What the kernel says of a battery (`POWER_SUPPLY_STATUS_*`); `Unknown` is a word of its own there, of batteries that
/// neither charge nor discharge.
const STATUSES: [&str; 5] = ["Unknown", "Charging", "Discharging", "Not charging", "Full"];

pub(super) fn read(sys: &Path) -> Sensed<Power> {
    let Ok(supplies) = fs::read_dir(sys.join("class/power_supply")) else {
        // No such class: a machine without batteries, as servers and most virtual machines are.
        return Sensed::Known(Power::Mains);
    };
    let mut discharging = None;
    let mut unread = None;
    for supply in supplies.flatten() {
        let get = |name: &str| {
            fs::read_to_string(supply.path().join(name)).map(|text| text.trim().to_owned())
        };
        // A mouse's battery does not feed the machine.
        if get("scope").is_ok_and(|scope| scope == "Device") {
            continue;
        }
        let is_battery = get("type").is_ok_and(|kind| kind == "Battery");
        let status = get("status");
        if is_battery && !status.as_deref().is_ok_and(|word| STATUSES.contains(&word)) {
            let name = supply.file_name();
            let name = name.to_string_lossy();
            unread = Some(match &status {
                Ok(_) => format!("the battery {name} tells no status"),
                Err(error) => format!("the battery {name} cannot be read: {error}"),
            });
        }
        if is_battery && status.is_ok_and(|status| status == "Discharging") {
            let percent: Option<u8> = get("capacity").ok().and_then(|text| text.parse().ok());
            // Of several the lowest counts.
            discharging = Some(match discharging {
                None => percent,
                Some(lowest) => percent.min(lowest).or(lowest).or(percent),
            });
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
}
