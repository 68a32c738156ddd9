//! Input the moment it happens: one thread that watches the nodes of keyboards, pointers and terminals for being read.
//! Sees that something was read, never what: it opens no node. Started by the senses, heard by the supervisor.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::Roots;
use super::inputs::{self, Kind};
use super::mend::Mend;
use crate::clock::{self, Instant};
use crate::energy::{Hear, Notice, Noticed};

/// The folders whose content changes with logins and with devices that are plugged in.
const FOLDERS: [&str; 3] = ["pts", "input", ""];

/// The login manager's files, below /run.
const LOGINS: &str = "systemd/sessions";

/// What comes within this after something was told is told with the next: a mouse reports a thousand times a second, and what
/// its first report stops stays stopped for longer.
const BURST: Duration = Duration::from_millis(50);

/// What the watching thread has seen; shared with the looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<SeenNow>>);

#[derive(Debug, Default)]
struct SeenNow {
    /// Since when somebody listens.
    since: Option<Instant>,
    last: Option<Instant>,
    /// The last that a watched node told.
    node: Option<Instant>,
    /// Keyboards and pointers that are watched.
    devices: usize,
    /// Nodes that exist and cannot be watched, with the reason.
    blind: BTreeMap<PathBuf, Errno>,
    /// Why nobody watches any more: the thread has ended and was not asked to.
    lost: Option<String>,
}

impl Seen {
    /// The last input that was told, and since when it would have been.
    pub(super) fn last(&self) -> (Option<Instant>, Option<Instant>) {
        self.with(|now| (now.last, now.since))
    }

    /// Why a keyboard or a pointer that exists may go unseen; nothing is listening: `None` too.
    pub(super) fn blind(&self) -> Option<(String, Mend)> {
        self.with(|now| {
            let (path, error) = now.blind.iter().next()?;
            let why = error.desc().to_lowercase();
            let mend = match *error {
                Errno::ENOSPC | Errno::EMFILE => Mend::Watches,
                _ => Mend::Devices,
            };
            let more = now.blind.len() - 1;
            let others = if more == 0 {
                String::new()
            } else {
                format!(" (and {more} more)")
            };
            Some((format!("{}: {why}{others}", path.display()), mend))
        })
    }

    /// Why nothing is watched where nobody listens.
    pub(super) fn unwatched(&self) -> String {
        let what = "the keyboard and the mouse are not watched";
        self.with(|now| match &now.lost {
            None => what.to_owned(),
            Some(why) => format!("{what} any more: {why}"),
        })
    }

    /// Somebody else noticed input.
    pub(super) fn note(&self, at: Instant) {
        self.with(|now| now.last = now.last.max(Some(at)));
    }

    /// A watched node has told of input within so long before `at`.
    pub(super) fn told_within(&self, span: Duration, at: Instant) -> bool {
        self.with(|now| now.node.is_some_and(|told| at <= told + span))
    }

    /// Every keyboard and pointer is watched, and there is one: their input is told, with its kind.
    pub(super) fn is_whole(&self) -> bool {
        self.with(|now| now.since.is_some() && now.devices > 0 && now.blind.is_empty())
    }

    fn with<T>(&self, work: impl FnOnce(&mut SeenNow) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The running thread; it ends when this is dropped.
pub(super) struct Watching {
    /// Closing it is the signal.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    seen: Seen,
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It never waits for anything but its two files.
            drop(thread.join());
        }
        self.seen.with(|now| {
            now.since = None;
            now.lost = None;
        });
    }
}

/// Takes back that anything is watched when the thread ends, however it ends: what nobody watches must not count as
/// quiet.
struct Ends {
    seen: Seen,
    why: String,
}

impl Drop for Ends {
    fn drop(&mut self) {
        let why = std::mem::take(&mut self.why);
        self.seen.with(|now| {
            now.since = None;
            now.devices = 0;
            now.lost = Some(why);
        });
    }
}

/// Watches until the answer is dropped.
pub(super) fn start(roots: &Roots, seen: &Seen, hear: Hear) -> io::Result<Watching> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let (stopped, stop) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let mut nodes = Nodes {
        roots: roots.clone(),
        inotify,
        watched: BTreeMap::new(),
        seen: seen.clone(),
        sessions: BTreeSet::new(),
    };
    nodes.look();
    nodes.new_session();
    seen.with(|now| now.since = Some(clock::monotonic()));
    let thread = std::thread::Builder::new()
        .name("presence".to_owned())
        .spawn(move || {
            let mut ends = Ends {
                seen: nodes.seen.clone(),
                why: "the thread that watched them has failed".to_owned(),
            };
            if let Err(error) = nodes.run(&stopped, &hear) {
                tracing::error!(%error, "input is noticed by looks alone from here on");
                ends.why = error.desc().to_lowercase();
            }
        })?;
    Ok(Watching {
        stop: Some(stop),
        thread: Some(thread),
        seen: seen.clone(),
    })
}

/// What is watched, by what.
struct Nodes {
    roots: Roots,
    inotify: Inotify,
    watched: BTreeMap<WatchDescriptor, Watched>,
    seen: Seen,
    /// Sessions that are known; a file that is written again is no new one.
    sessions: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Watched {
    Folder,
    /// Where the login manager keeps a file for each session.
    Logins,
    Node(PathBuf, Notice),
}

impl Nodes {
    fn run(&mut self, stopped: &OwnedFd, hear: &Hear) -> Result<(), Errno> {
        let is_ready = |file: &PollFd| file.revents().is_some_and(|events| !events.is_empty());
        loop {
            let watched = PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN);
            let stop = PollFd::new(stopped.as_fd(), PollFlags::POLLIN);
            let mut files = [stop, watched];
            match poll(&mut files, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
            if is_ready(&files[0]) {
                return Ok(());
            }
            let at = clock::monotonic();
            let told = match self.inotify.read_events() {
                Ok(events) => self.heard(&events, at, hear),
                Err(Errno::EAGAIN | Errno::EINTR) => false,
                Err(error) => return Err(error),
            };
            if told {
                let mut stop = [PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
                let pause = PollTimeout::try_from(BURST).unwrap_or(PollTimeout::ZERO);
                match poll(&mut stop, pause) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Whether something was told of it.
    fn heard(&mut self, events: &[InotifyEvent], at: Instant, hear: &Hear) -> bool {
        let mut changed = false;
        // Once a kind: a burst says no more than its first event. A key is the stronger of the two.
        let mut told: Option<Notice> = None;
        let mut logins = false;
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                self.watched.remove(&event.wd);
                changed = true;
                continue;
            }
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                changed = true;
                told = Some(Notice::Key);
                continue;
            }
            match self.watched.get(&event.wd) {
                Some(Watched::Node(_, what)) if event.mask.contains(AddWatchFlags::IN_ACCESS) => {
                    told = Some(if told == Some(Notice::Key) {
                        Notice::Key
                    } else {
                        *what
                    });
                }
                Some(Watched::Logins) => logins = true,
                Some(Watched::Folder | Watched::Node(..)) => changed = true,
                None => {}
            }
        }
        if logins && self.new_session() {
            told = Some(told.unwrap_or(Notice::Login));
        }
        if let Some(what) = told {
            if what != Notice::Login {
                // Before telling: who hears of the same input elsewhere must know.
                self.seen.with(|now| now.node = Some(at));
            }
            hear(&Noticed { what, at });
            // After telling: whoever looks and finds it has been told already.
            self.seen.note(at);
        }
        if changed {
            self.look();
        }
        told.is_some()
    }

    /// True where a session of a person is there that was not there before. One that does not say whose it is counts.
    fn new_session(&mut self) -> bool {
        let folder = self.roots.run.join(LOGINS);
        let is_of_a_person = |name: &str| {
            let said = match std::fs::read_to_string(folder.join(name)) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => return false,
                said => said.unwrap_or_default(),
            };
            let class = said.lines().find_map(|line| line.strip_prefix("CLASS="));
            class.is_none_or(inputs::is_of_a_person)
        };
        let files = std::fs::read_dir(&folder);
        let names = files.into_iter().flatten().flatten();
        let names = names.filter_map(|file| file.file_name().into_string().ok());
        // A file that is being written begins with a dot, and a session's pipe has one too.
        let now: BTreeSet<String> = names
            .filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric()))
            .filter(|name| is_of_a_person(name))
            .collect();
        let any = now.difference(&self.sessions).next().is_some();
        self.sessions = now;
        any
    }

    /// Watches what exists now and is not watched yet.
    fn look(&mut self) {
        for folder in FOLDERS {
            let path = self.roots.dev.join(folder);
            let changes =
                AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ATTRIB;
            // Of all that lies at the top only what is made new matters: a terminal, or the folder of input devices.
            let changes = if folder.is_empty() {
                AddWatchFlags::IN_CREATE
            } else {
                changes
            };
            if let Ok(wd) = self
                .inotify
                .add_watch(&path, changes | AddWatchFlags::IN_ONLYDIR)
            {
                self.watched.insert(wd, Watched::Folder);
            }
        }
        let made = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        if let Ok(wd) = self.inotify.add_watch(&self.roots.run.join(LOGINS), made) {
            self.watched.insert(wd, Watched::Logins);
        }
        let mut blind = BTreeMap::new();
        let mut watched = 0;
        let terminals = inputs::terminal_nodes(&self.roots);
        // A folder that may not be listed is named by every look.
        let devices = inputs::device_nodes(&self.roots).unwrap_or_default();
        let nodes = terminals
            .into_iter()
            .map(|path| (path, Notice::Key, false))
            .chain(devices.into_iter().map(|(path, kind)| {
                let what = match kind {
                    Kind::Keys => Notice::Key,
                    Kind::Pointer => Notice::Pointer,
                };
                (path, what, true)
            }));
        for (path, what, is_device) in nodes {
            match self.watch(&path) {
                Ok(wd) => {
                    watched += usize::from(is_device);
                    self.watched.insert(wd, Watched::Node(path, what));
                }
                Err(Errno::ENOENT) => {}
                // Terminals that cannot be watched still have their access times; devices have nothing.
                Err(_) if !is_device => {}
                Err(error) => {
                    blind.insert(path, error);
                }
            }
        }
        self.seen.with(|now| {
            now.blind = blind;
            now.devices = watched;
        });
    }

    fn watch(&self, path: &Path) -> Result<WatchDescriptor, Errno> {
        // A changed mode may open what was closed to us.
        self.inotify
            .add_watch(path, AddWatchFlags::IN_ACCESS | AddWatchFlags::IN_ATTRIB)
    }
}
