//! Forgetting for good what was made of documents that their owner takes back: tries, facts, the events that they came of, and
//! the rows of dreams that were withdrawn. Called by the journal, which takes the dreams' files away first.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde::Deserialize;

use super::row::{from_json, id};
use super::{Store, StoreError, experience, learning};
use crate::dream::Provenance;
use crate::ids::SessionId;

/// What went with some documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Dreams whose files had been taken away.
    pub dreams: u64,
    /// Tries that became no dream.
    pub attempts: u64,
    pub facts: u64,
    /// Events of all their courses.
    pub experiences: u64,
    /// Sessions whose pages told of them.
    pub sessions: BTreeSet<SessionId>,
}

/// What the record of a dream and that of an attempt have in common.
#[derive(Deserialize)]
struct Made {
    #[serde(default)]
    provenance: Provenance,
}

/// What an event says of the try that it is about.
#[derive(Deserialize)]
struct About {
    data: Named,
}

#[derive(Deserialize)]
struct Named {
    attempt_id: Option<String>,
    dream_id: Option<String>,
}

/// Ids with the session of each.
type Tries = BTreeMap<String, SessionId>;

impl Store {
    /// Removes all that names one of these documents, or one below these folders, among its sources; in one step. Dreams that
    /// still stand are left alone.
    pub fn forget_derived(&self, places: &[String]) -> Result<Forgotten, StoreError> {
        self.erasing(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let gone = forget(&transaction, places)?;
            transaction.commit()?;
            Ok(gone)
        })
    }
}

fn forget(connection: &Connection, places: &[String]) -> Result<Forgotten, StoreError> {
    let attempts = derived(connection, "attempts", places)?;
    let dreams = derived(connection, "dreams WHERE state = 'withdrawn'", places)?;
    let mut tries = attempts.clone();
    tries.extend(dreams.clone());
    let mut gone = Forgotten {
        dreams: delete(connection, "dreams", &dreams)?,
        attempts: delete(connection, "attempts", &attempts)?,
        ..Forgotten::default()
    };
    // What a fact says, and what the events say themselves: an undecided try has no fact.
    let (topics, mut courses) = taught(connection, &tries)?;
    courses.extend(told(connection, &tries)?);
    gone.facts = delete(connection, "attempt_facts", &tries)?;
    gone.experiences = experience::forget_courses(connection, &courses)?;
    // They are made anew of what is left.
    for topic in &topics {
        connection.execute("DELETE FROM offline_models WHERE topic = ?1", [topic])?;
    }
    gone.sessions = tries.into_values().collect();
    Ok(gone)
}

/// Rows of a table whose record names one of the documents. A record that cannot be read names none.
fn derived(connection: &Connection, table: &str, places: &[String]) -> Result<Tries, StoreError> {
    let mut statement = connection.prepare(&format!("SELECT id, session, record FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut found = Tries::new();
    while let Some(row) = rows.next()? {
        let record: String = row.get(2)?;
        let made: Option<Made> = from_json(&record).ok();
        if made.is_some_and(|made| made.provenance.comes_of(places)) {
            let session: String = row.get(1)?;
            found.insert(row.get(0)?, id(SessionId::parse, &session)?);
        }
    }
    Ok(found)
}

fn delete(connection: &Connection, table: &str, tries: &Tries) -> Result<u64, StoreError> {
    let mut delete = connection.prepare(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    let mut gone = 0;
    for one in tries.keys() {
        gone += delete.execute([one])? as u64;
    }
    Ok(gone)
}

/// Topics and courses of events of the facts that these tries left.
fn taught(
    connection: &Connection,
    tries: &Tries,
) -> Result<(BTreeSet<String>, BTreeSet<String>), StoreError> {
    let mut statement =
        connection.prepare("SELECT topic, record FROM attempt_facts WHERE id = ?1")?;
    let (mut topics, mut courses) = (BTreeSet::new(), BTreeSet::new());
    for one in tries.keys() {
        let fact = statement.query_row([one], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        if let Some((topic, record)) = fact.optional()? {
            topics.insert(topic);
            courses.extend(learning::course_of(&record));
        }
    }
    Ok((topics, courses))
}

/// Courses of events that name one of these tries as what they came to.
fn told(connection: &Connection, tries: &Tries) -> Result<BTreeSet<String>, StoreError> {
    let mut courses = BTreeSet::new();
    if tries.is_empty() {
        return Ok(courses);
    }
    let mut statement = connection.prepare(
        "SELECT trajectory, record FROM experience
         WHERE trajectory IS NOT NULL AND type IN ('dream.saved', 'dream.fallen', 'dream.learned')",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let record: String = row.get(1)?;
        let Ok(About { data }) = from_json(&record) else {
            continue;
        };
        let named = data.attempt_id.or(data.dream_id);
        if named.is_some_and(|named| tries.contains_key(&named)) {
            courses.insert(row.get(0)?);
        }
    }
    Ok(courses)
}
