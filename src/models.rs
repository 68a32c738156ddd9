//! Which model to ask: the registry of arms (endpoint, model, prompt version), what their outcomes say of them, and the
//! weights that follow. Called by the engine once a scenario, by the `models` commands and by the bench. Everything here
//! is a function of the recorded facts and of a versioned configuration: nothing is counted twice, and a rollback is a
//! configuration taken again. Never asks a model and never reads a clock.

mod belief;
mod book;
mod change;
mod configured;
mod history;
pub mod kept;
mod metrics;
mod outcomes;
mod reinforce;
mod rule;
pub mod simulate;
mod transfer;

pub use crate::chance::Bounds;
pub use belief::{Thompson, ThompsonParams};
pub use book::{ArmView, Book};
pub use change::{Change, ChangeError};
pub use configured::{ConfigProblem, ModelConfig, Override, Strategy, Version};
pub use history::{WeightChange, history};
pub use metrics::{Metrics, metrics};
pub use outcomes::{Outcome, Outcomes, Wanted};
pub use reinforce::{Reinforcement, ReinforcementParams, ReinforcementStatus, RunState};
pub use rule::Rule;
pub use transfer::{RewardPunish, RewardPunishParams};
