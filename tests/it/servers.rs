//! Model servers of our own: a small script that listens stands for the model. Real processes, real control groups.

mod hung;
mod slow;
mod wanted;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dreamer::app::open_log;
use dreamer::clock;
use dreamer::config::{LlmChoice, LlmSettings};
use dreamer::dream::{SessionStatus, WakeReason};
use dreamer::llm::server::{Hold, Patience, ServerError, Servers};
use dreamer::llm::{Limits, LlmClient, LlmError};
use dreamer::supervisor::permit::{self, WorkPermit};
use dreamer::tree::{Mechanism, Tree};

use crate::llm::question;
use crate::service::{Service, dreamer};
use crate::session::{backends, given, night};
use crate::support::fake_llm::{self, Behaviour, FakeLlm};
use crate::support::{World, left_out};

/// Answers `/health` after a moment, writes its process id, and has a child that would outlive it.
const SCRIPT: &str = r#"#!/usr/bin/env python3
import http.server, os, socket, subprocess, sys, time
mode, port = sys.argv[1], int(sys.argv[2])
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "pids"), "a") as pids:
    pids.write(f"{os.getpid()}\n")
with open(os.path.join(here, "pids")) as pids:
    life = len(pids.readlines())
print("loading", flush=True)
if mode == "dies":
    sys.exit(3)
if mode == "mute":
    listening = socket.create_server(("127.0.0.1", port))
    time.sleep(600)
if mode == "speaks":
    import signal
    def last(*_):
        os.write(1, b"its last words\n")
        os._exit(4)
    signal.signal(signal.SIGTERM, last)
if mode == "stubborn":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "large":
    held = b"\1" * (64 << 20)
subprocess.Popen(["sleep", "600"])
loads = 5 if mode == "loads" else 0.3
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if mode == "hangs" and life == 1 and os.path.exists(os.path.join(here, "hang")):
            time.sleep(600)
        self.send_response(200 if time.monotonic() - began > loads else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')
    def log_message(self, *_):
        pass
began = time.monotonic()
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"#;

struct Machine {
    world: World,
    tree: Arc<Tree>,
    servers: Servers,
    settings: LlmSettings,
}

fn machine(mode: &str) -> Machine {
    machine_with(mode, Patience::USUAL)
}

fn machine_with(mode: &str, patience: Patience) -> Machine {
    let world = World::new();
    let settings = world.settings_with_server(SCRIPT, &format!("{mode} {{port}}"));
    let tree = Arc::new(Tree::open("dreamer-test-server").expect("a tree"));
    let log = open_log(&settings);
    let servers = Servers::with_patience(&settings.llm, &tree, log, patience);
    Machine {
        world,
        tree,
        servers: servers.expect("a keeper"),
        settings: settings.llm,
    }
}

impl Machine {
    /// Processes that the script ever started as, the last one last.
    fn pids(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.world.path().join("pids")).unwrap_or_default();
        text.lines()
            .map(|line| line.parse().expect("a number"))
            .collect()
    }

    /// Nothing of it runs: neither the script nor what it started.
    fn is_empty(&self) -> bool {
        let gone = |pid: &u32| !Path::new(&format!("/proc/{pid}/exe")).exists();
        self.pids().iter().all(gone) && self.tree.processes().is_empty()
    }

    /// Returns once it is stopped and nothing of it runs.
    async fn emptied(&self, limit: Duration) {
        let began = clock::monotonic();
        loop {
            let status = self.servers.status("own").await.expect("known");
            if status.state == "stopped" && self.is_empty() {
                return;
            }
            assert!(began.elapsed() < limit, "{status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_server_comes_up_in_a_group_of_its_own_and_goes_without_a_trace() {
    let machine = machine("well");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let status = machine
        .servers
        .start("own", &permit)
        .await
        .expect("it comes up");
    assert!(status.ours && status.healthy, "{status:?}");
    let pid = status.pid.expect("a process");
    assert_eq!(machine.pids(), [pid]);
    let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid.cast_signed())));
    assert_eq!(
        group.expect("a group").as_raw(),
        pid.cast_signed(),
        "its own process group"
    );
    if machine.tree.mechanism() != Mechanism::None {
        assert_eq!(
            machine.tree.processes().len(),
            2,
            "the server and its child"
        );
        assert_eq!(
            machine.tree.branches_left(),
            1,
            "a control group of its own"
        );
    }
    // Once is enough.
    let again = machine
        .servers
        .start("own", &permit)
        .await
        .expect("it runs");
    assert_eq!(again.pid, Some(pid));
    let status = machine.servers.stop("own").await.expect("it goes");
    assert_eq!(status.state, "stopped");
    assert!(machine.is_empty());
    assert_eq!(machine.tree.branches_left(), 0);
    let log = machine.world.path().join("logs/server-own.log");
    assert!(
        std::fs::read_to_string(log)
            .expect("a log")
            .contains("loading")
    );
    let unknown = machine.servers.start("large", &permit).await;
    assert!(unknown.is_err_and(|error| error.to_string().contains("there is own")));
}

/// Not even what the server started itself, which nobody's death tells anything.
#[tokio::test]
async fn a_service_that_is_killed_leaves_nothing_of_its_server() {
    let world = World::new();
    world.write("dreamer.toml", "");
    world.settings_with_server(SCRIPT, "well {port}");
    let script = world.path().join("server.py");
    let command = || {
        let mut command = dreamer(&world);
        command.env(
            "DREAMING_LLM_SERVERS",
            format!("own={} well {{port}}", script.display()),
        );
        command
    };
    let (service, _client) = Service::start_by(command().arg("run"), &world).await;
    let started = command()
        .args(["models", "server", "start", "own"])
        .status();
    assert!(started.expect("it runs").success());
    let pids = std::fs::read_to_string(world.path().join("pids")).expect("it wrote its number");
    let server = pids.lines().last().expect("a number");
    let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
    let children = children.expect("its children");
    let all: Vec<&str> = children.split_whitespace().chain([server]).collect();
    assert_eq!(all.len(), 2, "the server and its child");
    // By SIGKILL.
    drop(service);
    let lives = |pid: &&str| Path::new(&format!("/proc/{pid}/exe")).exists();
    let began = clock::monotonic();
    while all.iter().any(lives) {
        assert!(began.elapsed() < Duration::from_secs(5), "{all:?} live on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is taken back at a wake is taken back in large pieces.
#[tokio::test]
async fn the_memory_of_a_server_lies_in_huge_pages_where_there_are_some() {
    let given = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if given.map_or(true, |given| !given.contains("[madvise]")) || !cfg!(target_env = "gnu") {
        left_out(
            "huge pages",
            "this system does not give them just to whoever asks",
        );
        return;
    }
    let machine = machine("large");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let status = machine.servers.start("own", &permit).await;
    let pid = status.expect("it comes up").pid.expect("a process");
    let sizes = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let huge = sizes
        .lines()
        .find_map(|line| line.strip_prefix("AnonHugePages:"));
    let huge = huge.and_then(|huge| huge.trim().strip_suffix(" kB"));
    let huge: u32 = huge.expect(&sizes).parse().expect("a number");
    assert!(huge >= 32 << 10, "{sizes}");
    machine.servers.stop("own").await.expect("it goes");
}

#[tokio::test]
async fn a_server_that_ignores_being_asked_is_ended_all_the_same() {
    let machine = machine("stubborn");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    machine
        .servers
        .start("own", &permit)
        .await
        .expect("it comes up");
    let began = clock::monotonic();
    machine.servers.stop("own").await.expect("it goes");
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_session_holds_its_server_a_freeze_holds_it_too_and_the_wake_ends_it() {
    let machine = machine("well");
    let (permit, holder) = permit::operator(Arc::clone(&machine.tree));
    let hold = held(&machine.servers, &machine.settings, &permit).await;
    assert!(hold.url().starts_with("http://127.0.0.1:"));
    if machine.tree.freeze() {
        let before = machine.tree.cpu_time();
        let asked = is_well(hold.url()).await;
        assert!(!asked, "a frozen server answers nobody");
        assert!(machine.tree.cpu_time().saturating_sub(before) < Duration::from_millis(50));
        machine.tree.thaw();
        assert!(is_well(hold.url()).await, "and goes on");
    }
    // As the supervisor does it: the permit first, then the tree.
    holder.end(WakeReason::Presence);
    machine.tree.kill();
    let began = clock::monotonic();
    hold.gone().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert!(machine.is_empty());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(
        machine.pids().len(),
        1,
        "what a wake ended is not started again"
    );
    let again = machine
        .servers
        .for_session(&machine.settings, &permit)
        .await;
    assert!(matches!(again, Err(ServerError::Interrupted(_))));
}

/// Nobody's permit ends it: all that its keeper sees is that the process is gone.
#[tokio::test]
async fn what_a_person_started_goes_with_the_dream_and_stays_away_until_it_is_wanted() {
    let machine = machine("well");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let started = machine.servers.start("own", &permit).await;
    started.expect("it comes up");
    machine.tree.kill();
    machine.tree.thaw();
    // Twice as long as a server that fell by itself is waited for.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = machine.servers.status("own").await.expect("known");
    assert_eq!((status.state.as_str(), status.why), ("stopped", None));
    assert_eq!(machine.pids().len(), 1, "it was not started again");
    assert!(machine.is_empty());
    let found = machine.servers.for_session(&machine.settings, &permit);
    let hold = found.await.expect("it comes up").expect("one is meant");
    assert_eq!(machine.pids().len(), 2);
    hold.gone().await;
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_server_that_falls_is_started_again_and_a_session_that_ends_by_itself_ends_it() {
    let machine = machine("well");
    let (permit, _holder) = permit::operator(Arc::clone(&machine.tree));
    let hold = held(&machine.servers, &machine.settings, &permit).await;
    let first = machine.pids()[0];
    let raw = nix::unistd::Pid::from_raw(first.cast_signed());
    nix::sys::signal::kill(raw, nix::sys::signal::Signal::SIGKILL).expect("it is ours");
    let back = async {
        loop {
            let status = machine.servers.status("own").await.expect("known");
            if status.healthy && status.pid != Some(first) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(10), back)
        .await
        .expect("it comes back");
    assert_eq!(status.restarts, 1);
    assert_eq!(status.url.as_deref(), Some(hold.url()), "where it was");
    hold.gone().await;
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_server_that_does_not_stay_up_is_tried_again_later_and_later_and_says_why() {
    let machine = machine("dies");
    let (permit, holder) = permit::operator(Arc::clone(&machine.tree));
    let second_wait = async {
        loop {
            let status = machine.servers.status("own").await.expect("known");
            if status.restarts == 2 && status.state == "waiting" {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let starting = machine.servers.start("own", &permit);
    let status = tokio::select! {
        status = second_wait => status,
        ended = starting => panic!("it is not up: {ended:?}"),
    };
    assert!(status.why.expect("a reason").contains("exit status: 3"));
    assert_eq!(machine.pids().len(), 2);
    holder.end(WakeReason::Interrupt);
    let began = clock::monotonic();
    machine.servers.stop("own").await.expect("known");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "it does not sleep on"
    );
    assert!(machine.is_empty());
}

#[tokio::test]
async fn a_server_of_somebody_else_is_used_and_never_ended() {
    let theirs = machine("well");
    let (permit, holder) = permit::operator(Arc::clone(&theirs.tree));
    let status = theirs
        .servers
        .start("own", &permit)
        .await
        .expect("it comes up");
    let port = status
        .url
        .as_deref()
        .and_then(|url| url.rsplit_once(':'))
        .expect("a port")
        .1
        .to_owned();
    let ours = machine("well");
    let mut settings = ours.settings.clone();
    settings.servers[0].port = port.parse().ok();
    settings.choice = LlmChoice::Url(format!("http://localhost:{port}/v1"));
    ours.servers.reload(&settings);
    let (other, _other_holder) = permit::operator(Arc::clone(&ours.tree));
    let hold = ours.servers.for_session(&settings, &other).await;
    let hold = hold.expect("it answers").expect("one is meant");
    hold.gone().await;
    assert!(!ours.servers.stop("own").await.expect("known").ours);
    assert!(theirs.servers.status("own").await.expect("known").healthy);
    assert!(ours.pids().is_empty());
    settings.choice = LlmChoice::Forbidden;
    assert!(
        ours.servers
            .for_session(&settings, &other)
            .await
            .expect("none")
            .is_none()
    );
    holder.end(WakeReason::Interrupt);
    theirs.servers.stop_all().await;
    assert!(theirs.is_empty());
}

/// Passes everything on to a model at another port, but falls in the middle of its first answer, or of each; or does one thing
/// at a time and never falls, or says nothing from its first question on.
const FALLS: &str = r#"#!/usr/bin/env python3
import http.client, http.server, os, sys, time
port, model, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
fell = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fell")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.pass_on("GET", None)
    def do_POST(self):
        self.pass_on("POST", self.rfile.read(int(self.headers["Content-Length"])))
    def pass_on(self, method, body):
        there = http.client.HTTPConnection("127.0.0.1", model)
        there.request(method, self.path, body)
        answer = there.getresponse()
        said = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if method == "POST" and mode == "stuck" and not os.path.exists(fell):
            open(fell, "w").close()
            time.sleep(600)
        falls = mode == "always" or (mode == "once" and not os.path.exists(fell))
        if method == "POST" and falls:
            open(fell, "w").close()
            self.wfile.write(said[: len(said) // 2])
            self.wfile.flush()
            os._exit(3)
        self.wfile.write(said)
    def log_message(self, *_):
        pass
several = mode not in ("serial", "stuck")
server = http.server.ThreadingHTTPServer if several else http.server.HTTPServer
server(("127.0.0.1", port), Answer).serve_forever()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_after_its_server_fell_in_the_middle_of_an_answer() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = FakeLlm::competent().await;
    let arguments = format!("{{port}} {} once", llm.port());
    let mut settings = world.settings_with_server(FALLS, &arguments);
    settings.sandbox.choice = backend;
    settings.output_dir = world.path().join("out");
    let report = night(&settings, given(fake_llm::some_task())).await;
    assert!(world.path().join("fell").exists(), "{report:?}");
    assert_eq!(report.status, SessionStatus::Completed, "{report:?}");
    let counts = (report.dreams_attempted, report.requeued);
    assert_eq!(counts, (1, 0), "{report:?}");
}

#[tokio::test]
async fn a_request_over_which_its_server_falls_again_is_given_up_by_itself() {
    let world = World::new();
    let llm = FakeLlm::always(Behaviour::Say("an answer that is long enough".to_owned())).await;
    let arguments = format!("{{port}} {} always", llm.port());
    let settings = world.settings_with_server(FALLS, &arguments);
    let tree = Arc::new(Tree::open("dreamer-test-server").expect("a tree"));
    let servers = Servers::new(&settings.llm, &tree, open_log(&settings)).expect("a keeper");
    let (permit, _holder) = permit::operator(Arc::clone(&tree));
    let hold = held(&servers, &settings.llm, &permit).await;
    let client = client_of(&hold, &settings.llm).await;
    let asked = client.chat(&permit, &question()).await;
    let error = asked.expect_err("it falls each time");
    assert!(matches!(error, LlmError::Fell { times: 2, .. }), "{error}");
    assert!(error.is_about_the_request(), "the session goes on");
    hold.gone().await;
}

/// The server that the settings mean, held as by a session.
async fn held(servers: &Servers, settings: &LlmSettings, permit: &WorkPermit) -> Hold {
    let found = servers.for_session(settings, permit).await;
    found.expect("it comes up").expect("one is meant")
}

/// Asks the model behind a server that is held.
async fn client_of(hold: &Hold, settings: &LlmSettings) -> LlmClient {
    let there = LlmSettings {
        choice: LlmChoice::Url(hold.url().to_owned()),
        ..settings.clone()
    };
    let client = LlmClient::discover(&there).await.expect("it answers");
    client.expect("a model").held_by(hold)
}

async fn is_well(url: &str) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let place = url.trim_start_matches("http://").to_owned();
    let asked = tokio::time::timeout(Duration::from_millis(500), async {
        let mut stream = tokio::net::TcpStream::connect(place).await.ok()?;
        stream
            .write_all(b"GET /health HTTP/1.0\r\n\r\n")
            .await
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.contains(" 200 "))
    });
    asked.await.ok().flatten().unwrap_or(false)
}
