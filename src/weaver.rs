//! ScenarioWeaver: cluster -> Scenario with checks.
