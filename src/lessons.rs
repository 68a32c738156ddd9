//! LessonsStore: what was learned, as situation, action, result and feedback. Called by the front doors and by what
//! makes training files; a dream's lesson is written by the journal, together with the dream. Never writes files.

use crate::dream::{DreamRecord, GateOutcome, Generator, Lesson, LessonMetadata};
use crate::ids::LessonId;
use crate::store::{Store, StoreError};

/// The lessons in the database.
#[derive(Debug, Clone, Copy)]
pub struct LessonsStore<'a> {
    store: &'a Store,
}

impl<'a> LessonsStore<'a> {
    #[must_use]
    pub fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// # Errors
    /// Where the database cannot be written or already has this id.
    pub fn add(&self, lesson: &Lesson) -> Result<(), StoreError> {
        self.store.add_lesson(lesson)
    }

    /// # Errors
    /// Where the database cannot be read.
    pub fn get(&self, lesson: &LessonId) -> Result<Option<Lesson>, StoreError> {
        self.store.lesson(lesson)
    }

    /// Newest first, at most `limit`.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn list(&self, limit: usize) -> Result<Vec<Lesson>, StoreError> {
        self.store.lessons(limit)
    }

    /// Lessons that hold every word, or a word that begins so; best first, at most `limit`.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn search(&self, words: &str, limit: usize) -> Result<Vec<Lesson>, StoreError> {
        self.store.search_lessons(words, limit)
    }

    /// # Errors
    /// Where the database cannot be read.
    pub fn count(&self) -> Result<u64, StoreError> {
        self.store.count_lessons()
    }

    /// Lessons whose id begins with `prefix`, at most `limit`.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn by_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<LessonId>, StoreError> {
        self.store.lessons_by_prefix(prefix, limit)
    }
}

/// What a dream teaches: its task and its whole code.
pub(crate) fn from_dream(record: &DreamRecord, code: &str) -> Lesson {
    let scenario = &record.scenario;
    let checks = record.checks.len() + record.hidden_checks.len();
    let mut tags = vec!["synthetic".to_owned(), "dream".to_owned()];
    for library in &scenario.libraries {
        if !tags.contains(library) {
            tags.push(library.clone());
        }
    }
    let passed: Vec<&str> = record
        .evidence
        .iter()
        .filter(|gate| gate.outcome == GateOutcome::Pass)
        .map(|gate| gate.gate.as_str())
        .collect();
    Lesson {
        lesson_id: LessonId::from(&record.dream_id),
        situation: scenario.task_prompt.clone(),
        action: code.to_owned(),
        result: format!(
            "{}: all {checks} checks pass ({} of them hidden)",
            record.tier.as_str(),
            record.hidden_checks.len()
        ),
        feedback: format!(
            "written by {}; gates passed: {}",
            match record.generator {
                Generator::Llm => "a language model",
                Generator::Source => "the owner's own documents",
                Generator::Offline => "the offline pack",
            },
            passed.join(", ")
        ),
        tags,
        metadata: LessonMetadata {
            synthetic: true,
            dream_id: Some(record.dream_id.clone()),
            session_id: Some(record.session_id.clone()),
            title: scenario.title.clone(),
            difficulty: Some(scenario.difficulty),
            tier: Some(record.tier),
            generator: Some(record.generator),
            entry_point: Some(scenario.entry_point.clone()),
        },
        timestamp: record.timestamp.clone(),
    }
}
