//! `models weights`: how often each model would be asked and why; set by hand, by another rule, from a file, or as it was.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, UsageError, say};
use crate::clock;
use crate::models::{Book, ModelConfig, Override, Strategy, kept};
use crate::store::Store;

/// Changes of weights that are shown.
const SHOWN: usize = 12;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Give a model a fixed weight from 0 to 1, until it is freed
    #[arg(long, value_name = "MODEL=WEIGHT")]
    set: Vec<String>,
    /// Free a model that was set by hand
    #[arg(long, value_name = "MODEL")]
    free: Vec<String>,
    /// Choose by another rule
    #[arg(long, value_name = "thompson|reward-punish")]
    strategy: Option<String>,
    /// Hold the weights of this moment: later outcomes move nothing
    #[arg(long)]
    hold: bool,
    /// Take an earlier version of the configuration again; 0 is the one before any
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["set", "free", "strategy", "hold", "import"])]
    roll_back: Option<u64>,
    /// Write the configuration in force to a file
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Read the configuration from a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["set", "free", "strategy", "hold"])]
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
        kept::roll_back(&store, version, now)?;
    } else if let Some(file) = &args.import {
        let config = read(file)?;
        let why = reason.unwrap_or_else(|| format!("from {}", file.display()));
        kept::set(&store, &config, &why, now)?;
    } else {
        let before = kept::current(&store)?.config;
        let mut config = changed(args, before.clone())?;
        if args.hold {
            config.learn_until = Some(now);
        }
        if config != before {
            let why = reason.unwrap_or_else(|| "set by hand".to_owned());
            kept::set(&store, &config, &why, now)?;
        }
    }
    let book = kept::book(&store, &store.facts(kept::MOST_FACTS)?)?;
    if let Some(file) = &args.export {
        let text = serde_json::to_string_pretty(&book.version().config)?;
        std::fs::write(file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    show(&store, &book, context)?;
    Ok(Exit::Done)
}

fn read(file: &Path) -> anyhow::Result<ModelConfig> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let config: ModelConfig = serde_json::from_str(&text)
        .map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    config
        .check()
        .map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    Ok(config)
}

fn changed(args: &Args, mut config: ModelConfig) -> anyhow::Result<ModelConfig> {
    for set in &args.set {
        let parsed = set
            .rsplit_once('=')
            .and_then(|(model, weight)| Some((model.to_owned(), weight.parse::<f64>().ok()?)));
        let Some((model, weight)) = parsed else {
            return Err(UsageError(format!("--set {set}: it is no MODEL=WEIGHT")).into());
        };
        config.overrides.retain(|old| old.model != model);
        config.overrides.push(Override {
            endpoint: String::new(),
            model,
            weight,
        });
    }
    for model in &args.free {
        let before = config.overrides.len();
        config.overrides.retain(|old| old.model != *model);
        if config.overrides.len() == before {
            return Err(UsageError(format!("--free {model}: it was not set by hand")).into());
        }
    }
    if let Some(name) = &args.strategy {
        config.strategy = Strategy::by_name(name).ok_or_else(|| {
            UsageError(format!(
                "--strategy {name}: there are thompson and reward-punish"
            ))
        })?;
        config.learn_until = None;
    }
    config
        .check()
        .map_err(|error| UsageError(error.to_string()))?;
    Ok(config)
}

fn show(store: &Store, book: &Book, context: &Context) -> anyhow::Result<()> {
    let version = book.version();
    if context.json {
        let all = json!({
            "version": version,
            "weights": book.views(),
            "history": book.history(),
            "versions": kept::versions(store)?,
        });
        return say(&all.to_string());
    }
    say(&format!(
        "rule {}, version {} ({})",
        version.config.strategy.as_str(),
        version.version,
        clean_line(&version.reason)
    ))?;
    let mut views = book.views();
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
    let history = book.history();
    if !history.is_empty() {
        say("\nwhat moved, newest first")?;
    }
    for change in history.iter().rev().take(SHOWN) {
        say(&format!(
            "{}  {} {:.0} % -> {:.0} %: {}",
            clock::stamp(change.at),
            clean_line(&change.arm.model),
            100.0 * change.old,
            100.0 * change.new,
            change.reason
        ))?;
    }
    Ok(())
}
