//! The control socket from outside: the program's own client against the real server, on a real Unix socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use dreamer::cli::client::{Asked, Client};
use dreamer::config::Settings;
use dreamer::dream::{Complexity, RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use dreamer::engine::progress::ProgressEvent;
use dreamer::http::{BindError, Control, socket_path};
use dreamer::supervisor::permit::{PermitKind, WorkPermit};
use dreamer::supervisor::{
    Counts, Purpose, StateWord, Supervisor, SupervisorHandle, SupervisorParts,
};
use dreamer::tree::Tree;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::World;
use crate::support::backends::NAMESPACE;
use crate::support::senses::{Script, wall};

struct Service {
    world: World,
    supervisor: SupervisorHandle,
    serving: JoinSet<()>,
    stop: CancellationToken,
}

/// A session that tells one thing and dreams until its permit is over.
async fn session(
    permit: WorkPermit,
    progress: dreamer::engine::progress::Progress,
) -> SessionReport {
    let PermitKind::Session(id) = permit.kind().clone() else {
        panic!("not a session's permit")
    };
    progress.tell(ProgressEvent::Requeued {
        scenario: 1,
        why: "a test".to_owned(),
    });
    let ended = permit.ended().await;
    let mut report = SessionReport::empty(id, SessionStatus::Interrupted);
    report.wake_reason = Some(ended.0);
    report
}

impl Service {
    async fn start() -> Self {
        let world = World::new();
        let control = Control::bind(world.path())
            .await
            .expect("the socket is free");
        let script = Script::calm();
        script.key();
        let supervisor = Supervisor::start(SupervisorParts {
            counts: Arc::new(|| {
                Ok(Counts {
                    total_dreams: 8,
                    successful_dreams: 2,
                    saved_dreams_count: 1,
                })
            }),
            wall: wall("2026-11-21T12:00[UTC]"),
            ..SupervisorParts::new(
                Purpose::Service,
                Settings::defaults_in(world.path()),
                script.senses(),
                Arc::new(Tree::without_groups(0)),
                Arc::new(|permit, _, progress| Box::pin(session(permit, progress))),
            )
        });
        let stop = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(control.serve(supervisor.clone(), stop.clone()));
        Self {
            world,
            supervisor,
            serving,
            stop,
        }
    }

    async fn client(&self) -> Client {
        let client = Client::connect(self.world.path()).await;
        client.expect("it answers").expect("it is there")
    }

    async fn end(self) {
        self.supervisor.shutdown().await;
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), self.serving.join_all())
            .await
            .expect("the socket closes, followers or not");
        assert!(!socket_path(self.world.path()).exists());
    }
}

fn request() -> RemRequest {
    RemRequest {
        trigger: Trigger::Manual,
        max_scenarios: None,
        complexity: Complexity::Medium,
        for_duration: None,
        tasks: Vec::new(),
        tasks_file: None,
    }
}

#[tokio::test]
async fn a_session_through_the_socket_is_followed_to_its_report() {
    let service = Service::start().await;
    let client = service.client().await;
    let Asked::Accepted(mut following) = client.dream(&request()).await.expect("it answers") else {
        panic!("nothing else dreams")
    };
    let status = client.status().await.expect("it answers");
    assert_eq!(status.state, StateWord::Dreaming);
    assert_eq!(status.current_session_id.as_ref(), Some(&following.session));

    let Asked::Busy(busy) = client.dream(&request()).await.expect("it answers") else {
        panic!("one at a time")
    };
    assert_eq!(busy.status, SessionStatus::Busy);
    assert!(!busy.hints.is_empty());

    let (heard_in, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut work = JoinSet::new();
    let session = following.session.clone();
    work.spawn(async move {
        following
            .report(|event| heard_in.send(event).expect("the test listens"))
            .await
    });
    let first = tokio::time::timeout(Duration::from_secs(5), heard.recv()).await;
    assert!(
        matches!(first, Ok(Some(ProgressEvent::Requeued { .. }))),
        "{first:?}"
    );
    assert!(client.wake(true).await.expect("it answers"));
    let report = work
        .join_next()
        .await
        .expect("a task")
        .expect("it ends")
        .expect("a report");
    assert_eq!(report.session_id, session);
    assert_eq!(report.wake_reason, Some(WakeReason::Interrupt));
    assert!(
        !client.wake(false).await.expect("it answers"),
        "nobody dreams"
    );
    service.end().await;
}

#[tokio::test]
async fn status_and_why_have_the_shapes_that_others_parse() {
    let service = Service::start().await;
    let client = service.client().await;
    let status = serde_json::to_value(client.status().await.expect("it answers")).expect("JSON");
    assert_eq!(status["state"], "idle");
    assert_eq!(status["current_session_id"], serde_json::Value::Null);
    assert_eq!(status["total_dreams"], 8);
    assert_eq!(status["successful_dreams"], 2);
    assert_eq!(status["success_rate"], 0.25);
    assert_eq!(status["saved_dreams_count"], 1);
    assert!(status["output_directory"].is_string());
    let why = serde_json::to_value(client.why().await.expect("it answers")).expect("JSON");
    assert_eq!(why["state"], "idle");
    assert_eq!(why["may_dream"], false);
    assert_eq!(why["gates"][0]["gate"], "enabled");
    for key in ["gate", "reading", "threshold", "reason"] {
        assert!(why["gates"][0][key].is_string(), "{key}");
    }
    assert_eq!(
        why["gates"][0]["open"], false,
        "ENABLE_DREAMING is off by default"
    );
    service.end().await;
}

#[tokio::test]
async fn pause_and_resume_go_through_the_socket() {
    let service = Service::start().await;
    let client = service.client().await;
    let paused = client
        .pause(Some(Duration::from_mins(1)))
        .await
        .expect("it answers");
    assert!(paused.paused.is_some_and(|pause| pause.until.is_some()));
    let resumed = client.resume().await.expect("it answers");
    assert_eq!(resumed.paused, None);
    service.end().await;
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_has_one_server() {
    let service = Service::start().await;
    let path = socket_path(service.world.path());
    let mode = std::fs::metadata(&path)
        .expect("it exists")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = Control::bind(service.world.path()).await;
    assert!(matches!(second, Err(BindError::Taken(_))), "{second:?}");
    service.client().await;
    service.end().await;
}

#[tokio::test]
async fn a_socket_that_a_dead_process_left_is_replaced() {
    let world = World::new();
    let path = socket_path(world.path());
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    assert!(
        Client::connect(world.path())
            .await
            .expect("no error")
            .is_none()
    );
    Control::bind(world.path()).await.expect("it is replaced");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_in_words() {
    let service = Service::start().await;
    let http = reqwest::Client::builder()
        .unix_socket(socket_path(service.world.path()))
        .build()
        .expect("a client");
    for body in [
        "{",
        r#"{"max_scenarios": "ten"}"#,
        r#"{"for_seconds": -1}"#,
        // More than a year, and more than a clock can count to.
        r#"{"for_seconds": 31622401}"#,
        r#"{"for_seconds": 1.8e19}"#,
        r#"{"for_seconds": 1e300}"#,
        r#"{"colour": 1}"#,
    ] {
        let request = http.post("http://dreamer/api/rem").body(body);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 400, "{body}");
        let problem: serde_json::Value = response.json().await.expect("JSON");
        let words = problem["error"].as_str().expect("a reason");
        assert!(
            !body.contains("for_seconds") || words.contains("year"),
            "{words}"
        );
    }
    assert_eq!(service.supervisor.snapshot().session, None);
    service.end().await;
}

/// The doctor has eyes of its own; what counts is what the service sees.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_the_service_says_of_itself() {
    let service = Service::start().await;
    service.world.write("dreamer.toml", "");
    let mut doctor = crate::service::dreamer(&service.world);
    doctor
        .env("DREAMING_DATA_DIR", service.world.path())
        .env("DREAMING_SANDBOX", "bubblewrap")
        .env("DREAMING_DOCKER_NAMESPACE", NAMESPACE)
        .args(["doctor", "--json"])
        .stdout(std::process::Stdio::piped());
    let output = tokio::task::spawn_blocking(move || doctor.output()).await;
    let output = output.expect("no panic").expect("it runs");
    let found: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).expect("a list of findings");
    let said = found.iter().find(|finding| finding["check"] == "service");
    let detail = said.expect("it is asked")["detail"].as_str();
    assert!(
        detail.is_some_and(|detail| detail.starts_with("awake: ")),
        "{found:?}"
    );
    service.end().await;
}
