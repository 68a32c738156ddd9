//! What the owner's documents become: documents, fragments of them, and clusters of fragments that belong together.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FragmentKind {
    Prose,
    Python,
    Rust,
}

/// Where a piece of text came from: enough to find it again and to know whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Absolute path at the time of ingestion.
    pub path: String,
    /// SHA-256 of the whole document, hexadecimal.
    pub sha256: String,
    /// First and last line, counted from 1, both included.
    pub lines: (u32, u32),
    /// SPDX expression or file name where a licence is known, else empty.
    #[serde(default)]
    pub licence: String,
}

/// A whole ingested document, as the source's own examples are mined from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub path: String,
    pub sha256: String,
    pub kind: FragmentKind,
    pub licence: String,
    pub text: String,
}

/// One chunk: a section under its heading, or one definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fragment {
    /// Row id in the store.
    pub id: i64,
    pub source: Source,
    pub kind: FragmentKind,
    /// Heading path or qualified name, for people.
    pub heading: String,
    pub text: String,
}

/// Fragments that belong together, best first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    pub id: i64,
    /// The topic's name: its strongest entities, for people and statistics.
    pub label: String,
    /// Strongest entities first.
    pub concepts: Vec<String>,
    pub fragments: Vec<Fragment>,
    /// Sum of the degrees of its nodes in the graph.
    pub degree: u64,
    /// How often it was dreamed of.
    pub dreamed: u64,
}
