//! What the senses tell the moment it happens, instead of when they are asked. Made by the senses, heard by the
//! supervisor. Says that there was input, never which.

use std::sync::Arc;

use crate::clock::Instant;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// A key of a keyboard or of a terminal.
    Key,
    /// A mouse or another pointer moved: a hand, or a bumped desk.
    Pointer,
    /// A session was opened or unlocked.
    Login,
    /// A person asked for the machine by a command.
    Asked,
    /// The machine is about to sleep, or has just slept.
    Sleep,
}

/// What, and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    pub what: Notice,
    pub at: Instant,
}

/// Hears of it on the thread that noticed it; never blocks.
pub type Hear = Arc<dyn Fn(&Noticed) + Send + Sync>;

/// Keeps something listening; dropping it ends that.
pub struct Listening {
    _guard: Box<dyn Send>,
}

impl Listening {
    #[must_use]
    pub fn new(guard: impl Send + 'static) -> Self {
        Self {
            _guard: Box::new(guard),
        }
    }
}

impl std::fmt::Debug for Listening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listening")
    }
}
