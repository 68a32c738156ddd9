//! What is forgotten with a document: all that was made of it, and nothing else.

use super::*;
use crate::dream::AttemptOutcome;
use crate::ids::AttemptId;
use crate::store::{ExperienceQuery, Forgotten, NewExperience};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

const DIARY: &str = "/notes/private/diary.md";
const OTHER: &str = "/notes/privateer.md";
const SECRET: &str = "xyzzy";

fn made_of(path: &str) -> Provenance {
    Provenance {
        sources: vec![Source {
            path: path.to_owned(),
            sha256: String::new(),
            lines: (1, 9),
            licence: String::new(),
        }],
        ..Provenance::default()
    }
}

/// Two events of a course; the second one may name the try that they came to.
fn told(place: &Place, course: &str, attempt: Option<&AttemptId>) {
    let records = [
        json!({"data": {"title": SECRET}}).to_string(),
        json!({"data": {"attempt_id": attempt}}).to_string(),
    ];
    let types = ["dream.woven", "dream.fallen"];
    let rows: Vec<NewExperience<'_>> = types
        .iter()
        .zip(&records)
        .map(|(event_type, record)| NewExperience {
            id: format!("{course} {event_type}"),
            at: Timestamp::UNIX_EPOCH,
            event_type,
            source: "test",
            trajectory: Some(course),
            caused_by: None,
            record,
        })
        .collect();
    let now = Timestamp::UNIX_EPOCH;
    place
        .store
        .keep_experience(&rows, "test", &[], now)
        .unwrap();
}

fn fact(id: &str, session: &SessionId, topic: &str, course: &str) -> AttemptFact {
    AttemptFact {
        attempt_id: AttemptId::parse(id).unwrap(),
        session_id: session.clone(),
        topic: topic.to_owned(),
        trajectory: Some(course.to_owned()),
        ..AttemptFact::example(1, false)
    }
}

/// A try that fell; a decided one leaves a fact that names its events, of an undecided one the events name it.
fn fell(place: &Place, session: &SessionId, path: &str, outcome: AttemptOutcome) {
    let attempt = Attempt {
        outcome,
        provenance: made_of(path),
        scenario: Scenario {
            title: format!("{SECRET} of {path}"),
            ..Scenario::default()
        },
        ..Attempt::example(session)
    };
    place.store.record_attempt(&attempt).unwrap();
    let id = &attempt.attempt_id;
    let course = format!("course of {id}");
    match outcome {
        AttemptOutcome::Rejected => {
            told(place, &course, None);
            let fact = fact(id.as_str(), session, path, &course);
            place.store.record_fact(&fact).unwrap();
        }
        AttemptOutcome::Undecided => told(place, &course, Some(id)),
    }
}

fn events(store: &Store) -> usize {
    let all = ExperienceQuery {
        limit: usize::MAX,
        ..ExperienceQuery::default()
    };
    store.experience(&all).unwrap().len()
}

#[test]
fn with_a_document_goes_all_that_was_made_of_it_and_nothing_else() {
    let place = place();
    let store = &place.store;
    let session = publication().session_id;
    let night: Date = "2023-11-15".parse().unwrap();
    let report = SessionReport::empty(session.clone(), SessionStatus::Completed);
    let start = Timestamp::from_second(1_700_000_000).unwrap();
    store
        .begin_session(&report, Trigger::Night, night, start)
        .unwrap();

    let mut publication = publication();
    publication.provenance = made_of(DIARY);
    publication.thought = Some(SECRET.to_owned());
    let dream = publication.dream_id.clone();
    let learned = fact(dream.as_str(), &session, DIARY, "course of the dream");
    told(&place, "course of the dream", None);
    publication.fact = Some(learned.clone());
    let row = row_of(&place.dirs, proof(), publication);
    publish_row(store, &place.dirs, row, Some(&learned)).unwrap();
    for outcome in [AttemptOutcome::Rejected, AttemptOutcome::Undecided] {
        fell(&place, &session, DIARY, outcome);
        fell(&place, &session, OTHER, outcome);
    }
    for topic in [DIARY, OTHER] {
        store.save_offline_model(topic, start, "{}").unwrap();
    }
    let page = write_night(store, &place.dirs, night, &TimeZone::UTC).unwrap();
    assert!(fs::read_to_string(&page).unwrap().contains(DIARY));
    assert_eq!(events(store), 10);

    // A folder means what lies below it, not what begins alike.
    let folder = ["/notes/private".to_owned()];
    let gone = forget_derived(store, &place.dirs, &folder, &TimeZone::UTC).unwrap();
    let wanted = Forgotten {
        dreams: 1,
        attempts: 2,
        facts: 2,
        experiences: 6,
        sessions: [session.clone()].into(),
    };
    assert_eq!(gone, wanted);
    assert!(place.names().is_empty());
    assert_eq!(store.dream(&dream).unwrap(), None);
    assert_eq!(store.count_lessons().unwrap(), 0);
    let left = store.attempts_of_session(&session).unwrap();
    assert_eq!(left.len(), 2);
    assert!(
        left.iter()
            .all(|attempt| attempt.provenance == made_of(OTHER))
    );
    let facts = store.facts_of_session(&session).unwrap();
    assert!(facts.len() == 1 && facts[0].topic == OTHER, "{facts:?}");
    assert_eq!(events(store), 4);
    assert_eq!(store.offline_model(DIARY).unwrap(), None);
    assert!(store.offline_model(OTHER).unwrap().is_some());
    for file in [page.clone(), page.with_extension("json")] {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains(DIARY) && text.contains(OTHER), "{text}");
    }

    // Nothing is left to forget, and a page that is gone is not made anew.
    fs::remove_file(&page).unwrap();
    let again = forget_derived(store, &place.dirs, &folder, &TimeZone::UTC).unwrap();
    assert_eq!(again, Forgotten::default());
    assert!(!page.exists());
}
