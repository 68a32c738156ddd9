//! The units that `dreamer service print` and `install` make, under a real systemd with its login manager, booted in a
//! container. One boot for all of it: systemd is up in a second, and what is tested takes its time in turn.
//!
//! The control groups are those of this machine. Where it is a hybrid one, nobody but root may divide them there, and
//! the unit's strict mode refuses bubblewrap for that; the test accepts it then, as a person may.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use dreamer::clock;

use crate::support::{World, ledger, left_out};

const IMAGE: &str = "dreamer-systemd:1";

/// Everything in the container is done within a second on a quiet machine.
const SOON: Duration = Duration::from_mins(1);

/// A machine of its own; it is switched off when this is dropped.
struct Machine(String);

impl Drop for Machine {
    fn drop(&mut self) {
        docker(&["rm", "-f", &self.0]).output().ok();
    }
}

fn docker(words: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(words).stdin(Stdio::null());
    command
}

impl Machine {
    /// `None` where there is no image, or the engine may not start such a container.
    fn boot(world: &World) -> Option<Self> {
        let there = docker(&["image", "inspect", IMAGE])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            left_out("a real systemd", "scripts/systemd-image makes its image");
            return None;
        }
        world.write(
            "dreamer.toml",
            "llm_url = \"none\"\nvalidation_strict = false\n",
        );
        let name = format!("dreamer-systemd-{}", std::process::id());
        let program = concat!(env!("CARGO_BIN_EXE_dreamer"), ":/usr/local/bin/dreamer:ro");
        let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/data/knowledge:/knowledge:ro");
        let settings = format!("{}:/etc/dreamer:ro", world.path().display());
        // Less than --privileged, which not every machine may give. systemd makes its own control groups below the
        // container's; the masks over /proc would keep bubblewrap from mounting its own.
        let started = docker(&["run", "-d", "--name", &name])
            .args(["--cap-add", "SYS_ADMIN", "--cgroupns", "private"])
            .args(["--security-opt", "seccomp=unconfined"])
            .args(["--security-opt", "apparmor=unconfined"])
            .args(["--security-opt", "systempaths=unconfined"])
            .args(["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"])
            .args(["--network", "none", "-e", "container=docker"])
            .args(["-v", program, "-v", &settings, "-v", documents, IMAGE])
            .args(["/bin/sh", "-c", "umount -R /sys/fs/cgroup; exec /sbin/init"])
            .output()
            .expect("docker runs");
        let machine = Self(name);
        if !started.status.success() {
            let why = String::from_utf8_lossy(&started.stderr).into_owned();
            left_out("a real systemd", why.trim());
            return None;
        }
        let up = |state: &str| matches!(state.trim(), "running" | "degraded");
        machine.until("systemctl is-system-running", up);
        ledger("systemd");
        Some(machine)
    }

    fn output(&self, script: &str) -> Output {
        let output = docker(&["exec", &self.0, "/bin/sh", "-c", script]).output();
        output.expect("docker runs")
    }

    /// Standard output of what must succeed.
    #[track_caller]
    fn run(&self, script: &str) -> String {
        let output = self.output(script);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {text}{errors}");
        text
    }

    #[track_caller]
    fn until(&self, script: &str, holds: impl Fn(&str) -> bool) -> String {
        let began = clock::monotonic();
        loop {
            let text = String::from_utf8_lossy(&self.output(script).stdout).into_owned();
            if holds(&text) {
                return text;
            }
            if began.elapsed() > SOON {
                let log = self.output("journalctl --no-pager -n 40").stdout;
                panic!("{script}: {text}\n{}", String::from_utf8_lossy(&log));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn property(&self, name: &str) -> String {
        let show = format!("systemctl show dreamer --value -p {name}");
        self.run(&show).trim().to_owned()
    }

    /// A command of the program as the service's own user gives it.
    fn as_service(&self, words: &str) -> String {
        let user = "runuser -u dreamer -- env DREAMING_DATA_DIR=/var/lib/dreamer dreamer";
        String::from_utf8_lossy(&self.output(&format!("{user} {words}")).stdout).into_owned()
    }
}

#[test]
fn the_units_live_under_a_real_systemd() {
    let world = World::new();
    let Some(machine) = Machine::boot(&world) else {
        return;
    };
    the_machines_unit_is_up_and_says_what_it_does(&machine);
    the_real_login_manager_answers_and_its_inhibitors_count(&machine);
    a_stopped_process_is_noticed_by_the_watchdog_and_started_again(&machine);
    a_stop_in_the_middle_of_a_dream_leaves_nothing(&machine);
    a_user_installs_the_service_and_takes_it_back(&machine);
    without_groups_a_wake_is_named_a_lesser_one_and_never_missed(&machine);
}

fn the_machines_unit_is_up_and_says_what_it_does(machine: &Machine) {
    machine.run(
        "dreamer service print --system >/etc/systemd/system/dreamer.service && \
         mkdir -p /etc/systemd/system/dreamer.service.d && \
         printf '[Service]\\nWatchdogSec=3\\nRestartSec=100ms\\n' \
         >/etc/systemd/system/dreamer.service.d/soon.conf && systemctl daemon-reload",
    );
    // Type=notify: this returns when READY=1 was said.
    machine.run("systemctl start dreamer");
    assert_eq!(machine.property("Type"), "notify");
    assert_eq!(machine.property("ActiveState"), "active");
    machine.until("systemctl show dreamer --value -p StatusText", |text| {
        text.trim() == "awake"
    });
}

fn the_real_login_manager_answers_and_its_inhibitors_count(machine: &Machine) {
    let doctor = machine.as_service("doctor --json");
    let found: Vec<serde_json::Value> = serde_json::from_str(&doctor).expect(&doctor);
    let logind = found.iter().find(|finding| finding["check"] == "logind");
    let logind = logind.expect(&doctor);
    assert_eq!(logind["status"], "ok", "{doctor}");
    // What no container can show is said to be untried.
    let detail = logind["detail"].as_str().expect("a detail");
    assert!(detail.contains("sleep tried against stand-ins"), "{detail}");
    let presence = || {
        let why = machine.as_service("why --json");
        let why: serde_json::Value = serde_json::from_str(&why).unwrap_or_default();
        let gates = why["gates"].as_array().cloned().unwrap_or_default();
        let gate = gates.into_iter().find(|gate| gate["gate"] == "presence");
        gate.map(|gate| gate["reason"].to_string())
            .unwrap_or_default()
    };
    assert!(!presence().contains("a film"), "{}", presence());
    machine.run(
        "systemd-run -q --unit film systemd-inhibit --what=idle --who=player --why='a film' sleep 1000",
    );
    let began = clock::monotonic();
    while !presence().contains("you are here (player: a film)") {
        assert!(began.elapsed() < SOON, "{}", presence());
    }
    machine.run("systemctl stop film");
    let began = clock::monotonic();
    while presence().contains("a film") {
        assert!(began.elapsed() < SOON, "{}", presence());
    }
}

fn a_stopped_process_is_noticed_by_the_watchdog_and_started_again(machine: &Machine) {
    let before = machine.property("MainPID");
    machine.run("systemctl kill -s STOP dreamer");
    machine.until("systemctl show dreamer --value -p NRestarts", |text| {
        text.trim() == "1"
    });
    machine.until("systemctl is-active dreamer", |text| {
        text.trim() == "active"
    });
    assert_ne!(machine.property("MainPID"), before);
    let log = machine.run("journalctl --no-pager -u dreamer");
    assert!(log.contains("Watchdog timeout"), "{log}");
}

fn a_stop_in_the_middle_of_a_dream_leaves_nothing(machine: &Machine) {
    machine.until("systemctl show dreamer --value -p StatusText", |text| {
        text.trim() == "awake"
    });
    machine.as_service("ingest /knowledge");
    machine.run(
        "systemd-run -q --uid dreamer -E DREAMING_DATA_DIR=/var/lib/dreamer dreamer dream --for 10m",
    );
    machine.until("systemctl show dreamer --value -p StatusText", |text| {
        text.trim() == "dreaming"
    });
    // A sandbox of the dream runs.
    machine.until("pgrep -c bwrap", |count| {
        count.trim().parse::<u32>().is_ok_and(|count| count > 0)
    });
    let began = clock::monotonic();
    machine.run("systemctl stop dreamer");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(machine.property("Result"), "success");
    let left = machine.until("pgrep -c -u dreamer; true", |count| count.trim() == "0");
    assert_eq!(left.trim(), "0");
    // Found where they are, first: what looks for nothing finds nothing.
    let names = "control.sock supervisor.json.new .dream_1.json.tmp events.jsonl.gz.tmp set.pins .doctor-1 \
                 .dreamer-canary-1 .current-1 .staging-1";
    machine.run(&format!("mkdir /tmp/half && cd /tmp/half && touch {names}"));
    let found = half_files(machine, "/tmp/half");
    assert_eq!(found.lines().count(), names.split(' ').count(), "{found}");
    let half = half_files(machine, "/var/lib/dreamer");
    assert_eq!(half, "", "nothing is left half");
}

/// Sockets, and files and folders by the names that they have while they are being made.
fn half_files(machine: &Machine, folder: &str) -> String {
    let names = [
        "*.sock",
        "*.new",
        "*.tmp",
        "*.pins",
        ".doctor-*",
        ".dreamer-canary-*",
        ".current-*",
        ".staging-*",
    ];
    let any = names.map(|name| format!("-name '{name}'")).join(" -o ");
    machine.run(&format!("find {folder} {any}"))
}

fn a_user_installs_the_service_and_takes_it_back(machine: &Machine) {
    machine.run("loginctl enable-linger me");
    machine.until("ls /run/user/1000", |text| text.contains("bus"));
    let user = |script: &str| {
        let home = "XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/me";
        machine.run(&format!(
            "cd /home/me && runuser -u me -- env {home} sh -c '{script}'"
        ))
    };
    user("dreamer service install");
    // Once more, with another answer: the service that runs hears of it.
    user("dreamer service install --enable");
    let state = user("systemctl --user show dreamer --value -p ActiveState -p Type");
    assert_eq!(
        state.split_whitespace().collect::<Vec<_>>(),
        ["notify", "active"]
    );
    let began = clock::monotonic();
    loop {
        let status = user("systemctl --user show dreamer --value -p StatusText");
        if status.trim() == "awake" {
            break;
        }
        assert!(began.elapsed() < SOON, "{status}");
    }
    // The unit's hardening holds, and a dream in its sandboxes goes on under it.
    let pid = user("systemctl --user show dreamer --value -p MainPID");
    let status = machine.run(&format!("cat /proc/{}/status", pid.trim()));
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let variables = machine.run(&format!("tr '\\0' '\\n' </proc/{}/environ", pid.trim()));
    assert!(variables.contains("ENABLE_DREAMING=true"), "{variables}");
    user("dreamer ingest /knowledge");
    let report = user("dreamer dream --max-scenarios 2 --json");
    let report: serde_json::Value =
        serde_json::from_str(report.lines().last().unwrap_or_default()).expect(&report);
    assert_eq!(report["status"], "completed", "{report}");
    assert_eq!(report["dreams_successful"], 2, "{report}");
    let began = clock::monotonic();
    user("dreamer service uninstall");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    machine.until("pgrep -c -u me dreamer; true", |count| count.trim() == "0");
    let unit = machine.output("ls /home/me/.config/systemd/user/dreamer.service");
    assert!(!unit.status.success(), "the unit is gone");
}

/// A tree of control groups that is read-only, and a user who may make none: signals stop the dream, and say so.
fn without_groups_a_wake_is_named_a_lesser_one_and_never_missed(machine: &Machine) {
    // 1 says that two rounds were slower than promised, which a busy machine may be; 2 that nothing was measured.
    let look = "dreamer doctor --json; echo; timeout 100 dreamer wake-test --rounds 2 --backend bubblewrap --json || [ $? = 1 ]";
    let read_only = "for m in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts); do mount -o remount,bind,ro $m; done; \
                     ! mkdir /sys/fs/cgroup/unified/any /sys/fs/cgroup/any 2>/dev/null || exit 9; \
                     export DREAMING_DATA_DIR=/tmp/dreams;";
    for script in [
        format!(
            "unshare -m sh -c '{}'",
            format!("{read_only} {look}").replace('\'', "'\\''")
        ),
        format!("cd /home/me && runuser -u me -- env HOME=/home/me sh -c '{look}'"),
    ] {
        let said = machine.run(&script);
        let mut lines = said.lines().filter(|line| !line.is_empty());
        let doctor = lines.next().expect("the doctor speaks");
        let found: Vec<serde_json::Value> = serde_json::from_str(doctor).expect(doctor);
        let freezing = found.iter().find(|finding| finding["check"] == "freezing");
        let freezing = freezing.expect(doctor);
        assert_eq!(freezing["status"], "warn", "{freezing}");
        let measured = lines.next().expect("the wakes are measured");
        let measured: serde_json::Value = serde_json::from_str(measured).expect(measured);
        assert_eq!(
            measured["freezing"], "a signal to each process",
            "{measured}"
        );
        assert_eq!(measured["failed_rounds"], 0, "{measured}");
        // Nothing counts here: what was not measured is not told as nought.
        assert!(measured["cpu_after_ms"].is_null(), "{measured}");
        assert_eq!(measured["stillness_ms"], measured["release_ms"]);
        assert_eq!(
            machine.run("pgrep -c bwrap; true").trim(),
            "0",
            "nothing is left"
        );
    }
}
