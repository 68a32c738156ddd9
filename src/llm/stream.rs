//! Reads an answer under deadlines and a size cap. Called by the client alone; never retries and never waits unwatched.

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::{Stream, StreamExt};
use reqwest::Response;

use super::wire::{self, Delta, Finish};
use super::{ChatReply, ChatRequest, Dialect, LlmError, Odds};
use crate::clock::{self, Instant};
use crate::supervisor::permit::{Pace, WorkPermit};

/// How long and how large one answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Without a byte. Covers reading the prompt, during which a server is silent: 4,000 tokens at the 35 tokens/s that
    /// a small model reads on one core.
    pub idle: Duration,
    /// From the first try to the end of the answer, waits included. A server that drips a byte now and then for ever is
    /// ended by this alone. A 7B model on two cores writes our longest answer (1,200 tokens) in about five minutes.
    pub total: Duration,
    /// Of the body. Our longest answer is 1,200 tokens of about 250 bytes an event, or 600 with its odds.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(2),
            total: Duration::from_mins(10),
            bytes: 4 << 20,
        }
    }
}

/// Of an error's body, enough for any server's message.
const ERROR_BYTES: usize = 2_000;

/// How often a wait looks whether the permit is frozen; time spent frozen is not counted, to within one of these.
const TICK: Duration = Duration::from_millis(500);

/// Events beyond `max_tokens` that are still read: servers send a role, a finish and a usage event too.
const EVENT_SLACK: u64 = 64;

/// The clocks of one call: both stand still while the permit is frozen.
pub(super) struct Watch<'a> {
    url: &'a str,
    limits: Limits,
    permit: &'a WorkPermit,
    spent: Duration,
}

impl<'a> Watch<'a> {
    pub(super) fn new(url: &'a str, limits: Limits, permit: &'a WorkPermit) -> Self {
        Self {
            url,
            limits,
            permit,
            spent: Duration::ZERO,
        }
    }

    /// Waits for something that the server does.
    pub(super) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, LlmError> {
        let mut work = std::pin::pin!(work);
        let mut idle = Duration::ZERO;
        loop {
            let left = (self.limits.idle.saturating_sub(idle))
                .min(self.limits.total.saturating_sub(self.spent));
            let began = clock::monotonic();
            let done = tokio::time::timeout(left.min(TICK), &mut work).await;
            let passed = self.passed(began);
            self.spent += passed;
            idle += passed;
            if let Ok(done) = done {
                return Ok(done);
            }
            self.check_total()?;
            if idle >= self.limits.idle {
                return Err(LlmError::Idle {
                    url: self.url.to_owned(),
                    after: self.limits.idle,
                });
            }
        }
    }

    /// Waits for a server of ours to come back, however long that takes of the time for the whole.
    pub(super) async fn wait_long<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> Result<T, LlmError> {
        let mut work = std::pin::pin!(work);
        loop {
            let began = clock::monotonic();
            let left = self.limits.total.saturating_sub(self.spent);
            let done = tokio::time::timeout(left.min(TICK), &mut work).await;
            self.spent += self.passed(began);
            if let Ok(done) = done {
                return Ok(done);
            }
            self.check_total()?;
        }
    }

    /// Waits because the server asked for it.
    pub(super) async fn pause(&mut self, pause: Duration) -> Result<(), LlmError> {
        let left = self.limits.total.saturating_sub(self.spent);
        tokio::time::sleep(pause.min(left)).await;
        self.spent += pause;
        self.check_total()
    }

    fn passed(&self, began: Instant) -> Duration {
        match self.permit.pace() {
            Pace::Frozen { .. } => Duration::ZERO,
            Pace::Running | Pace::Ended(_) => clock::monotonic().duration_since(began),
        }
    }

    fn check_total(&self) -> Result<(), LlmError> {
        if self.spent >= self.limits.total {
            return Err(LlmError::Deadline {
                url: self.url.to_owned(),
                after: self.limits.total,
            });
        }
        Ok(())
    }

    fn malformed(&self, what: impl Into<String>) -> LlmError {
        LlmError::Malformed {
            url: self.url.to_owned(),
            what: what.into(),
        }
    }
}

/// Why a body could not be read on.
enum Broken {
    TooLarge,
    Transport(String),
}

/// The body's pieces, ended by an error once there are more bytes than `limit`.
fn capped(response: Response, limit: usize) -> impl Stream<Item = Result<Vec<u8>, Broken>> {
    let mut seen = 0_usize;
    response.bytes_stream().map(move |piece| match piece {
        Ok(bytes) => {
            seen = seen.saturating_add(bytes.len());
            if seen > limit {
                Err(Broken::TooLarge)
            } else {
                Ok(bytes.to_vec())
            }
        }
        Err(error) => Err(Broken::Transport(error.to_string())),
    })
}

/// What has been read so far.
#[derive(Default)]
struct Answer {
    text: String,
    finish: Option<Finish>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    events: u64,
    any_choice: bool,
    odds: Odds,
}

impl Answer {
    /// True once nothing more is needed.
    fn add(&mut self, delta: Delta, request: &ChatRequest) -> Result<bool, String> {
        if let Some(error) = delta.error {
            return Err(format!(
                "an error in the middle of the answer: {}",
                cut(&error, ERROR_BYTES)
            ));
        }
        self.any_choice |= delta.has_choice;
        self.events += u64::from(!delta.text.is_empty());
        self.text.push_str(&delta.text);
        self.odds.add(delta.text.len(), &delta.odds);
        self.finish = self.finish.or(delta.finish);
        self.prompt_tokens = delta.prompt_tokens.or(self.prompt_tokens);
        self.completion_tokens = delta.completion_tokens.or(self.completion_tokens);
        let enough = request
            .enough
            .is_some_and(|enough| enough.is_in(&self.text));
        // An event carries at least one token, so a server that goes on has not understood `max_tokens`.
        Ok(enough || self.events > u64::from(request.max_tokens) + EVENT_SLACK)
    }

    fn reply(self, request: &ChatRequest) -> ChatReply {
        let prompt: usize = request.messages.iter().map(|m| m.content.len()).sum();
        ChatReply {
            prompt_tokens: self.prompt_tokens.unwrap_or_else(|| estimated(prompt)),
            completion_tokens: self
                .completion_tokens
                // Who leaves before the end is told no number; an event carries at least one.
                .unwrap_or_else(|| estimated(self.text.len()).max(self.events)),
            truncated: self.finish != Some(Finish::Stop),
            text: self.text,
            odds: self.odds,
            duration: Duration::ZERO,
        }
    }
}

/// Tokens in so many bytes of English and Python: four bytes each is the usual rule of thumb.
fn estimated(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

/// Reads one successful response to its end.
pub(super) async fn read(
    response: Response,
    dialect: Dialect,
    request: &ChatRequest,
    watch: &mut Watch<'_>,
) -> Result<ChatReply, LlmError> {
    let mut answer = Answer::default();
    match dialect {
        Dialect::OpenAi if is_whole(&response) => {
            let body = whole(response, watch).await?;
            let delta = wire::openai_delta(&body).map_err(|e| watch.malformed(e))?;
            answer.add(delta, request).map_err(|e| watch.malformed(e))?;
        }
        Dialect::OpenAi => events(response, request, watch, &mut answer).await?,
        Dialect::Ollama => lines(response, request, watch, &mut answer).await?,
    }
    if !answer.any_choice {
        return Err(watch.malformed("no choice in it"));
    }
    Ok(answer.reply(request))
}

/// True where a server ignored the wish for a stream.
fn is_whole(response: &Response) -> bool {
    let kind = response
        .headers()
        .get("content-type")
        .and_then(|h| h.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

async fn events(
    response: Response,
    request: &ChatRequest,
    watch: &mut Watch<'_>,
    answer: &mut Answer,
) -> Result<(), LlmError> {
    let mut events = std::pin::pin!(capped(response, watch.limits.bytes).eventsource());
    while let Some(event) = watch.wait(events.next()).await? {
        let event = event.map_err(|error| match error {
            eventsource_stream::EventStreamError::Transport(broken) => broken_off(broken, watch),
            eventsource_stream::EventStreamError::Utf8(_) => watch.malformed("not UTF-8"),
            eventsource_stream::EventStreamError::Parser(_) => watch.malformed("no event stream"),
        })?;
        let data = event.data.trim();
        if data == "[DONE]" {
            break;
        }
        if data.is_empty() {
            continue;
        }
        let delta = wire::openai_delta(data).map_err(|e| watch.malformed(e))?;
        if answer.add(delta, request).map_err(|e| watch.malformed(e))? {
            break;
        }
    }
    Ok(())
}

async fn lines(
    response: Response,
    request: &ChatRequest,
    watch: &mut Watch<'_>,
    answer: &mut Answer,
) -> Result<(), LlmError> {
    let mut pieces = std::pin::pin!(capped(response, watch.limits.bytes));
    let mut rest = Vec::new();
    loop {
        let piece = watch.wait(pieces.next()).await?;
        let over = piece.is_none();
        if let Some(piece) = piece {
            rest.extend(piece.map_err(|broken| broken_off(broken, watch))?);
        } else {
            // The last line may lack its end.
            rest.push(b'\n');
        }
        while let Some(end) = rest.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = std::str::from_utf8(&line)
                .map_err(|_| watch.malformed("not UTF-8"))?
                .trim();
            if line.is_empty() {
                continue;
            }
            let delta = wire::ollama_delta(line).map_err(|e| watch.malformed(e))?;
            let full = answer.add(delta, request).map_err(|e| watch.malformed(e))?;
            if full || answer.finish.is_some() {
                return Ok(());
            }
        }
        if over {
            return Ok(());
        }
    }
}

fn broken_off(broken: Broken, watch: &Watch<'_>) -> LlmError {
    match broken {
        Broken::TooLarge => LlmError::TooLarge {
            url: watch.url.to_owned(),
            limit: watch.limits.bytes,
        },
        Broken::Transport(what) => watch.malformed(format!("the answer broke off: {what}")),
    }
}

async fn whole(response: Response, watch: &mut Watch<'_>) -> Result<String, LlmError> {
    let mut pieces = std::pin::pin!(capped(response, watch.limits.bytes));
    let mut body = Vec::new();
    while let Some(piece) = watch.wait(pieces.next()).await? {
        body.extend(piece.map_err(|broken| broken_off(broken, watch))?);
    }
    String::from_utf8(body).map_err(|_| watch.malformed("not UTF-8"))
}

/// The start of an error's body on one line, for a person; whatever goes wrong here, the status is what counts.
pub(super) async fn read_error(response: Response, watch: &mut Watch<'_>) -> String {
    let mut pieces = std::pin::pin!(capped(response, watch.limits.bytes));
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES {
        match watch.wait(pieces.next()).await {
            Ok(Some(Ok(piece))) => body.extend(piece),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    body.truncate(ERROR_BYTES);
    let text = String::from_utf8_lossy(&body);
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// At most `bytes` bytes of a text, never half a character.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
