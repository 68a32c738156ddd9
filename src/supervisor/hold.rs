//! What keeps a session frozen, and when it may go on. Pure; called by the transition table alone.
//!
//! A freeze costs nothing to undo, so everything suspicious freezes at once and is judged afterwards: a bumped desk is
//! forgiven after some quiet, load and heat once they have stayed low. What lasts is given up.

use std::time::Duration;

use crate::clock::Instant;
use crate::dream::WakeReason;

/// Quiet after a lone pointer event. A hand on a mouse moves again within this; a bumped desk does not.
pub const POINTER_QUIET: Duration = Duration::from_secs(20);

/// Pointer events this close to the first are one jolt: a mouse reports up to a thousand times a second.
pub const JOLT: Duration = Duration::from_millis(300);

/// How long load and heat must stay under their lower limits (BOINC holds for 20 s, its users asked for 30).
pub const CALM: Duration = Duration::from_secs(30);

/// A session that was frozen for load or heat this long is given up (HTCondor's MaxSuspendTime).
pub const LASTING: Duration = Duration::from_mins(10);

/// Thaws within an hour that are ordinary; each one more doubles the quiet that is asked for.
const ORDINARY_THAWS: usize = 6;
const HOUR: Duration = Duration::from_hours(1);
/// Doubled at most so often: six times makes 30 s half an hour, which is beyond `LASTING`.
const MOST_DOUBLINGS: u32 = 6;

/// When the session was thawed within the last hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thaws(Vec<Instant>);

impl Thaws {
    pub(super) fn note(&mut self, now: Instant) {
        self.0
            .retain(|thaw| now.saturating_duration_since(*thaw) < HOUR);
        self.0.push(now);
    }

    /// The quiet that is asked for: longer for a machine that flaps.
    fn stretched(&self, quiet: Duration, now: Instant) -> Duration {
        let recent = self.0.iter();
        let recent = recent
            .filter(|thaw| now.saturating_duration_since(**thaw) < HOUR)
            .count();
        let doublings = u32::try_from(recent.saturating_sub(ORDINARY_THAWS)).unwrap_or(u32::MAX);
        quiet * 2_u32.pow(doublings.min(MOST_DOUBLINGS))
    }
}

/// Load or heat over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Strained {
    reason: WakeReason,
    since: Instant,
    calm_since: Option<Instant>,
}

/// One jolt of a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Jolt {
    first: Instant,
    last: Instant,
}

/// Everything that keeps a session frozen; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    jolt: Option<Jolt>,
    strained: Option<Strained>,
}

/// What follows for a frozen session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Thaw,
    GiveUp(WakeReason),
}

impl Hold {
    pub(super) fn bumped(at: Instant) -> Self {
        Self {
            jolt: Some(Jolt {
                first: at,
                last: at,
            }),
            strained: None,
        }
    }

    pub(super) fn strained(reason: WakeReason, now: Instant) -> Self {
        Self {
            jolt: None,
            strained: Some(Strained {
                reason,
                since: now,
                calm_since: None,
            }),
        }
    }

    /// A pointer event; true where it is the second one, and so a hand.
    pub(super) fn pointer(&mut self, at: Instant, thaws: &Thaws) -> bool {
        let quiet = thaws.stretched(POINTER_QUIET, at);
        match &mut self.jolt {
            Some(jolt) if at <= jolt.first + JOLT => {
                jolt.last = jolt.last.max(at);
                false
            }
            Some(jolt) if at <= jolt.last + quiet => true,
            Some(_) | None => {
                self.jolt = Some(Jolt {
                    first: at,
                    last: at,
                });
                false
            }
        }
    }

    /// One look at load and heat.
    pub(super) fn strain(&mut self, over: Option<WakeReason>, calm: bool, now: Instant) {
        match (&mut self.strained, over) {
            (None, None) => {}
            (None, Some(reason)) => {
                self.strained = Self::strained(reason, now).strained;
            }
            (Some(strained), over) => {
                strained.reason = over.unwrap_or(strained.reason);
                strained.calm_since = if calm && over.is_none() {
                    strained.calm_since.or(Some(now))
                } else {
                    None
                };
            }
        }
    }

    /// What the session is frozen for.
    #[must_use]
    pub fn reason(&self) -> WakeReason {
        match (self.jolt, self.strained) {
            (None, Some(strained)) => strained.reason,
            (Some(_), _) | (None, None) => WakeReason::Presence,
        }
    }

    /// The load or heat among it.
    #[must_use]
    pub fn strain_reason(&self) -> Option<WakeReason> {
        self.strained.map(|strained| strained.reason)
    }

    pub(super) fn next(&self, thaws: &Thaws, now: Instant) -> Next {
        let jolted = self
            .jolt
            .is_some_and(|jolt| now < jolt.last + thaws.stretched(POINTER_QUIET, now));
        let strained = self.strained.is_some_and(|strained| {
            strained
                .calm_since
                .is_none_or(|calm| now < calm + thaws.stretched(CALM, now))
        });
        match self.strained {
            Some(lasting) if strained && now >= lasting.since + LASTING => {
                Next::GiveUp(lasting.reason)
            }
            Some(_) | None if jolted || strained => Next::Stay,
            Some(_) | None => Next::Thaw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_jolt_of_many_events_is_forgiven_after_its_quiet() {
        let start = clock::monotonic();
        let thaws = Thaws::default();
        let mut hold = Hold::bumped(start);
        for ms in [1, 8, 90, 250] {
            assert!(!hold.pointer(start + Duration::from_millis(ms), &thaws));
        }
        assert_eq!(hold.next(&thaws, start + seconds(20)), Next::Stay);
        assert_eq!(hold.next(&thaws, start + seconds(21)), Next::Thaw);
    }

    #[test]
    fn a_second_movement_is_a_hand() {
        let start = clock::monotonic();
        let thaws = Thaws::default();
        for ms in [301, 5_000, 20_000] {
            let mut hold = Hold::bumped(start);
            assert!(
                hold.pointer(start + Duration::from_millis(ms), &thaws),
                "{ms}"
            );
        }
        let mut hold = Hold::bumped(start);
        assert!(!hold.pointer(start + seconds(21), &thaws), "another bump");
        assert_eq!(hold.next(&thaws, start + seconds(40)), Next::Stay);
    }

    #[test]
    fn load_must_stay_low_without_a_break_and_what_lasts_is_given_up() {
        let start = clock::monotonic();
        let thaws = Thaws::default();
        let mut hold = Hold::strained(WakeReason::Load, start);
        hold.strain(None, true, start + seconds(10));
        hold.strain(None, false, start + seconds(30));
        hold.strain(None, true, start + seconds(31));
        assert_eq!(hold.next(&thaws, start + seconds(45)), Next::Stay);
        assert_eq!(hold.next(&thaws, start + seconds(61)), Next::Thaw);
        hold.strain(Some(WakeReason::Heat), true, start + seconds(62));
        let late = start + LASTING;
        assert_eq!(hold.next(&thaws, late), Next::GiveUp(WakeReason::Heat));
    }

    #[test]
    fn a_machine_that_flaps_has_to_be_quiet_for_longer_and_longer() {
        let start = clock::monotonic();
        let mut thaws = Thaws::default();
        for n in 0..6 {
            thaws.note(start + seconds(n));
        }
        assert_eq!(thaws.stretched(CALM, start + seconds(60)), CALM);
        for n in 6..8 {
            thaws.note(start + seconds(n));
        }
        assert_eq!(thaws.stretched(CALM, start + seconds(60)), CALM * 4);
        assert_eq!(thaws.stretched(CALM, start + seconds(3700)), CALM);
    }
}
