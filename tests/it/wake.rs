//! The promise, measured: a real key in a real terminal against real sandboxes that burn. Small counts here, the full
//! ones in `scripts/soak-wake`.

use std::io::Write;
use std::process::{Command, Stdio};

use dreamer::config::{SandboxChoice, Settings};
use dreamer::sandbox::SandboxError;
use dreamer::supervisor::wake_test::{Measured, Plan, WakeTestError, measure};

use crate::support::{World, ledger, left_out};

const ROUNDS: u32 = 5;

/// A machine that compiles beside the test may be slow; a wake that needs a second is broken.
const BROKEN_MS: f64 = 1000.0;

async fn wake(choice: SandboxChoice, part: &str) -> Option<Measured> {
    let world = World::new();
    let settings = Settings::defaults_in(world.path());
    wake_with(settings, choice, part).await
}

async fn wake_with(mut settings: Settings, choice: SandboxChoice, part: &str) -> Option<Measured> {
    settings.sandbox.choice = choice;
    settings.sandbox.namespace = format!("dreamer-it-wake-{part}");
    let plan = Plan {
        settings,
        rounds: ROUNDS,
        sandboxes: 4,
    };
    match measure(&plan, |_| {}).await {
        Ok(measured) => {
            ledger(part);
            Some(measured)
        }
        Err(WakeTestError::Sandbox(SandboxError::Unavailable(why))) => {
            left_out("waking", &why);
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
fn check(measured: &Measured) {
    let figures = serde_json::to_string(measured).expect("JSON");
    _ = writeln!(std::io::stderr(), "{figures}");
    assert_eq!(measured.failed_rounds, 0, "{measured:?}");
    assert!(
        measured.stillness_ms.percentile(1.0) < BROKEN_MS,
        "{measured:?}"
    );
    assert!(measured.release_ms.percentile(1.0) < 2000.0, "{measured:?}");
    // It really was busy: something was used up to the key, and stopped.
    assert!(
        measured
            .cpu_after_ms
            .as_ref()
            .is_some_and(|cpu| cpu.percentile(1.0) < 400.0),
        "{measured:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_press_stills_bubblewrap_and_leaves_nothing() {
    if let Some(measured) = wake(SandboxChoice::Bubblewrap, "bubblewrap").await {
        check(&measured);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_press_stills_docker_and_leaves_nothing() {
    if let Some(measured) = wake(SandboxChoice::Docker, "docker").await {
        check(&measured);
    }
}

/// Answers as a model server does, holds as much memory as a small model, and never comes to an end.
const SERVER: &str = r#"#!/usr/bin/env python3
import http.server, json, sys
held = b"\1" * (128 << 20)
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    def do_GET(self):
        known = {"/health": {"status": "ok"}, "/v1/models": {"data": [{"id": "held"}]}}
        self.send_response(200 if self.path in known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(known.get(self.path)).encode())
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        said = b'data: {"choices": [{"index": 0, "delta": {"content": "1 "}}]}\n\n'
        while asked["max_tokens"] > 1:
            sum(range(20_000))
            self.wfile.write(said)
        self.wfile.write(said + b"data: [DONE]\n\n")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_press_ends_a_server_of_ours_that_is_generating() {
    let world = World::new();
    let settings = world.settings_with_server(SERVER, "{port}");
    let part = "bubblewrap";
    if let Some(measured) = wake_with(settings, SandboxChoice::Bubblewrap, part).await {
        assert_eq!(measured.model_server.as_deref(), Some("own"));
        check(&measured);
    }
}

/// The program's own measurement where all control groups can be read and none written.
fn wake_without_groups(backend: &str) -> Option<serde_json::Value> {
    const READ_ONLY: &str = r#"while read -r _ mount type _; do
    [[ $type != cgroup* ]] || mount -o remount,bind,ro "$mount" || exit 77
done </proc/self/mounts
exec "$@""#;
    let world = World::new();
    world.write("dreamer.toml", "");
    let program = env!("CARGO_BIN_EXE_dreamer");
    let rounds = ROUNDS.to_string();
    let measured = Command::new("unshare")
        .args(["--mount", "bash", "-c", READ_ONLY, "read-only", program])
        .args([
            "wake-test",
            "--json",
            "--rounds",
            &rounds,
            "--backend",
            backend,
        ])
        .env("DREAMING_LLM_URL", "none")
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("DREAMING_CONFIG", world.path().join("dreamer.toml"))
        .env("DREAMING_DOCKER_NAMESPACE", "dreamer-it-wake-read-only")
        .stdin(Stdio::null())
        .output();
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            left_out("waking without groups", &format!("unshare: {error}"));
            return None;
        }
    };
    let said = String::from_utf8_lossy(&measured.stderr).into_owned();
    // 1: not permitted to make the name space; 2: no such sandbox here; 77: the groups stay writable.
    match measured.status.code() {
        Some(0) => {}
        Some(1) if !said.contains("unshare") => {}
        _ => {
            left_out("waking without groups", &said);
            return None;
        }
    }
    ledger(backend);
    Some(serde_json::from_slice(&measured.stdout).expect(&said))
}

/// A named way of stopping that is not the best, and no wake that is missed.
#[track_caller]
fn check_without_groups(measured: &serde_json::Value, freezing: &str) {
    assert_eq!(measured["failed_rounds"], 0, "{measured}");
    assert_eq!(measured["freezing"], freezing, "{measured}");
    let stillness = measured["stillness_ms"]["max"].as_f64();
    assert!(stillness.is_some_and(|ms| ms < 2000.0), "{measured}");
    let release = measured["release_ms"]["max"].as_f64();
    assert!(release.is_some_and(|ms| ms < 2000.0), "{measured}");
}

#[test]
fn a_key_press_stills_bubblewrap_where_no_control_group_can_be_written() {
    if let Some(measured) = wake_without_groups("bubblewrap") {
        check_without_groups(&measured, "a signal to each process");
    }
}

#[test]
fn a_key_press_stills_docker_through_its_engine_alone() {
    if let Some(measured) = wake_without_groups("docker") {
        check_without_groups(&measured, "a call to the container engine");
    }
}
