//! What ends a job and what it cannot reach, job after job in one sandbox.

use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Ending, Outcome, Value};
use dreamer::sandbox::Limits;

use super::bench::{benches, call, int, value};
use crate::support::{World, left_out};

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
            left_out("memory by group", "this host does not let us limit it");
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
