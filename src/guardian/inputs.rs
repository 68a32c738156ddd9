//! New questions for a solution: the calls of existing checks with other literals of the same kind. Pure; called by the
//! gate on agreement, by the plants and by the engine, which lets something that no model wrote answer them.
//!
//! A question is near the calls that it was made from: an argument is changed within what all calls show of it (its
//! type, its sign, its alphabet, whether it is sorted) and of what the solutions compare it with, or taken from another
//! call. What a solution does outside of that is nobody's claim, so a question on which it raises proves nothing.

mod bounds;
mod dice;
mod edges;
mod near;
mod words;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use tree_sitter::Node;

use super::syntax::{Source, bare, children, named, normal, only_expression};
use crate::dream::{Check, CheckKind, Origin, Value, parse_literal};
use dice::Dice;
use near::Kin;
use words::Words;

/// Longest literal that is changed: enough for any readable example, and a bound on hostile ones.
const LITERAL_BYTES_MAX: usize = 2_000;
/// How many tries a wanted question may cost; what differs from every known call is sometimes hard to find.
const TRIES: usize = 12;

/// A call without an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub setup: String,
    /// Name to Python literal.
    pub given: BTreeMap<String, String>,
    pub call: String,
}

impl Question {
    /// The check that expects `expect`, a literal, on somebody's word.
    #[must_use]
    pub fn expecting(self, expect: impl Into<String>, origin: Origin) -> Check {
        Check {
            setup: self.setup,
            given: self.given,
            origin,
            ..Check::example(self.call, expect)
        }
    }

    fn key(&self) -> (String, BTreeMap<String, String>, String) {
        let given = self.given.iter().map(|(name, text)| {
            let plain = parse_literal(text).map_or_else(|_| text.clone(), |v| v.to_literal());
            (name.clone(), plain)
        });
        (normal(&self.setup), given.collect(), normal(&self.call))
    }
}

/// At most `most` new questions for the solution of `entry_point`, the same ones for the same `seed`; none repeats a
/// check. Fewer, or none, where the checks' calls hold no literals to change.
///
/// `codes` are solutions: what they compare their arguments with occurs in the questions too.
/// Made from examples and properties; a call that is expected to raise says nothing of what a good argument is.
#[must_use]
pub fn questions(
    entry_point: &str,
    checks: &[&Check],
    codes: &[&str],
    most: usize,
    seed: u64,
) -> Vec<Question> {
    let words = Words::of(codes);
    let bases: Vec<Base> = checks
        .iter()
        .filter(|check| !matches!(check.kind, CheckKind::Raises { .. }) && check.serve.is_none())
        .filter_map(|check| Base::of(check, entry_point))
        .collect();
    let mut kin: BTreeMap<&Place, Vec<Value>> = BTreeMap::new();
    for hole in bases.iter().flat_map(|base| &base.holes) {
        kin.entry(&hole.place).or_default().push(hole.value.clone());
    }
    let bounds: BTreeMap<&Place, Vec<Value>> = kin
        .iter()
        .map(|(place, values)| (*place, bounds::of(values, &words)))
        .collect();
    let kin: BTreeMap<&Place, Kin> = kin
        .into_iter()
        .map(|(place, values)| (place, Kin::of(values)))
        .collect();
    let open: Vec<&Base> = bases.iter().filter(|base| !base.holes.is_empty()).collect();
    let mut known: HashSet<_> = checks.iter().map(|check| asked_by(check).key()).collect();
    let mut dice = Dice::new(seed);
    let mut found = Vec::new();
    if open.is_empty() {
        return found;
    }
    for question in at_bounds(&open, bounds).into_iter().take(most / 3) {
        if known.insert(question.key()) {
            found.push(question);
        }
    }
    for try_ in 0..most * TRIES {
        if found.len() == most {
            break;
        }
        let base = open[try_ % open.len()];
        let question = base.changed(&kin, &words, &mut dice);
        if known.insert(question.key()) {
            found.push(question);
        }
    }
    found
}

/// Each value at a boundary of its place, in the first call that has a value of the same type there.
fn at_bounds(open: &[&Base], mut bounds: BTreeMap<&Place, Vec<Value>>) -> Vec<Question> {
    let mut found = Vec::new();
    for base in open {
        for (at, hole) in base.holes.iter().enumerate() {
            let Some(left) = bounds.get_mut(&hole.place) else {
                continue;
            };
            let is_like = |value: &Value| value.type_name() == hole.value.type_name();
            let all = std::mem::take(left).into_iter();
            let (now, later): (Vec<Value>, Vec<Value>) = all.partition(is_like);
            *left = later;
            for value in now {
                let mut question = base.question.clone();
                base.fill(&mut question, at, &value.to_literal());
                found.push(question);
            }
        }
    }
    found
}

/// Questions at the edges of what each argument may be: empty, one element, zero, negative, every punctuation mark. For
/// who can be asked beyond what the checks show: a real thing that is to be written anew, never another solution.
///
/// Each edge once for each argument, in the first call that has it: the first edge of every argument, then the second ones, so
/// that whoever asks few of them leaves no argument out.
#[must_use]
pub fn edge_questions(entry_point: &str, checks: &[&Check]) -> Vec<Question> {
    let mut known: HashSet<_> = checks.iter().map(|check| asked_by(check).key()).collect();
    let mut seen: HashSet<Place> = HashSet::new();
    let mut found = Vec::new();
    let examples = checks
        .iter()
        .filter(|check| !matches!(check.kind, CheckKind::Raises { .. }) && check.serve.is_none());
    for base in examples.filter_map(|check| Base::of(check, entry_point)) {
        for (at, hole) in base.holes.iter().enumerate() {
            if !seen.insert(hole.place.clone()) {
                continue;
            }
            for (rank, edge) in edges::of(&hole.value).into_iter().enumerate() {
                let mut question = base.question.clone();
                base.fill(&mut question, at, &edge);
                if known.insert(question.key()) {
                    found.push((rank, question));
                }
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, question)| question).collect()
}

fn asked_by(check: &Check) -> Question {
    Question {
        setup: check.setup.clone(),
        given: check.given.clone(),
        call: check.call.clone(),
    }
}

/// Where a literal stands: literals of one place are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Given(String),
    /// The last part of the called name and the argument's position or keyword.
    Argument(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Setup,
    Call,
    Given,
}

#[derive(Debug)]
struct Hole {
    part: Part,
    /// In the text of setup or call; nothing for what is given.
    range: Range<usize>,
    place: Place,
    value: Value,
}

/// A check's call with the places of its literals.
#[derive(Debug)]
struct Base {
    question: Question,
    holes: Vec<Hole>,
}

impl Base {
    fn of(check: &Check, entry_point: &str) -> Option<Self> {
        let question = asked_by(check);
        let call = Source::parse(&question.call)?;
        only_expression(&call)?;
        let setup = Source::parse(&question.setup)?;
        let mut holes = Vec::new();
        let is_class = entry_point.starts_with(|c: char| c.is_uppercase());
        arguments(&setup, entry_point, is_class, Part::Setup, &mut holes);
        arguments(&call, entry_point, is_class, Part::Call, &mut holes);
        for (name, text) in &question.given {
            if text.len() <= LITERAL_BYTES_MAX
                && let Ok(value) = parse_literal(text)
            {
                holes.push(Hole {
                    part: Part::Given,
                    range: 0..0,
                    place: Place::Given(name.clone()),
                    value,
                });
            }
        }
        Some(Self { question, holes })
    }

    /// One or two literals changed, or all of one call mixed with those of others.
    fn changed(&self, kin: &BTreeMap<&Place, Kin>, words: &Words, dice: &mut Dice) -> Question {
        let mut chosen: Vec<usize> = vec![dice.below(self.holes.len())];
        if self.holes.len() > 1 && dice.below(2) == 0 {
            let other = dice.below(self.holes.len());
            if !chosen.contains(&other) {
                chosen.push(other);
            }
        }
        // From the back, so that the ranges before stay true.
        chosen.sort_by_key(|at| std::cmp::Reverse(self.holes[*at].range.start));
        let mut question = self.question.clone();
        for at in chosen {
            let hole = &self.holes[at];
            let Some(kin) = kin.get(&hole.place) else {
                continue;
            };
            self.fill(
                &mut question,
                at,
                &kin.near(&hole.value, words, dice).to_literal(),
            );
        }
        question
    }

    /// Puts a literal into one place; with several, from the back.
    fn fill(&self, question: &mut Question, at: usize, literal: &str) {
        let hole = &self.holes[at];
        match (hole.part, &hole.place) {
            (Part::Setup, _) => question.setup.replace_range(hole.range.clone(), literal),
            (Part::Call, _) => question.call.replace_range(hole.range.clone(), literal),
            (Part::Given, Place::Given(name)) => {
                question.given.insert(name.clone(), literal.to_owned());
            }
            (Part::Given, Place::Argument(..)) => {}
        }
    }
}

/// The literal arguments of the solution's own calls in a text.
fn arguments(
    source: &Source<'_>,
    entry_point: &str,
    is_class: bool,
    part: Part,
    holes: &mut Vec<Hole>,
) {
    for (call, _) in source.nodes() {
        if call.kind() != "call" {
            continue;
        }
        let Some(function) = call.child_by_field_name("function").map(bare) else {
            continue;
        };
        // A method of something that is not a literal (`', '.join`) can only be the solution's where it is a class.
        let ours = match function.kind() {
            "identifier" => source.text_of(function) == entry_point,
            "attribute" => is_class && !is_literal(source, function.child_by_field_name("object")),
            "call" => calls(source, function, entry_point),
            _ => false,
        };
        let Some(list) = call.child_by_field_name("arguments").filter(|_| ours) else {
            continue;
        };
        let text = source.text_of(function);
        let name = text.rsplit('.').next().unwrap_or(text);
        for (at, argument) in named(list).into_iter().enumerate() {
            let (place, value) = match argument.kind() {
                "keyword_argument" => {
                    let fields = ["name", "value"].map(|f| argument.child_by_field_name(f));
                    let [Some(key), Some(value)] = fields else {
                        continue;
                    };
                    (source.text_of(key).to_owned(), value)
                }
                _ => (at.to_string(), argument),
            };
            let place = Place::Argument(name.to_owned(), place);
            literals(source, value, &place, part, holes);
        }
    }
}

fn calls(source: &Source<'_>, call: Node<'_>, name: &str) -> bool {
    call.child_by_field_name("function")
        .is_some_and(|f| source.text_of(f) == name)
}

fn is_literal(source: &Source<'_>, node: Option<Node<'_>>) -> bool {
    node.is_some_and(|n| parse_literal(source.text_of(n)).is_ok())
}

/// The largest literals of an argument that is not itself a call: those have arguments of their own.
fn literals(
    source: &Source<'_>,
    value: Node<'_>,
    place: &Place,
    part: Part,
    holes: &mut Vec<Hole>,
) {
    let mut open = vec![value];
    while let Some(node) = open.pop() {
        let text = source.text_of(node);
        if text.len() <= LITERAL_BYTES_MAX
            && node.is_named()
            && let Ok(value) = parse_literal(text)
        {
            holes.push(Hole {
                part,
                range: node.byte_range(),
                place: place.clone(),
                value,
            });
        } else if !matches!(node.kind(), "call" | "lambda" | "string") {
            open.extend(children(node));
        }
    }
}

#[cfg(test)]
mod tests;
