//! A task that a person gave becomes a draft.

use super::Drafted;
use crate::clock;
use crate::dream::{Candidate, Generator, TaskLine};
use crate::engine::{EngineError, Scene, Tally};
use crate::pack::source::{LEAST_EXAMPLES, examples_in};
use crate::weaver::WovenChecks;

impl Scene<'_> {
    /// A task that a person gave: only checks are written here, beside the examples that its text shows.
    pub(super) async fn draft_given(
        &self,
        line: TaskLine,
        tally: &mut Tally,
    ) -> Result<Drafted, EngineError> {
        let Some(writers) = self.writers else {
            return Err(EngineError::NoModel);
        };
        let title = line
            .title
            .clone()
            .unwrap_or_else(|| first_words(&line.task_prompt));
        if let Some(why) = self.tools.without_libraries(&line.libraries) {
            return Ok(Drafted::refused(title, why));
        }
        let began = clock::monotonic();
        let named = writers.weaver.scenario_for(self.permit, &line).await;
        let Some((scenario, spent)) = self.woven_or_nothing(named)? else {
            return Ok(Drafted::refused(
                title,
                "no entry point could be told from the task",
            ));
        };
        tally.spent(spent);
        let shown = examples_in(
            &scenario.task_prompt,
            &scenario.entry_point,
            &scenario.libraries,
        );
        let (suites, early) = self
            .checks_and_solutions(writers, &scenario, &shown, 0, tally)
            .await?;
        let mut suites = match self.woven_or_nothing(suites)? {
            Some(suites) => suites,
            None if shown.len() >= LEAST_EXAMPLES => WovenChecks::default(),
            None => return Ok(Drafted::refused(title, "the model wrote no usable checks")),
        };
        suites.checks.splice(0..0, shown);
        let candidate = Candidate {
            scenario,
            code: String::new(),
            checks: suites.checks,
            hidden_checks: suites.hidden_checks,
        };
        let mut draft = self.begin(candidate, Generator::Llm);
        draft.began = began;
        draft.unsure = suites.unsure;
        draft.early = early;
        draft.name_the_model(writers);
        draft.provenance.tasks_line = Some(format!("{}:{}", self.tools.tasks_file, line.line));
        Ok(Drafted::Ready(Box::new(draft)))
    }
}

/// A title from a prompt that came without one.
fn first_words(prompt: &str) -> String {
    let words: Vec<&str> = prompt.split_whitespace().take(8).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_gives_a_short_title() {
        assert_eq!(
            first_words("  Merge two\nsorted lists "),
            "Merge two sorted lists"
        );
    }
}
