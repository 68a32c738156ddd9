//! Waits between looks at what is just ending. They grow: what dies wants the processors more than we want to know, and
//! several sandboxes are waited for at once. Pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(8);

/// Pauses that double, until they make `all` together.
pub(super) fn up_to(all: Duration) -> impl Iterator<Item = Duration> {
    let (mut next, mut left) = (FIRST, all);
    std::iter::from_fn(move || {
        let pause = next.min(left);
        left -= pause;
        next = (next * 2).min(LONGEST);
        (!pause.is_zero()).then_some(pause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_make_the_whole() {
        let pauses: Vec<_> = up_to(Duration::from_millis(30)).collect();
        let milliseconds: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(milliseconds, [1, 2, 4, 8, 8, 7]);
        assert_eq!(up_to(Duration::ZERO).count(), 0);
    }
}
