//! Model servers that still work on what nobody of us waits for any more. A request that is dropped ends at once for us; a
//! server that reads a long prompt hears of it when it wants to send the first word. Until it is done that work is ours.
//! Pure; part of the host's senses.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Instant;

/// A server that grew by less than this share of one processor is done: one that works takes at least one, one that waits for
/// requests next to nothing.
const DONE: f64 = 0.05;

/// The longest that a dropped request is believed in; no prompt takes longer to read. Whatever it does after that is somebody
/// else's.
const LONGEST: Duration = Duration::from_mins(10);

/// By address, those that have worked for us since they were last seen doing nothing, and the last look at which a request of
/// ours was in flight.
#[derive(Debug, Default)]
pub(super) struct Lingering(BTreeMap<String, Instant>);

impl Lingering {
    /// A request of ours was in flight since the look before.
    pub(super) fn asked(&mut self, url: &str, now: Instant) {
        self.0.insert(url.to_owned(), now);
    }

    /// Whether a server that nobody of us asked since the look before works for us all the same. `grew` is how many seconds of
    /// the processors it took since then; `None` where that is not known, which decides nothing.
    pub(super) fn works_on(
        &mut self,
        url: &str,
        grew: Option<f64>,
        gap: Duration,
        now: Instant,
    ) -> bool {
        let Some(asked) = self.0.get(url) else {
            return false;
        };
        let done = grew.is_some_and(|grew| grew < DONE * gap.as_secs_f64());
        if done || now.saturating_duration_since(*asked) > LONGEST {
            self.0.remove(url);
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const URL: &str = "http://127.0.0.1:1";
    const GAP: Duration = Duration::from_millis(500);

    #[test]
    fn what_a_server_still_does_about_our_request_is_ours_until_it_is_done() {
        let start = clock::monotonic();
        let later = |looks: u32| start + GAP * looks;
        let mut lingering = Lingering::default();
        assert!(
            !lingering.works_on(URL, Some(0.5), GAP, start),
            "nobody asked"
        );
        lingering.asked(URL, start);
        assert!(lingering.works_on(URL, Some(0.5), GAP, later(1)));
        assert!(lingering.works_on(URL, None, GAP, later(2)), "not known");
        assert!(
            lingering.works_on(URL, Some(0.03), GAP, later(3)),
            "it reads"
        );
        assert!(!lingering.works_on("http://127.0.0.1:2", Some(0.5), GAP, later(3)));
        assert!(!lingering.works_on(URL, Some(0.02), GAP, later(4)), "done");
        let again = lingering.works_on(URL, Some(0.5), GAP, later(5));
        assert!(!again, "what it does from here on is its owner's");
    }

    #[test]
    fn a_server_that_is_never_done_is_its_owners_in_the_end() {
        let start = clock::monotonic();
        let mut lingering = Lingering::default();
        lingering.asked(URL, start);
        assert!(lingering.works_on(URL, Some(9.0), GAP, start + LONGEST));
        assert!(!lingering.works_on(URL, Some(9.0), GAP, start + LONGEST + GAP));
        assert!(!lingering.works_on(URL, Some(9.0), GAP, start));
    }
}
