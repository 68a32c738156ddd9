//! Model servers that are ours: started when a dream begins or when a person asks, stopped with the dream, held so that
//! only our own child is ever ended. Called by the engine, the control socket and the command line. Never looks for a
//! process by its name, and never touches a server that it did not start.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Instant;
use crate::config::{LlmSettings, ModelServer};
use crate::supervisor::permit::{Ended, WorkPermit};
use crate::tree::{Spawner, Tree};

mod backoff;
mod child;
mod keeper;
mod lives;
mod status;

use keeper::{Keeper, answers, url};
pub(super) use lives::Lives;
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
    all: Mutex<BTreeMap<String, Arc<Server>>>,
    keepers: Mutex<JoinSet<()>>,
}

struct Server {
    settings: ModelServer,
    state: watch::Sender<State>,
    run: Mutex<Run>,
}

/// What the present run is for.
#[derive(Default)]
struct Run {
    stop: CancellationToken,
    /// Permits that it works under; over with the first that ends.
    permits: Vec<WorkPermit>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Servers")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that a session works with; letting go of it ends the server, if it is ours.
#[derive(Debug)]
pub struct Hold {
    url: String,
    server: Option<Arc<Server>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

impl Hold {
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A child of ours, not a server that was there already.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.server.is_some()
    }

    /// Whether it answers, and again after a fall, where it is ours.
    pub(super) fn lives(&self) -> Option<Lives> {
        self.server.as_deref().map(Lives::of)
    }

    /// Ends the server, if it is ours, and returns when nothing is left of it.
    pub async fn gone(self) {
        let Some(server) = self.server.clone() else {
            return;
        };
        drop(self);
        server.stopped().await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            lock(&server.run).stop.cancel();
        }
    }
}

impl Server {
    fn is_down(&self) -> bool {
        matches!(*self.state.borrow(), State::Stopped | State::Failed { .. })
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
            all: Mutex::default(),
            keepers: Mutex::default(),
        }));
        servers.reload(settings);
        Ok(servers)
    }

    /// Goes by other settings from now on. A server that runs is stopped where its line has changed.
    pub fn reload(&self, settings: &LlmSettings) {
        let mut all = lock(&self.0.all);
        all.retain(|_, server| {
            let stays = settings.servers.contains(&server.settings);
            if !stays {
                lock(&server.run).stop.cancel();
            }
            stays
        });
        for server in &settings.servers {
            all.entry(server.name.clone()).or_insert_with(|| {
                Arc::new(Server {
                    settings: server.clone(),
                    state: watch::Sender::new(State::Stopped),
                    run: Mutex::default(),
                })
            });
        }
    }

    /// Where the servers run.
    #[must_use]
    pub fn tree(&self) -> &Arc<Tree> {
        &self.0.tree
    }

    fn find(&self, name: &str) -> Result<Arc<Server>, ServerError> {
        let all = lock(&self.0.all);
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

    /// The server that the settings mean for a dream, with the address of it if that is known beforehand.
    fn meant(&self, settings: &LlmSettings) -> Option<Arc<Server>> {
        let meant = settings.own_server()?;
        lock(&self.0.all).get(&meant.name).cloned()
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
        let Some(server) = self.meant(settings) else {
            return Ok(None);
        };
        permit.running().await?;
        if let Some(there) = self.somebody_elses(&server).await {
            return Ok(Some(Hold {
                url: there,
                server: None,
            }));
        }
        self.begin(&server, Some(permit)).await;
        // From here on the server ends with this.
        let mut hold = Hold {
            url: String::new(),
            server: Some(Arc::clone(&server)),
        };
        hold.url = permit.race(self.ready(&server)).await??;
        Ok(Some(hold))
    }

    /// Starts a server and returns once it answers or has failed for good. It ends with `stop`, with the next dream's
    /// end, or with us.
    ///
    /// # Errors
    /// `Unknown` or `Failed`; `Interrupted` where the permit was over first, and then it is stopped.
    pub async fn start(
        &self,
        name: &str,
        permit: &WorkPermit,
    ) -> Result<ServerStatus, ServerError> {
        let server = self.find(name)?;
        permit.ask()?;
        if self.somebody_elses(&server).await.is_none() {
            self.begin(&server, None).await;
            // Why it failed is in its status too.
            if let Err(ended) = permit.race(self.ready(&server)).await {
                lock(&server.run).stop.cancel();
                return Err(ended.into());
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
        let all: Vec<_> = lock(&self.0.all).values().cloned().collect();
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
        let all: Vec<_> = lock(&self.0.all).values().cloned().collect();
        let mut list = Vec::new();
        for server in &all {
            list.push(self.look(server).await);
        }
        list
    }

    /// Starts it, unless it runs already; one that is just ending is waited for first.
    async fn begin(&self, server: &Arc<Server>, permit: Option<&WorkPermit>) {
        loop {
            {
                let mut run = lock(&server.run);
                if server.is_down() {
                    *run = Run::default();
                    self.keep(server, &run.stop);
                }
                if !run.stop.is_cancelled() {
                    if let Some(permit) = permit {
                        run.permits.push(permit.clone());
                        self.end_with(permit.clone(), run.stop.clone());
                    }
                    return;
                }
            }
            server.stopped().await;
        }
    }

    fn keep(&self, server: &Arc<Server>, stop: &CancellationToken) {
        let weak = Arc::downgrade(server);
        let keeper = Keeper {
            server: server.settings.clone(),
            tree: Arc::clone(&self.0.tree),
            spawner: Arc::clone(&self.0.spawner),
            http: self.0.http.clone(),
            open_log: Arc::clone(&self.0.open_log),
            state: server.state.clone(),
            stop: stop.clone(),
            is_over: Box::new(move || {
                weak.upgrade().is_none_or(|server| {
                    let run = lock(&server.run);
                    run.permits.iter().any(WorkPermit::is_ended)
                })
            }),
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
