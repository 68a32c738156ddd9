//! Which experiences are drawn again: the four strategies over the window. Pure; called by the stream and the command
//! line.

use super::batch::Batch;
use super::diverse;
use super::draw::{Draw, uniform};
use super::priority::BETA;
use super::window::{Scope, Window};

/// What counts as recent. The original's figure.
pub const RECENT: u64 = 10_000;

/// Tries for a draw, on average, up to which trying is faster than the tree.
const MOST_TRIES: u128 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    #[default]
    Uniform,
    /// In proportion to a power of the priority, with weights that make good for it (Schaul et al. 2016).
    Prioritized,
    /// Evenly among the newest, 10,000 where nobody says otherwise.
    Recent,
    /// Every kind of event, and within a kind those that are least like each other; 4,096 at most.
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
                Batch::gather(self, chosen.into_iter(), 0.0)
            }
            Strategy::Prioritized => self.prioritized(range, ask, draw),
        }
    }

    fn evenly(&self, range: std::ops::Range<u64>, ask: &Ask, draw: &mut Draw) -> Batch {
        let count = range.end - range.start;
        let drawn = uniform(count, ask.count, ask.replace, draw);
        let each = 1.0 / count.max(1) as f64;
        Batch::gather(self, drawn.into_iter().map(|at| range.start + at), each)
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
        let most = tree.most();
        // A try is a fraction of a way down the tree; where nearly all would fail, the tree is faster.
        let many_pass = u128::from(total) * MOST_TRIES >= u128::from(most) * u128::from(count);
        if ask.replace && many_pass {
            (slots, weights) = self.by_trial(&range, ask.count, draw);
        } else if ask.replace {
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
        let seqs = slots.into_iter().map(|slot| self.seq_of(at(slot)));
        let mut batch = Batch::gather(self, seqs, 0.0);
        batch.weigh(&weights, total, ask.beta);
        batch
    }

    /// Draws slots evenly and keeps each with the probability of its weight over the largest (von Neumann's rejection):
    /// exactly in proportion to the weights, at the price of a few cheap tries.
    fn by_trial(
        &self,
        range: &std::ops::Range<u64>,
        count: usize,
        draw: &mut Draw,
    ) -> (Vec<u64>, Vec<u32>) {
        let tree = self.tree_alone();
        let (bound, most) = (range.end - range.start, u64::from(tree.most()));
        let (mut slots, mut weights) = (vec![0; count], vec![0; count]);
        let mut kept = 0;
        while kept < count {
            let slot = self.slot(range.start + draw.below(bound));
            let weight = tree.get(slot);
            // Written in any case and overwritten by the next where it was refused: a branch on chance is guessed wrong
            // every other time.
            (slots[kept], weights[kept]) = (slot as u64, weight);
            kept += usize::from(draw.below(most) < u64::from(weight));
        }
        (slots, weights)
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
