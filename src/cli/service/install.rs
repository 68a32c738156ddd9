//! `dreamer service install|uninstall|print`: hands the service to systemd or launchd, takes it back, or only shows the
//! file.

use std::ffi::OsString;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use anyhow::Context as _;

use super::unit::{self, Kind};
use crate::cli::{Context, Exit, UsageError, say};
use crate::config::keys::{KEYS, Key};
use crate::config::{ConfigErrors, Id, Origin, Origins, Settings, Sources};

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

/// The settings as the service will find them, or why it will refuse them.
type Seen = Result<(Settings, Origins), ConfigErrors>;

pub fn run(command: &Command, context: &Context, sources: &Sources) -> anyhow::Result<Exit> {
    match command {
        Command::Print { place, enable } => {
            let there = seen(place.kind(), *enable, context, sources);
            say(file(place.kind(), *enable, context, &there)?.trim_end())?;
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

fn file(kind: Kind, enable: bool, context: &Context, there: &Seen) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("where this program lies cannot be told")?;
    let output = there
        .as_ref()
        .map_or(Path::new(unit::STATE), |(settings, _)| {
            settings.output_dir.as_path()
        });
    let settings = &context.settings;
    Ok(unit::render(kind, &program, settings, enable, output))
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
    let enable = enable
        || match needs_enabling(kind, context, sources) {
            Some(needed) => needed,
            None => ask()?,
        };
    let there = seen(kind, enable, context, sources);
    let text = file(kind, enable, context, &there)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let again = path.exists();
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    say(&format!("wrote {}", path.display()))?;
    for line in notices(kind, context, sources, &there) {
        say(&line)?;
    }
    carry_out(kind.start(&path, again), start)
}

/// What the service will read its settings from: its file's own lines and its own folders, nothing of this shell.
fn sources_of(kind: Kind, enable: bool, settings: &Settings, sources: &Sources) -> Sources {
    let lines = unit::environment(kind, settings, enable).into_iter();
    let lines = lines.map(|(name, value)| (name.to_owned(), OsString::from(value)));
    if kind == Kind::System {
        let own = [Id::DataDir.key().variable, "HOME"];
        let own = own.map(|name| (name.to_owned(), OsString::from(unit::STATE)));
        return Sources {
            system_config: sources.system_config.clone(),
            ..Sources::from_parts(lines.chain(own).collect(), unit::STATE.into(), None)
        };
    }
    Sources {
        env: lines.collect(),
        cwd: sources.home.clone().unwrap_or_default(),
        config_flag: None,
        ..sources.clone()
    }
}

fn seen(kind: Kind, enable: bool, context: &Context, sources: &Sources) -> Seen {
    Settings::load(&sources_of(kind, enable, &context.settings, sources))
}

/// Whether the service dreams by itself only if its file says so; `None` where nobody has said it anywhere.
fn needs_enabling(kind: Kind, context: &Context, sources: &Sources) -> Option<bool> {
    let there = seen(kind, false, context, sources);
    let told = there.is_ok_and(|(settings, _)| settings.dreaming.enabled);
    match (told, context.settings.dreaming.enabled) {
        (true, _) => Some(false),
        // This shell says so, or a file that the service does not read.
        (false, true) => Some(true),
        (false, false) => None,
    }
}

/// What a person has to know who takes the service for one that does as this shell does.
fn notices(kind: Kind, context: &Context, sources: &Sources, there: &Seen) -> Vec<String> {
    let (settings, origins) = match there {
        Ok((settings, origins)) => (settings, origins),
        Err(errors) => return vec![format!("it would refuse its settings and end: {errors}")],
    };
    let mut lines = Vec::new();
    let enabled = origins.of(Id::Enable);
    if !settings.dreaming.enabled {
        lines.push(
            "it will not dream by itself: set ENABLE_DREAMING=true, or install again with --enable"
                .to_owned(),
        );
    } else if !context.settings.dreaming.enabled && !is_environment(&enabled) {
        lines.push(format!("it will dream by itself: {enabled} says so"));
    }
    let unseen = unseen(&context.origins, origins);
    if !unseen.is_empty() {
        let names = unseen.join(", ");
        let place = place(kind, context, sources);
        lines.push(format!(
            "it will not see what is set here only: {names}; write it into {place}"
        ));
    }
    lines
}

fn is_environment(origin: &Origin) -> bool {
    matches!(origin, Origin::Environment { .. })
}

/// Settings that hold here and not in the service; what its file says stands in its environment.
fn unseen(here: &Origins, there: &Origins) -> Vec<&'static str> {
    let is_lost = |key: &&Key| {
        let (here, there) = (here.of(key.id), there.of(key.id));
        here != Origin::Default && here != there && !is_environment(&there)
    };
    let lost = KEYS.iter().filter(is_lost);
    lost.map(|key| key.variable).collect()
}

/// The configuration file that the service reads, or would read.
fn place(kind: Kind, context: &Context, sources: &Sources) -> String {
    let (folder, read) = match kind {
        Kind::System => (&sources.system_config, None),
        Kind::User | Kind::Launchd => (&sources.config_home, context.settings.config_file.clone()),
    };
    let usual = || Some(folder.as_ref()?.join("dreamer/dreamer.toml"));
    read.or_else(usual).map_or_else(
        || "dreamer.toml".to_owned(),
        |path| path.display().to_string(),
    )
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

#[cfg(test)]
mod tests;
