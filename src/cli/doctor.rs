//! `dreamer doctor`: asks each room and the service what they find and prints it. Decides nothing: what is well and what
//! mends it is the rooms' business, each in one function.

use std::sync::Arc;

use anyhow::Context as _;

use super::sandbox::until_interrupted;
use super::text::clean_line;
use super::{Context, Exit, say};
use crate::dream::{Finding, Health};
use crate::supervisor::permit::{self, WorkPermit};
use crate::tree::Tree;
use crate::{clock, energy, llm, sandbox, store};

mod service;

pub async fn run(context: &Context) -> anyhow::Result<Exit> {
    let tree = Tree::open(&context.settings.sandbox.namespace).context("the process tree")?;
    let (permit, holder) = permit::preflight(Arc::new(tree));
    let found = until_interrupted(look(context, &permit), &holder).await;
    if permit.is_ended() {
        return Ok(Exit::Interrupted);
    }
    let worst = found.iter().map(|finding| finding.status).max();
    if context.json {
        say(&serde_json::to_string(&found)?)?;
    } else {
        found
            .iter()
            .try_for_each(|finding| show(finding, context))?;
    }
    Ok(match worst {
        Some(Health::Fail) => Exit::No,
        Some(Health::Ok | Health::Warn) | None => Exit::Done,
    })
}

/// One function a room; the rooms that take long look side by side.
async fn look(context: &Context, permit: &WorkPermit) -> Vec<Finding> {
    let settings = &context.settings;
    let folders = [
        ("disk_data", settings.data_dir.as_path()),
        ("disk_output", settings.output_dir.as_path()),
    ];
    let (mut found, locked_in) = tokio::join!(
        llm::doctor::findings(&settings.llm),
        sandbox::doctor::findings(&settings.sandbox, &settings.data_dir, permit),
    );
    found.extend(locked_in);
    let (settings, tree) = (settings.clone(), Arc::clone(permit.tree()));
    let sensed = tokio::task::spawn_blocking(move || energy::doctor::findings(&settings, &tree));
    found.extend(sensed.await.unwrap_or_default());
    found.extend(store::doctor::findings(&folders));
    found.push(clock::finding());
    found.extend(service::findings(&context.settings.data_dir).await);
    found
}

fn show(finding: &Finding, context: &Context) -> anyhow::Result<()> {
    let word = match (finding.status, context.colour) {
        (status, false) => status.as_str().to_owned(),
        (Health::Ok, true) => "\x1b[32mok\x1b[0m".to_owned(),
        (Health::Warn, true) => "\x1b[33mwarn\x1b[0m".to_owned(),
        (Health::Fail, true) => "\x1b[31mfail\x1b[0m".to_owned(),
    };
    let gap = " ".repeat(5 - finding.status.as_str().len());
    say(&format!(
        "{word}{gap}{}: {}",
        finding.check,
        clean_line(&finding.detail)
    ))?;
    if !finding.fix.is_empty() {
        say(&format!("     fix: {}", finding.fix))?;
    }
    Ok(())
}
