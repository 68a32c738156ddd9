//! `models server start|stop|status NAME`: through the service where one answers; without one a server that is started
//! here runs until Ctrl-C.

use std::sync::Arc;

use anyhow::Context as _;

use crate::app;
use crate::cli::client::{Client, ServerAsk};
use crate::cli::{Context, Exit, UsageError, asked_to_stop, hint, say};
use crate::llm::server::{ServerError, ServerStatus, Servers};
use crate::supervisor::permit;
use crate::tree::Tree;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Start it and wait until it answers; the service's ends with the next dream, one without a service with Ctrl-C
    Start { name: String },
    /// Stop it, if it is ours
    Stop { name: String },
    /// What it does, and whether it answers
    Status { name: String },
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let (name, ask) = match command {
        Command::Start { name } => (name, ServerAsk::Start),
        Command::Stop { name } => (name, ServerAsk::Stop),
        Command::Status { name } => (name, ServerAsk::Status),
    };
    if let Some(client) = Client::connect(&context.settings.data_dir).await? {
        let status = client.server(&name, ask).await?;
        return show(&status, ask, context);
    }
    let settings = &context.settings;
    let tree = Tree::with_niceness(&settings.sandbox.namespace, settings.energy.priority);
    let tree = Arc::new(tree.context("cannot make the process group of the server")?);
    let servers = Servers::new(&settings.llm, &tree, app::open_log(settings))?;
    match ask {
        ServerAsk::Status => {
            let status = servers.status(&name).await.map_err(usage)?;
            show(&status, ask, context)
        }
        ServerAsk::Stop => {
            let status = servers.status(&name).await.map_err(usage)?;
            hint(
                "no service runs here; a server that was started in a terminal ends there with Ctrl-C",
            );
            show(&status, ask, context)
        }
        ServerAsk::Start => here(&servers, &name, context).await,
    }
}

/// A name that is not set is bad usage.
fn usage(error: ServerError) -> anyhow::Error {
    match error {
        ServerError::Unknown { .. } => UsageError(error.to_string()).into(),
        other => other.into(),
    }
}

/// In this process, until somebody asks it to stop.
async fn here(servers: &Servers, name: &str, context: &Context) -> anyhow::Result<Exit> {
    let (permit, holder) = permit::operator(Arc::clone(servers.tree()));
    let started = tokio::select! {
        started = servers.start(name, &permit) => started,
        _ = asked_to_stop() => {
            holder.end(crate::dream::WakeReason::Interrupt);
            servers.stop(name).await?;
            return Ok(Exit::Interrupted);
        }
    };
    let status = match started {
        Ok(status) => status,
        Err(error @ ServerError::Failed { .. }) => {
            hint(&error.to_string());
            return Ok(Exit::Undecided);
        }
        Err(error) => return Err(usage(error)),
    };
    let exit = show(&status, ServerAsk::Start, context)?;
    if !status.ours {
        return Ok(exit);
    }
    hint("Ctrl-C ends it");
    asked_to_stop().await;
    servers.stop(name).await?;
    Ok(Exit::Done)
}

fn show(status: &ServerStatus, ask: ServerAsk, context: &Context) -> anyhow::Result<Exit> {
    if context.json {
        say(&serde_json::to_string(status)?)?;
    } else {
        say(&text(status))?;
    }
    let as_asked = match ask {
        ServerAsk::Start | ServerAsk::Status => status.healthy,
        ServerAsk::Stop => status.state == "stopped" && status.url.is_none(),
    };
    Ok(if as_asked { Exit::Done } else { Exit::No })
}

fn text(status: &ServerStatus) -> String {
    let mut parts = vec![format!("{} {}", status.name, status.state)];
    parts.extend(
        status
            .url
            .as_ref()
            .map(|url| match (status.ours, status.healthy) {
                (true, true) => format!("answers at {url}"),
                (true, false) => format!("does not answer at {url}"),
                (false, _) => format!("somebody else's server answers at {url}"),
            }),
    );
    parts.extend(status.pid.map(|pid| format!("process {pid}")));
    let megabytes = status.memory_bytes.map(|bytes| bytes >> 20);
    parts.extend(megabytes.map(|mb| format!("{mb} MB")));
    if status.restarts > 0 {
        parts.push(format!("started again {} times", status.restarts));
    }
    parts.extend(status.why.clone());
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_a_sentence() {
        let status = ServerStatus {
            name: "small".to_owned(),
            state: "ready".to_owned(),
            ours: true,
            healthy: true,
            url: Some("http://127.0.0.1:8089".to_owned()),
            pid: Some(7),
            seconds: Some(3.0),
            restarts: 1,
            memory_bytes: Some(300 << 20),
            why: None,
        };
        insta::assert_snapshot!(text(&status), @"small ready, answers at http://127.0.0.1:8089, process 7, 300 MB, started again 1 times");
    }
}
