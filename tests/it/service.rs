//! `dreamer run` as a process of its own, as a service manager starts it: signals, settings, what is left behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dreamer::cli::client::Client;
use dreamer::clock;
use dreamer::energy::gate::GateKind;
use dreamer::http::socket_path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::World;

/// The program with nothing but this world's settings.
fn dreamer(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dreamer"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", world.path())
        .env("DREAMING_DATA_DIR", world.path().join("data"))
        .env("DREAMING_LLM_URL", "none")
        .env("DREAMING_CONFIG", world.path().join("dreamer.toml"))
        .current_dir(world.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

struct Service {
    child: Child,
}

impl Service {
    async fn start(world: &World) -> (Self, Client) {
        Self::start_by(dreamer(world).arg("run"), world).await
    }

    async fn start_by(command: &mut Command, world: &World) -> (Self, Client) {
        let child = command.spawn().expect("it starts");
        let service = Self { child };
        let data = world.path().join("data");
        let began = clock::monotonic();
        loop {
            if let Ok(Some(client)) = Client::connect(&data).await {
                return (service, client);
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it comes up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it is there");
    }

    /// How long it took to end, and how it ended.
    fn end(mut self, signal: Signal) -> (Duration, Option<i32>) {
        let began = clock::monotonic();
        self.signal(signal);
        let status = self.child.wait().expect("it ends");
        (began.elapsed(), status.code())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn socket_is_gone(data: &Path) -> bool {
    !socket_path(data).exists()
}

async fn cpu_gate(client: &Client) -> String {
    let why = client.why().await.expect("it answers");
    let load = why
        .gates
        .into_iter()
        .find(|gate| gate.gate == GateKind::Load);
    load.expect("the gate is there").threshold
}

#[tokio::test]
async fn a_hangup_reads_the_settings_again_and_refuses_bad_ones() {
    let world = World::new();
    world.write("dreamer.toml", "cpu_threshold = 0.7\n");
    let (service, client) = Service::start(&world).await;
    assert!(cpu_gate(&client).await.contains("70 % wakes"));
    world.write("dreamer.toml", "cpu_threshold = 0.5\n");
    service.signal(Signal::SIGHUP);
    let began = clock::monotonic();
    while !cpu_gate(&client).await.contains("50 % wakes") {
        assert!(began.elapsed() < Duration::from_secs(10), "it is read");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.write("dreamer.toml", "cpu_threshold = 7\n");
    service.signal(Signal::SIGHUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        cpu_gate(&client).await.contains("50 % wakes"),
        "the old ones stay"
    );
    let (took, code) = service.end(Signal::SIGTERM);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(socket_is_gone(&world.path().join("data")));
}
