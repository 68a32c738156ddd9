//! Decides when dream work may run, and ends it.

pub mod permit;
