//! The service's own files: a systemd unit or a launchd agent with real paths in it. Pure; made from the files in
//! `deploy/`, so that what is installed is what was reviewed.

use std::path::{Path, PathBuf};

use crate::config::Settings;

const USER: &str = include_str!("../../../deploy/dreamer.service");
const SYSTEM: &str = include_str!("../../../deploy/dreamer-system.service");
const LAUNCHD: &str = include_str!("../../../deploy/dev.dreamer.plist");

/// Who starts the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// systemd, for one user's session.
    User,
    /// systemd, for the machine.
    System,
    /// launchd, for one user; nobody has tried it on a Mac.
    Launchd,
}

impl Kind {
    /// Where the file belongs.
    pub(super) fn path(self, home: Option<&Path>, config: Option<&Path>) -> Option<PathBuf> {
        match self {
            Self::User => Some(config?.join("systemd/user/dreamer.service")),
            Self::System => Some(PathBuf::from("/etc/systemd/system/dreamer.service")),
            Self::Launchd => Some(home?.join("Library/LaunchAgents/dev.dreamer.plist")),
        }
    }

    /// The commands that make the manager read the file and start the service from it, as words. One that runs from an older
    /// file is started anew; `again` says that there was one.
    pub(super) fn start(self, path: &Path, again: bool) -> Vec<Vec<String>> {
        match self {
            Self::User | Self::System => vec![
                self.systemctl("daemon-reload"),
                self.systemctl("enable dreamer"),
                // Starts it too where it does not run.
                self.systemctl("restart dreamer"),
            ],
            // launchd reads a file once.
            Self::Launchd if again => vec![launchctl("unload", path), launchctl("load", path)],
            Self::Launchd => vec![launchctl("load", path)],
        }
    }

    /// The commands that end the service and keep it from being started.
    pub(super) fn stop(self, path: &Path) -> Vec<Vec<String>> {
        match self {
            Self::User | Self::System => vec![self.systemctl("disable --now dreamer")],
            Self::Launchd => vec![launchctl("unload", path)],
        }
    }

    /// The commands that make the manager forget the file once it is gone.
    pub(super) fn forget(self) -> Vec<Vec<String>> {
        match self {
            Self::User | Self::System => vec![self.systemctl("daemon-reload")],
            Self::Launchd => vec![],
        }
    }

    fn systemctl(self, words: &str) -> Vec<String> {
        let user = (self == Self::User).then_some("--user");
        let words = words.split(' ');
        let all = ["systemctl"].into_iter().chain(user).chain(words);
        all.map(str::to_owned).collect()
    }
}

fn launchctl(word: &str, path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let words = ["launchctl", word, "-w"].map(str::to_owned);
    words.into_iter().chain([path]).collect()
}

/// What the file says. Paths that the settings give relative are written out in full, because a service starts in a
/// folder of its own.
pub(super) fn render(kind: Kind, program: &Path, settings: &Settings, enable: bool) -> String {
    match kind {
        Kind::User | Kind::System => systemd(kind, program, settings, enable),
        Kind::Launchd => launchd(program, settings, enable),
    }
}

fn environment(kind: Kind, settings: &Settings, enable: bool) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    if enable {
        all.push(("ENABLE_DREAMING", "true".to_owned()));
    }
    if kind != Kind::System {
        let path = |path: &Path| path.display().to_string();
        all.push(("DREAMING_DATA_DIR", path(&settings.data_dir)));
        all.push(("DREAMING_OUTPUT_DIR", path(&settings.output_dir)));
        if let Some(file) = &settings.config_file {
            all.push(("DREAMING_CONFIG", path(file)));
        }
        if let Some(file) = &settings.llm.api_key_file {
            all.push(("DREAMING_LLM_API_KEY_FILE", path(file)));
        }
    }
    all
}

fn systemd(kind: Kind, program: &Path, settings: &Settings, enable: bool) -> String {
    let template = if kind == Kind::User { USER } else { SYSTEM };
    let mut lines: Vec<String> = Vec::new();
    for line in template.lines() {
        if line.starts_with("ExecStart=") {
            let program = quoted(&program.display().to_string());
            lines.push(format!("ExecStart={program} run"));
            let pairs = environment(kind, settings, enable).into_iter();
            lines.extend(pairs.map(|(name, value)| {
                format!("Environment={}", quoted(&format!("{name}={value}")))
            }));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// One word of a unit file, whatever is in it: systemd takes `%` and `\` for its own.
fn quoted(word: &str) -> String {
    let escaped = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{escaped}\"")
}

fn launchd(program: &Path, settings: &Settings, enable: bool) -> String {
    let mut plist = LAUNCHD.replace(
        "/Users/USER/.cargo/bin/dreamer",
        &xml(&program.display().to_string()),
    );
    let pairs: Vec<String> = environment(Kind::Launchd, settings, enable)
        .into_iter()
        .map(|(name, value)| {
            let value = xml(&value);
            format!("        <key>{name}</key>\n        <string>{value}</string>\n")
        })
        .collect();
    let pairs = pairs.concat();
    let block = format!("    <key>EnvironmentVariables</key>\n    <dict>\n{pairs}    </dict>\n");
    plist = plist.replacen(
        "    <key>RunAtLoad</key>\n",
        &format!("{block}    <key>RunAtLoad</key>\n"),
        1,
    );
    let log = settings.data_dir.join("logs/service.log");
    plist.replace(
        "/Users/USER/Library/Logs/dreamer/service.log",
        &xml(&log.display().to_string()),
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::defaults_in(Path::new("/srv/my dreams/100%"))
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
        let unit = render(Kind::User, Path::new("/opt/d/dreamer"), &settings(), true);
        assert!(
            unit.contains("ExecStart=\"/opt/d/dreamer\" run\n"),
            "{unit}"
        );
        assert!(unit.contains("Environment=\"ENABLE_DREAMING=true\"\n"));
        assert!(unit.contains("Environment=\"DREAMING_DATA_DIR=/srv/my dreams/100%%\"\n"));
        assert!(unit.contains("Type=notify\n") && unit.contains("WatchdogSec="));
        assert!(unit.contains("KillMode=mixed\n"));
        let asked_nothing = render(Kind::User, Path::new("/d"), &settings(), false);
        assert!(!asked_nothing.contains("\"ENABLE_DREAMING=true\""));
    }

    #[test]
    fn the_machines_unit_keeps_its_own_folder() {
        let unit = render(Kind::System, Path::new("/d"), &settings(), false);
        assert!(unit.contains("DREAMING_DATA_DIR=/var/lib/dreamer"));
        assert!(!unit.contains("my dreams"));
    }

    #[test]
    fn an_agent_is_escaped_for_its_own_format() {
        let plist = render(Kind::Launchd, Path::new("/a&b/dreamer"), &settings(), true);
        assert!(plist.contains("<string>/a&amp;b/dreamer</string>"));
        assert!(plist.contains("<key>ENABLE_DREAMING</key>"));
        assert!(!plist.contains("/Users/USER"));
    }

    #[test]
    fn an_agents_log_is_one_that_is_turned() {
        let plist = render(Kind::Launchd, Path::new("/d"), &settings(), true);
        let log =
            "<string>--log</string>\n        <string>/srv/my dreams/100%/logs/service.log</string>";
        assert!(plist.contains(log), "{plist}");
        let kept = "<key>StandardErrorPath</key>\n    <string>/dev/null</string>";
        assert!(plist.contains(kept), "{plist}");
    }

    #[test]
    fn a_users_unit_gives_up_what_a_program_with_sandboxes_can() {
        let unit = render(Kind::User, Path::new("/d"), &settings(), false);
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
}
