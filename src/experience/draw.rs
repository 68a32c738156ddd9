//! Chance that can be repeated: a small generator and the plain draws made from it. Pure; called by the samplers.

use std::collections::HashSet;

/// xoshiro256++ (Blackman and Vigna), seeded through SplitMix64 as its authors advise.
#[derive(Debug, Clone)]
pub struct Draw([u64; 4]);

impl Draw {
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    #[inline]
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let drawn = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        drawn
    }

    /// A number below `bound`, each as likely as the others (Lemire's rejection). `bound` is not 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut wide = u128::from(self.bits()) * u128::from(bound);
        if low(wide) < bound {
            let least = bound.wrapping_neg() % bound;
            while low(wide) < least {
                wide = u128::from(self.bits()) * u128::from(bound);
            }
        }
        high(wide)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(wide: u128) -> u64 {
    wide as u64
}

fn high(wide: u128) -> u64 {
    (wide >> 64) as u64
}

/// `count` numbers below `bound`, evenly; without replacement at most `bound` of them, each once (Floyd's algorithm),
/// in random order.
#[must_use]
pub fn uniform(bound: u64, count: usize, replace: bool, draw: &mut Draw) -> Vec<u64> {
    if bound == 0 {
        return Vec::new();
    }
    if replace {
        return (0..count).map(|_| draw.below(bound)).collect();
    }
    let count = u64::try_from(count).map_or(bound, |count| count.min(bound));
    let mut taken = HashSet::new();
    let mut drawn = Vec::new();
    for last in bound - count..bound {
        let one = draw.below(last + 1);
        let new = if taken.insert(one) { one } else { last };
        taken.insert(new);
        drawn.push(new);
    }
    // Floyd's order is not random: late numbers stand late.
    for end in (1..drawn.len()).rev() {
        let other = draw.below(end as u64 + 1);
        drawn.swap(end, usize::try_from(other).unwrap_or(end));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let take = |seed| {
            let mut draw = Draw::seeded(seed);
            [draw.bits(), draw.bits(), draw.bits()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn without_replacement_each_comes_once_and_every_place_is_even() {
        let mut draw = Draw::seeded(1);
        let mut seen = [[0_u32; 5]; 3];
        for _ in 0..30_000 {
            let drawn = uniform(5, 3, false, &mut draw);
            let distinct: HashSet<_> = drawn.iter().collect();
            assert_eq!(distinct.len(), 3);
            for (place, one) in drawn.iter().enumerate() {
                seen[place][usize::try_from(*one).unwrap()] += 1;
            }
        }
        // 6,000 expected, standard deviation 69.
        let counts = seen.iter().flatten();
        assert!(counts.clone().all(|n| n.abs_diff(6000) < 350), "{seen:?}");
        assert_eq!(uniform(3, 10, false, &mut draw).len(), 3);
        assert!(uniform(0, 10, true, &mut draw).is_empty());
    }
}
