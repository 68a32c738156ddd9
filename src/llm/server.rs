//! Model servers that are ours: started when a dream begins or when a person asks, stopped with the dream, held so that
//! only our own child is ever ended. Called by the engine, the control socket and the command line. Never looks for a
//! process by its name, and never touches a server that it did not start.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Instant;
use crate::config::{LlmSettings, ModelServer};
use crate::supervisor::permit::{Ended, WorkPermit};
use crate::tree::{Spawner, Tree};

mod backoff;
mod child;
mod health;
mod hold;
mod keeper;
mod lives;
mod patience;
mod run;
mod status;

use health::answers;
pub use hold::Hold;
use keeper::{Keeper, url};
pub(super) use lives::Lives;
pub use patience::Patience;
use run::{Asking, Run};
pub use status::ServerStatus;

/// Opens the bounded log of a server.
pub type OpenLog = Arc<dyn Fn(&str) -> io::Result<Box<dyn Write + Send>> + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Interrupted(#[from] Ended),
    #[error("there is no model server {name}; {known}")]
    Unknown { name: String, known: String },
    #[error("the model server {name} did not come up: {why}")]
    Failed { name: String, why: String },
    #[error("the keeper of the model servers cannot be set up")]
    Setup(#[source] io::Error),
}

/// What a server is doing.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Stopped,
    Starting {
        pid: u32,
        restarts: u32,
    },
    Ready {
        url: String,
        pid: u32,
        since: Instant,
        restarts: u32,
    },
    /// It fell and is started again in a moment.
    Waiting {
        why: String,
        restarts: u32,
    },
    /// It fell too often.
    Failed {
        why: String,
    },
}

/// All servers that the settings name. Cheap to clone.
#[derive(Clone)]
pub struct Servers(Arc<Shared>);

struct Shared {
    tree: Arc<Tree>,
    spawner: Arc<Spawner>,
    http: reqwest::Client,
    open_log: OpenLog,
    patience: Patience,
    /// The lines of the settings as they are now.
    wanted: Mutex<Vec<ModelServer>>,
    all: Mutex<BTreeMap<String, Arc<Server>>>,
    keepers: Mutex<JoinSet<()>>,
}

struct Server {
    settings: ModelServer,
    state: watch::Sender<State>,
    run: Mutex<Run>,
    /// Requests of ours that it works on.
    in_flight: Arc<AtomicUsize>,
    until_hung: Duration,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Servers")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    fn new(settings: ModelServer, patience: Patience) -> Self {
        Self {
            settings,
            state: watch::Sender::new(State::Stopped),
            run: Mutex::default(),
            in_flight: Arc::default(),
            until_hung: patience.until_hung(),
        }
    }

    fn is_down(&self) -> bool {
        matches!(*self.state.borrow(), State::Stopped | State::Failed { .. })
    }

    /// It was told to stop and is not gone yet.
    fn is_ending(&self) -> bool {
        !self.is_down() && lock(&self.run).stop.is_cancelled()
    }

    /// A session holds it and nothing keeps it from answering a question: it is neither frozen nor at work.
    fn is_free(&self) -> bool {
        let run = lock(&self.run);
        run.is_held() && !run.is_frozen() && self.in_flight.load(Ordering::Relaxed) == 0
    }

    async fn stopped(&self) {
        let mut state = self.state.subscribe();
        let down = |now: &State| matches!(now, State::Stopped | State::Failed { .. });
        // An error would mean that the server is gone altogether.
        drop(state.wait_for(down).await);
    }
}

impl Servers {
    /// # Errors
    /// Where no thread or no client can be made.
    pub fn new(
        settings: &LlmSettings,
        tree: &Arc<Tree>,
        open_log: OpenLog,
    ) -> Result<Self, ServerError> {
        Self::with_patience(settings, tree, open_log, Patience::USUAL)
    }

    /// As `new`, for who waits for a server as long as this.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_patience(
        settings: &LlmSettings,
        tree: &Arc<Tree>,
        open_log: OpenLog,
        patience: Patience,
    ) -> Result<Self, ServerError> {
        let spawner = Arc::new(Spawner::start().map_err(ServerError::Setup)?);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ServerError::Setup(io::Error::other(error)))?;
        let servers = Self(Arc::new(Shared {
            tree: Arc::clone(tree),
            spawner,
            http,
            open_log,
            patience,
            wanted: Mutex::default(),
            all: Mutex::default(),
            keepers: Mutex::default(),
        }));
        servers.reload(settings);
        Ok(servers)
    }

    /// Goes by other settings from now on. A server that runs is stopped where its line has changed; one that a session
    /// works with goes with that session.
    pub fn reload(&self, settings: &LlmSettings) {
        lock(&self.0.wanted).clone_from(&settings.servers);
        drop(self.known());
    }

    /// Every server by its name: as its line is now, or as it was, until what runs by the old one is gone. Two at once could
    /// not have the same port.
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Server>>> {
        let wanted = lock(&self.0.wanted);
        let mut all = lock(&self.0.all);
        all.retain(|_, server| {
            let is_wanted = wanted.contains(&server.settings);
            let run = lock(&server.run);
            if !is_wanted && !run.is_held() {
                run.stop.cancel();
            }
            is_wanted || !server.is_down()
        });
        for line in &*wanted {
            let new = || Arc::new(Server::new(line.clone(), self.0.patience));
            all.entry(line.name.clone()).or_insert_with(new);
        }
        all
    }

    /// Where the servers run.
    #[must_use]
    pub fn tree(&self) -> &Arc<Tree> {
        &self.0.tree
    }

    fn find(&self, name: &str) -> Result<Arc<Server>, ServerError> {
        let all = self.known();
        all.get(name).cloned().ok_or_else(|| {
            let names: Vec<_> = all.keys().map(String::as_str).collect();
            let known = if names.is_empty() {
                "none is set: see DREAMING_LLM_SERVERS".to_owned()
            } else {
                format!("there is {}", names.join(", "))
            };
            ServerError::Unknown {
                name: name.to_owned(),
                known,
            }
        })
    }

    fn every(&self) -> Vec<Arc<Server>> {
        self.known().values().cloned().collect()
    }

    /// The server that the settings mean for a dream, once one of its name that goes by an older line is gone.
    async fn meant(&self, settings: &LlmSettings) -> Option<Arc<Server>> {
        let meant = settings.own_server()?;
        loop {
            let server = self.known().get(&meant.name).cloned()?;
            if lock(&self.0.wanted).contains(&server.settings) {
                return Some(server);
            }
            server.stopped().await;
        }
    }

    /// Brings up the server that `settings` mean, and returns once it answers. `None` where they mean none. A server
    /// of somebody else that answers at the same place is used as it is. Over with the permit, whatever holds it.
    ///
    /// # Errors
    /// `Failed` with the reason, `Interrupted` once the permit is over.
    pub async fn for_session(
        &self,
        settings: &LlmSettings,
        permit: &WorkPermit,
    ) -> Result<Option<Hold>, ServerError> {
        let Some(server) = permit.race(self.meant(settings)).await? else {
            return Ok(None);
        };
        permit.running().await?;
        if let Some(there) = self.somebody_elses(&server).await {
            return Ok(Some(Hold {
                url: there,
                server: None,
            }));
        }
        self.begin(&server, |run| {
            run.permits.push(permit.clone());
            self.end_with(permit.clone(), run.stop.clone());
        })
        .await;
        // From here on the server ends with this.
        let mut hold = Hold {
            url: String::new(),
            server: Some(Arc::clone(&server)),
        };
        hold.url = permit.race(self.ready(&server)).await??;
        Ok(Some(hold))
    }

    /// Starts a server and returns once it answers or has failed for good. It ends with `stop`, with the next dream's
    /// end, or with us; and with the answer's future, where that is dropped before it is up and nobody else asked for it.
    ///
    /// # Errors
    /// `Unknown` or `Failed`; `Interrupted` where the permit was over first, and then it is stopped as if dropped.
    pub async fn start(
        &self,
        name: &str,
        permit: &WorkPermit,
    ) -> Result<ServerStatus, ServerError> {
        let mut server = self.find(name)?;
        permit.ask()?;
        if server.is_ending() {
            // The next one may go by another line.
            permit.race(server.stopped()).await?;
            server = self.find(name)?;
        }
        if self.somebody_elses(&server).await.is_none() {
            let asking = self.begin(&server, |run| Asking::of(&server, run)).await;
            // Why it failed is in its status too.
            if permit.race(self.ready(&server)).await?.is_ok() {
                asking.answered();
            }
        }
        let status = self.look(&server).await;
        match (&status.why, status.state.as_str()) {
            (Some(why), "failed" | "waiting") => Err(ServerError::Failed {
                name: name.to_owned(),
                why: why.clone(),
            }),
            _ => Ok(status),
        }
    }

    /// Stops a server of ours and returns when nothing is left of it.
    ///
    /// # Errors
    /// `Unknown`.
    pub async fn stop(&self, name: &str) -> Result<ServerStatus, ServerError> {
        let server = self.find(name)?;
        lock(&server.run).stop.cancel();
        server.stopped().await;
        Ok(self.look(&server).await)
    }

    /// Stops all of them.
    pub async fn stop_all(&self) {
        let all = self.every();
        for server in &all {
            lock(&server.run).stop.cancel();
        }
        for server in &all {
            server.stopped().await;
        }
    }

    /// # Errors
    /// `Unknown`.
    pub async fn status(&self, name: &str) -> Result<ServerStatus, ServerError> {
        let server = self.find(name)?;
        Ok(self.look(&server).await)
    }

    /// Every server, by name.
    pub async fn list(&self) -> Vec<ServerStatus> {
        let mut list = Vec::new();
        for server in &self.every() {
            list.push(self.look(server).await);
        }
        list
    }

    /// Starts it, unless it runs already; one that is just ending is waited for first. `told` tells the run what it is for.
    async fn begin<T>(&self, server: &Arc<Server>, told: impl FnOnce(&mut Run) -> T) -> T {
        loop {
            {
                let mut run = lock(&server.run);
                if server.is_down() {
                    *run = Run::default();
                    self.keep(server, &run.stop);
                }
                if !run.stop.is_cancelled() {
                    return told(&mut run);
                }
            }
            server.stopped().await;
        }
    }

    fn keep(&self, server: &Arc<Server>, stop: &CancellationToken) {
        let keeper = Keeper {
            server: server.settings.clone(),
            owner: Arc::downgrade(server),
            patience: self.0.patience,
            tree: Arc::clone(&self.0.tree),
            spawner: Arc::clone(&self.0.spawner),
            http: self.0.http.clone(),
            open_log: Arc::clone(&self.0.open_log),
            state: server.state.clone(),
            stop: stop.clone(),
        };
        // Not down from this moment on: a second start must not make a second process.
        let (pid, restarts) = (0, 0);
        server.state.send_replace(State::Starting { pid, restarts });
        let mut keepers = lock(&self.0.keepers);
        while keepers.try_join_next().is_some() {}
        keepers.spawn(keeper.run());
    }

    fn end_with(&self, permit: WorkPermit, stop: CancellationToken) {
        lock(&self.0.keepers).spawn(async move {
            tokio::select! {
                _ = permit.ended() => stop.cancel(),
                () = stop.cancelled() => {}
            }
        });
    }

    /// Returns its address once it answers.
    async fn ready(&self, server: &Server) -> Result<String, ServerError> {
        let mut state = server.state.subscribe();
        let failed = |why: String| ServerError::Failed {
            name: server.settings.name.clone(),
            why,
        };
        let settled = |now: &State| !matches!(now, State::Starting { .. } | State::Waiting { .. });
        let now = state.wait_for(settled).await;
        match now.map(|now| now.clone()) {
            Ok(State::Ready { url, .. }) => Ok(url),
            Ok(State::Failed { why }) => Err(failed(why)),
            Ok(State::Stopped | State::Starting { .. } | State::Waiting { .. }) | Err(_) => {
                Err(failed("it was stopped".to_owned()))
            }
        }
    }

    /// The address at which somebody else's server already answers in its place.
    async fn somebody_elses(&self, server: &Server) -> Option<String> {
        let there = url(server.settings.port?);
        (server.is_down() && answers(&self.0.http, &there).await).then_some(there)
    }
}
