//! `models reinforce`: a replay of recorded outcomes through a rule. Changes no weight that a session uses.

use crate::cli::text::clean_line;
use crate::cli::{Context, Exit, UsageError, say};
use crate::clock;
use crate::ids::SessionId;
use crate::models::kept::{self, ModelsError};
use crate::models::{ReinforcementParams, ReinforcementStatus};
use crate::store::Store;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Replay now
    Start {
        /// How far back
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        test_period_days: u32,
        /// Of reward-punish alone, as the next two; as the rule in force has it, else 0.01
        #[arg(long, value_name = "NUMBER")]
        learning_rate: Option<f64>,
        /// As the rule in force has it, else 1.5
        #[arg(long, value_name = "NUMBER")]
        reward_multiplier: Option<f64>,
        /// As the rule in force has it, else 0.8
        #[arg(long, value_name = "NUMBER")]
        punishment_multiplier: Option<f64>,
        /// thompson or reward-punish
        #[arg(long, default_value = "reward-punish")]
        strategy: String,
    },
    /// Where the newest replay stands
    Status,
    /// Ask the newest replay to stop
    Stop,
}

pub(super) fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let store = Store::open(&context.settings.database())?;
    let status = match command {
        Command::Start {
            test_period_days,
            learning_rate,
            reward_multiplier,
            punishment_multiplier,
            strategy,
        } => {
            let params = ReinforcementParams {
                test_period_days,
                learning_rate,
                reward_multiplier,
                punishment_multiplier,
                strategy,
            };
            let id = SessionId::new();
            match kept::reinforce(&store, id.as_str(), params, clock::utc()) {
                Err(ModelsError::Config(problem)) => {
                    return Err(UsageError(problem.to_string()).into());
                }
                run => Some(run?),
            }
        }
        Command::Stop => {
            store.stop_reinforcement()?;
            kept::reinforcement(&store, clock::utc())?
        }
        Command::Status => kept::reinforcement(&store, clock::utc())?,
    };
    let Some(status) = status else {
        tracing::error!("nothing was replayed yet");
        return Ok(Exit::No);
    };
    show(&status, context)?;
    Ok(Exit::Done)
}

fn show(status: &ReinforcementStatus, context: &Context) -> anyhow::Result<()> {
    if context.json {
        return say(&serde_json::to_string(status)?);
    }
    say(&format!(
        "{}: {} of {} outcomes of {} days replayed through {}, {:.1} s to go",
        serde_json::to_value(status.status)?
            .as_str()
            .unwrap_or_default(),
        status.replayed,
        status.outcomes,
        status.params.test_period_days,
        clean_line(&status.params.strategy),
        status.estimated_duration,
    ))?;
    if let Some(why) = &status.error {
        say(&clean_line(why))?;
    }
    for (arm, weight) in &status.weights {
        say(&format!(
            "{:>5.1} %  {}",
            100.0 * weight,
            clean_line(&arm.to_string())
        ))?;
    }
    Ok(())
}
