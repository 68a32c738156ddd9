//! Keeps one server running until it is told to stop: starts it, waits until it answers, starts it again when it fell or
//! hangs. A task of `Servers`; never decides that a server is wanted.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backoff::Failures;
use super::child::Process;
use super::health::{ASK_TIME, Health, health};
use super::patience::UNANSWERED;
use super::{OpenLog, Patience, Server, State, lock};
use crate::clock;
use crate::config::{ModelServer, PORT};
use crate::tree::{Spawner, Tree};

/// Between two questions whether it answers.
const ASK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Keeper {
    pub(super) server: ModelServer,
    /// Knows what the present run is for.
    pub(super) owner: Weak<Server>,
    pub(super) patience: Patience,
    pub(super) tree: Arc<Tree>,
    pub(super) spawner: Arc<Spawner>,
    pub(super) http: reqwest::Client,
    pub(super) open_log: OpenLog,
    pub(super) state: watch::Sender<State>,
    pub(super) stop: CancellationToken,
}

enum Ended {
    Asked,
    ByItself {
        how: String,
        answered_for: Duration,
    },
    /// Another start would end in the same way.
    ForGood {
        how: String,
    },
}

impl Keeper {
    pub(super) async fn run(self) {
        let mut failures = Failures::default();
        let mut port = None;
        loop {
            let kills = self.tree.kills();
            let (how, wait) = match self.live(failures.count(), kills, &mut port).await {
                Ended::Asked => break,
                Ended::ByItself { how, answered_for } => (how, failures.another(answered_for)),
                Ended::ForGood { how } => (how, None),
            };
            tracing::warn!(
                server = self.server.name,
                how,
                "the model server ended by itself"
            );
            let Some(wait) = wait else {
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
        let is_over = |server: Arc<Server>| lock(&server.run).is_over();
        self.stop.is_cancelled()
            || self.owner.upgrade().is_none_or(is_over)
            || self.tree.kills() != kills
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
                let how = format!("{program} cannot be started: {error}");
                return match error.kind() {
                    // What is not there, or is no program, is neither a second later.
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                        Ended::ForGood { how }
                    }
                    _ => by_itself(how),
                };
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
            up = self.up(&url) => if let Err(how) = up {
                process.stop().await;
                // What took so long once takes as long again.
                return Ended::ForGood { how };
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
            url: url.clone(),
            pid,
            since,
            restarts,
        });
        let answered_for = || clock::monotonic().saturating_duration_since(since);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                process.stop().await;
                Ended::Asked
            }
            () = process.ended() => self.fell(&mut process, answered_for(), kills).await,
            () = self.hangs(&url) => {
                // Who does not answer is not asked to end either.
                match self.fell(&mut process, answered_for(), kills).await {
                    Ended::ByItself { how, answered_for } => Ended::ByItself {
                        how: format!("it hung and was ended ({how})"),
                        answered_for,
                    },
                    ended => ended,
                }
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

    /// Returns once it answers, else why nobody waits any longer. Time in which it was frozen does not count, and one that
    /// says that it loads is given time of its own.
    async fn up(&self, url: &str) -> Result<(), String> {
        let Patience {
            coming_up, loading, ..
        } = self.patience;
        let (mut silent_for, mut loading_for) = (Duration::ZERO, Duration::ZERO);
        while silent_for < coming_up && loading_for < loading {
            let (began, was_frozen) = (clock::monotonic(), self.is_frozen());
            let says = health(&self.http, url, ASK_TIME).await;
            if says == Health::Well {
                return Ok(());
            }
            tokio::time::sleep(ASK_EVERY).await;
            if was_frozen || self.is_frozen() {
                continue;
            }
            let passed = clock::monotonic().saturating_duration_since(began);
            match says {
                Health::Loading => loading_for += passed,
                Health::Well | Health::Odd | Health::Silent => silent_for += passed,
            }
        }
        Err(if loading_for >= loading {
            format!("it still loaded at {url} after {loading:?}")
        } else {
            format!("it did not answer at {url} within {coming_up:?}")
        })
    }

    /// Returns once it has left so many questions in a row unanswered, each while a session held it, nothing of it was
    /// frozen and no request of ours was with it: some answer one at a time.
    async fn hangs(&self, url: &str) {
        let mut unanswered = 0;
        while unanswered < UNANSWERED {
            tokio::time::sleep(self.patience.between).await;
            if !self.is_free() {
                continue;
            }
            let says = health(&self.http, url, self.patience.answer).await;
            if says != Health::Silent {
                unanswered = 0;
            } else if self.is_free() {
                unanswered += 1;
            }
        }
    }

    /// It may be asked whether it hangs.
    fn is_free(&self) -> bool {
        let is_free = |server: Arc<Server>| server.is_free();
        self.tree.is_frozen() != Some(true) && self.owner.upgrade().is_some_and(is_free)
    }

    /// Where the host cannot say so, the session's own pace does.
    fn is_frozen(&self) -> bool {
        let is_frozen = |server: Arc<Server>| lock(&server.run).is_frozen();
        self.tree.is_frozen() == Some(true) || self.owner.upgrade().is_some_and(is_frozen)
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
