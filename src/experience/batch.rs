//! What a sampler gives: the drawn events with their weights, copied out of the window, read only when somebody asks for
//! one. Pure.

use jiff::Timestamp;

use super::event::{Event, EventId, Record};
use super::priority;
use super::window::Window;

/// One drawn event.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub seq: u64,
    id: u128,
    at: i64,
    reward: f64,
    priority: f64,
    /// How likely a single draw was to give this one; 0 where the strategy has no such figure.
    pub probability: f64,
    /// How much it is to count, against the unevenness of the draw; 1 at most.
    pub weight: f64,
    /// Where its text lies among the batch's, and how long it is.
    text: (usize, u32),
    stratum: u16,
    done: bool,
}

impl Drawn {
    #[must_use]
    pub fn id(&self) -> Option<EventId> {
        EventId::from_u128(self.id)
    }

    #[must_use]
    pub fn reward(&self) -> Option<f64> {
        Some(self.reward).filter(|reward| !reward.is_nan())
    }

    #[must_use]
    pub fn priority(&self) -> f64 {
        self.priority
    }

    #[must_use]
    pub fn done(&self) -> bool {
        self.done
    }

    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.at)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Batch {
    items: Vec<Drawn>,
    /// One behind the other.
    texts: String,
}

impl Batch {
    /// Copies events out of the window, each with the same probability and the weight 1. One pass over the headers and one
    /// over the texts, with nothing to work out in between, so that many of their loads from memory are under way at once.
    pub(super) fn gather(
        window: &Window,
        drawn: impl ExactSizeIterator<Item = u64>,
        probability: f64,
    ) -> Self {
        let mut items = Vec::with_capacity(drawn.len());
        let mut spans = Vec::with_capacity(drawn.len());
        let mut length = 0;
        for seq in drawn {
            let Some(header) = window.header(seq) else {
                debug_assert!(false, "event {seq} was drawn and is not there");
                continue;
            };
            items.push(Drawn {
                seq,
                id: header.id,
                at: header.at,
                reward: header.reward,
                priority: header.priority,
                probability,
                weight: 1.0,
                text: (length, header.span.length()),
                stratum: header.stratum,
                done: header.done,
            });
            length += header.span.length() as usize;
            spans.push(header.span);
        }
        let mut texts = String::with_capacity(length);
        for span in spans {
            texts.push_str(window.text_at(span));
        }
        Self { items, texts }
    }

    /// Gives each drawn event the probability and the weight of its share: `(n * P)^-beta`, the largest of the batch being
    /// 1, which is `(share / least share)^-beta`.
    pub(super) fn weigh(&mut self, shares: &[u32], total: u64, beta: f64) {
        let least = f64::from(shares.iter().copied().min().unwrap_or(1).max(1));
        for (item, share) in self.items.iter_mut().zip(shares) {
            (item.probability, item.weight) = priority::importance(*share, least, total, beta);
        }
    }

    #[must_use]
    pub fn items(&self) -> &[Drawn] {
        &self.items
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The whole JSON of one.
    #[must_use]
    pub fn text(&self, item: &Drawn) -> &str {
        let (start, length) = item.text;
        let text = self.texts.get(start..start + length as usize);
        text.unwrap_or_default()
    }

    /// Each event, read.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.items.iter().filter_map(|item| {
            let event: Event = serde_json::from_str(self.text(item)).ok()?;
            Some(Record {
                seq: item.seq,
                event,
            })
        })
    }

    /// Mean of the rewards that are there.
    #[must_use]
    pub fn mean_reward(&self) -> Option<f64> {
        let rewards: Vec<f64> = self.items.iter().filter_map(Drawn::reward).collect();
        (!rewards.is_empty()).then(|| rewards.iter().sum::<f64>() / rewards.len() as f64)
    }

    /// Share of the last events of a trajectory that had a reward above 0.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let ends: Vec<_> = self.items.iter().filter(|item| item.done()).collect();
        let well = ends.iter().filter(|item| item.reward() > Some(0.0)).count();
        (!ends.is_empty()).then(|| well as f64 / ends.len() as f64)
    }

    /// How evenly the batch covers the strata it has: 0 for one stratum, 1 where every event has its own (one less Simpson's
    /// index, scaled to the size of the batch).
    #[must_use]
    pub fn diversity(&self) -> f64 {
        let n = self.items.len();
        if n < 2 {
            return 0.0;
        }
        let mut strata: Vec<u16> = self.items.iter().map(|item| item.stratum).collect();
        strata.sort_unstable();
        let same: usize = strata
            .chunk_by(u16::eq)
            .map(|s| s.len() * (s.len() - 1))
            .sum();
        1.0 - same as f64 / (n * (n - 1)) as f64
    }
}
