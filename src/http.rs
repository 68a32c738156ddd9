//! The front door for other processes: JSON over HTTP on a Unix socket in the data folder, for this user alone. Called
//! by `run` and by an in-process `dream`; the command line is its client. Holds no state of its own.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

pub mod api;
pub mod learning;
pub mod servers;

use crate::llm::server::Servers;
use crate::supervisor::SupervisorHandle;

const SOCKET: &str = "control.sock";
const LOCK: &str = "control.lock";

/// The longest path that a Unix socket can have: `sun_path` holds 108 bytes on Linux and 104 on macOS, with a zero.
const LONGEST_PATH: usize = 103;

/// Where the control socket of a data folder is.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("another dreamer already works in {0}")]
    Taken(PathBuf),
    #[error(
        "the path of the control socket is too long ({length} bytes, at most {LONGEST_PATH}): {path}; set DREAMING_DATA_DIR to a shorter one"
    )]
    TooLong { path: PathBuf, length: usize },
    #[error("cannot listen at {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The bound socket. The lock beside it holds as long as this process lives: whoever has it may replace a socket that
/// a dead process left.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    servers: Option<Servers>,
    learning: Option<PathBuf>,
    _lock: Flock<std::fs::File>,
}

impl Control {
    /// Binds `<data_dir>/control.sock`, for this user only.
    ///
    /// # Errors
    /// `Taken` while another process serves this data folder; otherwise with the path.
    pub async fn bind(data_dir: &Path) -> Result<Self, BindError> {
        let path = socket_path(data_dir);
        let failed = |source| BindError::Io {
            path: path.clone(),
            source,
        };
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(BindError::TooLong { path, length });
        }
        std::fs::create_dir_all(data_dir).map_err(failed)?;
        let lock = std::fs::File::create(data_dir.join(LOCK)).map_err(failed)?;
        let lock = match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                return Err(BindError::Taken(data_dir.to_owned()));
            }
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        // A file system whose locks do not hold still has the socket itself to ask.
        if tokio::net::UnixStream::connect(&path).await.is_ok() {
            return Err(BindError::Taken(data_dir.to_owned()));
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            listener,
            path,
            servers: None,
            learning: None,
            _lock: lock,
        })
    }

    /// Answers for these model servers too.
    #[must_use]
    pub fn with_servers(mut self, servers: Servers) -> Self {
        self.servers = Some(servers);
        self
    }

    /// Answers for what is learned too, out of this database.
    #[must_use]
    pub fn with_learning(mut self, database: PathBuf) -> Self {
        self.learning = Some(database);
        self
    }

    /// Serves until `stop`, then removes the socket. Followers of events are cut off, others get their answer.
    pub async fn serve(self, supervisor: SupervisorHandle, stop: CancellationToken) {
        let router = api::router(supervisor, stop.clone());
        let router = match self.servers {
            Some(servers) => router.merge(servers::router(servers)),
            None => router,
        };
        let router = match self.learning {
            Some(database) => router.merge(learning::router(&database)),
            None => router,
        };
        let served = axum::serve(self.listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the control socket failed");
        }
        std::fs::remove_file(&self.path).ok();
    }
}
