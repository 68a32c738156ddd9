//! The plants: bad candidates that the program planted to measure its own Guardian, and whether each got through.

use jiff::Timestamp;
use rusqlite::params;

use super::{Store, StoreError};
use crate::ids::SessionId;

pub(super) const SCHEMA: &str = "
CREATE TABLE plants (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    at      INTEGER NOT NULL,
    -- Version of the program: another Guardian has rates of its own.
    version TEXT NOT NULL,
    class   TEXT NOT NULL,
    kind    TEXT NOT NULL,
    through INTEGER NOT NULL
) STRICT;
";

impl Store {
    /// Notes what became of a plant.
    pub fn record_plant(
        &self,
        session: &SessionId,
        at: Timestamp,
        class: &str,
        kind: &str,
        through: bool,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO plants (session, at, version, class, kind, through) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                session.as_str(),
                at.as_millisecond(),
                env!("CARGO_PKG_VERSION"),
                class,
                kind,
                through,
            ],
        )?;
        Ok(())
    }

    /// How many of a class were ever planted.
    pub fn plants_made(&self, class: &str) -> Result<u64, StoreError> {
        let made: i64 = self.lock().query_row(
            "SELECT count(*) FROM plants WHERE class = ?1",
            [class],
            |row| row.get(0),
        )?;
        Ok(u64::try_from(made).unwrap_or_default())
    }

    /// Class and fate of this version's newest plants, newest first.
    pub fn plants(&self, limit: usize) -> Result<Vec<(String, bool)>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT class, through FROM plants WHERE version = ?1 ORDER BY seq DESC LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![env!("CARGO_PKG_VERSION"), limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_plants_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("dreamer.db")).unwrap();
        let session = SessionId::new();
        for (class, through) in [("certain", false), ("shown", true), ("shown", false)] {
            let now = Timestamp::UNIX_EPOCH;
            store
                .record_plant(&session, now, class, "mutant", through)
                .unwrap();
        }
        let newest = store.plants(2).unwrap();
        assert_eq!(
            newest,
            [("shown".to_owned(), false), ("shown".to_owned(), true)]
        );
        assert_eq!(store.plants(300).unwrap().len(), 3);
        assert_eq!(store.plants_made("shown").unwrap(), 2);
    }
}
