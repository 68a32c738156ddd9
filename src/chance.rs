//! Seeded chance: a small generator and the distributions that learning draws from. Pure: the same seed gives the same
//! draws on every machine, so that a choice can be told again. Not for secrets.

mod bounds;

pub use bounds::{Bounds, bounded};

/// xoshiro256++ (Blackman and Vigna), seeded by SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance {
    state: [u64; 4],
}

/// Below this no shape of a gamma distribution is drawn from: the draw would be zero in all its digits.
const LEAST_SHAPE: f64 = 1e-6;

impl Chance {
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// Seeded by a text, such as a session's id (FNV-1a).
    #[must_use]
    pub fn of(text: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self::seeded(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// At least 0, below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    /// Gamma with this shape and scale 1 (Marsaglia and Tsang).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        let shape = if shape.is_finite() {
            shape.max(LEAST_SHAPE)
        } else {
            1.0
        };
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let height = shape - 1.0 / 3.0;
        let width = 1.0 / (9.0 * height).sqrt();
        loop {
            let normal = self.normal();
            let cube = (1.0 + width * normal).powi(3);
            if cube <= 0.0 {
                continue;
            }
            let limit = 0.5 * normal * normal + height * (1.0 - cube + cube.ln());
            if (1.0 - self.unit()).ln() < limit {
                return height * cube;
            }
        }
    }

    /// Beta; 0.5 where both draws vanish.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 { x / (x + y) } else { 0.5 }
    }

    /// The place of one weight, drawn in proportion; the first where none is above zero. `None` for no weights.
    pub fn pick(&mut self, weights: &[f64]) -> Option<usize> {
        let fit = |w: &f64| if w.is_finite() && *w > 0.0 { *w } else { 0.0 };
        let sum: f64 = weights.iter().map(fit).sum();
        let mut left = self.unit() * sum;
        let mut last = None;
        for (place, weight) in weights.iter().map(fit).enumerate() {
            if weight > 0.0 {
                last = Some(place);
                if left < weight {
                    return last;
                }
                left -= weight;
            }
        }
        last.or((!weights.is_empty()).then_some(0))
    }
}

/// Cases of the long property tests: a few thousand as a rule, the full 100,000 where DREAMER_TEST_FULL is set.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "how long tests run is the test run's own business, no setting of the program"
)]
pub(crate) fn cases() -> u32 {
    let full = std::env::var_os("DREAMER_TEST_FULL").is_some_and(|value| !value.is_empty());
    if full { 100_000 } else { 2_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(n: u32, mut draw: impl FnMut() -> f64) -> f64 {
        (0..n).map(|_| draw()).sum::<f64>() / f64::from(n)
    }

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_gives_others() {
        let three = |mut c: Chance| [c.bits(), c.bits(), c.bits()];
        assert_eq!(three(Chance::of("a")), three(Chance::of("a")));
        assert_ne!(three(Chance::of("a")), three(Chance::of("b")));
    }

    #[test]
    fn the_distributions_have_their_means() {
        let mut c = Chance::seeded(7);
        assert!((mean(100_000, || c.unit()) - 0.5).abs() < 0.01);
        assert!(mean(100_000, || c.normal()).abs() < 0.02);
        for shape in [0.3, 1.0, 7.5] {
            let got = mean(100_000, || c.gamma(shape));
            assert!((got / shape - 1.0).abs() < 0.03, "{shape}: {got}");
        }
        assert!((mean(100_000, || c.beta(2.0, 6.0)) - 0.25).abs() < 0.01);
    }

    #[test]
    fn a_pick_follows_the_weights_and_never_takes_a_zero() {
        let mut c = Chance::seeded(3);
        let mut counts = [0_u32; 4];
        for _ in 0..40_000 {
            counts[c.pick(&[1.0, 0.0, 3.0, f64::NAN]).unwrap()] += 1;
        }
        assert_eq!((counts[1], counts[3]), (0, 0));
        assert!((f64::from(counts[2]) / f64::from(counts[0]) - 3.0).abs() < 0.2);
        assert_eq!(c.pick(&[]), None);
        assert_eq!(c.pick(&[0.0, 0.0]), Some(0));
    }
}
