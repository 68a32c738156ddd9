//! `dreamer config`: the commented defaults, each value with its origin, and whether the settings can be used.
//!
//! Called by `main` through the command line. It never writes a file and never prints a secret.

use crate::cli::{Context, Exit, say};
use crate::config::{Settings, render};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Each setting with its value and where it came from
    Show,
    /// Whether the settings can be used; all problems at once, exit code 64
    Check,
    /// The commented default file, for `dreamer/dreamer.toml` in your configuration folder
    Generate {
        /// As a `.env` file instead
        #[arg(long)]
        env: bool,
    },
}

#[expect(
    clippy::unused_async,
    reason = "every command family has the same signature"
)]
pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Show => show(context),
        Command::Check => check(context),
        Command::Generate { env } => generate(env),
    }
}

/// The commented default file, made from the same table as the parser. It helps exactly those whose settings are broken,
/// so it needs none.
pub fn generate(env: bool) -> anyhow::Result<Exit> {
    let text = if env {
        render::env_file()
    } else {
        render::toml_file()
    };
    say(text.trim_end_matches('\n'))?;
    Ok(Exit::Done)
}

fn show(context: &Context) -> anyhow::Result<Exit> {
    let rows = render::show(&context.settings, &context.origins);
    if context.json {
        say(&serde_json::to_string(&rows)?)?;
        return Ok(Exit::Done);
    }
    let cells: Vec<[String; 3]> = rows
        .into_iter()
        .map(|row| [row.key.to_owned(), row.text(), row.origin])
        .collect();
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    for [key, value, origin] in &cells {
        say(&format!("{key:first$}  {value:second$}  {origin}"))?;
    }
    Ok(Exit::Done)
}

/// Bad settings never reach this: loading them ended the program with every problem named.
fn check(context: &Context) -> anyhow::Result<Exit> {
    let Settings { config_file, .. } = &context.settings;
    if context.json {
        let answer = serde_json::json!({ "ok": true, "config_file": config_file });
        say(&answer.to_string())?;
    } else {
        match config_file {
            Some(path) => say(&format!(
                "the settings can be used; file {}",
                path.display()
            ))?,
            None => say("the settings can be used; no file, only defaults and environment")?,
        }
    }
    Ok(Exit::Done)
}
