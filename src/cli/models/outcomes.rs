//! `models outcomes`: what became of the tries that asked a model, as `/api/analytics/outcomes` tells it.

use crate::cli::text::{clean_line, clean_short};
use crate::cli::{Context, Exit, say};
use crate::clock;
use crate::models::{Wanted, kept};
use crate::store::Store;

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Newest that are listed; the figures count all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Of this model alone
    #[arg(long)]
    model: Option<String>,
    /// Of the last days alone
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

pub(super) fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let wanted = Wanted {
        limit: args.limit,
        model: args.model,
        days: args.days,
    };
    let told = kept::outcomes(&store, &wanted, clock::utc())?;
    if context.json {
        say(&serde_json::to_string(&told)?)?;
        return Ok(Exit::Done);
    }
    say(&told.metrics.in_words())?;
    for one in &told.outcomes {
        say(&format!(
            "{}  {:<10} {:>5.0} s  {:<8} {}  {}",
            clock::stamp(one.at),
            one.outcome.as_str(),
            one.seconds,
            one.difficulty.as_str(),
            clean_short(&one.topic, 40),
            clean_line(&one.arm.model),
        ))?;
    }
    Ok(Exit::Done)
}
