//! `dreamer experience`: what the experience stream kept, its accounts, and draws from it. Called by `main` through the
//! command line; only reads.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::text::{clean_line, clean_short};
use super::{Context, Exit, hint, moment, say};
use crate::clock;
use crate::config::SampleBy;
use crate::experience::draw::Draw;
use crate::experience::{
    Ask, Event, Limits, Options, Record, Scope, Strategy, event_of, recall_newest, with_effects,
};
use crate::store::{ExperienceQuery, SinkCount, Store};

/// Events that `tail` shows unless told otherwise.
const SHOWN: usize = 20;
/// Events of a batch unless told otherwise.
const BATCH: usize = 32;
/// The sink whose figures are those of the whole.
const DURABLE: &str = "sqlite";

#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// What every sink did with its events, and what there is of each type
    Stats,
    /// The newest events, the newest last
    Tail {
        /// How many at most
        #[arg(long, short = 'n', value_name = "N", default_value_t = SHOWN)]
        limit: usize,
        /// Only events of this type, such as dream.saved
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Only events of this trajectory
        #[arg(long, value_name = "ID")]
        trajectory: Option<String>,
        /// None from before this: a day here such as 2026-11-20, or a time such as 2026-11-20T03:00Z
        #[arg(long, value_name = "TIMESTAMP", value_parser = moment::since)]
        since: Option<Timestamp>,
    },
    /// Draw a batch of events
    Sample(SampleArgs),
}

#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct SampleArgs {
    /// How events are chosen; the settings say where you do not
    #[arg(long, value_enum)]
    strategy: Option<Choice>,
    /// How many
    #[arg(long, short = 'n', value_name = "N", default_value_t = BATCH)]
    count: usize,
    /// From the newest 100,000, or from all that the window holds: a million, or 256 MB of them
    #[arg(long, value_enum, default_value_t = From::Hot)]
    from: From,
    /// Each event at most once
    #[arg(long)]
    without_replacement: bool,
    /// The same seed draws the same batch
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    /// Each as likely as any other
    Uniform,
    /// By priority, with weights that make good for it
    Prioritized,
    /// Among the newest 10,000, or as many as the settings say
    Recent,
    /// Of every kind, and unlike each other
    Diverse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum From {
    Hot,
    Window,
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    match command {
        Command::Stats => stats(&store, context),
        Command::Tail {
            limit,
            event_type,
            trajectory,
            since,
        } => {
            let query = ExperienceQuery {
                limit,
                event_type,
                trajectory,
                since,
            };
            tail(&store, &query, context)
        }
        Command::Sample(args) => sample(&store, &args, context),
    }
}

fn stats(store: &Store, context: &Context) -> anyhow::Result<Exit> {
    let figures = store.experience_figures()?;
    let types = store.experience_types()?;
    let archives = store.experience_archives()?;
    let durable = figures.iter().find(|(name, _)| name == DURABLE);
    let whole = durable.map_or_else(SinkCount::default, |(_, count)| *count);
    if context.json {
        let mut answer = account(&whole);
        let sinks: Map<String, Value> = figures
            .iter()
            .map(|(name, count)| (name.clone(), Value::Object(account(count))))
            .collect();
        let types: Map<String, Value> = types
            .into_iter()
            .map(|(name, count)| (name, count.into()))
            .collect();
        answer.insert("sinks".to_owned(), sinks.into());
        answer.insert("types".to_owned(), types.into());
        answer.insert("archives".to_owned(), serde_json::to_value(archives)?);
        say(&Value::Object(answer).to_string())?;
        return Ok(Exit::Done);
    }
    if figures.is_empty() {
        say("no experience yet; each dream leaves some")?;
        return Ok(Exit::Done);
    }
    for (name, count) in &figures {
        say(&format!(
            "{name}: {} written = {} flushed + {} dropped + {} buffered",
            count.written, count.flushed, count.dropped, count.buffered
        ))?;
    }
    for (name, count) in &types {
        say(&format!("{count:>8}  {}", clean_short(name, 60)))?;
    }
    for archive in &archives {
        say(&format!(
            "archive {}: {} events, {} bytes",
            clean_line(&archive.file),
            archive.events,
            archive.bytes
        ))?;
    }
    Ok(Exit::Done)
}

fn account(count: &SinkCount) -> Map<String, Value> {
    let figures = [
        ("written", count.written),
        ("flushed", count.flushed),
        ("dropped", count.dropped),
        ("buffered", count.buffered),
    ];
    figures
        .map(|(name, n)| (name.to_owned(), n.into()))
        .into_iter()
        .collect()
}

fn tail(store: &Store, query: &ExperienceQuery, context: &Context) -> anyhow::Result<Exit> {
    let rows = store.experience(query)?;
    for row in &rows {
        let Some(event) = event_of(row) else { continue };
        if context.json {
            let record = Record {
                seq: row.seq,
                event: with_effects(store, event)?,
            };
            say(&serde_json::to_string(&record)?)?;
        } else {
            say(&shown(&event))?;
        }
    }
    Ok(if rows.is_empty() {
        Exit::No
    } else {
        Exit::Done
    })
}

fn sample(store: &Store, args: &SampleArgs, context: &Context) -> anyhow::Result<Exit> {
    let asked = context.settings.experience.limits;
    let limits: Limits = asked.into();
    let (scope, most) = match args.from {
        From::Hot => (Scope::Hot, limits.hot),
        From::Window => (Scope::Window, limits.events),
    };
    let strategy = match (args.strategy, asked.sample) {
        (Some(Choice::Uniform), _) | (None, SampleBy::Uniform) => Strategy::Uniform,
        (Some(Choice::Prioritized), _) | (None, SampleBy::Prioritized) => Strategy::Prioritized,
        (Some(Choice::Recent), _) | (None, SampleBy::Recent) => Strategy::Recent,
        (Some(Choice::Diverse), _) | (None, SampleBy::Diverse) => Strategy::Diverse,
    };
    let needed = match strategy {
        Strategy::Recent => asked.recent_events.min(most),
        Strategy::Uniform | Strategy::Prioritized | Strategy::Diverse => most,
    };
    let mut window = recall_newest(store, needed, limits, clock::utc())?;
    let ask = Ask {
        replace: !args.without_replacement,
        beta: asked.beta,
        recent: asked.recent_events as u64,
        ..Ask::new(strategy, args.count.min(most)).of(scope)
    };
    let seed = args
        .seed
        .unwrap_or_else(|| clock::utc().as_microsecond().unsigned_abs());
    let batch = window.sample(&ask, &mut Draw::seeded(seed));
    let mut events = Vec::new();
    for (item, record) in batch.items().iter().zip(batch.records()) {
        events.push((item, with_effects(store, record.event)?));
    }
    if context.json {
        let events: Vec<Value> = events
            .into_iter()
            .map(|(item, event)| {
                json!({"weight": item.weight, "probability": item.probability, "event": event})
            })
            .collect();
        say(&json!({
            "seed": seed,
            "count": batch.len(),
            "mean_reward": batch.mean_reward(),
            "success_rate": batch.success_rate(),
            "diversity": batch.diversity(),
            "events": events,
        })
        .to_string())?;
    } else {
        for (item, event) in &events {
            say(&format!("{:.4}  {}", item.weight, shown(event)))?;
        }
    }
    Ok(if batch.is_empty() {
        Exit::No
    } else {
        Exit::Done
    })
}

/// Says what forgetting does not reach, where some of it is there.
pub(super) fn hint_at_archives(store: &Store, context: &Context) -> anyhow::Result<()> {
    let archives = store.experience_archives()?.len();
    if archives > 0 {
        let folder = Options::usual(&context.settings.data_dir).archives();
        hint(&format!(
            "archives of old experiences keep what they hold: {archives} of them in {}; remove those that you do not want \
             to keep",
            folder.display()
        ));
    }
    Ok(())
}

fn shown(event: &Event) -> String {
    let at = event.timestamp.map(clock::stamp).unwrap_or_default();
    let reward = event
        .reward
        .map(|r| format!("  reward {r}"))
        .unwrap_or_default();
    let said = [
        "title", "verdict", "tier", "why", "status", "outcome", "trouble",
    ];
    let data = said
        .iter()
        .find_map(|key| Some((key, event.data.get(key)?.as_str()?)));
    let data = data.map(|(key, text)| format!("  {key}: {}", clean_short(text, 60)));
    format!(
        "{at}  {:<18} {:<10}{}{reward}",
        clean_short(&event.event_type, 40),
        clean_short(&event.source_component, 20),
        data.unwrap_or_default()
    )
}
