//! The vocabulary: plain data that every room shares. No IO, no async, no clock.
//!
//! A `Cluster` of `Fragment`s becomes a `Scenario` with `Check`s; a `Candidate` is code that claims to pass them; an
//! `Observation` is what one call of that code really did; a `Verdict` is what the Guardian made of it.

mod candidate;
mod fact;
mod finding;
mod knowledge;
mod literal;
mod observation;
mod record;
mod session;
mod value;
mod verdict;

pub use candidate::{
    Candidate, Check, CheckKind, Difficulty, Origin, Route, Scenario, Serve, Suite, class_name,
};
pub use fact::{
    Alternative, ArmKey, AttemptFact, Choice, Decision, FactOutcome, LearningPhase, Step,
};
pub use finding::{Finding, Health};
pub use knowledge::{Cluster, Document, Fragment, FragmentKind, Source};
pub use literal::{LiteralError, parse_literal};
pub use observation::{Ending, Observation, Outcome, Request, Served, Stage};
pub use record::{
    Attempt, AttemptOutcome, DreamRecord, DroppedCheck, Lesson, LessonMetadata, Provenance, Review,
    Sketch, Topic, Tries,
};
pub use session::{
    Complexity, Funnel, GateCount, Generator, Measured, PlantRate, RemRequest, SessionReport,
    SessionStatus, Spent, TaskLine, Tokens, Trigger, WakeReason,
};
pub use value::Value;
pub use verdict::{GateOutcome, GateReport, Opinion, Reason, Tier, VerdictKind};
