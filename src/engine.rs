//! DreamEngine: one REM phase from the first cluster to the last file. Called by the supervisor with a permit.

pub mod budget;
pub mod progress;
pub mod settle;
pub mod tally;
