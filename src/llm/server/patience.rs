//! How long a server of ours is waited for. Called by the keeper, and by whoever waits for the keeper.

use std::time::Duration;

/// All in time that the server was not frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a server that does not answer at all while its process lives: some listen only once the model is loaded, and 70 GB
    /// come from a slow disk at 150 MB/s in eight minutes.
    pub coming_up: Duration,
    /// For one that says that it loads, beside that: it is at work, and no other start would be faster.
    pub loading: Duration,
    /// Between two questions whether one that a session holds still answers.
    pub between: Duration,
    /// For an answer to such a question. Nothing else is asked of it then, but the session's sandboxes may want every
    /// processor.
    pub answer: Duration,
}

/// Questions in a row that a server does not answer before it counts as hung: one may meet a machine that swaps.
pub(super) const UNANSWERED: u32 = 3;

impl Patience {
    pub const USUAL: Self = Self {
        coming_up: Duration::from_mins(10),
        loading: Duration::from_mins(15),
        between: Duration::from_secs(10),
        answer: Duration::from_secs(5),
    };

    /// Until one with which no request is any more is known to hang: the first question may have to be asked anew.
    #[must_use]
    pub(super) fn until_hung(self) -> Duration {
        (self.between + self.answer) * (UNANSWERED + 1)
    }

    /// Until a server has come up, or never will.
    #[must_use]
    pub const fn until_up(self) -> Duration {
        self.coming_up.saturating_add(self.loading)
    }
}
