//! One thin client for a local model's chat endpoint. Called by the weaver and the coder; never decides anything.
//!
//! It speaks OpenAI's chat completions and, where the server is Ollama, Ollama's own dialect. Whatever the server does,
//! a call ends: in an answer, in a named `LlmError`, or with the permit. Ending drops the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

use crate::clock;
use crate::dream::Tokens;
use crate::supervisor::permit::{Ended, WorkPermit};

mod address;
mod discover;
pub mod doctor;
mod enough;
pub mod lenient;
mod odds;
pub mod release;
mod retry;
pub mod server;
mod stream;
mod wire;

pub use enough::Enough;
pub use odds::Odds;
use server::{Hold, Lives};
pub use stream::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    /// A conversation: who is asked, what was asked and answered before, and what is asked now.
    pub(crate) fn after(system: &str, shown: &[(String, String)], asked: &str) -> Vec<Self> {
        let message = |role, content: &str| Self {
            role,
            content: content.to_owned(),
        };
        let mut messages = vec![message(Role::System, system)];
        for (question, answer) in shown {
            messages.push(message(Role::User, question));
            messages.push(message(Role::Assistant, answer));
        }
        messages.push(message(Role::User, asked));
        messages
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub messages: Vec<Message>,
    pub temperature: f64,
    pub top_p: f64,
    pub max_tokens: u32,
    /// JSON schema that the answer must follow; the answer is parsed leniently all the same.
    pub schema: Option<Json>,
    pub seed: Option<u64>,
    /// Where the answer has all that was asked for; some models find no end.
    pub enough: Option<Enough>,
    /// Whether the answer's `odds` are wanted. Servers that know none of them leave them out, which costs nothing.
    pub odds: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    pub text: String,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// True where the answer stopped at `max_tokens` or the server broke off without saying that it was done.
    pub truncated: bool,
    /// How likely the model held what it wrote; empty where nobody asked or the server does not say.
    pub odds: Odds,
    pub duration: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    #[error(transparent)]
    Interrupted(#[from] Ended),
    #[error("no model answers at {url}")]
    Unreachable { url: String },
    #[error("{url} answered {status}: {body}")]
    Refused {
        url: String,
        status: u16,
        body: String,
    },
    #[error("{url} sent nothing for {after:?}")]
    Idle { url: String, after: Duration },
    #[error("{url} did not finish within {after:?}")]
    Deadline { url: String, after: Duration },
    #[error("{url} sent more than {limit} bytes")]
    TooLarge { url: String, limit: usize },
    #[error("{url} sent something that is no chat answer: {what}")]
    Malformed { url: String, what: String },
    #[error("the model server at {url} is ours and fell {times} times over one request")]
    Fell { url: String, times: u32 },
    #[error("the model at {url} is neither on this machine nor at a private address")]
    Remote { url: String },
}

impl LlmError {
    /// True where the server turned this one request away, as one that is longer than the model's context, or fell over it and
    /// is back: another may do.
    #[must_use]
    pub fn is_about_the_request(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status, 400 | 413 | 422),
            Self::Fell { .. } => true,
            Self::Interrupted(_)
            | Self::Unreachable { .. }
            | Self::Idle { .. }
            | Self::Deadline { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::Remote { .. } => false,
        }
    }

    /// True where the server may have fallen, or is about to: one that says nothing any more may hang.
    fn may_be_a_fall(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Malformed { .. } | Self::Idle { .. }
        )
    }
}

/// Which dialect a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    OpenAi,
    Ollama,
}

/// Context that Ollama is asked for, in tokens: room for our longest prompt and answer. Its own default is 4096.
const OLLAMA_CONTEXT: u32 = 8192;

/// A chat endpoint that answered once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LlmClient {
    http: reqwest::Client,
    dialect: Dialect,
    /// Without a trailing slash and without `/v1`.
    base: String,
    model: String,
    slots: usize,
    context_tokens: Option<u32>,
    remote: bool,
    /// It stands on this machine.
    here: bool,
    limits: Limits,
    spent: Arc<Spent>,
    around: Held,
    /// Where the server is ours.
    lives: Option<Lives>,
    /// Held while what it may have fallen over is asked again.
    alone: Arc<tokio::sync::Mutex<()>>,
}

/// Called as a request goes out; what it gives is held until the request has ended.
pub type Around = Arc<dyn Fn() -> Box<dyn Send> + Send + Sync>;

#[derive(Clone, Default)]
struct Held(Option<Around>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Held").field(&self.0.is_some()).finish()
    }
}

/// Tokens of all answers, those that were of no use included; shared by the client's clones.
#[derive(Debug, Default)]
struct Spent {
    prompt: AtomicU64,
    completion: AtomicU64,
}

impl LlmClient {
    /// Base URL, for reports and for finding the server's own load.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The model's name, for reports and provenance. Servers that name a model by its file keep the folder to themselves.
    #[must_use]
    pub fn model(&self) -> &str {
        if self.model.starts_with('/') {
            self.model.rsplit('/').next().unwrap_or(&self.model)
        } else {
            &self.model
        }
    }

    /// Requests that the server works on at once, 1 where unknown.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Tokens that prompt and answer may fill together, where the server says so.
    #[must_use]
    pub fn context_tokens(&self) -> Option<u32> {
        self.context_tokens
    }

    /// True where what we send leaves this machine and its private network; status and report name it.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    /// Tokens that this client and its clones have used so far, also for answers that led nowhere.
    #[must_use]
    pub fn spent(&self) -> Tokens {
        Tokens {
            prompt: self.spent.prompt.load(Ordering::Relaxed),
            completion: self.spent.completion.load(Ordering::Relaxed),
        }
    }

    /// The same endpoint under other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With something held around every request, but not while it waits to be sent anew.
    #[must_use]
    pub fn around(mut self, around: Around) -> Self {
        self.around = Held(Some(around));
        self
    }

    /// The same endpoint, on a server that this holds: where it is ours and falls, a request waits until it is back.
    #[must_use]
    pub fn held_by(mut self, hold: &Hold) -> Self {
        self.lives = hold.lives();
        self
    }

    /// One chat answer.
    ///
    /// # Errors
    /// See `LlmError`; `Interrupted` once the permit is over, and then the request has really ended.
    pub async fn chat(
        &self,
        permit: &WorkPermit,
        request: &ChatRequest,
    ) -> Result<ChatReply, LlmError> {
        let began = clock::monotonic();
        let mut reply = loop {
            permit.running().await?;
            let asking = permit.race(async {
                let _held = self.around.0.as_ref().map(|around| around());
                self.ask(permit, request).await
            });
            tokio::select! {
                biased;
                // A server that is not frozen with us would go on for nobody: dropping the request is all that can be
                // done about it. It is asked again when the dream goes on.
                () = permit.not_running() => permit.ask()?,
                reply = asking => break reply??,
            }
        };
        reply.duration = clock::monotonic().duration_since(began);
        self.spent
            .prompt
            .fetch_add(reply.prompt_tokens, Ordering::Relaxed);
        self.spent
            .completion
            .fetch_add(reply.completion_tokens, Ordering::Relaxed);
        tracing::debug!(
            prompt_tokens = reply.prompt_tokens,
            completion_tokens = reply.completion_tokens,
            truncated = reply.truncated,
            seconds = reply.duration.as_secs_f64(),
            "the model answered"
        );
        Ok(reply)
    }

    /// Asks, and again where the server is ours, fell meanwhile and is back. Every wait counts against the total deadline.
    async fn ask(&self, permit: &WorkPermit, request: &ChatRequest) -> Result<ChatReply, LlmError> {
        let mut watch = stream::Watch::new(&self.base, self.limits, permit);
        let mut falls = 0;
        loop {
            // One by one after a fall: who asks beside the request that fells it is not to blame.
            let _alone = match falls {
                0 => None,
                _ => Some(watch.wait_long(self.alone.lock()).await?),
            };
            let life = self.lives.as_ref().and_then(Lives::now);
            // After a fall it may answer at another port.
            let base = life.as_ref().map_or(&self.base, |life| &life.url);
            let asked = {
                let _busy = self.lives.as_ref().map(Lives::busy);
                self.ask_at(base, request, &mut watch).await
            };
            let error = match asked {
                Err(error) if error.may_be_a_fall() => error,
                done => return done,
            };
            let Some(lives) = &self.lives else {
                return Err(error);
            };
            let silent = matches!(error, LlmError::Idle { .. });
            if !watch
                .wait_long(lives.come_after(life.as_ref(), silent))
                .await?
            {
                return Err(error);
            }
            // One that did not reach it has not felled it.
            falls += u32::from(!matches!(error, LlmError::Unreachable { .. }));
            if falls >= retry::FALL_TRIES {
                return Err(LlmError::Fell {
                    url: self.base.clone(),
                    times: falls,
                });
            }
            tracing::warn!(%error, "the model server fell and is back: it is asked again");
        }
    }

    /// Sends until the server takes the request, then reads the answer.
    async fn ask_at(
        &self,
        base: &str,
        request: &ChatRequest,
        watch: &mut stream::Watch<'_>,
    ) -> Result<ChatReply, LlmError> {
        let (url, mut body) = self.address_and_body(base, request);
        let (mut busy, mut unreachable) = (0, 0);
        loop {
            let sending = self.http.post(&url).json(&body).send();
            let response = match watch.wait(sending).await? {
                Ok(response) => response,
                Err(error) if error.is_connect() => {
                    unreachable += 1;
                    if unreachable >= retry::CONNECT_TRIES {
                        return Err(self.unreachable());
                    }
                    let pause = retry::wait(unreachable, None, clock::utc());
                    watch.pause(pause).await?;
                    continue;
                }
                Err(error) => return Err(self.malformed(&error)),
            };
            let status = response.status().as_u16();
            if response.status().is_success() {
                return stream::read(response, self.dialect, request, watch).await;
            }
            let retry_after = response.headers().get("retry-after").cloned();
            let told = stream::read_error(response, watch).await;
            if retry::is_busy(status) {
                busy += 1;
                if busy < retry::BUSY_TRIES {
                    let header = retry_after.as_ref().and_then(|h| h.to_str().ok());
                    let pause = retry::wait(busy, header, clock::utc());
                    watch.pause(pause).await?;
                    continue;
                }
            }
            // Some servers know no schemas, or no odds; the answer is parsed leniently anyway.
            if status == 400 && self.without_extras(&mut body) {
                continue;
            }
            return Err(LlmError::Refused {
                url: self.base.clone(),
                status,
                body: told,
            });
        }
    }

    fn address_and_body(&self, base: &str, request: &ChatRequest) -> (String, Json) {
        match self.dialect {
            Dialect::OpenAi => (
                format!("{base}/v1/chat/completions"),
                wire::openai_body(request, &self.model),
            ),
            Dialect::Ollama => (
                format!("{base}/api/chat"),
                wire::ollama_body(request, &self.model, OLLAMA_CONTEXT),
            ),
        }
    }

    /// Without what a server may not know; false where there was nothing to take away.
    fn without_extras(&self, body: &mut Json) -> bool {
        let schema = match self.dialect {
            Dialect::OpenAi => "response_format",
            Dialect::Ollama => "format",
        };
        let extras = [schema, "logprobs", "top_logprobs"];
        body.as_object_mut().is_some_and(|fields| {
            let had = fields.len();
            fields.retain(|key, _| !extras.contains(&key.as_str()));
            fields.len() < had
        })
    }

    fn unreachable(&self) -> LlmError {
        LlmError::Unreachable {
            url: self.base.clone(),
        }
    }

    fn malformed(&self, what: &dyn std::fmt::Display) -> LlmError {
        LlmError::Malformed {
            url: self.base.clone(),
            what: what.to_string(),
        }
    }
}
