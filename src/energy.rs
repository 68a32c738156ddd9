//! EnergyManager: what the machine and its owner are doing, and whether that leaves room to dream. Called by the
//! supervisor and by `why`. Never starts or ends work.
//!
//! `Senses` is the world (this machine, or a script); `gate.rs` and `load.rs` judge what it read and are pure.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Instant;

pub mod disturb;
pub mod gate;
pub mod host;
pub mod load;
pub mod notice;
pub mod own;
pub mod simulated;

pub use notice::{Hear, Listening, Notice, Noticed};
pub use own::OwnWork;

/// Something read from the machine; not knowing is a value, with its reason.
#[derive(Debug, Clone, PartialEq)]
pub enum Sensed<T> {
    Known(T),
    Unknown(String),
}

impl<T: Copy> Sensed<T> {
    #[must_use]
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Unknown(_) => None,
        }
    }
}

/// Whether a person is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Time since the last input that any readable source saw; `None` where none ever did.
    pub last_input: Option<Duration>,
    /// Why input may have been missed: a source that exists and cannot be read.
    pub blind: Option<String>,
}

impl Presence {
    /// No input device, no seat and no terminal in use: nobody there, and known to be.
    #[must_use]
    pub fn headless() -> Self {
        Self {
            last_input: None,
            blind: None,
        }
    }

    /// For how long it is known that nobody gave input; `None` where that cannot be said.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        match (self.last_input, &self.blind) {
            (_, Some(_)) => None,
            (Some(ago), None) => Some(ago),
            (None, None) => Some(Duration::MAX),
        }
    }

    /// Somebody was there less than `quiet` ago; true only where input was really seen.
    #[must_use]
    pub fn seen_within(&self, quiet: Duration) -> bool {
        self.last_input.is_some_and(|ago| ago < quiet)
    }
}

/// Where the power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Mains, or no battery at all.
    Mains,
    Battery {
        percent: Option<u8>,
    },
}

/// One look at the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub presence: Presence,
    /// Share of the whole machine that other programs used since the look before, 0 to 1.
    pub load_of_others: Sensed<f64>,
    /// Share of memory that is not available, 0 to 1.
    pub memory_used: Sensed<f64>,
    /// The hottest sensor.
    pub temperature_c: Sensed<f64>,
    pub power: Sensed<Power>,
}

impl Reading {
    /// What is known when the senses do not answer.
    #[must_use]
    pub fn unknown(why: &str) -> Self {
        Self {
            presence: Presence {
                last_input: None,
                blind: Some(why.to_owned()),
            },
            load_of_others: Sensed::Unknown(why.to_owned()),
            memory_used: Sensed::Unknown(why.to_owned()),
            temperature_c: Sensed::Unknown(why.to_owned()),
            power: Sensed::Unknown(why.to_owned()),
        }
    }
}

/// One of the two world traits: the machine's senses, real or scripted. May block; called from a thread of its own.
pub trait Senses: Send + 'static {
    fn read(&mut self, now: Instant) -> Reading;

    /// Tells `hear` of input the moment it happens, for as long as the answer is kept. `None` where nothing can be
    /// told at once: then only looks find it. `hear` does not block.
    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        drop(hear);
        None
    }
}

/// The machine's senses and what they said last.
#[derive(Clone)]
pub struct EnergyManager {
    senses: Arc<Mutex<Box<dyn Senses>>>,
    latest: Arc<Mutex<Latest>>,
    callbacks: Arc<Mutex<Vec<Hear>>>,
    listening: Arc<Mutex<Option<Listening>>>,
}

#[derive(Debug, Default)]
struct Latest {
    reading: Option<Reading>,
    /// When a person last gave a command: as good as a key press.
    activity: Option<Instant>,
}

impl std::fmt::Debug for EnergyManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnergyManager")
    }
}

impl EnergyManager {
    #[must_use]
    pub fn new(senses: Box<dyn Senses>) -> Self {
        Self {
            senses: Arc::new(Mutex::new(senses)),
            latest: Arc::new(Mutex::new(Latest::default())),
            callbacks: Arc::default(),
            listening: Arc::default(),
        }
    }

    /// `callback` hears of input from `start_monitoring` on, on the thread that noticed it: it must not block.
    pub fn register_alert_callback(&self, callback: Hear) {
        lock(&self.callbacks).push(callback);
    }

    /// Listens for input from now on; where the senses can only be asked, looks find it later.
    pub fn start_monitoring(&self) {
        let callbacks = Arc::clone(&self.callbacks);
        let hear: Hear = Arc::new(move |noticed: &Noticed| {
            for callback in lock(&callbacks).iter() {
                callback(noticed);
            }
        });
        let listening = lock(&self.senses).listen(hear);
        *lock(&self.listening) = listening;
    }

    /// Listens no more.
    pub fn stop_monitoring(&self) {
        lock(&self.listening).take();
        lock(&self.callbacks).clear();
    }

    /// Looks at the machine now. Blocks for as long as the slowest sensor.
    #[must_use]
    pub fn measure(&self, now: Instant) -> Reading {
        let mut reading = lock(&self.senses).read(now);
        let mut latest = lock(&self.latest);
        if let Some(at) = latest.activity {
            let ago = now.saturating_duration_since(at);
            let seen = reading.presence.last_input.unwrap_or(Duration::MAX);
            reading.presence.last_input = Some(ago.min(seen));
        }
        latest.reading = Some(reading.clone());
        reading
    }

    /// The newest reading, `None` before the first.
    #[must_use]
    pub fn get_metrics(&self) -> Option<Reading> {
        lock(&self.latest).reading.clone()
    }

    /// A person asked something of us: counts as input.
    pub fn mark_activity(&self, now: Instant) {
        lock(&self.latest).activity = Some(now);
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
