//! A model server over real HTTP that a test scripts: it answers well, or misbehaves in every way that was ever seen.
//! Called by the tests of the client, the weaver, the coder and whole sessions. Listens on a port of its own.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dreamer::coder::prompt::SOLVE_MARK;
use dreamer::weaver::prompt::CHECKS_MARK;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod competent;

pub(crate) use competent::{PAGE, more_tasks, some_task};

/// What the fake does with one chat request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Streams the text, a few characters an event.
    Say(String),
    /// Streams the text word by word and says how likely each word was, where it is asked to: half of those that hold the
    /// second text, nearly all of the others.
    Unsure(String, &'static str),
    /// Streams the text with a pause before each event.
    Drip(String, Duration),
    /// One whole JSON body, as if no stream had been asked for.
    Whole(String),
    /// Takes the request and never sends a byte, as a server that reads a long prompt.
    Hang,
    Status(u16, Vec<(&'static str, String)>, String),
    /// An event stream (or lines, for Ollama) with exactly these bytes.
    Bytes(Vec<u8>),
    /// Streams the text and then breaks the connection off.
    BreakOff(String),
    /// Events for ever, as fast as they are taken.
    Endless,
    /// One body of so many bytes.
    Huge(usize),
}

impl Behaviour {
    /// Says code as a model does: in a fence.
    pub(crate) fn code(code: &str) -> Self {
        Self::Say(format!("```python\n{code}\n```"))
    }
}

/// One chat request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: &'static str,
    pub(crate) body: Json,
    pub(crate) headers: HeaderMap,
    /// Counted from 0.
    pub(crate) number: usize,
}

impl Asked {
    /// The last message: what is asked now, without the examples before it.
    pub(crate) fn question(&self) -> String {
        let last = self.body["messages"]
            .as_array()
            .and_then(|messages| messages.last());
        last.and_then(|m| m["content"].as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

impl Asked {
    /// The answer to a request for checks or for code; none to another request.
    pub(crate) fn answered(
        &self,
        checks: impl FnOnce(&str) -> Behaviour,
        code: &str,
    ) -> Option<Behaviour> {
        let question = self.question();
        if question.contains(CHECKS_MARK) {
            Some(checks(&question))
        } else {
            let solves = question.contains(SOLVE_MARK);
            solves.then(|| Behaviour::code(code))
        }
    }
}

type Script = Box<dyn Fn(&Asked) -> Behaviour + Send + Sync>;

/// Which kind of server the fake looks like.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    pub(crate) ollama: bool,
    pub(crate) models: Vec<&'static str>,
    pub(crate) slots: usize,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            ollama: false,
            models: vec!["fake-coder"],
            slots: 2,
        }
    }
}

struct Shared {
    script: Script,
    looks: Looks,
    asked: Mutex<Vec<Asked>>,
    count: AtomicUsize,
    gone: watch::Sender<usize>,
    arrived: watch::Sender<usize>,
}

/// The running fake. Dropping it ends the server.
pub(crate) struct FakeLlm {
    shared: Arc<Shared>,
    port: u16,
    server: JoinHandle<()>,
}

impl Drop for FakeLlm {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeLlm {
    /// A llama-server look-alike whose every chat answer the script decides.
    pub(crate) async fn scripted(
        script: impl Fn(&Asked) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        Self::start(Looks::default(), script).await
    }

    /// Answers every request in the same way.
    pub(crate) async fn always(behaviour: Behaviour) -> Self {
        Self::scripted(move |_| behaviour.clone()).await
    }

    /// Weaves, checks and solves the built-in tasks without a mistake.
    pub(crate) async fn competent() -> Self {
        Self::competent_but(|_| None).await
    }

    /// Competent, but for the requests to which `other` has an answer of its own.
    pub(crate) async fn competent_but(
        other: impl Fn(&Asked) -> Option<Behaviour> + Send + Sync + 'static,
    ) -> Self {
        Self::competent_with(Looks::default().slots, other).await
    }

    /// As above, on a server that works on so many requests at once.
    pub(crate) async fn competent_with(
        slots: usize,
        other: impl Fn(&Asked) -> Option<Behaviour> + Send + Sync + 'static,
    ) -> Self {
        let brain = competent::Brain::new(competent::Skill::Full);
        let looks = Looks {
            slots,
            ..Looks::default()
        };
        Self::start(looks, move |asked| {
            let answer = || Behaviour::Say(brain.answer(&asked.question(), asked.number));
            other(asked).unwrap_or_else(answer)
        })
        .await
    }

    /// As a small model: about a quarter of the expected values and a third of the solutions are wrong.
    pub(crate) async fn half_competent() -> Self {
        let brain = competent::Brain::new(competent::Skill::Half);
        Self::scripted(move |asked| Behaviour::Say(brain.answer(&asked.question(), asked.number)))
            .await
    }

    pub(crate) async fn start(
        looks: Looks,
        script: impl Fn(&Asked) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            script: Box::new(script),
            looks,
            asked: Mutex::new(Vec::new()),
            count: AtomicUsize::new(0),
            gone: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
        });
        let app = Router::new()
            .route("/v1/models", get(models))
            .route("/props", get(props))
            .route("/api/version", get(version))
            .route("/api/tags", get(tags))
            .route("/v1/chat/completions", post(openai))
            .route("/api/chat", post(ollama))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        // Owned by the value, which ends it when it is dropped.
        #[expect(
            clippy::disallowed_methods,
            reason = "the handle is kept and aborted on drop"
        )]
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Self {
            shared,
            port,
            server,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every chat request so far, oldest first.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared
            .asked
            .lock()
            .expect("no test panics here")
            .clone()
    }

    /// Returns once this many chat requests have come in.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        let seen =
            tokio::time::timeout(Duration::from_secs(10), arrived.wait_for(|n| *n >= count)).await;
        seen.expect("the requests come within ten seconds")
            .expect("the fake lives");
    }

    /// How many chat clients have left before their answer was complete.
    pub(crate) fn disconnects(&self) -> usize {
        *self.shared.gone.borrow()
    }

    /// Returns once this many chat clients have left before their answer was complete.
    pub(crate) async fn wait_for_disconnects(&self, count: usize) {
        let mut gone = self.shared.gone.subscribe();
        let seen =
            tokio::time::timeout(Duration::from_secs(10), gone.wait_for(|n| *n >= count)).await;
        seen.expect("the client leaves within ten seconds")
            .expect("the fake lives");
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Response {
    let data: Vec<_> = shared
        .looks
        .models
        .iter()
        .map(|id| json!({"id": id}))
        .collect();
    axum::Json(json!({"object": "list", "data": data})).into_response()
}

async fn props(State(shared): State<Arc<Shared>>) -> Response {
    if shared.looks.ollama {
        return StatusCode::NOT_FOUND.into_response();
    }
    let settings = json!({"n_ctx": 8192});
    axum::Json(json!({"total_slots": shared.looks.slots, "default_generation_settings": settings}))
        .into_response()
}

async fn version(State(shared): State<Arc<Shared>>) -> Response {
    if shared.looks.ollama {
        axum::Json(json!({"version": "0.9.0"})).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn tags(State(shared): State<Arc<Shared>>) -> Response {
    let models: Vec<_> = shared
        .looks
        .models
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    axum::Json(json!({"models": models})).into_response()
}

async fn openai(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    chat(shared, "/v1/chat/completions", headers, &body).await
}

async fn ollama(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    chat(shared, "/api/chat", headers, &body).await
}

/// Counts a client as gone unless the answer was complete when this was dropped.
struct Presence {
    shared: Arc<Shared>,
    complete: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.complete {
            self.shared.gone.send_modify(|n| *n += 1);
        }
    }
}

async fn chat(
    shared: Arc<Shared>,
    path: &'static str,
    headers: HeaderMap,
    body: &Bytes,
) -> Response {
    let body = serde_json::from_slice(body).unwrap_or(Json::Null);
    let asked = Asked {
        path,
        body,
        headers,
        number: shared.count.fetch_add(1, Ordering::SeqCst),
    };
    let behaviour = (shared.script)(&asked);
    let asked_for_odds = asked.body["logprobs"] == true;
    shared
        .asked
        .lock()
        .expect("no test panics here")
        .push(asked);
    shared.arrived.send_modify(|n| *n += 1);
    let mut presence = Presence {
        shared: Arc::clone(&shared),
        complete: false,
    };
    let ollama = path == "/api/chat";
    let pieces = match behaviour {
        Behaviour::Say(text) => spoken(&text, ollama),
        Behaviour::Unsure(text, doubted) => {
            let odds = asked_for_odds;
            let word = |word: &str| {
                let likely: f64 = if word.contains(doubted) { 0.5 } else { 0.99 };
                with_odds(word, odds.then(|| likely.ln()), ollama).into()
            };
            let mut pieces: Vec<Bytes> = text.split_inclusive([' ', '\n']).map(word).collect();
            pieces.extend(spoken("", ollama));
            pieces
        }
        Behaviour::BreakOff(text) => {
            let mut pieces = spoken(&text, ollama);
            pieces.truncate(pieces.len().saturating_sub(3));
            return streamed(
                presence,
                ollama,
                stream::iter(pieces.into_iter().map(Ok)).chain(broken()),
            );
        }
        Behaviour::Drip(text, pause) => {
            let slow = stream::iter(spoken(&text, ollama)).then(move |piece| async move {
                tokio::time::sleep(pause).await;
                Ok(piece)
            });
            return streamed(presence, ollama, slow);
        }
        Behaviour::Whole(text) => {
            presence.complete = true;
            let choice =
                json!({"message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
            return axum::Json(json!({"choices": [choice]})).into_response();
        }
        Behaviour::Hang => return std::future::pending().await,
        Behaviour::Status(status, headers, body) => {
            presence.complete = true;
            let mut response =
                (StatusCode::from_u16(status).expect("a status"), body).into_response();
            for (name, value) in headers {
                response
                    .headers_mut()
                    .insert(name, value.parse().expect("a header"));
            }
            return response;
        }
        Behaviour::Bytes(bytes) => vec![Bytes::from(bytes)],
        Behaviour::Endless => {
            let event = Bytes::from(event("again and ", ollama));
            return streamed(presence, ollama, stream::repeat(event).map(Ok));
        }
        Behaviour::Huge(bytes) => {
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            let count = bytes.div_ceil(piece.len());
            return streamed(presence, ollama, stream::iter(vec![piece; count]).map(Ok));
        }
    };
    streamed(presence, ollama, stream::iter(pieces).map(Ok))
}

fn broken() -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::once(async { Err(io::Error::other("the fake breaks off")) })
}

/// A body of these pieces that notes when the client leaves before its end.
fn streamed(
    presence: Presence,
    ollama: bool,
    pieces: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Response {
    let mut presence = presence;
    let body = pieces.map(move |piece| {
        // The whole of it moves in here, to be dropped with the body.
        let presence = &mut presence;
        // Clients may leave once the answer says that it is over.
        presence.complete |= piece.as_ref().is_ok_and(|piece| is_last(piece));
        piece
    });
    let kind = if ollama {
        "application/x-ndjson"
    } else {
        "text/event-stream"
    };
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response()
}

fn is_last(piece: &[u8]) -> bool {
    let text = String::from_utf8_lossy(piece);
    text.contains("[DONE]") || text.contains("\"done\":true")
}

/// The events of a well-behaved answer.
fn spoken(text: &str, ollama: bool) -> Vec<Bytes> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces: Vec<Bytes> = chars
        .chunks(12)
        .map(|piece| event(&piece.iter().collect::<String>(), ollama).into())
        .collect();
    let tokens = chars.len() / 4;
    if ollama {
        let last = json!({"message": {"content": ""}, "done": true, "done_reason": "stop",
            "prompt_eval_count": 11, "eval_count": tokens});
        pieces.push(format!("{last}\n").into());
    } else {
        let finish = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
        let usage =
            json!({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": tokens}});
        pieces.push(format!("data: {finish}\n\n").into());
        pieces.push(format!("data: {usage}\n\n").into());
        pieces.push("data: [DONE]\n\n".into());
    }
    pieces
}

fn event(text: &str, ollama: bool) -> String {
    with_odds(text, None, ollama)
}

fn with_odds(text: &str, ln: Option<f64>, ollama: bool) -> String {
    let odds = ln.map(|ln| json!([{"token": text, "bytes": text.as_bytes(), "logprob": ln}]));
    if ollama {
        let mut line = json!({"message": {"role": "assistant", "content": text}, "done": false});
        if let Some(odds) = odds {
            line["logprobs"] = odds;
        }
        return format!("{line}\n");
    }
    let mut choice = json!({"delta": {"content": text}, "finish_reason": null});
    if let Some(odds) = odds {
        choice["logprobs"] = json!({"content": odds});
    }
    format!("data: {}\n\n", json!({"choices": [choice]}))
}
