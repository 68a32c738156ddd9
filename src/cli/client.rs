//! The command line's own client of the control socket. Called by the service commands and by `dream`. Never starts
//! anything.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::dream::{RemRequest, SessionReport};
use crate::engine::progress::ProgressEvent;
use crate::http::api::{Accepted, PauseBody, Problem, RemBody, WakeBody, Woken};
use crate::http::socket_path;
use crate::ids::SessionId;
use crate::llm::server::{Patience, ServerStatus};
use crate::supervisor::{Status, Told, Why};

/// A service that is there answers at once: it never waits for work. `why` waits for the senses, five seconds at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A model of some size takes its time to be read from a disk; the service itself gives up before this.
const SERVER_PATIENCE: Duration = Patience::USUAL
    .until_up()
    .saturating_add(Duration::from_mins(2));

/// How often a follower that lost the events asks whether its session is over.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Talks to the service of one data folder.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

/// What became of a request for a session.
#[derive(Debug)]
pub enum Asked {
    Accepted(Following),
    /// The service was busy: its own report of that.
    Busy(Box<SessionReport>),
}

/// What is asked of a model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAsk {
    Start,
    Stop,
    Status,
}

impl ServerAsk {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Status => "status",
        }
    }
}

/// A session of the service that this process follows.
#[derive(Debug)]
pub struct Following {
    pub session: SessionId,
    events: Option<Response>,
    client: Client,
}

impl Client {
    /// The service of this data folder, `None` where none answers.
    ///
    /// # Errors
    /// Where a socket is there and answers with something else.
    pub async fn connect(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = socket_path(data_dir);
        // A socket without a listener refuses at once; asking it first keeps a real failure apart from nobody there.
        if tokio::net::UnixStream::connect(&path).await.is_err() {
            return Ok(None);
        }
        let http = reqwest::Client::builder()
            .unix_socket(path.as_path())
            .build()
            .context("cannot make a client for the control socket")?;
        let client = Self { http };
        client
            .http
            .get(url("/healthz"))
            .timeout(PATIENCE)
            .send()
            .await
            .and_then(Response::error_for_status)
            .with_context(|| format!("the control socket {} does not answer", path.display()))?;
        Ok(Some(client))
    }

    /// # Errors
    /// Where the service does not answer.
    pub async fn status(&self) -> anyhow::Result<Status> {
        read(self.http.get(url("/api/status"))).await
    }

    /// # Errors
    /// Where the service does not answer.
    pub async fn why(&self) -> anyhow::Result<Why> {
        read(self.http.get(url("/api/why"))).await
    }

    /// Ends the session that runs or waits; false where there is none. `interrupt`: it was Ctrl-C, not `wake`.
    ///
    /// # Errors
    /// Where the service does not answer.
    pub async fn wake(&self, interrupt: bool) -> anyhow::Result<bool> {
        let body = WakeBody { interrupt };
        let woken: Woken = read(self.http.post(url("/api/wake")).json(&body)).await?;
        Ok(woken.woken)
    }

    /// # Errors
    /// Where the service does not answer.
    pub async fn pause(&self, length: Option<Duration>) -> anyhow::Result<Status> {
        let seconds = length.map(|length| length.as_secs());
        read(
            self.http
                .post(url("/api/pause"))
                .json(&PauseBody { seconds }),
        )
        .await
    }

    /// # Errors
    /// Where the service does not answer.
    pub async fn resume(&self) -> anyhow::Result<Status> {
        read(self.http.post(url("/api/resume"))).await
    }

    /// Starts, stops or looks at a model server of the service; starting waits until it answers.
    ///
    /// # Errors
    /// Where the service does not answer or refuses: no such server, or one that does not come up.
    pub async fn server(&self, name: &str, what: ServerAsk) -> anyhow::Result<ServerStatus> {
        let path = format!("/api/server/{name}/{}", what.as_str());
        let request = match what {
            ServerAsk::Status => self.http.get(url(&path)),
            ServerAsk::Start | ServerAsk::Stop => self.http.post(url(&path)),
        };
        let answer = request.timeout(SERVER_PATIENCE).send().await;
        decode(answer.context("the service does not answer")?).await
    }

    /// Asks for a session and follows it.
    ///
    /// # Errors
    /// Where the service does not answer, or refuses for another reason than being busy.
    pub async fn dream(&self, request: &RemRequest) -> anyhow::Result<Asked> {
        // Followed before it begins, so that nothing of it is missed.
        let events = self.http.get(url("/api/events")).send().await;
        let events = events
            .and_then(Response::error_for_status)
            .inspect_err(|error| tracing::debug!(%error, "the session cannot be followed"))
            .ok();
        let response = self
            .http
            .post(url("/api/rem"))
            .json(&RemBody::of(request))
            .timeout(PATIENCE)
            .send()
            .await
            .context("the service does not answer")?;
        if response.status() == StatusCode::CONFLICT {
            let report = response
                .json()
                .await
                .context("the refusal cannot be read")?;
            return Ok(Asked::Busy(Box::new(report)));
        }
        let Accepted { session_id } = decode(response).await?;
        Ok(Asked::Accepted(Following {
            session: session_id,
            events,
            client: self.clone(),
        }))
    }

    /// The report of a session that is over; `None` while it runs.
    async fn report(&self, session: &SessionId) -> anyhow::Result<Option<SessionReport>> {
        let path = format!("/api/sessions/{session}");
        let request = self.http.get(url(&path)).timeout(PATIENCE);
        let response = request.send().await.context("the service went away")?;
        if response.status() == StatusCode::ACCEPTED {
            return Ok(None);
        }
        decode(response).await.map(Some)
    }
}

impl Following {
    /// Tells `hear` of each step until the session is over. Dropping the future leaves the session running: Ctrl-C
    /// must say `wake(true)` and go on following for the report.
    ///
    /// # Errors
    /// Where the service goes away before the session has ended.
    pub async fn report(
        &mut self,
        mut hear: impl FnMut(ProgressEvent),
    ) -> anyhow::Result<SessionReport> {
        if let Some(response) = self.events.take() {
            let mut events = response.bytes_stream().eventsource();
            while let Some(Ok(event)) = events.next().await {
                match serde_json::from_str(&event.data) {
                    Ok(Told::Progress {
                        session_id,
                        progress,
                    }) if session_id == self.session => hear(progress),
                    Ok(Told::Report { report }) if report.session_id == self.session => {
                        return Ok(report);
                    }
                    // Of another session, or a newer service's words.
                    Ok(Told::Progress { .. } | Told::Report { .. } | Told::State { .. })
                    | Err(_) => {}
                }
            }
        }
        loop {
            if let Some(report) = self.client.report(&self.session).await? {
                return Ok(report);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// A session through the service of this data folder, followed to its report; `None` where no service answers. Ctrl-C
/// and a request to terminate end the session, and its report still comes.
///
/// # Errors
/// Where the service goes away or refuses for another reason than being busy; a busy service is a report.
pub async fn rem(
    context: &super::Context,
    request: &RemRequest,
    hear: impl FnMut(ProgressEvent),
) -> anyhow::Result<Option<SessionReport>> {
    let Some(client) = Client::connect(&context.settings.data_dir).await? else {
        return Ok(None);
    };
    let mut following = match client.dream(request).await? {
        Asked::Busy(report) => return Ok(Some(*report)),
        Asked::Accepted(following) => following,
    };
    let mut report = std::pin::pin!(following.report(hear));
    loop {
        tokio::select! {
            report = &mut report => return report.map(Some),
            _ = super::stop::asked_to_stop() => {
                client.wake(true).await?;
            }
        }
    }
}

/// The host is a matter of form: every connection goes to the socket.
fn url(path: &str) -> String {
    format!("http://dreamer{path}")
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request
        .timeout(PATIENCE)
        .send()
        .await
        .context("the service does not answer")?;
    decode(response).await
}

async fn decode<T: DeserializeOwned>(response: Response) -> anyhow::Result<T> {
    let status = response.status();
    if status.is_success() {
        return response
            .json()
            .await
            .context("the service's answer cannot be read");
    }
    let text = response.text().await.unwrap_or_default();
    let error = serde_json::from_str(&text).map_or(text, |Problem { error }| error);
    anyhow::bail!("the service refused ({status}): {error}")
}
