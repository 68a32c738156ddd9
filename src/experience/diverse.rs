//! A batch whose events are unlike each other: every stratum gets its share, and among eight times as many candidates those
//! are taken that lie farthest from what was taken before (Gonzalez 1985). Pure; called by the sampler.

use super::draw::{Draw, uniform};
use super::window::{Header, Window};

/// Candidates for each place of the batch.
const POOL: usize = 8;

/// Events of one batch at most: each place is compared with every candidate, while the writer waits.
const MOST: usize = 4_096;

/// What two events are compared by.
#[derive(Debug, Clone, Copy)]
struct Features {
    /// Bits that stand for the words of the text: texts that share words share bits (Charikar's simhash).
    words: u64,
    reward: f64,
    event_type: u16,
    source: u16,
    stratum: u16,
}

/// The numbers of the chosen events, each once.
pub(super) fn choose(
    window: &Window,
    range: std::ops::Range<u64>,
    count: usize,
    draw: &mut Draw,
) -> Vec<u64> {
    let count = count.min(MOST);
    let mut strata = by_stratum(window, range);
    // Where there are more strata than places, chance says which come first.
    let order = uniform(strata.len() as u64, strata.len(), false, draw);
    strata = order
        .into_iter()
        .filter_map(|at| {
            strata
                .get_mut(usize::try_from(at).ok()?)
                .map(std::mem::take)
        })
        .collect();
    let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
    let shares = shares(&sizes, count);
    let mut pool = Vec::new();
    for (stratum, share) in strata.iter().zip(&shares) {
        let drawn = uniform(stratum.len() as u64, share * POOL, false, draw);
        let candidates: Vec<(u64, Features)> = drawn
            .into_iter()
            .filter_map(|at| {
                let seq = *stratum.get(usize::try_from(at).ok()?)?;
                let header = window.header(seq)?;
                Some((
                    seq,
                    features(header, window.text_at(header.span).as_bytes()),
                ))
            })
            .collect();
        pool.push((candidates, *share));
    }
    farthest(pool, count)
}

/// The events of each stratum; a stratum with the same name in other words is the same number.
fn by_stratum(window: &Window, range: std::ops::Range<u64>) -> Vec<Vec<u64>> {
    let mut strata: Vec<Vec<u64>> = Vec::new();
    for seq in range {
        if let Some(header) = window.header(seq) {
            let number = usize::from(header.stratum);
            if strata.len() <= number {
                strata.resize_with(number + 1, Vec::new);
            }
            strata[number].push(seq);
        }
    }
    strata.retain(|stratum| !stratum.is_empty());
    strata
}

/// How many each gets of `count`: as even as the sizes allow. Where there are more strata than places, the first come
/// first.
fn shares(sizes: &[usize], count: usize) -> Vec<usize> {
    let mut shares = vec![0; sizes.len()];
    let mut left = count.min(sizes.iter().sum());
    while left > 0 {
        let open: Vec<usize> = (0..sizes.len())
            .filter(|i| shares[*i] < sizes[*i])
            .collect();
        let each = (left / open.len()).max(1);
        for i in open {
            let more = each.min(sizes[i] - shares[i]).min(left);
            shares[i] += more;
            left -= more;
        }
    }
    shares
}

/// Greedy: next is always the candidate whose nearest chosen neighbour is farthest, as long as its stratum has places.
fn farthest(mut pool: Vec<(Vec<(u64, Features)>, usize)>, count: usize) -> Vec<u64> {
    let mut nearest: Vec<Vec<f64>> = pool
        .iter()
        .map(|(c, _)| vec![f64::INFINITY; c.len()])
        .collect();
    let mut chosen = Vec::with_capacity(count);
    while chosen.len() < count {
        let mut best: Option<(usize, usize, f64)> = None;
        for (i, (candidates, places)) in pool.iter().enumerate() {
            if *places == 0 {
                continue;
            }
            for (j, _) in candidates.iter().enumerate() {
                let distance = nearest[i][j];
                if distance >= 0.0 && best.is_none_or(|(_, _, most)| distance > most) {
                    best = Some((i, j, distance));
                }
            }
        }
        let Some((i, j, _)) = best else { break };
        let (seq, taken) = pool[i].0[j];
        pool[i].1 -= 1;
        chosen.push(seq);
        for (i, (candidates, _)) in pool.iter().enumerate() {
            for (j, (_, features)) in candidates.iter().enumerate() {
                nearest[i][j] = nearest[i][j].min(distance(&taken, features));
            }
        }
        // Never again.
        nearest[i][j] = -1.0;
    }
    chosen
}

/// 0 for what is told apart by nothing, 1 at most for each of four traits.
fn distance(a: &Features, b: &Features) -> f64 {
    let differ = |same: bool| if same { 0.0 } else { 1.0 };
    let words = f64::from((a.words ^ b.words).count_ones()) / 64.0;
    let reward = match (a.reward.is_nan(), b.reward.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (a.reward - b.reward).abs().min(1.0),
        _ => 1.0,
    };
    words
        + reward
        + differ(a.stratum == b.stratum)
        + differ(a.event_type == b.event_type) / 2.0
        + differ(a.source == b.source) / 2.0
}

fn features(header: &Header, text: &[u8]) -> Features {
    Features {
        words: simhash(text),
        reward: header.reward,
        event_type: header.event_type,
        source: header.source,
        stratum: header.stratum,
    }
}

/// Sixty-four votes of the text's words, one a bit. Numbers and names of the event are words as all others.
fn simhash(text: &[u8]) -> u64 {
    let mut votes = [0_i32; 64];
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        // FNV-1a, then mixed: short words differ in their low bits only.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in word {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if hash >> bit & 1 == 1 { 1 } else { -1 };
        }
    }
    let set = votes.iter().enumerate().filter(|(_, vote)| **vote > 0);
    set.fold(0, |bits, (bit, _)| bits | 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shared_as_evenly_as_the_strata_allow() {
        assert_eq!(shares(&[100, 100, 2], 32), [15, 15, 2]);
        assert_eq!(shares(&[1, 1, 1, 1], 2), [1, 1, 0, 0]);
        assert_eq!(shares(&[3, 4], 99), [3, 4]);
        assert_eq!(shares(&[5], 0), [0]);
        assert!(shares(&[], 8).is_empty());
    }

    #[test]
    fn words_that_are_shared_bring_texts_together() {
        let a = simhash(b"parse the query string into a table of names");
        let b = simhash(b"parse the query string into a list of names");
        let c = simhash(b"rotate every matrix by ninety degrees clockwise twice");
        assert!((a ^ b).count_ones() < (a ^ c).count_ones());
    }
}
