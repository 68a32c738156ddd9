//! `models list`: every model that ever answered.

use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, say};
use crate::clock;
use crate::models::kept;
use crate::store::Store;

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let book = kept::book(&store, &store.facts(kept::MOST_FACTS)?)?;
    let views = book.views();
    if context.json {
        say(&serde_json::to_string(&views)?)?;
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        say("no model was asked yet")?;
    }
    let seen = store.models()?;
    for view in views {
        let at = seen
            .iter()
            .find(|(arm, _)| *arm == view.arm)
            .map(|(_, at)| *at);
        let at = at.map_or_else(|| "never since".to_owned(), clock::stamp);
        let m = view.metrics;
        say(&format!(
            "{}\n  last answered {at}\n  {} saved of {} tries ({:.0} %), {:.1} an hour, deepest fall {:.0}, steadiness {:.2}",
            clean_line(&view.arm.to_string()),
            m.saved,
            m.tries,
            100.0 * m.pass_rate,
            3600.0 * m.reward_per_second,
            m.max_drawdown,
            m.sharpe,
        ))?;
    }
    Ok(Exit::Done)
}
