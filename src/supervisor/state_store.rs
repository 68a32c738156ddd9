//! A versioned value that many may write and everybody may follow. The supervisor publishes its snapshot through one;
//! a writer that looked at an old version is told so and changes nothing.
//!
//! Followers get the current value first and always end on the newest: a slow one skips versions, never the last.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// How many versions stay at hand: some nights of ordinary states.
pub const HISTORY: usize = 256;

/// A value that knows its version.
pub trait Versioned: Clone + PartialEq {
    fn version(&self) -> u64;
    fn set_version(&mut self, version: u64);

    /// Whether this version is worth keeping once `next` has taken its place.
    fn is_kept_before(&self, next: &Self) -> bool {
        let _ = next;
        true
    }
}

/// Somebody else wrote first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("version {expected} was expected and {found} is there")]
pub struct Conflict {
    pub expected: u64,
    pub found: u64,
}

#[derive(Debug)]
pub struct StateStore<T> {
    current: watch::Sender<T>,
    history: Mutex<VecDeque<T>>,
}

impl<T: Versioned> StateStore<T> {
    pub fn new(first: T) -> Self {
        let (current, _) = watch::channel(first);
        Self {
            current,
            history: Mutex::default(),
        }
    }

    /// The newest value.
    pub fn get(&self) -> T {
        self.current.borrow().clone()
    }

    /// Writes `value` as the version after `expected`, and says which that is. A value that differs in nothing but its
    /// version makes no new one.
    ///
    /// # Errors
    /// `Conflict` where the current version is another; nothing is written then.
    pub fn compare_and_set(&self, expected: u64, mut value: T) -> Result<u64, Conflict> {
        let mut answer = Ok(expected);
        self.current.send_if_modified(|now| {
            let found = now.version();
            if found != expected {
                answer = Err(Conflict { expected, found });
                return false;
            }
            value.set_version(found);
            if *now == value {
                return false;
            }
            let next = found + 1;
            value.set_version(next);
            answer = Ok(next);
            let before = std::mem::replace(now, value.clone());
            if !before.is_kept_before(now) {
                return true;
            }
            // Under the channel's own lock: the history has the order of the versions.
            let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.push_back(before);
            if history.len() > HISTORY {
                history.pop_front();
            }
            true
        });
        answer
    }

    /// Follows the value: the current one first.
    pub fn subscribe(&self) -> watch::Receiver<T> {
        let mut receiver = self.current.subscribe();
        receiver.mark_changed();
        receiver
    }

    /// Earlier versions that were worth keeping, the oldest first; at most `HISTORY` of them.
    pub fn history(&self) -> Vec<T> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Count {
        version: u64,
        sum: u64,
    }

    impl Versioned for Count {
        fn version(&self) -> u64 {
            self.version
        }

        fn set_version(&mut self, version: u64) {
            self.version = version;
        }
    }

    fn store() -> StateStore<Count> {
        StateStore::new(Count { version: 0, sum: 0 })
    }

    #[test]
    fn a_writer_that_looked_at_an_old_version_changes_nothing() {
        let store = store();
        let add = |sum| Count { version: 99, sum };
        assert_eq!(store.compare_and_set(0, add(5)), Ok(1));
        let late = store.compare_and_set(0, add(7));
        let (expected, found) = (0, 1);
        assert_eq!(late, Err(Conflict { expected, found }));
        assert_eq!(store.get(), Count { version: 1, sum: 5 });
        assert_eq!(store.compare_and_set(1, add(5)), Ok(1), "nothing new");
        assert_eq!(store.history().len(), 1);
    }

    #[test]
    fn of_many_writers_none_is_lost() {
        const WRITERS: u64 = 8;
        const EACH: u64 = 100_000;
        let store = Arc::new(store());
        let mut follower = store.subscribe();
        let threads: Vec<_> = (0..WRITERS)
            .map(|_| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        loop {
                            let seen = store.get();
                            let next = Count {
                                sum: seen.sum + 1,
                                ..seen
                            };
                            if store.compare_and_set(seen.version, next).is_ok() {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("it writes to its end");
        }
        let (version, sum) = (WRITERS * EACH, WRITERS * EACH);
        assert_eq!(store.get(), Count { version, sum });
        assert_eq!(follower.borrow_and_update().version, version, "the newest");
        assert_eq!(store.history().len(), HISTORY);
    }

    #[test]
    fn a_follower_gets_the_current_value_first() {
        let store = store();
        let value = Count { version: 0, sum: 3 };
        store.compare_and_set(0, value).expect("nobody else writes");
        let mut follower = store.subscribe();
        assert!(follower.has_changed().expect("the store lives"));
        assert_eq!(follower.borrow_and_update().sum, 3);
    }
}
