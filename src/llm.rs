//! One thin client for a local model's chat endpoint. Called by the weaver and the coder; never decides anything.

use std::time::Duration;

use serde_json::Value as Json;

use crate::supervisor::permit::{Ended, WorkPermit};

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

#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub messages: Vec<Message>,
    pub temperature: f64,
    pub top_p: f64,
    pub max_tokens: u32,
    /// JSON schema that the answer must follow; the answer is parsed leniently all the same.
    pub schema: Option<Json>,
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChatReply {
    pub text: String,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// True where the answer stopped at `max_tokens`.
    pub truncated: bool,
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
    #[error("the model at {url} is neither on this machine nor at a private address")]
    Remote { url: String },
}

/// A chat endpoint that answered once.
#[derive(Debug, Clone)]
pub struct LlmClient {}

impl LlmClient {
    /// Base URL, for reports and for finding the server's own load.
    #[must_use]
    pub fn url(&self) -> &str {
        ""
    }

    #[must_use]
    pub fn model(&self) -> &str {
        ""
    }

    /// Requests that the server works on at once, 1 where unknown.
    #[must_use]
    pub fn slots(&self) -> usize {
        1
    }

    /// One chat answer.
    ///
    /// # Errors
    /// See `LlmError`; `Interrupted` once the permit is over, and then the request has really ended.
    pub async fn chat(
        &self,
        permit: &WorkPermit,
        _request: &ChatRequest,
    ) -> Result<ChatReply, LlmError> {
        permit.ask()?;
        Err(LlmError::Unreachable { url: String::new() })
    }
}
