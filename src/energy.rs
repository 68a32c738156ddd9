//! EnergyManager: what the machine and its owner are doing, and whether that leaves room to dream. Called by the
//! supervisor and by `why`. Never starts or ends work.
//!
//! `Senses` is the world (this machine, or a script); `gate.rs` and `load.rs` judge what it read and are pure.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{self, Instant};
use crate::tree::Tree;

pub mod disturb;
pub mod doctor;
pub mod gate;
pub mod glance;
pub mod host;
pub mod load;
pub mod notice;
pub mod own;
pub mod simulated;
pub mod status;

pub use notice::{Hear, Listening, Notice, Noticed};
pub use own::OwnWork;
pub use status::{EnergyStatus, Limits, Metrics};

/// Where somebody stood waiting for memory during this share of the last ten seconds, memory counts as full. Fixed: at a
/// second in five a person feels it, while a calm machine stays below a hundredth; systemd-oomd kills at three in five.
pub const PRESSED: f64 = 0.2;

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
    /// For how long at least nobody gave input, by a source that tells when a screen began to idle and not when it was used
    /// last: `None` where a better one sees that screen. It holds a dream back and never ends one.
    pub still_for: Option<Duration>,
    /// Why input may have been missed: a source that exists and cannot be read.
    pub blind: Option<String>,
    /// What somebody does without giving input, such as watching a film; it counts as input for as long as it lasts. That
    /// somebody else's session is in use holds a dream back and ends none.
    pub doing: Option<String>,
}

impl Presence {
    /// No input device, no seat and no terminal in use: nobody there, and known to be.
    #[must_use]
    pub fn headless() -> Self {
        Self {
            last_input: None,
            still_for: None,
            blind: None,
            doing: None,
        }
    }

    /// For how long it is known that nobody gave input; `None` where that cannot be said.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        match (self.shortest(), &self.blind) {
            (_, Some(_)) => None,
            (Some(quiet), None) => Some(quiet),
            (None, None) => Some(Duration::MAX),
        }
    }

    /// It is known that nobody gave input for `threshold`.
    #[must_use]
    pub fn is_idle(&self, threshold: Duration) -> bool {
        self.quiet_for().is_some_and(|quiet| quiet >= threshold)
    }

    /// Input so long ago was seen by somebody else.
    pub fn saw_input(&mut self, ago: Duration) {
        self.last_input = Some(self.last_input.map_or(ago, |seen| seen.min(ago)));
    }

    /// Somebody was there less than `quiet` ago, or may have been; what no source sees is no reason to say so.
    #[must_use]
    pub fn seen_within(&self, quiet: Duration) -> bool {
        self.shortest().is_some_and(|ago| ago < quiet)
    }

    /// The shorter of what is known of the last input and of a screen that idles.
    fn shortest(&self) -> Option<Duration> {
        self.last_input.into_iter().chain(self.still_for).min()
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
    /// Share of the processors that other programs used or waited for since the look before, 0 to 1.
    pub load_of_others: Sensed<f64>,
    /// Share of the busiest graphics card that other programs used, 0 to 1; `None` where no card is awake.
    pub graphics: Option<Sensed<f64>>,
    /// Share of memory that is not available, 0 to 1.
    pub memory_used: Sensed<f64>,
    /// Share of the last ten seconds in which somebody stood waiting for memory, 0 to 1; `None` where the kernel does
    /// not tell, and then what is available is judged alone.
    pub memory_pressure: Option<f64>,
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
                still_for: None,
                blind: Some(why.to_owned()),
                doing: None,
            },
            load_of_others: Sensed::Unknown(why.to_owned()),
            graphics: None,
            memory_used: Sensed::Unknown(why.to_owned()),
            memory_pressure: None,
            temperature_c: Sensed::Unknown(why.to_owned()),
            power: Sensed::Unknown(why.to_owned()),
        }
    }

    /// What others use at the least, of the processors or of a graphics card, whichever is more of what is known.
    #[must_use]
    pub fn load(&self) -> Option<f64> {
        let known = [
            self.load_of_others.known(),
            self.graphics.as_ref().and_then(Sensed::known),
        ];
        known.into_iter().flatten().reduce(f64::max)
    }

    /// Programs stand waiting for memory, however much of it is said to be available.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.memory_pressure.is_some_and(|share| share >= PRESSED)
    }

    /// Memory is short: used up to `threshold`, or waited for.
    #[must_use]
    pub fn memory_is_short(&self, threshold: f64) -> bool {
        self.is_pressed()
            || self
                .memory_used
                .known()
                .is_some_and(|used| used >= threshold)
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
    limits: Arc<Mutex<Limits>>,
    callbacks: Arc<Mutex<Vec<Hear>>>,
    listening: Arc<Mutex<Option<Listening>>>,
}

/// One look and when it was taken.
#[derive(Debug, Clone)]
struct Look {
    reading: Reading,
    at: Instant,
    wall: Timestamp,
}

#[derive(Debug, Default)]
struct Latest {
    look: Option<Look>,
    /// When a person last gave a command: as good as a key press.
    activity: Option<Instant>,
    /// The newest input that the senses told of by themselves; their next look finds it too.
    told: Option<Instant>,
}

impl Latest {
    fn newest_input(&self) -> Option<Instant> {
        self.activity.max(self.told)
    }
}

impl std::fmt::Debug for EnergyManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnergyManager")
    }
}

impl EnergyManager {
    #[must_use]
    pub fn new(senses: Box<dyn Senses>, limits: Limits) -> Self {
        Self {
            senses: Arc::new(Mutex::new(senses)),
            latest: Arc::new(Mutex::new(Latest::default())),
            limits: Arc::new(Mutex::new(limits)),
            callbacks: Arc::default(),
            listening: Arc::default(),
        }
    }

    /// Goes by other limits from now on.
    pub fn set_limits(&self, limits: Limits) {
        *lock(&self.limits) = limits;
    }

    /// `callback` hears of input from `start_monitoring` on, on the thread that noticed it: it must not block.
    pub fn register_alert_callback(&self, callback: Hear) {
        lock(&self.callbacks).push(callback);
    }

    /// Listens for input from now on; where the senses can only be asked, looks find it later.
    pub fn start_monitoring(&self) {
        let callbacks = Arc::clone(&self.callbacks);
        let latest = Arc::clone(&self.latest);
        let hear: Hear = Arc::new(move |noticed: &Noticed| {
            for callback in lock(&callbacks).iter() {
                callback(noticed);
            }
            // After telling: whoever finds it here has been told already. Sleep is nobody's input.
            if noticed.what != Notice::Sleep {
                let mut latest = lock(&latest);
                latest.told = latest.told.max(Some(noticed.at));
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

    /// A person wants the machine: as good as a key, told to everybody who listens.
    pub fn wake_up(&self, now: Instant) {
        self.mark_activity(now);
        let noticed = Noticed {
            what: Notice::Asked,
            at: now,
        };
        let callbacks = lock(&self.callbacks).clone();
        for callback in callbacks {
            callback(&noticed);
        }
    }

    /// A person asked something of us: counts as input.
    pub fn mark_activity(&self, now: Instant) {
        let mut latest = lock(&self.latest);
        latest.activity = latest.activity.max(Some(now));
    }

    /// The newest input that was told, or that a person's command was; `None` where neither ever came.
    #[must_use]
    pub fn last_told(&self) -> Option<Instant> {
        lock(&self.latest).newest_input()
    }

    /// Looks at the machine now. Blocks for as long as the slowest sensor.
    #[must_use]
    pub fn get_metrics(&self, now: Instant) -> Reading {
        let mut reading = lock(&self.senses).read(now);
        let mut latest = lock(&self.latest);
        if let Some(at) = latest.activity {
            let ago = now.saturating_duration_since(at);
            reading.presence.saw_input(ago);
        }
        latest.look = Some(Look {
            reading: reading.clone(),
            at: now,
            wall: clock::utc(),
        });
        reading
    }

    /// Other programs, memory or heat stood over their limit at the latest look.
    #[must_use]
    pub fn is_system_busy(&self) -> bool {
        let latest = lock(&self.latest);
        let limits = *lock(&self.limits);
        latest
            .look
            .as_ref()
            .is_some_and(|look| limits.is_busy(&look.reading))
    }

    /// For how long nobody has given input; `None` where that is not known, or nobody ever did.
    #[must_use]
    pub fn get_idle_time(&self, now: Instant) -> Option<Duration> {
        let quiet = self.presence(now)?.quiet_for()?;
        (quiet < Duration::MAX).then_some(quiet)
    }

    /// Nobody has given input for `threshold`, and that is known; a machine that nobody can sit at is idle.
    #[must_use]
    pub fn is_idle(&self, threshold: Duration, now: Instant) -> bool {
        let presence = self.presence(now);
        presence.is_some_and(|presence| presence.is_idle(threshold))
    }

    /// What the latest look found, as old as it is by now, and what was told or asked of us since.
    fn presence(&self, now: Instant) -> Option<Presence> {
        let latest = lock(&self.latest);
        let look = latest.look.as_ref()?;
        let mut presence = look.reading.presence.clone();
        let age = now.saturating_duration_since(look.at);
        presence.last_input = presence.last_input.map(|ago| ago.saturating_add(age));
        if let Some(at) = latest.newest_input() {
            presence.saw_input(now.saturating_duration_since(at));
        }
        Some(presence)
    }

    /// The original's summary of all that.
    #[must_use]
    pub fn get_status(&self, now: Instant) -> EnergyStatus {
        let limits = *lock(&self.limits);
        let look = lock(&self.latest).look.clone();
        let wall = look.as_ref().map(|look| look.wall);
        let unknown = || Reading::unknown("nobody has looked yet");
        let reading = look.map_or_else(unknown, |look| look.reading);
        EnergyStatus {
            is_monitoring: lock(&self.listening).is_some(),
            metrics: Metrics::of(&reading, wall),
            cpu_threshold: limits.cpu,
            memory_threshold: limits.memory,
            is_busy: limits.is_busy(&reading),
            idle_time_seconds: self.get_idle_time(now).map(|quiet| quiet.as_secs_f64()),
            is_idle: self.is_idle(limits.idle, now),
            registered_callbacks: lock(&self.callbacks).len(),
        }
    }

    /// Gives the dream work, and nothing else, this niceness (0 to 19, where 19 is the idle CPU class): the supervisor
    /// that must wake its owner stays as it is.
    pub fn set_low_priority(&self, tree: &Tree, niceness: u8) {
        tree.set_niceness(niceness);
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
