//! A clock that was wrong by most of a day and is set right: what was dreamed by the wrong one costs no later night.

use super::*;

fn hours(n: u64) -> Duration {
    Duration::from_hours(n)
}

/// Lives through the acts from this moment of the wall clock on; each of so many nights must be entered.
fn check_jumps(start: &str, acts: &[(Duration, Act)], length: Duration, nights: usize) {
    let start: Zoned = start.parse().expect("a zoned time");
    let script = Arc::new(Script::of(start, acts.to_vec(), length));
    let found = live_through("UTC", AFTER_MIDNIGHT, &script, acts);
    assert_eq!(found, nights, "the script has as many");
}

/// It was 20 hours ahead: the night that it dreamed ended at 6:00, and the next one begins before that by the clock set right.
#[test]
fn the_night_after_a_clock_was_set_back_by_20_hours_is_entered() {
    let acts = [
        (hours(8), Act::Clock(SignedDuration::from_hours(-20))),
        // No absence is to be long enough.
        (hours(9), Act::Input(Notice::Key)),
    ];
    check_jumps("2026-06-06T00:00[UTC]", &acts, hours(30), 2);
}

/// As above, but the machine wakes up from sleep a few minutes before the moment at which the wrong clock had ended its night.
#[test]
fn what_a_wrong_clock_wrote_does_not_hold_when_its_moment_comes() {
    let acts = [
        (hours(8), Act::Clock(SignedDuration::from_hours(-20))),
        // From 22:00 to 5:40.
        (hours(18), Act::Suspend(Duration::from_mins(460))),
    ];
    check_jumps("2026-06-06T00:00[UTC]", &acts, hours(20), 2);
}

/// It was 20 hours behind.
#[test]
fn a_clock_that_is_set_forward_by_20_hours_into_a_night_has_it_entered() {
    let acts = [(hours(8), Act::Clock(SignedDuration::from_hours(20)))];
    check_jumps("2026-06-05T00:00[UTC]", &acts, hours(14), 2);
}
