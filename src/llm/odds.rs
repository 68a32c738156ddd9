//! How likely a model held what it wrote, piece by piece, where its server says so (`logprobs`). Pure.

use std::ops::Range;

/// The pieces of an answer with the logarithm of the probability of each: the model's own, before any sampling.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Odds {
    /// Where a piece ends, in bytes of the text, and its logarithm; none where the server did not say.
    pieces: Vec<(usize, Option<f64>)>,
    /// Of tokens that hold half a character: their text comes with the next one.
    carried: f64,
}

impl Odds {
    /// The next `bytes` of the text, as tokens of so many bytes each with their logarithms.
    pub(super) fn add(&mut self, bytes: usize, tokens: &[(usize, f64)]) {
        let end = self.pieces.last().map_or(0, |(end, _)| *end);
        let whole: usize = tokens.iter().map(|(bytes, _)| bytes).sum();
        match tokens {
            _ if bytes == 0 => self.carried += tokens.iter().map(|(_, ln)| ln).sum::<f64>(),
            [(_, ln)] => self.pieces.push((end + bytes, Some(ln + self.carried))),
            [_, ..] if whole == bytes => {
                let mut end = end;
                for (bytes, ln) in tokens {
                    end += bytes;
                    self.pieces.push((end, Some(ln + self.carried)));
                    self.carried = 0.0;
                }
            }
            _ => self.pieces.push((end + bytes, None)),
        }
        if bytes > 0 {
            self.carried = 0.0;
        }
    }

    /// The probability with which the model wrote these bytes of its answer (0 to 1): the product over the pieces that
    /// they lie in. None where the server did not say.
    #[must_use]
    pub fn of(&self, bytes: &Range<usize>) -> Option<f64> {
        let mut begin = 0;
        let mut sum = None;
        for &(end, ln) in &self.pieces {
            if begin < bytes.end && end > bytes.start {
                sum = Some(sum.unwrap_or(0.0) + ln?);
            }
            begin = end;
        }
        sum.map(f64::exp)
    }
}

#[cfg(test)]
mod tests {
    use super::Odds;

    #[test]
    fn a_range_has_the_product_of_the_pieces_that_it_touches() {
        let mut odds = Odds::default();
        odds.add(3, &[(3, 0.5_f64.ln())]);
        odds.add(4, &[(1, 0.8_f64.ln()), (3, 0.25_f64.ln())]);
        let near = |of: Option<f64>, wanted: f64| (of.unwrap() - wanted).abs() < 1e-12;
        assert!(near(odds.of(&(0..3)), 0.5));
        assert!(near(odds.of(&(2..4)), 0.4));
        assert!(near(odds.of(&(0..7)), 0.1));
        assert!(near(odds.of(&(6..9)), 0.25));
        assert_eq!(odds.of(&(7..9)), None);
    }

    #[test]
    fn half_a_character_counts_with_its_other_half() {
        let mut odds = Odds::default();
        odds.add(0, &[(1, 0.5_f64.ln())]);
        odds.add(2, &[(1, 0.5_f64.ln())]);
        odds.add(1, &[(1, 1.0_f64.ln())]);
        assert!((odds.of(&(0..2)).unwrap() - 0.25).abs() < 1e-12);
        assert!((odds.of(&(2..3)).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_the_server_did_not_say_is_unknown() {
        let mut odds = Odds::default();
        odds.add(3, &[(3, -0.1)]);
        odds.add(3, &[]);
        odds.add(4, &[(1, -0.1), (1, -0.1)]);
        assert!(odds.of(&(0..3)).is_some());
        assert_eq!(odds.of(&(2..4)), None);
        assert_eq!(odds.of(&(6..10)), None);
        assert_eq!(Odds::default().of(&(0..1)), None);
    }
}
