//! A job on Podman's socket: the same program as on Docker's, told a few things otherwise. The service and its storage
//! are of this test alone. Podman is not installed for this test; where it is not there that is said.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dreamer::dream::{Ending, Outcome};
use dreamer::sandbox::{Docker, Limits, Sandbox};
use tempfile::TempDir;

use super::bench::{IMAGE, call, int, new_permit, spec_with, value};
use crate::support::{ledger, left_out};

struct Service {
    folder: TempDir,
    process: Child,
}

impl Service {
    fn podman(folder: &Path) -> String {
        let at = |name: &str| folder.join(name).display().to_string();
        // Plain copies as storage: works wherever this test runs.
        format!(
            "podman --root {} --runroot {} --storage-driver vfs",
            at("root"),
            at("run")
        )
    }

    fn shell(text: &str) -> Result<String, String> {
        let done = Command::new("/bin/sh").args(["-c", text]).output();
        let done = done.map_err(|e| e.to_string())?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }

    fn start() -> Result<Self, String> {
        Self::shell("command -v podman")
            .map_err(|_| "package podman is not installed".to_owned())?;
        let folder = TempDir::new_in("/tmp").map_err(|e| e.to_string())?;
        let podman = Self::podman(folder.path());
        Self::shell(&format!("docker save {IMAGE} | {podman} load"))?;
        let socket = folder.path().join("sock");
        let serve = format!(
            "exec {podman} system service --time=0 unix://{}",
            socket.display()
        );
        let process = Command::new("/bin/sh")
            .args(["-c", &serve])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let service = Self { folder, process };
        for _ in 0..200 {
            if socket.exists() {
                return Ok(service);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("its service does not begin to listen".to_owned())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    fn containers(&self) -> String {
        let podman = Self::podman(self.folder.path());
        Self::shell(&format!("{podman} ps -aq")).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let podman = Self::podman(self.folder.path());
        let _ = Self::shell(&format!("{podman} rm -af -t 0"));
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_and_end_at_their_limits_on_podman() {
    let namespace = "dreamer-it-podman";
    let service = match Service::start() {
        Ok(service) => service,
        Err(why) => return left_out("Podman", &why),
    };
    let podman = Docker::at(&service.socket(), namespace, IMAGE)
        .await
        .unwrap();
    let (permit, _holder) = new_permit(namespace);
    let limits = Limits {
        cpu_ms: 300,
        ..Limits::default()
    };
    let mut runner = podman.open(&permit, &spec_with(limits)).await.unwrap();
    ledger("podman");
    let code = "def f(x):\n    return x + 1\n\n\ndef forever():\n    while True:\n        pass\n";
    let seen = runner.run(&permit, &call(code, "f(1)")).await.unwrap();
    assert_eq!(value(&seen), &int(2));
    let seen = runner.run(&permit, &call(code, "forever()")).await.unwrap();
    assert_eq!(seen.ending, Ending::Cpu);
    let reach = "import socket\n\n\ndef f():\n    socket.create_connection((\"1.1.1.1\", 80), 1)\n";
    let seen = runner.run(&permit, &call(reach, "f()")).await.unwrap();
    assert!(matches!(&seen.outcome, Outcome::Raised { .. }), "{seen:?}");
    let root =
        "import os\n\n\ndef f():\n    return os.getuid() != 0 and not os.access(\"/\", os.W_OK)\n";
    let seen = runner.run(&permit, &call(root, "f()")).await.unwrap();
    assert_eq!(value(&seen), &dreamer::dream::Value::Bool(true), "{seen:?}");
    runner.close().await;
    podman.sweep().await.unwrap();
    assert_eq!(service.containers(), "");
}
