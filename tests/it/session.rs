//! Whole sessions on real parts: knowledge in, verified dreams out, on every sandbox that is present and with each
//! generator; and what a wake leaves behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dreamer::app::App;
use dreamer::config::{LlmChoice, SandboxChoice, Settings};
use dreamer::dream::{
    Complexity, Generator, RemRequest, SessionReport, SessionStatus, TaskLine, Trigger, WakeReason,
};
use dreamer::energy::Sensed;
use dreamer::knowledge::Knowledge;
use dreamer::store::Store;
use dreamer::supervisor::{Purpose, Supervisor, SupervisorHandle};
use dreamer::tree::start_time;

use crate::sandbox::bench::{containers_of, groups_of};
use crate::support::fake_llm::{self, FakeLlm};
use crate::support::senses::Script;
use crate::support::{World, full, ledger, left_out};

/// A document whose own examples prove its functions.
pub(crate) const TOOLS: &str = r#""""Small tools for words."""


def initials(name: str, dots: bool = False) -> str:
    """The first letters of the words in a name, in upper case.

    >>> initials("ada lovelace")
    'AL'
    >>> initials("")
    ''
    >>> initials("grace  brewster hopper")
    'GBH'
    >>> initials("alan turing", dots=True)
    'A.T.'
    >>> initials("  x ")
    'X'
    >>> initials("", dots=True)
    ''
    """
    letters = [word[0].upper() for word in name.split()]
    if dots:
        return "".join(letter + "." for letter in letters)
    return "".join(letters)
"#;

pub(crate) fn settings(world: &World, sandbox: SandboxChoice, llm: LlmChoice) -> Settings {
    let mut settings = Settings::defaults_in(&world.path().join("data"));
    settings.output_dir = world.path().join("out");
    settings.sandbox.choice = sandbox;
    settings.llm.choice = llm;
    settings
}

pub(crate) fn know(world: &World, settings: &Settings, name: &str, text: &str) {
    let path = world.write(name, text);
    let store = Arc::new(Store::open(&settings.database()).expect("the store opens"));
    let knowledge = Knowledge::new(store);
    knowledge
        .ingest(&[path], &mut |_| ())
        .expect("it is ingested");
}

pub(crate) fn request(most: u32) -> RemRequest {
    RemRequest {
        trigger: Trigger::Manual,
        max_scenarios: Some(most),
        complexity: Complexity::Auto,
        for_duration: None,
        tasks: Vec::new(),
        tasks_file: None,
    }
}

/// A session for one task that a person gave.
pub(crate) fn given(task_prompt: String) -> RemRequest {
    let task = TaskLine {
        title: None,
        task_prompt,
        entry_point: None,
        difficulty: None,
        libraries: Vec::new(),
        line: 7,
    };
    RemRequest {
        tasks: vec![task],
        tasks_file: Some("t.jsonl".to_owned()),
        ..request(5)
    }
}

/// A supervisor over real parts and a scripted machine.
fn supervise(settings: &Settings) -> (SupervisorHandle, Script) {
    supervise_app(&App::open(settings).expect("the parts join"))
}

pub(crate) fn supervise_app(app: &App) -> (SupervisorHandle, Script) {
    let senses = Script::calm();
    let mut parts = app.parts(Purpose::Requests);
    parts.senses = senses.senses();
    (Supervisor::start(parts), senses)
}

pub(crate) async fn night(settings: &Settings, request: RemRequest) -> SessionReport {
    let (supervisor, _senses) = supervise(settings);
    let session = supervisor.request(request).await.expect("it is accepted");
    let finished = tokio::time::timeout(Duration::from_mins(3), supervisor.finished(&session));
    let report = finished.await.expect("in time").expect("a report");
    supervisor.shutdown().await;
    (*report).clone()
}

/// The backends of this machine; each one used is written into the ledger.
pub(crate) async fn backends() -> Vec<SandboxChoice> {
    let mut present = Vec::new();
    for (choice, part) in [
        (SandboxChoice::Bubblewrap, "bubblewrap"),
        (SandboxChoice::Docker, "docker"),
    ] {
        let world = World::new();
        let settings = settings(&world, choice, LlmChoice::Forbidden);
        let tree = Arc::new(dreamer::tree::Tree::open("dreamer-it").expect("a tree"));
        let (permit, _holder) = dreamer::supervisor::permit::operator(tree);
        match dreamer::sandbox::select(&settings.sandbox, &permit).await {
            Ok(_) => {
                ledger(part);
                present.push(choice);
            }
            Err(error) => left_out(&format!("sessions on {part}"), &error.to_string()),
        }
    }
    present
}

pub(crate) fn saved(folder: &Path) -> Vec<serde_json::Value> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_known_is_no_knowledge() {
    let world = World::new();
    let settings = settings(&world, SandboxChoice::Auto, LlmChoice::Forbidden);
    let report = night(&settings, request(3)).await;
    assert_eq!(report.status, SessionStatus::NoKnowledge);
    assert!(saved(&settings.output_dir).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_owners_examples_come_first_and_the_pack_follows() {
    for backend in backends().await {
        let world = World::new();
        let settings = settings(&world, backend, LlmChoice::Forbidden);
        know(&world, &settings, "tools.py", TOOLS);
        let report = night(&settings, request(3)).await;
        assert_eq!(
            report.status,
            SessionStatus::Completed,
            "{backend:?}: {report:?}"
        );
        assert_eq!(
            report.generator.get(Generator::Source.as_str()),
            Some(&1),
            "{backend:?}: {report:?}"
        );
        assert_eq!(
            report.generator.get(Generator::Offline.as_str()),
            Some(&2),
            "{backend:?}: {report:?}"
        );
        let dreams = saved(&settings.output_dir);
        assert_eq!(dreams.len(), 3);
        for dream in &dreams {
            assert_eq!(dream["tier"], "gold");
            assert!(dream["scenario"]["libraries"].is_array());
        }
        let again = night(&settings, request(2)).await;
        assert_eq!(
            again.generator.get(Generator::Source.as_str()),
            None,
            "tried once is enough"
        );
        assert_eq!(
            saved(&settings.output_dir).len(),
            3 + 2,
            "new ones: {again:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_model_scenarios_are_woven_solved_settled_and_proven() {
    for backend in backends().await {
        let world = World::new();
        let llm = FakeLlm::competent().await;
        let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
        know(
            &world,
            &settings,
            "notes.md",
            "# Words\n\nCount the words in a text, and merge sorted lists.\n",
        );
        let report = night(&settings, request(2)).await;
        assert_eq!(
            report.status,
            SessionStatus::Completed,
            "{backend:?}: {report:?}"
        );
        assert!(
            report.generator.contains_key(Generator::Llm.as_str()),
            "{backend:?}: {report:?}"
        );
        assert!(report.tokens.completion > 0);
        for dream in saved(&settings.output_dir) {
            assert_eq!(dream["generator"], "llm");
            assert!(
                !dream["provenance"]["sources"]
                    .as_array()
                    .expect("sources")
                    .is_empty()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_documented_function_is_written_anew_and_held_against_the_real_one() {
    let Some(backend) = backends().await.into_iter().next() else {
        return;
    };
    let world = World::new();
    let llm = FakeLlm::competent().await;
    let settings = settings(&world, backend, LlmChoice::Url(llm.url()));
    know(&world, &settings, "math.rst", fake_llm::PAGE);
    let report = night(&settings, request(1)).await;
    assert_eq!(report.dreams_successful, 1, "{report:?}");
    let dreams = saved(&settings.output_dir);
    let dream = &dreams[0];
    assert_eq!(dream["scenario"]["entry_point"], "comb", "{dream}");
    // The first solution overlooks the error that the documentation names; the mended one is saved.
    let file = dream["code_file"].as_str().expect("a name");
    let code = std::fs::read_to_string(settings.output_dir.join(file)).expect("the code");
    assert!(code.contains("raise ValueError"), "{code}");
    let checks: Vec<_> = ["checks", "hidden_checks"]
        .iter()
        .flat_map(|suite| dream[*suite].as_array().expect("checks"))
        .collect();
    assert!(
        checks.iter().all(|check| check["origin"] == "reference"),
        "{dream}"
    );
    let of = |call: &str| checks.iter().find(|check| check["call"] == call);
    assert_eq!(of("comb(10, 4)").expect("it was asked")["expect"], "210");
    assert_eq!(
        of("comb(-1, 2)").expect("it was asked")["error"],
        "ValueError"
    );
}

/// What is left of a session two seconds after its wake: containers, and processes and groups below its tree's.
async fn left_behind(settings: &Settings, woken: dreamer::clock::Instant) -> Vec<String> {
    let deadline = woken + Duration::from_secs(2);
    loop {
        let looked = dreamer::clock::monotonic();
        let left = there(settings);
        if left.is_empty() || looked > deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A model server of ours that passes everything on to a model at another port and takes its time. It has a child that would
/// outlive it, and writes both numbers down.
const PASSES_ON: &str = r#"#!/usr/bin/env python3
import http.client, http.server, os, subprocess, sys, time
port, model = int(sys.argv[1]), int(sys.argv[2])
child = subprocess.Popen(["sleep", "600"])
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pids"), "a") as pids:
    pids.write(f"{os.getpid()}\n{child.pid}\n")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.pass_on("GET", None)
    def do_POST(self):
        time.sleep(0.25)
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
        self.wfile.write(said)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"#;

/// True where this test has its process to itself: all that descends from it is the test's own.
#[expect(
    clippy::disallowed_methods,
    reason = "how tests are run is the test run's own business, no setting of the program"
)]
fn is_alone() -> bool {
    full() || std::env::var_os("NEXTEST").is_some()
}

/// Living processes that descend from this one, but for the shell that waits for our own end.
fn descendants() -> Vec<String> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut todo = children.remove(&std::process::id()).unwrap_or_default();
    while let Some(pid) = todo.pop() {
        todo.extend(children.remove(&pid).unwrap_or_default());
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        // One that has ended and was not asked for yet is no work.
        if start_time(pid).is_some() && !words.contains("dreamer-dead-man") {
            found.push(format!("process {pid}: {words}"));
        }
    }
    found
}

fn there(settings: &Settings) -> Vec<String> {
    let namespace = &settings.sandbox.namespace;
    let mut left = containers_of(namespace);
    if is_alone() {
        left.extend(descendants());
    }
    // What a model server wrote down, wherever it went since.
    let pids = std::fs::read_to_string(settings.data_dir.join("pids")).unwrap_or_default();
    let lives = |pid: &&str| Path::new(&format!("/proc/{pid}/exe")).exists();
    left.extend(pids.lines().filter(lives).map(str::to_owned));
    for tree in groups_of(namespace) {
        let procs = std::fs::read_to_string(tree.join("cgroup.procs")).unwrap_or_default();
        left.extend(procs.lines().map(str::to_owned));
        let below = std::fs::read_dir(tree).into_iter().flatten().flatten();
        let below = below.map(|entry| entry.path()).filter(|path| path.is_dir());
        left.extend(below.map(|path| path.display().to_string()));
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_ends_the_session_within_two_seconds_and_leaves_nothing() {
    for backend in backends().await {
        for reason in ["wake", "memory"] {
            let world = World::new();
            let mut settings = settings(&world, backend, LlmChoice::Forbidden);
            settings.sandbox.namespace = format!("dreamer-it-session-{reason}");
            know(&world, &settings, "tools.py", TOOLS);
            let (supervisor, senses) = supervise(&settings);
            let session = supervisor
                .request(request(1000))
                .await
                .expect("it is accepted");
            let mut watch = supervisor.watch();
            let dreaming = watch.wait_for(|now| now.phase.is_some());
            tokio::time::timeout(Duration::from_mins(1), dreaming)
                .await
                .expect("it dreams")
                .unwrap();
            if reason == "wake" {
                assert!(supervisor.wake(WakeReason::Wake).await);
            } else {
                senses.change(|now| now.memory_used = Sensed::Known(0.95));
                let waking = supervisor
                    .watch()
                    .wait_for(|now| now.waking.is_some())
                    .await
                    .map(&mut |_| ());
                waking.expect("short memory wakes");
            }
            let decided = dreamer::clock::monotonic();
            let report = supervisor.finished(&session).await.expect("a report");
            let took = dreamer::clock::monotonic() - decided;
            assert!(
                took < Duration::from_secs(2),
                "{backend:?} {reason}: {took:?}"
            );
            assert_eq!(report.status, SessionStatus::Interrupted);
            assert_eq!(report.wake_reason.map(WakeReason::as_str), Some(reason));
            // Before the service's own end, which clears away whatever it finds.
            let left = left_behind(&settings, decided).await;
            assert!(left.is_empty(), "{backend:?} {reason}: {left:?}");
            supervisor.shutdown().await;
            assert_eq!(there(&settings), [] as [String; 0]);
        }
    }
}

/// Files below `folder` whose name ends like this.
fn named(folder: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(named(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// A session without a model, or with one that a server of ours has; and what is asked of it.
fn with_model(world: &World, llm: Option<&FakeLlm>) -> (Settings, RemRequest) {
    let Some(llm) = llm else {
        let settings = settings(world, SandboxChoice::Auto, LlmChoice::Forbidden);
        return (settings, request(1000));
    };
    let arguments = format!("{{port}} {}", llm.port());
    let mut settings = world.settings_with_server(PASSES_ON, &arguments);
    settings.output_dir = world.path().join("out");
    // More than it can do until it is woken.
    let prompts = std::iter::once(fake_llm::some_task()).chain(fake_llm::more_tasks());
    let mut asked = given(String::new());
    asked.tasks = prompts.flat_map(|prompt| given(prompt).tasks).collect();
    (settings, asked)
}

/// The pack's tasks are all solved where nobody disturbs, and so are those that the model is given: whatever a wake turned
/// into a verdict would be a rejection. Every third session has a model server of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_wake_at_any_moment_of_a_session_leaves_nothing_half_and_judges_nothing() {
    // From the request on, or from the first task on.
    let moments: Vec<(bool, u64)> = if full() {
        (0..200_u64)
            .map(|n| (n % 4 > 0, n * 2_654_435_761 % 2003))
            .collect()
    } else {
        vec![(false, 150), (true, 60), (true, 500)]
    };
    let llm = FakeLlm::competent().await;
    for backend in backends().await {
        let mut requeued = 0;
        for (number, (at_work, after_ms)) in moments.iter().copied().enumerate() {
            let world = World::new();
            let by_model = number % 3 == 2;
            let (mut settings, asked) = with_model(&world, by_model.then_some(&llm));
            settings.sandbox.choice = backend;
            settings.sandbox.namespace = "dreamer-it-moments".to_owned();
            know(&world, &settings, "tools.py", TOOLS);
            let (supervisor, _senses) = supervise(&settings);
            let session = supervisor.request(asked).await;
            let session = session.expect("it is accepted");
            if at_work {
                let mut watch = supervisor.watch();
                let dreaming = watch.wait_for(|now| now.phase.is_some());
                let dreaming = tokio::time::timeout(Duration::from_mins(1), dreaming).await;
                drop(dreaming.expect("it dreams").expect("it lives"));
            }
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let told = format!(
                "{backend:?} after {after_ms} ms, at work: {at_work}, with a model: {by_model}"
            );
            let woken = dreamer::clock::monotonic();
            assert!(supervisor.wake(WakeReason::Wake).await, "{told}");
            let report = supervisor.finished(&session).await.expect("a report");
            // Before the service's own end, which clears away whatever it finds.
            let left = left_behind(&settings, woken).await;
            assert!(left.is_empty(), "{told}: {left:?}");
            supervisor.shutdown().await;
            assert_eq!(
                report.status,
                SessionStatus::Interrupted,
                "{told}: {report:?}"
            );
            assert_eq!(report.wake_reason, Some(WakeReason::Wake), "{told}");
            assert!(report.rejections.is_empty(), "{told}: {report:?}");
            assert_eq!(
                report.dreams_attempted, report.dreams_successful,
                "{told}: {report:?}"
            );
            requeued += report.requeued;
            assert_eq!(there(&settings), [] as [String; 0], "{told}");
            for end in [".tmp", ".part", ".new"] {
                let half = named(world.path(), end);
                assert!(half.is_empty(), "{told}: {half:?}");
            }
            let dreams = saved(&settings.output_dir);
            assert_eq!(dreams.len() as u64, report.dreams_successful, "{told}");
            // `dream_ID.py` and `test_dream_ID.py` stand beside `dream_ID.json`.
            let whole = |code: &std::path::PathBuf| {
                let name = code
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                let dream = name.strip_prefix("test_").unwrap_or(name);
                code.with_file_name(dream).with_extension("json").exists()
            };
            let lone: Vec<_> = named(&settings.output_dir, ".py")
                .into_iter()
                .filter(|code| !whole(code))
                .collect();
            assert!(lone.is_empty(), "{told}: {lone:?}");
            let store = Store::open(&settings.database()).expect("the store opens");
            assert_eq!(
                store.unfinished_dreams().expect("it is read").len(),
                0,
                "{told}"
            );
        }
        assert!(requeued > 0, "{backend:?}: no wake met a task");
    }
}
