//! What an experience is worth drawing again: the original's rule, its power, and the whole number that the sum tree
//! holds. Priorities from a millionth to a million are told apart; what lies beyond counts as the nearer end. Pure; called
//! by the window and the prioritized sampler.

use super::event::Event;

/// How much priority counts: 0 is even, 1 in proportion. The original's figure, and that of Schaul et al. 2016.
pub const ALPHA: f64 = 0.6;
/// How much the weights make good for the uneven draw: 1 in full. Same sources.
pub const BETA: f64 = 0.4;

/// Of an event that gives no hint. The original's figure.
const UNKNOWN: f64 = 0.1;
/// Below this nothing is told apart; keeps everything drawable. The original's figure.
const LEAST: f64 = 1e-6;
/// Above this nothing is told apart: at the usual alpha it is what fits into 32 bits.
const MOST: f64 = 1e6;
/// Steps of the whole numbers up to the usual alpha: the least priority is 263 of them there.
const STEPS: f64 = 1_048_576.0;

/// The priority that was given, else the one in the metadata, else the size of the reward, else a tenth.
#[must_use]
pub fn of(event: &Event) -> f64 {
    let noted = || event.metadata.get("priority")?.as_f64();
    let value = event.priority.or_else(noted).or(event.reward);
    value.filter(|v| v.is_finite()).map_or(UNKNOWN, f64::abs)
}

/// The weight of a priority in whole steps: `p^alpha` with `p` kept from 1e-6 to 1e6, never 0.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is meant, and nothing is negative"
)]
pub fn weight(priority: f64, alpha: f64) -> u32 {
    let power = priority.clamp(LEAST, MOST).powf(alpha);
    ((power * steps(alpha)).round() as u32).max(1)
}

/// Steps of a weight of 1. A greater alpha than the usual one makes the heaviest larger: then the steps are coarser, so that
/// it still fits into 32 bits and every priority keeps its order. The price is paid by the least, which share few steps.
fn steps(alpha: f64) -> f64 {
    if alpha <= ALPHA {
        STEPS
    } else {
        f64::from(u32::MAX) / MOST.powf(alpha)
    }
}

/// The probability of a draw of this weight, and how much it is to count: `(n * P)^-beta`, scaled so that a draw of the
/// weight `least` counts 1.
#[must_use]
pub fn importance(weight: u32, least: f64, total: u64, beta: f64) -> (f64, f64) {
    let weight = f64::from(weight);
    // A power takes half as long again as the two that it is made of.
    (weight / total as f64, (-beta * (weight / least).ln()).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hint_counts_and_its_sign_does_not() {
        let mut event = Event::new("a", "b");
        assert!((of(&event) - 0.1).abs() < 1e-12);
        event.reward = Some(-2.0);
        assert!((of(&event) - 2.0).abs() < 1e-12);
        event.metadata.insert("priority".to_owned(), 3.into());
        assert!((of(&event) - 3.0).abs() < 1e-12);
        event.priority = Some(0.5);
        assert!((of(&event) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn weights_keep_the_order_and_stay_in_their_bounds() {
        let rising = [0.0, 1e-6, 1e-3, 0.1, 1.0, 50.0, 1e5, 1e9, f64::INFINITY];
        let weights = rising.map(|p| weight(p, ALPHA));
        assert!(weights.is_sorted());
        assert_eq!((weights[0], weights[8]), (263, weight(MOST, ALPHA)));
        assert_eq!(weight(0.0, 1.0), 1, "what is there can be drawn");
        // Off by less than a fifth of a percent where it matters least, and far less elsewhere.
        for p in [1e-6_f64, 0.01, 0.1, 1.0, 100.0] {
            let exact = p.powf(ALPHA) * STEPS;
            assert!(
                (f64::from(weight(p, ALPHA)) / exact - 1.0).abs() < 0.002,
                "{p}"
            );
        }
    }

    #[test]
    fn the_heaviest_keep_their_order_and_their_proportion_at_every_alpha() {
        let [less, more] = [5e3, 5e4].map(|p| f64::from(weight(p, 1.0)));
        assert!((more / less - 10.0).abs() < 1e-6, "{less} and {more}");
        for alpha in [0.3, 0.6, 0.61, 0.8, 1.0] {
            let weights = [0.1, 1.0, 50.0, 5e3, 5e4, 5e5, MOST].map(|p| weight(p, alpha));
            assert!(weights.is_sorted_by(|a, b| a < b), "{alpha}: {weights:?}");
        }
        // Beyond it nothing is told apart.
        assert_eq!([MOST, 2.0 * MOST].map(|p| weight(p, 1.0)), [u32::MAX; 2]);
    }
}
