//! The door of the stream: a bounded queue that takes an event without a lock of its own. Full, it counts what it turns away. Called by `write_event`; emptied by the stream's one writer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_queue::SegQueue;

use super::event::Event;

/// Events that wait for the writer at most: two megabytes of them, and five milliseconds of the writer's work. Producers that
/// meet at the last place all get in, one event each.
const WAITING: usize = 4096;
/// How often a producer looks whether the queue fills while the writer naps.
const LOOK_EVERY: u64 = 512;
/// How long the writer naps between two looks while events come: nobody has to wake it, so that no producer pays for it.
const NAP: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Intake {
    /// Takes room as it fills: one that has it all from the start holds it in a service that waits for days.
    queue: SegQueue<Event>,
    /// Events that somebody wanted to write.
    offered: AtomicU64,
    /// Those that were turned away, here or by the writer.
    lost: AtomicU64,
    asleep: AtomicBool,
    closing: AtomicBool,
    writer: OnceLock<Thread>,
}

impl Intake {
    pub(super) fn new() -> Self {
        Self {
            queue: SegQueue::new(),
            offered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            writer: OnceLock::new(),
        }
    }

    /// False where the event was turned away.
    pub(super) fn push(&self, event: Event) -> bool {
        // Counted before it is there, so that the writer never has more than was offered.
        let count = self.offered.fetch_add(1, Ordering::AcqRel);
        let waiting = self.queue.len();
        if waiting >= WAITING {
            self.lose(1);
            return false;
        }
        self.queue.push(event);
        // Either we see that the writer sleeps, or the writer sees the event before it does.
        fence(Ordering::SeqCst);
        let filling = count.is_multiple_of(LOOK_EVERY) && waiting > WAITING / 2;
        if self.asleep.load(Ordering::Relaxed) || filling {
            self.wake();
        }
        true
    }

    pub(super) fn pop(&self) -> Option<Event> {
        self.queue.pop()
    }

    /// Events that came to nothing before any sink saw them.
    pub(super) fn lose(&self, events: u64) {
        self.lost.fetch_add(events, Ordering::AcqRel);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    pub(super) fn offered(&self) -> u64 {
        self.offered.load(Ordering::Acquire)
    }

    pub(super) fn wake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Called by the writer when nothing was there. `busy`: something came a moment ago. False once it is over.
    pub(super) fn rest(&self, busy: bool) -> bool {
        self.writer.get_or_init(thread::current);
        if self.closing.load(Ordering::SeqCst) {
            return !self.queue.is_empty();
        }
        if busy {
            thread::park_timeout(NAP);
            return true;
        }
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.queue.is_empty() && !self.closing.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::Relaxed);
        true
    }
}
