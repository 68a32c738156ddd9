//! Choice that can be repeated. Pure.

/// Chooses, the same way for the same seed.
#[derive(Debug)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A linear congruential step (Knuth's MMIX constants) is random enough to choose among changes. 0 for 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.state >> 33).unwrap_or(0);
        if end == 0 { 0 } else { high % end }
    }

    pub(super) fn of<'v, T>(&mut self, from: &'v [T]) -> Option<&'v T> {
        from.get(self.below(from.len()))
    }
}
