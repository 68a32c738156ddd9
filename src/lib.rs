//! Dreamer turns its owner's documents and code into verified training data while nobody needs the machine.
//!
//! ```text
//!  senses (input, cpu, heat, power)            docs, code, notes
//!         │                                        │ ingest
//!    energy ── Leave ────► supervisor ──permit──► engine ◄── knowledge
//!         ▲                    │ cancel              │
//!         └── wake ◄───────────┘                     ├─► weaver, pack  cluster  -> Scenario + checks
//!                                                    ├─► coder         Scenario -> Candidates
//!                                                    ├─► sandbox       Candidate -> observed behaviour
//!                                                    ├─► settle        checks × behaviour -> settled checks
//!                                                    ├─► guardian      -> Verified | Rejected | Undecided
//!                                                    └─► journal       VerifiedDream -> files, lessons
//! ```
//!
//! Modules stand in reading order: vocabulary, pure rules, worlds, parts, engine, supervisor, front doors.

pub mod clock;
pub mod config;
pub mod dream;
pub mod here;
pub mod ids;
pub mod memory;

pub mod chance;
pub mod preface;
pub mod similarity;

pub mod tree;

pub mod llm;
pub mod sandbox;
pub mod store;

pub mod coder;
pub mod experience;
pub mod guardian;
pub mod journal;
pub mod knowledge;
pub mod learning;
pub mod lessons;
pub mod models;
pub mod pack;
pub mod weaver;

pub mod engine;

pub mod energy;
pub mod supervisor;

pub mod app;
pub mod cli;
pub mod http;
pub mod telemetry;
