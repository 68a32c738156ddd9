//! Scenario after scenario, some at once, until the budget, the material or the permit ends.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::arms::Arms;
use super::budget::Budget;
use super::finish::Outcome;
use super::learned::{Learned, Told};
use super::plan::{Plan, Planner};
use super::scene::Scene;
use super::shares::Shares;
use super::tally::Tally;
use super::tell::Story;
use super::tools::{Tools, Writers};
use super::{EngineError, MOST_UNDECIDED, Rem};
use crate::clock;
use crate::dream::{ArmKey, RemRequest};
use crate::journal::night;
use crate::llm::LlmError;
use crate::sandbox::SandboxError;

/// Said where a server takes a request for too much; its own words are in the log.
const TURNED_AWAY: &str = "the model server turned requests away, and their tasks were left (the log has its words): where they \
                           were too long, give it a larger context for each of its slots";

/// Said where our own server fell over a request and again over the same one.
const FELL: &str = "our model server fell twice over a request, and its task was left (the server's log is in the data folder): \
                    where memory is short, give it a smaller context or a smaller model";

/// Scenarios at once at most: each has its sandboxes.
const MOST_AT_ONCE: usize = 4;

/// How many scenarios are in play on a server of so many slots, and how many requests each of them may have at once. One
/// request of each of several scenarios keeps a server busier than several of one, which come to their ends at different
/// times and are none while its code runs; and what a slot has read of a task serves the task's next request. One scenario
/// more than slots was no faster: its requests took other tasks' slots, and half as much again was read.
fn at_once(slots: usize, side_by_side: bool) -> (usize, usize) {
    let scenarios = if side_by_side {
        slots.clamp(1, MOST_AT_ONCE)
    } else {
        1
    };
    (scenarios, (slots / scenarios).max(1))
}

/// Where a session stands between two scenarios.
struct Course {
    planner: Planner,
    learned: Learned,
    arms: Arms,
    budget: Budget,
    begun: u32,
    /// Undecided ones in a row.
    undecided: u32,
}

/// A scenario that may begin.
struct Begun<'a> {
    plan: Plan,
    told: Told,
    number: u64,
    writers: Option<&'a Writers>,
}

/// A scenario that was played.
struct Played {
    number: u64,
    arm: Option<ArmKey>,
    tally: Tally,
    outcome: Result<Outcome, EngineError>,
}

impl Rem<'_> {
    /// Those in play when the session ends for some reason play on to their own end: a wake ends them at once.
    pub(super) async fn scenarios(
        &self,
        tools: &Tools,
        tally: &mut Tally,
    ) -> Result<(), EngineError> {
        let mut course = self.course(tools).await?;
        let slots = tools.writers.iter().map(|writers| writers.llm.slots());
        // Whichever model a scenario asks, its server has a slot for it.
        let slots = slots.min().unwrap_or(1);
        let shares = Shares::new(clock::monotonic());
        let mut playing = FuturesUnordered::new();
        let mut ended = None;
        loop {
            let (scenarios, requests) = at_once(slots, tools.side_by_side());
            while ended.is_none() && playing.len() < scenarios {
                match self.next(&mut course, tools, tally) {
                    Ok(Some(begun)) => playing.push(self.play(begun, requests, tools, &shares)),
                    Ok(None) => ended = Some(Ok(())),
                    Err(error) => ended = Some(Err(error)),
                }
            }
            let Some(played) = playing.next().await else {
                return ended.unwrap_or(Ok(()));
            };
            if let Err(error) = self.after(played, &mut course, tally)
                && !matches!(ended, Some(Err(_)))
            {
                ended = Some(Err(error));
            }
        }
    }

    async fn course(&self, tools: &Tools) -> Result<Course, EngineError> {
        let Rem {
            engine, request, ..
        } = *self;
        let planner = Planner::new(engine, request, tools.model().is_some());
        let planner = self.permit.race(planner).await??;
        let learned = Learned::load(
            &engine.store,
            self.session,
            request.complexity,
            tools.libraries(),
            &night::night_of(&clock::local()).to_string(),
        )?;
        let arms = tools.writers.iter().map(|w| w.arm.clone()).collect();
        Ok(Course {
            planner,
            // What a person wants never asked is nobody's stand-in either.
            arms: Arms::new(learned.allowed(arms)),
            learned,
            budget: Budget {
                scenarios: request.max_scenarios,
                time: request.for_duration,
            },
            begun: 0,
            undecided: 0,
        })
    }

    /// What to dream next, and with which model; nothing where the budget or the material is spent.
    fn next<'t>(
        &self,
        course: &mut Course,
        tools: &'t Tools,
        tally: &mut Tally,
    ) -> Result<Option<Begun<'t>>, EngineError> {
        self.permit.ask()?;
        let now = clock::monotonic();
        if course
            .budget
            .spent(course.begun, now - self.started)
            .is_some()
        {
            return Ok(None);
        }
        let learned = &mut course.learned;
        learned.refresh(&self.engine.store, self.session)?;
        let Some((plan, mut decisions)) = course.planner.next(learned)? else {
            say_spent(&course.planner, self.request, tools, tally);
            return Ok(None);
        };
        course.begun += 1;
        let among = course.arms.at(now);
        let asked = learned.model(among);
        let writers = asked.as_ref().and_then(|(n, _)| {
            let arm = &among[*n];
            tools.writers.iter().find(|writers| writers.arm == *arm)
        });
        if plan.asks_a_model() {
            decisions.extend(asked.map(|(_, decision)| decision));
        }
        let mut told = learned.tell(&plan, decisions);
        told.arm = writers.map(|writers| writers.arm.clone());
        Ok(Some(Begun {
            plan,
            told,
            number: tally.tried(),
            writers,
        }))
    }

    async fn play(
        &self,
        begun: Begun<'_>,
        requests: usize,
        tools: &Tools,
        shares: &Shares,
    ) -> Played {
        let Begun {
            plan,
            told,
            number,
            writers,
        } = begun;
        let mut tally = Tally::begin(self.session.clone());
        let scene = Scene {
            engine: self.engine,
            tools,
            permit: self.permit,
            progress: self.progress,
            session: self.session,
            number,
            story: Story::begin(&self.engine.experience, self.session, number),
            writers,
            requests: writers.map_or(1, |writers| writers.llm.slots().min(requests)),
            told: &told,
            share: shares.begin(clock::monotonic()),
        };
        let outcome = scene.play(plan, &mut tally).await;
        scene.story.end();
        scene.share.end(clock::monotonic());
        Played {
            number,
            arm: told.arm,
            tally,
            outcome,
        }
    }

    /// What a played scenario means for the session; an error where it is its end.
    fn after(
        &self,
        played: Played,
        course: &mut Course,
        tally: &mut Tally,
    ) -> Result<(), EngineError> {
        let Played {
            number,
            arm,
            tally: its,
            outcome,
        } = played;
        tally.absorb(its);
        // A killed process keeps its counts so far.
        self.engine.store.update_session(&tally.so_far())?;
        let outcome = match outcome {
            Err(EngineError::Llm(error))
                if error.is_about_the_request() && course.undecided + 1 < MOST_UNDECIDED =>
            {
                tracing::warn!(scenario = number, %error, "a request came to nothing");
                let fell = matches!(error, LlmError::Fell { .. });
                tally.hint(if fell { FELL } else { TURNED_AWAY }.to_owned());
                Outcome::Undecided(error.to_string())
            }
            Err(EngineError::Sandbox(SandboxError::Infra(why)))
                if course.undecided + 1 < MOST_UNDECIDED =>
            {
                tracing::warn!(scenario = number, why, "the sandbox broke");
                Outcome::Undecided(why)
            }
            Err(EngineError::Llm(error)) => match arm {
                // The others still answer.
                Some(silent) if course.arms.rest(&silent, clock::monotonic()) => {
                    tally.hint(format!("{silent} was left out for a while: {error}"));
                    Outcome::Decided
                }
                _ => return Err(EngineError::Llm(error)),
            },
            other => other?,
        };
        match outcome {
            Outcome::Decided => course.undecided = 0,
            Outcome::Undecided(why) => {
                course.undecided += 1;
                if course.undecided >= MOST_UNDECIDED {
                    return Err(EngineError::Undecided(why));
                }
            }
        }
        Ok(())
    }
}

/// Names the next step once the pack has nothing new.
fn say_spent(planner: &Planner, request: &RemRequest, tools: &Tools, tally: &mut Tally) {
    if request.tasks.is_empty() && tools.model().is_none() && planner.pack_is_spent() {
        tally.hint(
            "the offline pack is spent: every task was tried with every parameter. Start a model server \
             (Ollama, llama.cpp, LM Studio, vLLM) and the next session weaves new tasks from your documents"
                .to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::at_once;

    #[test]
    fn requests_go_to_as_many_scenarios_as_there_may_be_and_then_to_each_of_them() {
        let slots = [0, 1, 3, 4, 8, 256];
        let several = slots.map(|slots| at_once(slots, true));
        assert_eq!(several, [(1, 1), (1, 1), (3, 1), (4, 1), (4, 2), (4, 64)]);
        let one = slots.map(|slots| at_once(slots, false));
        assert_eq!(one, [(1, 1), (1, 1), (1, 3), (1, 4), (1, 8), (1, 256)]);
    }
}
