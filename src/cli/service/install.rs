//! `dreamer service install|uninstall|print`: hands the service to systemd or launchd, takes it back, or only shows the
//! file.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::Command as Process;

use anyhow::Context as _;

use super::unit::{self, Kind};
use crate::cli::{Context, Exit, UsageError, say};
use crate::config::Sources;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Write the service's file and start it
    Install {
        #[command(flatten)]
        place: Place,
        /// Let it dream by itself (ENABLE_DREAMING=true) without asking
        #[arg(long)]
        enable: bool,
        /// Write the file only; start nothing
        #[arg(long)]
        no_start: bool,
    },
    /// Stop the service and remove its file; dreams and knowledge stay
    Uninstall {
        #[command(flatten)]
        place: Place,
    },
    /// Show the file that install would write
    Print {
        #[command(flatten)]
        place: Place,
        /// As with install --enable
        #[arg(long)]
        enable: bool,
    },
}

#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// For the machine instead of for you: a system unit; make its user `dreamer` first (the unit's first lines say how), and
    /// put this program where that user may run it, such as /usr/local/bin
    #[arg(long, conflicts_with = "launchd")]
    system: bool,
    /// For launchd (macOS; untested) instead of systemd
    #[arg(long)]
    launchd: bool,
}

impl Place {
    fn kind(&self) -> Kind {
        match (self.system, self.launchd || cfg!(target_os = "macos")) {
            (true, _) => Kind::System,
            (false, true) => Kind::Launchd,
            (false, false) => Kind::User,
        }
    }
}

pub fn run(command: &Command, context: &Context, sources: &Sources) -> anyhow::Result<Exit> {
    match command {
        Command::Print { place, enable } => {
            say(file(place.kind(), *enable, context)?.trim_end())?;
            Ok(Exit::Done)
        }
        Command::Install {
            place,
            enable,
            no_start,
        } => install(place.kind(), *enable, !no_start, context, sources),
        Command::Uninstall { place } => uninstall(place.kind(), sources),
    }
}

fn file(kind: Kind, enable: bool, context: &Context) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("where this program lies cannot be told")?;
    Ok(unit::render(kind, &program, &context.settings, enable))
}

fn path(kind: Kind, sources: &Sources) -> anyhow::Result<PathBuf> {
    let path = kind.path(sources.home.as_deref(), sources.config_home.as_deref());
    path.ok_or_else(|| UsageError("there is no home folder to put it in".to_owned()).into())
}

fn install(
    kind: Kind,
    enable: bool,
    start: bool,
    context: &Context,
    sources: &Sources,
) -> anyhow::Result<Exit> {
    let path = path(kind, sources)?;
    let enable = enable || (!context.settings.dreaming.enabled && ask()?);
    let text = file(kind, enable, context)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let again = path.exists();
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    say(&format!("wrote {}", path.display()))?;
    if !enable && !context.settings.dreaming.enabled {
        say(
            "it will not dream by itself: set ENABLE_DREAMING=true, or install again with --enable",
        )?;
    }
    carry_out(kind.start(&path, again), start)
}

fn uninstall(kind: Kind, sources: &Sources) -> anyhow::Result<Exit> {
    let path = path(kind, sources)?;
    if !path.exists() {
        say(&format!("there is no {}", path.display()))?;
        return Ok(Exit::No);
    }
    // A manager that is not there runs nothing either.
    let ended = carry_out(kind.stop(&path), true)?;
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    say(&format!("removed {}", path.display()))?;
    let forgotten = carry_out(kind.forget(), true)?;
    Ok(ended.max(forgotten))
}

/// A person who sits there is asked; a script that says nothing means no.
fn ask() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut out = std::io::stderr().lock();
    write!(
        out,
        "May it dream by itself, at night and when you are away? [y/N] "
    )?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Runs the manager's commands; where one fails, shows what is left to do by hand.
fn carry_out(commands: Vec<Vec<String>>, run: bool) -> anyhow::Result<Exit> {
    let mut failed = false;
    for words in commands {
        let shown = words.join(" ");
        // What is not loaded cannot be unloaded: that stops nobody from loading it.
        let may_fail = words.get(1).is_some_and(|word| word == "unload");
        let done = run
            && !failed
            && Process::new(&words[0])
                .args(&words[1..])
                .status()
                .is_ok_and(|status| status.success());
        let excused = may_fail && run && !failed;
        if !(done || excused) {
            failed |= run;
            say(&format!("run by hand: {shown}"))?;
        }
    }
    Ok(if failed { Exit::Undecided } else { Exit::Done })
}
