//! The owner's own examples as tasks.
