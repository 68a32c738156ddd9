//! Turns a verified dream into files and a lesson, keeps the review, renders the night. Called by the engine (publish),
//! by every start (recover) and by the front doors. Never judges, never writes a file that its row does not hold.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::clock;
use crate::config::Settings;
use crate::dream::{
    AttemptFact, Candidate, DroppedCheck, GateReport, Generator, Lesson, Provenance, Review,
    Sketch, Tier, Tokens, Topic, Tries,
};
use crate::guardian::VerifiedDream;
use crate::ids::{DreamId, SessionId};
use crate::store::{DreamRow, DreamState, Store};

mod error;
pub mod escape;
mod files;
mod forget;
pub mod night;
mod page;
pub mod plain;
pub mod pytest_file;
mod recover;
mod shelf;

pub use crate::dream::DreamRecord;
pub use error::JournalError;
pub use forget::forget_derived;
pub use night::{night_of, write_night};
pub use recover::{Recovery, recover};

/// Where the journal writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// DREAMING_OUTPUT_DIR, absolute: rows remember it.
    pub output: PathBuf,
    /// DREAMING_DATA_DIR.
    pub data: PathBuf,
}

impl Dirs {
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        // Fails only for an empty path or a lost working folder; the path as given is then the best there is.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            output: absolute(&settings.output_dir),
            data: absolute(&settings.data_dir),
        }
    }
}

/// What the session knows of a dream beyond its proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// A new one, or the fact's.
    pub dream_id: DreamId,
    pub session_id: SessionId,
    pub generator: Generator,
    pub provenance: Provenance,
    pub topic: Option<Topic>,
    /// The weaver's worked line of thought; stays in the database.
    pub thought: Option<String>,
    pub dropped_checks: Vec<DroppedCheck>,
    pub tries: Option<Tries>,
    pub sketch: Sketch,
    pub tokens: Tokens,
    /// From the first question to the verdict, in seconds.
    pub seconds: f64,
    pub at: Timestamp,
    /// What later nights learn of it: written with the row, gone with it where it comes to nothing.
    pub fact: Option<AttemptFact>,
}

/// A dream that stands on the shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedDream {
    pub record: DreamRecord,
    pub code_path: PathBuf,
    pub test_path: PathBuf,
    pub record_path: PathBuf,
}

/// Puts a verified dream on the shelf: row, files, lesson. Takes tens of milliseconds (four syncs), seconds on a busy
/// disk; call it off the event loop.
///
/// # Errors
/// Where the database or the folder cannot be written; then nothing of the dream is left.
pub fn publish(
    store: &Store,
    dirs: &Dirs,
    dream: VerifiedDream,
    publication: Publication,
) -> Result<PublishedDream, JournalError> {
    let proof = Proof {
        candidate: dream.candidate().clone(),
        tier: dream.tier(),
        evidence: dream.evidence().to_vec(),
        contaminated: dream.contaminated(),
    };
    // Consumed: a proof makes one dream.
    drop(dream);
    let fact = publication.fact.clone();
    publish_row(store, dirs, row_of(dirs, proof, publication), fact.as_ref())
}

/// What a `VerifiedDream` says, in this room alone.
struct Proof {
    candidate: Candidate,
    tier: Tier,
    evidence: Vec<GateReport>,
    contaminated: bool,
}

/// Everything that will ever be known of the dream, so that its files come from the row alone.
fn row_of(dirs: &Dirs, proof: Proof, publication: Publication) -> DreamRow {
    let dream_id = publication.dream_id;
    let Proof {
        candidate,
        tier,
        evidence,
        contaminated,
    } = proof;
    let code_text = files::code_text(
        &dream_id,
        &candidate.scenario,
        tier,
        publication.generator,
        &candidate.code,
    );
    let test_text = pytest_file::test_text(&dream_id, &candidate.scenario, candidate.all_checks());
    let (code_file, test_file) = (files::code_file(&dream_id), files::test_file(&dream_id));
    let sha256 = files::hashes([
        (code_file.clone(), &code_text),
        (test_file.clone(), &test_text),
    ]);
    DreamRow {
        record: DreamRecord {
            dream_id,
            session_id: publication.session_id,
            scenario: candidate.scenario,
            code_file,
            test_file,
            timestamp: clock::stamp(publication.at),
            synthetic: true,
            checks: candidate.checks,
            hidden_checks: candidate.hidden_checks,
            tier,
            evidence,
            provenance: publication.provenance,
            generator: publication.generator,
            sha256,
            review: Review::Pending,
            contaminated,
            topic: publication.topic,
            dropped_checks: publication.dropped_checks,
            tries: publication.tries,
            seconds: publication.seconds,
            tokens: publication.tokens,
        },
        state: DreamState::Staged,
        folder: dirs.output.clone(),
        code: candidate.code,
        code_text,
        test_text,
        thought: publication.thought,
        choice: publication.fact.and_then(|fact| fact.choice),
        sketch: publication.sketch,
    }
}

fn publish_row(
    store: &Store,
    dirs: &Dirs,
    row: DreamRow,
    fact: Option<&AttemptFact>,
) -> Result<PublishedDream, JournalError> {
    let _guard = shelf::Guard::take(&dirs.data)?;
    let lesson = lesson_of(&row);
    shelf::Publishing::new(store, &row, &lesson)
        .teaching(fact)
        .finish()?;
    Ok(PublishedDream {
        code_path: row.folder.join(&row.record.code_file),
        test_path: row.folder.join(&row.record.test_file),
        record_path: row.folder.join(files::record_file(&row.record.dream_id)),
        record: row.record,
    })
}

/// A person's word on a dream: into the row and into its `.json`.
///
/// # Errors
/// `NotFound`, `Withdrawn` where its `.json` is gone, or where the row or the file cannot be written.
pub fn review(
    store: &Store,
    dirs: &Dirs,
    dream: &DreamId,
    review: Review,
) -> Result<DreamRecord, JournalError> {
    let _guard = shelf::Guard::take(&dirs.data)?;
    let mut row = standing(store, dream)?;
    row.record.review = review;
    store.begin_rewriting_dream(&row.record)?;
    shelf::rewrite_record(&row)?;
    store.end_rewriting_dream(dream)?;
    Ok(row.record)
}

/// Takes a dream from the shelf for good: its files, its lesson, and out of every list.
///
/// # Errors
/// `NotFound`, or where the row or the files cannot be changed.
pub fn withdraw(store: &Store, dirs: &Dirs, dream: &DreamId) -> Result<(), JournalError> {
    let _guard = shelf::Guard::take(&dirs.data)?;
    let row = store
        .dream(dream)?
        .filter(|row| row.state == DreamState::Published)
        .ok_or_else(|| JournalError::NotFound(dream.to_string()))?;
    store.begin_removing_dream(dream)?;
    shelf::remove_files(&row)?;
    store.withdraw_dream(dream)?;
    Ok(())
}

/// Withdraws every dream that names one of these documents, or one below these folders, among its sources; returns their ids.
///
/// # Errors
/// As `withdraw`; the dreams before the failing one are gone.
pub fn withdraw_derived(
    store: &Store,
    dirs: &Dirs,
    documents: &[String],
) -> Result<Vec<DreamId>, JournalError> {
    let mut withdrawn = Vec::new();
    for row in store.published_dreams(usize::MAX)? {
        if row.record.provenance.comes_of(documents) {
            withdraw(store, dirs, &row.record.dream_id)?;
            withdrawn.push(row.record.dream_id);
        }
    }
    Ok(withdrawn)
}

/// A published dream whose commit mark is there; one whose mark a person removed is withdrawn on the spot.
fn standing(store: &Store, dream: &DreamId) -> Result<DreamRow, JournalError> {
    let row = store
        .dream(dream)?
        .filter(|row| row.state != DreamState::Staged)
        .ok_or_else(|| JournalError::NotFound(dream.to_string()))?;
    if row.state == DreamState::Withdrawn {
        return Err(JournalError::Withdrawn(dream.clone()));
    }
    let mark = row.folder.join(files::record_file(dream));
    if row.folder.is_dir() && !mark.exists() {
        store.withdraw_dream(dream)?;
        return Err(JournalError::Withdrawn(dream.clone()));
    }
    Ok(row)
}

/// Finds the one dream whose id begins with what a person typed.
///
/// # Errors
/// `NotFound` or `Ambiguous`.
pub fn find(store: &Store, prefix: &str) -> Result<DreamRow, JournalError> {
    // Two are enough to know that it is not one.
    let found = store.dreams_by_prefix(prefix, 2)?;
    match found.as_slice() {
        [dream] if !prefix.is_empty() => store
            .dream(dream)?
            .ok_or_else(|| JournalError::NotFound(prefix.to_owned())),
        [] | [_] => Err(JournalError::NotFound(prefix.to_owned())),
        [_, ..] => Err(JournalError::Ambiguous {
            prefix: prefix.to_owned(),
            count: found.len(),
        }),
    }
}

/// The lesson that a dream leaves; made from its row alone, so that a start can learn it too.
fn lesson_of(row: &DreamRow) -> Lesson {
    crate::lessons::from_dream(&row.record, &row.code)
}

#[cfg(test)]
mod tests;
