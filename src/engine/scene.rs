//! What all stages of one scenario have in common.

use super::DreamEngine;
use super::learned::Told;
use super::progress::Progress;
use super::shares::Share;
use super::tell::Story;
use super::tools::{Tools, Writers};
use crate::ids::SessionId;
use crate::journal::Dirs;
use crate::supervisor::permit::WorkPermit;

/// One scenario on its way through the pipeline.
pub(super) struct Scene<'a> {
    pub(super) engine: &'a DreamEngine,
    pub(super) tools: &'a Tools,
    pub(super) permit: &'a WorkPermit,
    pub(super) progress: &'a Progress,
    pub(super) session: &'a SessionId,
    pub(super) number: u64,
    pub(super) story: Story,
    /// The model that this scenario asks; `None` where none answers.
    pub(super) writers: Option<&'a Writers>,
    /// How many requests it may have at once.
    pub(super) requests: usize,
    /// Why it is dreamed.
    pub(super) told: &'a Told,
    pub(super) share: Share<'a>,
}

impl Scene<'_> {
    pub(super) fn session(&self) -> &SessionId {
        self.session
    }

    pub(super) fn dirs(&self) -> Dirs {
        Dirs::of(&self.engine.settings)
    }
}
