//! The SQLite file: the only SQL in the program, one file an area. Everything here is synchronous and short.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod attempts;
mod compact;
pub mod doctor;
mod dreams;
mod experience;
mod forget;
mod knowledge;
mod learning;
mod lessons;
mod models;
mod plants;
mod row;
mod sessions;

pub use compact::Compacted;
pub use dreams::{DreamRow, DreamState, Unfinished};
pub use experience::{ArchiveRow, ExperienceQuery, ExperienceRow, NewExperience, SinkCount};
pub use forget::Forgotten;
pub use knowledge::{
    Change, ClusterRow, GraphChunk, GraphRows, KnowledgeCounts, KnownDocument, NewChunk,
    NewCluster, NewDocument, RemovedDocument,
};
pub use learning::{FactsOf, SessionFactRow};
pub use models::ModelVersionRow;
pub use sessions::{SessionEvent, SessionRow, Statistics};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

/// How long a writer waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the database {path}")]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot create the folder {path}")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot bring the database {path} up to date")]
    Migrate {
        path: PathBuf,
        #[source]
        source: rusqlite_migration::Error,
    },
    #[error("the database failed")]
    Sql(#[from] rusqlite::Error),
    #[error("a row of the database cannot be read: {0}")]
    Row(String),
}

/// One open database. Cheap calls from anywhere; one at a time in this process, WAL between processes.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

/// The areas' tables, in the order in which they came to be. Only ever append.
fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(knowledge::SCHEMA),
        M::up(sessions::SCHEMA),
        M::up(dreams::SCHEMA),
        M::up(lessons::SCHEMA),
        M::up(plants::SCHEMA),
        M::up(experience::SCHEMA),
        M::up(learning::SCHEMA),
        M::up(learning::MARKS),
        M::up(dreams::CHOICE),
    ])
}

impl Store {
    /// Opens or creates the database, brings its tables up to date.
    ///
    /// # Errors
    /// Where the folder or the file cannot be used, with its path.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        }
        let open = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let mut connection = Connection::open(path).map_err(open)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(open)?;
        connection
            .pragma_update(None, "journal_mode", "wal")
            .map_err(open)?;
        // WAL with NORMAL may lose the last commits on power loss; a saved dream must not vanish.
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(open)?;
        connection
            .pragma_update(None, "foreign_keys", "on")
            .map_err(open)?;
        migrations()
            .to_latest(&mut connection)
            .map_err(|source| StoreError::Migrate {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Removes rows so that their bytes are overwritten in the file too.
    fn erasing<T>(
        &self,
        erase: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock();
        connection.pragma_update(None, "secure_delete", "on")?;
        let before = connection.total_changes();
        let erased = erase(&mut connection);
        connection.pragma_update(None, "secure_delete", "off")?;
        let erased = erased?;
        // The log still holds the old pages; a reader in another process may delay this, never fail it.
        if connection.total_changes() != before {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(erased)
    }

    /// The connection, also after a panic elsewhere: a transaction that was open then has been rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
