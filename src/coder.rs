//! Scenario -> Candidates.
