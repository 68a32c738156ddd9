//! What other programs use of NVIDIA's graphics cards, and how hot the cards are, through the driver's own library where
//! it is there. Loaded when a look finds a card awake; a card that sleeps is not woken to be asked.
//!
//! The library has only ever been a stand-in of ours: nobody has seen this with a card.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

mod library;

pub(super) use library::LIBRARY;
use library::{Library, Sample};

/// NVIDIA's number on the bus.
const VENDOR: &str = "0x10de";
/// Display controllers.
const CLASS: &str = "0x03";

/// What a look at the cards found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Share of the busiest card that other programs use, 0 to 1.
    pub(super) others: f64,
    /// The hottest card.
    pub(super) temperature_c: Option<f64>,
}

/// The cards of this machine.
#[derive(Debug, Default)]
pub(super) struct Graphics {
    library: Option<Result<Library, String>>,
    /// Of each card, the newest sample that was counted.
    seen: BTreeMap<u32, u64>,
}

impl Graphics {
    /// `None` where there is no card of NVIDIA's, or every one sleeps. `is_ours` knows the processes that work for us.
    pub(super) fn look(
        &mut self,
        sys: &Path,
        library: &Path,
        is_ours: impl Fn(u32) -> bool,
    ) -> Option<Result<Look, String>> {
        if !any_awake(sys) {
            return None;
        }
        let loaded = self.library.get_or_insert_with(|| Library::load(library));
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(why) => return Some(Err(why.clone())),
        };
        Some(Self::ask(loaded, &mut self.seen, &is_ours))
    }

    fn ask(
        library: &Library,
        seen: &mut BTreeMap<u32, u64>,
        is_ours: &impl Fn(u32) -> bool,
    ) -> Result<Look, String> {
        let mut look = Look {
            others: 0.0,
            temperature_c: None,
        };
        for card in 0..library.cards()? {
            let newest = seen.entry(card).or_default();
            let others = match library.samples(card, *newest)? {
                Some(samples) => {
                    *newest = samples
                        .iter()
                        .map(|sample| sample.at)
                        .fold(*newest, u64::max);
                    others(&samples, is_ours)
                }
                // An older card tells the whole alone, and who runs on it.
                None if library.processes(card)?.iter().any(|pid| !is_ours(*pid)) => {
                    library.busy(card)?
                }
                None => 0.0,
            };
            look.others = look.others.max(others.clamp(0.0, 1.0));
            let degrees = library.temperature(card);
            look.temperature_c = degrees
                .into_iter()
                .chain(look.temperature_c)
                .reduce(f64::max);
        }
        Ok(look)
    }
}

/// The mean of each process that is not ours, added up.
fn others(samples: &[Sample], is_ours: &impl Fn(u32) -> bool) -> f64 {
    let mut by_process: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !is_ours(sample.pid)) {
        let (sum, count) = by_process.entry(sample.pid).or_default();
        *sum += sample.share;
        *count += 1.0;
    }
    by_process.values().map(|(sum, count)| sum / count).sum()
}

/// A card of NVIDIA's that does not sleep. One that does not say counts as awake.
fn any_awake(sys: &Path) -> bool {
    let Ok(devices) = fs::read_dir(sys.join("bus/pci/devices")) else {
        return false;
    };
    devices.flatten().any(|device| {
        let get = |name: &str| fs::read_to_string(device.path().join(name)).unwrap_or_default();
        get("vendor").trim() == VENDOR
            && get("class").starts_with(CLASS)
            && get("power/runtime_status").trim() != "suspended"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_for_us_is_not_the_load_of_others() {
        let sample = |pid, share| Sample { pid, at: 1, share };
        let samples = [
            sample(7, 0.9),
            sample(8, 0.2),
            sample(8, 0.4),
            sample(9, 0.1),
        ];
        let close = |share: f64, expected: f64| (share - expected).abs() < 1e-9;
        assert!(close(others(&samples, &|pid| pid == 7), 0.4));
        assert!(close(others(&samples, &|_| true), 0.0));
        assert!(close(others(&[], &|_| false), 0.0));
    }

    #[test]
    fn a_card_that_sleeps_is_not_asked() {
        let sys = tempfile::tempdir().expect("a folder");
        let put = |device: &str, file: &str, text: &str| {
            let path = sys.path().join("bus/pci/devices").join(device).join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, format!("{text}\n")).expect("it is written");
        };
        assert!(!any_awake(sys.path()));
        put("0000:00:02.0", "vendor", "0x8086");
        put("0000:00:02.0", "class", "0x030000");
        put("0000:01:00.1", "vendor", VENDOR);
        put("0000:01:00.1", "class", "0x040300");
        assert!(!any_awake(sys.path()), "another maker's, and a sound card");
        put("0000:01:00.0", "vendor", VENDOR);
        put("0000:01:00.0", "class", "0x030200");
        put("0000:01:00.0", "power/runtime_status", "suspended");
        assert!(!any_awake(sys.path()));
        put("0000:01:00.0", "power/runtime_status", "active");
        assert!(any_awake(sys.path()));
        // Without the library it is known why nothing is.
        let mut graphics = Graphics::default();
        let look = graphics.look(sys.path(), Path::new("/nowhere/lib.so"), |_| false);
        assert!(
            look.expect("a card")
                .expect_err("no library")
                .contains("/nowhere")
        );
    }
}
