//! This machine's senses. Made by the composition root, read by the supervisor on a thread that may block. Never judges
//! what it reads.
//!
//! Reads Linux's `/proc`, `/sys` and `/dev`, and asks its desktop; macOS by its tools. On other systems every source is
//! unknown and says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::own::OwnWork;
use super::{Hear, Listening, Power, Presence, Reading, Sensed, Senses};
use crate::clock::{self, Instant};
use crate::config;
use crate::tree::Tree;

mod children;
mod desktop;
mod graphics;
mod heat;
mod inputs;
mod lingering;
mod mac;
mod mend;
mod power;
mod processes;
mod server;
mod share;
mod waiting;
mod watch;

use children::Children;
use desktop::Said;
pub use desktop::said::{Answer, Idle, Source, Word};
use graphics::{Graphics, Look};
use inputs::LastInput;
use lingering::Lingering;
pub use mend::Mend;
use processes::Processes;
use server::Servers;
use share::Sample;
use waiting::Waiting;
use watch::Seen;

/// How long somebody must listen before a compositor has told of a film, if there is one.
pub const FILM_IS_SEEN: Duration = desktop::wayland::HELD_AFTER;

/// Sensors move slowly, and reading some of them wakes a bus: not more often than this.
const TEMPERATURE_EVERY: Duration = Duration::from_secs(2);

/// What `why` says where nobody gives input and somebody may be there all the same.
const OCCUPIED: &str = "somebody else's session has the screen and does not say that it idles";

/// A machine that slept longer than this was resumed by somebody; two clocks read one after the other differ by less.
const NAP: Duration = Duration::from_secs(2);

/// Where the machine's files are; another place in tests.
#[derive(Debug, Clone)]
pub struct Roots {
    pub proc: PathBuf,
    pub sys: PathBuf,
    pub dev: PathBuf,
    pub run: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            dev: "/dev".into(),
            run: "/run".into(),
        }
    }
}

/// Seconds that this machine's processors worked, and all that they had, since it started. Nothing where no file tells.
#[must_use]
pub fn processors() -> Option<(f64, f64)> {
    processes::machine(&Roots::default().proc).ok()
}

/// This machine.
pub struct HostSenses {
    roots: Roots,
    tree: Arc<Tree>,
    own: OwnWork,
    input: LastInput,
    seen: Seen,
    desktop: config::Desktop,
    said: Said,
    /// What would let the last look know whether somebody is there, where it does not.
    mend: Option<Mend>,
    awake: Awake,
    children: Children,
    servers: Servers,
    lingering: Lingering,
    waiting: Waiting,
    before: Option<Sample>,
    share: Sensed<f64>,
    /// Processes that worked for us at the last look.
    our_pids: BTreeSet<u32>,
    graphics: Graphics,
    /// Where the cards' library is.
    library: PathBuf,
    /// What the last look at the cards found; `None` without a card that is awake.
    cards: Option<Result<Look, String>>,
    /// Why a model server's part of the cards' load could not be told at the last look, while it worked for us.
    hidden_server: Option<String>,
    temperature: Option<(Instant, Sensed<f64>)>,
}

impl std::fmt::Debug for HostSenses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostSenses")
    }
}

impl HostSenses {
    #[must_use]
    pub fn new(tree: Arc<Tree>, own: OwnWork) -> Self {
        Self::at(Roots::default(), tree, own)
    }

    /// The senses of a machine whose files lie elsewhere.
    #[must_use]
    pub fn at(roots: Roots, tree: Arc<Tree>, own: OwnWork) -> Self {
        Self {
            roots,
            tree,
            own,
            input: LastInput::default(),
            seen: Seen::default(),
            desktop: config::Desktop::default(),
            said: Said::default(),
            mend: None,
            awake: Awake::default(),
            children: Children::default(),
            servers: Servers::default(),
            lingering: Lingering::default(),
            waiting: Waiting::default(),
            before: None,
            share: Sensed::Unknown("there is only one look so far".to_owned()),
            our_pids: BTreeSet::new(),
            graphics: Graphics::default(),
            library: PathBuf::from(graphics::LIBRARY),
            cards: None,
            hidden_server: None,
            temperature: None,
        }
    }

    /// Asks this desktop's services too, from the moment that somebody listens.
    #[must_use]
    pub fn with_desktop(mut self, desktop: &config::Desktop) -> Self {
        self.desktop = desktop.clone();
        self
    }

    /// Asks about graphics cards by another library than the driver's.
    #[must_use]
    pub fn with_graphics(mut self, library: &Path) -> Self {
        library.clone_into(&mut self.library);
        self
    }

    /// Share of the busiest graphics card that others used at the last look, 0 to 1; `None` without a card that is awake.
    ///
    /// # Errors
    /// Why it is not known: the library does not answer, or a model server whose process cannot be told worked for us
    /// and may be what was seen.
    #[must_use]
    pub fn graphics(&self) -> Option<Result<f64, String>> {
        let look = self.cards.clone()?;
        Some(look.and_then(|look| match &self.hidden_server {
            Some(hidden) if look.others > 0.0 => Err(hidden.clone()),
            Some(_) | None => Ok(look.others),
        }))
    }

    /// What of this machine is read in a way that has only ever met recordings: nobody has seen it with the real thing.
    #[must_use]
    pub fn met_recordings_only(&self) -> Vec<&'static str> {
        let supplies = self.roots.sys.join("class/power_supply");
        let found = [
            inputs::device_nodes(&self.roots)
                .is_ok_and(|nodes| !nodes.is_empty())
                .then_some("input devices"),
            heat::hottest(&self.roots.sys)
                .is_some()
                .then_some("temperature sensors"),
            std::fs::read_dir(supplies)
                .is_ok_and(|mut all| all.next().is_some())
                .then_some("batteries"),
        ];
        found.into_iter().flatten().collect()
    }

    /// What each of the desktop's services says; empty while nobody listens.
    #[must_use]
    pub fn desktop(&self) -> Vec<(Source, Word)> {
        self.said.words()
    }

    /// What would let it be known whether somebody is there; `None` where it is known, or nothing is known to help.
    #[must_use]
    pub fn mend(&self) -> Option<Mend> {
        self.mend
    }

    fn temperature(&mut self, now: Instant) -> Sensed<f64> {
        if let Some((at, known)) = &self.temperature
            && now.saturating_duration_since(*at) < TEMPERATURE_EVERY
        {
            return known.clone();
        }
        let card = self.cards.as_ref().and_then(|look| look.as_ref().ok());
        let card = card.and_then(|look| look.temperature_c);
        let card = card.filter(|degrees| heat::is_possible(*degrees));
        let sensors = heat::hottest(&self.roots.sys).into_iter();
        let sensed = sensors.chain(card).reduce(f64::max).map_or_else(
            || Sensed::Unknown("no temperature sensor can be read".to_owned()),
            Sensed::Known,
        );
        self.temperature = Some((now, sensed.clone()));
        sensed
    }
}

impl Senses for HostSenses {
    fn read(&mut self, now: Instant) -> Reading {
        if cfg!(target_os = "macos") {
            return mac::read(&mac::Tools::default());
        }
        if !cfg!(target_os = "linux") {
            return Reading::unknown("this system's senses are not read yet");
        }
        let all = Processes::read(&self.roots.proc);
        Reading {
            presence: self.presence(&all, now),
            load_of_others: self.load(&all, now),
            graphics: self.graphics().map(|look| match look {
                Ok(share) => Sensed::Known(share),
                Err(why) => Sensed::Unknown(why),
            }),
            memory_used: processes::memory_used(&self.roots.proc),
            memory_pressure: processes::memory_pressure(&self.roots.proc),
            temperature_c: self.temperature(now),
            power: self.power(),
        }
    }

    fn listen(&mut self, hear: Hear) -> Option<Listening> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let watching = watch::start(&self.roots, &self.seen, Arc::clone(&hear))
            .inspect_err(|error| tracing::warn!(%error, "input is noticed by looks alone"))
            .ok();
        let following = desktop::start(&self.desktop, &self.seen, &self.said, hear)
            .inspect_err(|error| tracing::warn!(%error, "the desktop is not asked"))
            .ok()
            .flatten();
        // Both end when they are dropped.
        (watching.is_some() || following.is_some()).then(|| Listening::new((watching, following)))
    }
}

impl HostSenses {
    /// The kernel's own files, and the power service for what they do not tell.
    fn power(&self) -> Sensed<Power> {
        let asked = self.said.power();
        match (power::read(&self.roots.sys), asked) {
            (Sensed::Known(Power::Mains), Some(battery @ Power::Battery { .. }))
            | (Sensed::Unknown(_), Some(battery)) => Sensed::Known(battery),
            (read, _) => read,
        }
    }

    fn presence(&mut self, all: &Processes, now: Instant) -> Presence {
        let resumed = self.awake.resumed(clock::suspended(), now);
        // Where a desktop sees the whole of the input, devices that nobody may watch hide nothing.
        let (idle, still_for) = (self.said.idle(now), self.said.still_for(now));
        let covered = idle.is_some() || still_for.is_some();
        let (told, mend) = presence(&mut self.input, &self.roots, &self.seen, covered, all, now);
        let mut presence = self.said.add_to(told, now);
        self.mend = mend.or_else(|| self.said.mend());
        if self.said.is_occupied() {
            // Nobody tells us of its films: nothing but its idling says that it is left.
            presence.still_for = Some(Duration::ZERO);
            presence.doing.get_or_insert_with(|| OCCUPIED.to_owned());
        } else {
            // When the screen began to idle says less than who sees each touch.
            presence.still_for = still_for.filter(|_| idle.is_none() && !self.seen.is_whole());
        }
        // Somebody opened the lid: as good as a key.
        if let Some(at) = resumed {
            let ago = now.saturating_duration_since(at);
            presence.saw_input(ago);
        }
        presence
    }
}

/// When the machine last came back from sleep.
#[derive(Debug, Default)]
struct Awake {
    slept: Option<Duration>,
    resumed: Option<Instant>,
}

impl Awake {
    /// `slept` is how long the machine has slept in all since it booted.
    fn resumed(&mut self, slept: Duration, now: Instant) -> Option<Instant> {
        let before = self.slept.replace(slept).unwrap_or(slept);
        if slept.saturating_sub(before) > NAP {
            self.resumed = Some(now);
        }
        self.resumed
    }
}

fn presence(
    input: &mut LastInput,
    roots: &Roots,
    seen: &Seen,
    covered: bool,
    all: &Processes,
    now: Instant,
) -> (Presence, Option<Mend>) {
    let terminals = inputs::terminals(roots, all);
    let nodes = inputs::device_nodes(roots);
    let devices = nodes.as_ref().is_ok_and(|nodes| !nodes.is_empty());
    let seat = inputs::has_seat(&roots.run);
    let (told, since) = seen.last();
    // What may not be listed may be there all the same.
    let closed = nodes.err().or(seat.clone().err()).filter(|_| !covered);
    let closed = terminals.unreadable.or(closed);
    let closed = closed.map(|why| (why, Mend::Files));
    let closed = closed.or_else(|| Some((inputs::elsewhere(all, covered)?, Mend::RemoteScreen)));
    let on_terminal = !all.terminals().is_empty();
    let anything = devices || terminals.any_opened || on_terminal || seat.is_ok_and(|seat| seat);
    // Nothing to give input with: nobody is there, and that is known. What was told counts all the same.
    if !anything && closed.is_none() {
        let hidden =
            "other people's processes are hidden, and with them whether somebody has logged in";
        let blind = (!all.are_all_seen() && !covered).then(|| hidden.to_owned());
        let mend = blind.as_ref().map(|_| Mend::HiddenProcesses);
        let presence = Presence {
            last_input: told.map(|at| now.saturating_duration_since(at)),
            still_for: None,
            blind,
            doing: None,
        };
        return (presence, mend);
    }
    let blind = match (closed, devices) {
        (Some(closed), _) => Some(closed),
        (None, true) if since.is_none() => Some((seen.unwatched(), Mend::Watching)),
        (None, true) => seen.blind().filter(|_| !covered),
        (None, false) => None,
    };
    let (blind, mend) = blind.unzip();
    // Of what a device did before somebody listened nothing is known: it counts as used just then.
    let told = told.or(since.filter(|_| devices));
    let told = told.map(|at| now.saturating_duration_since(at));
    let accessed = terminals.newest.map(|at| input.ago(at, clock::utc(), now));
    let presence = Presence {
        last_input: match (accessed, told) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        },
        still_for: None,
        blind,
        doing: None,
    };
    (presence, mend)
}

#[cfg(test)]
mod tests;
