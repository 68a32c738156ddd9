//! One place that events flow to: a bounded buffer, a thread of its own and an account of every event. A sink that stalls,
//! fails or is full holds up nobody; what it loses, it counts.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::line::Line;
use crate::clock::{self, Instant};

pub(super) mod console;
pub(super) mod durable;
pub(super) mod http;
pub(super) mod jsonl;

/// Bytes that wait for one sink at most.
const BUFFERED_BYTES: usize = 32 << 20;
/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest: a server that is back is found within half a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where every event of a sink is: `written = flushed + dropped + buffered`, whenever somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Figures {
    pub written: u64,
    pub flushed: u64,
    pub dropped: u64,
    pub buffered: u64,
}

/// How events are gathered into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    pub events: usize,
    pub interval: Duration,
    /// Events that wait for one sink at most.
    pub waiting: usize,
}

impl Default for Batching {
    /// The original's figures; what may wait is forty batches, hours of dreams.
    fn default() -> Self {
        Self {
            events: 256,
            interval: Duration::from_secs(1),
            waiting: 10_000,
        }
    }
}

/// Why a batch did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SinkError {
    /// Worth trying again.
    #[error("{0}")]
    Failed(String),
    /// Will never be taken.
    #[error("{0}")]
    Refused(String),
}

/// What a sink writes to.
pub(super) enum Target {
    Console(console::Console),
    Jsonl(jsonl::Jsonl),
    Http(http::Http),
    Durable(durable::Durable),
}

impl Target {
    /// All of the batch or nothing. `stop` is cancelled when there is no more time.
    fn write(&mut self, batch: &[Arc<Line>], stop: &CancellationToken) -> Result<(), SinkError> {
        match self {
            Self::Console(console) => console.write(batch),
            Self::Jsonl(jsonl) => jsonl.write(batch),
            Self::Http(http) => http.write(batch, stop),
            Self::Durable(durable) => durable.write(batch),
        }
    }
}

/// The buffer and the account; shared by the stream's writer, the sink's thread and whoever asks for figures.
pub(super) struct Sink {
    pub(super) name: &'static str,
    batching: Batching,
    state: Mutex<State>,
    changed: Condvar,
    /// Ends what is under way when there is no more time.
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Line>>,
    bytes: usize,
    /// When the oldest of the queue came.
    since: Option<Instant>,
    in_flight: usize,
    /// Events at the queue's head that were sent as one batch and failed: they go again as they were, or a server that took
    /// them and could not say so would take them twice.
    again: usize,
    taken: u64,
    flushed: u64,
    dropped: u64,
    hurry: bool,
    closing: bool,
    over: bool,
    trouble: Option<String>,
}

impl State {
    fn buffered(&self) -> u64 {
        (self.queue.len() + self.in_flight) as u64
    }

    /// The oldest go where there is no room: the newest teach more.
    fn make_room(&mut self, waiting: usize) {
        while self.queue.len() + self.in_flight > waiting || self.bytes > BUFFERED_BYTES {
            let Some(oldest) = self.queue.pop_front() else {
                return;
            };
            self.bytes -= oldest.text.len();
            self.again = self.again.saturating_sub(1);
            self.dropped += 1;
        }
    }
}

impl Sink {
    pub(super) fn new(name: &'static str, batching: Batching) -> Arc<Self> {
        Arc::new(Self {
            name,
            batching,
            state: Mutex::default(),
            changed: Condvar::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Takes events from the stream's writer; never waits for the target.
    pub(super) fn take(&self, lines: &[Arc<Line>]) {
        let mut state = self.lock();
        state.taken += lines.len() as u64;
        if state.over {
            state.dropped += lines.len() as u64;
            return;
        }
        state.since.get_or_insert_with(clock::monotonic);
        state.bytes += lines.iter().map(|line| line.text.len()).sum::<usize>();
        state.queue.extend(lines.iter().cloned());
        state.make_room(self.batching.waiting);
        drop(state);
        self.changed.notify_all();
    }

    /// The account, beside what waits at the door: `offered` events so far, `lost` of them before any sink.
    pub(super) fn figures(&self, intake: impl FnOnce() -> (u64, u64)) -> Figures {
        let state = self.lock();
        debug_assert_eq!(
            state.taken,
            state.flushed + state.dropped + state.buffered()
        );
        let (lost, offered) = intake();
        Figures {
            written: offered,
            flushed: state.flushed,
            dropped: state.dropped + lost,
            buffered: state.buffered() + offered.saturating_sub(lost + state.taken),
        }
    }

    /// What keeps it from writing, while something does.
    pub(super) fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// Waits until `events` have been taken and none of them is buffered any more. False where that took too long.
    pub(super) fn flush(&self, events: u64, until: Instant) -> bool {
        let mut state = self.lock();
        state.hurry = true;
        self.changed.notify_all();
        while state.taken < events || state.buffered() > 0 {
            let left = until.saturating_duration_since(clock::monotonic());
            if left.is_zero() || state.over {
                return false;
            }
            // Set again: the sink clears it with each batch.
            state.hurry = true;
            state = self.wait(state, left);
        }
        true
    }

    /// No more events come. Waits until the last one is written; what is not written by then counts as dropped.
    /// False where something was.
    pub(super) fn close(&self, until: Instant) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.changed.notify_all();
        while !state.over {
            let left = until.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        self.stop.cancel();
        state.over = true;
        let left = state.buffered();
        if left > 0 {
            tracing::warn!(
                sink = self.name,
                events = left,
                "experiences were not written in time"
            );
            state.dropped += left;
            state.in_flight = 0;
            state.queue.clear();
        }
        drop(state);
        self.changed.notify_all();
        left == 0
    }

    /// The sink's thread: batch after batch until it is closed.
    pub(super) fn run(&self, mut target: Target) {
        let mut pause = FIRST_PAUSE;
        while let Some(batch) = self.next_batch() {
            let ended = target.write(&batch, &self.stop);
            let mut state = self.lock();
            if state.over {
                // Its events were counted when the time was up.
                return;
            }
            state.in_flight = 0;
            let bytes: usize = batch.iter().map(|line| line.text.len()).sum();
            match ended {
                Ok(()) => {
                    state.bytes -= bytes;
                    state.flushed += batch.len() as u64;
                    state.trouble = None;
                    pause = FIRST_PAUSE;
                }
                Err(SinkError::Refused(why)) => {
                    tracing::warn!(
                        sink = self.name,
                        events = batch.len(),
                        why,
                        "experiences were refused"
                    );
                    state.bytes -= bytes;
                    state.dropped += batch.len() as u64;
                    state.trouble = Some(why);
                }
                Err(SinkError::Failed(why)) => {
                    // Said once, not with every try.
                    if state.trouble.is_none() {
                        tracing::warn!(sink = self.name, why, "experiences wait for their sink");
                    }
                    state.trouble = Some(why);
                    state.since = Some(clock::monotonic());
                    state.again = batch.len();
                    for line in batch.into_iter().rev() {
                        state.queue.push_front(line);
                    }
                    state.make_room(self.batching.waiting);
                    self.changed.notify_all();
                    let until = clock::monotonic() + pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    state = self.rest(state, until);
                }
            }
            drop(state);
            self.changed.notify_all();
        }
        let mut state = self.lock();
        state.over = true;
        drop(state);
        self.changed.notify_all();
    }

    /// The next batch once it is full or old enough; `None` when the sink is closed and empty.
    fn next_batch(&self) -> Option<Vec<Arc<Line>>> {
        let mut state = self.lock();
        loop {
            let full = state.queue.len() >= self.batching.events;
            let age = state.since.map(|since| clock::monotonic() - since);
            let old = age.is_some_and(|age| age >= self.batching.interval);
            if state.over || (state.closing && state.queue.is_empty()) {
                return None;
            }
            if !state.queue.is_empty() && (full || old || state.hurry || state.closing) {
                break;
            }
            state = match age {
                Some(age) if !state.queue.is_empty() => {
                    self.wait(state, self.batching.interval.saturating_sub(age))
                }
                _ => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        let count = match std::mem::take(&mut state.again) {
            0 => state.queue.len().min(self.batching.events),
            again => again,
        };
        let batch: Vec<_> = state.queue.drain(..count).collect();
        state.in_flight = count;
        if state.queue.is_empty() {
            state.hurry = false;
            state.since = None;
        } else {
            state.since = Some(clock::monotonic());
        }
        Some(batch)
    }

    /// A pause after a failure; a close cuts it short.
    fn rest<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        until: Instant,
    ) -> MutexGuard<'a, State> {
        while !state.closing {
            let left = until.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        if state.closing && !state.over {
            // One more try each time, but not as fast as the machine can.
            state = self.wait(state, FIRST_PAUSE / 10);
        }
        state
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
