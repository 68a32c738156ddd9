//! Keeps one server running until it is told to stop: starts it, waits until it answers, starts it again when it fell.
//! A task of `Servers`; never decides that a server is wanted.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::Failures;
use super::child::Process;
use super::{OpenLog, State};
use crate::clock;
use crate::config::{ModelServer, PORT};
use crate::tree::{Spawner, Tree};

/// How long a server may take to answer, in time that it was not frozen: a model of 70 GB comes from a slow disk.
const COMING_UP: Duration = Duration::from_mins(2);

/// Between two questions whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// It stands on this machine: it answers at once or is busy.
const ASK_TIME: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    pub(super) server: ModelServer,
    pub(super) tree: Arc<Tree>,
    pub(super) spawner: Arc<Spawner>,
    pub(super) http: reqwest::Client,
    pub(super) open_log: OpenLog,
    pub(super) state: watch::Sender<State>,
    pub(super) stop: CancellationToken,
    /// True once somebody needs the machine: an end is then no failure.
    pub(super) is_over: Box<dyn Fn() -> bool + Send + Sync>,
}

enum Ended {
    Asked,
    ByItself { how: String, answered_for: Duration },
}

impl Keeper {
    pub(super) async fn run(self) {
        let mut failures = Failures::default();
        let mut port = None;
        loop {
            let kills = self.tree.kills();
            let (how, answered_for) = match self.live(failures.count(), kills, &mut port).await {
                Ended::Asked => break,
                Ended::ByItself { how, answered_for } => (how, answered_for),
            };
            tracing::warn!(
                server = self.server.name,
                how,
                "the model server ended by itself"
            );
            let Some(wait) = failures.another(answered_for) else {
                self.state.send_replace(State::Failed { why: how });
                return;
            };
            self.state.send_replace(State::Waiting {
                why: how,
                restarts: failures.count(),
            });
            if self
                .stop
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
                || self.was_ended(kills)
            {
                break;
            }
        }
        self.state.send_replace(State::Stopped);
    }

    /// True where nobody wants it any more: it was told to stop, the session that it worked for is over, or the whole tree
    /// was ended since it counted `kills`. A wake and a session's end take a server that a person started too; started
    /// again at once, it would stand in the way of whoever came back. The next session starts it when it needs it.
    fn was_ended(&self, kills: u64) -> bool {
        self.stop.is_cancelled() || (self.is_over)() || self.tree.kills() != kills
    }

    /// One life of the process, which began when the tree counted `kills`, at the last life's port.
    async fn live(&self, restarts: u32, kills: u64, last_port: &mut Option<u16>) -> Ended {
        let by_itself = |how: String| Ended::ByItself {
            how,
            answered_for: Duration::ZERO,
        };
        let port = match self.port(last_port.take()) {
            Ok(port) => port,
            Err(error) => return by_itself(format!("no port is free: {error}")),
        };
        let (url, words) = (url(port), self.command(port));
        let log = match (self.open_log)(&self.server.name) {
            Ok(log) => log,
            Err(error) => return by_itself(format!("its log cannot be written: {error}")),
        };
        let started = Process::start(&self.spawner, &self.tree, &words, log).await;
        let mut process = match started {
            Ok(process) => process,
            Err(error) => {
                let program = words.first().map_or("", String::as_str);
                return by_itself(format!("{program} cannot be started: {error}"));
            }
        };
        let pid = process.pid();
        self.state.send_replace(State::Starting { pid, restarts });
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                process.stop().await;
                return Ended::Asked;
            }
            () = process.ended() => return self.fell(&mut process, Duration::ZERO, kills).await,
            up = self.up(&url) => if !up {
                let how = format!("it did not answer at {url} within {COMING_UP:?}");
                process.stop().await;
                return by_itself(how);
            },
        }
        *last_port = Some(port);
        let since = clock::monotonic();
        tracing::info!(
            server = self.server.name,
            url,
            pid,
            "the model server answers"
        );
        self.state.send_replace(State::Ready {
            url,
            pid,
            since,
            restarts,
        });
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                process.stop().await;
                Ended::Asked
            }
            () = process.ended() => {
                let answered_for = clock::monotonic().saturating_duration_since(since);
                self.fell(&mut process, answered_for, kills).await
            }
        }
    }

    async fn fell(&self, process: &mut Process, answered_for: Duration, kills: u64) -> Ended {
        let how = process.bury().await;
        if self.was_ended(kills) {
            Ended::Asked
        } else {
            Ended::ByItself { how, answered_for }
        }
    }

    /// Returns once it answers; false where that takes too long. Time in which it was frozen does not count.
    async fn up(&self, url: &str) -> bool {
        let mut left = COMING_UP;
        while !left.is_zero() {
            if answers(&self.http, url).await {
                return true;
            }
            tokio::time::sleep(ASK_EVERY).await;
            if self.tree.is_frozen() != Some(true) {
                left = left.saturating_sub(ASK_EVERY);
            }
        }
        false
    }

    /// Where it will listen: at the port of the settings; else where it answered `last`, so that who asks it finds it again;
    /// else at one that is free. Somebody may take that in between; then the server ends and the next start takes another.
    fn port(&self, last: Option<u16>) -> io::Result<u16> {
        if let Some(port) = self.server.port {
            return Ok(port);
        }
        let free = |port: u16| -> io::Result<u16> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            Ok(listener.local_addr()?.port())
        };
        let again = last.and_then(|last| free(last).ok());
        again.map_or_else(|| free(0), Ok)
    }

    /// Its command with the port in place.
    fn command(&self, port: u16) -> Vec<String> {
        let text = port.to_string();
        let words = self.server.command.iter();
        words.map(|word| word.replace(PORT, &text)).collect()
    }
}

/// Where a server of ours is asked.
pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// llama-server and its kin say at `/health` when the model is loaded; others have a list of models.
pub(super) async fn answers(http: &reqwest::Client, url: &str) -> bool {
    let ask = async |path: &str| {
        let asked = http.get(format!("{url}{path}")).timeout(ASK_TIME).send();
        asked.await.ok().map(|response| response.status())
    };
    match ask("/health").await {
        Some(status) if status.is_success() => true,
        Some(status) if status.as_u16() == 404 => ask("/v1/models")
            .await
            .is_some_and(|status| status.is_success()),
        Some(_) | None => false,
    }
}
