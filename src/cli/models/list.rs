//! `models list`: every model that ever answered.

use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, say};
use crate::clock;
use crate::models::kept;
use crate::store::Store;

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let facts = store.facts(kept::MOST_FACTS)?;
    let book = kept::book(&store, &facts)?;
    let views = book.views();
    if context.json {
        say(&serde_json::to_string(&views)?)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        say("no model was asked yet")?;
    }
    if let Some(note) = kept::left_out(&facts) {
        say(&note)?;
    }
    let seen = store.models()?;
    for view in views {
        let at = seen
            .iter()
            .find(|(arm, _)| *arm == view.arm)
            .map(|(_, at)| *at);
        let at = at.map_or_else(|| "never since".to_owned(), clock::stamp);
        say(&format!(
            "{}\n  last answered {at}\n  {}",
            clean_line(&view.arm.to_string()),
            view.metrics.in_words(),
        ))?;
    }
    Ok(Exit::Done)
}
