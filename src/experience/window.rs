//! The events in memory: one ring, with two tails over it. The window is bounded by number, age and bytes; the hot part
//! is its newest. Pure: the time is handed in. Filled by the stream's writer, read by the samplers.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::arena::{Arena, Span};
use super::event::EventId;
use super::line::Line;
use super::priority::{self, ALPHA};
use super::sum_tree::SumTree;
use crate::config::ExperienceLimits;

/// Types, components and strata that are told apart, of each so many; a stranger's names must not fill the memory.
const MAX_NAMES: usize = 4096;
/// Slots of the first tree; it doubles as the window fills.
const FIRST_SLOTS: usize = 1024;

/// Bounds of the window; the one that is met first holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Newest events that count as hot.
    pub hot: usize,
    /// Events at most.
    pub events: usize,
    /// Age at most.
    pub age: Duration,
    /// Texts of this size together at most.
    pub bytes: usize,
    /// See [`priority::weight`].
    pub alpha: f64,
}

impl Default for Limits {
    /// The original's figures; the bytes are ours: a quarter of a gigabyte is what a desktop can spare by night.
    fn default() -> Self {
        Self {
            hot: 100_000,
            events: 1_000_000,
            age: Duration::from_hours(24),
            bytes: 256 << 20,
            alpha: ALPHA,
        }
    }
}

impl From<ExperienceLimits> for Limits {
    fn from(asked: ExperienceLimits) -> Self {
        Self {
            hot: asked.hot_events,
            events: asked.window_events,
            age: Duration::from_hours(asked.window_hours),
            bytes: usize::try_from(asked.window_mb << 20).unwrap_or(usize::MAX),
            alpha: asked.alpha,
        }
    }
}

/// Which of the events a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    Hot,
    #[default]
    Window,
}

/// One event without its text: one cache line, and never parts of two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Header {
    pub(super) id: u128,
    /// Nanoseconds since 1970, never less than that of the event before.
    pub(super) at: i64,
    /// Not a number where there is none.
    pub(super) reward: f64,
    pub(super) priority: f64,
    pub(super) span: Span,
    pub(super) event_type: u16,
    pub(super) source: u16,
    pub(super) stratum: u16,
    pub(super) done: bool,
}

/// Words by number; number 0 stands for all that came too late.
#[derive(Debug, Default)]
struct Names {
    all: HashMap<Box<str>, u16>,
    /// The one that was asked for last: events of one kind come together.
    last: Option<(Box<str>, u16)>,
}

impl Names {
    fn number(&mut self, word: &str) -> u16 {
        if let Some((_, number)) = self.last.as_ref().filter(|(last, _)| **last == *word) {
            return *number;
        }
        let number = match self.all.get(word) {
            Some(number) => *number,
            None if self.all.len() >= MAX_NAMES => return 0,
            None => {
                let number = u16::try_from(self.all.len() + 1).unwrap_or(0);
                self.all.insert(Box::from(word), number);
                number
            }
        };
        self.last = Some((Box::from(word), number));
        number
    }
}

/// The names of one window, each kind of word on its own, and what strata are written out in.
#[derive(Debug, Default)]
struct AllNames {
    types: Names,
    sources: Names,
    strata: Names,
    text: String,
}

impl AllNames {
    /// Strata are told apart by type, component, difficulty and library.
    fn stratum(&mut self, line: &Line) -> u16 {
        self.text.clear();
        let words: [&str; 4] = [
            &line.event_type,
            &line.source,
            line.difficulty.as_deref().unwrap_or_default(),
            line.library.as_deref().unwrap_or_default(),
        ];
        for word in words {
            self.text.push_str(word);
            self.text.push('\u{1f}');
        }
        self.strata.number(&self.text)
    }
}

#[derive(Debug)]
pub struct Window {
    limits: Limits,
    /// Number of the oldest event that is still there.
    first: u64,
    headers: VecDeque<Header>,
    arena: Arena,
    texts: usize,
    tree: SumTree,
    names: AllNames,
}

impl Window {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            first: 0,
            headers: VecDeque::new(),
            arena: Arena::default(),
            texts: 0,
            tree: SumTree::new(FIRST_SLOTS),
            names: AllNames::default(),
        }
    }

    /// Takes an event in and lets go of what is too old for it; its number.
    pub fn push(&mut self, line: &Line, now: Timestamp) -> u64 {
        let seq = self.first + self.headers.len() as u64;
        if self.headers.len() == self.tree.slots() {
            self.grow();
        }
        let before = self.headers.back().map_or(i64::MIN, |last| last.at);
        let header = Header {
            id: line.id.as_u128(),
            // A time of the future would keep everything behind it for ever.
            at: nanoseconds(line.at.min(now)).max(before),
            reward: line.reward.unwrap_or(f64::NAN),
            priority: line.priority,
            span: self.arena.push(&line.text),
            event_type: self.names.types.number(&line.event_type),
            source: self.names.sources.number(&line.source),
            stratum: self.names.stratum(line),
            done: line.done,
        };
        self.texts += header.span.length() as usize;
        self.headers.push_back(header);
        let weight = priority::weight(line.priority, self.limits.alpha);
        let slot = self.slot(seq);
        self.tree.set(slot, weight);
        self.expire(now);
        seq
    }

    /// Lets go of what is beyond the bounds.
    pub fn expire(&mut self, now: Timestamp) {
        let age = i64::try_from(self.limits.age.as_nanos()).unwrap_or(i64::MAX);
        let oldest = nanoseconds(now).saturating_sub(age);
        let mut gone = false;
        while let Some(front) = self.headers.front() {
            let over = self.headers.len() > self.limits.events || self.texts > self.limits.bytes;
            if !over && front.at >= oldest {
                break;
            }
            self.texts -= front.span.length() as usize;
            let slot = self.slot(self.first);
            self.tree.set(slot, 0);
            self.headers.pop_front();
            self.first += 1;
            gone = true;
        }
        if gone {
            self.arena
                .keep_from(self.headers.front().map(|front| front.span));
        }
    }

    /// Another priority for events that are still there; how many were.
    pub fn update_priorities(&mut self, updates: &[(u64, f64)]) -> usize {
        let mut found = 0;
        for (seq, priority) in updates {
            let Some(at) = self.index(*seq) else { continue };
            let priority = if priority.is_finite() {
                priority.abs()
            } else {
                0.0
            };
            self.headers[at].priority = priority;
            let slot = self.slot(*seq);
            self.tree
                .set(slot, priority::weight(priority, self.limits.alpha));
            found += 1;
        }
        found
    }

    /// The numbers of the events in scope, from the oldest to one beyond the newest.
    #[must_use]
    pub fn range(&self, scope: Scope) -> std::ops::Range<u64> {
        let end = self.first + self.headers.len() as u64;
        match scope {
            Scope::Window => self.first..end,
            Scope::Hot => self.first.max(end.saturating_sub(self.limits.hot as u64))..end,
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The event's whole JSON, where it is still there.
    #[must_use]
    pub fn text(&self, seq: u64) -> Option<&str> {
        let header = self.headers.get(self.index(seq)?)?;
        Some(self.arena.get(header.span))
    }

    #[must_use]
    pub fn id(&self, seq: u64) -> Option<EventId> {
        EventId::from_u128(self.headers.get(self.index(seq)?)?.id)
    }

    /// Bytes beside the texts themselves, as allocated.
    #[must_use]
    pub fn overhead_bytes(&self) -> usize {
        let arena = self.arena.bytes().saturating_sub(self.texts);
        self.headers.capacity() * size_of::<Header>() + self.tree.bytes() + arena
    }

    pub(super) fn header(&self, seq: u64) -> Option<&Header> {
        self.headers.get(self.index(seq)?)
    }

    pub(super) fn text_at(&self, span: Span) -> &str {
        self.arena.get(span)
    }

    /// The tree with its ring of slots, for the prioritized sampler.
    pub(super) fn tree(&mut self) -> &mut SumTree {
        &mut self.tree
    }

    pub(super) fn tree_alone(&self) -> &SumTree {
        &self.tree
    }

    /// Where an event's weight lies in the tree.
    pub(super) fn slot(&self, seq: u64) -> usize {
        usize::try_from(seq & self.mask()).unwrap_or(0)
    }

    /// The number of the event that holds a slot now.
    pub(super) fn seq_of(&self, slot: usize) -> u64 {
        self.first + ((slot as u64).wrapping_sub(self.first) & self.mask())
    }

    /// There are 1024 slots, doubled some times: a division for every draw would be a third of its cost.
    fn mask(&self) -> u64 {
        self.tree.slots() as u64 - 1
    }

    fn index(&self, seq: u64) -> Option<usize> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        (at < self.headers.len()).then_some(at)
    }

    fn grow(&mut self) {
        let mut tree = SumTree::new(self.tree.slots() * 2);
        let slots = tree.slots() as u64;
        for seq in self.range(Scope::Window) {
            let slot = usize::try_from(seq & (slots - 1)).unwrap_or(0);
            tree.set(slot, self.tree.get(self.slot(seq)));
        }
        self.tree = tree;
    }
}

/// The years 1678 to 2262; what lies beyond counts as their ends.
fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at.as_second() < 0 {
        i64::MIN
    } else {
        i64::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::event::Event;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    #[test]
    fn the_megabytes_of_the_settings_bound_the_window_before_its_events_do() {
        assert_eq!(
            Limits::from(ExperienceLimits::default()),
            Limits::default(),
            "both know the same defaults"
        );
        let mut window = Window::new(Limits::from(ExperienceLimits {
            window_mb: 1,
            ..ExperienceLimits::default()
        }));
        for number in 0..30_u64 {
            let mut event = Event::new("a", "test");
            event.data = "x".repeat(100_000).into();
            let line = Line::of(event, EventId::of(&number.to_string()), NOW).unwrap();
            window.push(&line, NOW);
        }
        // Ten of them are nearly a megabyte.
        assert_eq!(window.range(Scope::Window), 20..30);
    }
}
