//! `models`: the models that are asked and the servers that run them.

use super::{Context, Exit};

pub mod server;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Start, stop or look at a model server that the settings name
    #[command(subcommand)]
    Server(server::Command),
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::Server(command) => server::run(command, context).await,
    }
}
