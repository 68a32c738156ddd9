//! The last gate, where the owner asked for it: another look by a model, another one than the solution's where one
//! answers. It can lower a dream to silver; a model that fails, or says nothing readable, changes nothing.

use crate::clock;
use crate::dream::{Generator, Opinion, Tier};
use crate::guardian::VerifiedDream;

use super::draft::Draft;
use super::{EngineError, Scene};

impl Scene<'_> {
    /// The dream with what a model thinks of it.
    pub(super) async fn weigh(
        &self,
        draft: &Draft,
        dream: VerifiedDream,
    ) -> Result<VerifiedDream, EngineError> {
        let wanted = self.engine.settings.dreaming.opinion
            && draft.generator == Generator::Llm
            && dream.tier() == Tier::Gold;
        let mut all = self.tools.writers.iter();
        let another = all.find(|writers| self.writers.is_none_or(|own| own.arm != writers.arm));
        let Some(writers) = another.or(self.writers).filter(|_| wanted) else {
            return Ok(dream);
        };
        let began = clock::monotonic();
        let said = writers.coder.opinion(self.permit, dream.candidate()).await;
        // A wake goes on as one; the candidate is judged again another night.
        self.permit.ask()?;
        let opinion = said.unwrap_or_else(|error| Opinion::Missing(format!("no opinion: {error}")));
        Ok(dream.weighed(&opinion, began.elapsed()))
    }
}
