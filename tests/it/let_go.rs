//! Model servers of somebody else after a wake: asked to unload where they can, watched, never ended. Small servers that
//! speak each dialect stand for the real ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::Method;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use dreamer::config::{LlmChoice, LlmSettings};
use dreamer::llm::LlmClient;
use dreamer::llm::release::LetGo;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

#[derive(Clone)]
struct Server {
    speaks: &'static str,
    loaded: Arc<AtomicBool>,
}

async fn answer(State(server): State<Server>, method: Method, uri: Uri, body: String) -> Response {
    let loaded = server.loaded.load(Ordering::SeqCst);
    let asked: Json = serde_json::from_str(&body).unwrap_or_default();
    let unload = |answer: Json| {
        server.loaded.store(false, Ordering::SeqCst);
        axum::Json(answer).into_response()
    };
    let here = |answer: Json| axum::Json(answer).into_response();
    match (server.speaks, method.as_str(), uri.path()) {
        ("ollama" | "deaf", "GET", "/api/version") => here(json!({"version": "0.9"})),
        ("ollama" | "deaf", "GET", "/api/tags") => {
            here(json!({"models": [{"name": "small:latest"}]}))
        }
        ("ollama" | "deaf", "GET", "/api/ps") if loaded => {
            here(json!({"models": [{"name": "small:latest"}]}))
        }
        ("ollama", "GET", "/api/ps") => here(json!({"models": []})),
        ("ollama", "POST", "/api/generate") if asked["keep_alive"] == 0 => unload(json!({})),
        ("swap", "GET", "/running") if loaded => here(json!({"running": [{"model": "small"}]})),
        ("swap", "GET", "/running") => here(json!({"running": []})),
        ("swap", "GET", "/unload") => unload(json!("OK")),
        ("router", "GET", "/models") => {
            let state = if loaded { "loaded" } else { "unloaded" };
            here(json!({"data": [{"id": "small", "status": {"value": state}}]}))
        }
        ("router", "POST", "/models/unload") if asked["model"] == "small" => unload(json!({})),
        ("slots", "GET", "/slots") => here(json!([{"is_processing": false}])),
        ("busy", "GET", "/slots") => here(json!([{"is_processing": true}])),
        ("deaf", ..) => axum::http::StatusCode::NOT_FOUND.into_response(),
        (_, "GET", "/v1/models") if server.speaks != "ollama" => {
            here(json!({"data": [{"id": "small"}]}))
        }
        _ => axum::http::StatusCode::NOT_FOUND.into_response(),
    }
}

/// A server of this kind, and the settings that mean it; it serves for as long as the set is kept.
async fn served(speaks: &'static str) -> (Server, LlmSettings, JoinSet<std::io::Result<()>>) {
    let server = Server {
        speaks,
        loaded: Arc::new(AtomicBool::new(true)),
    };
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}");
    let app = Router::new().fallback(answer).with_state(server.clone());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, app).await });
    let settings = LlmSettings {
        choice: LlmChoice::Url(url),
        model: String::new(),
        api_key: None,
        api_key_file: None,
        remote: false,
        servers: Vec::new(),
    };
    (server, settings, serving)
}

#[tokio::test]
async fn the_doctor_says_which_servers_only_a_stand_in_was_asked_to_let_go() {
    for (speaks, said) in [("ollama", true), ("swap", true), ("slots", false)] {
        let (_server, settings, _serving) = served(speaks).await;
        let found = dreamer::llm::doctor::findings(&settings).await;
        assert_eq!(found[0].detail.contains("stand-in"), said, "{found:?}");
    }
}

/// How a server of this kind lets go, and whether it keeps its model.
async fn let_go(speaks: &'static str) -> (LetGo, bool) {
    let (server, mut settings, _serving) = served(speaks).await;
    // A person leaves the usual tag out.
    "small".clone_into(&mut settings.model);
    let client = LlmClient::discover(&settings)
        .await
        .expect("it answers")
        .expect("a model");
    let went = client
        .let_go(Duration::from_millis(700))
        .await
        .expect("it is here");
    (went, server.loaded.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_server_that_can_unload_does_and_says_so() {
    for speaks in ["ollama", "swap", "router"] {
        let (went, loaded) = let_go(speaks).await;
        assert!(
            matches!(went, LetGo::Unloaded { .. }) && !loaded,
            "{speaks}: {went:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_unload_is_reported_as_it_is() {
    let (went, loaded) = let_go("slots").await;
    assert!(matches!(went, LetGo::Idle { .. }) && loaded, "{went:?}");
    for speaks in ["busy", "deaf"] {
        let (went, _) = let_go(speaks).await;
        assert!(
            matches!(went, LetGo::Busy { after } if after >= Duration::from_millis(700)),
            "{speaks}: {went:?}"
        );
    }
    assert_eq!(let_go("nothing").await.0, LetGo::Silent);
}

/// As somebody names a server that serves the whole house.
#[tokio::test]
async fn a_server_at_this_machines_own_address_lets_go_too() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // Sends nothing, and tells the address that others know us by; a machine without a network has none.
    let own = socket.connect("192.0.2.7:9");
    let own = own.and_then(|()| socket.local_addr());
    let own = own.map(|own| own.ip().to_string());
    for host in ["0.0.0.0".to_owned()].into_iter().chain(own) {
        let (server, mut settings, _serving) = served("ollama").await;
        settings.choice = match settings.choice {
            LlmChoice::Url(url) => LlmChoice::Url(url.replace("127.0.0.1", &host)),
            other => panic!("{other:?} is no address"),
        };
        // Whatever network it is in.
        settings.remote = true;
        let client = LlmClient::discover(&settings).await.expect("it answers");
        let client = client.expect("a model");
        let went = client.let_go(Duration::from_millis(700)).await;
        assert!(
            matches!(went, Some(LetGo::Unloaded { .. })),
            "{host}: {went:?}"
        );
        assert!(!server.loaded.load(Ordering::SeqCst), "{host}");
    }
}
