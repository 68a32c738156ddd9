//! A second look at code that has passed every gate: does it do what its task says? Called by the engine where the owner
//! asked for it. What a model says here can lower a dream and never lift one, and only one field of its answer counts.

use serde_json::{Value as Json, json};

use super::{Coder, prompt};
use crate::dream::{Candidate, Opinion};
use crate::llm::{ChatRequest, LlmError, lenient};
use crate::supervisor::permit::WorkPermit;

/// An input and two sentences.
const OPINION_TOKENS: u32 = 250;
/// Of what the model says for its opinion: a line in the journal.
const MAX_WHY: usize = 200;

impl Coder {
    /// What this model thinks of the candidate.
    ///
    /// # Errors
    /// `Interrupted`, or the server's error; an answer that cannot be read is no opinion.
    pub async fn opinion(
        &self,
        permit: &WorkPermit,
        candidate: &Candidate,
    ) -> Result<Opinion, LlmError> {
        let request = ChatRequest {
            messages: prompt::opinion(&candidate.scenario, &candidate.code),
            temperature: 0.0,
            top_p: 1.0,
            max_tokens: OPINION_TOKENS,
            schema: Some(schema()),
            seed: Some(1),
            enough: None,
            odds: false,
        };
        let reply = self.llm.chat(permit, &request).await?;
        Ok(read(&reply.text, self.llm.model()))
    }
}

fn schema() -> Json {
    json!({
        "type": "object",
        "properties": {
            "input": {"type": "string", "maxLength": 200},
            "why": {"type": "string", "maxLength": 300},
            "does_what_the_task_says": {"type": "boolean"},
        },
        "required": ["input", "why", "does_what_the_task_says"],
        "additionalProperties": false,
    })
}

fn read(text: &str, model: &str) -> Opinion {
    let answer = lenient::json_from(text).unwrap_or_default();
    let why = answer["why"].as_str().unwrap_or_default();
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = &why[..why.floor_char_boundary(MAX_WHY)];
    // The boolean itself, no word in a text: "false" in quotation marks is no answer.
    match answer["does_what_the_task_says"].as_bool() {
        Some(true) => Opinion::Agrees(format!("{model} agrees")),
        Some(false) => Opinion::Doubts(format!("{model} doubts: {why}")),
        None => Opinion::Missing(format!("{model} gave no readable answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_boolean_is_an_opinion() {
        let read = |text: &str| read(text, "m");
        let answer = |word: &str| {
            format!(r#"{{"input": "", "why": "a  b", "does_what_the_task_says": {word}}}"#)
        };
        assert_eq!(
            read(&answer("true")),
            Opinion::Agrees("m agrees".to_owned())
        );
        assert_eq!(
            read(&answer("false")),
            Opinion::Doubts("m doubts: a b".to_owned())
        );
        for text in [
            answer("\"true\""),
            answer("null"),
            "true".to_owned(),
            "PASS. Correct!".to_owned(),
            String::new(),
        ] {
            assert!(matches!(read(&text), Opinion::Missing(_)), "{text}");
        }
    }
}
