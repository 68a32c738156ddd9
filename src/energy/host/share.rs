//! The share of the machine that other programs use: what all used between two looks, less what worked for us. Part of
//! the host's senses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::processes::{self, Processes};
use super::server::Owner;
use super::{HostSenses, Sensed};
use crate::clock::Instant;
use crate::energy::load::{self, Counters};
use crate::energy::own::Ours;
use crate::tree::Mechanism;

/// Below this the counters' own grain (10 ms a processor) drowns the share; the sample before is kept.
const SHORTEST_GAP: Duration = Duration::from_millis(200);

/// Names of the container engine's own processes, as the kernel shows them (15 characters at most).
const ENGINE: [&str; 7] = [
    "dockerd",
    "containerd",
    "containerd-shim",
    "podman",
    "conmon",
    "runc",
    "crun",
];

/// The counters of one look, part by part: a part that appears between two looks has no difference yet.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) busy: f64,
    pub(super) total: f64,
    /// The groups of dream work; without groups our whole family, with what has ended. Containers in either case.
    pub(super) base: f64,
    /// Beside groups: our processes outside of them. A child that ended takes its last moment with it, no more.
    pub(super) family: BTreeMap<u32, f64>,
    /// The container engine's processes, by process id.
    pub(super) engine: BTreeMap<u32, f64>,
    /// Model servers that ever worked for us, by their address: the process that listens, or each process of the user
    /// that does.
    pub(super) servers: BTreeMap<String, BTreeMap<u32, f64>>,
    /// What others waited for a processor, all in all.
    pub(super) waited: f64,
}

impl HostSenses {
    pub(super) fn load(&mut self, all: &Processes, now: Instant) -> Sensed<f64> {
        let too_soon = self
            .before
            .as_ref()
            .is_some_and(|before| now.saturating_duration_since(before.at) < SHORTEST_GAP);
        if too_soon {
            return self.share.clone();
        }
        let mut ours = self.own.take();
        self.hidden_server = None;
        let share = match self.sample(all, &mut ours, now) {
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
        let (roots, library) = (&self.roots, &self.library);
        let is_ours = |pid| self.our_pids.contains(&pid);
        self.cards = self.graphics.look(&roots.sys, library, is_ours);
        self.share = share;
        self.share.clone()
    }

    /// The counters now, and why they may not be told apart. Adds to `ours` the servers that still work on what was asked of
    /// them before.
    fn sample(
        &mut self,
        all: &Processes,
        ours: &mut Ours,
        now: Instant,
    ) -> Result<(Sample, Option<String>), String> {
        let (busy, total) = processes::machine(&self.roots.proc)?;
        let grouped = self.tree.mechanism() != Mechanism::None;
        let in_groups: BTreeSet<u32> = self.tree.processes().into_iter().collect();
        let me = std::process::id();
        let family = all.family(me);
        // What a child in a group used is in the group's count for ever, and in its parent's once the parent has waited
        // for it: beside groups nobody's waiting is counted.
        let counted = self.tree.cpu_time().as_secs_f64();
        let (base, family_used) = if grouped {
            let outside = family.iter().filter(|pid| !in_groups.contains(pid));
            let used = outside.map(|pid| (*pid, all.used(*pid, false))).collect();
            (counted, used)
        } else {
            // Of containers alone.
            (counted + self.children.look(all, me), BTreeMap::new())
        };
        let engine = engine_of(all);
        let engine_pids: BTreeSet<u32> = engine.keys().copied().collect();

        let mut trouble = None;
        let uncounted = self.tree.take_uncounted();
        if ours.outside || uncounted {
            trouble = Some("containers of ours run where no control group counts them".to_owned());
        }
        self.servers.ask(&ours.servers);
        let before = self.before.as_ref();
        let gap = before.map_or(Duration::ZERO, |before| {
            now.saturating_duration_since(before.at)
        });
        let mut servers = BTreeMap::new();
        let mut serving: BTreeSet<u32> = BTreeSet::new();
        for (url, owner) in self.servers.find(&self.roots.proc, all) {
            let asked = ours.servers.contains(&url);
            // All that another user runs may well be somebody else's work.
            let is_one = matches!(owner, Owner::Process(_));
            let (members, used): (BTreeSet<u32>, BTreeMap<u32, f64>) = match owner {
                Owner::Process(pid) if family.contains(&pid) || in_groups.contains(&pid) => {
                    continue;
                }
                Owner::Process(pid) => {
                    let members = all.family(pid);
                    let used = members.iter().map(|pid| all.used(*pid, true)).sum();
                    (members, BTreeMap::from([(pid, used)]))
                }
                Owner::User(uid) => {
                    let members = all.of_user(&self.roots.proc, uid).into_iter();
                    let used = members.map(|pid| (pid, all.used(pid, false)));
                    let used: BTreeMap<u32, f64> = used.collect();
                    (used.keys().copied().collect(), used)
                }
                Owner::Unknown if asked => {
                    let hidden =
                        format!("the process behind {url}, which works for us, cannot be told");
                    // What it does on a graphics card cannot be told from another program's either.
                    self.hidden_server = Some(hidden.clone());
                    trouble = Some(hidden);
                    continue;
                }
                Owner::Elsewhere | Owner::Unknown => continue,
            };
            let grew = before.and_then(|before| Some(grown(before.servers.get(&url)?, &used)));
            if asked {
                self.lingering.asked(&url, now);
            } else if is_one && self.lingering.works_on(&url, grew, gap, now) {
                ours.servers.insert(url.clone());
            }
            if ours.servers.contains(&url) {
                serving.extend(members);
            }
            servers.insert(url, used);
        }
        self.our_pids = family.union(&in_groups).copied().collect();
        self.our_pids.extend(&serving);
        let waited = self.waiting.look(&self.roots.proc, all, |pid| {
            self.our_pids.contains(&pid) || (ours.containers && engine_pids.contains(&pid))
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
}

/// What others used between two looks, by the parts that both looks have.
pub(super) fn difference(before: &Sample, after: &Sample, ours: &Ours) -> Sensed<f64> {
    let unknown = |why: &str| Sensed::Unknown(why.to_owned());
    // One server may have several addresses, and one that is idle for us may work for its owner.
    let known: BTreeMap<u32, f64> = before.servers.values().flatten().map(copied).collect();
    let of_ours = after.servers.iter();
    let of_ours = of_ours.filter(|(url, _)| ours.servers.contains(*url));
    let mut serving: BTreeMap<u32, f64> = BTreeMap::new();
    for (_, used) in of_ours {
        // A server's own children come and go; a server that appears is another matter.
        if !used.is_empty() && !used.keys().any(|pid| known.contains_key(pid)) {
            return unknown("the model server that works for us was just found");
        }
        serving.extend(used.iter().map(copied));
    }
    let mut part = after.base - before.base + grown(&before.family, &after.family);
    part += begun(&before.family, &after.family);
    part += grown(&known, &serving);
    if ours.containers {
        // Each container has helpers of its own, which begin with it.
        part += grown(&before.engine, &after.engine) + begun(&before.engine, &after.engine);
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

/// What the processes that both looks have used between them.
fn grown(before: &BTreeMap<u32, f64>, after: &BTreeMap<u32, f64>) -> f64 {
    after
        .iter()
        .filter_map(|(pid, used)| Some((used - before.get(pid)?).max(0.0)))
        .sum()
}

/// What those have used that began between the looks.
fn begun(before: &BTreeMap<u32, f64>, after: &BTreeMap<u32, f64>) -> f64 {
    let new = after.iter().filter(|(pid, _)| !before.contains_key(pid));
    new.map(|(_, used)| used).sum()
}

/// The container engine's processes and what each has used. Not what they waited for: a container's own work is among that, and
/// its groups count it.
pub(super) fn engine_of(all: &Processes) -> BTreeMap<u32, f64> {
    let named = all.named(&ENGINE);
    named.map(|pid| (pid, all.used(pid, false))).collect()
}

fn copied((pid, used): (&u32, &f64)) -> (u32, f64) {
    (*pid, *used)
}
