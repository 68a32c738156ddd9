//! What the machine does on our behalf outside our own processes: told by whoever asks for it, read by the senses so
//! that a dream never takes its own work for another program's. Called by the engine and the LLM client's owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A cheap handle that the engine and the senses share.
#[derive(Debug, Clone, Default)]
pub struct OwnWork {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Requests in flight by base URL.
    in_flight: BTreeMap<String, u64>,
    /// Servers that worked for us at any moment since the last look.
    touched: BTreeSet<String>,
    containers: Held,
    /// Of these containers, those of which it is not known what they use.
    outside: Held,
}

/// What is held now, and whether it was at any moment since the last look.
#[derive(Debug, Default)]
struct Held {
    count: u64,
    touched: bool,
}

impl Held {
    fn begin(&mut self) {
        self.count += 1;
        self.touched = true;
    }

    fn end(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    fn take(&mut self) -> bool {
        std::mem::replace(&mut self.touched, self.count > 0)
    }
}

/// What was ours since the look before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ours {
    /// Base URLs of model servers that answered us.
    pub servers: BTreeSet<String>,
    /// The container engine worked for us.
    pub containers: bool,
    /// Containers of ours ran of which it is not known what they used.
    pub outside: bool,
}

impl OwnWork {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Held for as long as a request to the model server at `url` is in flight.
    #[must_use]
    pub fn begin_llm(&self, url: &str) -> LlmGuard {
        let mut inner = self.lock();
        *inner.in_flight.entry(url.to_owned()).or_default() += 1;
        inner.touched.insert(url.to_owned());
        LlmGuard {
            own: self.clone(),
            url: url.to_owned(),
        }
    }

    /// Held for as long as the container engine has containers of ours; `counted` where the dream's tree counts each of them, or
    /// knows that it cannot.
    #[must_use]
    pub fn begin_containers(&self, counted: bool) -> ContainersGuard {
        let mut inner = self.lock();
        inner.containers.begin();
        if !counted {
            inner.outside.begin();
        }
        ContainersGuard {
            own: self.clone(),
            counted,
        }
    }

    /// Everything that worked for us since the last call.
    pub(super) fn take(&self) -> Ours {
        let mut inner = self.lock();
        let still = inner.in_flight.keys().cloned().collect();
        let servers = std::mem::replace(&mut inner.touched, still);
        Ours {
            servers,
            containers: inner.containers.take(),
            outside: inner.outside.take(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct LlmGuard {
    own: OwnWork,
    url: String,
}

impl Drop for LlmGuard {
    fn drop(&mut self) {
        let mut inner = self.own.lock();
        if let Some(count) = inner.in_flight.get_mut(&self.url) {
            *count -= 1;
            if *count == 0 {
                inner.in_flight.remove(&self.url);
            }
        }
    }
}

/// Containers of ours exist.
#[derive(Debug)]
pub struct ContainersGuard {
    own: OwnWork,
    counted: bool,
}

impl Drop for ContainersGuard {
    fn drop(&mut self) {
        let mut inner = self.own.lock();
        inner.containers.end();
        if !self.counted {
            inner.outside.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_began_and_ended_between_two_looks_is_still_seen_once() {
        let own = OwnWork::new();
        drop(own.begin_llm("http://127.0.0.1:1"));
        assert!(own.take().servers.contains("http://127.0.0.1:1"));
        assert_eq!(own.take(), Ours::default());
    }

    #[test]
    fn a_request_is_seen_for_as_long_as_any_runs() {
        let own = OwnWork::new();
        let one = own.begin_llm("a");
        let two = own.begin_llm("a");
        drop(one);
        own.take();
        assert!(own.take().servers.contains("a"));
        drop(two);
        assert!(own.take().servers.contains("a"), "up to the last look");
        assert!(own.take().servers.is_empty());
    }

    #[test]
    fn containers_count_until_the_look_after_they_went() {
        let own = OwnWork::new();
        let held = own.begin_containers(true);
        let outside = own.begin_containers(false);
        assert!(own.take().outside);
        drop(outside);
        own.take();
        let seen = own.take();
        assert!(seen.containers && !seen.outside);
        drop(held);
        assert!(own.take().containers);
        assert!(!own.take().containers);
    }
}
