//! Mains or battery, from the kernel's power supplies.

use std::fs;
use std::path::Path;

use super::Sensed;
use crate::energy::Power;

pub(super) fn read(sys: &Path) -> Sensed<Power> {
    let Ok(supplies) = fs::read_dir(sys.join("class/power_supply")) else {
        // No such class: a machine without batteries, as servers and most virtual machines are.
        return Sensed::Known(Power::Mains);
    };
    let mut discharging = None;
    for supply in supplies.flatten() {
        let get = |name: &str| {
            fs::read_to_string(supply.path().join(name)).map(|text| text.trim().to_owned())
        };
        // A mouse's battery does not feed the machine.
        if get("scope").is_ok_and(|scope| scope == "Device") {
            continue;
        }
        let is_battery = get("type").is_ok_and(|kind| kind == "Battery");
        if is_battery && get("status").is_ok_and(|status| status == "Discharging") {
            let percent: Option<u8> = get("capacity").ok().and_then(|text| text.parse().ok());
            // Of several the lowest counts.
            discharging = Some(match discharging {
                None => percent,
                Some(lowest) => percent.min(lowest).or(lowest).or(percent),
            });
        }
    }
    Sensed::Known(discharging.map_or(Power::Mains, |percent| Power::Battery { percent }))
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
    }
}
