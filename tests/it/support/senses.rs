//! Scripted senses and a scripted wall clock: a machine whose owner, load and weather a test decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dreamer::clock::{self, Instant};
use dreamer::energy::{Hear, Listening, Notice, Noticed, Power, Presence, Reading, Sensed, Senses};
use dreamer::supervisor::WallClock;
use jiff::Zoned;

/// A calm machine on mains whose owner left two hours ago, until the test says otherwise.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Now>>);

struct Now {
    hear: Option<Hear>,
    input: Option<Instant>,
    left: Duration,
    begun: Instant,
    reading: Reading,
    /// While it is true every look waits.
    stuck: Arc<AtomicBool>,
}

impl Script {
    pub(crate) fn calm() -> Self {
        Self(Arc::new(Mutex::new(Now {
            hear: None,
            input: None,
            left: Duration::from_hours(2),
            begun: clock::monotonic(),
            stuck: Arc::default(),
            reading: Reading {
                presence: Presence::headless(),
                load_of_others: Sensed::Known(0.02),
                graphics: None,
                memory_used: Sensed::Known(0.3),
                memory_pressure: None,
                temperature_c: Sensed::Known(50.0),
                power: Sensed::Known(Power::Mains),
            },
        })))
    }

    /// The owner presses a key now.
    pub(crate) fn key(&self) {
        self.with(|now| now.input = Some(clock::monotonic()));
    }

    /// The senses tell of something the moment it happens.
    pub(crate) fn tell(&self, what: Notice) {
        let at = clock::monotonic();
        let hear = self.with(|now| now.hear.clone());
        hear.expect("somebody listens")(&Noticed { what, at });
        self.with(|now| now.input = Some(at));
    }

    /// Other programs use this share of the machine from now on.
    pub(crate) fn load(&self, share: f64) {
        self.with(|now| now.reading.load_of_others = Sensed::Known(share));
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Reading)) {
        self.with(|now| change(&mut now.reading));
    }

    /// Every look waits until the answer is dropped; what is told is told all the same.
    pub(crate) fn hang(&self) -> Hanging {
        let stuck = self.with(|now| Arc::clone(&now.stuck));
        stuck.store(true, Ordering::SeqCst);
        Hanging(stuck)
    }

    pub(crate) fn senses(&self) -> Box<dyn Senses> {
        Box::new(self.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Now) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Senses for Script {
    fn read(&mut self, at: Instant) -> Reading {
        let stuck = self.with(|now| Arc::clone(&now.stuck));
        while stuck.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.with(|now| {
            let mut reading = now.reading.clone();
            reading.presence.last_input = Some(match now.input {
                Some(input) => at.saturating_duration_since(input),
                None => now.left + at.saturating_duration_since(now.begun),
            });
            reading
        })
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        self.with(|now| now.hear = Some(hear));
        Some(Listening::new(()))
    }
}

/// Senses hang for as long as there is this.
pub(crate) struct Hanging(Arc<AtomicBool>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// A wall clock that starts at `text` (such as `2026-11-21T01:50[UTC]`) and goes as fast as the test's own time.
pub(crate) fn wall(text: &str) -> WallClock {
    let start: Zoned = text.parse().expect("a zoned time");
    let begun = clock::monotonic();
    Arc::new(move || {
        let passed = clock::monotonic().saturating_duration_since(begun);
        start
            .checked_add(passed)
            .expect("a time within the calendar")
    })
}
