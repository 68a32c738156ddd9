//! Live proof that a backend holds: a planted secret stays unread and unchanged, a listening port uncontacted, a fork
//! bomb contained. The quick ones run whenever a backend is chosen, all of them in `dreamer doctor`. What fails once is
//! refused.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};

use super::doctor::name;
use super::{Job, Limits, Runner, RunnerSpec, Sandbox, SandboxError};
use crate::dream::{Ending, Finding, Observation};
use crate::supervisor::permit::WorkPermit;

/// Tries every way to a file that a program outside can read; prints what it reads, and writes to it where it can.
const READ_SECRET: &str = r#"
import os
name, paths = NAME, PATHS
for path in paths:
    for way in (path, "/proc/1/root" + path, "/proc/self/root" + path, "/proc/1/cwd/../../.." + path):
        try:
            print(open(way).read())
            open(way, "a").write("changed")
        except OSError:
            pass
for top, folders, files in os.walk("/"):
    folders[:] = [f for f in folders if top != "/" or f not in ("proc", "sys", "usr", "dev")]
    if name in files:
        try:
            print(open(os.path.join(top, name)).read())
        except OSError:
            pass
"#;
/// Tries to reach a port of the host, and asks whether there is any way out. A datagram socket that is connected sends
/// nothing: it only looks for a route.
const REACH_OUT: &str = r#"
import socket
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for address in ("127.0.0.1", "localhost"):
        try:
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(1)
                s.connect((address, PORT))
                s.send(b"canary")
        except OSError:
            pass
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((address, 9))
            print("a way out")
    except OSError:
        pass
"#;
/// Makes processes until no more can be made, never more than is safe, and says how many. They stay behind.
const COUNT_PROCESSES: &str = r#"
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError:
    pass
print("made", made)
"#;
const FORK_BOMB: &str = "import os\nwhile True:\n    os.fork()\n";

/// How long a message to a listener may be on its way before it counts as never sent: on one machine it takes
/// microseconds.
const LISTEN: Duration = Duration::from_millis(50);

/// Which promise a backend broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Canary {
    Secret,
    Network,
    Processes,
}

/// A promise that was not kept, and how.
#[derive(Debug)]
struct Broken {
    canary: Canary,
    how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.canary {
            Canary::Secret => "a planted secret",
            Canary::Network => "the network",
            Canary::Processes => "the process limit",
        };
        write!(f, "{what}: {}", self.how)
    }
}

enum Stop {
    Broken(Broken),
    Failed(SandboxError),
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

fn broken<T>(canary: Canary, how: impl Into<String>) -> Result<T, Stop> {
    let how = how.into();
    Err(Stop::Broken(Broken { canary, how }))
}

/// The quick canaries in a runner that is there anyway; some tens of milliseconds.
///
/// # Errors
/// `Unavailable` where one fails: the backend must not be used. Otherwise what kept the canaries from running.
pub(super) async fn quick(runner: &mut Runner, permit: &WorkPermit) -> Result<(), SandboxError> {
    let told = match secret(runner, permit, &[std::env::temp_dir()]).await {
        Ok(()) => network(runner, permit).await,
        Err(stop) => Err(stop),
    };
    match told {
        Ok(()) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Broken(broken)) => Err(SandboxError::Unavailable(format!(
            "refused, it does not hold: {broken}"
        ))),
    }
}

/// All canaries of one backend, one finding each.
pub(super) async fn findings(
    sandbox: &dyn Sandbox,
    data_dir: &Path,
    permit: &WorkPermit,
) -> Vec<Finding> {
    let base = name(sandbox.backend());
    let spec = RunnerSpec {
        hash_seed: 0,
        limits: Limits::default(),
    };
    let mut runner = match sandbox.open(permit, &spec).await {
        Ok(runner) => runner,
        Err(error) => {
            let why = error.to_string();
            let hint = super::hint(sandbox.backend(), &why);
            return vec![Finding::fail(&base, why, hint)];
        }
    };
    let folders = [std::env::temp_dir(), data_dir.to_owned()];
    let told = [
        ("secret", secret(&mut runner, permit, &folders).await),
        ("network", network(&mut runner, permit).await),
        ("processes", processes(sandbox, &mut runner, permit).await),
    ];
    runner.close().await;
    let mut found = vec![Finding::ok(
        &base,
        format!("starts and ends; runs on {}", sandbox.image_digest()),
    )];
    found.extend(told.into_iter().map(|(what, told)| {
        let check = format!("{base}_{what}");
        match told {
            Ok(()) => Finding::ok(&check, "holds"),
            Err(Stop::Failed(error)) => Finding::fail(
                &check,
                format!("could not be tried: {error}"),
                "run `dreamer doctor` again; if it stays, see the log with -vv",
            ),
            Err(Stop::Broken(broken)) => Finding::fail(
                &check,
                format!("refused, it does not hold: {broken}"),
                "do not dream in this sandbox: set DREAMING_SANDBOX to the other one, and update this one",
            ),
        }
    }));
    found
}

async fn run(runner: &mut Runner, permit: &WorkPermit, code: String) -> Result<Observation, Stop> {
    Ok(runner.run(permit, &Job::Program { code }).await?)
}

/// A secret that everybody outside may read, gone when dropped.
struct Planted {
    folder: PathBuf,
    file: PathBuf,
    text: String,
}

impl Planted {
    fn new(below: &Path) -> std::io::Result<Self> {
        let text = uuid::Uuid::now_v7().simple().to_string();
        let folder = below.join(format!(".dreamer-canary-{text}"));
        let file = folder.join(format!("secret-{text}"));
        fs::create_dir_all(&folder)?;
        let planted = Self { folder, file, text };
        // Unread because it cannot be seen, not because of its mode.
        fs::set_permissions(&planted.folder, fs::Permissions::from_mode(0o755))?;
        fs::write(&planted.file, &planted.text)?;
        fs::set_permissions(&planted.file, fs::Permissions::from_mode(0o666))?;
        Ok(planted)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn secret(runner: &mut Runner, permit: &WorkPermit, below: &[PathBuf]) -> Result<(), Stop> {
    for folder in below {
        let planted = Planted::new(folder).map_err(|error| {
            SandboxError::Infra(format!(
                "nothing can be planted in {}: {error}",
                folder.display()
            ))
        })?;
        let python = |text: String| serde_json::Value::from(text).to_string();
        let name = planted.file.file_name().unwrap_or_default();
        let code = READ_SECRET
            .replace("NAME", &python(name.to_string_lossy().into_owned()))
            .replace(
                "PATHS",
                &format!("[{}]", python(planted.file.display().to_string())),
            );
        let seen = run(runner, permit, code).await?;
        if seen.stdout.contains(&planted.text) {
            return broken(Canary::Secret, "was read");
        }
        if fs::read_to_string(&planted.file).ok().as_deref() != Some(planted.text.as_str()) {
            return broken(Canary::Secret, "was changed");
        }
        must_have_run(&seen)?;
    }
    Ok(())
}

async fn network(runner: &mut Runner, permit: &WorkPermit) -> Result<(), Stop> {
    let infra = |error: std::io::Error| SandboxError::Infra(format!("cannot listen: {error}"));
    let tcp = TcpListener::bind(("127.0.0.1", 0)).await.map_err(infra)?;
    let port = tcp.local_addr().map_err(infra)?.port();
    // Where another program has the same datagram port, the stream alone must do.
    let udp = UdpSocket::bind(("127.0.0.1", port)).await.ok();
    let code = REACH_OUT.replace("PORT", &port.to_string());
    let seen = run(runner, permit, code).await?;
    let mut byte = [0; 1];
    let heard = async {
        match &udp {
            Some(udp) => tokio::select! {
                _ = tcp.accept() => (),
                _ = udp.recv(&mut byte) => (),
            },
            None => _ = tcp.accept().await,
        }
    };
    if tokio::time::timeout(LISTEN, heard).await.is_ok() {
        return broken(Canary::Network, "a port of this machine was reached");
    }
    if seen.stdout.contains("a way out") {
        return broken(Canary::Network, "there is a way out");
    }
    must_have_run(&seen)
}

async fn processes(
    sandbox: &dyn Sandbox,
    runner: &mut Runner,
    permit: &WorkPermit,
) -> Result<(), Stop> {
    let most = runner.limits().processes;
    let seen = run(runner, permit, COUNT_PROCESSES.to_owned()).await?;
    let made = seen.stdout.trim().strip_prefix("made ");
    // No last word: it hit the limit in another way, which holds too.
    if let Some(made) = made.and_then(|n| n.parse::<u64>().ok())
        && made > most
    {
        return broken(
            Canary::Processes,
            format!("{made} were made, {most} allowed"),
        );
    }
    let limits = Limits {
        cpu_ms: 2_000,
        wall_ms: 5_000,
        ..Limits::default()
    };
    let spec = RunnerSpec {
        hash_seed: 0,
        limits,
    };
    let mut bombed = sandbox.open(permit, &spec).await?;
    let seen = bombed
        .run(
            permit,
            &Job::Program {
                code: FORK_BOMB.to_owned(),
            },
        )
        .await;
    bombed.close().await;
    if let Ending::Infra(why) = seen?.ending {
        return broken(
            Canary::Processes,
            format!("a fork bomb broke the sandbox: {why}"),
        );
    }
    let after = run(runner, permit, "print('still here')".to_owned()).await?;
    if after.stdout.trim() != "still here" {
        return broken(Canary::Processes, "nothing ran after a fork bomb");
    }
    Ok(())
}

/// A canary that did not run to its end proves nothing.
fn must_have_run(seen: &Observation) -> Result<(), Stop> {
    match &seen.ending {
        Ending::Exited(0) => Ok(()),
        other => Err(Stop::Failed(SandboxError::Infra(format!(
            "a canary ended as {other:?}: {}",
            seen.stderr.trim()
        )))),
    }
}
