//! The service's own files: a systemd unit or a launchd agent with real paths in it. Pure; made from the files in
//! `deploy/`, so that what is installed is what was reviewed.

use std::path::{Path, PathBuf};

use crate::config::Settings;

const USER: &str = include_str!("../../../deploy/dreamer.service");
const SYSTEM: &str = include_str!("../../../deploy/dreamer-system.service");
const LAUNCHD: &str = include_str!("../../../deploy/dev.dreamer.plist");

/// Home and data folder of the machine's own service, as its unit has them.
pub(super) const STATE: &str = "/var/lib/dreamer";

/// The line that leaves a unit nothing to write to but its state.
const STRICT: &str = "ProtectSystem=strict";

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
/// folder of its own; `output` is where that service will write its dreams.
pub(super) fn render(
    kind: Kind,
    program: &Path,
    settings: &Settings,
    enable: bool,
    output: &Path,
) -> String {
    let pairs = environment(kind, settings, enable);
    match kind {
        Kind::User => systemd(USER, program, &pairs, output),
        Kind::System => systemd(SYSTEM, program, &pairs, output),
        Kind::Launchd => launchd(program, settings, &pairs),
    }
}

/// The settings that the file itself holds.
pub(super) fn environment(
    kind: Kind,
    settings: &Settings,
    enable: bool,
) -> Vec<(&'static str, String)> {
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

fn systemd(template: &str, program: &Path, pairs: &[(&str, String)], output: &Path) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in template.lines() {
        if line.starts_with("ExecStart=") {
            let program = quoted(&program.display().to_string());
            lines.push(format!("ExecStart={program} run"));
            lines.extend(pairs.iter().map(|(name, value)| {
                format!("Environment={}", quoted(&format!("{name}={value}")))
            }));
        } else {
            lines.push(line.to_owned());
        }
        if line == STRICT {
            lines.extend(writable(output));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// One word of a unit file, whatever is in it: systemd takes `%` and `\` for its own. A `$` means something in a command's
/// arguments only, and neither a variable nor the program's own path is one.
fn quoted(word: &str) -> String {
    let escaped = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    format!("\"{escaped}\"")
}

/// The line that opens this folder to a unit that may write to nothing but its state; none where it needs none. A folder
/// that is not there keeps no unit from starting: the preflight says it then.
fn writable(folder: &Path) -> Option<String> {
    let text = folder.display().to_string();
    // In a list of paths these cannot be written.
    let plain = !text.contains(['"', '\\', '\n']);
    let needed = plain && !folder.starts_with(STATE);
    needed.then(|| format!("ReadWritePaths=\"-{}\"", text.replace('%', "%%")))
}

fn launchd(program: &Path, settings: &Settings, pairs: &[(&str, String)]) -> String {
    let mut plist = LAUNCHD.replace(
        "/Users/USER/.cargo/bin/dreamer",
        &xml(&program.display().to_string()),
    );
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let value = xml(value);
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
mod tests;
