//! The routes of the model servers (seed 003): each one call. Decides nothing.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::api::problem;
use crate::llm::server::{ServerError, ServerStatus, Servers};
use crate::supervisor::permit;

pub(super) fn router(servers: Servers) -> Router {
    Router::new()
        .route("/api/servers", get(list))
        .route("/api/server/{name}/start", post(start))
        .route("/api/server/{name}/stop", post(stop))
        .route("/api/server/{name}/status", get(status))
        .with_state(servers)
}

fn answer(result: Result<ServerStatus, ServerError>) -> Response {
    match result {
        Ok(status) => Json(status).into_response(),
        Err(error) => {
            let code = match &error {
                ServerError::Unknown { .. } => StatusCode::NOT_FOUND,
                ServerError::Failed { .. } => StatusCode::BAD_GATEWAY,
                ServerError::Interrupted(_) | ServerError::Setup(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            problem(code, error.to_string())
        }
    }
}

async fn list(State(servers): State<Servers>) -> Json<Vec<ServerStatus>> {
    Json(servers.list().await)
}

async fn start(State(servers): State<Servers>, Path(name): Path<String>) -> Response {
    let (permit, _holder) = permit::operator(Arc::clone(servers.tree()));
    answer(servers.start(&name, &permit).await)
}

async fn stop(State(servers): State<Servers>, Path(name): Path<String>) -> Response {
    answer(servers.stop(&name).await)
}

async fn status(State(servers): State<Servers>, Path(name): Path<String>) -> Response {
    answer(servers.status(&name).await)
}
