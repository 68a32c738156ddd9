//! `models weights`: how often each model would be asked and why; set by hand, by another rule, from a file, or as it was.

use std::path::{Path, PathBuf};

use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, UsageError, say};
use crate::clock;
use crate::models::kept::{self, ModelsError, Weights};
use crate::models::{Change, ModelConfig, WeightChange};
use crate::store::Store;
use anyhow::Context as _;

/// Changes of weights that are shown.
const SHOWN: usize = 12;
/// Versions of the configuration that are shown; `--json` has all.
const VERSIONS: usize = 5;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Give a model a fixed weight from 0 (never ask it) to 1, until it is freed; ENDPOINT#MODEL where two endpoints have it
    #[arg(long, value_name = "MODEL=WEIGHT")]
    set: Vec<String>,
    /// Free a model that was set by hand; MODEL frees it everywhere, ENDPOINT#MODEL there alone
    #[arg(long, value_name = "MODEL")]
    free: Vec<String>,
    /// Choose by another rule
    #[arg(long, value_name = "thompson|reward-punish")]
    strategy: Option<String>,
    /// Hold the weights of this moment: later outcomes move nothing
    #[arg(long)]
    hold: bool,
    /// Let outcomes move the weights again after --hold, those that came meanwhile too
    #[arg(long, conflicts_with = "hold")]
    learn: bool,
    /// Take an earlier version of the configuration again; 0 is the one before any
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["set", "free", "strategy", "hold", "learn", "import"])]
    roll_back: Option<u64>,
    /// Write the configuration in force to a file
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Read the configuration from a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["set", "free", "strategy", "hold", "learn"])]
    import: Option<PathBuf>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let now = clock::utc();
    let reason = args.reason.clone();
    if let Some(version) = args.roll_back {
        usage(kept::roll_back(&store, version, reason.as_deref(), now))?;
    } else if let Some(file) = &args.import {
        let config = read(file)?;
        let why = reason.unwrap_or_else(|| format!("from {}", file.display()));
        kept::set(&store, &config, &why, now)?;
    } else {
        let change = asked(args)?;
        let why = reason.unwrap_or_else(|| "set by hand".to_owned());
        usage(kept::change(&store, &change, &why, now))?;
    }
    let weights = kept::weights(&store)?;
    if let Some(file) = &args.export {
        let text = serde_json::to_string_pretty(&weights.version.config)?;
        std::fs::write(file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    for name in &weights.unknown {
        tracing::warn!(
            "{} is set by hand, but no such model ever answered; `dreamer models list` names those that did",
            clean_line(name)
        );
    }
    show(&weights, context)?;
    Ok(Exit::Done)
}

/// What a person asked for that makes no sense is bad usage.
fn usage<T>(result: Result<T, ModelsError>) -> anyhow::Result<T> {
    match result {
        Err(
            error @ (ModelsError::Change(_) | ModelsError::Config(_) | ModelsError::NoVersion(_)),
        ) => Err(UsageError(error.to_string()).into()),
        other => Ok(other?),
    }
}

fn read(file: &Path) -> anyhow::Result<ModelConfig> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| UsageError(format!("cannot read {}: {error}", file.display())))?;
    let config = ModelConfig::from_json(text.as_bytes())
        .map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    config
        .check()
        .map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    Ok(config)
}

fn asked(args: &Args) -> anyhow::Result<Change> {
    let mut change = Change {
        free: args.free.clone(),
        strategy: args.strategy.clone(),
        hold: (args.hold || args.learn).then_some(args.hold),
        ..Change::default()
    };
    for set in &args.set {
        let parsed = set
            .rsplit_once('=')
            .and_then(|(model, weight)| Some((model.to_owned(), weight.parse::<f64>().ok()?)));
        let Some(pair) = parsed else {
            return Err(UsageError(format!("--set {set}: it is no MODEL=WEIGHT")).into());
        };
        change.set.push(pair);
    }
    Ok(change)
}

/// One line of the history; its reason may hold a person's own words.
fn moved(change: &WeightChange) -> String {
    format!(
        "{}  {} {:.0} % -> {:.0} %: {}",
        clock::stamp(change.at),
        clean_line(&change.arm.model),
        100.0 * change.old,
        100.0 * change.new,
        clean_line(&change.reason)
    )
}

fn show(told: &Weights, context: &Context) -> anyhow::Result<()> {
    if context.json {
        return say(&serde_json::to_string(told)?);
    }
    let version = &told.version;
    say(&format!(
        "rule {}, version {} ({})",
        version.config.strategy.as_str(),
        version.version,
        clean_line(&version.reason)
    ))?;
    let mut views = told.weights.clone();
    views.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    if views.is_empty() {
        say("no model was asked yet")?;
    }
    for view in views {
        say(&format!(
            "{:>5.1} %  {}: {}; {} of {} saved in all",
            100.0 * view.weight,
            clean_line(&view.arm.to_string()),
            clean_line(&view.figures),
            view.metrics.saved,
            view.metrics.tries,
        ))?;
    }
    let history = &told.history;
    if !history.is_empty() {
        say("\nwhat moved, newest first")?;
    }
    for change in history.iter().rev().take(SHOWN) {
        say(&moved(change))?;
    }
    if !told.versions.is_empty() {
        say("\nversions of the configuration, newest first")?;
    }
    for version in told.versions.iter().rev().take(VERSIONS) {
        say(&format!(
            "{:>4}  {}  {}: {}",
            version.version,
            clock::stamp(version.at),
            version.config.strategy.as_str(),
            clean_line(&version.reason)
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::dream::ArmKey;

    #[test]
    fn a_reason_of_a_persons_own_words_cannot_write_over_the_screen() {
        let told = moved(&WeightChange {
            at: Timestamp::UNIX_EPOCH,
            session: None,
            arm: ArmKey {
                endpoint: "here".to_owned(),
                model: "m\u{1b}[2J".to_owned(),
                prompt: "1".to_owned(),
            },
            old: 0.25,
            new: 0.75,
            reason: "version 2: \u{1b}[2Jquite\nanother".to_owned(),
        });
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.contains("25 % -> 75 %: version 2: "), "{told:?}");
        assert!(told.contains("quite"), "{told:?}");
    }
}
