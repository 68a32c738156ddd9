//! What chat servers really send, read leniently: fields may be missing, null or empty. Pure; reads text, never a socket.
//!
//! Two dialects: OpenAI's chat completions (events or one whole body) and Ollama's own chat (one JSON value a line).

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{ChatRequest, Role};

/// What one event or line added.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Delta {
    pub(super) text: String,
    /// Bytes of each token and the logarithm of its probability, where the server says so.
    pub(super) odds: Vec<(usize, f64)>,
    /// Set once the server says that the answer is over.
    pub(super) finish: Option<Finish>,
    pub(super) prompt_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
    /// An error that the server reported in the middle of a stream.
    pub(super) error: Option<String>,
    /// False where the server sent a well-formed value without a choice in it.
    pub(super) has_choice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
}

impl Finish {
    fn read(reason: Option<&str>) -> Option<Self> {
        match reason {
            None | Some("") => None,
            Some("length" | "max_tokens") => Some(Self::Length),
            Some(_) => Some(Self::Stop),
        }
    }
}

pub(super) fn openai_body(request: &ChatRequest, model: &str) -> Json {
    let mut body = json!({
        "model": model,
        "messages": messages(request),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(seed) = request.seed {
        body["seed"] = json!(seed);
    }
    if request.odds {
        body["logprobs"] = json!(true);
        // Left out, llama.cpp lists twenty alternatives of each token.
        body["top_logprobs"] = json!(1);
    }
    if let Some(schema) = &request.schema {
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": true, "schema": schema},
        });
    }
    body
}

/// Ollama's own dialect is the only one in which the context's size can be asked for: its default cuts prompts silently.
pub(super) fn ollama_body(request: &ChatRequest, model: &str, num_ctx: u32) -> Json {
    let mut options = json!({
        "temperature": request.temperature,
        "top_p": request.top_p,
        "num_predict": request.max_tokens,
        "num_ctx": num_ctx,
    });
    if let Some(seed) = request.seed {
        options["seed"] = json!(seed);
    }
    let mut body = json!({
        "model": model,
        "messages": messages(request),
        "stream": true,
        "options": options,
    });
    if request.odds {
        body["logprobs"] = json!(true);
    }
    if let Some(schema) = &request.schema {
        body["format"] = schema.clone();
    }
    body
}

fn messages(request: &ChatRequest) -> Json {
    let one = |m: &super::Message| json!({"role": role(m.role), "content": m.content});
    request.messages.iter().map(one).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[derive(Deserialize)]
struct OpenAi {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    timings: Option<Timings>,
    #[serde(default)]
    error: Option<Json>,
}

#[derive(Deserialize)]
struct Choice {
    /// In a stream.
    #[serde(default)]
    delta: Option<Content>,
    /// In a whole body.
    #[serde(default)]
    message: Option<Content>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Json>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    content: Option<Json>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

/// llama-server's own figures.
#[derive(Deserialize)]
struct Timings {
    #[serde(default, rename = "prompt_n")]
    prompt: Option<u64>,
    #[serde(default, rename = "cache_n")]
    cached: Option<u64>,
    #[serde(default, rename = "predicted_n")]
    predicted: Option<u64>,
}

/// One event's data, or one whole body, of the OpenAI dialect; `Err` says what is wrong with it.
pub(super) fn openai_delta(data: &str) -> Result<Delta, String> {
    let wire: OpenAi = serde_json::from_str(data).map_err(|e| e.to_string())?;
    let mut delta = Delta {
        error: wire.error.filter(|e| !e.is_null()).map(|e| error_text(&e)),
        ..Delta::default()
    };
    if let Some(choice) = wire.choices.unwrap_or_default().into_iter().next() {
        delta.has_choice = true;
        delta.finish = Finish::read(choice.finish_reason.as_deref());
        delta.odds = odds(choice.logprobs.as_ref().and_then(|l| l.get("content")));
        let content = choice.delta.or(choice.message).and_then(|c| c.content);
        delta.text = content.map(content_text).unwrap_or_default();
    }
    if let Some(timings) = wire.timings {
        let cached = timings.cached.unwrap_or(0);
        delta.prompt_tokens = timings.prompt.map(|n| n.saturating_add(cached));
        delta.completion_tokens = timings.predicted;
    }
    if let Some(usage) = wire.usage {
        delta.prompt_tokens = usage.prompt_tokens.or(delta.prompt_tokens);
        delta.completion_tokens = usage.completion_tokens.or(delta.completion_tokens);
    }
    Ok(delta)
}

/// What a list of `{"token", "logprob"}` says. Anything else in it makes all of it unknown: it is only advice.
fn odds(list: Option<&Json>) -> Vec<(usize, f64)> {
    let one = |token: &Json| {
        let ln = token.get("logprob")?.as_f64()?;
        let bytes = token.get("bytes").and_then(Json::as_array).map(Vec::len);
        let text = token.get("token").and_then(Json::as_str).map(str::len);
        Some((bytes.or(text)?, ln.min(0.0)))
    };
    let list = list.and_then(Json::as_array);
    list.and_then(|list| list.iter().map(one).collect())
        .unwrap_or_default()
}

/// Content is a string, or a list of parts with a text each.
fn content_text(content: Json) -> String {
    match content {
        Json::String(text) => text,
        Json::Array(parts) => {
            let text = |part: &Json| part.get("text").and_then(Json::as_str).map(str::to_owned);
            parts.iter().filter_map(text).collect()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => String::new(),
    }
}

fn error_text(error: &Json) -> String {
    let message = error
        .get("message")
        .and_then(Json::as_str)
        .or_else(|| error.as_str());
    message.map_or_else(|| error.to_string(), str::to_owned)
}

#[derive(Deserialize)]
struct Ollama {
    #[serde(default)]
    message: Option<Content>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    /// Since version 0.12.11.
    #[serde(default)]
    logprobs: Option<Json>,
    #[serde(default)]
    error: Option<Json>,
}

/// One line of Ollama's dialect.
pub(super) fn ollama_delta(line: &str) -> Result<Delta, String> {
    let wire: Ollama = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let finish = wire
        .done
        .then(|| Finish::read(wire.done_reason.as_deref()).unwrap_or(Finish::Stop));
    Ok(Delta {
        odds: odds(wire.logprobs.as_ref()),
        has_choice: wire.message.is_some(),
        text: wire
            .message
            .and_then(|m| m.content)
            .map(content_text)
            .unwrap_or_default(),
        finish,
        prompt_tokens: wire.prompt_eval_count,
        completion_tokens: wire.eval_count,
        error: wire.error.filter(|e| !e.is_null()).map(|e| error_text(&e)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_content_and_empty_finish_reason_are_no_error() {
        let delta =
            openai_delta(r#"{"choices":[{"delta":{"content":null},"finish_reason":""}]}"#).unwrap();
        assert_eq!(
            delta,
            Delta {
                has_choice: true,
                ..Delta::default()
            }
        );
    }

    #[test]
    fn missing_fields_are_no_error() {
        assert_eq!(openai_delta("{}").unwrap(), Delta::default());
        assert_eq!(ollama_delta("{}").unwrap(), Delta::default());
    }

    #[test]
    fn a_whole_body_and_content_parts_are_read() {
        let body = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]},"finish_reason":"length"}],
            "usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
        let delta = openai_delta(body).unwrap();
        assert_eq!(delta.text, "ab");
        assert_eq!(delta.finish, Some(Finish::Length));
        assert_eq!(
            (delta.prompt_tokens, delta.completion_tokens),
            (Some(7), Some(2))
        );
    }

    #[test]
    fn odds_are_read_in_both_dialects_and_nonsense_is_none() {
        let tokens =
            r#"[{"token":"é","bytes":[195,169],"logprob":-0.5},{"token":" x","logprob":0.1}]"#;
        let openai = format!(
            r#"{{"choices":[{{"delta":{{"content":"é x"}},"logprobs":{{"content":{tokens}}}}}]}}"#
        );
        let wanted = vec![(2, -0.5), (2, 0.0)];
        assert_eq!(openai_delta(&openai).unwrap().odds, wanted);
        let ollama = format!(r#"{{"message":{{"content":"é x"}},"logprobs":{tokens}}}"#);
        assert_eq!(ollama_delta(&ollama).unwrap().odds, wanted);
        for nonsense in [
            "null",
            "7",
            r#"{"content":null}"#,
            r#"{"content":[{"token":"a"}]}"#,
            r#"{"content":[{"logprob":"x","token":"a"}]}"#,
        ] {
            let body =
                format!(r#"{{"choices":[{{"delta":{{"content":"a"}},"logprobs":{nonsense}}}]}}"#);
            assert_eq!(openai_delta(&body).unwrap().odds, [], "{nonsense}");
        }
    }

    #[test]
    fn timings_stand_in_for_usage() {
        let delta =
            openai_delta(r#"{"timings":{"prompt_n":5,"cache_n":20,"predicted_n":3}}"#).unwrap();
        assert_eq!(
            (delta.prompt_tokens, delta.completion_tokens),
            (Some(25), Some(3))
        );
    }

    #[test]
    fn errors_inside_a_stream_are_seen() {
        let delta = openai_delta(r#"{"error":{"message":"context full","code":400}}"#).unwrap();
        assert_eq!(delta.error.as_deref(), Some("context full"));
        assert_eq!(
            ollama_delta(r#"{"error":"gone"}"#)
                .unwrap()
                .error
                .as_deref(),
            Some("gone")
        );
    }

    #[test]
    fn ollama_says_how_it_ended_and_what_it_used() {
        let delta = ollama_delta(
            r#"{"message":{"content":"x"},"done":true,"done_reason":"length","eval_count":4}"#,
        )
        .unwrap();
        assert_eq!(delta.finish, Some(Finish::Length));
        assert_eq!(delta.completion_tokens, Some(4));
    }
}
