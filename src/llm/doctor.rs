//! Whether a model answers, for `dreamer doctor`. Asks the server what it serves; sends nothing of ours.

use super::{LlmClient, LlmError};
use crate::config::{LlmChoice, LlmSettings};
use crate::dream::Finding;

const CHECK: &str = "llm";

pub async fn findings(settings: &LlmSettings) -> Vec<Finding> {
    vec![finding(settings).await]
}

async fn finding(settings: &LlmSettings) -> Finding {
    if settings.choice == LlmChoice::Forbidden {
        return Finding::ok(
            CHECK,
            "none wanted: dreams come from your documents' own examples and from the pack",
        );
    }
    match LlmClient::discover(settings).await {
        Ok(Some(client)) if client.is_remote() => Finding::warn(
            CHECK,
            format!(
                "{} at {}, which is not a private address: your documents travel to it",
                client.model(),
                client.url()
            ),
            "for a private one set DREAMING_LLM_URL to a server on this machine and DREAMING_LLM_REMOTE=false",
        ),
        Ok(Some(client)) => {
            let stand_in = client.released_by_stand_ins_only().await;
            let tried = stand_in.map_or_else(String::new, |kind| {
                format!(
                    "; how {kind} lets go of a model was tried against a stand-in only, never against the real one"
                )
            });
            let detail = format!("{} at {}{tried}", client.model(), client.url());
            Finding::ok(CHECK, detail)
        }
        Ok(None) | Err(LlmError::Unreachable { .. }) if settings.own_server().is_some() => {
            let name = settings
                .own_server()
                .map_or("", |server| server.name.as_str());
            Finding::ok(CHECK, format!("{name} is started when a dream begins"))
        }
        Ok(None) => Finding::warn(
            CHECK,
            "no model answers on this machine; without one only your documents' own examples and the pack are dreamt of",
            "start Ollama or llama-server, or set DREAMING_LLM_URL",
        ),
        Err(error @ LlmError::Remote { .. }) => Finding::fail(
            CHECK,
            error.to_string(),
            "set DREAMING_LLM_REMOTE=true if your documents may leave this machine",
        ),
        Err(error) => Finding::fail(
            CHECK,
            error.to_string(),
            "check DREAMING_LLM_URL, DREAMING_LLM_MODEL and that the server runs",
        ),
    }
}
