//! DreamEngine: enter_rem_phase.
