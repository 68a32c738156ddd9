//! `models`: the models that are asked, what their outcomes say of them, and the servers that run them.

use super::{Context, Exit};

mod list;
mod outcomes;
mod reinforce;
pub mod server;
mod weights;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Every model that ever answered, with what its tries came to
    List,
    /// How often each model would be asked, and why; or set it
    Weights(weights::Args),
    /// What became of the tries that asked a model, newest first
    Outcomes(outcomes::Args),
    /// Replay the outcomes of the last days through a rule and see the weights that it would have reached
    #[command(subcommand)]
    Reinforce(reinforce::Command),
    /// Start, stop or look at a model server that the settings name
    #[command(subcommand)]
    Server(server::Command),
}

pub async fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    match command {
        Command::List => list::run(context),
        Command::Weights(args) => weights::run(&args, context),
        Command::Outcomes(args) => outcomes::run(args, context),
        Command::Reinforce(command) => reinforce::run(command, context),
        Command::Server(command) => server::run(command, context).await,
    }
}
