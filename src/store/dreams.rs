//! The dreams tables.

pub(super) const SCHEMA: &str = "-- none yet\n";
