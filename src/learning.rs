//! What recorded tries say about the next ones: facts of sessions, statistics as views over them, an offline model, the
//! ladder of difficulty and the choice of a topic. Called by the engine before and after each scenario and by the
//! `learning` commands. A view is computed from rows whenever it is asked for, so nothing is counted twice and nothing
//! that was forgotten lingers. What an offline model is sure of, and its strategy, enter the outlook again. Never reads a
//! clock.
//!
//! ```text
//!  attempt_facts ─┐                    ┌─► Outlook ─► choose (topic), libraries, ladder (difficulty)
//!                 ├─► SessionFact ─► union ─► Snapshot (a topic, all) ─► OfflineModel, `learning show`
//!  session_facts ─┘                    └─► merge: Additive, TimeDecay, SuccessWeighted
//! ```

mod backfill;
pub mod choose;
mod facts;
mod files;
mod fold;
pub mod ladder;
pub mod layout;
pub mod libraries;
mod merge;
mod name;
mod offline;
mod outlook;
pub mod replay;
mod session;
mod snapshot;

pub use backfill::{backfill, module_of};
pub use facts::{LearningError, LearningStore, SnapshotKey};
pub use files::Imported;
pub use fold::{fold_attempts, steps_of};
pub use merge::{MergeStrategy, Merged, merge};
pub use name::{MAX_NAME_BYTES, NameError, checked, fitted, from_file_name, to_file_name};
pub use offline::{Approach, OfflineModel, RecommendedPath, analyse, wilson_lower};
pub use outlook::{Figures, Outlook};
pub use session::{Selection, SessionFact, Switch, View, union};
pub use snapshot::{Outcomes, Snapshot, StrategyStats};
