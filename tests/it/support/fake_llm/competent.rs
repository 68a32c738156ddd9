//! What the competent fake knows: a few tasks with right and wrong answers.

pub(crate) enum Skill {
    Full,
    Half,
}
pub(crate) struct Brain;
impl Brain {
    pub(crate) fn new(_skill: Skill) -> Self {
        Self
    }
    pub(crate) fn answer(&self, _prompt: &str, _number: usize) -> String {
        String::new()
    }
}
