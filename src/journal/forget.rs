//! Takes back what was made of documents that their owner takes back: dreams with their files and lessons, tries, facts,
//! experiences, and the pages that told of them. Called by `knowledge forget`.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{Dirs, JournalError, night, withdraw_derived};
use crate::store::{Forgotten, Store};

/// Forgets all that names one of these documents, or one below these folders, among its sources, and renders the pages of
/// its nights anew, with times in `zone`. Paths are absolute.
///
/// # Errors
/// Where the database or a folder cannot be written; what went before that is gone.
pub fn forget_derived(
    store: &Store,
    dirs: &Dirs,
    documents: &[String],
    zone: &TimeZone,
) -> Result<Forgotten, JournalError> {
    withdraw_derived(store, dirs, documents)?;
    let gone = store.forget_derived(documents)?;
    let mut nights = BTreeSet::new();
    for session in &gone.sessions {
        nights.extend(store.session(session)?.map(|row| row.night));
    }
    for night in nights {
        // A page that somebody removed stays removed.
        if night::page_path(dirs, night).exists() {
            night::write_night(store, dirs, night, zone)?;
        }
    }
    Ok(gone)
}
