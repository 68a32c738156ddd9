//! The routes of the contracts, each one call on the supervisor's handle. Decides nothing.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::config::Dreaming;
use crate::dream::{Complexity, RemRequest, SessionReport, TaskLine, Trigger, WakeReason};
use crate::ids::SessionId;
use crate::supervisor::{Status, SupervisorHandle, Told, Why};

/// A backlog of tasks may be long; a file of ten thousand long lines fits.
const LARGEST_BODY: usize = 64 << 20;

/// The longest session that can be asked for: a year, as at the command line. No limit is said by leaving it out, and a clock
/// cannot count to whatever a number can say.
const LONGEST: Duration = Duration::from_hours(366 * 24);

#[derive(Debug, Clone)]
struct Front {
    supervisor: SupervisorHandle,
    stop: CancellationToken,
}

/// All routes. `stop` cuts off those who follow events.
pub fn router(supervisor: SupervisorHandle, stop: CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/api/status", get(status))
        .route("/api/why", get(why))
        .route("/api/rem", post(rem))
        .route("/api/sessions", get(sessions))
        .route("/api/sessions/{id}", get(session))
        .route("/api/events", get(events))
        .route("/api/wake", post(wake))
        .route("/api/pause", post(pause))
        .route("/api/resume", post(resume))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Front { supervisor, stop })
}

/// An error as others read it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Problem {
    pub error: String,
}

pub(super) fn problem(status: StatusCode, error: impl Into<String>) -> Response {
    let error = error.into();
    (status, Json(Problem { error })).into_response()
}

/// A JSON object, whatever content type it claims; an empty body is the default.
pub(super) fn parse<T: Default + DeserializeOwned>(body: &Bytes) -> Result<T, Box<Response>> {
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    // A list would be read as an object that says nothing.
    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body);
    object
        .and_then(|object| serde_json::from_value(object.into()))
        .map_err(|error| Box::new(problem(StatusCode::BAD_REQUEST, error.to_string())))
}

async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok"}))
}

async fn status(State(front): State<Front>) -> Json<Status> {
    Json(front.supervisor.get_statistics())
}

async fn why(State(front): State<Front>) -> Response {
    match front.supervisor.why().await {
        Some(why) => Json::<Why>((*why).clone()).into_response(),
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping"),
    }
}

/// What `POST /api/rem` takes; everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemBody {
    /// Absent: the service's own limit, or none where tasks or a time are given. 0: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scenarios: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Complexity>,
    /// How long at most, in seconds; read to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<f64>,
    /// Wait until nobody is there.
    #[serde(default)]
    pub when_away: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_file: Option<String>,
}

impl RemBody {
    /// The request as the command line made it, for the way through the service.
    #[must_use]
    pub fn of(request: &RemRequest) -> Self {
        Self {
            max_scenarios: Some(request.max_scenarios.unwrap_or(0)),
            difficulty: Some(request.complexity),
            for_seconds: request.for_duration.map(|length| length.as_secs_f64()),
            when_away: request.trigger == Trigger::WhenAway,
            tasks: request.tasks.clone(),
            tasks_file: request.tasks_file.clone(),
        }
    }

    /// What is asked of the supervisor, with the service's own settings for what is left out.
    ///
    /// # Errors
    /// `for_seconds` is below zero, longer than a year or no number; the text is for a person.
    pub fn request(self, own: &Dreaming) -> Result<RemRequest, String> {
        let for_duration = self
            .for_seconds
            .map(Duration::try_from_secs_f64)
            .transpose()
            .ok()
            .filter(|length| length.is_none_or(|length| length <= LONGEST))
            .ok_or_else(|| {
                let most = LONGEST.as_secs();
                format!("for_seconds must be a number of seconds from 0 to {most} (a year)")
            })?
            .map(to_milliseconds);
        let unbounded = for_duration.is_some() || !self.tasks.is_empty();
        let silent = if unbounded { 0 } else { own.max_scenarios };
        let limit = self.max_scenarios.unwrap_or(silent);
        Ok(RemRequest {
            trigger: if self.when_away {
                Trigger::WhenAway
            } else {
                Trigger::Manual
            },
            max_scenarios: Some(limit).filter(|limit| *limit > 0),
            complexity: self.difficulty.unwrap_or(own.complexity),
            for_duration,
            tasks: self.tasks,
            tasks_file: self.tasks_file,
        })
    }
}

/// Seconds as a number tell a length of months to some nanoseconds only.
fn to_milliseconds(length: Duration) -> Duration {
    let milliseconds = (length.subsec_nanos() + 500_000) / 1_000_000;
    Duration::from_secs(length.as_secs()).saturating_add(Duration::from_millis(milliseconds.into()))
}

/// What an accepted request gets.
#[derive(Debug, Serialize, Deserialize)]
pub struct Accepted {
    pub session_id: SessionId,
}

async fn rem(State(front): State<Front>, body: Bytes) -> Response {
    let given: RemBody = match parse(&body) {
        Ok(given) => given,
        Err(response) => return *response,
    };
    let request = match given.request(&front.supervisor.settings().dreaming) {
        Ok(request) => request,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error),
    };
    match front.supervisor.request(request).await {
        Ok(session_id) => (StatusCode::ACCEPTED, Json(Accepted { session_id })).into_response(),
        Err(refusal) => (StatusCode::CONFLICT, Json(refusal.report())).into_response(),
    }
}

/// The reports of the sessions that ended lately, the newest first.
async fn sessions(State(front): State<Front>) -> Json<Vec<SessionReport>> {
    let snapshot = front.supervisor.snapshot();
    let newest_first = snapshot.reports.iter().rev();
    Json(newest_first.map(|report| (**report).clone()).collect())
}

/// The report of one session, 202 while it runs; `current` waits for the end of the one that runs.
async fn session(State(front): State<Front>, Path(id): Path<String>) -> Response {
    let snapshot = front.supervisor.snapshot();
    if id == "current" {
        let Some(session) = snapshot.session.or(snapshot.waiting) else {
            return problem(StatusCode::NOT_FOUND, "no session runs");
        };
        return match front.supervisor.finished(&session).await {
            Some(report) => Json((*report).clone()).into_response(),
            None => problem(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping"),
        };
    }
    let Some(session_id) = SessionId::parse(&id) else {
        return problem(StatusCode::NOT_FOUND, "no such session");
    };
    match snapshot.report(&session_id) {
        Some(report) => Json((*report).clone()).into_response(),
        None if snapshot.knows(&session_id) => {
            (StatusCode::ACCEPTED, Json(Accepted { session_id })).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "no such session"),
    }
}

/// Progress, states and reports as they come; ends with the supervisor.
async fn events(State(front): State<Front>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let told = front.supervisor.follow();
    let stream = unfold((told, front), |(mut told, front)| async move {
        loop {
            let next = tokio::select! {
                biased;
                next = told.recv() => next,
                () = front.stop.cancelled() => return None,
                () = front.supervisor.gone() => return None,
            };
            match next {
                Ok(now) => {
                    let event = event(&now);
                    return Some((Ok(event), (told, front)));
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a follower was too slow");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn event(told: &Told) -> Event {
    let name = match told {
        Told::Progress { .. } => "progress",
        Told::State { .. } => "state",
        Told::Report { .. } => "report",
    };
    Event::default()
        .event(name)
        .json_data(told)
        .unwrap_or_else(|error| Event::default().comment(error.to_string()))
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WakeBody {
    /// Ctrl-C of a command that follows its session, not `dreamer wake`.
    #[serde(default)]
    pub interrupt: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Woken {
    /// A session ran or waited, and was told to end.
    pub woken: bool,
}

async fn wake(State(front): State<Front>, body: Bytes) -> Response {
    let given: WakeBody = match parse(&body) {
        Ok(given) => given,
        Err(response) => return *response,
    };
    let reason = if given.interrupt {
        WakeReason::Interrupt
    } else {
        WakeReason::Wake
    };
    let woken = front.supervisor.wake(reason).await;
    Json(Woken { woken }).into_response()
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// Absent: until `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

async fn pause(State(front): State<Front>, body: Bytes) -> Response {
    let given: PauseBody = match parse(&body) {
        Ok(given) => given,
        Err(response) => return *response,
    };
    let length = given.seconds.map(Duration::from_secs);
    front.supervisor.pause(length).await;
    Json(front.supervisor.get_statistics()).into_response()
}

async fn resume(State(front): State<Front>) -> Json<Status> {
    front.supervisor.resume().await;
    Json(front.supervisor.get_statistics())
}
