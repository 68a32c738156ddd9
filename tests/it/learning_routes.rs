//! The routes of what is learned about models, over the real socket: what a dashboard or a script of seed 003's would ask.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dreamer::config::Settings;
use dreamer::dream::{ArmKey, AttemptFact, LearningPhase, SessionReport, SessionStatus};
use dreamer::http::{Control, socket_path};
use dreamer::store::Store;
use dreamer::supervisor::permit::PermitKind;
use dreamer::supervisor::{Purpose, Supervisor, SupervisorHandle, SupervisorParts};
use dreamer::tree::Tree;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::World;
use crate::support::facts;
use crate::support::senses::{Script, wall};

struct Door {
    world: World,
    store: Arc<Store>,
    supervisor: SupervisorHandle,
    serving: JoinSet<()>,
    stop: CancellationToken,
}

impl Door {
    async fn open() -> Self {
        let world = World::new();
        let store = Arc::new(Store::open(&world.path().join("dreamer.db")).expect("a store"));
        let control = Control::bind(world.path()).await.expect("it is free");
        let control = control.with_learning(world.path().join("dreamer.db"));
        let supervisor = Supervisor::start(SupervisorParts {
            wall: wall("2026-11-21T12:00[UTC]"),
            ..SupervisorParts::new(
                Purpose::Service,
                Settings::defaults_in(world.path()),
                Script::calm().senses(),
                Arc::new(Tree::without_groups(0)),
                Arc::new(|permit, _, _| {
                    Box::pin(async move {
                        let PermitKind::Session(id) = permit.kind().clone() else {
                            panic!("not a session's permit")
                        };
                        SessionReport::empty(id, SessionStatus::Completed)
                    })
                }),
            )
        });
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(control.serve(supervisor.clone(), stop.clone()));
        Self {
            world,
            store,
            supervisor,
            serving,
            stop,
        }
    }

    /// Status and JSON of an answer.
    async fn ask(&self, method: &'static str, path: &str, body: &Json) -> (u16, Json) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (socket, path) = (socket_path(self.world.path()), path.to_owned());
        let asked = tokio::task::spawn_blocking(move || speak(&socket, method, &path, &body));
        asked.await.expect("it answers")
    }

    async fn get(&self, path: &str) -> Json {
        let (code, answer) = self.ask("GET", path, &Json::Null).await;
        assert_eq!(code, 200, "{path}: {answer}");
        answer
    }

    async fn end(self) {
        self.supervisor.shutdown().await;
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.serving.join_all())
            .await
            .expect("the socket closes");
    }

    fn told(&self, words: &[&str]) -> (Option<i32>, String) {
        let (code, text, _) = self.said(words);
        (code, text)
    }

    /// As `told`, with what went to stderr.
    fn said(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_dreamer"))
            .args(words)
            .env_clear()
            .env("DREAMING_DATA_DIR", self.world.path())
            .env("HOME", self.world.path())
            .current_dir(self.world.path())
            .output()
            .expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (out.status.code(), text(out.stdout), text(out.stderr))
    }
}

fn speak(socket: &Path, method: &str, path: &str, body: &str) -> (u16, Json) {
    let mut stream = UnixStream::connect(socket).expect("the socket answers");
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a time");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is read");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let json = serde_json::from_str(body).unwrap_or(Json::String(body.to_owned()));
    (code.expect("a status"), json)
}

fn fact(n: i64, model: &str, saved: bool) -> AttemptFact {
    AttemptFact {
        at: dreamer::clock::utc() - jiff::SignedDuration::from_hours(24 * 50 - n),
        topic: "lists".to_owned(),
        arm: Some(facts::arm(model)),
        phase: LearningPhase::Bootstrap,
        ..facts::example(n, saved)
    }
}

/// Fifty days of a good and of a poor model, one try an hour.
fn fill(store: &Store) {
    for n in 0..1200 {
        let good = n % 2 == 0;
        let saved = if good { n % 8 != 0 } else { n % 9 == 1 };
        let model = if good { "good" } else { "poor" };
        store
            .record_fact(&fact(n, model, saved))
            .expect("it is kept");
    }
}

fn weight_of(answer: &Json, model: &str) -> f64 {
    let all = answer["weights"].as_array().expect("a list");
    let one = all
        .iter()
        .find(|one| one["model"] == model)
        .expect("it is there");
    one["weight"].as_f64().expect("a weight")
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_read_set_freed_rolled_back_and_refused_over_the_socket() {
    let door = Door::open().await;
    fill(&door.store);
    let path = "/api/models/weights";
    let learned = door.get(path).await;
    assert!(weight_of(&learned, "good") > 0.8, "{learned}");
    assert!(learned["last_updated"].is_string());
    let (code, set) = door
        .ask(
            "PUT",
            path,
            &json!({"weights": {"poor": 0.7}, "reason": "a try"}),
        )
        .await;
    assert_eq!(code, 200, "{set}");
    assert!((weight_of(&set, "poor") - 0.7).abs() < 1e-9, "{set}");
    assert_eq!(set["version"]["reason"], "a try");
    // The command line tells the same.
    let (_, text) = door.told(&["models", "weights", "--json"]);
    let by_command: Json = serde_json::from_str(&text).expect("JSON");
    assert_eq!(by_command["weights"], set["weights"]);
    for (body, why) in [
        (json!({"weights": {"poor": 1.5}}), "0 to 1"),
        (json!({"weights": {"poor": 0.6, "good": 0.6}}), "sum"),
        (json!({"weights": {"good": null}}), "not set by hand"),
        (json!({"weights": {"poor": "much"}}), "f64"),
        (json!({"strategy": "guess"}), "thompson"),
        (json!({"mistral_ai_weight": 0.1}), "unknown field"),
        (json!({}), "it takes"),
        (Json::Null, "it takes"),
        (json!({"roll_back": 1, "hold": true}), "it takes"),
    ] {
        let (code, answer) = door.ask("PUT", path, &body).await;
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(code == 400 && told.contains(why), "{body}: {code} {answer}");
    }
    for hold in [true, false] {
        let (code, set) = door.ask("PUT", path, &json!({"hold": hold})).await;
        assert_eq!(code, 200, "{set}");
        let until = &set["version"]["config"]["learn_until"];
        assert_eq!(until.is_string(), hold, "{set}");
    }
    let (code, _) = door.ask("PUT", path, &json!({"roll_back": 99})).await;
    assert_eq!(code, 404);
    let (_, freed) = door
        .ask("PUT", path, &json!({"weights": {"poor": null}}))
        .await;
    assert_eq!(freed["weights"], learned["weights"]);
    let back = json!({"roll_back": 1, "reason": "the try was right"});
    let (_, back) = door.ask("PUT", path, &back).await;
    assert!((weight_of(&back, "poor") - 0.7).abs() < 1e-9, "{back}");
    assert_eq!(
        back["version"]["reason"],
        "back to version 1: the try was right"
    );
    assert_eq!(back["unknown"], json!([]));
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sets_one_of_two_endpoints_warns_of_strangers_and_lists_versions() {
    let door = Door::open().await;
    fill(&door.store);
    let endpoint = facts::arm("good").endpoint;
    let elsewhere = "http://127.0.0.1:9999";
    let mut other = fact(1200, "good", true);
    other.arm = other.arm.map(|arm| ArmKey {
        endpoint: elsewhere.to_owned(),
        ..arm
    });
    door.store.record_fact(&other).expect("it is kept");
    let set = format!("{elsewhere}#good=0.25");
    let words = [
        "models",
        "weights",
        "--set",
        &set,
        "--reason",
        "the far one",
    ];
    assert_eq!(door.told(&words).0, Some(0));
    let told = door.get("/api/models/weights").await;
    let all = told["weights"].as_array().expect("a list");
    for one in all.iter().filter(|one| one["model"] == "good") {
        let here = one["endpoint"] == elsewhere;
        assert_eq!(one["set_by_hand"], here, "{one}, not {endpoint}");
        assert!(!here || (one["weight"].as_f64() == Some(0.25)), "{one}");
    }
    let (code, text, complained) = door.said(&[
        "models",
        "weights",
        "--set",
        "nosuch=0.5",
        "--reason",
        "a slip",
    ]);
    assert_eq!(code, Some(0));
    assert!(
        complained.contains("nosuch") && complained.contains("no such model"),
        "{complained}"
    );
    assert!(text.contains("   2  ") && text.contains("a slip"), "{text}");
    let told = door.get("/api/models/weights").await;
    assert_eq!(told["unknown"], json!(["nosuch"]));
    for n in 0..6 {
        let reason = format!("turn {n}");
        let back = ["models", "weights", "--roll-back", "1", "--reason", &reason];
        let (code, text, complained) = door.said(&back);
        assert_eq!((code, complained.as_str()), (Some(0), ""));
        assert!(
            text.contains(&format!("back to version 1: turn {n}")),
            "{text}"
        );
    }
    let (_, text, _) = door.said(&["models", "weights"]);
    let listed = text
        .lines()
        .filter(|line| line.contains(": back to version 1: turn "));
    assert_eq!(listed.count(), 5, "{text}");
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn performance_and_outcomes_tell_each_models_figures() {
    let door = Door::open().await;
    fill(&door.store);
    let models = door.get("/api/models/performance").await;
    let good = models
        .as_array()
        .expect("a list")
        .iter()
        .find(|m| m["model"] == "good");
    let metrics = &good.expect("it is there")["metrics"];
    assert_eq!(
        (&metrics["tries"], &metrics["saved"]),
        (&json!(600), &json!(450))
    );
    for key in [
        "pass_rate",
        "mean_reward",
        "reward_per_second",
        "max_drawdown",
        "sharpe",
    ] {
        assert!(metrics[key].is_number(), "{key}: {metrics}");
    }
    let trades = door.get("/api/analytics/trades?limit=3&model=good").await;
    assert_eq!(
        trades,
        door.get("/api/analytics/outcomes?limit=3&model=good").await
    );
    assert_eq!(trades["tries"], 600);
    let listed = trades["outcomes"].as_array().expect("a list");
    assert_eq!(listed.len(), 3);
    assert!(
        listed[0]["at"].as_str() > listed[1]["at"].as_str(),
        "newest first: {trades}"
    );
    let young = door.get("/api/analytics/trades?days=10").await;
    let tries = young["tries"].as_u64().expect("a count");
    assert!((230..=241).contains(&tries), "{tries}");
    let (_, text) = door.told(&["models", "outcomes", "-n", "3", "--model", "good", "--json"]);
    assert_eq!(serde_json::from_str::<Json>(&text).expect("JSON"), trades);
    let (code, _) = door
        .ask("GET", "/api/analytics/trades?colour=red", &Json::Null)
        .await;
    assert_eq!(code, 400);
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reinforcement_run_is_begun_watched_and_stopped() {
    let door = Door::open().await;
    let (code, _) = door
        .ask("GET", "/api/reinforcement/status", &Json::Null)
        .await;
    assert_eq!(code, 404, "nothing was replayed yet");
    fill(&door.store);
    let params = json!({
        "test_period_days": 20, "learning_rate": 0.02, "reward_multiplier": 2.0, "punishment_multiplier": 1.0,
    });
    let (code, begun) = door.ask("POST", "/api/reinforcement/start", &params).await;
    assert_eq!(code, 202, "{begun}");
    assert!(begun["estimated_duration"].as_f64() > Some(0.0), "{begun}");
    let ended = loop {
        let now = door.get("/api/reinforcement/status").await;
        assert_eq!(now["session_id"], begun["session_id"]);
        if now["status"] != "running" {
            break now;
        }
    };
    assert_eq!(ended["status"], "completed");
    let (all, replayed) = (ended["outcomes"].as_u64(), ended["replayed"].as_u64());
    assert!(
        all == replayed && all > Some(470) && all < Some(482),
        "{ended}"
    );
    let weights = ended["weights"].as_array().expect("a list");
    let of = |model: &str| {
        let one = weights.iter().find(|pair| pair[0]["model"] == model);
        one.and_then(|pair| pair[1].as_f64()).expect("a weight")
    };
    assert!(of("good") > 0.6 && of("poor") < 0.4, "{ended}");
    let (_, text) = door.told(&["models", "reinforce", "status", "--json"]);
    assert_eq!(serde_json::from_str::<Json>(&text).expect("JSON"), ended);
    for (body, why) in [
        (json!({"test_period_days": 0}), "test_period_days"),
        (json!({"learning_rate": -1}), "learning_rate"),
        (json!({"strategy": "guess"}), "strategy is guess"),
        (
            json!({"strategy": "thompson", "learning_rate": 0.5}),
            "with thompson",
        ),
        (json!({"model_path": "/etc/passwd"}), "unknown field"),
    ] {
        let (code, answer) = door.ask("POST", "/api/reinforcement/start", &body).await;
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(code == 400 && told.contains(why), "{body}: {code} {answer}");
    }
    // One that still runs, in whatever process: no second one beside it, and it can be told to stop.
    let mut running = ended.clone();
    running["status"] = json!("running");
    running["session_id"] = json!("ffff");
    let now = dreamer::clock::utc();
    running["started"] = json!(now);
    door.store
        .save_reinforcement("ffff", now, &running.to_string())
        .expect("it is kept");
    let (code, answer) = door.ask("POST", "/api/reinforcement/start", &params).await;
    assert_eq!(code, 409, "{answer}");
    let (code, _) = door
        .ask("POST", "/api/reinforcement/stop", &Json::Null)
        .await;
    assert_eq!(code, 200);
    let stop = door
        .store
        .save_reinforcement("ffff", now, &running.to_string());
    assert!(stop.expect("it is kept"), "it hears that it is to stop");
    door.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_comes_back_as_it_went_over_socket_and_file() {
    let door = Door::open().await;
    let body = json!({"weights": {"a": 0.25}, "strategy": "reward_punish"});
    door.ask("PUT", "/api/models/weights", &body).await;
    let exported = door.get("/api/config/export").await;
    assert_eq!(exported["strategy"]["name"], "reward_punish");
    door.ask("PUT", "/api/models/weights", &json!({"roll_back": 0}))
        .await;
    assert_ne!(door.get("/api/config/export").await, exported);
    let (code, imported) = door
        .ask("POST", "/api/config/import?reason=again", &exported)
        .await;
    assert_eq!(code, 200, "{imported}");
    assert_eq!(imported["version"]["reason"], "again");
    assert_eq!(door.get("/api/config/export").await, exported);
    let file: PathBuf = door.world.path().join("models.json");
    let name = file.to_str().expect("a path");
    assert_eq!(
        door.told(&["models", "weights", "--export", name]).0,
        Some(0)
    );
    let text = std::fs::read_to_string(&file).expect("it was written");
    assert_eq!(serde_json::from_str::<Json>(&text).expect("JSON"), exported);
    assert_eq!(
        door.told(&["models", "weights", "--roll-back", "0"]).0,
        Some(0)
    );
    assert_eq!(
        door.told(&["models", "weights", "--import", name]).0,
        Some(0)
    );
    assert_eq!(door.get("/api/config/export").await, exported);
    let mut bad = exported.clone();
    bad["bounds"] = json!({"min": 0.9, "max": 0.1});
    for body in [bad, json!({"api_key": "x"}), json!([]), Json::Null] {
        let (code, answer) = door.ask("POST", "/api/config/import", &body).await;
        assert_eq!(code, 400, "{body}: {answer}");
    }
    assert_eq!(
        door.told(&["models", "weights", "--roll-back", "77"]).0,
        Some(64)
    );
    door.end().await;
}
