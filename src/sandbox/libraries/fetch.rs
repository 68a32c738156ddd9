//! Fetches wheels with the host's own pip and unpacks them. The only place of the sandbox with a network. Never runs code
//! of a package: wheels only, nothing is built, nothing is imported.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::{Library, Target};
use crate::sandbox::python::PLACES;

/// The program that unpacks, as text for the host's interpreter.
const UNPACK: &str = include_str!("unpack.py");
/// A set of large wheels over a slow line.
const FETCH: Duration = Duration::from_mins(30);
/// Unpacking and compiling some ten thousand files on a slow disk.
const UNPACKED: Duration = Duration::from_mins(10);
/// Lines of what pip said that an error repeats.
const LAST_LINES: usize = 6;
/// glibc from which wheels name the version that they need; older names are listed beside it.
const OLDEST_GLIBC: u32 = 5;

/// An interpreter of this host with a pip.
pub(super) struct Pip {
    python: PathBuf,
    /// What stands before pip's own arguments.
    words: Vec<String>,
}

impl Pip {
    /// The system's own pip, else one inside the wheel that its package for virtual environments brings.
    pub(super) async fn find() -> Result<Self, String> {
        let pythons = PLACES.iter().map(PathBuf::from).filter(|p| p.exists());
        for python in pythons {
            let mut ways = vec![vec!["-m".to_owned(), "pip".to_owned()]];
            ways.extend(bundled().map(|wheel| vec![format!("{}/pip", wheel.display())]));
            for words in ways {
                let mut command = Command::new(&python);
                command.arg("-I").args(&words).arg("--version");
                if run(command, Duration::from_mins(1)).await.is_ok() {
                    return Ok(Self { python, words });
                }
            }
        }
        Err("no pip beside the system's Python; install the package `python3-pip`".to_owned())
    }

    /// Wheels for `target` into an empty folder: those of `wanted` and what they need.
    pub(super) async fn download(
        &self,
        wanted: &[String],
        target: &Target,
        into: &Path,
    ) -> Result<(), String> {
        let mut command = self.command(target, into);
        command.arg("--").args(wanted);
        run(command, FETCH).await.map(drop)
    }

    /// The very wheels of a set that was made before, by their hashes.
    pub(super) async fn download_pinned(
        &self,
        libraries: &[Library],
        target: &Target,
        into: &Path,
    ) -> Result<(), String> {
        let lines = libraries.iter().map(|library| {
            let (name, version, hash) = (&library.name, &library.version, &library.sha256);
            format!("{name}=={version} --hash=sha256:{hash}\n")
        });
        let pins = into.with_extension("pins");
        std::fs::write(&pins, lines.collect::<String>()).map_err(|e| e.to_string())?;
        let mut command = self.command(target, into);
        command
            .args(["--no-deps", "--require-hashes", "-r"])
            .arg(&pins);
        run(command, FETCH).await.map(drop)
    }

    fn command(&self, target: &Target, into: &Path) -> Command {
        let (major, minor) = target.version;
        let mut command = Command::new(&self.python);
        command.arg("-I").args(&self.words);
        // Wheels only: building anything else would run its code.
        command.args(["download", "--only-binary=:all:", "--no-input", "--quiet"]);
        command.args(["--disable-pip-version-check", "--progress-bar=off"]);
        command.args(["--implementation", "cp"]);
        command.args(["--python-version", &format!("{major}.{minor}")]);
        command.args(["--abi", &format!("cp{major}{minor}")]);
        for platform in platforms(target) {
            command.args(["--platform", &platform]);
        }
        command.arg("--dest").arg(into);
        command
    }
}

/// What pip finds in the wheels of Debian's `python3-pip-whl`.
fn bundled() -> Option<PathBuf> {
    let entries = std::fs::read_dir("/usr/share/python-wheels").ok()?;
    let mut wheels: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    wheels.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("pip-") && name.ends_with(".whl")
    });
    wheels.sort();
    wheels.pop()
}

/// The platforms whose wheels run there, the newest first.
fn platforms(target: &Target) -> Vec<String> {
    let machine = &target.machine;
    let mut all = Vec::new();
    if let Some((2, minor)) = target.libc {
        for version in (OLDEST_GLIBC..=minor).rev() {
            all.push(format!("manylinux_2_{version}_{machine}"));
            let older = match version {
                17 => "manylinux2014",
                12 => "manylinux2010",
                5 => "manylinux1",
                _ => continue,
            };
            all.push(format!("{older}_{machine}"));
        }
    }
    all.push(format!("linux_{machine}"));
    all
}

/// What a wheel turned out to hold.
#[derive(Debug, Deserialize)]
pub(super) struct Unpacked {
    pub(super) wheel: String,
    pub(super) sha256: String,
    pub(super) modules: Vec<String>,
}

/// Unpacks every wheel of a folder, and compiles for this host's interpreter where `target` is the same version.
pub(super) async fn unpack(
    pip: &Pip,
    wheels: &Path,
    site: &Path,
    target: &Target,
) -> Result<Vec<Unpacked>, String> {
    let python = |words: &[&str]| {
        let mut command = Command::new(&pip.python);
        command.args(["-I", "-S", "-B"]).args(words);
        command
    };
    let mut unpacking = python(&["-c", UNPACK]);
    unpacking.arg(wheels).arg(site);
    let said = run(unpacking, UNPACKED).await?;
    let told = serde_json::from_str(&said).map_err(|error| error.to_string())?;
    let (major, minor) = target.version;
    let same = format!("import sys; sys.exit(sys.version_info[:2] != ({major}, {minor}))");
    if run(python(&["-c", &same]), UNPACKED).await.is_ok() {
        let mut compiling = python(&["-m", "compileall", "-q"]);
        // Compiling reads the source and runs nothing of it. What does not compile is loaded from its source, or not.
        compiling.args(["--invalidation-mode", "unchecked-hash"]);
        compiling.arg(site);
        if let Err(why) = run(compiling, UNPACKED).await {
            tracing::debug!(why, "not every module could be compiled");
        }
    }
    Ok(told)
}

/// What it said on standard output, or the end of what it said on standard error.
async fn run(mut command: Command, limit: Duration) -> Result<String, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Ok(output) => output.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no end within {limit:?}")),
    };
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(|error| error.to_string());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    Err(lines[last..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_for_newer_systems_are_not_asked_for() {
        let target = Target {
            version: (3, 11),
            machine: "x86_64".to_owned(),
            libc: Some((2, 18)),
        };
        let all = platforms(&target);
        assert_eq!(
            all[..3],
            [
                "manylinux_2_18_x86_64",
                "manylinux_2_17_x86_64",
                "manylinux2014_x86_64"
            ]
        );
        assert!(!all.iter().any(|p| p.contains("2_28")));
        assert!(all.contains(&"manylinux1_x86_64".to_owned()));
        let musl = Target {
            libc: None,
            ..target
        };
        assert_eq!(platforms(&musl), ["linux_x86_64"]);
    }
}
