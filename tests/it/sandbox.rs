//! Real sandboxes: what a hostile job cannot do, and that nothing is left of it. Each test runs on every backend that
//! this machine has and says which it left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Ending, Observation, Outcome, Stage, Value, WakeReason};
use dreamer::sandbox::{
    self, Bubblewrap, Docker, Job, Limits, Runner, RunnerSpec, Sandbox, SandboxError, docker,
};
use dreamer::supervisor::permit::{self, PermitHolder, WorkPermit};
use dreamer::tree::{self, Tree};

use crate::support::{World, ledger};

/// Tells the groups of these tests from those of a service on the same machine.
const NAMESPACE: &str = "dreamer-it";
/// What `dreamer sandbox prepare` makes.
const IMAGE: &str = "dreamer-sandbox:1";

struct Bench {
    sandbox: Arc<dyn Sandbox>,
    permit: WorkPermit,
    holder: PermitHolder,
}

impl Bench {
    async fn open(&self, limits: Limits) -> Runner {
        let spec = RunnerSpec {
            hash_seed: 7,
            limits,
        };
        let opened = self.sandbox.open(&self.permit, &spec).await;
        opened.expect("a sandbox opens")
    }

    /// One job in a fresh sandbox.
    async fn once(&self, limits: Limits, job: &Job) -> Observation {
        let mut runner = self.open(limits).await;
        let seen = runner.run(&self.permit, job).await.expect("a job runs");
        runner.close().await;
        seen
    }

    fn name(&self) -> &'static str {
        self.sandbox.backend().as_str()
    }
}

fn new_permit(namespace: &str) -> (WorkPermit, PermitHolder) {
    let tree = Tree::open(namespace).expect("a tree");
    permit::operator(Arc::new(tree))
}

/// A backend with a permit of its own, unless this machine does not have it.
async fn bench(found: Result<Arc<dyn Sandbox>, SandboxError>, namespace: &str) -> Option<Bench> {
    let (permit, holder) = new_permit(namespace);
    let tried = match found {
        Ok(found) => sandbox::try_out(found.as_ref(), &permit)
            .await
            .map(|()| found),
        Err(error) => Err(error),
    };
    match tried {
        Ok(sandbox) => {
            ledger(sandbox.backend().as_str());
            Some(Bench {
                sandbox,
                permit,
                holder,
            })
        }
        Err(error) => {
            left_out(&error.to_string());
            None
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests must see what did not run"
)]
fn left_out(why: &str) {
    eprintln!("left out: {why}");
}

async fn benches() -> Vec<Bench> {
    benches_of(NAMESPACE).await
}

/// A namespace of its own lets a test see what is left of it alone.
async fn benches_of(namespace: &str) -> Vec<Bench> {
    // An earlier run may have been killed.
    sandbox::sweep(namespace).await.expect("a sweep");
    let docker = Docker::find(namespace, IMAGE).await;
    let bubblewrap = Bubblewrap::find().await;
    let docker = docker.map(|d| Arc::new(d) as Arc<dyn Sandbox>);
    let bubblewrap = bubblewrap.map(|b| Arc::new(b) as Arc<dyn Sandbox>);
    let docker = bench(docker, namespace).await;
    let bubblewrap = bench(bubblewrap, namespace).await;
    docker.into_iter().chain(bubblewrap).collect()
}

/// Containers of a namespace, running or not, as the engine's own command sees them.
fn containers_of(namespace: &str) -> Vec<String> {
    let filter = format!("label=dreamer.namespace={namespace}");
    let listed = std::process::Command::new("docker")
        .args(["ps", "-aq", "--filter", &filter])
        .output();
    let text = listed.map(|l| String::from_utf8_lossy(&l.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Groups of a namespace in every hierarchy of the host.
fn groups_of(namespace: &str) -> Vec<std::path::PathBuf> {
    let names = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|e| e.path()).collect::<Vec<_>>()
    };
    let top = names(std::path::Path::new("/sys/fs/cgroup"));
    let below = top.iter().flat_map(|p| names(p));
    let all = below.chain(top.clone());
    all.filter(|p| {
        let name = p.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(namespace)
    })
    .collect()
}

fn call(code: &str, call: &str) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: String::new(),
        given: BTreeMap::new(),
        values: BTreeMap::new(),
        call: call.to_owned(),
        trace: false,
    }
}

fn given(job: Job, name: &str, literal: &str) -> Job {
    let Job::Call {
        code,
        setup,
        mut given,
        values,
        call,
        trace,
    } = job
    else {
        panic!("only a call is given something")
    };
    given.insert(name.to_owned(), literal.to_owned());
    Job::Call {
        code,
        setup,
        given,
        values,
        call,
        trace,
    }
}

fn traced(mut job: Job) -> Job {
    if let Job::Call { trace, .. } = &mut job {
        *trace = true;
    }
    job
}

fn with_setup(mut job: Job, text: &str) -> Job {
    if let Job::Call { setup, .. } = &mut job {
        text.clone_into(setup);
    }
    job
}

fn int(n: i64) -> Value {
    Value::Int(n.to_string())
}

#[track_caller]
fn value(seen: &Observation) -> &Value {
    match &seen.outcome {
        Outcome::Value { value } => value,
        other => panic!("no value but {other:?}: {seen:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_gives_its_value_and_its_output() {
    for bench in benches().await {
        let code = "def f(a, b):\n    print('hello')\n    return {'sum': a + b, 'all': (a, [b], {3}, b'x', 1.5, None, ...)}";
        let seen = bench.once(Limits::default(), &call(code, "f(1, 2)")).await;
        assert_eq!(seen.ending, Ending::Exited(0));
        assert_eq!(seen.stdout, "hello\n");
        let all = vec![
            int(1),
            Value::List(vec![int(2)]),
            Value::Set(vec![int(3)]),
            Value::Bytes("78".into()),
            Value::Float(1.5),
            Value::None,
            Value::Ellipsis,
        ];
        let text = |s: &str| Value::Str(s.to_owned());
        let expected = Value::Dict(vec![
            (text("sum"), int(3)),
            (text("all"), Value::Tuple(all)),
        ]);
        assert_eq!(value(&seen), &expected, "{}", bench.name());
        assert!(seen.wall_ms > 0.0 && seen.cpu_ms > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_in_as_they_came_out() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "def f():\n    return [float('nan'), float('-inf'), -0.0, 1+2j, 10**50, '\\ud800', bytearray(b'a'), frozenset({1}), range(1, 9, 2), {(1,): True}]";
        let first = runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
        let values = BTreeMap::from([("result".to_owned(), value(&first).clone())]);
        let again = Job::Call {
            code: String::new(),
            setup: String::new(),
            given: BTreeMap::new(),
            values,
            call: "result".to_owned(),
            trace: false,
        };
        let second = runner.run(&bench.permit, &again).await.unwrap();
        assert_eq!(
            format!("{:?}", value(&second)),
            format!("{:?}", value(&first))
        );
        assert!(format!("{:?}", value(&first)).contains("NaN"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_told_with_its_stage_and_its_bases() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let own = "class Mine(KeyError):\n    pass\ndef f():\n    raise Mine('no')";
        for (job, expected_stage, class) in [
            (call(own, "f()"), Stage::Call, "Mine"),
            (call("def f(:", "f()"), Stage::Load, "SyntaxError"),
            (
                with_setup(call("", "1"), "x = 1 / 0"),
                Stage::Setup,
                "ZeroDivisionError",
            ),
            (
                call("def f():\n    raise SystemExit(0)", "f()"),
                Stage::Call,
                "SystemExit",
            ),
            (
                call("def f():\n    return f()", "f()"),
                Stage::Call,
                "RecursionError",
            ),
        ] {
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            let Outcome::Raised { stage, classes, .. } = &seen.outcome else {
                panic!("{seen:?}")
            };
            assert_eq!((*stage, classes[0].as_str()), (expected_stage, class));
            if class == "Mine" {
                assert_eq!(
                    classes[1..],
                    ["KeyError", "LookupError", "Exception", "BaseException"]
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_exact_built_in_data_is_a_value() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "import enum\nclass L(list): pass\nclass E(enum.IntEnum):\n    A = 1\ndef g():\n    yield 1\ndef deep():\n    x = []\n    for _ in range(200): x = [x]\n    return x\ndef cycle():\n    x = []\n    x.append(x)\n    return x\nasync def co(): pass";
        for (expression, name) in [
            ("g()", "generator"),
            ("L([1])", "L"),
            ("[{'a': E.A}]", "E"),
            ("lambda: 1", "function"),
            ("deep()", "list nested deeper than 100"),
            ("cycle()", "list nested deeper than 100"),
            ("co()", "coroutine"),
            ("list(range(300000))", "data of more than 200000 elements"),
            ("'x' * 9000000", "data of more than 4194304 characters"),
            ("1 << 10000000", "int of more than 400000 bits"),
        ] {
            let seen = runner
                .run(&bench.permit, &call(code, expression))
                .await
                .unwrap();
            let expected = Outcome::Unobservable {
                type_name: name.to_owned(),
            };
            assert_eq!(seen.outcome, expected, "{expression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_those_that_ran_in_setup_and_call() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "X = 1\ndef f(n):\n    if n > 1:\n        return 'big'\n    return 'small'\ndef g():\n    import threading\n    t = threading.Thread(target=f, args=(0,))\n    t.start()\n    t.join()\n";
        let seen = runner
            .run(&bench.permit, &traced(call(code, "f(2)")))
            .await
            .unwrap();
        assert_eq!(seen.lines, [3, 4]);
        let job = with_setup(traced(call(code, "f(2)")), "g()");
        let seen = runner.run(&bench.permit, &job).await.unwrap();
        assert_eq!(seen.lines, [3, 4, 5, 7, 8, 9, 10]);
        let untraced = runner
            .run(&bench.permit, &call(code, "f(2)"))
            .await
            .unwrap();
        assert!(untraced.lines.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_argument_is_named_whatever_its_equality_says() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "class Same:\n    def __eq__(self, other): return True\ndef f(x):\n    x[0] = Same()\ndef g(x):\n    x.append(x.pop())\ndef h(x):\n    x[0] = 1.0";
        for (expression, mutated) in [("f(a)", true), ("g(a)", false), ("h(a)", true)] {
            let job = given(given(call(code, expression), "a", "[1, 2]"), "b", "{3, 4}");
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            let expected: &[&str] = if mutated { &["a"] } else { &[] };
            assert_eq!(seen.mutated, expected, "{expression}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hash_seed_decides_the_order_of_hashes() {
    for bench in benches().await {
        let mut hashes = Vec::new();
        for hash_seed in [1, 1, 2] {
            let spec = RunnerSpec {
                hash_seed,
                limits: Limits::default(),
            };
            let mut runner = bench.sandbox.open(&bench.permit, &spec).await.unwrap();
            let seen = runner
                .run(&bench.permit, &call("", "hash('x')"))
                .await
                .unwrap();
            hashes.push(value(&seen).clone());
        }
        assert_eq!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_as_main() {
    for bench in benches().await {
        let code = "import sys\nprint('out', __name__)\nprint('err', file=sys.stderr)\nimport atexit\natexit.register(lambda: print('bye'))\nsys.exit(3)";
        let job = Job::Program {
            code: code.to_owned(),
        };
        let seen = bench.once(Limits::default(), &job).await;
        assert_eq!(seen.ending, Ending::Exited(3));
        assert_eq!(
            (seen.stdout.as_str(), seen.stderr.as_str()),
            ("out __main__\nbye\n", "err\n")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_ends_a_job_by_its_own_name_and_the_next_job_is_fine() {
    for bench in benches().await {
        let limits = Limits {
            cpu_ms: 400,
            wall_ms: 1500,
            memory_bytes: 256 << 20,
            ..Limits::default()
        };
        let mut runner = bench.open(limits).await;
        for (what, code, expected) in [
            ("busy loop", "def f():\n    while True: pass", Ending::Cpu),
            (
                "busy loop that ignores SIGXCPU",
                "import signal\ndef f():\n    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass",
                Ending::Cpu,
            ),
            (
                "sleep",
                "import time\ndef f(): time.sleep(60)",
                Ending::Wall,
            ),
            (
                "one large block",
                "def f(): return bytearray(8 << 30)",
                Ending::Oom,
            ),
            (
                "growth",
                "def f():\n    x = []\n    while True: x.append(bytearray(16 << 20))",
                Ending::Oom,
            ),
            (
                "flood",
                "def f():\n    while True: print('x' * 1000)",
                Ending::Output,
            ),
            (
                "flood of raw bytes on both",
                "import os\ndef f():\n    while True: os.write(2, b'\\0' * 65536)",
                Ending::Output,
            ),
            (
                "a large file",
                "def f():\n    open('/tmp/a', 'wb').write(bytes(20 << 20))",
                Ending::Disk,
            ),
            (
                "_exit",
                "import os\ndef f(): os._exit(5)",
                Ending::Exited(5),
            ),
            (
                "abort",
                "import os\ndef f(): os.abort()",
                Ending::Signaled(6),
            ),
            (
                "kill all",
                "import os\ndef f():\n    os.kill(1, 9); os.kill(1, 2); os.kill(1, 15); os.kill(-1, 9)",
                Ending::Exited(0),
            ),
        ] {
            let seen = runner.run(&bench.permit, &call(code, "f()")).await;
            let seen = seen.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(
                seen.ending,
                expected,
                "{what} on {}: {seen:?}",
                bench.name()
            );
            let next = runner.run(&bench.permit, &call("", "1 + 1")).await.unwrap();
            assert_eq!(value(&next), &int(2), "after {what}");
        }
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_all_processes_together_is_limited() {
    for bench in benches().await {
        if !bench.permit.tree().limits_memory() {
            left_out("this host does not let us limit memory by group");
            continue;
        }
        let limits = Limits {
            memory_bytes: 192 << 20,
            wall_ms: 10_000,
            ..Limits::default()
        };
        let code = "import os, time\ndef f():\n    for _ in range(6):\n        if os.fork() == 0:\n            x = b'x' * (100 << 20)\n            time.sleep(60)\n    return os.wait()[1]";
        let mut runner = bench.open(limits).await;
        let seen = runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
        assert_eq!(seen.ending, Ending::Oom, "{seen:?}");
        let next = runner.run(&bench.permit, &call("", "1 + 1")).await.unwrap();
        assert_eq!(value(&next), &int(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_is_contained_and_the_next_job_is_fine() {
    for bench in benches().await {
        let limits = Limits {
            wall_ms: 1_000,
            ..Limits::default()
        };
        let mut runner = bench.open(limits).await;
        for code in [
            "import os\ndef f():\n    while True: os.fork()",
            "import os\ndef f():\n    while True:\n        try: os.fork()\n        except OSError: pass",
            "import threading, time\ndef f():\n    while True: threading.Thread(target=time.sleep, args=(9,)).start()",
        ] {
            let seen = runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
            let contained = matches!(
                seen.ending,
                Ending::Pids | Ending::Wall | Ending::Cpu | Ending::Exited(_)
            );
            assert!(contained, "{seen:?}");
            assert!(!matches!(seen.outcome, Outcome::Value { .. }), "{seen:?}");
            let next = runner.run(&bench.permit, &call("", "1 + 1")).await.unwrap();
            assert_eq!(value(&next), &int(2));
        }
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_left_behind_does_not_hold_up_the_end() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "import os, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            time.sleep(600)\n        os._exit(0)\n    os.wait()\n    return 1";
        let began = clock::monotonic();
        let seen = runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
        assert_eq!(value(&seen), &int(1));
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(seen.notes["left_processes"], "1");
        let who = "import os\ndef f(): return sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[:1], len([p for p in os.listdir('/proc') if p.isdigit()])";
        let next = runner.run(&bench.permit, &call(who, "f()")).await.unwrap();
        assert_eq!(
            value(&next),
            &Value::Tuple(vec![Value::List(vec![int(1)]), int(2)])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_job_reaches_the_next() {
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "import os, json, builtins\ndef f():\n    os.makedirs('/tmp/a/b/c'); open('/tmp/a/b/c/d', 'w').write('x'); os.chmod('/tmp/a', 0)\n    os.symlink('/', '/tmp/root'); open('/dev/shm/s', 'w').write('y')\n    json.dumps = None; builtins.len = None; os.environ['X'] = '1'";
        runner.run(&bench.permit, &call(code, "f()")).await.unwrap();
        assert!(!runner.is_spent());
        let look = "import os, json\ndef f(): return os.listdir('/tmp'), os.listdir('/dev/shm'), json.dumps(len([1])), 'X' in os.environ";
        let seen = runner.run(&bench.permit, &call(look, "f()")).await.unwrap();
        let empty = || Value::List(Vec::new());
        let expected = vec![empty(), empty(), Value::Str("1".into()), Value::Bool(false)];
        assert_eq!(value(&seen), &Value::Tuple(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    for bench in benches().await {
        let code = "import socket\ndef f(host, port):\n    s = socket.socket()\n    s.settimeout(1)\n    return s.connect_ex((host, port))\ndef own():\n    s = socket.create_server(('127.0.0.1', 0))\n    socket.create_connection(s.getsockname()).close()\n    return sorted(l.split(':')[0].strip() for l in open('/proc/net/dev') if ':' in l)";
        let mut runner = bench.open(Limits::default()).await;
        for host in ["127.0.0.1", "1.1.1.1", "169.254.169.254"] {
            let seen = runner
                .run(&bench.permit, &call(code, &format!("f({host:?}, {port})")))
                .await
                .unwrap();
            assert_ne!(value(&seen), &int(0), "{host}");
        }
        let seen = runner
            .run(&bench.permit, &call(code, "own()"))
            .await
            .unwrap();
        assert_eq!(
            value(&seen),
            &Value::List(vec![Value::Str("lo".into())]),
            "loopback of its own works"
        );
        assert!(listener.accept().is_err(), "nobody called");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_the_host_can_be_read_or_written() {
    let world = World::new();
    let secret = world.write("secret.txt", "planted");
    #[expect(
        clippy::disallowed_methods,
        reason = "the secret has to lie where a person's secrets lie"
    )]
    let home = std::env::var("HOME").unwrap_or_default();
    let in_home = tempfile::Builder::new()
        .prefix(".dreamer-it-")
        .tempfile_in(&home)
        .unwrap();
    std::fs::write(in_home.path(), "planted").unwrap();
    for bench in benches().await {
        let mut runner = bench.open(Limits::default()).await;
        let code = "import os\ndef look(path):\n    try:\n        return open(path).read()\n    except OSError as e:\n        return type(e).__name__\ndef writable():\n    out = []\n    for d, _, _ in os.walk('/'):\n        if d.startswith(('/proc', '/tmp', '/dev/shm')): continue\n        try:\n            open(d + '/probe', 'w').close(); out.append(d)\n        except OSError: pass\n    return out\ndef everything(name):\n    return [d for d, _, fs in os.walk('/') if name in fs and not d.startswith('/proc')]";
        for path in [secret.as_path(), in_home.path()] {
            let seen = runner
                .run(&bench.permit, &call(code, &format!("look({path:?})")))
                .await
                .unwrap();
            assert_eq!(
                value(&seen),
                &Value::Str("FileNotFoundError".into()),
                "{}",
                path.display()
            );
            let name = path.file_name().unwrap().to_string_lossy();
            let seen = runner
                .run(&bench.permit, &call(code, &format!("everything({name:?})")))
                .await
                .unwrap();
            assert_eq!(value(&seen), &Value::List(Vec::new()));
        }
        for path in [
            "/etc/shadow",
            "/proc/1/environ",
            "/proc/1/mem",
            "/proc/1/fd/0",
        ] {
            let seen = runner
                .run(&bench.permit, &call(code, &format!("look({path:?})")))
                .await
                .unwrap();
            let Value::Str(text) = value(&seen) else {
                panic!("{seen:?}")
            };
            assert!(
                text == "FileNotFoundError" || text == "PermissionError",
                "{path}: {text}"
            );
        }
        let passwd = runner
            .run(&bench.permit, &call(code, "look('/etc/passwd')"))
            .await
            .unwrap();
        let host = std::fs::read_to_string("/etc/passwd").unwrap();
        assert_ne!(value(&passwd), &Value::Str(host), "the host's users");
        let seen = runner
            .run(&bench.permit, &call(code, "writable()"))
            .await
            .unwrap();
        assert_eq!(value(&seen), &Value::List(Vec::new()));
        let fds = "import os\ndef f(): return sorted(int(n) for n in os.listdir('/proc/self/fd'))";
        let seen = runner.run(&bench.permit, &call(fds, "f()")).await.unwrap();
        let Value::List(open) = value(&seen) else {
            panic!("{seen:?}")
        };
        assert!(
            open.len() <= 5,
            "standard streams, the result's pipe and the listing: {open:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_permit_ends_a_running_job_within_two_seconds() {
    let namespace = "dreamer-it-end";
    for bench in benches_of(namespace).await {
        let mut runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        let permit = bench.permit.clone();
        let running = tokio::runtime::Handle::current().spawn(async move {
            let seen = runner
                .run(&permit, &call("def f():\n    while True: pass", "f()"))
                .await;
            runner.close().await;
            seen
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = clock::monotonic();
        bench.holder.end(WakeReason::Presence);
        let seen = running.await.unwrap();
        assert!(
            matches!(seen, Err(SandboxError::Interrupted(_))),
            "{seen:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(tree.processes(), [] as [u32; 0]);
        assert_eq!(containers_of(namespace), [] as [String; 0]);
        let refused = bench.sandbox.open(&bench.permit, &spec()).await;
        assert!(matches!(refused, Err(SandboxError::Interrupted(_))));
    }
}

fn spec() -> RunnerSpec {
    RunnerSpec {
        hash_seed: 0,
        limits: Limits::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_permit_ends_an_idle_sandbox_too() {
    let namespace = "dreamer-it-idle";
    for bench in benches_of(namespace).await {
        let runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        bench.holder.end(WakeReason::Presence);
        wait_until_empty(&tree, namespace).await;
        drop(runner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_runner_leaves_nothing() {
    let namespace = "dreamer-it-drop";
    for bench in benches_of(namespace).await {
        let runner = bench.open(Limits::default()).await;
        let tree = bench.permit.tree().clone();
        drop(runner);
        wait_until_empty(&tree, namespace).await;
    }
    assert!(groups_of(namespace).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_waits_until_dropped_runners_are_gone() {
    let namespace = "dreamer-it-settle";
    for bench in benches_of(namespace).await {
        drop(bench.open(Limits::default()).await);
        bench.sandbox.settle().await;
        assert_eq!(containers_of(namespace), [] as [String; 0]);
        assert_eq!(bench.permit.tree().processes(), [] as [u32; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_half_opened_sandbox_leaves_nothing() {
    let namespace = "dreamer-it-half";
    for bench in benches_of(namespace).await {
        for after_ms in [1, 5, 20, 40, 60, 90] {
            let limits = Limits::default();
            let opening = bench.open(limits);
            let early = tokio::time::timeout(Duration::from_millis(after_ms), opening).await;
            drop(early);
        }
        wait_until_empty(bench.permit.tree(), namespace).await;
    }
}

/// Not a test by itself: the process that `a_killed_owner…` kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test that kills it"]
async fn owner_to_be_killed() {
    let mut runners = Vec::new();
    for bench in benches_of("dreamer-it-killed").await {
        let runner = bench.open(Limits::default()).await;
        println!("\nholds {:?}", bench.permit.tree().processes());
        runners.push((bench, runner));
    }
    println!("\nready");
    tokio::time::sleep(Duration::from_mins(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_owner_leaves_nothing_once_it_is_swept() {
    use std::io::BufRead;
    let namespace = "dreamer-it-killed";
    if benches_of(namespace).await.is_empty() {
        return;
    }
    let test = std::env::current_exe().unwrap();
    let mut owner = std::process::Command::new(test)
        .args([
            "--exact",
            "sandbox::owner_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufReader::new(owner.stdout.take().unwrap()).lines();
    let said: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|l| l != "ready")
        .collect();
    let held = said.iter().filter(|l| l.starts_with("holds ["));
    let pids: Vec<u32> = held
        .flat_map(|l| l["holds [".len()..].trim_end_matches(']').split(", "))
        .filter_map(|p| p.parse().ok())
        .collect();
    owner.kill().unwrap();
    owner.wait().unwrap();
    let removed = sandbox::sweep(namespace).await.unwrap();
    assert_eq!(containers_of(namespace), [] as [String; 0]);
    assert!(
        groups_of(namespace).is_empty(),
        "{:?}",
        groups_of(namespace)
    );
    if !pids.is_empty() {
        assert!(removed > 0);
        let alive: Vec<_> = pids
            .iter()
            .filter(|p| tree::start_time(**p).is_some())
            .collect();
        assert!(alive.is_empty(), "{alive:?}");
    }
    assert_eq!(
        sandbox::sweep(namespace).await.unwrap(),
        0,
        "nothing is left to sweep"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_spares_what_a_living_process_owns() {
    let namespace = "dreamer-it-spare";
    for bench in benches_of(namespace).await {
        let mut runner = bench.open(Limits::default()).await;
        assert_eq!(sandbox::sweep(namespace).await.unwrap(), 0);
        let seen = runner.run(&bench.permit, &call("", "1 + 1")).await.unwrap();
        assert_eq!(value(&seen), &int(2));
        runner.close().await;
    }
}

/// Two seconds: what a person who comes back may wait for.
async fn wait_until_empty(tree: &Tree, namespace: &str) {
    let began = clock::monotonic();
    while !tree.processes().is_empty() || !containers_of(namespace).is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?} {:?}",
            tree.processes(),
            containers_of(namespace)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_runs_in_one_sandbox_are_quick() {
    for bench in benches().await {
        let began = clock::monotonic();
        let mut runner = bench.open(Limits::default()).await;
        let ready = began.elapsed();
        let code = "def merge(a, b):\n    out = sorted(a + b)\n    return out\n";
        for _ in 0..60 {
            let job = call(code, "merge([1, 3], [2])");
            let seen = runner.run(&bench.permit, &job).await.unwrap();
            assert!(matches!(seen.outcome, Outcome::Value { .. }));
        }
        let ran = began.elapsed();
        runner.close().await;
        println!(
            "{}: ready {ready:?}, 60 runs {:?}, gone {:?}",
            bench.name(),
            ran.checked_sub(ready).unwrap(),
            began.elapsed().checked_sub(ran).unwrap()
        );
        assert!(ran < Duration::from_secs(30), "{ran:?}");
    }
}

/// Builds an image of its own, which takes about a minute and the distribution's mirror.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "long and needs root, debootstrap and a mirror: `cargo test -- --ignored prepare`"]
async fn prepare_builds_an_image_that_works_and_then_finds_it() {
    let image = "dreamer-sandbox-it:1";
    let made = docker::prepare(image).await.expect("an image");
    assert_eq!(made, docker::Prepared::Built);
    assert_eq!(
        docker::prepare(image).await.unwrap(),
        docker::Prepared::Present
    );
    let (permit, _holder) = new_permit(NAMESPACE);
    let found = Docker::find(NAMESPACE, image).await.unwrap();
    sandbox::try_out(&found, &permit).await.unwrap();
    let removed = std::process::Command::new("docker")
        .args(["rmi", image])
        .output();
    assert!(removed.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_told_with_what_makes_it() {
    if Docker::find(NAMESPACE, IMAGE).await.is_err() {
        left_out("Docker");
        return;
    }
    let missing = Docker::find(NAMESPACE, "dreamer-no-such-image:1").await;
    let Err(SandboxError::Unavailable(why)) = missing else {
        panic!("{missing:?}")
    };
    assert!(why.contains("dreamer sandbox prepare"), "{why}");
}
