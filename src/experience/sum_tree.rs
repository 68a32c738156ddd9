//! Exact sums over a million priorities: whole numbers, so that nothing drifts, in nodes of one cache line, so that a draw
//! touches seven of them. Pure; called by the window.
//!
//! A node holds the running sums of its eight children, a leaf node sixteen priorities of 32 bits.

/// Running sums of 8 bytes in a cache line of 64.
const FAN: usize = 8;
/// Priorities of 4 bytes in a cache line of 64.
const LEAVES: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Leaf([u32; LEAVES]);

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Node([u64; FAN]);

/// Slots with a whole-numbered weight each.
#[derive(Debug)]
pub struct SumTree {
    leaves: Vec<Leaf>,
    /// No weight is above this. It does not fall when the heaviest goes.
    most: u32,
    /// From above the leaves to the single node at the top.
    levels: Vec<Vec<Node>>,
}

impl SumTree {
    /// At least `slots` slots, all of weight 0.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        let leaves = vec![Leaf::default(); slots.div_ceil(LEAVES).max(1)];
        let mut levels = Vec::new();
        let mut below = leaves.len();
        loop {
            below = below.div_ceil(FAN);
            levels.push(vec![Node::default(); below]);
            if below == 1 {
                return Self {
                    leaves,
                    most: 0,
                    levels,
                };
            }
        }
    }

    #[must_use]
    pub fn slots(&self) -> usize {
        self.leaves.len() * LEAVES
    }

    /// Sum of all weights.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.levels[self.levels.len() - 1][0].0[FAN - 1]
    }

    #[must_use]
    pub fn get(&self, slot: usize) -> u32 {
        self.leaves[slot / LEAVES].0[slot % LEAVES]
    }

    /// An upper bound of all weights: the largest that was ever set.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Gives a slot its weight, O(log n).
    pub fn set(&mut self, slot: usize, weight: u32) {
        self.most = self.most.max(weight);
        let leaf = &mut self.leaves[slot / LEAVES].0[slot % LEAVES];
        // Modulo 2^64 a difference is as good as a sum, whatever its sign.
        let change = u64::from(weight).wrapping_sub(u64::from(*leaf));
        *leaf = weight;
        let mut child = slot / LEAVES;
        for level in &mut self.levels {
            for sum in &mut level[child / FAN].0[child % FAN..] {
                *sum = sum.wrapping_add(change);
            }
            child /= FAN;
        }
    }

    /// Sum of the weights of all slots before `slot`; of all slots where there are no more.
    #[must_use]
    pub fn before(&self, slot: usize) -> u64 {
        if slot >= self.slots() {
            return self.total();
        }
        let leaf = &self.leaves[slot / LEAVES].0;
        let mut sum: u64 = leaf[..slot % LEAVES].iter().map(|w| u64::from(*w)).sum();
        let mut child = slot / LEAVES;
        for level in &self.levels {
            if !child.is_multiple_of(FAN) {
                sum += level[child / FAN].0[child % FAN - 1];
            }
            child /= FAN;
        }
        sum
    }

    /// The slot in whose share of the whole each target lies, in place: a number below [`total`](Self::total) becomes a
    /// slot. Level by level for all of them, so that their loads do not wait for each other.
    pub fn find_all(&self, targets: &mut [u64]) {
        let mut nodes = vec![0_u32; targets.len()];
        for level in self.levels.iter().rev() {
            for (target, node) in targets.iter_mut().zip(&mut nodes) {
                let sums = &level[*node as usize].0;
                let child: u32 = sums[..FAN - 1]
                    .iter()
                    .map(|sum| u32::from(sum <= target))
                    .sum();
                let skipped = if child == 0 {
                    0
                } else {
                    sums[child as usize - 1]
                };
                *target -= skipped;
                *node = *node * 8 + child;
            }
        }
        for (target, node) in targets.iter_mut().zip(&nodes) {
            let mut sum = 0;
            let mut slot = 0;
            for weight in &self.leaves[*node as usize].0[..LEAVES - 1] {
                sum += u64::from(*weight);
                slot += u64::from(sum <= *target);
            }
            *target = u64::from(*node) * 16 + slot;
        }
    }

    /// One draw of [`find_all`](Self::find_all).
    #[must_use]
    pub fn find(&self, target: u64) -> usize {
        let mut one = [target];
        self.find_all(&mut one);
        usize::try_from(one[0]).unwrap_or(usize::MAX)
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let nodes: usize = self.levels.iter().map(Vec::len).sum();
        self.leaves.len() * size_of::<Leaf>() + nodes * size_of::<Node>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::draw::Draw;

    #[test]
    fn every_target_finds_the_slot_that_brute_force_finds() {
        for slots in [1, 15, 16, 17, 128, 129, 1025, 5000] {
            let mut tree = SumTree::new(slots);
            let weights: Vec<u32> = (0..5000_u32).take(slots).map(|i| (i * 7919) % 5).collect();
            for (slot, weight) in weights.iter().enumerate() {
                tree.set(slot, *weight);
            }
            let mut target = 0;
            for (slot, weight) in weights.iter().enumerate() {
                assert_eq!(tree.before(slot), target);
                for _ in 0..*weight {
                    assert_eq!(tree.find(target), slot, "{slots} slots, target {target}");
                    target += 1;
                }
            }
            assert_eq!(tree.total(), target);
        }
    }

    /// A hundred thousand trees with up to 24 writes each, the largest weights among them.
    #[test]
    fn sums_stay_exact_whatever_was_written() {
        let mut draw = Draw::seeded(21);
        for case in 0..100_000 {
            let mut tree = SumTree::new(40);
            let mut plain = [0_u32; 48];
            for _ in 0..draw.below(24) {
                let slot = usize::try_from(draw.below(40)).unwrap();
                let weight = match draw.below(4) {
                    0 => 0,
                    1 => u32::MAX,
                    _ => u32::try_from(draw.below(1 << 32)).unwrap(),
                };
                tree.set(slot, weight);
                plain[slot] = weight;
            }
            let total: u64 = plain.iter().map(|w| u64::from(*w)).sum();
            assert_eq!(tree.total(), total, "case {case}");
            if total > 0 {
                for target in [0, draw.below(total), total - 1] {
                    let mut sum = 0;
                    let mut over = |w: &u32| {
                        sum += u64::from(*w);
                        sum > target
                    };
                    let brute = plain.iter().position(&mut over);
                    assert_eq!(
                        Some(tree.find(target)),
                        brute,
                        "case {case}, target {target}"
                    );
                }
            }
        }
    }
}
