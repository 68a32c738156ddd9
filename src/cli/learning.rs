//! `learning`: what recorded tries say about the next ones. The same rows that choose the next dream; no second store.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::text::{clean_line, clean_short, short_id};
use super::{Context, Exit, UsageError, experience, moment, say};
use crate::clock;
use crate::dream::{AttemptFact, Decision, Difficulty};
use crate::learning::{
    Approach, LearningError, LearningStore, MergeStrategy, Merged, OfflineModel, Outcomes, Outlook,
    SnapshotKey, backfill, layout,
};
use crate::models::kept;
use crate::store::Store;

mod sessions;

/// Choices and paths that are shown.
const SHOWN: usize = 8;
/// Topics that a list shows unless told otherwise.
const TOPICS: usize = 30;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// What is known, of one topic or of all
    Show {
        topic: Option<String>,
        /// How sessions weigh: additive, decay=SESSIONS (half-life), or success
        #[arg(long, default_value = "additive")]
        merge: String,
    },
    /// What a topic's sessions recommend: the next choices weigh it by the strategy, and of a topic with few tries they
    /// believe what is sure of it
    Offline {
        topic: String,
        /// Newest sessions that are read
        #[arg(long, value_name = "N", default_value_t = 100)]
        sessions: usize,
    },
    /// Sessions of a topic, oldest first
    Sessions {
        topic: String,
        /// None from before this: a day here such as 2026-11-20, or a time such as 2026-11-20T03:00Z
        #[arg(long, value_name = "TIMESTAMP", value_parser = moment::since)]
        since: Option<Timestamp>,
        /// None from after this; a day counts to its end
        #[arg(long, value_name = "TIMESTAMP", value_parser = moment::until)]
        until: Option<Timestamp>,
        /// The newest of them, so many at most
        #[arg(long, value_name = "N")]
        newest: Option<usize>,
    },
    /// Forget a topic, or one session of it, with everything that was counted from it, the topic's offline model and the
    /// experiences of its tries; archives of old experiences stay as they are
    Forget {
        topic: String,
        session: Option<String>,
    },
    /// Write every session, statistic and offline model as files into a new or empty folder
    Export { dir: PathBuf },
    /// Take in sessions and offline models from such files; what is known already is not counted twice
    Import { dir: PathBuf },
    /// Every recorded try, one JSON line each: what `cargo bench --bench pays` replays
    Facts,
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    backfill(&store)?;
    let learning = LearningStore::new(&store);
    match command {
        Command::Show { topic: None, merge } => show_all(&store, strategy(&merge)?, context),
        Command::Show {
            topic: Some(topic),
            merge,
        } => show_topic(&store, &topic, strategy(&merge)?, context),
        Command::Offline { topic, sessions } => offline(learning, &topic, sessions, context),
        Command::Sessions {
            topic,
            since,
            until,
            newest,
        } => {
            let names = sessions::named(learning, &topic, (since, until), newest)?;
            sessions::show(&names, context)
        }
        Command::Forget { topic, session } => {
            let key = match session {
                None => SnapshotKey::Scenario(topic),
                Some(session_id) => SnapshotKey::Session {
                    scenario: topic,
                    session_id,
                },
            };
            if !usable(learning.delete(&key))? {
                return Ok(Exit::No);
            }
            experience::hint_at_archives(&store, context)?;
            Ok(Exit::Done)
        }
        Command::Export { dir } => {
            let sessions = usable(learning.export(&dir))?;
            say(&json!({"sessions": sessions, "dir": dir}).to_string())?;
            Ok(Exit::Done)
        }
        Command::Import { dir } => {
            let imported = usable(learning.import(&dir))?;
            say(&serde_json::to_string(&imported)?)?;
            Ok(if imported.refused.is_empty() {
                Exit::Done
            } else {
                Exit::No
            })
        }
        Command::Facts => {
            for fact in store.facts(usize::MAX)? {
                say(&serde_json::to_string(&fact)?)?;
            }
            Ok(Exit::Done)
        }
    }
}

/// A name that may be none is bad usage, and so is a folder that cannot be meant.
fn usable<T>(result: Result<T, LearningError>) -> anyhow::Result<T> {
    match result {
        Err(
            error @ (LearningError::Name(_)
            | LearningError::NotEmpty(_)
            | LearningError::NoScenarios(_)),
        ) => Err(UsageError(error.to_string()).into()),
        other => Ok(other?),
    }
}

fn strategy(text: &str) -> anyhow::Result<MergeStrategy> {
    let half_life = text.strip_prefix("decay=").and_then(|n| n.parse().ok());
    Ok(match (text, half_life.and_then(NonZeroU32::new)) {
        ("additive", _) => MergeStrategy::Additive,
        ("success", _) => MergeStrategy::SuccessWeighted,
        (_, Some(half_life_sessions)) => MergeStrategy::TimeDecay { half_life_sessions },
        (_, None) => {
            let problem =
                format!("--merge {text}: there are additive, success and decay=SESSIONS from 1 on");
            return Err(UsageError(problem).into());
        }
    })
}

fn show_all(store: &Store, strategy: MergeStrategy, context: &Context) -> anyhow::Result<Exit> {
    let learning = LearningStore::new(store);
    let view = learning.view(&SnapshotKey::Global)?;
    let facts = store.facts(kept::MOST_FACTS)?;
    let sessions = learning.whole_sessions(&SnapshotKey::Global)?;
    let outlook = Outlook::of(&facts, &sessions).advised(&learning.offline_models()?);
    let ladder = outlook.ladder_of_topic("");
    let joinable = outlook.joinable_libraries();
    let mut topics: Vec<(&String, Outcomes<u64>)> = view
        .topics
        .iter()
        .map(|(name, s)| (name, s.episodes))
        .collect();
    topics.sort_by(|a, b| b.1.visits().cmp(&a.1.visits()).then(a.0.cmp(b.0)));
    let facts_of = view.facts();
    let sessions: BTreeSet<&str> = facts_of.iter().map(|f| f.session.as_str()).collect();
    let merged = learning
        .merged(&SnapshotKey::Global, strategy)?
        .unwrap_or_default();
    if context.json {
        let rungs: Vec<Json> = rungs(&ladder);
        let topics: Vec<Json> = topics
            .iter()
            .map(|(name, o)| json!({"topic": name, "tries": o.visits(), "saved": o.successes}))
            .collect();
        let all = json!({
            "tries": outlook.tries(),
            "phase": if outlook.is_known() { "release" } else { "bootstrap" },
            "episodes": merged.counts.episodes.visits(),
            "pass_rate": merged.counts.episodes.rate(),
            "ladder": rungs,
            "joinable_libraries": joinable,
            "may_join_libraries": joinable.len() > 1,
            "topics": topics,
            "choices": latest(&facts).iter().map(|fact| json!({
                "attempt_id": fact.attempt_id, "topic": fact.topic, "outcome": fact.outcome,
                "seconds": fact.seconds, "choice": fact.choice,
            })).collect::<Vec<_>>(),
        });
        say(&all.to_string())?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{} tries of {} topics in {} sessions; {}",
        outlook.tries(),
        topics.len(),
        sessions.len(),
        if outlook.is_known() {
            "they choose what is dreamed of"
        } else {
            "too few to choose by, so everything goes in turn"
        }
    ))?;
    if let Some(note) = kept::left_out(&facts) {
        say(&note)?;
    }
    say(&summary(&merged, &view.global.episodes, strategy))?;
    say_ladder(&ladder)?;
    if !joinable.is_empty() {
        say(&format!(
            "tasks with these libraries alone succeed, so two of them may be joined: {}",
            clean_line(&joinable.join(", "))
        ))?;
    }
    for (name, o) in topics.iter().take(TOPICS) {
        say(&format!(
            "  {}  {} of {} saved",
            clean_short(name, 60),
            o.successes,
            o.visits()
        ))?;
    }
    say_choices(&facts)?;
    Ok(Exit::Done)
}

fn show_topic(
    store: &Store,
    topic: &str,
    strategy: MergeStrategy,
    context: &Context,
) -> anyhow::Result<Exit> {
    let learning = LearningStore::new(store);
    let key = SnapshotKey::Scenario(topic.to_owned());
    let view = usable(learning.view(&key))?;
    let Some(snapshot) = view.topics.get(topic) else {
        tracing::error!("nothing is known of {}", clean_line(topic));
        return Ok(Exit::No);
    };
    let merged = learning.merged(&key, strategy)?.unwrap_or_default();
    let facts = store.facts(kept::MOST_FACTS)?;
    let outlook = Outlook::of(&facts, &[]);
    let ladder = outlook.ladder_of_topic(topic);
    if context.json {
        let meta = layout::Meta {
            topic: Some(topic.to_owned()),
            at: view
                .facts()
                .last()
                .map_or(Timestamp::UNIX_EPOCH, |fact| fact.at),
            phase: merged.phase,
            group: merged.group.clone(),
            ..layout::Meta::default()
        };
        let mut all = layout::to_json(snapshot, &meta, &merged.selection);
        all["weighted"] = json!({
            "episodes": merged.counts.episodes.visits(),
            "pass_rate": merged.counts.episodes.rate(),
        });
        all["ladder"] = Json::from(rungs(&ladder));
        say(&all.to_string())?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{}: {} sessions",
        clean_line(topic),
        merged.sessions
    ))?;
    say(&summary(&merged, &snapshot.episodes, strategy))?;
    say_ladder(&ladder)?;
    for (name, o) in &merged.counts.actions {
        let seen = o.visits();
        say(&format!(
            "  step {}: {:.0} % of {seen:.1}",
            clean_line(name),
            100.0 * o.rate()
        ))?;
    }
    for (name, stats) in &merged.counts.strategies {
        let seen = stats.episodes.visits();
        say(&format!(
            "  chosen {}: {:.0} % of {seen:.1} saved",
            clean_line(name),
            100.0 * stats.episodes.rate()
        ))?;
    }
    let of_topic: Vec<AttemptFact> = facts.into_iter().filter(|f| f.topic == topic).collect();
    say_choices(&of_topic)?;
    Ok(Exit::Done)
}

/// What was counted, and what it weighs where sessions do not all weigh the same.
fn summary(merged: &Merged, counted: &Outcomes<u64>, strategy: MergeStrategy) -> String {
    let weighed = merged.counts.episodes;
    let share = 100.0 * weighed.rate();
    match strategy {
        MergeStrategy::Additive => format!("{} tries, {share:.0} % saved", counted.visits()),
        MergeStrategy::TimeDecay { .. } | MergeStrategy::SuccessWeighted => {
            // The weight of one try on average, 1 where all count in full.
            let each = weighed.visits() / (counted.visits() as f64).max(1.0);
            format!(
                "{} tries, each at {each:.2} on average: {share:.0} % saved",
                counted.visits()
            )
        }
    }
}

fn rungs(ladder: &crate::learning::ladder::Ladder) -> Vec<Json> {
    let rungs = Difficulty::ALL
        .iter()
        .zip(ladder.rates())
        .zip(ladder.shares());
    rungs
        .map(|((d, rate), share)| json!({"difficulty": d, "pass_rate": rate, "share": share}))
        .collect()
}

fn say_ladder(ladder: &crate::learning::ladder::Ladder) -> anyhow::Result<()> {
    let rungs = Difficulty::ALL
        .iter()
        .zip(ladder.rates())
        .zip(ladder.shares());
    let words: Vec<String> = rungs
        .map(|((d, rate), share)| {
            format!(
                "{} {:.0} % passes, {:.0} % of the next",
                d.as_str(),
                100.0 * rate,
                100.0 * share
            )
        })
        .collect();
    say(&format!(
        "ladder ({} tries): {}",
        ladder.tries(),
        words.join("; ")
    ))
}

/// The newest tries that say why they were chosen, newest first.
fn latest(facts: &[AttemptFact]) -> Vec<&AttemptFact> {
    facts
        .iter()
        .rev()
        .filter(|fact| fact.choice.is_some())
        .take(SHOWN)
        .collect()
}

fn say_choices(facts: &[AttemptFact]) -> anyhow::Result<()> {
    for fact in latest(facts) {
        say(&format!(
            "\n{}  {}: {} after {:.0} s",
            short_id(fact.attempt_id.as_str()),
            clean_short(&fact.topic, 60),
            fact.outcome.as_str(),
            fact.seconds
        ))?;
        let decisions = fact.choice.iter().flat_map(|choice| &choice.decisions);
        for words in decisions.map(Decision::in_words) {
            say(&format!("  {}", clean_line(&words)))?;
        }
    }
    Ok(())
}

/// What the model's strategy does to the next choices.
fn strategy_in_words(model: &OfflineModel) -> String {
    let name = clean_line(&model.strategy_config.initial_strategy);
    let acts = match model.approach() {
        Some(Approach::Greedy) => "the rate that is believed".to_owned(),
        Some(Approach::Ucb1 { deviations }) => {
            format!(
                "what is worth most within {deviations:.1} deviations of the rate that is believed"
            )
        }
        Some(Approach::Thompson) => "a rate drawn from what is believed".to_owned(),
        None => "the rate that is believed, for there is no such strategy here".to_owned(),
    };
    format!("choices weigh it by {name}: {acts}")
}

fn offline(
    learning: LearningStore<'_>,
    topic: &str,
    sessions: usize,
    context: &Context,
) -> anyhow::Result<Exit> {
    let Some(model) = usable(learning.run_offline_learning(topic, sessions, clock::utc()))? else {
        tracing::error!("nothing is known of {}", clean_line(topic));
        return Ok(Exit::No);
    };
    if context.json {
        say(&serde_json::to_string(&model)?)?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{} sessions; {}; in the original's words also: judge after {} steps, give up above {:.0} % errors, by which nothing \
         here goes",
        model.analyzed_sessions,
        strategy_in_words(&model),
        model.strategy_config.maturity_threshold,
        100.0 * model.strategy_config.error_rate_threshold,
    ))?;
    for path in &model.recommended_paths {
        say(&format!(
            "  {}: {:.0} % of {}, surely above {:.0} %",
            clean_line(&path.actions.join(" > ")),
            100.0 * path.success_rate,
            path.observations,
            100.0 * path.lower_bound,
        ))?;
    }
    Ok(Exit::Done)
}
