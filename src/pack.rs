//! Scenarios and solutions without a model.
