//! In which order a replay goes over topics, on a real database.

use super::*;
use crate::dream::AttemptFact;
use crate::store::NewExperience;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
const BEFORE: Timestamp = Timestamp::constant(1_699_990_000, 0);
const LATER: Timestamp = Timestamp::constant(1_700_000_100, 0);

/// A try of a topic with ten events of this reward each.
fn tried(store: &Store, n: i64, topic: &str, reward: f64, at: Timestamp) {
    let trajectory = format!("course-{n}");
    let fact = AttemptFact {
        topic: topic.to_owned(),
        trajectory: Some(trajectory.clone()),
        at,
        ..AttemptFact::example(n, false)
    };
    assert!(store.record_fact(&fact).unwrap());
    let records: Vec<String> = (0..10_u64)
        .map(|number| {
            let mut event = Event::new("test.step", "test");
            event.timestamp = Some(at);
            event.reward = Some(reward);
            event.data = number.into();
            let trajectory = trajectory.clone().into();
            event.metadata.insert(TRAJECTORY.to_owned(), trajectory);
            serde_json::to_string(&event).unwrap()
        })
        .collect();
    let rows: Vec<NewExperience<'_>> = (0_u64..)
        .zip(&records)
        .map(|(number, record)| NewExperience {
            id: format!("{n:016x}{number:016x}"),
            at,
            event_type: "test.step",
            source: "test",
            trajectory: Some(&trajectory),
            caused_by: None,
            record,
        })
        .collect();
    store.keep_experience(&rows, "test", &[], at).unwrap();
}

fn order(store: &Store, now: Timestamp) -> Vec<String> {
    let topics = ["arrays", "lists", "trees", "untold"].map(str::to_owned);
    let draw = &mut Draw::seeded(7);
    in_order(store, topics.into(), Limits::default(), now, draw).unwrap()
}

#[test]
fn the_heaviest_topic_is_gone_over_first_and_another_one_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("dreamer.db")).unwrap();
    tried(&store, 1, "arrays", 1e-3, BEFORE);
    tried(&store, 2, "lists", -1e2, BEFORE);
    tried(&store, 3, "trees", 1e6, BEFORE);
    let first = order(&store, NOW);
    // A topic without experiences is not forgotten.
    assert_eq!(first[..1], ["trees"], "{first:?}");
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 4, "{first:?}");

    // A key ends the replay after its first topic: the next one looks elsewhere, also in another process.
    let learning = LearningStore::new(&store);
    let made = learning.run_offline_learning("trees", SESSIONS, NOW);
    assert!(made.unwrap().is_some());
    let next = order(&store, LATER);
    assert_eq!(next[..1], ["lists"], "{next:?}");

    // And where a topic was tried again, it comes up again.
    tried(&store, 4, "trees", 1e6, LATER);
    let again = order(&store, LATER);
    assert_eq!(again[..1], ["trees"], "{again:?}");
}

#[test]
fn a_replay_makes_a_model_of_every_topic_and_ends_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("dreamer.db");
    let store = Store::open(&database).unwrap();
    tried(&store, 1, "arrays", 1.0, BEFORE);
    tried(&store, 2, "lists", -0.5, BEFORE);
    let run = runner(database, Limits::default());
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(run(Chore::Replay, &stop), Ok(None));
    assert!(store.offline_models().unwrap().is_empty());
    let told = run(Chore::Replay, &CancellationToken::new()).unwrap();
    assert!(told.unwrap().contains("2 topics"));
    assert_eq!(store.offline_models().unwrap().len(), 2);
}
