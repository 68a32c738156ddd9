//! The routes of what is learned about models (seed 003): weights, performance, outcomes, replays, configuration. Each is
//! one call of the function that the command line calls too; decides nothing.
//!
//! The database is read beside the event loop, on a connection that each question opens for itself: a long replay of
//! outcomes holds up no wake, and an idle service keeps nothing for it in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::api::{parse, problem};
use crate::clock;
use crate::ids::SessionId;
use crate::models::kept::{self, ModelsError};
use crate::models::{Change, ModelConfig, ReinforcementParams, RunState, Wanted};
use crate::store::Store;

#[derive(Debug, Clone)]
struct Learned {
    database: Arc<Path>,
    /// The replay that this process runs, or the last one that it ran.
    replay: Arc<Mutex<Option<JoinHandle<()>>>>,
}

pub(super) fn router(database: &Path) -> Router {
    Router::new()
        .route("/api/models/weights", get(weights).put(set_weights))
        .route("/api/models/performance", get(performance))
        // The original's word; a trade is a dream's outcome.
        .route("/api/analytics/trades", get(outcomes))
        .route("/api/analytics/outcomes", get(outcomes))
        .route("/api/reinforcement/start", post(start))
        .route("/api/reinforcement/status", get(status))
        .route("/api/reinforcement/stop", post(stop))
        .route("/api/config/export", get(export))
        .route("/api/config/import", post(import))
        .with_state(Learned {
            database: Arc::from(database),
            replay: Arc::default(),
        })
}

impl Learned {
    /// Work on the database, off the event loop's threads.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ModelsError> + Send + 'static,
    ) -> Result<T, Response> {
        let database = Arc::clone(&self.database);
        let asked = move || work(&Store::open(&database)?);
        match tokio::task::spawn_blocking(asked).await {
            Ok(done) => done.map_err(|error| refused(&error)),
            Err(_) => Err(problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the answer could not be worked out",
            )),
        }
    }
}

fn refused(error: &ModelsError) -> Response {
    let code = match error {
        ModelsError::Change(_) | ModelsError::Config(_) => StatusCode::BAD_REQUEST,
        ModelsError::NoVersion(_) => StatusCode::NOT_FOUND,
        ModelsError::Overtaken | ModelsError::Running => StatusCode::CONFLICT,
        ModelsError::Store(_) | ModelsError::Json(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(code, error.to_string())
}

/// Either answer is one.
fn either<T: Serialize>(answer: Result<T, Response>) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(response) => response,
    }
}

async fn weights(State(learned): State<Learned>) -> Response {
    either(learned.ask(kept::weights).await)
}

/// What `PUT /api/models/weights` takes; everything may be left out but not everything at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsBody {
    /// Model (`MODEL` or `ENDPOINT#MODEL`) to a fixed weight from 0 to 1; null frees it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, Option<f64>>,
    /// `thompson` or `reward_punish`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// `true`: later outcomes move nothing. `false`: they do again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<bool>,
    /// An earlier version again, in place of all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

async fn set_weights(State(learned): State<Learned>, body: Bytes) -> Response {
    let given: WeightsBody = match parse(&body) {
        Ok(given) => given,
        Err(response) => return *response,
    };
    let mut change = Change {
        strategy: given.strategy,
        hold: given.hold,
        ..Change::default()
    };
    for (model, weight) in given.weights {
        match weight {
            Some(weight) => change.set.push((model, weight)),
            None => change.free.push(model),
        }
    }
    let bare = change == Change::default();
    if bare == given.roll_back.is_none() {
        return problem(
            StatusCode::BAD_REQUEST,
            "it takes weights, strategy or hold, or else roll_back alone",
        );
    }
    let reason = given.reason;
    let now = clock::utc();
    either(
        learned
            .ask(move |store| {
                if let Some(version) = given.roll_back {
                    kept::roll_back(store, version, reason.as_deref(), now)?;
                } else {
                    let reason = reason.as_deref().unwrap_or("set by hand");
                    kept::change(store, &change, reason, now)?;
                }
                kept::weights(store)
            })
            .await,
    )
}

async fn performance(State(learned): State<Learned>) -> Response {
    let views = learned.ask(|store| {
        let book = kept::book(store, &store.facts(kept::MOST_FACTS)?)?;
        Ok(book.views())
    });
    either(views.await)
}

async fn outcomes(State(learned): State<Learned>, Query(wanted): Query<Wanted>) -> Response {
    let now = clock::utc();
    either(
        learned
            .ask(move |store| kept::outcomes(store, &wanted, now))
            .await,
    )
}

/// Begins a replay and answers at once; `status` tells how far it is.
async fn start(State(learned): State<Learned>, body: Bytes) -> Response {
    let params: ReinforcementParams = match parse(&body) {
        Ok(params) => params,
        Err(response) => return *response,
    };
    let now = clock::utc();
    let id = SessionId::new();
    let begun = learned
        .ask(move |store| kept::begin_reinforcement(store, id.as_str(), params, now))
        .await;
    let run = match begun {
        Ok(run) => run,
        Err(response) => return response,
    };
    let begun = run.status().clone();
    if begun.status == RunState::Running {
        let database = Arc::clone(&learned.database);
        let replay = tokio::task::spawn_blocking(move || {
            let store = Store::open(&database).map_err(ModelsError::from);
            if let Err(error) = store.and_then(|store| kept::run_reinforcement(&store, run)) {
                tracing::warn!(%error, "a replay of outcomes failed");
            }
        });
        // Kept so that it has an owner; it ends by itself, at the end of the outcomes or when it is asked to stop.
        let mut running = learned
            .replay
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *running = Some(replay);
    }
    (StatusCode::ACCEPTED, Json(begun)).into_response()
}

async fn status(State(learned): State<Learned>) -> Response {
    newest(&learned).await
}

async fn stop(State(learned): State<Learned>) -> Response {
    match learned.ask(|store| Ok(store.stop_reinforcement()?)).await {
        Ok(_) => newest(&learned).await,
        Err(response) => response,
    }
}

async fn newest(learned: &Learned) -> Response {
    let now = clock::utc();
    match learned
        .ask(move |store| kept::reinforcement(store, now))
        .await
    {
        Ok(Some(status)) => Json(status).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "nothing was replayed yet"),
        Err(response) => response,
    }
}

/// The configuration in force, as `models weights --export` writes it.
async fn export(State(learned): State<Learned>) -> Response {
    either(learned.ask(|store| Ok(kept::current(store)?.config)).await)
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    reason: Option<String>,
}

/// Takes what `export` gave.
async fn import(
    State(learned): State<Learned>,
    Query(query): Query<ImportQuery>,
    body: Bytes,
) -> Response {
    let config = match ModelConfig::from_json(&body) {
        Ok(config) => config,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let reason = query.reason.unwrap_or_else(|| "imported".to_owned());
    let now = clock::utc();
    either(
        learned
            .ask(move |store| {
                kept::set(store, &config, &reason, now)?;
                kept::weights(store)
            })
            .await,
    )
}
