//! What stands in the files of the service, line by line.

use super::*;

fn settings() -> Settings {
    Settings::defaults_in(Path::new("/srv/my dreams/100%"))
}

/// The file of a service that writes where it may anyway.
fn rendered(kind: Kind, program: &str, enable: bool) -> String {
    render(
        kind,
        Path::new(program),
        &settings(),
        enable,
        Path::new(STATE),
    )
}

fn lines(commands: Vec<Vec<String>>) -> Vec<String> {
    commands.into_iter().map(|words| words.join(" ")).collect()
}

#[test]
fn a_service_that_runs_is_started_anew_from_the_file_that_was_written() {
    let path = Path::new("/f");
    for again in [false, true] {
        assert_eq!(
            lines(Kind::User.start(path, again)),
            [
                "systemctl --user daemon-reload",
                "systemctl --user enable dreamer",
                "systemctl --user restart dreamer",
            ]
        );
    }
    assert_eq!(
        lines(Kind::System.start(path, false)),
        [
            "systemctl daemon-reload",
            "systemctl enable dreamer",
            "systemctl restart dreamer",
        ]
    );
    let load = "launchctl load -w /f";
    assert_eq!(lines(Kind::Launchd.start(path, false)), [load]);
    assert_eq!(
        lines(Kind::Launchd.start(path, true)),
        ["launchctl unload -w /f", load]
    );
}

#[test]
fn a_service_that_is_taken_back_is_ended_and_its_file_forgotten() {
    let path = Path::new("/f");
    assert_eq!(
        lines(Kind::User.stop(path)),
        ["systemctl --user disable --now dreamer"]
    );
    assert_eq!(
        lines(Kind::System.stop(path)),
        ["systemctl disable --now dreamer"]
    );
    assert_eq!(lines(Kind::Launchd.stop(path)), ["launchctl unload -w /f"]);
    assert_eq!(
        lines(Kind::User.forget()),
        ["systemctl --user daemon-reload"]
    );
    assert_eq!(lines(Kind::System.forget()), ["systemctl daemon-reload"]);
    assert!(Kind::Launchd.forget().is_empty());
}

#[test]
fn a_unit_names_the_program_and_every_path_in_full() {
    let unit = rendered(Kind::User, "/opt/d/dreamer", true);
    let start = "ExecStart=\"/opt/d/dreamer\" run\n";
    assert!(unit.contains(start), "{unit}");
    assert!(unit.contains("Environment=\"ENABLE_DREAMING=true\"\n"));
    assert!(unit.contains("Environment=\"DREAMING_DATA_DIR=/srv/my dreams/100%%\"\n"));
    assert!(unit.contains("Type=notify\n") && unit.contains("WatchdogSec="));
    assert!(unit.contains("KillMode=mixed\n"));
    let asked_nothing = rendered(Kind::User, "/d", false);
    assert!(!asked_nothing.contains("\"ENABLE_DREAMING=true\""));
}

#[test]
fn a_dollar_is_nothing_of_systemds_own_in_a_variable_or_a_program() {
    let odd = Settings::defaults_in(Path::new("/srv/$HOME"));
    let output = Path::new(STATE);
    let unit = render(Kind::User, Path::new("/a$b/dreamer"), &odd, false, output);
    assert!(unit.contains("Environment=\"DREAMING_DATA_DIR=/srv/$HOME\"\n"));
    assert!(unit.contains("ExecStart=\"/a$b/dreamer\" run\n"), "{unit}");
}

#[test]
fn the_machines_unit_keeps_its_own_folder() {
    let unit = rendered(Kind::System, "/d", false);
    assert!(unit.contains(&format!("\nEnvironment=DREAMING_DATA_DIR={STATE}\n")));
    assert!(unit.contains(&format!("\nWorkingDirectory={STATE}\n")));
    assert!(!unit.contains("my dreams"));
}

#[test]
fn the_machines_unit_may_write_where_its_dreams_are_to_lie() {
    let opened = |output: &str| {
        let output = Path::new(output);
        let unit = render(Kind::System, Path::new("/d"), &settings(), false, output);
        let mut lines = unit.lines().skip_while(|line| *line != STRICT).skip(1);
        let next = lines.next().map(str::to_owned);
        next.filter(|line| line.starts_with("ReadWritePaths="))
    };
    let line = "ReadWritePaths=\"-/srv/my dreams/100%%\"".to_owned();
    assert_eq!(opened("/srv/my dreams/100%"), Some(line));
    assert_eq!(opened("/var/lib/dreamer/data"), None);
    assert_eq!(opened("/srv/two\nRootDirectory=/"), None);
}

/// A refusal of the settings ends the program with 64, and with 64 again at every start.
#[test]
fn settings_that_are_refused_are_not_tried_for_ever() {
    for kind in [Kind::User, Kind::System] {
        let unit = rendered(kind, "/d", false);
        assert!(unit.contains("\nRestartPreventExitStatus=64\n"), "{unit}");
    }
}

#[test]
fn the_supervisor_is_not_slowed_down_with_its_dream() {
    let unit = rendered(Kind::System, "/d", false);
    let slows = |line: &str| line.starts_with("Memory") && !line.starts_with("MemoryDeny");
    assert!(!unit.lines().any(slows), "{unit}");
}

#[test]
fn an_agent_is_escaped_for_its_own_format() {
    let plist = rendered(Kind::Launchd, "/a&b/dreamer", true);
    assert!(plist.contains("<string>/a&amp;b/dreamer</string>"));
    assert!(plist.contains("<key>ENABLE_DREAMING</key>"));
    assert!(!plist.contains("/Users/USER"));
}

#[test]
fn an_agents_log_is_one_that_is_turned() {
    let plist = rendered(Kind::Launchd, "/d", true);
    let log =
        "<string>--log</string>\n        <string>/srv/my dreams/100%/logs/service.log</string>";
    assert!(plist.contains(log), "{plist}");
    let kept = "<key>StandardErrorPath</key>\n    <string>/dev/null</string>";
    assert!(plist.contains(kept), "{plist}");
}

#[test]
fn a_users_unit_gives_up_what_a_program_with_sandboxes_can() {
    let unit = rendered(Kind::User, "/d", false);
    for line in [
        "NoNewPrivileges=yes",
        "LockPersonality=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "SystemCallArchitectures=native",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ] {
        assert!(unit.lines().any(|one| one == line), "{line}");
    }
    // Bubblewrap makes namespaces.
    assert!(
        !unit
            .lines()
            .any(|one| one.starts_with("RestrictNamespaces"))
    );
}
