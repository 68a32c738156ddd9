//! Runs checks in sandboxes for the gates. One interpreter for each room, opened when first needed or ahead of it: what
//! runs the candidate never holds an expectation, what evaluates `holds` never holds the candidate.
//!
//! Where a sandbox costs far more than an interpreter, rooms that the gates enter one after the other follow each other
//! in one sandbox, each with an interpreter started anew; those that hold what others must not see never share memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::given::bound;
pub(super) use super::given::readable;
use super::roll_call;
use super::ruling::Undecided;
use super::trial::{Holds, Trial, same_outcome};
use crate::dream::{Check, CheckKind, Ending, Observation, Outcome, Serve, Served, Stage, Value};
use crate::sandbox::{Job, Limits, Runner, RunnerSpec, Sandbox, SandboxError};
use crate::supervisor::permit::WorkPermit;

/// Whose code an interpreter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Solution,
    /// Code of ours that stands in for a solution and may hold expected values.
    StandIn,
    /// The solution with one change, in the solution's own interpreter.
    Mutant,
    /// Another solution of the same task.
    Peer,
    /// Evaluates `holds`.
    Judge,
}

/// Whether other interpreters may be at work beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Others,
    Nobody,
}

/// Why many calls in one interpreter gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unheard {
    /// A check has a server, which stands beside one call.
    Served,
    /// The code itself raised, before anything was asked of it.
    FailsToLoad,
    NoAnswer,
}

/// One interpreter: a role and a hash seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Room {
    pub(super) role: Role,
    pub(super) hash_seed: u32,
}

impl Room {
    /// The room whose interpreter serves this one.
    fn home(self) -> Self {
        match self.role {
            Role::Mutant => Self {
                role: Role::Solution,
                ..self
            },
            Role::Solution | Role::StandIn | Role::Peer | Role::Judge => self,
        }
    }

    /// The sandbox that holds its interpreter: its own, or where that is dear one for all that may follow each other.
    fn place(self, dear: bool) -> Place {
        match self.role {
            _ if !dear => Place::Own(self),
            Role::StandIn | Role::Solution | Role::Mutant => Place::Work,
            Role::Peer => Place::Peers,
            Role::Judge => Place::Judges,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Own(Room),
    /// First the stand-ins, then the solution under one hash seed after the other.
    Work,
    Peers,
    Judges,
}

/// A sandbox and whose interpreter it holds now.
struct Cell {
    room: Room,
    runner: Runner,
}

pub(super) struct Bench<'a> {
    sandbox: &'a Arc<dyn Sandbox>,
    permit: &'a WorkPermit,
    limits: BTreeMap<Role, Limits>,
    cells: BTreeMap<Place, Cell>,
    coming: BTreeMap<Room, JoinHandle<Result<Runner, Undecided>>>,
    /// As many are opened at once as there are processors, so that the first is not held up by the others.
    doors: Arc<Semaphore>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(sandbox: &'a Arc<dyn Sandbox>, permit: &'a WorkPermit) -> Self {
        let doors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            sandbox,
            permit,
            limits: BTreeMap::new(),
            cells: BTreeMap::new(),
            coming: BTreeMap::new(),
            doors: Arc::new(Semaphore::new(doors)),
        }
    }

    /// Limits of time of a role's runs; the usual ones where nothing is said.
    pub(super) fn limit(&mut self, role: Role, limits: Limits) {
        self.limits.insert(role, limits);
    }

    /// Has rooms opened before they are needed, in this order, and waits for the first.
    pub(super) async fn prepare(&mut self, rooms: &[Room]) -> Result<(), Undecided> {
        let Some(first) = rooms.first() else {
            return Ok(());
        };
        let dear = self.sandbox.is_dear();
        for room in rooms.iter().map(|room| room.home()) {
            // Those that follow each other in one sandbox come when it is their turn.
            let waits = dear && room != first.home();
            let known = self.cells.contains_key(&room.place(dear));
            if waits || known || self.coming.contains_key(&room) {
                continue;
            }
            let (sandbox, permit) = (Arc::clone(self.sandbox), self.permit.clone());
            let doors = Arc::clone(&self.doors);
            let opening = async move {
                let _door = doors.acquire_owned().await;
                open(sandbox.as_ref(), &permit, room).await
            };
            // Awaited by whoever enters the room, aborted with the bench.
            let opening = Handle::current().spawn(opening);
            self.coming.insert(room, opening);
        }
        let cell = self.enter(*first).await?;
        self.cells.insert(first.home().place(dear), cell);
        Ok(())
    }

    /// The room's interpreter, ready for a run.
    async fn enter(&mut self, room: Room) -> Result<Cell, Undecided> {
        let room = room.home();
        let there = self.cells.remove(&room.place(self.sandbox.is_dear()));
        if let Some(mut cell) = there.filter(|cell| !cell.runner.is_spent()) {
            if cell.room == room {
                return Ok(cell);
            }
            match cell.runner.renew(self.permit, room.hash_seed).await {
                Ok(()) => return Ok(Cell { room, ..cell }),
                // A new sandbox takes its place.
                Err(SandboxError::Infra(why)) => tracing::debug!(why, "a sandbox was given up"),
                Err(error @ (SandboxError::Interrupted(_) | SandboxError::Unavailable(_))) => {
                    return Err(Undecided(error.to_string()));
                }
            }
        }
        let runner = match self.coming.remove(&room) {
            Some(coming) => match coming.await {
                Ok(opened) => opened?,
                Err(error) => return Err(Undecided(error.to_string())),
            },
            None => open(self.sandbox.as_ref(), self.permit, room).await?,
        };
        Ok(Cell { room, runner })
    }

    /// Runs one job; a sandbox that broke is replaced once.
    pub(super) async fn run(
        &mut self,
        room: Room,
        job: &Job,
        serve: Option<&Serve>,
    ) -> Result<Observation, Undecided> {
        self.run_in(room, job, serve, Company::Others).await
    }

    async fn run_in(
        &mut self,
        room: Room,
        job: &Job,
        serve: Option<&Serve>,
        company: Company,
    ) -> Result<Observation, Undecided> {
        let limits = self.limits.get(&room.role).copied().unwrap_or_default();
        let place = room.home().place(self.sandbox.is_dear());
        let mut broken = String::new();
        for _ in 0..2 {
            let mut cell = self.enter(room).await?;
            let runner = &mut cell.runner;
            let ran = match company {
                Company::Others => runner.run_within(self.permit, job, serve, &limits).await,
                Company::Nobody => runner.run_alone(self.permit, job, serve, &limits).await,
            };
            match ran {
                Ok(seen) => {
                    self.cells.insert(place, cell);
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

    /// Wall time in milliseconds that `code` took for the check's run, less what it waited for a processor. Untraced:
    /// tracing slows loops down tenfold.
    pub(super) async fn timed(
        &mut self,
        room: Room,
        code: &str,
        check: &Check,
        company: Company,
    ) -> Result<f64, Undecided> {
        let job = call_job(code, check, false);
        let serve = check.serve.as_ref();
        let seen = self.run_in(room, &job, serve, company).await?;
        Ok(seen.wall_ms - seen.waited_ms)
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
        Ok(self.call_roll(room, code, checks, before).await?.ok())
    }

    /// As `roll_call`, with why no answer came.
    pub(super) async fn call_roll(
        &mut self,
        room: Room,
        code: &str,
        checks: &[&Check],
        before: &[&Trial],
    ) -> Result<Result<Vec<Trial>, Unheard>, Undecided> {
        // A server stands beside one call.
        if checks.iter().any(|check| check.serve.is_some()) {
            return Ok(Err(Unheard::Served));
        }
        let seen = self.run(room, &roll_call::job(code, checks), None).await?;
        let Some(answers) = roll_call::answers(&seen, checks.len()) else {
            return Ok(Err(if fails_to_load(&seen) {
                Unheard::FailsToLoad
            } else {
                Unheard::NoAnswer
            }));
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
        Ok(Ok(trials))
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

    /// Ends every interpreter. A verdict does not wait for that: whoever ends the sandbox does, in its `settle`.
    pub(super) fn close(mut self) {
        let cells = std::mem::take(&mut self.cells);
        let closing = cells.into_values().map(|cell| cell.runner.close());
        // What it ends is ended all the same where nobody runs it to its end.
        drop(Handle::current().spawn(join_all(closing)));
    }

    /// What is still being opened is not waited for.
    fn give_up(&self) {
        for coming in self.coming.values() {
            coming.abort();
        }
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

async fn open(sandbox: &dyn Sandbox, permit: &WorkPermit, room: Room) -> Result<Runner, Undecided> {
    let spec = RunnerSpec {
        hash_seed: room.hash_seed,
        limits: Limits::default(),
    };
    let mut broken = String::new();
    for _ in 0..2 {
        match sandbox.open(permit, &spec).await {
            Ok(runner) => return Ok(runner),
            Err(SandboxError::Infra(why)) => broken = why,
            Err(error @ (SandboxError::Interrupted(_) | SandboxError::Unavailable(_))) => {
                return Err(Undecided(error.to_string()));
            }
        }
    }
    Err(Undecided(broken))
}

/// Whether the code raised before anything was asked of it.
pub(super) fn fails_to_load(seen: &Observation) -> bool {
    matches!(
        seen.outcome,
        Outcome::Raised {
            stage: Stage::Load,
            ..
        }
    )
}

fn call_job(code: &str, check: &Check, trace: bool) -> Job {
    Job::Call {
        code: code.to_owned(),
        setup: check.setup.clone(),
        given: bound(check),
        values: BTreeMap::new(),
        call: check.call.clone(),
        trace,
    }
}
