//! The client against a server that misbehaves: every case ends in an answer, in a named error, or with the permit.

use std::sync::Arc;
use std::time::Duration;

use dreamer::config::{LlmChoice, LlmSettings};
use dreamer::dream::WakeReason;
use dreamer::llm::{ChatRequest, Enough, Limits, LlmClient, LlmError, Message, Role};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::Tree;
use serde_json::json;

use crate::support::fake_llm::{Behaviour, FakeLlm, Looks};

fn settings(choice: LlmChoice) -> LlmSettings {
    LlmSettings {
        choice,
        model: String::new(),
        api_key: None,
        api_key_file: None,
        remote: false,
        servers: Vec::new(),
    }
}

pub(crate) fn operator() -> (WorkPermit, PermitHolder) {
    permit::operator(Arc::new(Tree::open("dreamer-test").expect("a tree")))
}

pub(crate) fn question() -> ChatRequest {
    ChatRequest {
        messages: vec![Message {
            role: Role::User,
            content: "hello".to_owned(),
        }],
        temperature: 0.2,
        top_p: 0.9,
        max_tokens: 200,
        schema: None,
        seed: Some(7),
        enough: None,
        odds: false,
    }
}

/// Short enough for a test, long enough for a loaded machine.
const SHORT: Limits = Limits {
    idle: Duration::from_secs(2),
    total: Duration::from_secs(6),
    bytes: 1 << 20,
};

pub(crate) async fn client(fake: &FakeLlm) -> LlmClient {
    let found = LlmClient::discover(&settings(LlmChoice::Url(fake.url()))).await;
    found
        .expect("the fake answers")
        .expect("and is allowed")
        .with_limits(SHORT)
}

/// What one question to such a server ends in.
async fn ask(behaviour: Behaviour) -> Result<String, LlmError> {
    let fake = FakeLlm::always(behaviour).await;
    let (permit, _holder) = operator();
    let reply = client(&fake).await.chat(&permit, &question()).await?;
    Ok(reply.text)
}

fn status(status: u16) -> Behaviour {
    Behaviour::Status(status, Vec::new(), "no".to_owned())
}

fn bytes(text: &str) -> Behaviour {
    Behaviour::Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_streamed_answer_comes_with_its_usage() {
    let fake = FakeLlm::always(Behaviour::Say("Grüße, wörld! ".repeat(4))).await;
    let (permit, _holder) = operator();
    let reply = client(&fake)
        .await
        .chat(&permit, &question())
        .await
        .unwrap();
    assert_eq!(reply.text, "Grüße, wörld! ".repeat(4));
    assert_eq!((reply.prompt_tokens, reply.completion_tokens), (11, 14));
    assert!(!reply.truncated);
    assert_eq!(fake.asked()[0].body["seed"], json!(7));
    assert_eq!(fake.asked()[0].body["stream"], json!(true));
    assert_eq!(
        fake.disconnects(),
        0,
        "whoever reads to the end has not left early"
    );
}

#[tokio::test]
async fn a_whole_body_in_place_of_a_stream_is_an_answer() {
    assert_eq!(
        ask(Behaviour::Whole("fine".to_owned())).await.unwrap(),
        "fine"
    );
}

#[tokio::test]
async fn ollama_is_spoken_to_in_its_own_dialect_with_a_context_size() {
    let looks = Looks {
        ollama: true,
        models: vec!["nomic-embed-text", "qwen"],
        slots: 9,
    };
    let fake = FakeLlm::start(looks, |_| Behaviour::Say("hallo".to_owned())).await;
    let client = client(&fake).await;
    let (permit, _holder) = operator();
    let mut request = question();
    request.schema = Some(json!({"type": "object"}));
    assert_eq!(client.chat(&permit, &request).await.unwrap().text, "hallo");
    let asked = fake.asked().remove(0);
    assert_eq!(asked.path, "/api/chat");
    assert_eq!(asked.body["options"]["num_ctx"], json!(8192));
    assert_eq!(asked.body["format"], json!({"type": "object"}));
    assert_eq!((client.model(), client.slots()), ("qwen", 1));
}

#[tokio::test]
async fn a_refusal_names_the_server_and_its_words() {
    let error = ask(status(500)).await.unwrap_err();
    assert!(
        matches!(&error, LlmError::Refused { status: 500, body, .. } if body == "no"),
        "{error}"
    );
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    for header in ["0", "Sat, 21 Nov 2020 02:00:00 GMT"] {
        let fake = FakeLlm::scripted(move |asked| match asked.number {
            0 => Behaviour::Status(429, vec![("retry-after", header.to_owned())], String::new()),
            1 => Behaviour::Status(503, vec![("retry-after", header.to_owned())], String::new()),
            _ => Behaviour::Say("now".to_owned()),
        })
        .await;
        let (permit, _holder) = operator();
        let reply = client(&fake)
            .await
            .chat(&permit, &question())
            .await
            .unwrap();
        assert_eq!((reply.text.as_str(), fake.asked().len()), ("now", 3));
    }
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up() {
    let now = vec![("retry-after", "0".to_owned())];
    let fake = FakeLlm::always(Behaviour::Status(429, now, String::new())).await;
    let (permit, _holder) = operator();
    let error = client(&fake)
        .await
        .chat(&permit, &question())
        .await
        .unwrap_err();
    assert!(
        matches!(error, LlmError::Refused { status: 429, .. }),
        "{error}"
    );
    assert_eq!(fake.asked().len(), 5);
}

#[tokio::test]
async fn waiting_for_a_busy_server_counts_against_the_deadline() {
    let later = vec![("retry-after", "3000".to_owned())];
    let error = ask(Behaviour::Status(429, later, String::new()))
        .await
        .unwrap_err();
    assert!(matches!(error, LlmError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_knows_no_schemas_is_asked_without_one() {
    let fake = FakeLlm::scripted(|asked| {
        if asked.body.get("response_format").is_some() {
            status(400)
        } else {
            Behaviour::Say("{}".to_owned())
        }
    })
    .await;
    let (permit, _holder) = operator();
    let mut request = question();
    request.schema = Some(json!({"type": "object"}));
    assert_eq!(
        client(&fake)
            .await
            .chat(&permit, &request)
            .await
            .unwrap()
            .text,
        "{}"
    );
}

#[tokio::test]
async fn silence_ends_in_idle() {
    let error = ask(Behaviour::Hang).await.unwrap_err();
    assert!(matches!(error, LlmError::Idle { .. }), "{error}");
}

#[tokio::test]
async fn a_drip_that_never_falls_silent_ends_at_the_deadline() {
    let drip = Behaviour::Drip("drop ".repeat(1_000), Duration::from_millis(100));
    let error = ask(drip).await.unwrap_err();
    assert!(matches!(error, LlmError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_finds_no_end_is_left_once_there_is_enough_of_it() {
    for line in ["assert f(1) == 2\n", "with raises(E):\n    assert_f()\n"] {
        left_after_three(line).await;
    }
}

async fn left_after_three(line: &str) {
    let text = "```python\n# three\n".to_owned() + &line.repeat(500);
    let fake = FakeLlm::always(Behaviour::Drip(text, Duration::from_millis(1))).await;
    let request = ChatRequest {
        enough: Some(Enough {
            begin: &["assert ", "with "],
            lines: 3,
        }),
        ..question()
    };
    let (permit, _holder) = operator();
    let reply = client(&fake)
        .await
        .chat(&permit, &request)
        .await
        .expect("an answer");
    let lines = reply.text.matches(line).count();
    assert!((3..=5).contains(&lines), "{}", reply.text);
    fake.wait_for_disconnects(1).await;
}

#[tokio::test]
async fn a_server_that_ignores_max_tokens_is_cut_off() {
    let fake = FakeLlm::always(Behaviour::Endless).await;
    let (permit, _holder) = operator();
    let reply = client(&fake)
        .await
        .chat(&permit, &question())
        .await
        .unwrap();
    assert!(reply.truncated);
    assert!(reply.text.len() < 10_000, "{} bytes", reply.text.len());
    fake.wait_for_disconnects(1).await;
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_all_here() {
    let fake = FakeLlm::always(Behaviour::Huge(10 << 20)).await;
    let (permit, _holder) = operator();
    // The fake itself takes a while to make so much.
    let patient = Limits {
        idle: Duration::from_secs(30),
        total: Duration::from_mins(1),
        ..SHORT
    };
    let client = client(&fake).await.with_limits(patient);
    let error = client.chat(&permit, &question()).await.unwrap_err();
    assert!(matches!(error, LlmError::TooLarge { .. }), "{error}");
    fake.wait_for_disconnects(1).await;
}

#[tokio::test]
async fn nonsense_in_a_stream_is_malformed() {
    for nonsense in [
        bytes("data: {not json}\n\n"),
        Behaviour::Bytes(
            b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n".to_vec(),
        ),
        bytes("data: {\"choices\":[]}\n\ndata: [DONE]\n\n"),
        bytes("data: {\"error\":{\"message\":\"context full\"}}\n\n"),
        bytes("<html>hello</html>"),
        bytes(""),
        bytes(&format!("data: {}\n\n", "[".repeat(100_000))),
        Behaviour::BreakOff("half an answer that is long enough".to_owned()),
    ] {
        let error = ask(nonsense.clone()).await.unwrap_err();
        assert!(
            matches!(error, LlmError::Malformed { .. }),
            "{nonsense:?} gave {error}"
        );
    }
}

#[tokio::test]
async fn nul_and_a_stream_without_an_end_mark_are_read_and_called_truncated() {
    let fake = FakeLlm::always(bytes(
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\\u0000b\"}}]}\n\n",
    ))
    .await;
    let (permit, _holder) = operator();
    let reply = client(&fake)
        .await
        .chat(&permit, &question())
        .await
        .unwrap();
    assert_eq!((reply.text.as_str(), reply.truncated), ("a\0b", true));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let away = vec![(
        "location",
        "http://169.254.169.254/latest/meta-data".to_owned(),
    )];
    let error = ask(Behaviour::Status(307, away, String::new()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, LlmError::Refused { status: 307, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_left_is_unreachable() {
    let fake = FakeLlm::always(Behaviour::Hang).await;
    let client = client(&fake).await;
    let url = fake.url();
    drop(fake);
    let (permit, _holder) = operator();
    let error = client.chat(&permit, &question()).await.unwrap_err();
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn ending_the_permit_ends_the_request_at_the_server() {
    for behaviour in [
        Behaviour::Hang,
        Behaviour::Drip("x".repeat(9_000), Duration::from_millis(20)),
    ] {
        let fake = FakeLlm::always(behaviour).await;
        let client = client(&fake).await;
        let (permit, holder) = operator();
        let request = question();
        let ((), asked) = tokio::join!(
            async {
                fake.wait_for_requests(1).await;
                holder.end(WakeReason::Wake);
            },
            client.chat(&permit, &request)
        );
        let error = asked.unwrap_err();
        assert!(
            matches!(error, LlmError::Interrupted(ended) if ended.0 == WakeReason::Wake),
            "{error}"
        );
        fake.wait_for_disconnects(1).await;
    }
}

#[tokio::test]
async fn an_ended_permit_sends_nothing() {
    let fake = FakeLlm::always(Behaviour::Say("x".to_owned())).await;
    let client = client(&fake).await;
    let (permit, holder) = operator();
    holder.end(WakeReason::Presence);
    assert!(client.chat(&permit, &question()).await.is_err());
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn the_key_travels_as_a_bearer_token() {
    let fake = FakeLlm::always(Behaviour::Say("x".to_owned())).await;
    let mut set = settings(LlmChoice::Url(format!("{}/v1/", fake.url())));
    set.api_key = Some("sesame\n".to_owned());
    set.model = "chosen".to_owned();
    let client = LlmClient::discover(&set).await.unwrap().unwrap();
    let (permit, _holder) = operator();
    client.chat(&permit, &question()).await.unwrap();
    let asked = fake.asked().remove(0);
    assert_eq!(asked.headers["authorization"], "Bearer sesame");
    assert_eq!(asked.body["model"], json!("chosen"));
}

#[tokio::test]
async fn looking_takes_the_first_port_with_a_model_and_tells_its_slots() {
    let closed = {
        let gone = FakeLlm::always(Behaviour::Hang).await;
        gone.port()
    };
    let embeds = Looks {
        models: vec!["bge-small"],
        ..Looks::default()
    };
    let embeds = FakeLlm::start(embeds, |_| Behaviour::Hang).await;
    let good = FakeLlm::always(Behaviour::Hang).await;
    let ports = [closed, embeds.port(), good.port()];
    let found = LlmClient::discover_on(&settings(LlmChoice::Find), &ports)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.url(), found.model(), found.slots()),
        (good.url().as_str(), "fake-coder", 2)
    );
    assert_eq!(
        (found.context_tokens(), found.is_remote()),
        (Some(8192), false)
    );
    let none = LlmClient::discover_on(&settings(LlmChoice::Find), &ports[..2])
        .await
        .unwrap();
    assert!(none.is_none());
}

#[tokio::test]
async fn none_forbids_looking_and_a_named_server_must_answer() {
    let fake = FakeLlm::always(Behaviour::Hang).await;
    let forbidden = LlmClient::discover_on(&settings(LlmChoice::Forbidden), &[fake.port()]).await;
    assert!(forbidden.unwrap().is_none());
    let url = fake.url();
    drop(fake);
    let error = LlmClient::discover(&settings(LlmChoice::Url(url.clone())))
        .await
        .unwrap_err();
    assert!(
        matches!(error, LlmError::Unreachable { .. }) && error.to_string().contains(&url),
        "{error}"
    );
}

#[tokio::test]
async fn a_model_out_in_the_world_is_refused_unless_allowed() {
    for away in [
        "http://8.8.8.8:9",
        "http://169.254.169.254",
        "http://[2001:db8::1]:9",
    ] {
        let error = LlmClient::discover(&settings(LlmChoice::Url(away.to_owned())))
            .await
            .unwrap_err();
        assert!(
            matches!(error, LlmError::Remote { .. }),
            "{away} gave {error}"
        );
    }
}
