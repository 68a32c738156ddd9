//! What the desktop knows of its user: the login manager, the power service, the idle monitors and inhibitors of the
//! session. One thread follows their buses and tells of a return the moment it happens; looks read what it wrote down.
//!
//! Started by the senses where there is a bus to follow. Whatever a bus does (silence, nonsense, going away), the
//! devices and terminals are watched by another thread, and nothing here is waited for by anybody.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::watch::Seen;
use crate::clock::{self, Instant};
use crate::config;
use crate::energy::{Hear, Notice, Noticed};

mod bus;
mod logind;
pub(super) mod said;
mod session;
mod system;
mod upower;
pub(super) mod wayland;

use bus::Trouble;
pub(super) use said::Said;
use said::{Answer, Source, Word};

/// First pause before a bus that went is tried again; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Longest such pause: a desktop that is started later is found within it.
const RETRY_MOST: Duration = Duration::from_mins(1);

/// Signals tell what changes; a look finds what a signal did not tell (logind is known to forget some).
const LOOK: Duration = Duration::from_mins(1);
/// Signals come in bursts: one look for all of them.
const BURST: Duration = Duration::from_millis(250);

/// What a desktop tells of so soon after a watched device did is the same input told again. It tells of the first touch after a
/// pause alone, milliseconds later where it has the processor; whoever goes on is told by the device.
const ECHO: Duration = Duration::from_secs(3);

/// What a message means for us, the weightiest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Nothing,
    /// Something is different: look.
    Changed,
    /// The user paused: look at once, the next touch must be told.
    Paused,
    /// The user is back; the desktop does not say by which device.
    Active,
    Told(Notice),
}

/// Where everything that is heard goes.
#[derive(Clone)]
struct Ears {
    hear: Hear,
    seen: Seen,
    said: Said,
}

impl Ears {
    fn take(&self, heard: Heard) {
        let at = clock::monotonic();
        let what = match heard {
            Heard::Nothing | Heard::Changed | Heard::Paused => return,
            // Where every device is watched its kind is told by the watch; this may be a bumped desk, and told twice that
            // would be a hand. Where it is not, nobody else tells.
            Heard::Active if self.seen.is_whole() => {
                if self.seen.told_within(ECHO, at) {
                    return;
                }
                Notice::Pointer
            }
            Heard::Active => Notice::Key,
            Heard::Told(what) => what,
        };
        (self.hear)(&Noticed { what, at });
        // After telling: whoever looks and finds it has been told already. Sleep is nobody's input.
        if what != Notice::Sleep {
            self.seen.note(at);
        }
    }

    /// Writes down what a source says; what it does not say of itself is told: a film that begins or ends.
    fn word(&self, source: Source, word: Word) {
        let doing = word.doing.is_some();
        let Some(before) = self.said.set(source, word) else {
            return;
        };
        match (before.doing, doing) {
            // It began while somebody asked in turn.
            (None, true) if before.answer == Answer::Live => {
                self.take(Heard::Told(Notice::Login));
            }
            // Until now it was watched.
            (Some(_), _) => self.seen.note(clock::monotonic()),
            (None, _) => {}
        }
    }
}

/// When the next look is due.
struct Pace {
    next: Instant,
    last: Option<Instant>,
}

impl Pace {
    fn now() -> Self {
        Self {
            next: clock::monotonic(),
            last: None,
        }
    }

    fn heard(&mut self, heard: Heard) {
        let now = clock::monotonic();
        let due = match heard {
            Heard::Nothing => return,
            Heard::Paused => now,
            Heard::Changed | Heard::Active | Heard::Told(_) => {
                self.last.map_or(now, |last| (last + BURST).max(now))
            }
        };
        self.next = self.next.min(due);
    }

    fn began(&mut self) {
        let now = clock::monotonic();
        self.last = Some(now);
        self.next = now + LOOK;
    }

    async fn wait(&self) {
        tokio::time::sleep_until(self.next).await;
    }
}

/// The thread that follows; it ends when this is dropped.
pub(super) struct Following {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    said: Said,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It waits for nothing but its sockets, and those it drops.
            drop(thread.join());
        }
        self.said.forget();
    }
}

/// Takes back what was said when the thread ends, however it ends: old words must not count as quiet.
struct Ends {
    said: Said,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.said
            .lost("is not followed any more: the thread that did has failed");
    }
}

/// Follows every bus there is until the answer is dropped; `None` where there is none.
pub(super) fn start(
    desktop: &config::Desktop,
    seen: &Seen,
    said: &Said,
    hear: Hear,
) -> io::Result<Option<Following>> {
    let system = desktop.system_bus.clone().filter(|bus| may_be_there(bus));
    let session = desktop.session_bus.clone().filter(|bus| may_be_there(bus));
    let screen = desktop.runtime_dir.clone().filter(|path| path.is_dir());
    if system.is_none() && session.is_none() && screen.is_none() {
        return Ok(None);
    }
    let ears = Ears {
        hear,
        seen: seen.clone(),
        said: said.clone(),
    };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    // One thread for all: every bus is silent most of the time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    if system.is_some() {
        said.set_all(&Source::SYSTEM, &Answer::Asked);
    }
    if session.is_some() {
        said.set_all(&Source::SESSION, &Answer::Asked);
    }
    if screen.is_some() {
        said.set_all(&[Source::Wayland], &Answer::Asked);
    }
    let display = desktop.wayland_display.clone();
    let ends = Ends { said: said.clone() };
    let thread = std::thread::Builder::new()
        .name("desktop".to_owned())
        .spawn(move || {
            let _ends = ends;
            runtime.block_on(async {
                let mut buses = JoinSet::new();
                if let Some(address) = system {
                    buses.spawn(keep_system(address, ears.clone()));
                }
                if let Some(address) = session {
                    buses.spawn(keep_session(address, ears.clone()));
                }
                if let Some(folder) = screen {
                    buses.spawn(keep_screen(folder, display, ears));
                }
                tokio::select! {
                    () = stopped.cancelled() => {}
                    // None of them ends by itself: one that does has failed, and what it last wrote down is old.
                    ended = buses.join_next() => {
                        let why = ended.and_then(Result::err).map(|error| error.to_string());
                        tracing::error!(why, "the desktop is not followed any more");
                    }
                }
            });
            // Whatever still hangs is left behind.
            runtime.shutdown_background();
        })?;
    Ok(Some(Following {
        stop,
        thread: Some(thread),
        said: said.clone(),
    }))
}

/// A service manager makes the buses' sockets before it starts anybody: one that is not there will not come.
fn may_be_there(address: &str) -> bool {
    let path = address
        .strip_prefix("unix:path=")
        .and_then(|rest| rest.split(',').next());
    path.is_none_or(|path| Path::new(path).exists())
}

async fn keep_system(address: String, ears: Ears) {
    let mut again = Again::new();
    loop {
        let trouble = system::follow(&address, &ears).await;
        again.after(&trouble, &Source::SYSTEM, &ears).await;
    }
}

async fn keep_session(address: String, ears: Ears) {
    let mut again = Again::new();
    loop {
        let trouble = session::follow(&address, &ears).await;
        again.after(&trouble, &Source::SESSION, &ears).await;
    }
}

async fn keep_screen(folder: PathBuf, display: Option<String>, ears: Ears) {
    let mut again = Again::new();
    loop {
        let trouble = wayland::follow(&folder, display.as_deref(), &ears).await;
        again.after(&trouble, &[Source::Wayland], &ears).await;
    }
}

/// Longer and longer pauses between tries.
struct Again {
    pause: Duration,
    began: Instant,
}

impl Again {
    fn new() -> Self {
        Self {
            pause: RETRY_FIRST,
            began: clock::monotonic(),
        }
    }

    async fn after(&mut self, trouble: &Trouble, sources: &[Source], ears: &Ears) {
        tracing::info!(%trouble, "a bus of the desktop is not followed for now");
        for source in sources {
            ears.word(*source, Word::of(trouble.answer()));
        }
        // What held for a while starts afresh.
        if self.began.elapsed() > RETRY_MOST {
            self.pause = RETRY_FIRST;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(RETRY_MOST);
        self.began = clock::monotonic();
    }
}

/// Interface, member and path of a signal.
fn signal(message: &zbus::Message) -> Option<(String, String, String)> {
    if message.message_type() != zbus::message::Type::Signal {
        return None;
    }
    let header = message.header();
    let interface = header.interface()?.as_str().to_owned();
    let member = header.member()?.as_str().to_owned();
    let path = header.path()?.as_str().to_owned();
    Some((interface, member, path))
}
