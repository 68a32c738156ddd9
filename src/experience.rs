//! ExperienceStream: what happened, kept in memory to draw from and handed on to sinks. Written to by the engine (and
//! whoever else has something to tell), read by the command line. Writing never waits: for no lock, no disk
//! and no server.
//!
//! ```text
//!  write_event ─► intake ─► writer ─┬─► window (ring buffer, prioritized tree) ─► samplers
//!   (producers)   bounded   thread  └─► sinks: buffer ─► thread ─► sqlite │ jsonl │ http │ console
//! ```
//!
//! For every sink, whenever somebody looks: written = flushed + dropped + buffered.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

mod accounts;
pub mod archive;
mod arena;
mod batch;
mod diverse;
pub mod draw;
mod event;
mod foreign;
mod intake;
mod line;
pub mod priority;
mod recall;
mod runs;
mod sample;
mod sink;
pub mod sum_tree;
mod trajectory;
mod window;

pub use batch::{Batch, Drawn};
pub use event::{Event, EventId, EventIds, Record, TRAJECTORY};
pub use foreign::EventError;
pub use line::{Line, LineError};
pub use recall::{event_of, recall, recall_newest, with_effects};
pub use sample::{Ask, RECENT, Strategy};
pub use sink::durable::{ArchivingError, Retention, archive_due};
pub use sink::jsonl::Rotation;
pub use sink::{Batching, Figures};
pub use trajectory::{ENDED, Summary, Trajectory};
pub use window::{Limits, Scope, Window};

use crate::clock;
use crate::store::Store;
use accounts::Accounts;
use draw::Draw;
use intake::Intake;
use line::Page;
use runs::Run;
use sink::durable::{self, Durable};
use sink::{Sink, Target};

/// How long the end of a stream waits for its sinks: within what a person who stops the program grants it.
const CLOSING: Duration = Duration::from_secs(1);

/// Events that came within this keep the writer from a deep sleep.
const BUSY: Duration = Duration::from_secs(1);

/// Where events go to.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkChoice {
    /// The database: the only sink whose events last for sure.
    Durable,
    Jsonl(PathBuf, Rotation),
    /// Address of a server.
    Http(String),
    Console,
}

/// What a stream is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    pub limits: Limits,
    pub batching: Batching,
    pub retention: Retention,
    pub sinks: Vec<SinkChoice>,
    /// Folder for archives and for the marks of runs.
    pub folder: PathBuf,
}

impl Options {
    /// The usual stream: only what must last, below the data folder.
    #[must_use]
    pub fn usual(data_dir: &Path) -> Self {
        Self {
            limits: Limits::default(),
            batching: Batching::default(),
            retention: Retention::default(),
            sinks: vec![SinkChoice::Durable],
            folder: data_dir.join("experience"),
        }
    }

    /// Where old events of the database go.
    #[must_use]
    pub fn archives(&self) -> PathBuf {
        self.folder.join("archive")
    }
}

/// What keeps a stream from being opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("a thread of the experience stream cannot be started")]
    Thread(#[source] io::Error),
    #[error("the address {0:?} of the experience sink is not one")]
    Address(String),
    #[error("the HTTP client of the experience stream cannot be made")]
    Http(#[source] io::Error),
}

/// Why an event was not taken. What is `Full` is counted as dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("the stream is full")]
    Full,
}

impl From<Infallible> for WriteError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A cheap handle; the last one closes the stream.
#[derive(Clone)]
pub struct ExperienceStream(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    accounts: Arc<Accounts>,
    /// Holds the run's mark for as long as it lives.
    _run: Run,
}

/// What producers, the writer and readers have in common.
struct Shared {
    intake: Intake,
    window: Mutex<Window>,
    sinks: Vec<Arc<Sink>>,
    ids: EventIds,
}

impl fmt::Debug for ExperienceStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExperienceStream")
    }
}

impl ExperienceStream {
    /// Starts the writer and a thread for each sink.
    pub fn open(options: &Options, store: &Arc<Store>) -> Result<Self, OpenError> {
        let mut sinks = Vec::new();
        for choice in &options.sinks {
            sinks.push(Sink::new(name(choice), options.batching));
        }
        let shared = Arc::new(Shared {
            intake: Intake::new(),
            window: Mutex::new(Window::new(options.limits)),
            sinks,
            ids: EventIds::new(),
        });
        let run = Run::begin(&options.folder);
        if let Err(error) = store.settle_experience_runs(&|name| run.is_over(name)) {
            tracing::warn!(%error, "the accounts of earlier runs could not be settled");
        }
        // Weak: the threads that save must not keep the stream alive.
        let asked = Arc::downgrade(&shared);
        let accounts = Arc::new(Accounts::new(store, run.name(), move || {
            let shared = asked.upgrade();
            shared.map_or_else(Vec::new, |shared| shared.figures())
        }));
        let mut threads = Vec::new();
        for (choice, sink) in options.sinks.iter().zip(&shared.sinks) {
            let target = target(choice, options, store, &accounts)?;
            let sink = Arc::clone(sink);
            threads.push(thread(move || sink.run(target))?);
        }
        let kept = Arc::clone(&accounts);
        threads.push(thread(move || kept.keep())?);
        let (writing, told) = (Arc::clone(&shared), Arc::clone(&accounts));
        threads.push(thread(move || writing.write(&told))?);
        Ok(Self(Arc::new(Inner {
            shared,
            threads: Mutex::new(threads),
            accounts,
            _run: run,
        })))
    }

    /// Takes an [`Event`], a [`Record`] or plain JSON, fills in number and time where they are missing, and returns at
    /// once. The event is kept, or counted as dropped.
    pub fn write_event<E>(&self, event: E) -> Result<EventId, WriteError>
    where
        E: TryInto<Event>,
        E::Error: Into<WriteError>,
    {
        let shared = &self.0.shared;
        let mut event = event.try_into().map_err(Into::into)?;
        event.check()?;
        let now = clock::utc();
        event.timestamp.get_or_insert(now);
        let id = *event.event_id.get_or_insert_with(|| shared.ids.next(now));
        if shared.intake.push(event) {
            Ok(id)
        } else {
            Err(WriteError::Full)
        }
    }

    /// A course of events that belong together.
    pub fn begin_trajectory(&self, kind: &'static str) -> Trajectory {
        Trajectory::begin(self.clone(), kind)
    }

    /// Draws a batch of what is in memory. Holds up the writer for as long, but no producer. For whoever holds the stream; the
    /// program's own draws, by hand and by the replay, are of a window that knows earlier runs too ([`recall_newest`]).
    pub fn sample(&self, ask: &Ask, draw: &mut Draw) -> Batch {
        let mut window = self.0.shared.window();
        // Nothing may have been written for a day.
        window.expire(clock::utc());
        window.sample(ask, draw)
    }

    /// Other priorities for drawn events, by their `seq`; how many were still there.
    pub fn update_priorities(&self, updates: &[(u64, f64)]) -> usize {
        self.0.shared.window().update_priorities(updates)
    }

    /// Looks at the window.
    pub fn with_window<T>(&self, look: impl FnOnce(&Window) -> T) -> T {
        look(&self.0.shared.window())
    }

    /// Each sink's account.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, Figures)> {
        self.0.shared.figures()
    }

    /// What keeps sinks from writing now, in words; `status` and `doctor` show it.
    #[must_use]
    pub fn troubles(&self) -> Vec<(&'static str, String)> {
        let sinks = self.0.shared.sinks.iter();
        sinks
            .filter_map(|sink| Some((sink.name, sink.trouble()?)))
            .collect()
    }

    /// Waits until everything written so far is in every sink; false where that took longer than `most`.
    pub fn flush(&self, most: Duration) -> bool {
        let shared = &self.0.shared;
        let until = clock::monotonic() + most;
        shared.intake.wake();
        // One after the other, and none left out: all have the same end to wait for.
        let mut all = true;
        for sink in &shared.sinks {
            let events = shared.intake.offered() - shared.intake.lost();
            all &= sink.flush(events, until);
        }
        all
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.intake.close();
        let threads = self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = threads.pop() {
            // Ends once the intake is empty, in milliseconds; nobody holds a handle to fill it with any more.
            let until = clock::monotonic() + CLOSING;
            while !writer.is_finished() && clock::monotonic() < until {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.accounts.close();
        // The database last and with time of its own: it holds the accounts of the others.
        let is_last = |sink: &&Arc<Sink>| sink.name == durable::NAME;
        let (last, first): (Vec<_>, Vec<_>) = self.shared.sinks.iter().partition(is_last);
        let until = clock::monotonic() + CLOSING;
        for sink in first {
            sink.close(until);
        }
        let mut stands = true;
        for sink in last {
            stands &= sink.close(clock::monotonic() + CLOSING);
        }
        // Threads that still hang in a write end with the process; their events are counted as dropped.
        // A database that did not take its events in time would not take this either.
        if stands && let Err(error) = self.accounts.save_all() {
            tracing::warn!(%error, "the account of the experiences could not be saved");
        }
    }
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self) -> Vec<(&'static str, Figures)> {
        let intake = || {
            // In this order: what was offered only grows, and is never less than what was lost.
            let lost = self.intake.lost();
            (lost, self.intake.offered())
        };
        let sinks = self.sinks.iter();
        sinks
            .map(|sink| (sink.name, sink.figures(intake)))
            .collect()
    }

    /// The writer's thread: from the intake into the window and to the sinks.
    fn write(&self, accounts: &Accounts) {
        let mut lines = Vec::with_capacity(WRITTEN_AT_ONCE);
        let mut last = None;
        let mut page = Page::default();
        loop {
            let mut came = 0;
            // One time for what is moved in one step, a fraction of a millisecond; the ids keep its order.
            let now = clock::utc();
            while came < WRITTEN_AT_ONCE
                && let Some(event) = self.intake.pop()
            {
                came += 1;
                match Line::written(event, self.ids.next(now), now, &mut page) {
                    Ok(line) => lines.push(line),
                    Err(error) => {
                        tracing::warn!(%error, "an experience is left out");
                        self.intake.lose(1);
                    }
                }
            }
            if came == 0 {
                let busy = last.is_some_and(|last| clock::monotonic() - last < BUSY);
                if !self.intake.rest(busy) {
                    return;
                }
                continue;
            }
            last = Some(clock::monotonic());
            let mut window = self.window();
            for line in &lines {
                window.push(line, now);
            }
            drop(window);
            for sink in &self.sinks {
                sink.take(&lines);
            }
            lines.clear();
            accounts.moved();
        }
    }
}

/// Events that the writer moves in one step: short enough that nobody waits long for the window.
const WRITTEN_AT_ONCE: usize = 256;

fn name(choice: &SinkChoice) -> &'static str {
    match choice {
        SinkChoice::Durable => durable::NAME,
        SinkChoice::Jsonl(..) => "jsonl",
        SinkChoice::Http(_) => "http",
        SinkChoice::Console => "console",
    }
}

fn target(
    choice: &SinkChoice,
    options: &Options,
    store: &Arc<Store>,
    accounts: &Arc<Accounts>,
) -> Result<Target, OpenError> {
    Ok(match choice {
        SinkChoice::Console => Target::Console(sink::console::Console),
        SinkChoice::Jsonl(path, rotation) => {
            Target::Jsonl(sink::jsonl::Jsonl::new(path.clone(), *rotation))
        }
        SinkChoice::Http(address) => {
            let url = address
                .parse()
                .map_err(|_| OpenError::Address(address.clone()))?;
            Target::Http(sink::http::Http::new(url).map_err(OpenError::Http)?)
        }
        SinkChoice::Durable => Target::Durable(Durable {
            store: Arc::clone(store),
            accounts: Arc::clone(accounts),
            retention: options.retention,
            archives: options.archives(),
            // The first batch of a run looks for what is due.
            unseen: usize::MAX / 2,
        }),
    })
}

fn thread(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let builder = std::thread::Builder::new().name("experience".to_owned());
    builder.spawn(work).map_err(OpenError::Thread)
}

#[cfg(test)]
mod tests;
