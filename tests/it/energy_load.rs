//! Whose load it is, on the real machine: a dream that burns every processor, a model server that somebody else
//! started, and another program beside them. One test at a time, and only where nothing else needs the machine.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dreamer::app::open_log;
use dreamer::clock::{self, Instant};
use dreamer::config::{SandboxChoice, Settings};
use dreamer::dream::{Complexity, RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use dreamer::energy::host::HostSenses;
use dreamer::energy::{OwnWork, Power, Presence, Reading, Sensed, Senses};
use dreamer::llm::server::Servers;
use dreamer::sandbox::{self, Job, Limits, RunnerSpec, Sandbox, SandboxError};
use dreamer::supervisor::permit::{self, PermitKind, WorkPermit};
use dreamer::supervisor::{
    Purpose, RunSession, Snapshot, StateName, Supervisor, SupervisorHandle, SupervisorParts,
};
use dreamer::tree::Tree;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::support::{World, full, ledger, left_out};

/// How long a burning dream must not wake itself: a minute in the full run.
fn while_burning() -> Duration {
    Duration::from_secs(if full() { 60 } else { 8 })
}

/// The share of others above which nothing can be told of a machine that is not ours alone.
const BUSY_ALREADY: f64 = 0.25;
const BUBBLEWRAP: SandboxChoice = SandboxChoice::Bubblewrap;

/// How long is waited for a quiet machine.
const QUIET_WITHIN: Duration = Duration::from_mins(1);

/// The real load, everything else calm. Keeps every share that was read.
struct LoadAlone {
    host: HostSenses,
    shares: Arc<Mutex<Vec<Sensed<f64>>>>,
}

impl Senses for LoadAlone {
    fn read(&mut self, now: Instant) -> Reading {
        let share = self.host.read(now).load_of_others;
        self.shares
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(share.clone());
        Reading {
            presence: Presence::headless(),
            load_of_others: share,
            graphics: None,
            memory_used: Sensed::Known(0.1),
            memory_pressure: None,
            temperature_c: Sensed::Unknown("not asked".to_owned()),
            power: Sensed::Known(Power::Mains),
        }
    }
}

/// A model server of ours stands here: it answers, and burns two processors.
const SERVER: &str = r#"#!/usr/bin/env python3
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
if os.fork() and os.fork():
    server.serve_forever()
while True:
    pass
"#;

/// CPU seconds that this machine had since its start, at work or idle; what its host stole it never had.
fn had_by_the_machine() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("counters");
    let fields = stat.lines().next().expect("a line").split_whitespace();
    let ticks = fields.skip(1).take(7).map(str::parse::<f64>);
    ticks.sum::<Result<f64, _>>().expect("numbers") / 100.0
}

/// What burns in a dream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Burns {
    Nothing,
    Sandboxes(u32),
    OwnServer,
}

/// Opens and closes sandboxes one after the other, for which an engine has to work.
async fn churn(permit: WorkPermit, sandbox: Arc<dyn Sandbox>) -> Result<(), SandboxError> {
    let spec = RunnerSpec {
        hash_seed: 1000,
        limits: Limits::default(),
    };
    loop {
        let mut runner = sandbox.open(&permit, &spec).await?;
        let code = "sum(range(1000))".to_owned();
        runner.run(&permit, &Job::Program { code }).await?;
        runner.close().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A dream that burns until the permit is over. Tells `own` of its containers as the engine does.
fn burning(settings: &Settings, tree: &Arc<Tree>, burns: Burns, own: &OwnWork) -> RunSession {
    let own = own.clone();
    let choice = settings.sandbox.clone();
    let llm = settings.llm.clone();
    let servers = Servers::new(&llm, tree, open_log(settings)).expect("a keeper");
    Arc::new(move |permit: WorkPermit, _, _| {
        let (choice, llm, servers) = (choice.clone(), llm.clone(), servers.clone());
        let own = own.clone();
        Box::pin(async move {
            let _hold = match burns {
                Burns::OwnServer => servers.for_session(&llm, &permit).await.expect("it is up"),
                Burns::Sandboxes(_) | Burns::Nothing => None,
            };
            let PermitKind::Session(id) = permit.kind().clone() else {
                panic!("not a session's permit")
            };
            if let Burns::Sandboxes(count) = burns {
                let by_engine = choice.choice == SandboxChoice::Docker;
                let _containers = by_engine.then(|| own.begin_containers(true));
                let sandbox = sandbox::select(&choice, &permit).await.expect("a sandbox");
                let mut work = tokio::task::JoinSet::<Result<(), SandboxError>>::new();
                if by_engine {
                    work.spawn(churn(permit.clone(), Arc::clone(&sandbox)));
                }
                for hash_seed in 0..count {
                    let (permit, sandbox) = (permit.clone(), Arc::clone(&sandbox));
                    work.spawn(async move {
                        let limits = Limits {
                            cpu_ms: 600_000,
                            wall_ms: 600_000,
                            ..Limits::default()
                        };
                        let spec = RunnerSpec { hash_seed, limits };
                        let mut runner = sandbox.open(&permit, &spec).await?;
                        let code = "while True: pass".to_owned();
                        runner.run(&permit, &Job::Program { code }).await.map(drop)
                    });
                }
                permit.ended().await;
                work.shutdown().await;
                sandbox.settle().await;
            }
            let ended = permit.ended().await;
            let mut report = SessionReport::empty(id, SessionStatus::Interrupted);
            report.wake_reason = Some(ended.0);
            report
        })
    })
}

struct Bench {
    supervisor: SupervisorHandle,
    tree: Arc<Tree>,
    shares: Arc<Mutex<Vec<Sensed<f64>>>>,
    own: OwnWork,
    _world: World,
}

impl Bench {
    /// `None` where the machine is busy already or has no such sandbox.
    async fn start(test: &str, burns: Burns, choice: SandboxChoice) -> Option<Self> {
        let world = World::new();
        let mut settings = match burns {
            Burns::OwnServer => world.settings_with_server(SERVER, "{port}"),
            Burns::Sandboxes(_) | Burns::Nothing => Settings::defaults_in(world.path()),
        };
        settings.sandbox.choice = choice;
        settings.sandbox.namespace = format!("dreamer-it-{test}");
        let tree = Tree::with_niceness(&settings.sandbox.namespace, 19).expect("a tree");
        let tree = Arc::new(tree);
        let (permit, _holder) = permit::operator(Arc::clone(&tree));
        let sandbox = match sandbox::select(&settings.sandbox, &permit).await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                left_out(test, &error.to_string());
                return None;
            }
        };
        let own = OwnWork::new();
        let shares = Arc::default();
        let mut senses = LoadAlone {
            host: HostSenses::new(Arc::clone(&tree), own.clone()),
            shares: Arc::clone(&shares),
        };
        // What an earlier test left to an engine or a model server takes a moment to end.
        let until = clock::monotonic() + QUIET_WITHIN;
        let mut quiet_looks = 0;
        while quiet_looks < 4 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let share = senses.read(clock::monotonic()).load_of_others;
            quiet_looks = if share.known().is_some_and(|share| share <= BUSY_ALREADY) {
                quiet_looks + 1
            } else {
                0
            };
            if clock::monotonic() > until {
                // Who asked for the full counts asked for figures, not for a list of what is missing.
                assert!(!full(), "other programs need the machine: {share:?}");
                left_out(test, &format!("other programs need the machine: {share:?}"));
                return None;
            }
        }
        ledger(sandbox.backend().as_str());
        let run_session = burning(&settings, &tree, burns, &own);
        let supervisor = Supervisor::start(SupervisorParts::new(
            Purpose::Requests,
            settings,
            Box::new(senses),
            Arc::clone(&tree),
            run_session,
        ));
        let request = RemRequest {
            trigger: Trigger::Manual,
            max_scenarios: None,
            complexity: Complexity::Simple,
            for_duration: None,
            tasks: Vec::new(),
            tasks_file: None,
        };
        supervisor.request(request).await.expect("it is free");
        Some(Self {
            supervisor,
            tree,
            shares,
            own,
            _world: world,
        })
    }

    async fn until(&self, limit: Duration, holds: impl Fn(&Snapshot) -> bool) -> bool {
        let mut watch = self.supervisor.watch();
        let found = tokio::time::timeout(limit, watch.wait_for(|now| holds(now))).await;
        matches!(found, Ok(Ok(_)))
    }

    /// It is known that others used little, some time since the last call; unknown throughout would be no answer.
    #[track_caller]
    fn knows_of_little_load(&self) {
        let shares = self.shares();
        let little = |share: &Sensed<f64>| share.known().is_some_and(|share| share < 0.4);
        assert!(shares.iter().any(little), "{shares:?}");
    }

    /// The dream's own processes use both processors, and it goes on.
    async fn burns_and_sleeps_on(&self) {
        let (began, idle) = (clock::monotonic(), self.tree.cpu_time());
        while self.tree.cpu_time() < idle + Duration::from_millis(500) {
            assert!(began.elapsed() < QUIET_WITHIN, "nothing burns");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Of what was before it burned, and of the look that covers some of both.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.shares();
        let (before, had_before) = (self.tree.cpu_time(), had_by_the_machine());
        let woken = self
            .until(while_burning(), |now| now.waking.is_some())
            .await;
        let used = self.tree.cpu_time().saturating_sub(before).as_secs_f64();
        assert!(!woken, "it woke itself: {:?}", self.shares());
        // Two burn, however many processors there are.
        let processors = std::thread::available_parallelism().map_or(2, usize::from) as f64;
        let had = (had_by_the_machine() - had_before) * (2.0 / processors).min(1.0);
        assert!(
            used > had * 0.5,
            "it burned {used:.1} of {had:.1} CPU seconds"
        );
        self.knows_of_little_load();
    }

    /// Every share that was read since the last call.
    fn shares(&self) -> Vec<Sensed<f64>> {
        std::mem::take(&mut *self.shares.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Another program of this machine, started so that it is no descendant of this process; gone with the test.
struct Other {
    pid: Pid,
    _note: World,
}

impl Other {
    fn start(program: &str, words: &[&str]) -> Option<Self> {
        let note = World::new();
        let file = note.path().join("pid");
        let shell =
            r#"exec setsid -f /bin/sh -c 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec "$@"' "$@""#;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", shell, "sh"]).arg(&file).arg(program);
        command.args(words).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok().filter(ExitStatus::success)?;
        let began = clock::monotonic();
        let pid = loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                break text.trim().parse().ok()?;
            }
            if began.elapsed() > Duration::from_secs(5) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let started = Self {
            pid: Pid::from_raw(pid),
            _note: note,
        };
        // A program that is not installed is gone at once.
        std::thread::sleep(Duration::from_millis(100));
        started.lives().then_some(started)
    }

    fn lives(&self) -> bool {
        kill(self.pid, None).is_ok()
    }

    /// As a person ends it: it takes its workers with it.
    fn end(&self) {
        kill(self.pid, Signal::SIGTERM).ok();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.end();
        // It leads its own session: what it forked is in its group.
        killpg(self.pid, Signal::SIGKILL).ok();
    }
}

fn frozen_by_load(now: &Snapshot) -> bool {
    now.name == StateName::Frozen && now.waking == Some(WakeReason::Load)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dream_that_burns_every_processor_does_not_wake_itself_and_another_program_does() {
    let Some(bench) = Bench::start("own-load", Burns::Sandboxes(2), BUBBLEWRAP).await else {
        return;
    };
    bench.burns_and_sleeps_on().await;
    bench.shares();

    let words = [
        "--cpu",
        "2",
        "--cpu-load",
        "80",
        "--timeout",
        "120s",
        "--quiet",
    ];
    let Some(stress) = Other::start("stress-ng", &words) else {
        left_out("another program's load", "stress-ng is not installed");
        bench.supervisor.shutdown().await;
        return;
    };
    ledger("stress-ng");
    let began = clock::monotonic();
    assert!(
        bench.until(Duration::from_secs(8), frozen_by_load).await,
        "{:?}",
        bench.shares()
    );
    let took = began.elapsed();
    _ = writeln!(std::io::stderr(), "stress-ng was answered after {took:?}");
    assert!(
        took < Duration::from_secs(4),
        "{took:?}: {:?}",
        bench.shares()
    );
    if full() {
        stress.end();
        let quiet = Duration::from_secs(45);
        let again = |now: &Snapshot| now.name == StateName::Dreaming;
        assert!(bench.until(quiet, again).await, "{:?}", bench.shares());
    }
    bench.supervisor.shutdown().await;
}

/// The engine's own work for it included: it lies outside of our groups.
#[tokio::test(flavor = "multi_thread")]
async fn a_dream_that_burns_in_docker_does_not_wake_itself() {
    let burns = Burns::Sandboxes(2);
    let Some(bench) = Bench::start("docker-load", burns, SandboxChoice::Docker).await else {
        return;
    };
    bench.burns_and_sleeps_on().await;
    bench.supervisor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_our_own_that_burns_every_processor_does_not_wake_us() {
    let Some(bench) = Bench::start("own-server", Burns::OwnServer, BUBBLEWRAP).await else {
        return;
    };
    // Until it is up.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.burns_and_sleeps_on().await;
    bench.supervisor.shutdown().await;
}

/// A busy child process stands for the model server: it listens, and burns as many processors as there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_works_for_us_does_not_wake_us_whoever_started_it() {
    let Some(bench) = Bench::start("served", Burns::Nothing, BUBBLEWRAP).await else {
        return;
    };
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let program = format!(
        "import os,socket\ns=socket.create_server(('127.0.0.1',{port}))\nos.fork()\nwhile True: pass\n"
    );
    let url = format!("http://127.0.0.1:{port}");
    let in_flight = bench.own.begin_llm(&url);
    let Some(server) = Other::start("python3", &["-c", &program]) else {
        left_out("a server of somebody else", "python3 is not installed");
        return;
    };
    // It is found when it listens; from then on nothing of it is somebody else's.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.shares();
    let woken = bench
        .until(while_burning(), |now| now.waking.is_some())
        .await;
    assert!(!woken, "{:?}", bench.shares());
    bench.knows_of_little_load();
    // What it still does when nobody waits any more it does for us, as far as anybody can see.
    drop(in_flight);
    let lingers = Duration::from_secs(4);
    let woken = bench.until(lingers, |now| now.waking.is_some()).await;
    assert!(!woken, "{:?}", bench.shares());
    bench.knows_of_little_load();
    // Once it was seen doing nothing, the very same load is another program's.
    killpg(server.pid, Signal::SIGSTOP).expect("it is ours");
    tokio::time::sleep(Duration::from_secs(2)).await;
    killpg(server.pid, Signal::SIGCONT).expect("it is ours");
    assert!(
        bench.until(Duration::from_secs(6), frozen_by_load).await,
        "{:?}",
        bench.shares()
    );
    bench.supervisor.shutdown().await;
    drop(server);
}
