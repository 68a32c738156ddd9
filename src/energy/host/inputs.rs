//! Where a person gives input: which terminals and devices exist, and when a terminal was last read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Processes, Roots};
use crate::clock::Instant;

/// A keyboard has letters; a power button or a lid has one key. The kernel's own test for a keyboard asks for about
/// as many.
const KEYS_OF_A_KEYBOARD: u32 = 16;
/// The kernel's number of the first button of a mouse, a stick or a pen: of those some mice have sixteen.
const FIRST_BUTTON: usize = 0x100;

/// The kernel's numbers of devices: the screen's own terminals, below the first serial port, and those that windows and
/// remote logins open.
const SCREENS: u32 = 4;
const FIRST_SERIAL: u32 = 64;
const OPENED: std::ops::RangeInclusive<u32> = 136..=143;

/// What takes a person's input over the network and is no device, no terminal and no seat. Cut as the kernel does.
const REMOTE_SCREENS: [&str; 4] = ["Xvnc", "Xtigervnc", "Xtightvnc", "xrdp-chansrv"];

/// Likewise, for a screen that is also here: a desktop that is asked sees what they pass on.
const SHARED_SCREENS: [&str; 5] = ["x11vnc", "x0vncserver", "x0tigervncserve", "wayvnc", "krfb"];

/// The newest access time of all terminals, and why some could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terminals {
    pub(super) newest: Option<Timestamp>,
    pub(super) unreadable: Option<String>,
    /// Somebody has opened a terminal of the kind that windows and remote logins use.
    pub(super) any_opened: bool,
}

/// Looks at every terminal that exists now: the list changes with each login.
pub(super) fn terminals(roots: &Roots, all: &Processes) -> Terminals {
    let dev = &roots.dev;
    let mut newest = None;
    let mut unreadable = None;
    let mut any_opened = false;
    let mut found = Vec::new();
    for (folder, prefix) in terminal_places(dev) {
        let nodes = match numbered(&folder, prefix) {
            Ok(nodes) => nodes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                unreadable = Some(format!("{}: {error}", folder.display()));
                continue;
            }
        };
        // Those with a prefix are there whether or not somebody sits at them.
        any_opened |= prefix.is_empty() && !nodes.is_empty();
        found.extend(nodes);
    }
    found.extend(lines(roots, all));
    for node in found {
        let accessed = fs::metadata(&node).and_then(|node| node.accessed());
        match accessed {
            Ok(at) => newest = newest.max(Timestamp::try_from(at).ok()),
            // A terminal that closed while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => unreadable = Some(format!("{}: {error}", node.display())),
        }
    }
    Terminals {
        newest,
        unreadable,
        any_opened,
    }
}

/// The nodes of all terminals that exist now, and the one by which a program reads the terminal that it belongs to, whichever
/// that is: a pager whose input is a pipe, a password's prompt. Who has no terminal cannot open it. Only its being read tells
/// something: its time is of them all.
pub(super) fn terminal_nodes(roots: &Roots) -> Vec<PathBuf> {
    let places = terminal_places(&roots.dev).into_iter();
    let numbered =
        places.flat_map(|(folder, prefix)| numbered(&folder, prefix).unwrap_or_default());
    numbered
        .chain(lines(roots, &Processes::read(&roots.proc)))
        .chain([roots.dev.join("tty")])
        .collect()
}

/// Serial lines and other consoles on which somebody may log in: those that a process belongs to, be it the one that asks
/// for a name. All others may carry anything, a clock's or a meter's words without end, and are nobody's input.
fn lines(roots: &Roots, all: &Processes) -> Vec<PathBuf> {
    let numbers = all.terminals().into_iter().map(device);
    let others = numbers.filter(|(major, minor)| {
        !(OPENED.contains(major) || (*major == SCREENS && *minor < FIRST_SERIAL))
    });
    let named = others.filter_map(|(major, minor)| {
        let about = roots.sys.join(format!("dev/char/{major}:{minor}/uevent"));
        let about = fs::read_to_string(about).ok()?;
        let name = about
            .lines()
            .find_map(|line| line.strip_prefix("DEVNAME="))?;
        Some(roots.dev.join(name))
    });
    named.collect()
}

/// The major and the minor number of a device, as the kernel packs them for user space.
fn device(number: u32) -> (u32, u32) {
    let major = (number >> 8) & 0xfff;
    let minor = (number & 0xff) | ((number >> 12) & 0xf_ff00);
    (major, minor)
}

/// Why somebody may give input that no sensor here sees: a screen that is somewhere else. `seen`: a desktop sees the whole
/// of the input to the screen that is here.
pub(super) fn elsewhere(all: &Processes, seen: bool) -> Option<String> {
    let names = REMOTE_SCREENS.iter();
    let shared = SHARED_SCREENS.iter().filter(|_| !seen);
    let mut there = names
        .chain(shared)
        .filter(|name| all.named(&[**name]).next().is_some());
    there
        .next()
        .map(|name| format!("{name} takes input from elsewhere, which is not seen here"))
}

fn terminal_places(dev: &Path) -> [(PathBuf, &'static str); 2] {
    [(dev.to_owned(), "tty"), (dev.join("pts"), "")]
}

/// The nodes named `prefix` and a number.
fn numbered(folder: &Path, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let nodes = fs::read_dir(folder)?.flatten();
    let numbered = nodes.filter(|node| {
        node.file_name()
            .to_str()
            .and_then(|name| name.strip_prefix(prefix))
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    Ok(numbered.map(|node| node.path()).collect())
}

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyboard, or one that does not say what it is.
    Keys,
    /// A mouse, a pad, a touch screen: nothing but what a bumped desk can move.
    Pointer,
}

/// Keyboards and pointers: their nodes. A folder that is not there holds none; `Err` says why it cannot be known.
pub(super) fn device_nodes(roots: &Roots) -> Result<Vec<(PathBuf, Kind)>, String> {
    let Some(nodes) = listed(&roots.dev.join("input"))? else {
        return Ok(Vec::new());
    };
    let found = nodes.flatten().filter_map(|node| {
        let name = node.file_name();
        let name = name.to_str().filter(|name| name.starts_with("event"))?;
        let about = roots
            .sys
            .join("class/input")
            .join(name)
            .join("device/capabilities");
        Some((node.path(), kind(&about)?))
    });
    Ok(found.collect())
}

/// What lies in a folder; `None` where there is no such folder.
fn listed(folder: &Path) -> Result<Option<fs::ReadDir>, String> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", folder.display())),
    }
}

/// How a person can give input with it; `None` for a power button. One that does not say counts as a keyboard.
fn kind(capabilities: &Path) -> Option<Kind> {
    // Words of the kernel's size, the lowest last.
    let bits = |name: &str, words: usize| -> Option<u32> {
        let text = fs::read_to_string(capabilities.join(name)).ok()?;
        text.split_whitespace()
            .rev()
            .take(words)
            .map(|word| u64::from_str_radix(word, 16).map(u64::count_ones).ok())
            .sum()
    };
    let (keys, all) = (FIRST_BUTTON / usize::BITS as usize, usize::MAX);
    match (bits("key", keys), bits("rel", all), bits("abs", all)) {
        (Some(keys), Some(_), Some(_)) if keys >= KEYS_OF_A_KEYBOARD => Some(Kind::Keys),
        (Some(_), Some(rel), Some(abs)) => (rel > 0 || abs > 0).then_some(Kind::Pointer),
        _ => Some(Kind::Keys),
    }
}

/// Whether a session of this class, in the login manager's words, is of somebody who is there: a job of a timer's and a user's
/// own service manager have sessions too.
pub(super) fn is_of_a_person(class: &str) -> bool {
    !["background", "manager", "none"]
        .iter()
        .any(|other| class.starts_with(other))
}

/// A login manager has a seat: a screen with somebody in front of it.
pub(super) fn has_seat(run: &Path) -> Result<bool, String> {
    let seats = listed(&run.join("systemd/seats"))?;
    Ok(seats.is_some_and(|mut seats| seats.next().is_some()))
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
            kind(folder.path())
        };
        let power_button = put("10000000000000 0\n", "0\n", "0\n");
        assert_eq!(power_button, None);
        let keys = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n";
        assert_eq!(put(keys, "0\n", "0\n"), Some(Kind::Keys));
        let mouse = put("70000 0 0 0 0\n", "903\n", "0\n");
        assert_eq!(mouse, Some(Kind::Pointer));
        let pad = put("e520 10000 0 0 0 0\n", "0\n", "2608000 3\n");
        assert_eq!(pad, Some(Kind::Pointer));
    }

    #[test]
    fn terminals_are_those_with_a_number() {
        let dev = tempfile::tempdir().expect("a folder");
        fs::create_dir(dev.path().join("pts")).expect("a folder");
        for name in ["tty", "ttyS0", "pts/ptmx"] {
            fs::write(dev.path().join(name), "").expect("a node");
        }
        let roots = Roots {
            dev: dev.path().to_owned(),
            proc: dev.path().join("proc"),
            ..Roots::default()
        };
        let newest = || terminals(&roots, &Processes::default()).newest;
        assert_eq!(newest(), None);
        fs::write(dev.path().join("pts/4"), "").expect("a node");
        assert!(newest().is_some());
    }

    #[test]
    fn a_devices_number_is_taken_apart() {
        assert_eq!(device(34816), (136, 0));
        assert_eq!(device(0x0440), (4, 64));
        assert_eq!(device(0x1230_0c56), (12, 0x1_2356));
    }
}
