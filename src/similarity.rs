//! Likeness of tasks by MinHash (Broder 1997): a fixed-size sketch of a set, from which the Jaccard index of two sets is
//! estimated. Pure; called by the weaver, which refuses tasks too like earlier ones, and by whoever saves a sketch.
//!
//! Sketches are stored, so neither the hash nor the shingles may ever change without a new length.

use crate::dream::{Check, Scenario, Sketch as Stored};

/// Slots of a sketch: the estimate's standard error is at most 1/(2·√128), about 0.044.
const SLOTS: usize = 128;

/// Words in a shingle: single words make all tasks alike, five make a reworded task new.
const SHINGLE: usize = 3;

/// Of a text's words, enough for any task and a bound on hostile ones.
const MAX_WORDS: usize = 4_000;

/// The smallest hash of a set's members under each of `SLOTS` hash functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    slots: Option<Box<[u32; SLOTS]>>,
}

impl Sketch {
    /// Over the shingles of the text's words, in lower case, without punctuation.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self::of_items(shingles(text).iter().map(|words| hash(words.as_bytes())))
    }

    /// Over the checks' calls, spaces aside.
    #[must_use]
    pub fn of_calls(checks: &[Check]) -> Self {
        let bare = |c: &Check| c.call.split_whitespace().collect::<String>();
        Self::of_items(checks.iter().map(|c| hash(bare(c).as_bytes())))
    }

    fn of_items(items: impl Iterator<Item = u64>) -> Self {
        let mut slots: Option<Box<[u32; SLOTS]>> = None;
        for item in items {
            let slots = slots.get_or_insert_with(|| Box::new([u32::MAX; SLOTS]));
            for (salt, slot) in (0_u64..).zip(slots.iter_mut()) {
                // The upper half of a mixed 64-bit value.
                let mixed = mix(item ^ mix(salt)) >> 32;
                *slot = (*slot).min(u32::try_from(mixed).unwrap_or(u32::MAX));
            }
        }
        Self { slots }
    }

    /// Little-endian slots; empty for the empty set.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let slots = self.slots.iter().flat_map(|slots| slots.iter());
        slots.flat_map(|slot| slot.to_le_bytes()).collect()
    }

    /// The empty sketch for bytes of any other length than ours: a sketch from elsewhere is like nothing.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if bytes.len() != SLOTS * 4 {
            return Self { slots: None };
        }
        let mut slots = Box::new([0; SLOTS]);
        for (slot, four) in slots.iter_mut().zip(bytes.chunks_exact(4)) {
            *slot = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        }
        Self { slots: Some(slots) }
    }
}

/// Estimated Jaccard index, 0 to 1; 0 where either set is empty.
#[must_use]
pub fn similarity(a: &Sketch, b: &Sketch) -> f64 {
    let (Some(a), Some(b)) = (&a.slots, &b.slots) else {
        return 0.0;
    };
    let same = a.iter().zip(b.iter()).filter(|(a, b)| a == b).count();
    same as f64 / SLOTS as f64
}

/// What is kept of a task to find others like it; `code_hash` is the caller's to fill.
#[must_use]
pub fn sketch(scenario: &Scenario, checks: &[Check]) -> Stored {
    Stored {
        words: Sketch::of_text(&scenario.task_prompt).to_bytes(),
        calls: Sketch::of_calls(checks).to_bytes(),
        code_hash: String::new(),
    }
}

/// How alike two tasks are, 0 to 1: in their words or in their checks' calls, whichever is more.
#[must_use]
pub fn likeness(a: &Stored, b: &Stored) -> f64 {
    let read = Sketch::from_bytes;
    let words = similarity(&read(&a.words), &read(&b.words));
    words.max(similarity(&read(&a.calls), &read(&b.calls)))
}

/// The distinct runs of `SHINGLE` words; the whole text where it is shorter.
fn shingles(text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .map(str::to_lowercase)
        .collect();
    let mut shingles: Vec<String> = match words.len() {
        0 => Vec::new(),
        1..SHINGLE => vec![words.join(" ")],
        _ => words.windows(SHINGLE).map(|run| run.join(" ")).collect(),
    };
    shingles.sort();
    shingles.dedup();
    shingles
}

/// FNV-1a, 64 bits: the standard library's hashes may change between releases.
fn hash(bytes: &[u8]) -> u64 {
    let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(value: u64) -> u64 {
    let a = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn exact(a: &str, b: &str) -> f64 {
        let a: BTreeSet<_> = shingles(a).into_iter().collect();
        let b: BTreeSet<_> = shingles(b).into_iter().collect();
        let either = a.union(&b).count();
        if either == 0 {
            0.0
        } else {
            a.intersection(&b).count() as f64 / either as f64
        }
    }

    #[test]
    fn case_and_punctuation_do_not_count() {
        let a = Sketch::of_text("Return the SUM, of all values.");
        assert_eq!(a, Sketch::of_text("return the sum of all values"));
    }

    #[test]
    fn unrelated_tasks_are_unlike_and_empty_ones_like_nothing() {
        let a = Sketch::of_text("merge overlapping intervals given as a list of pairs");
        let b = Sketch::of_text("count how often each word occurs in a text");
        assert!(similarity(&a, &b) < 0.1);
        let empty = Sketch::of_text("");
        assert!(similarity(&empty, &empty).abs() < f64::EPSILON);
    }

    #[test]
    fn bytes_of_another_length_are_the_empty_sketch() {
        assert_eq!(Sketch::from_bytes(&[1, 2, 3]), Sketch::of_text(""));
    }

    #[test]
    fn a_stored_sketch_keeps_its_meaning() {
        // Changing the hash or the shingles would silently forget every saved dream.
        let bytes = Sketch::of_text("write a function that adds two numbers").to_bytes();
        assert_eq!(hash(&bytes), 0xe3a9_70d1_7f42_3598);
    }

    proptest! {
        #[test]
        fn the_estimate_is_near_the_exact_index(
            words in prop::collection::vec("[a-e]{1,2}", 3..120),
            cut in 0_usize..60,
            more in prop::collection::vec("[a-e]{1,2}", 0..60),
        ) {
            let a = words.join(" ");
            let b = [&words[cut.min(words.len())..], &more[..]].concat().join(" ");
            let estimate = similarity(&Sketch::of_text(&a), &Sketch::of_text(&b));
            // Five standard errors: one run in a million falls outside.
            prop_assert!((estimate - exact(&a, &b)).abs() < 0.23, "{} against {}", estimate, exact(&a, &b));
        }

        #[test]
        fn bytes_keep_the_sketch(text in any::<String>()) {
            let sketch = Sketch::of_text(&text);
            prop_assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), sketch);
        }
    }
}
