//! Sinks that stall, fail or are full: nobody waits for them, and every event of theirs is accounted for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use dreamer::clock;
use dreamer::experience::{Rotation, SinkChoice, archive};
use serde_json::Value as Json;

use super::{balanced, event, figures, file_of, numbers_in, numbers_of, open, wait_for, write_all};
use crate::support::World;

/// More than any sink buffers.
const MANY: u64 = 15_000;

#[test]
fn a_full_disk_costs_what_does_not_fit_and_the_database_loses_nothing() {
    let world = World::new();
    let full = SinkChoice::Jsonl("/dev/full".into(), Rotation::default());
    let (stream, store) = open(&world, vec![SinkChoice::Durable, full]);
    write_all(&stream, 0..MANY);
    balanced(&stream);
    wait_for(|| figures(&stream, "sqlite").flushed == MANY);
    let jsonl = figures(&stream, "jsonl");
    assert_eq!((jsonl.written, jsonl.flushed), (MANY, 0));
    assert_eq!(jsonl.buffered + jsonl.dropped, MANY);
    assert!(
        jsonl.buffered <= 10_000 && jsonl.dropped >= MANY - 10_000,
        "{jsonl:?}"
    );
    let troubles = stream.troubles();
    assert!(
        troubles
            .iter()
            .any(|(name, why)| *name == "jsonl" && why.contains("/dev/full")),
        "{troubles:?}"
    );
    drop(stream);
    assert_eq!(numbers_of(&store), (0..MANY).collect::<Vec<_>>());
    let kept = store.experience_figures().expect("figures");
    let count = kept
        .iter()
        .find(|(name, _)| name == "jsonl")
        .expect("its account")
        .1;
    assert_eq!(
        (count.written, count.dropped, count.buffered),
        (MANY, MANY, 0),
        "at the end the rest is lost, and said"
    );
}

#[test]
fn a_file_that_fails_gets_every_event_once_it_is_mended() {
    let world = World::new();
    let blocker = world.write("logs", "a file where a folder should be");
    let path = world.path().join("logs/experience.jsonl");
    let (stream, _) = open(
        &world,
        vec![SinkChoice::Jsonl(path.clone(), Rotation::default())],
    );
    write_all(&stream, 0..2000);
    assert!(!stream.flush(Duration::from_millis(300)));
    let failing = figures(&stream, "jsonl");
    assert_eq!((failing.buffered, failing.flushed), (2000, 0));
    std::fs::remove_file(blocker).expect("removed");
    wait_for(|| figures(&stream, "jsonl").flushed == 2000);
    balanced(&stream);
    assert_eq!(numbers_in(&file_of(&path)), (0..2000).collect::<Vec<_>>());
    assert!(stream.troubles().is_empty());
}

#[test]
fn a_locked_database_stalls_nobody_and_gets_everything_later() {
    let world = World::new();
    let (stream, store) = open(&world, vec![SinkChoice::Durable]);
    let other =
        rusqlite::Connection::open(world.path().join("data/dreamer.db")).expect("a connection");
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
    let since = clock::monotonic();
    write_all(&stream, 0..5000);
    assert!(
        !stream.flush(Duration::from_millis(200)),
        "nothing can be flushed now"
    );
    let took = clock::monotonic() - since;
    assert!(
        took < Duration::from_secs(5),
        "writing waited for the database: {took:?}"
    );
    let stalled = figures(&stream, "sqlite");
    assert_eq!(
        (stalled.written, stalled.buffered, stalled.dropped),
        (5000, 5000, 0)
    );
    other.execute_batch("COMMIT").expect("released");
    wait_for(|| figures(&stream, "sqlite").flushed == 5000);
    balanced(&stream);
    assert_eq!(numbers_of(&store), (0..5000).collect::<Vec<_>>());
}

/// Answers with these, one a request, the last one for ever; 0 = never, 1 = takes the batch and breaks the connection.
#[derive(Clone)]
struct Server {
    answers: Arc<Vec<u16>>,
    asked: Arc<AtomicUsize>,
    /// Batches by their number, as a server keeps them that takes each once.
    taken: Arc<Mutex<HashMap<String, Vec<u64>>>>,
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let turn = server.asked.fetch_add(1, Ordering::SeqCst);
    let status = server.answers[turn.min(server.answers.len() - 1)];
    let breaks = status == 1;
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if status.is_success() {
        let events: Vec<Json> = serde_json::from_slice(&body).expect("an array");
        let numbers = events
            .iter()
            .map(|event| event["data"].as_u64().expect("a number"));
        let key = headers["idempotency-key"]
            .to_str()
            .expect("text")
            .to_owned();
        let mut taken = server.taken.lock().expect("nobody panicked");
        taken.insert(key, numbers.collect());
    }
    if breaks {
        // Unwinds without the panic's message: the connection ends without an answer.
        std::panic::resume_unwind(Box::new(()));
    }
    status
}

/// Its address; it lives as long as the runtime.
fn serve(answers: &[u16]) -> (Server, String, tokio::runtime::Runtime) {
    let server = Server {
        answers: Arc::new(answers.to_vec()),
        asked: Arc::default(),
        taken: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let app = Router::new()
        .route("/events", post(answer))
        .with_state(server.clone());
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let address = format!(
        "http://{}/events",
        listener.local_addr().expect("an address")
    );
    drop(runtime.spawn(async move { axum::serve(listener, app).await }));
    (server, address, runtime)
}

#[test]
fn a_server_that_fails_gets_the_batch_again_and_again() {
    let world = World::new();
    let (server, address, _runtime) = serve(&[500, 503, 429, 200]);
    let (stream, _) = open(&world, vec![SinkChoice::Http(address)]);
    write_all(&stream, 0..600);
    wait_for(|| figures(&stream, "http").flushed == 600);
    balanced(&stream);
    let taken = server.taken.lock().unwrap();
    let mut numbers: Vec<u64> = taken.values().flatten().copied().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
    assert!(taken.values().all(|batch| batch.len() <= 256));
    assert!(server.asked.load(Ordering::SeqCst) >= 6);
}

#[test]
fn what_a_server_took_without_an_answer_is_sent_again_as_it_was_though_more_has_come() {
    let world = World::new();
    let (server, address, _runtime) = serve(&[1, 200]);
    let (stream, _) = open(&world, vec![SinkChoice::Http(address)]);
    write_all(&stream, 0..10);
    wait_for(|| server.asked.load(Ordering::SeqCst) == 1);
    // In its first pause, a quarter of a second.
    write_all(&stream, 10..20);
    wait_for(|| figures(&stream, "http").flushed == 20);
    balanced(&stream);
    let taken = server.taken.lock().unwrap();
    let mut batches: Vec<Vec<u64>> = taken.values().cloned().collect();
    batches.sort();
    assert_eq!(
        batches.concat(),
        (0..20).collect::<Vec<_>>(),
        "each event once: {batches:?}"
    );
}

#[test]
fn a_batch_that_a_server_refuses_is_dropped_and_the_next_gets_through() {
    let world = World::new();
    let (_server, address, _runtime) = serve(&[400, 200]);
    let (stream, _) = open(&world, vec![SinkChoice::Http(address)]);
    write_all(&stream, 0..100);
    wait_for(|| figures(&stream, "http").dropped == 100);
    write_all(&stream, 100..150);
    wait_for(|| figures(&stream, "http").flushed == 50);
    balanced(&stream);
}

#[test]
fn a_server_that_never_answers_holds_up_nobody_and_not_the_end() {
    let world = World::new();
    let (server, address, _runtime) = serve(&[0]);
    let (stream, store) = open(&world, vec![SinkChoice::Http(address), SinkChoice::Durable]);
    write_all(&stream, 0..MANY);
    wait_for(|| server.asked.load(Ordering::SeqCst) == 1);
    wait_for(|| figures(&stream, "sqlite").flushed == MANY);
    balanced(&stream);
    let http = figures(&stream, "http");
    assert_eq!(http.flushed, 0);
    assert!(http.dropped > 0 && http.buffered > 0, "{http:?}");
    let since = clock::monotonic();
    drop(stream);
    let took = clock::monotonic() - since;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(numbers_of(&store).len() as u64, MANY);
}

#[test]
fn a_full_file_is_turned_into_archives_that_hold_every_event_once() {
    let world = World::new();
    let path = world.path().join("out/experience.jsonl");
    let rotation = Rotation {
        bytes: 100_000,
        kept: 100,
        ..Rotation::default()
    };
    // Turned by an earlier run that a full disk kept from packing it.
    let left = world.write(
        "out/experience-20200101T000000000Z.jsonl",
        "{\"data\":5000}\n",
    );
    let (stream, _) = open(&world, vec![SinkChoice::Jsonl(path.clone(), rotation)]);
    write_all(&stream, 0..5000);
    assert!(stream.flush(super::PATIENCE));
    let archives = || {
        let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut found: Vec<_> = paths
            .filter(|p| p.to_string_lossy().ends_with(archive::ENDING))
            .collect();
        found.sort();
        found
    };
    assert!(archives().len() >= 5, "{:?}", archives());
    let mut numbers = Vec::new();
    for archive in archives() {
        numbers.extend(numbers_in(&archive::read(&archive).expect("whole")));
    }
    numbers.extend(numbers_in(&file_of(&path)));
    numbers.sort_unstable();
    assert_eq!(numbers, (0..=5000).collect::<Vec<_>>());
    assert!(!left.exists(), "what was left is packed with the next");
    drop(stream);

    let few = Rotation {
        kept: 2,
        ..rotation
    };
    let (stream, _) = open(&world, vec![SinkChoice::Jsonl(path.clone(), few)]);
    for number in 0..2000 {
        stream.write_event(event(number)).expect("taken");
    }
    assert!(stream.flush(super::PATIENCE));
    assert_eq!(archives().len(), 2);
}
