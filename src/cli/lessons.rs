//! `dreamer lessons`: what was learned. Called by `main` through the command line; only reads.

use super::text::{clean, clean_line, clean_short, short_id};
use super::{Context, Exit, say};
use crate::dream::Lesson;
use crate::lessons::LessonsStore;
use crate::store::Store;

/// Lessons that a list shows unless told otherwise.
const LISTED: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Lessons, newest first
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = LISTED)]
        limit: usize,
    },
    /// One lesson with its whole code
    Show {
        /// The lesson's id, or enough of its beginning
        id: String,
    },
    /// Lessons that hold all these words, or words that begin so; best first
    Search {
        #[arg(required = true)]
        words: Vec<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = LISTED)]
        limit: usize,
    },
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let lessons = LessonsStore::new(&store);
    match command {
        Command::List { limit } => {
            let found = lessons.list(limit)?;
            if found.is_empty() && !context.json {
                say("no lessons yet; each saved dream leaves one")?;
            }
            list(context, &found)?;
            Ok(Exit::Done)
        }
        Command::Search { words, limit } => {
            let found = lessons.search(&words.join(" "), limit)?;
            list(context, &found)?;
            Ok(if found.is_empty() {
                Exit::No
            } else {
                Exit::Done
            })
        }
        Command::Show { id } => show(context, lessons, &id),
    }
}

fn list(context: &Context, lessons: &[Lesson]) -> anyhow::Result<()> {
    if context.json {
        return say(&serde_json::to_string(lessons)?);
    }
    for lesson in lessons {
        let title = match lesson.metadata.title.as_str() {
            "" => &lesson.situation,
            title => title,
        };
        say(&format!(
            "{}  {}  {}  [{}]",
            short_id(lesson.lesson_id.as_str()),
            clean_short(lesson.timestamp.get(..10).unwrap_or_default(), 10),
            clean_short(title, 70),
            clean_line(&lesson.tags.join(", ")),
        ))?;
    }
    Ok(())
}

fn show(context: &Context, lessons: LessonsStore<'_>, id: &str) -> anyhow::Result<Exit> {
    // Two are enough to know that it is not one.
    let found = if id.is_empty() {
        Vec::new()
    } else {
        lessons.by_prefix(id, 2)?
    };
    let lesson = match found.as_slice() {
        [one] => lessons.get(one)?,
        [] => None,
        [_, ..] => {
            tracing::error!("more than one lesson begins with {}", clean_line(id));
            return Ok(Exit::No);
        }
    };
    let Some(lesson) = lesson else {
        tracing::error!("there is no lesson {}", clean_line(id));
        return Ok(Exit::No);
    };
    if context.json {
        say(&serde_json::to_string(&lesson)?)?;
        return Ok(Exit::Done);
    }
    say(&format!(
        "{}\n{} · {}\n\nSituation\n{}\n\nAction\n{}\nResult\n{}\n\nFeedback\n{}",
        clean_line(&lesson.metadata.title),
        lesson.lesson_id,
        clean_line(&lesson.tags.join(", ")),
        clean(&lesson.situation),
        clean(&lesson.action),
        clean(&lesson.result),
        clean(&lesson.feedback),
    ))?;
    Ok(Exit::Done)
}
