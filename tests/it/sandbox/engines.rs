//! The container engine when it is not as it should be: missing, dying, full, lying, or without the right image. Always
//! a clear error or `Infra`, and clean after the next start. The engines here are of these tests alone; the machine's own
//! is never touched.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dreamer::clock;
use dreamer::dream::Ending;
use dreamer::sandbox::{self, Docker, Sandbox, SandboxError, docker};
use tempfile::TempDir;

use super::bench::{IMAGE, NAMESPACE, call, new_permit, spec, wait_until_empty};
use crate::support::left_out;

/// An engine of a test's own, below one folder.
struct Engine {
    folder: TempDir,
    daemon: Child,
}

impl Engine {
    /// `None` where this machine has no engine to start, nobody who may, or no image.
    fn start() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            left_out("an engine of its own", "only root may start one");
            return None;
        }
        // Short: the names of sockets are limited.
        let folder = tempfile::Builder::new()
            .prefix("dr-")
            .tempdir_in("/tmp")
            .unwrap();
        let daemon = daemon(folder.path())?;
        let engine = Self { folder, daemon };
        let load = format!("docker save {IMAGE} | docker --host {} load", engine.host());
        let loaded = Command::new("/bin/sh")
            .args(["-c", &load])
            .output()
            .unwrap();
        if !loaded.status.success() || !engine.has_image() {
            left_out(
                "an engine of its own",
                &String::from_utf8_lossy(&loaded.stderr),
            );
            return None;
        }
        Some(engine)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn ask(&self, words: &[&str]) -> String {
        let asked = Command::new("docker")
            .args(["--host", &self.host()])
            .args(words)
            .output();
        String::from_utf8_lossy(&asked.unwrap().stdout).into_owned()
    }

    fn has_image(&self) -> bool {
        !self.ask(&["image", "ls", "-q", IMAGE]).is_empty()
    }

    /// As by a crash: what it started goes on.
    fn crash(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        // What it started for itself has to let go of the folder.
        std::thread::sleep(Duration::from_millis(500));
    }

    fn start_again(&mut self) {
        // The last of them names a process that has ended and that nobody may have asked for its status yet.
        for left in ["pid", "sock", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.path().join(left));
        }
        self.daemon = daemon(self.folder.path()).expect("it starts again");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.daemon.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM);
        let _ = self.daemon.wait();
        // Its containerd ends with it, and a mount or two a moment later.
        std::thread::sleep(Duration::from_millis(300));
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let own = self.folder.path().display().to_string();
        let mounts = mounts.lines().filter_map(|l| l.split(' ').nth(1));
        let mut own: Vec<_> = mounts.filter(|m| m.starts_with(&own)).collect();
        own.reverse();
        for mount in own {
            let _ = Command::new("umount").args(["-l", mount]).status();
        }
    }
}

/// Starts the engine and waits until it answers.
fn daemon(folder: &Path) -> Option<Child> {
    let log = File::create(folder.join("log")).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let started = Command::new("dockerd")
        .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
        .args([
            "--pidfile",
            &at("pid"),
            "--host",
            &format!("unix://{}", at("sock")),
        ])
        .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let mut started = match started {
        Ok(started) => started,
        Err(error) => {
            left_out("an engine of its own", &error.to_string());
            return None;
        }
    };
    for _ in 0..600 {
        let answers = || {
            let host = format!("unix://{}", at("sock"));
            let asked = Command::new("docker")
                .args(["--host", &host, "version"])
                .output();
            asked.is_ok_and(|a| a.status.success())
        };
        if UnixStream::connect(folder.join("sock")).is_ok() && answers() {
            return Some(started);
        }
        if started.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let last: Vec<_> = log.lines().rev().take(3).collect();
    left_out("an engine of its own", &last.join(" / "));
    let _ = started.kill();
    let _ = started.wait();
    None
}

/// 47: an engine that goes away in the middle of a job.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_in_the_middle_is_no_verdict_and_clean_after_its_next_start() {
    let namespace = "dreamer-it-engine";
    let Some(mut engine) = Engine::start() else {
        return;
    };
    let docker = Docker::at(&engine.socket(), namespace, IMAGE)
        .await
        .unwrap();
    let (permit, _holder) = new_permit(namespace);
    let mut runner = docker.open(&permit, &spec()).await.unwrap();
    let theirs = permit.clone();
    let running = tokio::runtime::Handle::current().spawn(async move {
        let job = call("import time\ndef f(): time.sleep(600)", "f()");
        runner.run(&theirs, &job).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.crash();
    let seen = tokio::time::timeout(Duration::from_secs(15), running).await;
    let seen = seen.expect("it is known soon").unwrap();
    let infra = match &seen {
        Ok(seen) => matches!(seen.ending, Ending::Infra(_)),
        Err(error) => matches!(error, SandboxError::Infra(_)),
    };
    assert!(infra, "{seen:?}");
    // Ended without the engine, by its groups.
    if permit.tree().limits_processes() {
        wait_until_empty(permit.tree(), namespace).await;
    }
    let refused = docker.open(&permit, &spec()).await;
    assert!(
        matches!(refused, Err(SandboxError::Infra(_))),
        "{refused:?}"
    );
    assert!(docker.sweep().await.is_err());

    engine.start_again();
    assert_ne!(engine.ask(&["ps", "-aq"]), "", "it remembers the container");
    assert!(docker.sweep().await.unwrap() > 0);
    assert_eq!(engine.ask(&["ps", "-aq"]), "");
    let mut runner = docker.open(&permit, &spec()).await.unwrap();
    assert!(runner.run(&permit, &call("", "1 + 1")).await.is_ok());
    runner.close().await;
    assert_eq!(engine.ask(&["ps", "-aq"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_passes_with_its_cause() {
    let namespace = "dreamer-it-full";
    let Some(engine) = Engine::start() else {
        return;
    };
    // What the engine writes for a container goes to a small disk of its own.
    let small = engine.folder.path().join("data/containers");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(&small)
        .status();
    if !mounted.is_ok_and(|s| s.success()) {
        left_out("a full disk", "nothing can be mounted here");
        return;
    }
    let filler = small.join("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write(&[0; 4096]).is_ok_and(|n| n > 0) {}
    drop(file);
    let docker = Docker::at(&engine.socket(), namespace, IMAGE)
        .await
        .unwrap();
    let (permit, _holder) = new_permit(namespace);
    let full = docker.open(&permit, &spec()).await;
    let Err(SandboxError::Infra(why)) = &full else {
        panic!("{full:?}")
    };
    assert!(why.contains("no space left"), "{why}");
    fs::remove_file(&filler).unwrap();
    let mut runner = docker.open(&permit, &spec()).await.unwrap();
    assert!(runner.run(&permit, &call("", "1 + 1")).await.is_ok());
    runner.close().await;
    docker.sweep().await.unwrap();
    assert_eq!(engine.ask(&["ps", "-aq"]), "");
}

/// Something that listens where an engine should, and answers each request with this; nothing at all where it is empty.
fn impostor(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), answer) = (stream, answer.clone()) else {
                return;
            };
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    let request = String::from_utf8_lossy(&buffer[..n]).into_owned();
                    let bytes = answer(request.lines().next().unwrap_or_default());
                    if bytes.is_empty() {
                        continue;
                    }
                    if stream.write_all(&bytes).is_err() || !bytes.starts_with(b"HTTP") {
                        return;
                    }
                }
            });
        }
    });
    (folder, socket)
}

fn http(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

async fn refused_by(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> String {
    let (_folder, socket) = impostor(answer);
    let began = clock::monotonic();
    let found = Docker::at(&socket, NAMESPACE, IMAGE).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    found.expect_err("this is no engine").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_answers_rubbish_is_told_as_such() {
    for answer in ["garbage\n", "\0\0\0\0", "HTTP/9.9 banana\r\n\r\n"] {
        let why = refused_by(move |_| answer.as_bytes().to_vec()).await;
        assert!(why.contains("docker") && why.contains("sock"), "{why}");
    }
    let silent = refused_by(|_| Vec::new()).await;
    assert!(silent.contains("no answer within"), "{silent}");
    let ping = |request: &str| request.contains("_ping");
    let rubbish = refused_by(move |r| if ping(r) { http("OK") } else { http("{]") }).await;
    assert!(rubbish.contains("docker image"), "{rubbish}");
    let other = refused_by(move |r| if ping(r) { http("OK") } else { http("[1, 2]") }).await;
    assert!(other.contains("docker image"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_another_processor_is_told_as_such() {
    let why = refused_by(|request| {
        if request.contains("_ping") {
            http("OK")
        } else {
            http("{\"Id\": \"sha256:1\", \"Architecture\": \"mips\"}")
        }
    })
    .await;
    assert!(
        why.contains("made for mips") && why.contains("sandbox prepare"),
        "{why}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_engine_is_told_with_its_place() {
    let missing = Docker::at(Path::new("/nonexistent/docker.sock"), NAMESPACE, IMAGE).await;
    let why = missing.expect_err("there is none").to_string();
    assert!(why.contains("/nonexistent/docker.sock"), "{why}");
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
    let removed = Command::new("docker").args(["rmi", image]).output();
    assert!(removed.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_told_with_what_makes_it() {
    if Docker::find(NAMESPACE, IMAGE).await.is_err() {
        left_out("Docker", "no engine or no image");
        return;
    }
    let missing = Docker::find(NAMESPACE, "dreamer-no-such-image:1").await;
    let Err(SandboxError::Unavailable(why)) = missing else {
        panic!("{missing:?}")
    };
    assert!(why.contains("dreamer sandbox prepare"), "{why}");
}
