//! `learning sessions`: the names of a topic's sessions, of a span of time or the newest. Called by `learning` alone.

use jiff::Timestamp;

use super::usable;
use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, UsageError, say};
use crate::learning::LearningStore;

/// Oldest first: those of a span of time, both ends included, and of these the newest.
pub(super) fn named(
    learning: LearningStore<'_>,
    topic: &str,
    span: (Option<Timestamp>, Option<Timestamp>),
    newest: Option<usize>,
) -> anyhow::Result<Vec<String>> {
    let mut facts = match (span, newest) {
        ((None, None), None) => return usable(learning.list_sessions(topic)),
        ((None, None), Some(newest)) => {
            let mut facts = usable(learning.query_latest(topic, newest))?;
            facts.reverse();
            facts
        }
        ((Some(since), None), _) => usable(learning.query_since(topic, since))?,
        ((since, Some(until)), _) => {
            let since = since.unwrap_or(Timestamp::MIN);
            if since > until {
                let problem = "--since lies after --until: no session can be between them";
                return Err(UsageError(problem.to_owned()).into());
            }
            usable(learning.query_range(topic, since, until))?
        }
    };
    if let Some(newest) = newest {
        facts.drain(..facts.len().saturating_sub(newest));
    }
    Ok(facts.into_iter().map(|fact| fact.session).collect())
}

pub(super) fn show(names: &[String], context: &Context) -> anyhow::Result<Exit> {
    if context.json {
        say(&serde_json::to_string(names)?)?;
    } else {
        names.iter().try_for_each(|name| say(&clean_line(name)))?;
    }
    Ok(if names.is_empty() {
        Exit::No
    } else {
        Exit::Done
    })
}
