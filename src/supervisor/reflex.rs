//! The shortest way from a key press to stillness: the thread that notices input freezes the dream itself, before
//! anybody has judged it. Made by the supervisor, which judges afterwards and thaws what was frozen for nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tree::Tree;

/// Freezes only while it is armed: while a session runs that input may end.
#[derive(Debug)]
pub(super) struct Reflex {
    tree: Arc<Tree>,
    armed: Mutex<bool>,
}

impl Reflex {
    pub(super) fn new(tree: Arc<Tree>) -> Self {
        Self {
            tree,
            armed: Mutex::new(false),
        }
    }

    pub(super) fn arm(&self, armed: bool) {
        *self.lock() = armed;
    }

    /// Input was noticed: the write happens under the lock, so that nothing is frozen after it was let go.
    pub(super) fn strike(&self) {
        let armed = self.lock();
        if *armed {
            self.tree.freeze();
        }
    }

    /// The session is over: gives the CPU back to an empty tree, for the next one.
    pub(super) fn let_go(&self) {
        let mut armed = self.lock();
        *armed = false;
        self.tree.thaw();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
