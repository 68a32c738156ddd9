//! Load of others as arithmetic: shares from counters, and how long a threshold has been crossed. Pure.

use std::time::Duration;

use crate::clock::Instant;

/// A sample after a longer gap than this says nothing of now. Longer than the minute between two looks while nothing can
/// begin: their mean is what is shown then, and nothing begins by it (the supervisor looks twice). Time asleep is in
/// neither the gap nor the counters.
const LONGEST_GAP: Duration = Duration::from_secs(90);

/// Counters of one look, in seconds since boot of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counters {
    /// CPU time that the whole machine was busy.
    pub busy: f64,
    /// CPU time that the whole machine had: busy, idle and waiting, over all its processors; not what its host stole.
    pub total: f64,
    /// The part of `busy` that was ours.
    pub ours: f64,
    /// Time that others stood ready to run and had no processor, summed over all of them.
    pub waited: f64,
}

/// Share of the machine that others used or stood waiting for between two looks; `None` where the two do not compare.
#[must_use]
pub fn others(before: Counters, after: Counters, gap: Duration) -> Option<f64> {
    let total = after.total - before.total;
    let busy = after.busy - before.busy;
    let ours = after.ours - before.ours;
    // Others stand runnable for one another too, and by a quota of their own while processors idle: for us no longer than we
    // ran, and only that would be theirs without us.
    let waited = (after.waited - before.waited).clamp(0.0, ours.max(0.0));
    // What cannot be read for a moment counts as nothing: the sum falls.
    if gap > LONGEST_GAP || total <= 0.0 || busy < 0.0 || ours < 0.0 {
        return None;
    }
    // Ours is counted to the nanosecond and the whole in ticks: a difference below nothing is none.
    let used = (busy - ours).max(0.0);
    Some(((used + waited) / total).clamp(0.0, 1.0))
}

/// A look that could not tell breaks no row, but a row of such looks does: after this long nothing is known. Longer than the
/// five seconds in which the slowest look is waited for and the pause behind it: each look tells of all the time since the one
/// before, however long it took.
const LONGEST_BLINK: Duration = Duration::from_secs(6);

/// How long a reading has stood over its threshold without a break.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dwell {
    row: Option<Row>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    since: Instant,
    last: Instant,
}

impl Dwell {
    /// Takes one look; `None` is a look that could not tell.
    pub fn observe(&mut self, over: Option<bool>, now: Instant) -> Duration {
        self.row = match (over, self.row) {
            (Some(false), _) => None,
            (None, row) => row.filter(|row| now <= row.last + LONGEST_BLINK),
            (Some(true), Some(row)) if now <= row.last + LONGEST_BLINK => {
                Some(Row { last: now, ..row })
            }
            (Some(true), _) => Some(Row {
                since: now,
                last: now,
            }),
        };
        // Only a look that saw it may decide.
        self.row
            .filter(|_| over == Some(true))
            .map_or(Duration::ZERO, |row| {
                now.saturating_duration_since(row.since)
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    fn at(busy: f64, total: f64, ours: f64) -> Counters {
        Counters {
            busy,
            total,
            ours,
            waited: 0.0,
        }
    }

    #[test]
    fn our_own_full_load_is_nobody_elses() {
        let share = others(
            at(10.0, 100.0, 5.0),
            at(12.0, 102.0, 7.0),
            Duration::from_secs(1),
        );
        assert_eq!(share, Some(0.0));
    }

    #[test]
    fn another_programs_load_is_a_share_of_the_whole_machine() {
        let share = others(at(0.0, 0.0, 0.0), at(2.0, 2.0, 0.5), Duration::from_secs(1));
        assert_eq!(share, Some(0.75));
    }

    #[test]
    fn a_program_that_is_starved_needs_what_it_waits_for() {
        let after = Counters {
            waited: 0.6,
            ..at(2.0, 2.0, 1.0)
        };
        let share = others(at(0.0, 0.0, 0.0), after, Duration::from_secs(1));
        assert!((share.expect("it is known") - 0.8).abs() < 1e-9);
    }

    #[test]
    fn who_waits_by_a_quota_of_its_own_needs_no_more_than_it_has() {
        let waits = |busy, ours| Counters {
            waited: 3.0,
            ..at(busy, 4.0, ours)
        };
        let share = |after| others(at(0.0, 0.0, 0.0), after, Duration::from_secs(2));
        assert_eq!(share(waits(1.0, 0.0)), Some(0.25), "nothing of ours ran");
        // Two of ours ran for a second in all: no more than that is anybody's for whom they stood in the way.
        assert_eq!(share(waits(2.0, 1.0)), Some(0.5));
        assert_eq!(share(waits(4.0, 3.0)), Some(1.0), "starved by us");
        let backwards = Counters {
            waited: -1.0,
            ..at(2.0, 4.0, 1.0)
        };
        assert_eq!(share(backwards), Some(0.25), "somebody took its past away");
    }

    #[test]
    fn looks_that_do_not_compare_say_nothing() {
        let a = at(10.0, 100.0, 5.0);
        let b = at(11.0, 102.0, 6.0);
        assert_eq!(others(a, b, Duration::from_hours(8)), None, "long ago");
        let minute = others(a, b, Duration::from_secs(61));
        assert_eq!(minute, Some(0.0), "what is shown while nothing can begin");
        assert_eq!(others(b, a, Duration::from_secs(1)), None, "backwards");
        assert_eq!(others(a, a, Duration::from_secs(1)), None, "no time passed");
        assert_eq!(
            others(a, at(11.0, 102.0, 4.0), Duration::from_secs(1)),
            None,
            "part of our tree left"
        );
    }

    #[test]
    fn a_dwell_counts_only_an_unbroken_row() {
        let start = clock::monotonic();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut dwell = Dwell::default();
        assert_eq!(dwell.observe(Some(true), later(0)), Duration::ZERO);
        assert_eq!(dwell.observe(Some(true), later(2)), Duration::from_secs(2));
        assert_eq!(dwell.observe(Some(false), later(3)), Duration::ZERO);
        assert_eq!(dwell.observe(Some(true), later(4)), Duration::ZERO);
    }

    #[test]
    fn a_look_that_could_not_tell_neither_breaks_a_row_nor_decides() {
        let start = clock::monotonic();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut dwell = Dwell::default();
        assert_eq!(dwell.observe(Some(true), later(0)), Duration::ZERO);
        assert_eq!(dwell.observe(None, later(1)), Duration::ZERO);
        assert_eq!(dwell.observe(Some(true), later(2)), Duration::from_secs(2));
        for second in 3..60 {
            assert_eq!(dwell.observe(None, later(second)), Duration::ZERO);
        }
        assert_eq!(dwell.observe(Some(true), later(60)), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_share_is_always_a_share(busy in 0.0..1e6f64, total in 0.0..1e6f64, ours in 0.0..1e6f64) {
            if let Some(share) = others(at(0.0, 0.0, 0.0), at(busy, total, ours), Duration::from_secs(1)) {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }
    }
}
