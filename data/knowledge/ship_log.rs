//! The ring buffer of the ships' data recorder: it keeps the newest entries and forgets the oldest.
//!
//! A recorder must never run out of room in the middle of a crossing, so it is given room once and writes in a circle.

/// The newest `capacity` entries, oldest first when read.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    entries: Vec<T>,
    capacity: usize,
    /// Place of the oldest entry once the ring is full.
    oldest: usize,
}

impl<T> Ring<T> {
    /// An empty ring; a capacity of zero keeps nothing at all.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: Vec::with_capacity(capacity),
            capacity,
            oldest: 0,
        }
    }

    /// Adds an entry and returns the one that had to make room for it.
    pub fn push(&mut self, entry: T) -> Option<T> {
        if self.capacity == 0 {
            return Some(entry);
        }
        if self.entries.len() < self.capacity {
            self.entries.push(entry);
            return None;
        }
        let forgotten = std::mem::replace(&mut self.entries[self.oldest], entry);
        self.oldest = (self.oldest + 1) % self.capacity;
        Some(forgotten)
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (newer, older) = self.entries.split_at(self.oldest);
        older.iter().chain(newer)
    }

    /// How many entries the ring holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Mean of the newest readings, `None` while there are none: what the bridge shows as the wind of the last minutes.
pub fn smoothed(ring: &Ring<f64>) -> Option<f64> {
    if ring.is_empty() {
        return None;
    }
    let sum: f64 = ring.iter().sum();
    Some(sum / ring.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_forgets_its_oldest_entry() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.push(1), None);
        assert_eq!(ring.push(2), None);
        assert_eq!(ring.push(3), Some(1));
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [2, 3]);
    }
}
