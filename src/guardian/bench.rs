//! Runs checks in sandboxes for the gates. One interpreter for each room, opened when first needed: what runs the
//! candidate never holds an expectation, what evaluates `holds` never holds the candidate.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::roll_call;
use super::ruling::Undecided;
use super::trial::{Holds, Trial, same_outcome};
use crate::dream::{
    Check, CheckKind, Ending, Observation, Outcome, Serve, Served, Value, parse_literal,
};
use crate::sandbox::{Job, Limits, Runner, RunnerSpec, Sandbox, SandboxError};
use crate::supervisor::permit::WorkPermit;

/// Whose code an interpreter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Solution,
    /// Code of ours that stands in for a solution and may hold expected values.
    StandIn,
    Mutant,
    /// Another solution of the same task.
    Peer,
    /// Evaluates `holds`.
    Judge,
}

/// One interpreter: a role and a hash seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Room {
    pub(super) role: Role,
    pub(super) hash_seed: u32,
}

pub(super) struct Bench<'a> {
    sandbox: &'a dyn Sandbox,
    permit: &'a WorkPermit,
    limits: BTreeMap<Role, Limits>,
    runners: BTreeMap<Room, Runner>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(sandbox: &'a dyn Sandbox, permit: &'a WorkPermit) -> Self {
        Self {
            sandbox,
            permit,
            limits: BTreeMap::new(),
            runners: BTreeMap::new(),
        }
    }

    /// Limits of a role's rooms that are not open yet; the usual ones where nothing is said.
    pub(super) fn limit(&mut self, role: Role, limits: Limits) {
        self.limits.insert(role, limits);
    }

    /// Opens rooms side by side, before they are needed.
    pub(super) async fn prepare(&mut self, rooms: &[Room]) -> Result<(), Undecided> {
        let missing: Vec<_> = rooms
            .iter()
            .filter(|room| !self.runners.contains_key(room))
            .collect();
        let opening = missing.iter().map(|room| self.open(**room));
        let opened = join_all(opening).await;
        for (room, runner) in missing.into_iter().zip(opened) {
            self.runners.insert(*room, runner?);
        }
        Ok(())
    }

    async fn open(&self, room: Room) -> Result<Runner, Undecided> {
        let limits = self.limits.get(&room.role).copied().unwrap_or_default();
        let spec = RunnerSpec {
            hash_seed: room.hash_seed,
            limits,
        };
        let mut broken = String::new();
        for _ in 0..2 {
            match self.sandbox.open(self.permit, &spec).await {
                Ok(runner) => return Ok(runner),
                Err(SandboxError::Infra(why)) => broken = why,
                Err(error @ (SandboxError::Interrupted(_) | SandboxError::Unavailable(_))) => {
                    return Err(Undecided(error.to_string()));
                }
            }
        }
        Err(Undecided(broken))
    }

    /// Runs one job; a sandbox that broke is replaced once.
    pub(super) async fn run(
        &mut self,
        room: Room,
        job: &Job,
        serve: Option<&Serve>,
    ) -> Result<Observation, Undecided> {
        let mut broken = String::new();
        for _ in 0..2 {
            let mut runner = match self.runners.remove(&room) {
                Some(runner) if !runner.is_spent() => runner,
                Some(_) | None => self.open(room).await?,
            };
            match runner.run_served(self.permit, job, serve).await {
                Ok(seen) => {
                    self.runners.insert(room, runner);
                    match seen.ending {
                        Ending::Interrupted => return Err(Undecided("interrupted".to_owned())),
                        Ending::Infra(why) => broken = why,
                        _ => return Ok(seen),
                    }
                }
                Err(SandboxError::Infra(why)) => broken = why,
                Err(error @ (SandboxError::Interrupted(_) | SandboxError::Unavailable(_))) => {
                    return Err(Undecided(error.to_string()));
                }
            }
        }
        Err(Undecided(broken))
    }

    /// Runs one check against `code`, and a property's `holds` in the judge's room.
    pub(super) async fn attempt(
        &mut self,
        room: Room,
        code: &str,
        check: &Check,
        trace: bool,
    ) -> Result<Trial, Undecided> {
        let observation = self
            .run(room, &call_job(code, check, trace), check.serve.as_ref())
            .await?;
        let holds = match (&check.kind, &observation.outcome) {
            (CheckKind::Property { holds }, Outcome::Value { value }) => {
                let seen = observation.served.as_ref();
                Some(
                    self.holds(room.hash_seed, holds, check, value, seen)
                        .await?,
                )
            }
            _ => None,
        };
        Ok(Trial {
            observation,
            holds,
            traced: trace,
        })
    }

    /// Every check against `code` in one interpreter, in this order. The outer `None`: no answer came that could be
    /// read, so the code ran into a limit, ended its interpreter or gave too much.
    ///
    /// `before`: trials of the real solution, one a check. A property whose result did not change is not asked again.
    pub(super) async fn roll_call(
        &mut self,
        room: Room,
        code: &str,
        checks: &[&Check],
        before: &[&Trial],
    ) -> Result<Option<Vec<Trial>>, Undecided> {
        // A server stands beside one call.
        if checks.iter().any(|check| check.serve.is_some()) {
            return Ok(None);
        }
        let seen = self.run(room, &roll_call::job(code, checks), None).await?;
        let Some(answers) = roll_call::answers(&seen, checks.len()) else {
            return Ok(None);
        };
        let mut trials = Vec::with_capacity(answers.len());
        for (at, (observation, check)) in answers.into_iter().zip(checks).enumerate() {
            let known = before
                .get(at)
                .filter(|trial| same_outcome(&trial.observation, &observation));
            let holds = match (&check.kind, &observation.outcome, known) {
                (CheckKind::Property { .. }, Outcome::Value { .. }, Some(known)) => {
                    known.holds.clone()
                }
                (CheckKind::Property { holds }, Outcome::Value { value }, None) => Some(
                    self.holds(room.hash_seed, holds, check, value, None)
                        .await?,
                ),
                _ => None,
            };
            trials.push(Trial {
                observation,
                holds,
                traced: false,
            });
        }
        Ok(Some(trials))
    }

    /// What a property says of a result, and of what the check's server saw where it has one.
    pub(super) async fn holds(
        &mut self,
        hash_seed: u32,
        holds: &str,
        check: &Check,
        result: &Value,
        seen: Option<&Served>,
    ) -> Result<Holds, Undecided> {
        let mut values = BTreeMap::from([("result".to_owned(), result.clone())]);
        if let Some(seen) = seen {
            values.insert("seen".to_owned(), seen.to_value());
        }
        let job = Job::Call {
            code: String::new(),
            setup: String::new(),
            given: readable(&check.given),
            values,
            call: format!("not not (\n{holds}\n)"),
            trace: false,
        };
        let seen = self
            .run(
                Room {
                    role: Role::Judge,
                    hash_seed,
                },
                &job,
                None,
            )
            .await?;
        Ok(match seen.outcome {
            Outcome::Value {
                value: Value::Bool(true),
            } => Holds::Yes,
            Outcome::Raised { classes, .. } => {
                Holds::Raised(classes.into_iter().next().unwrap_or_default())
            }
            Outcome::Value { .. } | Outcome::Unobservable { .. } | Outcome::Nothing => Holds::No,
        })
    }

    /// Ends every interpreter and waits until nothing of them is left.
    pub(super) async fn close(self) {
        join_all(self.runners.into_values().map(Runner::close)).await;
    }
}

fn call_job(code: &str, check: &Check, trace: bool) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: check.setup.clone(),
        given: readable(&check.given),
        values: BTreeMap::new(),
        call: check.call.clone(),
        trace,
    }
}

/// Literals in the one form that an interpreter reads too: `nan` becomes `float('nan')`.
pub(super) fn readable(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let rewrite = |text: &String| {
        parse_literal(text).map_or_else(|_| text.clone(), |value| value.to_literal())
    };
    given
        .iter()
        .map(|(name, text)| (name.clone(), rewrite(text)))
        .collect()
}
