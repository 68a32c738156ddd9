//! Where a person gives input: terminals by the access time of their nodes, input devices by their existence.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::Roots;
use crate::clock::Instant;

/// A keyboard has letters; a power button or a lid has one key. The kernel's own test for a keyboard asks for about
/// as many.
const KEYS_OF_A_KEYBOARD: u32 = 16;

/// The newest access time of all terminals, and why some could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terminals {
    pub(super) newest: Option<Timestamp>,
    pub(super) unreadable: Option<String>,
}

/// Looks at every terminal that exists now: the list changes with each login.
pub(super) fn terminals(dev: &Path) -> Terminals {
    let mut newest = None;
    let mut unreadable = None;
    let places = [(dev.to_owned(), "tty"), (dev.join("pts"), "")];
    for (folder, prefix) in places {
        let nodes = match fs::read_dir(&folder) {
            Ok(nodes) => nodes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                unreadable = Some(format!("{}: {error}", folder.display()));
                continue;
            }
        };
        for node in nodes.flatten() {
            let name = node.file_name();
            let numbered = name
                .to_str()
                .and_then(|name| name.strip_prefix(prefix))
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
            if !numbered {
                continue;
            }
            let accessed = fs::metadata(node.path()).and_then(|node| node.accessed());
            match accessed {
                Ok(at) => newest = newest.max(Timestamp::try_from(at).ok()),
                // A terminal that closed while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => unreadable = Some(format!("{}: {error}", node.path().display())),
            }
        }
    }
    Terminals { newest, unreadable }
}

/// Keyboards and pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Devices {
    pub(super) exist: bool,
}

pub(super) fn devices(roots: &Roots) -> Devices {
    let Ok(nodes) = fs::read_dir(roots.dev.join("input")) else {
        return Devices { exist: false };
    };
    let exist = nodes.flatten().any(|node| {
        let name = node.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("event")) else {
            return false;
        };
        let about = roots
            .sys
            .join("class/input")
            .join(name)
            .join("device/capabilities");
        gives_input(&about)
    });
    Devices { exist }
}

/// A person can give input with it: a pointer, a touch screen, or a keyboard. One that does not say counts.
fn gives_input(capabilities: &Path) -> bool {
    let bits = |name: &str| -> Option<u32> {
        let text = fs::read_to_string(capabilities.join(name)).ok()?;
        text.split_whitespace()
            .map(|word| u64::from_str_radix(word, 16).map(u64::count_ones).ok())
            .sum()
    };
    match (bits("key"), bits("rel"), bits("abs")) {
        (Some(keys), Some(rel), Some(abs)) => keys >= KEYS_OF_A_KEYBOARD || rel > 0 || abs > 0,
        _ => true,
    }
}

/// A login manager has a seat: a screen with somebody in front of it.
pub(super) fn has_seat(run: &Path) -> bool {
    fs::read_dir(run.join("systemd/seats")).is_ok_and(|mut seats| seats.next().is_some())
}

/// How long ago the last input was, told from access times once and by monotonic time from then on, so that a wall
/// clock that steps neither invents input nor hides it.
#[derive(Debug, Default)]
pub(super) struct LastInput {
    known: Option<(Timestamp, Duration, Instant)>,
}

impl LastInput {
    pub(super) fn ago(&mut self, accessed: Timestamp, utc: Timestamp, now: Instant) -> Duration {
        let (ago, seen) = match self.known {
            Some((before, ago, seen)) if before == accessed => (ago, seen),
            Some(_) | None => {
                // An access time in the future is a clock that was set back since: input just now, to be safe.
                let ago = Duration::try_from(utc.duration_since(accessed)).unwrap_or_default();
                self.known = Some((accessed, ago, now));
                (ago, now)
            }
        };
        ago + now.saturating_duration_since(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_clock_that_steps_changes_nothing_once_the_input_was_seen() {
        let start = clock::monotonic();
        let mut input = LastInput::default();
        let accessed: Timestamp = "2026-11-21T03:00:00Z".parse().expect("a time");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let first = input.ago(accessed, at("2026-11-21T03:10:00Z"), start);
        assert_eq!(first, Duration::from_mins(10));
        let later = start + Duration::from_secs(5);
        let stepped = input.ago(accessed, at("2026-11-22T03:10:00Z"), later);
        assert_eq!(stepped, Duration::from_secs(605));
        let typed = input.ago(
            at("2026-11-22T03:10:01Z"),
            at("2026-11-22T03:10:02Z"),
            later,
        );
        assert_eq!(typed, Duration::from_secs(1));
    }

    #[test]
    fn a_power_button_is_no_keyboard() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |key: &str, rel: &str, abs: &str| {
            for (name, text) in [("key", key), ("rel", rel), ("abs", abs)] {
                fs::write(folder.path().join(name), text).expect("it is written");
            }
            gives_input(folder.path())
        };
        assert!(!put("10000000000000 0\n", "0\n", "0\n"), "a power button");
        assert!(put(
            "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n",
            "0\n",
            "0\n"
        ));
        assert!(put("70000 0 0 0 0\n", "903\n", "0\n"), "a mouse");
    }

    #[test]
    fn terminals_are_those_with_a_number() {
        let dev = tempfile::tempdir().expect("a folder");
        fs::create_dir(dev.path().join("pts")).expect("a folder");
        for name in ["tty", "ttyS0", "pts/ptmx"] {
            fs::write(dev.path().join(name), "").expect("a node");
        }
        assert_eq!(terminals(dev.path()).newest, None);
        fs::write(dev.path().join("pts/4"), "").expect("a node");
        assert!(terminals(dev.path()).newest.is_some());
    }
}
