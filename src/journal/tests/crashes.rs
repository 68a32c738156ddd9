//! Publishing that breaks off in the middle: a whole dream is left, or none.

use super::*;
use crate::ids::AttemptId;

#[test]
fn a_crash_after_any_step_leaves_a_whole_dream_or_none() {
    for stop in 0..=STEPS.len() {
        let mut place = place();
        let row = place.row();
        let lesson = lesson_of(&row);
        let mut publishing = Publishing::new(&place.store, &row, &lesson);
        for _ in 0..stop {
            publishing.step().unwrap();
        }
        drop(publishing);
        // The mark promises the other two, also to who looks before the next start.
        let marked = place
            .names()
            .contains(&Part::Record.name(&row.record.dream_id));
        assert_eq!(marked, stop > 12, "after step {stop}");
        if marked {
            place.assert_files_match_the_mark(&row);
        }
        place.reopen();
        recover(&place.store, &place.dirs).unwrap();
        if stop == 0 {
            place.assert_absent();
        } else {
            place.assert_whole(&row);
        }
        let again = recover(&place.store, &place.dirs).unwrap();
        assert_eq!(again, Recovery::default(), "after step {stop}");
    }
}

#[test]
fn a_write_torn_in_the_middle_is_written_again() {
    for (at, step) in STEPS.iter().enumerate() {
        let Step::Write(part) = *step else { continue };
        let mut place = place();
        let row = place.row();
        let lesson = lesson_of(&row);
        let mut publishing = Publishing::new(&place.store, &row, &lesson);
        for _ in 0..=at {
            publishing.step().unwrap();
        }
        drop(publishing);
        let torn = place
            .dirs
            .output
            .join(format!(".{}.tmp", part.name(&row.record.dream_id)));
        let whole = fs::read(&torn).unwrap();
        fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
        place.reopen();
        recover(&place.store, &place.dirs).unwrap();
        place.assert_whole(&row);
    }
}

#[test]
fn a_folder_that_cannot_be_written_leaves_nothing_of_the_dream() {
    // What cannot be written over: a folder where each of the files belongs.
    for part in [Part::Code, Part::Test, Part::Record] {
        let place = place();
        let row = place.row();
        let in_the_way = place.dirs.output.join(part.name(&row.record.dream_id));
        fs::create_dir(&in_the_way).unwrap();
        assert!(publish_row(&place.store, &place.dirs, row, None).is_err());
        let left = recover(&place.store, &place.dirs);
        fs::remove_dir(&in_the_way).unwrap();
        // The folder in the way blocked the clean-up too; with it gone a start brings the dream or takes it away.
        assert!(left.is_ok(), "{left:?}");
        recover(&place.store, &place.dirs).unwrap();
        let whole = place.names().len();
        assert!(whole == 0 || whole == 3, "{:?}", place.names());
        assert_eq!(place.store.count_lessons().unwrap(), u64::from(whole == 3));
    }
}

#[test]
fn an_output_folder_that_cannot_be_made_leaves_no_row() {
    let mut place = place();
    let file = place.dirs.data.join("a file");
    fs::write(&file, "").unwrap();
    place.dirs.output = file.join("out");
    assert!(publish_row(&place.store, &place.dirs, place.row(), None).is_err());
    assert_eq!(place.store.unfinished_dreams().unwrap(), []);
}

#[test]
fn what_a_dream_taught_stands_and_falls_with_it() {
    let place = place();
    let fact_of = |row: &DreamRow| AttemptFact {
        attempt_id: AttemptId::parse(row.record.dream_id.as_str()).unwrap(),
        ..AttemptFact::example(1, true)
    };
    // Killed right after the row: the next start makes the dream whole, and learned from.
    let row = place.row();
    let (lesson, fact) = (lesson_of(&row), fact_of(&row));
    let mut publishing = Publishing::new(&place.store, &row, &lesson).teaching(Some(&fact));
    publishing.step().unwrap();
    drop(publishing);
    recover(&place.store, &place.dirs).unwrap();
    assert_eq!(place.store.facts(9).unwrap(), [fact]);
    // It cannot be written: neither dream nor fact.
    let row = place.row();
    let (lesson, fact) = (lesson_of(&row), fact_of(&row));
    let mut publishing = Publishing::new(&place.store, &row, &lesson).teaching(Some(&fact));
    publishing.step().unwrap();
    assert_eq!(place.store.facts(9).unwrap().len(), 2);
    fs::remove_dir_all(&place.dirs.output).unwrap();
    assert!(publishing.finish().is_err());
    assert_eq!(place.store.facts(9).unwrap().len(), 1);
}
