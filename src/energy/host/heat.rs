//! The hottest sensor of this machine, from the kernel's own files. Part of the host's senses; judges nothing but whether a
//! sensor can be telling the truth.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What a part of a machine that runs can be. A sensor that says more or less lies: an input with nothing connected to it reads
/// as 127 or as -55, and a transfer that failed as 255. Chips switch themselves off below the upper end.
const POSSIBLE_C: RangeInclusive<f64> = -40.0..=125.0;

/// Sensors tell thousandths of a degree.
const PARTS_OF_A_DEGREE: f64 = 1000.0;

/// In degrees Celsius: chips and the firmware's zones side by side, as either may be the only one that knows of a part. `None`
/// where no sensor can be read and believed.
pub(super) fn hottest(sys: &Path) -> Option<f64> {
    let chips = named(&sys.join("class/hwmon"), "hwmon", "");
    let inputs = chips
        .iter()
        .flat_map(|chip| named(chip, "temp", "_input"))
        .filter(|input| !is_faulty(input));
    let zones = named(&sys.join("class/thermal"), "thermal_zone", "");
    let zones = zones.iter().map(|zone| zone.join("temp"));
    inputs
        .chain(zones)
        .filter_map(|file| degrees(&file))
        .reduce(f64::max)
}

/// Whether something in a machine can be as hot as this.
pub(super) fn is_possible(degrees: f64) -> bool {
    POSSIBLE_C.contains(&degrees)
}

/// What lies in a folder under such a name: a number between a beginning and an end.
fn named(folder: &Path, begin: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        entry
            .file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(begin)?.strip_suffix(end))
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    named.map(|entry| entry.path()).collect()
}

/// The chip says itself that what it reads there means nothing.
fn is_faulty(input: &Path) -> bool {
    let name = input.file_name().and_then(|name| name.to_str());
    let sensor = name.and_then(|name| name.strip_suffix("_input"));
    sensor.is_some_and(|sensor| {
        let fault = input.with_file_name(format!("{sensor}_fault"));
        fs::read_to_string(fault).is_ok_and(|text| text.trim() == "1")
    })
}

fn degrees(file: &Path) -> Option<f64> {
    let parts: i32 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    Some(f64::from(parts) / PARTS_OF_A_DEGREE).filter(|degrees| is_possible(*degrees))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn put(&self, file: &str, text: &str) {
            let path = self.0.path().join("class").join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, format!("{text}\n")).expect("it is written");
        }

        #[track_caller]
        fn check(&self, expected: Option<f64>) {
            let found = hottest(self.0.path());
            let close = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(close, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn the_hottest_of_all_chips_and_zones_counts() {
        let machine = Machine::new();
        machine.check(None);
        machine.put("hwmon/hwmon0/temp1_input", "41000");
        machine.put("hwmon/hwmon0/temp2_input", "43500");
        machine.put("hwmon/hwmon0/temp2_max", "110000");
        machine.put("hwmon/hwmon1/temp12_input", "-5000");
        machine.put("hwmon/hwmon1/fan1_input", "99000");
        machine.check(Some(43.5));
        // A zone is asked beside them, not only where there is no chip.
        machine.put("thermal/thermal_zone0/temp", "87000");
        machine.put("thermal/cooling_device0/temp", "99000");
        machine.check(Some(87.0));
    }

    #[test]
    fn a_sensor_that_cannot_be_telling_the_truth_is_not_believed() {
        let machine = Machine::new();
        machine.put("hwmon/hwmon0/temp1_input", "40000");
        for nonsense in [
            "127000",
            "-55000",
            "255000",
            "-273200",
            "nan",
            "inf",
            "",
            "4e9",
            "9999999999",
        ] {
            machine.put("hwmon/hwmon0/temp3_input", nonsense);
            machine.put("thermal/thermal_zone1/temp", nonsense);
            machine.check(Some(40.0));
        }
        machine.put("hwmon/hwmon0/temp3_input", "125000");
        machine.check(Some(125.0));
    }

    #[test]
    fn an_input_that_its_chip_calls_broken_is_left_out() {
        let machine = Machine::new();
        machine.put("hwmon/hwmon0/temp1_input", "40000");
        machine.put("hwmon/hwmon0/temp2_input", "99000");
        machine.put("hwmon/hwmon0/temp2_fault", "1");
        machine.check(Some(40.0));
        machine.put("hwmon/hwmon0/temp2_fault", "0");
        machine.check(Some(99.0));
    }

    #[test]
    fn what_cannot_be_read_or_vanishes_is_not_known() {
        let machine = Machine::new();
        // A chip that sleeps refuses to be read.
        let input = machine.0.path().join("class/hwmon/hwmon0/temp1_input");
        fs::create_dir_all(&input).expect("a folder is no file");
        machine.check(None);
        machine.put("thermal/thermal_zone0/temp", "50000");
        machine.check(Some(50.0));
        fs::remove_dir_all(machine.0.path().join("class/thermal")).expect("it vanishes");
        machine.check(None);
    }
}
