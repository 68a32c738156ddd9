//! What the experience stream costs: writing an event, keeping a million of them, drawing batches by priority; beside cpprb
//! 11, measured in the same run, where Python and a package index are there.
//!
//! `cargo bench --bench experience`

#![expect(
    clippy::disallowed_methods,
    reason = "single writes are timed: the program's clock would be most of the time"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dreamer::experience::draw::Draw;
use dreamer::experience::priority::{ALPHA, weight};
use dreamer::experience::sum_tree::SumTree;
use dreamer::experience::{
    Ask, Event, ExperienceStream, Limits, Options, Scope, SinkChoice, Strategy,
};
use dreamer::store::Store;
use serde_json::{Value, json};

const BATCH: usize = 256;
/// Rounds of which the best counts, here and for cpprb.
const ROUNDS: usize = 20;
/// Events in the buffer when batches are drawn, here and in cpprb.
const KEPT: u64 = 1 << 17;
const MILLION: u64 = 1_000_000;
/// Events that the writer is let fall behind while single inserts are timed, and how often that is looked at; the door holds
/// 4096, and its writer is woken where half of them wait.
const AHEAD: u64 = 3500;
const LOOK_EVERY: u64 = 256;
/// A look takes the window's lock: who looks without a pause keeps the writer waiting for it.
const LOOK_AGAIN: Duration = Duration::from_micros(100);
/// Writes between two pauses: what a busy session says in a night, at once.
const BURST: u64 = 1000;

fn say(text: &str) {
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Whether any figure fell short, for the exit code.
static SHORT: AtomicBool = AtomicBool::new(false);

fn verdict(holds: bool) -> &'static str {
    if holds {
        return "holds";
    }
    SHORT.store(true, Ordering::Relaxed);
    "FALLS SHORT"
}

/// A transition of the size that cpprb is given: eight numbers before and after, an action and a reward.
fn event(number: u64, draw: &mut Draw) -> Event {
    let mut numbers = || -> Value { (0..8).map(|_| draw.below(1000)).collect() };
    let (state, next) = (numbers(), numbers());
    Event {
        state: Some(state),
        action: Some(json!(number % 7)),
        reward: Some(1.0),
        next_state: Some(next),
        priority: Some(0.01 + draw.below(1000) as f64 / 1000.0),
        ..Event::new("bench.step", "bench")
    }
}

fn stream(folder: &Path, sinks: Vec<SinkChoice>) -> ExperienceStream {
    let store = Arc::new(Store::open(&folder.join("dreamer.db")).expect("a store"));
    let options = Options {
        sinks,
        limits: Limits {
            bytes: 1 << 30,
            ..Limits::default()
        },
        ..Options::usual(folder)
    };
    ExperienceStream::open(&options, &store).expect("a stream")
}

fn kept(stream: &ExperienceStream) -> u64 {
    stream.with_window(|window| window.range(Scope::Window).end)
}

/// Writes in bursts, waiting in between, so that nothing is turned away.
fn fill(stream: &ExperienceStream, count: u64, draw: &mut Draw) {
    let start = kept(stream);
    let mut written = 0;
    while written < count {
        for number in 0..BURST.min(count - written) {
            stream
                .write_event(event(number, draw))
                .expect("there is room");
            written += 1;
        }
        while kept(stream) < start + written {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Units a second, the best of many: what else runs on the machine only ever takes away.
fn per_second(units: usize, mut work: impl FnMut()) -> f64 {
    let once = |work: &mut dyn FnMut()| {
        let since = Instant::now();
        work();
        units as f64 / since.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(|_| once(&mut work)).fold(0.0, f64::max)
}

fn index_alone() {
    let mut draw = Draw::seeded(1);
    for bits in [17, 20] {
        let slots = 1_usize << bits;
        let mut tree = SumTree::new(slots);
        for slot in 0..slots {
            tree.set(slot, weight(draw.below(1000) as f64 / 1000.0, ALPHA));
        }
        let mut targets = vec![0_u64; BATCH];
        let mut sum = 0;
        let rate = per_second(4000 * BATCH, || {
            for _ in 0..4000 {
                for target in &mut targets {
                    *target = draw.below(tree.total());
                }
                tree.find_all(&mut targets);
                sum ^= targets[0];
            }
        });
        let updates = per_second(1_000_000, || {
            for _ in 0..1_000_000 {
                let slot = usize::try_from(draw.below(slots as u64)).expect("a slot");
                tree.set(slot, 7);
            }
        });
        let limit = if bits == 20 { 6.0 } else { 15.0 };
        say(&format!(
            "index alone, 2^{bits}: {:.1} M samples/s (wanted {limit}: {}), {:.1} M updates/s [{}]",
            rate / 1e6,
            verdict(rate / 1e6 >= limit),
            updates / 1e6,
            sum & 1,
        ));
    }
}

/// Median and 99.9th percentile of single writes, into a stream with the database behind it.
fn write_latency(folder: &Path) {
    let stream = stream(folder, vec![SinkChoice::Durable]);
    let mut draw = Draw::seeded(2);
    let mut nanos = Vec::new();
    let mut turned_away = 0;
    for _ in 0..200 {
        let events: Vec<Event> = (0..BURST).map(|number| event(number, &mut draw)).collect();
        for event in events {
            let since = Instant::now();
            let taken = stream.write_event(event);
            nanos.push(since.elapsed().as_nanos());
            turned_away += u64::from(taken.is_err());
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    nanos.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the list"
        )]
        let place = (nanos.len() as f64 * share) as usize;
        nanos[place.min(nanos.len() - 1)]
    };
    let (half, most) = (at(0.5), at(0.999));
    say(&format!(
        "write: p50 {half} ns (wanted 200: {}), p99 {} ns, p99.9 {most} ns (wanted 5000: {}), slowest {} ns, \
         {turned_away} of {} turned away",
        verdict(half <= 200),
        at(0.99),
        verdict(most <= 5000),
        at(1.0),
        nanos.len(),
    ));
}

/// From the first write until the last event can be drawn, one write at a time.
fn insert_rate(folder: &Path) -> f64 {
    let stream = stream(folder, Vec::new());
    let mut draw = Draw::seeded(3);
    fill(&stream, KEPT, &mut draw);
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let events: Vec<Event> = (0..50_000).map(|number| event(number, &mut draw)).collect();
        let start = kept(&stream);
        let count = events.len() as f64;
        let since = Instant::now();
        let mut written = 0;
        for event in events {
            // Only as far ahead of what can be drawn as the door is wide: nothing is turned away.
            while u64::is_multiple_of(written, LOOK_EVERY)
                && kept(&stream) + AHEAD < start + written
            {
                std::thread::sleep(LOOK_AGAIN);
            }
            stream.write_event(event).expect("there is room");
            written += 1;
        }
        // Wakes the writer, which else looks again within twenty milliseconds.
        stream.flush(Duration::ZERO);
        while kept(&stream) < start + written {
            std::thread::sleep(LOOK_AGAIN);
        }
        best = best.max(count / since.elapsed().as_secs_f64());
    }
    say(&format!(
        "single insert until it can be drawn: {:.0} k/s",
        best / 1e3
    ));
    best
}

fn sample_rate(folder: &Path) -> f64 {
    let stream = stream(folder, Vec::new());
    let mut draw = Draw::seeded(4);
    fill(&stream, KEPT, &mut draw);
    let mut best = 0.0;
    for (name, strategy) in [
        ("prioritized", Strategy::Prioritized),
        ("uniform", Strategy::Uniform),
        ("recent", Strategy::Recent),
    ] {
        let ask = Ask::new(strategy, BATCH);
        let mut bytes = 0;
        let rate = per_second(400 * BATCH, || {
            for _ in 0..400 {
                let batch = stream.sample(&ask, &mut draw);
                bytes += batch
                    .items()
                    .iter()
                    .map(|item| batch.text(item).len())
                    .sum::<usize>();
            }
        });
        say(&format!(
            "{name} batch of {BATCH} out of 2^17, with weights and copies of the events: {:.2} M samples/s",
            rate / 1e6
        ));
        assert!(bytes > 0);
        if strategy == Strategy::Prioritized {
            best = rate;
        }
    }
    best
}

/// Resident memory of this process.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn memory(folder: &Path) {
    let stream = stream(folder, Vec::new());
    let mut draw = Draw::seeded(5);
    // The door and the writer's own buffers are there before any event is kept.
    fill(&stream, 10_000, &mut draw);
    let before = resident();
    fill(&stream, MILLION - 10_000, &mut draw);
    let grown = resident().saturating_sub(before);
    let (events, texts, own) = stream.with_window(|window| {
        let range = window.range(Scope::Window);
        let texts: usize = range.filter_map(|seq| Some(window.text(seq)?.len())).sum();
        (window.len(), texts as u64, window.overhead_bytes())
    });
    let beside = (grown as f64 - texts as f64 * 0.99) / (MILLION - 10_000) as f64;
    say(&format!(
        "{events} events of {} bytes: {:.1} bytes each beside it by the process's memory, {:.1} as allocated (wanted 96: {})",
        texts / events as u64,
        beside,
        own as f64 / events as f64,
        verdict(beside <= 96.0 && own as f64 / events as f64 <= 96.0),
    ));
}

/// cpprb's figures, or why there are none.
fn cpprb(folder: &Path) -> Result<Value, String> {
    let run = |program: &Path, words: &[&str]| {
        let output = Command::new(program).args(words).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().last().unwrap_or("it failed").to_owned())
        }
    };
    let venv = folder.join("venv");
    run(
        Path::new("python3"),
        &["-m", "venv", &venv.to_string_lossy()],
    )?;
    let python = venv.join("bin/python");
    run(
        &python,
        &["-m", "pip", "install", "--quiet", "cpprb==11.0.0"],
    )?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/experience/against_cpprb.py");
    let said = run(&python, &[&script.to_string_lossy()])?;
    serde_json::from_slice(&said).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    measure();
    ExitCode::from(u8::from(SHORT.load(Ordering::Relaxed)))
}

fn measure() {
    // Words choose among the parts: `cargo bench --bench experience -- sample`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let folder = tempfile::tempdir().expect("a folder");
    let below = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    };
    // First, before anything else has grown and shrunk the process.
    if wanted("memory") {
        memory(&below("memory"));
    }
    if wanted("index") {
        index_alone();
    }
    if wanted("latency") {
        write_latency(&below("latency"));
    }
    let insert = wanted("insert").then(|| insert_rate(&below("insert")));
    let sample = wanted("sample").then(|| sample_rate(&below("sample")));
    if !wanted("cpprb") {
        return;
    }
    match cpprb(folder.path()) {
        Ok(theirs) => {
            let figure = |key: &str| theirs[key].as_f64().unwrap_or(f64::NAN);
            say(&format!(
                "cpprb {}: batch of {BATCH} {:.2} M samples/s, single insert {:.0} k/s (called from Python, as it is meant to be)",
                theirs["version"].as_str().unwrap_or("?"),
                figure("sample") / 1e6,
                figure("insert") / 1e3,
            ));
            for (ours, key, name, goal) in [
                (sample, "sample", "sampling", 5.0),
                (insert, "insert", "single insert", 20.0),
            ] {
                let Some(ours) = ours else { continue };
                let ratio = ours / figure(key);
                say(&format!(
                    "against cpprb: {name} {ratio:.1} x (wanted {goal}: {})",
                    verdict(ratio >= goal)
                ));
            }
        }
        Err(why) => say(&format!("left out: cpprb: {why}")),
    }
}
