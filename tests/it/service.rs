//! `dreamer run` as a process of its own, as a service manager starts it: signals, settings, what is left behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dreamer::app::App;
use dreamer::cli::client::Client;
use dreamer::clock;
use dreamer::config::Settings;
use dreamer::energy::gate::GateKind;
use dreamer::http::socket_path;
use dreamer::sandbox::Docker;
use dreamer::supervisor::StateName;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::sandbox::bench::containers_of;
use crate::support::{World, ledger, left_out};

/// The program with nothing but this world's settings.
pub(crate) fn dreamer(world: &World) -> Command {
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

pub(crate) struct Service {
    child: Child,
}

impl Service {
    async fn start(world: &World) -> (Self, Client) {
        Self::start_by(dreamer(world).arg("run"), world).await
    }

    pub(crate) async fn start_by(command: &mut Command, world: &World) -> (Self, Client) {
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

/// A figure of `/proc/PID/status`, in kilobytes.
fn kilobytes(pid: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let mut lines = status.lines().filter_map(|line| line.strip_prefix(key));
    let figure = lines.next().and_then(|line| line.split_whitespace().nth(1));
    figure.expect(&status).parse().expect("a number")
}

/// CPU time of a process and of its children that ended, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let (_, after_name) = stat.rsplit_once(") ").expect(&stat);
    let fields = after_name.split(' ').skip(11).take(4);
    fields.map(|n| n.parse::<u64>().expect(&stat)).sum()
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

/// What a debug build can show: its code is several times as large as a release's, and resident. `scripts/soak-footprint`
/// holds the release build to 16 MB in all, at every moment of ten minutes, and to no more CPU than another program.
#[tokio::test]
async fn a_service_that_waits_has_16_mb_of_its_own_at_most_and_hardly_computes_for_5_s() {
    let world = World::new();
    world.write("dreamer.toml", "");
    let (service, client) = Service::start(&world).await;
    let pid = service.child.id();
    // The preflight tries a sandbox: that is no waiting yet.
    while client.status().await.expect("it answers").supervisor != StateName::Awake {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = ticks(pid);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let used = ticks(pid) - before;
    let own = kilobytes(pid, "RssAnon");
    assert!(own <= 16 << 10, "{own} kB of its own");
    assert!(used < 4, "{used} hundredths of a second in five");
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

/// A dream's files must not lie elsewhere than its row.
#[tokio::test]
async fn another_data_folder_takes_effect_with_all_that_lies_in_it_or_not_at_all() {
    let world = World::new();
    let (old, other) = (world.path().join("old"), world.path().join("other"));
    let settings = Settings::defaults_in(&old);
    let mut app = App::open(&settings).expect("the parts join");
    for _ in 0..2 {
        let (now, kept) = app.reload(Settings::defaults_in(&other));
        assert_eq!(now.data_dir, old);
        assert_eq!(now.output_dir, settings.output_dir);
        assert_eq!(now.sandbox.libraries_dir, settings.sandbox.libraries_dir);
        assert_eq!(kept, ["DREAMING_DATA_DIR", "DREAMING_OUTPUT_DIR"]);
    }
    // Alone it may go elsewhere at once.
    let mut moved = settings;
    moved.output_dir = world.path().join("out");
    let (now, kept) = app.reload(moved);
    assert_eq!(now.output_dir, world.path().join("out"));
    assert!(kept.is_empty(), "{kept:?}");
}

/// The sandbox that the preflight tries is a container here, and goes with the service.
#[tokio::test]
async fn a_service_that_is_stopped_during_its_preflight_leaves_no_container() {
    let namespace = "dreamer-it-boot";
    let prepared = Docker::find(namespace, "dreamer-sandbox:1").await;
    if let Err(error) = prepared {
        left_out("the preflight's container", &error.to_string());
        return;
    }
    ledger("docker");
    let mut met = 0;
    for try_number in 0..6 {
        let world = World::new();
        world.write("dreamer.toml", "");
        let child = dreamer(&world)
            .env("DREAMING_SANDBOX", "docker")
            .env("DREAMING_DOCKER_NAMESPACE", namespace)
            .arg("run")
            .spawn();
        let service = Service {
            child: child.expect("it starts"),
        };
        let began = clock::monotonic();
        while containers_of(namespace).is_empty() && began.elapsed() < Duration::from_secs(10) {}
        // At several moments of its short life.
        tokio::time::sleep(Duration::from_millis(60 * try_number)).await;
        met += usize::from(!containers_of(namespace).is_empty());
        let (took, code) = service.end(Signal::SIGTERM);
        let left = containers_of(namespace);
        assert!(left.is_empty(), "{left:?} after {took:?}");
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert!(met > 0, "no signal met a container");
}

/// A service manager as far as the service sees one: a socket that it talks to.
#[tokio::test]
async fn a_service_manager_hears_that_it_is_up_lives_and_stops() {
    let world = World::new();
    world.write("dreamer.toml", "");
    let path = world.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("it is set");
    let mut command = dreamer(&world);
    command
        .arg("run")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000");
    let (service, _client) = Service::start_by(&mut command, &world).await;
    let hear = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).expect("something is said");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let until = |wanted: &str| {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != wanted) {
            heard.push(hear());
            assert!(heard.len() < 50, "{wanted} is not said: {heard:?}");
        }
        heard
    };
    assert_eq!(until("READY=1"), ["READY=1"], "the first word");
    until("STATUS=awake");
    until("WATCHDOG=1");
    until("WATCHDOG=1");
    let (took, code) = service.end(Signal::SIGTERM);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    until("STOPPING=1");
}

#[test]
fn a_scripted_day_runs_faster_than_it_passes() {
    let world = World::new();
    world.write("dreamer.toml", "");
    let script = world.write(
        "day.txt",
        "start 2026-11-20T21:50[UTC]\n21:55 key\n02:10 pointer\n02:15 load 90%\n02:20 load 5%\n\
         02:30 key\nend 04:00\n",
    );
    let output = dreamer(&world)
        .args(["run", "--simulate"])
        .arg(script)
        .stdout(Stdio::piped())
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    insta::assert_snapshot!(text, @r"
    Fri 21:50:00  awake
    Fri 22:25:00  settling
    Fri 22:25:30  dreaming  idle
    Fri 23:05:30  awake  after a session that was completed
    Sat 02:00:00  settling
    Sat 02:00:30  dreaming  by night
    Sat 02:10:00  frozen  presence
    Sat 02:10:20  dreaming  by night
    Sat 02:15:02  frozen  load
    Sat 02:20:30  dreaming  by night
    Sat 02:30:00  awake  after a session that ended: presence
    Sat 02:35:00  settling
    Sat 02:35:30  dreaming  by night
    Sat 03:15:30  settling
    Sat 03:16:00  dreaming  idle
    Sat 03:56:00  awake  after a session that was completed
    ");
}

#[test]
fn the_unit_is_shown_installed_and_removed() {
    let world = World::new();
    world.write("dreamer.toml", "");
    let run = |words: &[&str]| {
        let output = dreamer(&world)
            .args(["service"])
            .args(words)
            .stdout(Stdio::piped())
            .output()
            .expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (code, unit) = run(&["print"]);
    assert_eq!(code, Some(0));
    assert!(unit.contains("Type=notify") && unit.contains("WatchdogSec="));
    let data = world.path().join("data");
    assert!(
        unit.contains(&format!("DREAMING_DATA_DIR={}", data.display())),
        "{unit}"
    );
    let path = world.path().join(".config/systemd/user/dreamer.service");
    let (code, said) = run(&["install", "--enable", "--no-start"]);
    assert_eq!(code, Some(0), "{said}");
    let written = std::fs::read_to_string(&path).expect("it is written");
    assert!(written.contains("ENABLE_DREAMING=true"));
    let by_hand: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("run by hand: "))
        .collect();
    assert_eq!(
        by_hand,
        [
            "systemctl --user daemon-reload",
            "systemctl --user enable dreamer",
            "systemctl --user restart dreamer",
        ]
    );
    run(&["uninstall"]);
    assert!(!path.exists());
    assert_eq!(run(&["uninstall"]).0, Some(1), "nothing is there any more");
}

/// A unit has an environment of its own.
#[test]
fn what_only_the_installing_shell_says_is_written_down_or_named() {
    let world = World::new();
    world.write("dreamer.toml", "max_scenarios = 3\n");
    let output = dreamer(&world)
        .args(["service", "install", "--no-start"])
        .env("ENABLE_DREAMING", "true")
        .stdout(Stdio::piped())
        .output()
        .expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    let path = world.path().join(".config/systemd/user/dreamer.service");
    let unit = std::fs::read_to_string(path).expect("it is written");
    assert!(unit.contains("\"ENABLE_DREAMING=true\""), "{unit}");
    assert!(!said.contains("not dream by itself"), "{said}");
    let named = said.lines().find(|line| line.contains("will not see"));
    let named = named.expect(&said);
    assert!(named.contains("DREAMING_LLM_URL"), "{named}");
    assert!(named.contains("dreamer.toml"), "{named}");
    assert!(!named.contains("DREAMING_DATA_DIR"), "{named}");
}
