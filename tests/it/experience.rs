//! The experience stream on real parts: a dream leaves experiences, and every sink accounts for every event, also where it
//! stalls, fails or is full.

mod accounts;
mod dreams;
mod sinks;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dreamer::experience::{Event, ExperienceStream, Figures, Options, SinkChoice};
use dreamer::store::{ExperienceQuery, Store};
use serde_json::Value as Json;

use crate::support::World;

/// Long enough for a busy machine; nothing waits for it where all is well.
const PATIENCE: Duration = Duration::from_secs(30);

fn options(world: &World, sinks: Vec<SinkChoice>) -> Options {
    Options {
        sinks,
        ..Options::usual(&world.path().join("data"))
    }
}

fn store(world: &World) -> Arc<Store> {
    Arc::new(Store::open(&world.path().join("data/dreamer.db")).expect("the store opens"))
}

fn open(world: &World, sinks: Vec<SinkChoice>) -> (ExperienceStream, Arc<Store>) {
    let store = store(world);
    let stream = ExperienceStream::open(&options(world, sinks), &store);
    (stream.expect("the stream opens"), store)
}

fn event(number: u64) -> Event {
    let mut event = Event::new("test.counted", "test");
    event.data = number.into();
    event
}

/// Writes without ever filling the door: waits for the writer, as no producer of the program does.
fn write_all(stream: &ExperienceStream, numbers: std::ops::Range<u64>) {
    for number in numbers {
        while stream.write_event(event(number)).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if number % 1000 == 999 {
            let so_far = number + 1;
            wait_for(|| {
                stream.with_window(|window| {
                    window.range(dreamer::experience::Scope::Window).end >= so_far
                })
            });
        }
    }
}

#[track_caller]
fn wait_for(what: impl Fn() -> bool) {
    let steps = PATIENCE.as_millis() / 5;
    for _ in 0..steps {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come about");
}

fn figures(stream: &ExperienceStream, sink: &str) -> Figures {
    let all = stream.figures();
    all.into_iter()
        .find(|(name, _)| *name == sink)
        .expect("the sink is there")
        .1
}

#[track_caller]
fn balanced(stream: &ExperienceStream) {
    for (name, f) in stream.figures() {
        assert_eq!(
            f.written,
            f.flushed + f.dropped + f.buffered,
            "{name}: {f:?}"
        );
    }
}

fn numbers_in(text: &str) -> Vec<u64> {
    let read = |line: &str| serde_json::from_str::<Json>(line).expect("JSON")["data"].as_u64();
    text.lines()
        .map(|line| read(line).expect("a number"))
        .collect()
}

fn numbers_of(store: &Store) -> Vec<u64> {
    let query = ExperienceQuery {
        limit: usize::MAX,
        ..ExperienceQuery::default()
    };
    let rows = store.experience(&query).expect("readable");
    let text: Vec<String> = rows.into_iter().map(|row| row.record).collect();
    numbers_in(&text.join("\n"))
}

fn file_of(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}
