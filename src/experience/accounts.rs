//! Each sink's account, kept in the database whatever the sinks are: with each batch of the durable sink, for the others
//! soon after something moved, for all at the end. Without it a stream that only fills a file or a server would leave
//! nothing that says what it lost.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sink::Figures;
use super::sink::durable::NAME;
use crate::clock;
use crate::store::{NewExperience, SinkCount, Store, StoreError};

/// How soon after an event the accounts say so: what a kill may hide is no more than the newest seconds.
const SOON: Duration = Duration::from_secs(2);

/// Each sink's name and figures.
type All = Vec<(&'static str, Figures)>;

pub(super) struct Accounts {
    store: Arc<Store>,
    run: String,
    /// Asks every sink.
    ask: Box<dyn Fn() -> All + Send + Sync>,
    /// What the keeper saved last. Held from the question to the answer's saving: an older account never overwrites a
    /// newer one.
    saved: Mutex<All>,
    keeper: Mutex<Keeper>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Keeper {
    moved: bool,
    over: bool,
}

impl Accounts {
    pub(super) fn new(
        store: &Arc<Store>,
        run: &str,
        ask: impl Fn() -> All + Send + Sync + 'static,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            ask: Box::new(ask),
            saved: Mutex::default(),
            keeper: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Events of the durable sink, and in the same step every account as it will be once they stand.
    pub(super) fn save_with(&self, rows: &[NewExperience<'_>]) -> Result<(), StoreError> {
        let _order = self.saved();
        let mut all = (self.ask)();
        if let Some((_, own)) = all.iter_mut().find(|(name, _)| *name == NAME) {
            let moved = (rows.len() as u64).min(own.buffered);
            own.flushed += moved;
            own.buffered -= moved;
        }
        self.save(rows, &all)
    }

    /// The last word, once every sink is closed.
    pub(super) fn save_all(&self) -> Result<(), StoreError> {
        let _order = self.saved();
        self.save(&[], &(self.ask)())
    }

    /// Something came: the accounts are due. Called by the stream's writer; waits for no disk.
    pub(super) fn moved(&self) {
        self.keeper().moved = true;
        self.changed.notify_all();
    }

    /// Ends the keeper; its accounts are for [`Self::save_all`].
    pub(super) fn close(&self) {
        self.keeper().over = true;
        self.changed.notify_all();
    }

    /// The keeper's thread: sleeps until something moves, and saves what became of it.
    pub(super) fn keep(&self) {
        let mut told = false;
        while self.is_due() {
            match self.save_others() {
                Ok(waiting) => {
                    told = false;
                    self.keeper().moved |= waiting;
                }
                Err(error) => {
                    // Said once, not with every try.
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "the accounts of the experiences wait for the database");
                    }
                    self.keeper().moved = true;
                }
            }
        }
    }

    /// Waits for something that moved, and a little longer for more of it. False once it is over.
    fn is_due(&self) -> bool {
        let mut keeper = self.keeper();
        while !keeper.moved && !keeper.over {
            let woken = self.changed.wait(keeper);
            keeper = woken.unwrap_or_else(PoisonError::into_inner);
        }
        let until = clock::monotonic() + SOON;
        while !keeper.over {
            let left = until.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                keeper.moved = false;
                return true;
            }
            let woken = self.changed.wait_timeout(keeper, left);
            keeper = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// All but the durable sink's, which stands with its events; whether any of their events still waits.
    fn save_others(&self) -> Result<bool, StoreError> {
        let mut saved = self.saved();
        let mut others = (self.ask)();
        others.retain(|(name, _)| *name != NAME);
        if *saved != others {
            self.save(&[], &others)?;
            saved.clone_from(&others);
        }
        Ok(others.iter().any(|(_, figures)| figures.buffered > 0))
    }

    fn save(
        &self,
        rows: &[NewExperience<'_>],
        all: &[(&'static str, Figures)],
    ) -> Result<(), StoreError> {
        let counts: Vec<_> = all
            .iter()
            .map(|(name, figures)| {
                let count = SinkCount {
                    written: figures.written,
                    flushed: figures.flushed,
                    dropped: figures.dropped,
                    buffered: figures.buffered,
                };
                (*name, count)
            })
            .collect();
        self.store
            .keep_experience(rows, &self.run, &counts, clock::utc())
    }

    fn saved(&self) -> MutexGuard<'_, All> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
