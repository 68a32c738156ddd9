//! Which experiences are drawn again: the four strategies over the window. Pure; called by the stream and the command
//! line.

use super::batch::Batch;
use super::diverse;
use super::draw::{Draw, uniform};
use super::priority::{self, BETA};
use super::window::{Scope, Window};

/// What counts as recent. The original's figure.
pub const RECENT: u64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    #[default]
    Uniform,
    /// In proportion to a power of the priority, with weights that make good for it (Schaul et al. 2016).
    Prioritized,
    /// Evenly among the newest, 10,000 where nobody says otherwise.
    Recent,
    /// Every kind of event, and within a kind those that are least like each other.
    Diverse,
}

/// One question to a sampler.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    pub strategy: Strategy,
    pub count: usize,
    pub scope: Scope,
    /// The same event may come twice. Diverse batches never repeat.
    pub replace: bool,
    pub beta: f64,
    /// Newest events that count as recent.
    pub recent: u64,
}

impl Ask {
    #[must_use]
    pub fn new(strategy: Strategy, count: usize) -> Self {
        Self {
            strategy,
            count,
            scope: Scope::Window,
            replace: true,
            beta: BETA,
            recent: RECENT,
        }
    }

    #[must_use]
    pub fn without_replacement(self) -> Self {
        Self {
            replace: false,
            ..self
        }
    }

    #[must_use]
    pub fn of(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

impl Window {
    /// Draws a batch. Fewer than asked where nothing is there, or where each may come only once.
    pub fn sample(&mut self, ask: &Ask, draw: &mut Draw) -> Batch {
        let range = self.range(ask.scope);
        match ask.strategy {
            Strategy::Uniform => self.evenly(range, ask, draw),
            Strategy::Recent => {
                let start = range.start.max(range.end.saturating_sub(ask.recent));
                self.evenly(start..range.end, ask, draw)
            }
            Strategy::Diverse => {
                let chosen = diverse::choose(self, range, ask.count, draw);
                let drawn: Vec<_> = chosen.into_iter().map(|seq| (seq, 0.0, 1.0)).collect();
                Batch::gather(self, &drawn)
            }
            Strategy::Prioritized => self.prioritized(range, ask, draw),
        }
    }

    fn evenly(&self, range: std::ops::Range<u64>, ask: &Ask, draw: &mut Draw) -> Batch {
        let count = range.end - range.start;
        let drawn = uniform(count, ask.count, ask.replace, draw);
        let each = 1.0 / count.max(1) as f64;
        let drawn: Vec<_> = drawn
            .into_iter()
            .map(|at| (range.start + at, each, 1.0))
            .collect();
        Batch::gather(self, &drawn)
    }

    fn prioritized(&mut self, range: std::ops::Range<u64>, ask: &Ask, draw: &mut Draw) -> Batch {
        let count = range.end - range.start;
        if count == 0 {
            return Batch::default();
        }
        // The scope is one stretch of slots, or two where it goes over the end of the ring.
        let start = self.slot(range.start);
        let end = self.slot(range.end);
        let tree = self.tree();
        let (all, before) = (tree.total(), tree.before(start));
        let total = match ask.scope {
            Scope::Window => all,
            Scope::Hot if start < end => tree.before(end) - before,
            Scope::Hot => all - before + tree.before(end),
        };
        let mut slots;
        let mut weights: Vec<u32>;
        if ask.replace {
            slots = Vec::with_capacity(ask.count);
            slots.extend((0..ask.count).map(|_| turn(before, draw.below(total), all)));
            tree.find_all(&mut slots);
            weights = slots.iter().map(|slot| tree.get(at(*slot))).collect();
        } else {
            let wanted = ask.count.min(usize::try_from(count).unwrap_or(usize::MAX));
            (slots, weights) = (Vec::with_capacity(wanted), Vec::with_capacity(wanted));
            let (mut left, mut all) = (total, all);
            for _ in 0..wanted {
                let slot = tree.find(turn(tree.before(start), draw.below(left), all));
                let weight = tree.get(slot);
                // Out of the lottery until the batch is full.
                tree.set(slot, 0);
                (left, all) = (left - u64::from(weight), all - u64::from(weight));
                slots.push(slot as u64);
                weights.push(weight);
            }
            for (slot, weight) in slots.iter().zip(&weights) {
                tree.set(at(*slot), *weight);
            }
        }
        let drawn: Vec<_> = slots
            .iter()
            .zip(&weights)
            .map(|(slot, weight)| {
                let (probability, weight) = priority::importance(*weight, total, count, ask.beta);
                (self.seq_of(at(*slot)), probability, weight)
            })
            .collect();
        let mut batch = Batch::gather(self, &drawn);
        batch.scale_weights();
        batch
    }
}

/// `before + drawn`, once round the ring of all weights.
fn turn(before: u64, drawn: u64, all: u64) -> u64 {
    let target = before + drawn;
    if target >= all { target - all } else { target }
}

fn at(slot: u64) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
