//! What the stream promises to those who write: every form is taken, nothing waits, the account is right whenever somebody
//! looks, and what is old is found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dreamer::clock;
use dreamer::experience::{
    Ask, Event, EventId, Record, Retention, SinkChoice, Strategy, TRAJECTORY, WriteError, archive,
    archive_due, draw::Draw,
};
use dreamer::store::{ExperienceQuery, NewExperience, SinkCount};
use jiff::SignedDuration;
use serde_json::json;

use super::{balanced, event, figures, numbers_in, numbers_of, open, options, wait_for, write_all};
use crate::support::World;

#[test]
fn a_typed_event_a_record_and_plain_json_are_taken_alike() {
    let world = World::new();
    let (stream, store) = open(&world, vec![SinkChoice::Durable]);
    let typed = stream.write_event(event(1)).expect("taken");
    let record = Record {
        seq: 7,
        event: event(2),
    };
    stream.write_event(record).expect("taken");
    let json = json!({"event_type": "x", "source_component": "y", "event_id": "evt-3", "data": 3, "caused_by": typed});
    let foreign = stream.write_event(json).expect("taken");
    assert_eq!(foreign, EventId::of("evt-3"));
    let refused = stream.write_event(json!({"event_type": "x"})).unwrap_err();
    assert!(matches!(refused, WriteError::Event(_)));
    let mut bad = event(4);
    bad.reward = Some(f64::NAN);
    assert!(stream.write_event(bad).is_err());
    assert!(stream.flush(super::PATIENCE));
    assert_eq!(numbers_of(&store), [1, 2, 3]);
    let effects = store
        .experience_effects(&typed.to_string())
        .expect("readable");
    assert_eq!(effects, [foreign.to_string()]);
    assert_eq!(
        figures(&stream, "sqlite").written,
        3,
        "what is no event was never written"
    );
    // The same number again is the same event.
    stream
        .write_event(
            json!({"event_type": "x", "source_component": "y", "event_id": "evt-3", "data": 9}),
        )
        .expect("taken");
    assert!(stream.flush(super::PATIENCE));
    assert_eq!(numbers_of(&store), [1, 2, 3]);
}

#[test]
fn the_account_is_right_whenever_somebody_looks() {
    let world = World::new();
    let full = SinkChoice::Jsonl("/dev/full".into(), dreamer::experience::Rotation::default());
    let (stream, store) = open(&world, vec![SinkChoice::Durable, full]);
    let over = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (stream, over) = (stream.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            let mut looks = 0_u64;
            while !over.load(Ordering::SeqCst) {
                balanced(&stream);
                looks += 1;
            }
            looks
        })
    };
    let turned_away: u64 = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|_| {
                let stream = &stream;
                scope.spawn(move || {
                    (0..20_000)
                        .filter(|n| stream.write_event(event(*n)).is_err())
                        .count() as u64
                })
            })
            .collect();
        producers
            .into_iter()
            .map(|producer| producer.join().expect("it ends"))
            .sum()
    });
    let sum = || {
        let f = figures(&stream, "sqlite");
        f.flushed + f.dropped
    };
    wait_for(|| sum() == 80_000);
    over.store(true, Ordering::SeqCst);
    assert!(watcher.join().expect("it was always right") > 10);
    let f = figures(&stream, "sqlite");
    assert!(
        f.written == 80_000 && f.dropped >= turned_away,
        "{f:?}, {turned_away} turned away"
    );
    drop(stream);
    assert_eq!(
        numbers_of(&store).len() as u64,
        f.flushed,
        "flushed is what is there"
    );
}

#[test]
fn a_trajectory_adds_up_and_links_its_events() {
    let world = World::new();
    let (stream, store) = open(&world, vec![SinkChoice::Durable]);
    let trajectory = stream.begin_trajectory("test");
    let id = trajectory.id().to_owned();
    let rewarded = |reward| Event {
        reward: Some(reward),
        ..event(1)
    };
    let first = trajectory.add(rewarded(1.0)).expect("taken");
    let second = trajectory.add(rewarded(-0.5)).expect("taken");
    let summary = trajectory.end("fair");
    assert_eq!((summary.length, summary.events), (2, vec![first, second]));
    assert!((summary.total_reward - 0.5).abs() < 1e-12 && (summary.quality - 0.25).abs() < 1e-12);
    drop(trajectory);
    drop(stream.begin_trajectory("left alone"));
    assert!(stream.flush(super::PATIENCE));
    let ends = ExperienceQuery {
        limit: 9,
        event_type: Some("trajectory.ended".to_owned()),
        ..ExperienceQuery::default()
    };
    let rows = store.experience(&ends).expect("readable");
    let texts: Vec<_> = rows.iter().map(|row| row.record.as_str()).collect();
    assert_eq!(texts.len(), 2, "one end each: {texts:?}");
    assert!(texts[0].contains("\"outcome\":\"fair\"") && texts[0].contains(TRAJECTORY));
    assert!(texts[1].contains("\"outcome\":\"abandoned\""));
    let course = ExperienceQuery {
        limit: 9,
        trajectory: Some(id),
        ..ExperienceQuery::default()
    };
    assert_eq!(store.experience(&course).expect("readable").len(), 3);
}

#[test]
fn priorities_can_be_changed_and_count_at_once() {
    let world = World::new();
    let (stream, _) = open(&world, Vec::new());
    write_all(&stream, 0..1000);
    let ask = Ask::new(Strategy::Prioritized, 200);
    let draw = &mut Draw::seeded(1);
    let heavy: Vec<(u64, f64)> = vec![(17, 1e6)];
    assert_eq!(stream.update_priorities(&heavy), 1);
    assert_eq!(
        stream.update_priorities(&[(5000, 1.0)]),
        0,
        "nobody is there"
    );
    let batch = stream.sample(&ask, draw);
    let often = batch.items().iter().filter(|item| item.seq == 17).count();
    assert!(often > 150, "{often} of 200");
}

#[test]
fn what_a_killed_run_still_held_is_counted_as_lost() {
    let world = World::new();
    let (stream, store) = open(&world, vec![SinkChoice::Durable]);
    let count = SinkCount {
        written: 10,
        flushed: 6,
        dropped: 1,
        buffered: 3,
    };
    store
        .keep_experience(&[], "killed", &[("sqlite", count)], clock::utc())
        .expect("kept");
    // Another one lives: what it holds is not touched.
    stream.write_event(event(1)).expect("taken");
    assert!(stream.flush(super::PATIENCE));
    let other = open(&world, vec![SinkChoice::Durable]);
    let figures = store.experience_figures().expect("figures");
    let (_, count) = figures
        .iter()
        .find(|(name, _)| name == "sqlite")
        .expect("there");
    assert_eq!(
        (count.written, count.flushed, count.dropped, count.buffered),
        (11, 7, 4, 0)
    );
    drop(other);
}

#[test]
fn old_events_leave_for_archives_by_age_and_by_size() {
    let world = World::new();
    let made = options(&world, vec![SinkChoice::Durable]);
    let (stream, store) = open(&world, vec![SinkChoice::Durable]);
    let now = clock::utc();
    for number in 0..300 {
        let mut old = event(number);
        let days = match number {
            // A clock that was wrong for a moment holds nothing up.
            3 => -30,
            0..100 => 120,
            _ => 1,
        };
        old.timestamp = Some(now - SignedDuration::from_hours(24 * days));
        stream.write_event(old).expect("taken");
    }
    // The first batch of a run looks for what is due; a later one may come before its time.
    wait_for(|| figures(&stream, "sqlite").flushed == 300);
    drop(stream);
    archive_due(&store, &made.archives(), Retention::default(), now).expect("archived by age");
    assert_eq!(numbers_of(&store), (100..300).collect::<Vec<_>>());
    let row = &store.experience_archives().expect("rows")[0];
    assert!(
        row.first < now - SignedDuration::from_hours(24 * 100) && row.last > now,
        "{row:?}"
    );
    let small = Retention {
        bytes: 5000,
        age: Duration::from_hours(24 * 90),
    };
    let gone = archive_due(&store, &made.archives(), small, now).expect("archived");
    assert!(gone > 100, "by size: {gone}");
    let mut numbers = Vec::new();
    for row in store.experience_archives().expect("rows") {
        let text = archive::read(&made.archives().join(&row.file)).expect("its checksum is right");
        let lines = numbers_in(&text);
        assert_eq!(lines.len() as u64, row.events);
        numbers.extend(lines);
    }
    numbers.extend(numbers_of(&store));
    assert_eq!(
        numbers,
        (0..300).collect::<Vec<_>>(),
        "each event in one place"
    );
}

#[test]
fn an_archive_that_a_kill_left_without_its_row_goes_before_its_events_are_archived_again() {
    let world = World::new();
    let folder = options(&world, Vec::new()).archives();
    let store = super::store(&world);
    let now = clock::utc();
    let at = now - SignedDuration::from_hours(24 * 120);
    let records: Vec<String> = (0..100)
        .map(|number| json!({"timestamp": at, "data": number}).to_string())
        .collect();
    let rows: Vec<NewExperience<'_>> = (0..100)
        .zip(&records)
        .map(|(number, record)| NewExperience {
            id: format!("{number:032x}"),
            at,
            event_type: "test.counted",
            source: "test",
            trajectory: None,
            caused_by: None,
            record,
        })
        .collect();
    store.keep_experience(&rows, "run", &[], now).expect("kept");
    let pack = |name: &str, records: &[String]| {
        let lines = records.join("\n") + "\n";
        let path = folder.join(name);
        archive::pack(&mut lines.as_bytes(), &path).expect("packed");
        path
    };
    // Fewer events were due then.
    let left = pack(
        "experience-000000000001-000000000050.jsonl.gz",
        &records[..50],
    );
    let foreign = [json!({"data": 7}).to_string()];
    let foreign = pack("experience-000000000001-000000000007.jsonl.gz", &foreign);

    let gone = archive_due(&store, &folder, Retention::default(), now).expect("archived");
    assert_eq!((gone, numbers_of(&store).len()), (100, 0));
    assert!(!left.exists(), "no event lies in two archives");
    assert!(foreign.exists(), "what another database left is not ours");
    let archives = store.experience_archives().expect("rows");
    let [row] = &archives[..] else {
        panic!("{archives:?}");
    };
    let text = archive::read(&folder.join(&row.file)).expect("whole");
    assert_eq!(numbers_in(&text), (0..100).collect::<Vec<_>>());
    let again = archive_due(&store, &folder, Retention::default(), now).expect("nothing is due");
    assert_eq!(again, 0);
}

#[test]
fn accounts_are_kept_where_no_sink_is_the_database() {
    let world = World::new();
    let file = world.path().join("events.jsonl");
    let jsonl = || SinkChoice::Jsonl(file.clone(), dreamer::experience::Rotation::default());
    let (stream, store) = open(&world, vec![jsonl()]);
    write_all(&stream, 0..300);
    assert!(stream.flush(super::PATIENCE));
    let kept = |store: &dreamer::store::Store| store.experience_figures().expect("readable");
    let whole = |written| SinkCount {
        written,
        flushed: written,
        ..SinkCount::default()
    };
    // While it runs, by itself.
    wait_for(|| kept(&store) == [("jsonl".to_owned(), whole(300))]);
    assert!(numbers_of(&store).is_empty(), "the events went elsewhere");
    drop(stream);

    // And what a full disk costs, at the latest at the end.
    let full = SinkChoice::Jsonl("/dev/full".into(), dreamer::experience::Rotation::default());
    let (stream, _) = open(&world, vec![full]);
    write_all(&stream, 0..50);
    drop(stream);
    let lost = SinkCount {
        written: 350,
        flushed: 300,
        dropped: 50,
        buffered: 0,
    };
    assert_eq!(kept(&store), [("jsonl".to_owned(), lost)]);
    let stats = super::dreams::dreamer(&world, &["experience", "stats"]);
    let text = String::from_utf8_lossy(&stats.stdout);
    assert!(
        text.contains("jsonl: 350 written = 300 flushed + 50 dropped + 0 buffered"),
        "{text}"
    );
}
