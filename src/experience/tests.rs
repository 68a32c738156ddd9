//! The end of a stream, from inside: what no outside can make hang.

use super::*;

#[test]
fn a_writer_that_hangs_holds_up_the_end_for_a_moment_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("dreamer.db")).expect("the store opens");
    let options = Options::usual(folder.path());
    let stream = ExperienceStream::open(&options, &Arc::new(store)).expect("it opens");
    let shared = Arc::clone(&stream.0.shared);
    let window = shared.window();
    let event = Event::new("a.test", "tests");
    stream.write_event(event).expect("it is taken");
    let began = clock::monotonic();
    drop(stream);
    let took = began.elapsed();
    drop(window);
    assert!(took < 3 * CLOSING + Duration::from_secs(2), "{took:?}");
}
