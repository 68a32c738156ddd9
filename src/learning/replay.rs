//! Does it pay? Recorded tries become a simulated world, and several nights are played in it with learning on and off.
//! Pure; called by the bench `pays`. The world gives back what was recorded of a topic, a difficulty and a model, or of
//! the nearest of which enough is recorded; it invents nothing. Models are told apart by their names alone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::choose::{self, Candidate};
use super::outlook::Outlook;
use crate::chance::Chance;
use crate::dream::{ArmKey, AttemptFact, Difficulty, FactOutcome, Generator, LearningPhase, Step};
use crate::ids::{AttemptId, SessionId};

/// Recorded tries that a cell needs before it speaks for itself.
const ENOUGH: usize = 3;
/// Modules for each woven task while everything goes in turn, as the engine has it.
const FOUND_IN_A_ROW: u64 = 2;

type Cell = (bool, Option<String>, Option<Difficulty>, Option<ArmKey>);

/// What was recorded, by how a task came to be, topic, difficulty and model.
#[derive(Debug)]
pub struct World {
    cells: BTreeMap<Cell, Vec<(bool, f64)>>,
    /// Topics of found and of woven tasks.
    topics: [Vec<String>; 2],
    /// One for each name of a model, without address and prompts.
    pub arms: Vec<ArmKey>,
    /// Tries that a model worked on.
    pub tries: usize,
}

impl World {
    /// Of tries that a model worked on; others have no choice in them. A model is its name: the same one with the prompts of
    /// another time, or at another address, is no other.
    #[must_use]
    pub fn of(facts: &[AttemptFact]) -> Self {
        let mut world = Self {
            cells: BTreeMap::new(),
            topics: [Vec::new(), Vec::new()],
            arms: Vec::new(),
            tries: 0,
        };
        for fact in facts {
            let Some(arm) = &fact.arm else { continue };
            // Nobody asks with the prompts of another time again, and a server that was started anew has another port.
            let arm = &ArmKey {
                endpoint: String::new(),
                model: arm.model.clone(),
                prompt: String::new(),
            };
            let found = fact.steps.first().is_some_and(|step| step.name == "source");
            let outcome = (fact.outcome.is_success(), fact.seconds.max(0.1));
            for (topic, difficulty, arm) in [
                (Some(&fact.topic), Some(fact.difficulty), Some(arm)),
                (None, Some(fact.difficulty), Some(arm)),
                (Some(&fact.topic), None, Some(arm)),
                (None, None, Some(arm)),
                (None, None, None),
            ] {
                let cell = (found, topic.cloned(), difficulty, arm.cloned());
                world.cells.entry(cell).or_default().push(outcome);
            }
            let topics = &mut world.topics[usize::from(!found)];
            if !topics.contains(&fact.topic) {
                topics.push(fact.topic.clone());
            }
            if !world.arms.contains(arm) {
                world.arms.push(arm.clone());
            }
            world.tries += 1;
        }
        world.arms.sort();
        world
    }

    fn try_one(
        &self,
        found: bool,
        topic: &str,
        difficulty: Option<Difficulty>,
        arm: &ArmKey,
        chance: &mut Chance,
    ) -> (bool, f64) {
        let (topic, arm) = (Some(topic.to_owned()), Some(arm.clone()));
        for cell in [
            (found, topic.clone(), difficulty, arm.clone()),
            (found, topic, None, arm.clone()),
            (found, None, difficulty, arm.clone()),
            (found, None, None, arm),
            (found, None, None, None),
        ] {
            if let Some(outcomes) = self.cells.get(&cell)
                && outcomes.len() >= ENOUGH
            {
                let n = usize::try_from(chance.bits() % outcomes.len() as u64).unwrap_or_default();
                return outcomes[n];
            }
        }
        (false, 60.0)
    }

    /// More than one model, or more than one topic.
    #[must_use]
    pub fn has_a_choice(&self) -> bool {
        self.arms.len() > 1 || self.topics.iter().map(Vec::len).sum::<usize>() > 1
    }

    fn knows(&self, found: bool) -> bool {
        !self.topics[usize::from(!found)].is_empty()
    }
}

/// What several measurements come to, as a program's exit code: 1 where one missed (`Some(false)`), else 0 where one holds, else
/// 2: nothing could be told.
#[must_use]
pub fn exit_code(told: &[Option<bool>]) -> u8 {
    if told.contains(&Some(false)) {
        1
    } else if told.contains(&Some(true)) {
        0
    } else {
        2
    }
}

/// How models are weighed in the simulation; the caller brings the rule, because parts do not know each other.
pub trait Weighs {
    fn choose(&mut self, arms: &[ArmKey], chance: &mut Chance) -> usize;
    fn learn(&mut self, fact: &AttemptFact);
}

/// Dreams saved in each of `nights`, each `seconds` long. `weighs` is what learning has; `None` plays without any.
pub fn nights(
    world: &World,
    mut weighs: Option<&mut dyn Weighs>,
    nights: usize,
    seconds: f64,
    chance: &mut Chance,
) -> Vec<u32> {
    let mut outlook = Outlook::default();
    let (mut number, mut saved) = (0_u64, Vec::new());
    for _ in 0..nights {
        let (mut left, mut count) = (seconds, 0);
        while left > 0.0 {
            number += 1;
            let (found, topic) = match &weighs {
                Some(_) if outlook.is_known() => pick(world, &outlook, chance),
                _ => in_turn(world, number),
            };
            let difficulty = match (&weighs, found) {
                // A documented function is as hard as it is.
                (_, true) => None,
                (Some(_), false) => Some(outlook.ladder_of_topic(&topic).decide(chance).0),
                (None, false) => Some(Difficulty::Medium),
            };
            let arm = match &mut weighs {
                Some(weighs) => weighs.choose(&world.arms, chance),
                None => usize::try_from(number).unwrap_or_default() % world.arms.len(),
            };
            let arm = &world.arms[arm];
            let (success, took) = world.try_one(found, &topic, difficulty, arm, chance);
            left -= took;
            count += u32::from(success && left >= 0.0);
            if let Some(weighs) = &mut weighs {
                let fact = made_up(number, found, topic, difficulty, arm, success, took);
                outlook.learn(&fact);
                weighs.learn(&fact);
            }
        }
        saved.push(count);
    }
    saved
}

fn in_turn(world: &World, number: u64) -> (bool, String) {
    let turn = !number.is_multiple_of(FOUND_IN_A_ROW + 1);
    let found = if turn {
        world.knows(true)
    } else {
        !world.knows(false)
    };
    let topics = &world.topics[usize::from(!found)];
    let n = usize::try_from(number).unwrap_or_default() % topics.len().max(1);
    (found, topics.get(n).cloned().unwrap_or_default())
}

/// As the planner.
fn pick(world: &World, outlook: &Outlook, chance: &mut Chance) -> (bool, String) {
    let candidates = |topics: &[String], way| -> Vec<Candidate> {
        let candidate = |topic: &String| Candidate {
            topic: topic.clone(),
            way,
            dreamed: 0,
        };
        topics.iter().map(candidate).collect()
    };
    let mut all = candidates(&world.topics[0], "source");
    all.extend(candidates(&world.topics[1], "llm"));
    let chosen = choose::decide(&all, outlook, chance).map_or(0, |(place, _)| place);
    (all[chosen].way == "source", all[chosen].topic.clone())
}

fn made_up(
    number: u64,
    found: bool,
    topic: String,
    difficulty: Option<Difficulty>,
    arm: &ArmKey,
    success: bool,
    seconds: f64,
) -> AttemptFact {
    let first = if found { "source" } else { "weave" };
    AttemptFact {
        attempt_id: AttemptId::parse(&format!("{number:032x}")).unwrap_or_else(AttemptId::new),
        session_id: SessionId::parse("00000000").unwrap_or_else(SessionId::new),
        at: Timestamp::from_second(i64::try_from(number).unwrap_or_default()).unwrap_or_default(),
        topic,
        generator: Generator::Llm,
        difficulty: difficulty.unwrap_or_default(),
        library: String::new(),
        arm: Some(arm.clone()),
        outcome: if success {
            FactOutcome::Saved
        } else {
            FactOutcome::Rejected
        },
        tier: None,
        reasons: Vec::new(),
        seconds,
        tokens: 0,
        steps: vec![Step {
            name: first.to_owned(),
            ok: true,
        }],
        phase: LearningPhase::Release,
        group: String::new(),
        choice: None,
        trajectory: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(model: &str) -> ArmKey {
        ArmKey {
            endpoint: String::new(),
            model: model.to_owned(),
            prompt: String::new(),
        }
    }

    #[test]
    fn prompts_of_another_time_and_other_addresses_are_no_choice() {
        let mut facts = tries("a", "m", 1, 4);
        for (n, fact) in facts.iter_mut().enumerate() {
            let arm = fact.arm.as_mut().unwrap();
            arm.prompt = format!("weave-{}", n % 2);
            arm.endpoint = format!("http://127.0.0.1:{n}");
        }
        let world = World::of(&facts);
        assert!(world.arms == [arm("m")] && !world.has_a_choice());
        facts.extend(tries("b", "m", 1, 1));
        assert!(World::of(&facts).has_a_choice(), "another topic");
        facts.extend(tries("a", "other", 1, 1));
        assert_eq!(World::of(&facts).arms, [arm("m"), arm("other")]);
    }

    #[test]
    fn what_nothing_was_measured_for_is_no_success() {
        let cases = [
            ([None, None], 2),
            ([None, Some(true)], 0),
            ([Some(false), None], 1),
            ([Some(true), Some(false)], 1),
            ([Some(true), Some(true)], 0),
        ];
        for (told, code) in cases {
            assert_eq!(exit_code(&told), code, "{told:?}");
        }
        assert_eq!(exit_code(&[]), 2);
    }

    /// `saved` of `tries` on documented functions of a topic, ten seconds each.
    fn tries(topic: &str, model: &str, saved: u64, tries: u64) -> Vec<AttemptFact> {
        let one = |n| {
            let (topic, saved) = (topic.to_owned(), n < saved);
            made_up(n, true, topic, None, &arm(model), saved, 10.0)
        };
        (0..tries).map(one).collect()
    }

    /// Any model, and nothing learned of it: topics alone are chosen.
    struct Evenly;

    impl Weighs for Evenly {
        fn choose(&mut self, arms: &[ArmKey], chance: &mut Chance) -> usize {
            usize::try_from(chance.bits() % arms.len() as u64).unwrap_or_default()
        }

        fn learn(&mut self, _: &AttemptFact) {}
    }

    /// Dreams saved in nights 2 to 5 of an hour each over 40 seeds, with learning on and off.
    fn played(facts: &[AttemptFact]) -> (u32, u32) {
        let world = World::of(facts);
        let later = |saved: Vec<u32>| saved[1..].iter().sum::<u32>();
        let (mut on, mut off) = (0, 0);
        for seed in 0..40 {
            let mut chance = Chance::seeded(seed);
            let with = nights(&world, Some(&mut Evenly), 5, 3600.0, &mut chance);
            let again = nights(
                &world,
                Some(&mut Evenly),
                5,
                3600.0,
                &mut Chance::seeded(seed),
            );
            assert_eq!(with, again, "a seed gives the same nights");
            on += later(with);
            off += later(nights(&world, None, 5, 3600.0, &mut chance));
        }
        (on, off)
    }

    #[test]
    fn learning_pays_where_topics_differ_and_costs_nothing_where_they_are_alike() {
        let facts = |rates: [u64; 3]| -> Vec<AttemptFact> {
            let each = ["a", "b", "c"].into_iter().zip(rates);
            each.flat_map(|(topic, saved)| tries(topic, "m", saved, 10))
                .collect()
        };
        let (on, off) = played(&facts([8, 1, 0]));
        assert!(f64::from(on) > 1.5 * f64::from(off), "{on} against {off}");
        let (on, off) = played(&facts([5, 5, 5]));
        let ratio = f64::from(on) / f64::from(off);
        assert!((0.95..1.05).contains(&ratio), "{on} against {off}");
    }

    #[test]
    fn a_world_gives_back_what_was_recorded_nearest_to_the_question() {
        let mut facts = tries("a", "good", 4, 4);
        facts.extend(tries("a", "bad", 0, 4));
        facts.extend(tries("thin", "good", 0, 2));
        let world = World::of(&facts);
        assert_eq!((world.tries, world.arms.len()), (10, 2));
        let mut chance = Chance::seeded(1);
        let mut saved = |topic: &str, model: &str| {
            let one = |_| world.try_one(true, topic, None, &arm(model), &mut chance).0;
            (0..200).map(one).filter(|saved| *saved).count()
        };
        assert_eq!((saved("a", "good"), saved("a", "bad")), (200, 0));
        // Two tries say nothing by themselves: all of the model's are drawn from, of which four of six were saved.
        assert!((100..167).contains(&saved("thin", "good")));
        // Nothing is invented for a model that was never asked: what all of them gave, four of ten.
        assert!((50..110).contains(&saved("a", "stranger")));
    }
}
