//! This machine's senses. Made by the composition root, read by the supervisor on a thread that may block. The only
//! user of sysinfo. Never judges what it reads.
//!
//! Reads Linux's `/proc`, `/sys` and `/dev`, and asks its desktop; macOS by its tools. On other systems every source is
//! unknown and says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sysinfo::Components;

use super::load::{self, Counters};
use super::own::{Ours, OwnWork};
use super::{Hear, Listening, Power, Presence, Reading, Sensed, Senses};
use crate::clock::{self, Instant};
use crate::config;
use crate::tree::{Mechanism, Tree};

mod desktop;
mod inputs;
mod mac;
mod power;
mod processes;
mod server;
mod waiting;
mod watch;

use desktop::Said;
pub use desktop::said::{Answer, Idle, Source, Word};
use inputs::LastInput;
use processes::Processes;
use server::{Owner, Servers};
use waiting::Waiting;
use watch::Seen;

/// Below this the counters' own grain (10 ms a processor) drowns the share; the sample before is kept.
const SHORTEST_GAP: Duration = Duration::from_millis(200);

/// Sensors move slowly, and reading some of them wakes a bus: not more often than this.
const TEMPERATURE_EVERY: Duration = Duration::from_secs(2);

/// A machine that slept longer than this was resumed by somebody; two clocks read one after the other differ by less.
const NAP: Duration = Duration::from_secs(2);

/// Names of the container engine's own processes, as the kernel shows them (15 characters at most).
const ENGINE: [&str; 3] = ["dockerd", "containerd", "containerd-shim"];

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

/// This machine.
pub struct HostSenses {
    roots: Roots,
    tree: Arc<Tree>,
    own: OwnWork,
    input: LastInput,
    seen: Seen,
    desktop: config::Desktop,
    said: Said,
    awake: Awake,
    servers: Servers,
    waiting: Waiting,
    before: Option<Sample>,
    share: Sensed<f64>,
    /// `None` where the library finds no way in.
    components: Option<Components>,
    temperature: Option<(Instant, Sensed<f64>)>,
}

impl std::fmt::Debug for HostSenses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostSenses")
    }
}

/// The counters of one look, part by part: a part that appears between two looks has no difference yet.
#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    busy: f64,
    total: f64,
    /// The groups of dream work; without groups our whole family, with what it has waited for.
    base: f64,
    /// Beside groups: our processes outside of them. A child that ended takes its last moment with it, no more.
    family: BTreeMap<u32, f64>,
    /// The container engine's processes, by process id.
    engine: BTreeMap<u32, f64>,
    /// Model servers, by the process that listens or each process of the user that does.
    servers: BTreeMap<u32, f64>,
    /// What others waited for a processor, all in all.
    waited: f64,
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
            awake: Awake::default(),
            servers: Servers::default(),
            waiting: Waiting::default(),
            before: None,
            share: Sensed::Unknown("there is only one look so far".to_owned()),
            components: Components::new().ok(),
            temperature: None,
        }
    }

    /// Asks this desktop's services too, from the moment that somebody listens.
    #[must_use]
    pub fn with_desktop(mut self, desktop: &config::Desktop) -> Self {
        self.desktop = desktop.clone();
        self
    }

    /// What each of the desktop's services says; empty while nobody listens.
    #[must_use]
    pub fn desktop(&self) -> Vec<(Source, Word)> {
        self.said.words()
    }

    fn load(&mut self, all: &Processes, now: Instant) -> Sensed<f64> {
        let too_soon = self
            .before
            .as_ref()
            .is_some_and(|before| now.saturating_duration_since(before.at) < SHORTEST_GAP);
        if too_soon {
            return self.share.clone();
        }
        let ours = self.own.take();
        self.share = match self.sample(all, &ours, now) {
            Ok((after, trouble)) => {
                let share = match (&self.before, trouble) {
                    (_, Some(trouble)) => Sensed::Unknown(trouble),
                    (None, None) => Sensed::Unknown("there is only one look so far".to_owned()),
                    (Some(before), None) => difference(before, &after, &ours),
                };
                self.before = Some(after);
                share
            }
            Err(trouble) => {
                self.before = None;
                Sensed::Unknown(trouble)
            }
        };
        self.share.clone()
    }

    /// The counters now, and why they may not be told apart.
    fn sample(
        &mut self,
        all: &Processes,
        ours: &Ours,
        now: Instant,
    ) -> Result<(Sample, Option<String>), String> {
        let (busy, total) = processes::machine(&self.roots.proc)?;
        let grouped = self.tree.mechanism() != Mechanism::None;
        let in_groups: BTreeSet<u32> = if grouped {
            self.tree.processes().into_iter().collect()
        } else {
            BTreeSet::new()
        };
        let family = all.family(std::process::id());
        // What a child in a group used is in the group's count for ever, and in its parent's once the parent has waited
        // for it: beside groups nobody's waiting is counted.
        let (base, family_used) = if grouped {
            let outside = family.iter().filter(|pid| !in_groups.contains(pid));
            let used = outside.map(|pid| (*pid, all.used(*pid, false))).collect();
            (self.tree.cpu_time().as_secs_f64(), used)
        } else {
            let used = family.iter().map(|pid| all.used(*pid, true)).sum();
            (used, BTreeMap::new())
        };
        let engine = all
            .named(&ENGINE)
            .map(|pid| (pid, all.used(pid, false)))
            .collect();

        let mut trouble = None;
        if ours.containers && !grouped {
            trouble = Some("containers of ours run where no control group counts them".to_owned());
        }
        self.servers.ask(&ours.servers);
        let mut servers = BTreeMap::new();
        let mut serving = BTreeSet::new();
        for (url, owner) in self.servers.find(&self.roots.proc, all) {
            match owner {
                Owner::Process(pid) if family.contains(&pid) || in_groups.contains(&pid) => {}
                Owner::Process(pid) => {
                    let members = all.family(pid);
                    let used = members.iter().map(|pid| all.used(*pid, true)).sum();
                    servers.insert(pid, used);
                    serving.extend(members);
                }
                Owner::User(user) => {
                    for pid in all.of_user(&self.roots.proc, user) {
                        servers.insert(pid, all.used(pid, false));
                        serving.insert(pid);
                    }
                }
                Owner::Unknown if ours.servers.contains(&url) => {
                    trouble = Some(format!(
                        "the process behind {url}, which works for us, cannot be told"
                    ));
                }
                Owner::Elsewhere | Owner::Unknown => {}
            }
        }
        let engine_pids: BTreeSet<u32> = all.named(&ENGINE).collect();
        let waited = self.waiting.look(&self.roots.proc, all, |pid| {
            family.contains(&pid)
                || in_groups.contains(&pid)
                || (!ours.servers.is_empty() && serving.contains(&pid))
                || (ours.containers && engine_pids.contains(&pid))
        });
        let sample = Sample {
            at: now,
            waited,
            busy,
            total,
            base,
            family: family_used,
            engine,
            servers,
        };
        Ok((sample, trouble))
    }

    fn temperature(&mut self, now: Instant) -> Sensed<f64> {
        if let Some((at, known)) = &self.temperature
            && now.saturating_duration_since(*at) < TEMPERATURE_EVERY
        {
            return known.clone();
        }
        let hottest = self.components.as_mut().and_then(|components| {
            components.refresh(true);
            components
                .iter()
                .filter_map(sysinfo::Component::temperature)
                .filter(|degrees| degrees.is_finite())
                .reduce(f32::max)
        });
        let sensed = hottest.map_or_else(
            || Sensed::Unknown("no temperature sensor can be read".to_owned()),
            |degrees| Sensed::Known(f64::from(degrees)),
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
            memory_used: processes::memory_used(&self.roots.proc),
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
        let covered = self.said.idle(now).is_some();
        let told = presence(&mut self.input, &self.roots, &self.seen, covered, all, now);
        let mut presence = self.said.add_to(told, now);
        // Somebody opened the lid: as good as a key.
        if let Some(at) = resumed {
            let ago = now.saturating_duration_since(at);
            presence.last_input = Some(presence.last_input.map_or(ago, |seen| seen.min(ago)));
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
) -> Presence {
    let terminals = inputs::terminals(&roots.dev);
    let devices = !inputs::device_nodes(roots).is_empty();
    let (told, since) = seen.last();
    // Nothing to give input with: nobody is there, and that is known. What was told counts all the same.
    if !devices && !all.any_on_a_terminal() && !inputs::has_seat(&roots.run) {
        return Presence {
            last_input: told.map(|at| now.saturating_duration_since(at)),
            ..Presence::headless()
        };
    }
    let blind = match (terminals.unreadable, devices) {
        (Some(why), _) => Some(why),
        (None, true) if since.is_none() => {
            Some("the keyboard and the mouse are not watched".to_owned())
        }
        (None, true) => seen.blind().filter(|_| !covered),
        (None, false) => None,
    };
    // Of what a device did before somebody listened nothing is known: it counts as used just then.
    let told = told.or(since.filter(|_| devices));
    let told = told.map(|at| now.saturating_duration_since(at));
    let accessed = terminals.newest.map(|at| input.ago(at, clock::utc(), now));
    Presence {
        last_input: match (accessed, told) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        },
        blind,
        doing: None,
    }
}

/// What others used between two looks, by the parts that both looks have.
fn difference(before: &Sample, after: &Sample, ours: &Ours) -> Sensed<f64> {
    let unknown = |why: &str| Sensed::Unknown(why.to_owned());
    // A server's own children come and go; a server that appears is another matter.
    if before.servers.is_empty() && !after.servers.is_empty() && !ours.servers.is_empty() {
        return unknown("the model server that works for us was just found");
    }
    let grown = |before: &BTreeMap<u32, f64>, after: &BTreeMap<u32, f64>| -> f64 {
        after
            .iter()
            .filter_map(|(pid, used)| Some((used - before.get(pid)?).max(0.0)))
            .sum()
    };
    let begun: f64 = after
        .family
        .iter()
        .filter(|(pid, _)| !before.family.contains_key(pid))
        .map(|(_, used)| used)
        .sum();
    let mut part = after.base - before.base + grown(&before.family, &after.family) + begun;
    if !ours.servers.is_empty() {
        part += grown(&before.servers, &after.servers);
    }
    if ours.containers {
        part += grown(&before.engine, &after.engine);
    }
    let counters = |sample: &Sample, ours| Counters {
        busy: sample.busy,
        total: sample.total,
        ours,
        waited: sample.waited,
    };
    let gap = after.at.saturating_duration_since(before.at);
    load::others(counters(before, 0.0), counters(after, part), gap).map_or_else(
        || unknown("the counters of two looks do not compare"),
        Sensed::Known,
    )
}

#[cfg(test)]
mod tests;
