//! Checks with a server of their own: it lies outside of the job's reach and says truly what it saw. On every backend.

use std::collections::BTreeMap;
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::{Ending, Observation, Outcome, Route, Serve, Served, Value};
use dreamer::sandbox::{Job, Runner};

use crate::support::backends::{Backend, backends};

const HELPER: &str = r#"
import asyncio, socket
def raw(base_url, data, read=True):
    host, port = base_url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as s:
        s.sendall(data)
        out = b""
        while read:
            piece = s.recv(65536)
            if not piece:
                break
            out += piece
        return out.decode("utf-8", "replace")
def get(base_url, path, method="GET"):
    return raw(base_url, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
def body(base_url, path):
    return get(base_url, path).partition("\r\n\r\n")[2]
async def one(base_url, path):
    host, port = base_url[7:].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    return (await reader.read()).decode().partition("\r\n\r\n")[2]
async def many(base_url, paths):
    return await asyncio.gather(*(one(base_url, path) for path in paths))
"#;

fn route(path: &str, status: u16, body: &str, delay_ms: u64) -> Route {
    Route {
        path: path.to_owned(),
        status,
        body: body.to_owned(),
        delay_ms,
    }
}

fn serve() -> Serve {
    Serve {
        routes: vec![
            route("/a", 200, "one", 0),
            route("/slow", 200, "late", 150),
            route("/gone", 410, "no", 0),
            route("/long", 200, &"x".repeat(60_000), 0),
        ],
    }
}

async fn ask(
    backend: &Backend,
    runner: &mut Runner,
    extra: &str,
    call: &str,
) -> (Observation, Served) {
    let job = Job::Call {
        code: format!("{HELPER}\n{extra}"),
        setup: String::new(),
        given: BTreeMap::new(),
        values: BTreeMap::new(),
        call: call.to_owned(),
        trace: false,
    };
    let seen = runner
        .run_served(&backend.permit, &job, Some(&serve()))
        .await
        .expect("a job runs");
    let served = seen.served.clone().expect("a server was there");
    (seen, served)
}

#[track_caller]
fn text(seen: &Observation) -> &str {
    match &seen.outcome {
        Outcome::Value {
            value: Value::Str(text),
        } => text,
        other => panic!("no text but {other:?}: {seen:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_its_routes_and_nothing_else() {
    for backend in backends("serve").await {
        let mut runner = backend.open().await;
        let call = "'|'.join([body(base_url, '/a'), get(base_url, '/gone').split()[1], get(base_url, '/b?c').split()[1], \
                    body(base_url, '/a') if len(body(base_url, '/long')) == 60000 else 'short', get(base_url, '/a', 'HEAD')[-4:]])";
        let (seen, served) = ask(&backend, &mut runner, "", call).await;
        assert_eq!(
            text(&seen),
            "one|410|404|one|\r\n\r\n",
            "{}",
            backend.name()
        );
        let paths: Vec<_> = served.requests.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/gone", "/b?c", "/long", "/a", "/a"]);
        assert_eq!(served.requests[5].method, "HEAD");
        assert_eq!(served.max_concurrent, 1);
        // The next job has no server, and no way to the last one's.
        let job = Job::Call {
            code: HELPER.to_owned(),
            setup: String::new(),
            given: BTreeMap::new(),
            values: BTreeMap::new(),
            call: "'base_url' in globals()".to_owned(),
            trace: false,
        };
        let after = runner.run(&backend.permit, &job).await.unwrap();
        assert_eq!(after.served, None);
        assert!(matches!(
            after.outcome,
            Outcome::Value {
                value: Value::Bool(false)
            }
        ));
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_are_counted_and_answered_side_by_side() {
    for backend in backends("serve").await {
        let mut runner = backend.open().await;
        let call = "','.join(asyncio.run(many(base_url, ['/slow'] * 8)))";
        let began = clock::monotonic();
        let (seen, served) = ask(&backend, &mut runner, "", call).await;
        assert_eq!(text(&seen), ["late"; 8].join(","));
        assert_eq!(served.max_concurrent, 8, "{}", backend.name());
        // One after another they would take 1.2 s.
        assert!(seen.wall_ms < 1_000.0, "{}", seen.wall_ms);
        assert!(began.elapsed() > Duration::from_millis(150));
        let call = "','.join([body(base_url, '/slow'), body(base_url, '/slow')])";
        let (_, served) = ask(&backend, &mut runner, "", call).await;
        assert_eq!(served.max_concurrent, 1);
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_can_neither_stop_nor_read_its_server() {
    // What it can find without asking: every text that it can reach from its own frames and objects, and process 1.
    let hostile = r#"
import gc, os, signal, sys
def attack(base_url):
    for pid in (1, -1, 0):
        for sig in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            try:
                if pid == 0:
                    signal.signal(sig, signal.SIG_IGN)
                os.kill(pid, sig) if pid == 1 else None
            except OSError:
                pass
    for way in ("mem", "environ", "fd/0", "fd/3", "fd/4", "fd/5", "fd/6"):
        try:
            open("/proc/1/" + way, "rb").read(10)
            return "read " + way
        except OSError:
            pass
    frame, seen = sys._getframe(), []
    while frame:
        seen += [repr(frame.f_locals)[:100000], repr(list(frame.f_globals.values()))[:100000]]
        frame = frame.f_back
    seen += [repr(o)[:2000] for o in gc.get_objects() if type(o) in (dict, list, tuple)]
    # Put together where it is asked for: a constant of this code would be found too.
    if any("-".join(["the", "answer"]) in text for text in seen):
        return "found it"
    return body(base_url, "/secret")
"#;
    for backend in backends("serve").await {
        let mut runner = backend.open().await;
        let job = Job::Call {
            code: format!("{HELPER}\n{hostile}"),
            setup: String::new(),
            given: BTreeMap::new(),
            values: BTreeMap::new(),
            call: "attack(base_url)".to_owned(),
            trace: false,
        };
        let serve = Serve {
            routes: vec![route("/secret", 200, "the-answer", 0)],
        };
        let seen = runner
            .run_served(&backend.permit, &job, Some(&serve))
            .await
            .expect("a job runs");
        assert_eq!(text(&seen), "the-answer", "{}", backend.name());
        assert_eq!(seen.served.unwrap().requests.len(), 1);
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_and_floods_do_not_hurt_the_server() {
    let hostile = r#"
def flood(base_url):
    for data in (b"\0\xff rubbish\r\n\r\n", b"GET\r\n\r\n", b"G" * 100_000, b"GET / SPDY/9\r\n\r\n",
                 b"POST /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n" + b"x" * 70000,
                 b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"):
        try:
            raw(base_url, data, read=False)
        except OSError:
            pass
    host, port = base_url[7:].split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(150)]
    for s in idle[:100]:
        s.close()
    for s in idle[100:]:
        s.close()
    return body(base_url, "/a")
"#;
    for backend in backends("serve").await {
        let mut runner = backend.open().await;
        let (seen, served) = ask(&backend, &mut runner, hostile, "flood(base_url)").await;
        assert_eq!(seen.ending, Ending::Exited(0));
        assert_eq!(text(&seen), "one", "{}", backend.name());
        let kinds: Vec<_> = served.requests.iter().map(|r| r.method.as_str()).collect();
        assert_eq!(
            kinds.iter().filter(|m| **m == "GET").count(),
            1,
            "{kinds:?}"
        );
        assert!(!runner.is_spent());
        runner.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_waits_for_is_seen_all_the_same() {
    for backend in backends("serve").await {
        let mut runner = backend.open().await;
        let call = "raw(base_url, b'GET /a HTTP/1.1\\r\\n\\r\\n', read=False) or 'sent'";
        let (_, served) = ask(&backend, &mut runner, "", call).await;
        assert_eq!(served.requests.len(), 1, "{}", backend.name());
        let call = "raw(base_url, b'GET /slow HTTP/1.1\\r\\n\\r\\n', read=False) or 'sent'";
        let (_, served) = ask(&backend, &mut runner, "", call).await;
        assert_eq!(served.requests.len(), 1, "{}", backend.name());
        runner.close().await;
    }
}
