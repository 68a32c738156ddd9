//! Looking after the file: indexes that the planner trusts, and the room of what was deleted given back to the disk.
//! Called while nothing is dreamed, with a connection of its own; ends soon after it is told to.

use rusqlite::{Connection, ErrorCode};

use super::{Store, StoreError};

/// How many of SQLite's steps pass between two looks at whether to stop: well under a millisecond.
const STEPS: i32 = 1000;
/// Below this share of empty pages, and below this many bytes, writing the whole file anew costs more than it gives.
const EMPTY_SHARE: f64 = 0.2;
const EMPTY_BYTES: u64 = 8 << 20;

/// What compacting gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    pub before_bytes: u64,
    pub after_bytes: u64,
}

impl Store {
    /// `None` where it was told to stop; the file is then as it was.
    ///
    /// # Errors
    /// Where the database fails, or another process writes to it all the time.
    pub fn compact(
        &self,
        stop: impl Fn() -> bool + Send + 'static,
    ) -> Result<Option<Compacted>, StoreError> {
        if stop() {
            return Ok(None);
        }
        let connection = self.lock();
        connection.progress_handler(STEPS, Some(stop))?;
        let done = compact(&connection);
        connection.progress_handler(0, None::<fn() -> bool>)?;
        match done {
            Ok(done) => Ok(Some(done)),
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::OperationInterrupted =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn compact(connection: &Connection) -> rusqlite::Result<Compacted> {
    let pragma = |name: &str| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map(|value| u64::try_from(value).unwrap_or(0))
    };
    let page = pragma("page_size")?;
    let before = pragma("page_count")?;
    connection.execute_batch("PRAGMA optimize")?;
    let empty = pragma("freelist_count")?;
    if empty * page >= EMPTY_BYTES && empty as f64 >= EMPTY_SHARE * before as f64 {
        connection.execute_batch("VACUUM")?;
    }
    // The log of writes shrinks only where somebody asks; readers elsewhere may keep it from doing so this time.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Compacted {
        before_bytes: before * page,
        after_bytes: pragma("page_count")? * page,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database in which most of the room is empty.
    fn hollow() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("dreamer.db")).unwrap();
        store
            .lock()
            .execute_batch(
                "CREATE TABLE bulk (x BLOB);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
                 INSERT INTO bulk SELECT randomblob(1048576) FROM n;
                 DELETE FROM bulk WHERE rowid > 1;",
            )
            .unwrap();
        (folder, store)
    }

    #[test]
    fn empty_room_is_given_back_and_what_is_there_stays() {
        let (folder, store) = hollow();
        let done = store.compact(|| false).unwrap().expect("nobody stops it");
        assert!(done.before_bytes > 24 << 20, "{done:?}");
        assert!(done.after_bytes < 2 << 20, "{done:?}");
        let file = folder.path().join("dreamer.db");
        assert_eq!(file.metadata().unwrap().len(), done.after_bytes);
        let rows: i64 = store
            .lock()
            .query_row("SELECT count(*) FROM bulk", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 1);
        // A second time there is nothing to do.
        let again = store.compact(|| false).unwrap().unwrap();
        assert_eq!(again.before_bytes, again.after_bytes);
    }

    #[test]
    fn told_to_stop_it_leaves_the_file_as_it_was() {
        let (_folder, store) = hollow();
        assert_eq!(store.compact(|| true).unwrap(), None);
        let count = "PRAGMA page_count";
        let pages: i64 = store.lock().query_row(count, [], |row| row.get(0)).unwrap();
        assert!(pages * 4096 > 24 << 20);
        // And it works as before.
        assert!(store.compact(|| false).unwrap().is_some());
    }
}
