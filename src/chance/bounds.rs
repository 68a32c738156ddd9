//! Between which shares of all draws a weight stays, and how weights are brought there. Pure.

use serde::{Deserialize, Serialize};

/// Shares of one alternative, 0 to 1. Where there are too few for `max` or too many for `min`, equal shares go before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub min: f64,
    pub max: f64,
}

impl Default for Bounds {
    /// Keeps a forgotten model measured now and then (one try in 500, beside what its wide belief gives it) and costs a
    /// simulated world 3 of its 70. Nothing is kept from the best.
    fn default() -> Self {
        Self {
            min: 0.002,
            max: 1.0,
        }
    }
}

impl Bounds {
    /// The bounds that `count` models can keep.
    #[must_use]
    pub fn among(self, count: usize) -> Self {
        let equal = 1.0 / count.max(1) as f64;
        Self {
            min: self.min.min(equal),
            max: self.max.max(equal),
        }
    }
}

/// Halvings until a share is exact to more digits than anybody prints.
const HALVINGS: u32 = 80;

/// The weights scaled so that each lies within the bounds and all sum to 1; order is kept. What is no number counts as 0.
#[must_use]
pub fn bounded(weights: &[f64], bounds: Bounds) -> Vec<f64> {
    if weights.is_empty() {
        return Vec::new();
    }
    let Bounds { min, max } = bounds.among(weights.len());
    let fit = |w: &f64| if w.is_finite() && *w > 0.0 { *w } else { 0.0 };
    let largest = weights.iter().map(fit).fold(0.0, f64::max);
    // A crumb for everyone: where the heavy ones are full, the rest must take what is left.
    let shares: Vec<f64> = weights
        .iter()
        .map(|w| {
            if largest > 0.0 {
                fit(w) / largest + 1e-9
            } else {
                1.0
            }
        })
        .collect();
    let at = |scale: f64| shares.iter().map(move |w| (scale * w).clamp(min, max));
    // At the upper scale even a crumb is full.
    let (mut low, mut high) = (0.0, 2e9);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if at(middle).sum::<f64>() < 1.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::chance::cases()))]
        #[test]
        fn weights_keep_to_their_bounds_and_sum_to_one(
            weights in prop::collection::vec(prop_oneof![Just(0.0), Just(f64::NAN), 0.0..1e9_f64, 0.0..1.0_f64], 1..8),
            min in 0.0..0.5_f64,
            max in 0.5..1.0_f64,
        ) {
            let bounds = Bounds { min, max }.among(weights.len());
            let got = bounded(&weights, bounds);
            prop_assert!((got.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{got:?}");
            for w in got {
                prop_assert!(w >= bounds.min && w <= bounds.max, "{w}");
            }
        }
    }

    #[test]
    fn shares_within_the_bounds_stay_as_they_are() {
        let got = bounded(&[3.0, 1.0], Bounds::default());
        assert!((got[0] - 0.75).abs() < 1e-6);
        assert_eq!(bounded(&[0.0], Bounds::default()), [1.0]);
    }
}
