//! Facts of nights before facts were kept: made once from the dreams and attempts that are still there. Which server
//! answered then is not on record, so these tell of topics and difficulty, and of the model by its name alone.

use jiff::Timestamp;

use super::fold::steps_of;
use super::name::fitted;
use crate::dream::{
    ArmKey, Attempt, AttemptFact, AttemptOutcome, DreamRecord, FactOutcome, GateReport, Generator,
    LearningPhase, Provenance, Topic,
};
use crate::ids::AttemptId;
use crate::store::{Store, StoreError};

/// Of documents; some have two (`heapq.rst.txt`).
const ENDINGS: [&str; 10] = [
    "txt", "rst", "md", "markdown", "html", "htm", "xhtml", "py", "rs", "json",
];
/// As many as the attempts' table keeps.
const MOST: usize = 10_000;

/// Writes the facts of earlier nights, once in the database's life: an empty table may be one that a person emptied. How
/// many.
pub fn backfill(store: &Store) -> Result<u64, StoreError> {
    if store.is_backfilled()? {
        return Ok(0);
    }
    let attempts = store.attempts(MOST)?;
    let dreams = store.published_dreams(MOST)?;
    let of_dreams = dreams.iter().filter_map(|row| of_dream(&row.record));
    let facts: Vec<AttemptFact> = attempts
        .iter()
        .filter_map(of_attempt)
        .chain(of_dreams)
        .collect();
    store.backfill_facts(&facts)
}

fn of_attempt(attempt: &Attempt) -> Option<AttemptFact> {
    let outcome = match (attempt.outcome, attempt.reasons.first().map(String::as_str)) {
        (AttemptOutcome::Undecided, _) => return None,
        (AttemptOutcome::Rejected, Some("not_woven")) => FactOutcome::NotWoven,
        (AttemptOutcome::Rejected, Some("below_gold")) => FactOutcome::NotKept,
        (AttemptOutcome::Rejected, _) => FactOutcome::Rejected,
    };
    let begin = begin(
        attempt.generator,
        &attempt.provenance,
        attempt.topic.as_ref(),
    );
    Some(AttemptFact {
        attempt_id: attempt.attempt_id.clone(),
        session_id: attempt.session_id.clone(),
        at: attempt.at,
        topic: if outcome == FactOutcome::NotWoven {
            // Then the title is all that is known: the cluster's label.
            fitted(&attempt.scenario.title)
        } else {
            topic(&attempt.provenance, attempt.topic.as_ref())
        },
        generator: attempt.generator,
        difficulty: attempt.scenario.difficulty,
        library: attempt.scenario.libraries.join("+"),
        arm: arm(&attempt.provenance),
        outcome,
        tier: None,
        reasons: attempt.reasons.clone(),
        seconds: attempt.seconds,
        tokens: attempt.tokens.prompt + attempt.tokens.completion,
        steps: steps_of(begin, outcome, &attempt.gates),
        phase: LearningPhase::Bootstrap,
        group: String::new(),
        choice: None,
        trajectory: None,
    })
}

fn of_dream(record: &DreamRecord) -> Option<AttemptFact> {
    let at: Timestamp = record.timestamp.parse().ok()?;
    let gates: &[GateReport] = &record.evidence;
    let begin = begin(record.generator, &record.provenance, record.topic.as_ref());
    Some(AttemptFact {
        attempt_id: AttemptId::parse(record.dream_id.as_str())?,
        session_id: record.session_id.clone(),
        at,
        topic: topic(&record.provenance, record.topic.as_ref()),
        generator: record.generator,
        difficulty: record.scenario.difficulty,
        library: record.scenario.libraries.join("+"),
        arm: arm(&record.provenance),
        outcome: FactOutcome::Saved,
        tier: Some(record.tier),
        reasons: Vec::new(),
        seconds: record.seconds,
        tokens: record.tokens.prompt + record.tokens.completion,
        steps: steps_of(begin, FactOutcome::Saved, gates),
        phase: LearningPhase::Bootstrap,
        group: String::new(),
        choice: None,
        trajectory: None,
    })
}

fn arm(provenance: &Provenance) -> Option<ArmKey> {
    Some(ArmKey {
        endpoint: "unknown".to_owned(),
        model: provenance.model.clone()?,
        prompt: provenance.prompt_version.clone().unwrap_or_default(),
    })
}

/// A woven task has a cluster; a found one has a source and none.
fn begin(generator: Generator, provenance: &Provenance, topic: Option<&Topic>) -> &'static str {
    let clustered = topic.is_some_and(|topic| topic.cluster.is_some());
    match generator {
        Generator::Offline => "pack",
        Generator::Source => "source",
        Generator::Llm if provenance.tasks_line.is_some() => "given",
        Generator::Llm if !clustered && !provenance.sources.is_empty() => "source",
        Generator::Llm => "weave",
    }
}

fn topic(provenance: &Provenance, topic: Option<&Topic>) -> String {
    if let Some(Topic {
        cluster: Some(_),
        label,
    }) = topic
    {
        return fitted(label);
    }
    let document = provenance
        .sources
        .first()
        .map(|source| source.path.as_str());
    let document = document.or(provenance.pack_file.as_deref());
    document.map_or_else(|| "unknown".to_owned(), |path| fitted(&module_of(path)))
}

/// The name of a document without its folders and its ending: a library's module.
#[must_use]
pub fn module_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let mut name = file;
    while let Some((stem, ending)) = name.rsplit_once('.')
        && ENDINGS.contains(&ending)
        && !stem.is_empty()
    {
        name = stem;
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_name_loses_its_endings_and_keeps_its_dots() {
        for (path, name) in [
            ("doc/library/heapq.rst.txt", "heapq"),
            ("email.charset.rst", "email.charset"),
            ("/a/tools.py", "tools"),
            (".rst", ".rst"),
            ("merge", "merge"),
        ] {
            assert_eq!(module_of(path), name);
        }
    }
}
