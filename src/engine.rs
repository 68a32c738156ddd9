//! DreamEngine: one REM phase from the first cluster to the last file. Called by the supervisor with a session's permit;
//! the only room that joins the parts. Never decides when to run and never judges a candidate itself.
//!
//! ```text
//!  plan ─► draft ─► solve ─► settle ─► judge ─► publish
//!  what    task +   k codes  checks ×  the      row, files,
//!  next    checks   + what   what was  Guardian lesson
//!                   they did observed
//! ```

use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;

use crate::clock;
use crate::config::Settings;
use crate::dream::{RemRequest, SessionReport, SessionStatus, Tokens, WakeReason};
use crate::experience::ExperienceStream;
use crate::ids::SessionId;
use crate::journal::{self, Dirs, night};
use crate::knowledge::Knowledge;
use crate::llm::LlmError;
use crate::llm::server::Servers;
use crate::sandbox::{self, SandboxError};
use crate::store::{Store, StoreError};
use crate::supervisor::permit::{Ended, PermitKind, WorkPermit};

mod arms;
mod borrowed;
pub mod budget;
mod chances;
mod close;
mod draft;
mod finish;
mod learned;
mod observe;
mod opinion;
mod peers;
mod plan;
mod plants;
pub mod progress;
mod scenarios;
mod scene;
pub mod settle;
mod shares;
mod solve;
pub mod tally;
mod tell;
mod tools;

use progress::{Progress, ProgressEvent};
use scene::Scene;
use tally::Tally;
use tools::Tools;

/// Held while the model server works for us, so that its load counts as ours.
pub type InFlight = Arc<dyn Fn(&str) -> Box<dyn Send> + Send + Sync>;

/// Held while the container engine has containers of ours, for the same reason; told whether it is known of each of them what it
/// uses.
pub type Containers = Arc<dyn Fn(bool) -> Box<dyn Send> + Send + Sync>;

/// Seconds that the machine's processors worked, and all that they had, since it started; nothing where that is not known.
pub type Processors = Arc<dyn Fn() -> Option<(f64, f64)> + Send + Sync>;

/// Undecided scenarios in a row after which a session gives up: the infrastructure is broken, not the dreams.
const MOST_UNDECIDED: u32 = 3;

/// How long the end of a session waits in all for its sandboxes and its model server to be gone. Of the two seconds that a wake
/// has, the rest is for the report.
const SETTLING: Duration = Duration::from_millis(1500);

/// How long the end of a session waits for its experiences to be in the database: a commit takes some ten milliseconds.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// What a session stops for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Ended(#[from] Ended),
    #[error("there is no knowledge to dream of")]
    NoKnowledge,
    #[error(transparent)]
    Sandbox(SandboxError),
    /// A sandbox is there that cannot hold a job to all its limits; the text says what would.
    #[error(transparent)]
    Unprotected(SandboxError),
    #[error(transparent)]
    Llm(LlmError),
    #[error("given tasks need a model to solve them, and none was found")]
    NoModel,
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    #[error("the models' book failed: {0}")]
    Models(#[from] crate::models::kept::ModelsError),
    #[error("the knowledge failed: {0}")]
    Knowledge(#[from] crate::knowledge::KnowledgeError),
    #[error("the journal failed: {0}")]
    Journal(#[from] journal::JournalError),
    #[error("the offline pack is damaged: {0}")]
    Pack(#[from] crate::pack::offline::PackError),
    #[error("{MOST_UNDECIDED} scenarios in a row could not be decided; the last because {0}")]
    Undecided(String),
    #[error("the Guardian cannot be trusted: {0}; nothing more is saved")]
    Untrusted(String),
    #[error("only a session may dream")]
    NotASession,
}

impl From<SandboxError> for EngineError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Interrupted(ended) => Self::Ended(ended),
            SandboxError::Unavailable(_) | SandboxError::Infra(_) => Self::Sandbox(error),
        }
    }
}

impl From<LlmError> for EngineError {
    fn from(error: LlmError) -> Self {
        match error {
            LlmError::Interrupted(ended) => Self::Ended(ended),
            other => Self::Llm(other),
        }
    }
}

impl EngineError {
    /// What a person can do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKnowledge => Some("feed it first: `dreamer ingest PATH…`"),
            Self::Sandbox(_) => {
                Some("install bubblewrap, or start Docker and run `dreamer sandbox prepare`")
            }
            Self::NoModel => Some("start a model server, or name one with DREAMING_LLM_URL"),
            Self::Llm(LlmError::Remote { .. }) => {
                Some("set DREAMING_LLM_REMOTE=true if your documents may leave this machine")
            }
            Self::Llm(_) => Some("see whether the server at DREAMING_LLM_URL runs and has a model"),
            Self::Ended(_)
            | Self::Store(_)
            | Self::Models(_)
            | Self::Knowledge(_)
            | Self::Journal(_)
            | Self::Pack(_)
            | Self::Unprotected(_)
            | Self::Undecided(_)
            | Self::Untrusted(_)
            | Self::NotASession => None,
        }
    }
}

/// The parts that a session joins.
#[derive(Clone)]
pub struct DreamEngine {
    pub settings: Settings,
    pub store: Arc<Store>,
    pub knowledge: Knowledge,
    /// Model servers that are started for a session and end with it.
    pub servers: Servers,
    pub experience: ExperienceStream,
    pub in_flight: InFlight,
    pub containers: Containers,
    pub processors: Processors,
}

impl std::fmt::Debug for DreamEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DreamEngine")
    }
}

impl DreamEngine {
    /// One REM phase. Always answers with a full report; a wake ends it within the time that killing takes.
    pub async fn enter_rem_phase(
        &self,
        permit: &WorkPermit,
        request: &RemRequest,
        progress: &Progress,
    ) -> SessionReport {
        let started = clock::monotonic();
        let PermitKind::Session(session) = permit.kind() else {
            let error = EngineError::NotASession;
            return self.over(
                Tally::begin(SessionId::new()),
                started,
                Err(error),
                (None, None),
            );
        };
        let mut tally = Tally::begin(session.clone());
        tell::session_began(&self.experience, session, request);
        let opened = self.open_session(session, request);
        let ended = match opened {
            Ok(()) => {
                let rem = Rem {
                    engine: self,
                    permit,
                    session,
                    request,
                    progress,
                    started,
                };
                rem.dream(&mut tally).await
            }
            Err(error) => Err(error),
        };
        // By now every sandbox is gone: from the event to here is what the owner waited.
        let woken = permit.woken_at();
        let wake_ms = woken.map(|at| (clock::monotonic() - at).as_secs_f64() * 1000.0);
        self.over(tally, started, ended, (Some(session), wake_ms))
    }

    fn open_session(&self, session: &SessionId, request: &RemRequest) -> Result<(), EngineError> {
        let report = SessionReport::empty(session.clone(), SessionStatus::Interrupted);
        let now = clock::local();
        let night = night::night_of(&now);
        self.store
            .begin_session(&report, request.trigger, night, now.timestamp())?;
        Ok(())
    }

    /// The report into its row, and the night's page anew.
    fn write_down(&self, report: &SessionReport, wake_ms: Option<f64>) -> Result<(), EngineError> {
        let now = clock::local();
        self.store
            .finish_session(report, now.timestamp(), wake_ms)?;
        self.write_page(&report.session_id, &now)
    }

    /// The page of the session's night anew.
    fn write_page(&self, session: &SessionId, now: &Zoned) -> Result<(), EngineError> {
        let row = self.store.session(session)?;
        let night = row.map_or_else(|| night::night_of(now), |row| row.night);
        night::write_night(
            &self.store,
            &Dirs::of(&self.settings),
            night,
            now.time_zone(),
        )?;
        Ok(())
    }

    /// Turns the end into a report and writes it down.
    fn over(
        &self,
        mut tally: Tally,
        started: clock::Instant,
        ended: Result<(), EngineError>,
        (session, wake_ms): (Option<&SessionId>, Option<f64>),
    ) -> SessionReport {
        let (status, wake) = match ended {
            Ok(()) => (SessionStatus::Completed, None),
            // The night is over: what was begun goes back, and that is no interruption.
            Err(EngineError::Ended(Ended(WakeReason::WindowClosed))) => {
                (SessionStatus::Completed, Some(WakeReason::WindowClosed))
            }
            Err(EngineError::Ended(Ended(reason))) => (SessionStatus::Interrupted, Some(reason)),
            Err(error) => {
                let status = match error {
                    EngineError::NoKnowledge => SessionStatus::NoKnowledge,
                    _ => SessionStatus::Error,
                };
                tally.hint(error.to_string());
                if let Some(hint) = error.hint() {
                    tally.hint(hint.to_owned());
                }
                (status, None)
            }
        };
        let report = tally.close(status, wake, clock::monotonic() - started);
        tell::session_ended(&self.experience, &report);
        if session.is_some()
            && let Err(error) = self.write_down(&report, wake_ms)
        {
            tracing::warn!(%error, "the session's report could not be written down");
        }
        // The process may end next; where this takes too long, the stream's own end tries again.
        self.experience.flush(LAST_WORDS);
        report
    }
}

/// When nobody waits any longer for what a session leaves: a wake counts from what woke, not from when that was heard of.
fn gone_by(woken: Option<clock::Instant>, now: clock::Instant) -> clock::Instant {
    woken.unwrap_or(now) + SETTLING
}

/// One REM phase: who asked for what, and under which permit.
struct Rem<'a> {
    engine: &'a DreamEngine,
    permit: &'a WorkPermit,
    session: &'a SessionId,
    request: &'a RemRequest,
    progress: &'a Progress,
    started: clock::Instant,
}

impl Rem<'_> {
    /// Gathers the tools, uses them, and waits until no sandbox is left.
    async fn dream(&self, tally: &mut Tally) -> Result<(), EngineError> {
        let Rem { engine, permit, .. } = self;
        if self.request.tasks.is_empty() && engine.knowledge.stats()?.chunks == 0 {
            return Err(EngineError::NoKnowledge);
        }
        // Until the last container is gone.
        let (sandbox, containers) = tools::choose(engine, permit).await?;
        let tools = Tools::gather(engine, permit, sandbox, self.request, tally).await?;
        self.progress.tell(ProgressEvent::Ready {
            sandbox: tools.sandbox.backend().as_str().to_owned(),
            model: tools.model(),
        });
        let namespace = &engine.settings.sandbox.namespace;
        let ended = tokio::select! {
            ended = self.scenarios(&tools, tally) => ended,
            never = sandbox::keep_sweeping(namespace, || ()) => match never {},
        };
        let mut asked = Tokens::default();
        for writers in &tools.writers {
            asked.add(writers.llm.spent());
        }
        tally.asked(asked);
        let latest = gone_by(permit.woken_at(), clock::monotonic());
        let settling = tokio::time::timeout_at(latest, tools.sandbox.settle());
        let (settled, kept) = tokio::join!(settling, tools.let_go(permit, latest));
        for hint in kept {
            tally.hint(hint);
        }
        if settled.is_err() {
            tracing::warn!("a sandbox is slow to go; the next start clears it away");
        }
        if let Some(server) = tools.server
            && tokio::time::timeout_at(latest, server.gone())
                .await
                .is_err()
        {
            tracing::warn!("the model server is slow to go");
        }
        drop(containers);
        // Somebody who came back does not wait for this; the next start does it too.
        if !permit.is_ended()
            && let Err(error) = sandbox::sweep(namespace).await
        {
            tracing::debug!(%error, "not everything could be swept");
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_waited_for_at_the_end_shares_the_time_of_one_wake() {
        let now = clock::monotonic();
        assert_eq!(gone_by(None, now), now + SETTLING);
        // The look that found it came late, and the sandboxes took their time.
        let woken = now - Duration::from_millis(400);
        let (first, then) = (
            gone_by(Some(woken), now),
            gone_by(Some(woken), now + SETTLING),
        );
        assert_eq!((first, then), (woken + SETTLING, woken + SETTLING));
        assert!(SETTLING + LAST_WORDS < Duration::from_secs(2));
    }
}
