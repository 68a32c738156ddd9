//! A value near another one, within what all values of its place have in common. Pure.

use std::cmp::Ordering;

use super::dice::Dice;
use super::words::Words;
use crate::dream::Value;

/// Elements of a container that grew: no new question is much larger than the checks' own.
const LENGTH_MAX: usize = 40;
/// Levels of containers that are looked into.
const DEPTH_MAX: u32 = 6;

/// What the values of one place have in common.
#[derive(Debug, Clone)]
pub(super) struct Kin {
    values: Vec<Value>,
    /// Of the elements of containers among them; of the values of dicts.
    inner: Option<Box<Kin>>,
    keys: Option<Box<Kin>>,
    lowest: i64,
    highest: i64,
    lowest_float: f64,
    alphabet: Vec<char>,
    shortest: usize,
    habits: Vec<Habit>,
}

/// What holds of every value of a place that it could be said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    OneLength,
    SameKeys,
    Sorted,
    Distinct,
}

impl Kin {
    fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    pub(super) fn of(values: Vec<Value>) -> Self {
        Self::at(values, 0)
    }

    fn at(values: Vec<Value>, depth: u32) -> Self {
        let ints: Vec<i64> = values.iter().filter_map(small_int).collect();
        let floats = values.iter().filter_map(|v| match v {
            Value::Float(f) if f.is_finite() => Some(*f),
            _ => None,
        });
        let lists: Vec<&[Value]> = values.iter().filter_map(items).collect();
        let strings: Vec<&str> = values.iter().filter_map(string).collect();
        let mut alphabet: Vec<char> = strings.iter().flat_map(|s| s.chars()).collect();
        alphabet.sort_unstable();
        alphabet.dedup();
        let lengths: Vec<usize> = lists
            .iter()
            .map(|l| l.len())
            .chain(strings.iter().map(|s| s.chars().count()))
            .chain(values.iter().filter_map(|v| match v {
                Value::Dict(pairs) => Some(pairs.len()),
                _ => None,
            }))
            .collect();
        let ordered: Vec<&&[Value]> = lists.iter().filter(|l| l.len() > 1).collect();
        let habits = [
            (
                Habit::OneLength,
                lengths.len() > 1 && lengths.windows(2).all(|w| w[0] == w[1]),
            ),
            (Habit::SameKeys, key_sets_match(&values)),
            (
                Habit::Sorted,
                ordered.len() > 1 && ordered.iter().all(|l| is_sorted(l)),
            ),
            (
                Habit::Distinct,
                ordered.len() > 1 && ordered.iter().all(|l| is_distinct(l)),
            ),
        ];
        let habits = habits
            .into_iter()
            .filter(|(_, held)| *held)
            .map(|(habit, _)| habit)
            .collect();
        let (inner, keys) = if depth < DEPTH_MAX {
            inside(&values, depth)
        } else {
            (None, None)
        };
        Self {
            lowest: ints.iter().copied().min().unwrap_or(0),
            highest: ints.iter().copied().max().unwrap_or(0),
            lowest_float: floats.fold(f64::INFINITY, f64::min),
            shortest: lengths.iter().copied().min().unwrap_or(0),
            habits,
            alphabet,
            inner,
            keys,
            values,
        }
    }

    /// Something of the same kind, usually not the same.
    pub(super) fn near(&self, value: &Value, words: &Words, dice: &mut Dice) -> Value {
        // What another call passes at this place is always in order.
        if dice.below(4) == 0
            && let Some(other) = dice.of(&self.values)
            && other.type_name() == value.type_name()
        {
            return other.clone();
        }
        match value {
            Value::Bool(b) => Value::Bool(!b),
            Value::Int(_) => small_int(value).map_or_else(
                || value.clone(),
                |n| Value::Int(self.number(n, words, dice).to_string()),
            ),
            Value::Float(f) if f.is_finite() => Value::Float(self.float(*f, dice)),
            Value::Str(s) => Value::Str(self.string(s, words, dice)),
            Value::List(items) => Value::List(self.items(items, words, dice)),
            Value::Tuple(items) => Value::Tuple(self.items(items, words, dice)),
            Value::Set(items) => Value::Set(unique(self.items(items, words, dice))),
            Value::Frozenset(items) => Value::Frozenset(unique(self.items(items, words, dice))),
            Value::Dict(pairs) => Value::Dict(self.pairs(pairs, words, dice)),
            Value::None
            | Value::Float(_)
            | Value::Complex(..)
            | Value::Surrogates(_)
            | Value::Bytes(_)
            | Value::Bytearray(_)
            | Value::Range(..)
            | Value::Ellipsis => dice
                .of(&self.values)
                .filter(|other| other.type_name() == value.type_name())
                .unwrap_or(value)
                .clone(),
        }
    }

    fn number(&self, n: i64, words: &Words, dice: &mut Dice) -> i64 {
        let width = self.highest.saturating_sub(self.lowest).clamp(2, 1 << 20);
        let within =
            i64::try_from(dice.below(usize::try_from(width).unwrap_or(2) + 1)).unwrap_or(0);
        let new = match dice.below(7) {
            0 => n.saturating_add(1),
            1 => n.saturating_sub(1),
            6 => dice.of(&words.numbers).copied().unwrap_or(n),
            2 => n.saturating_mul(2).min(self.highest.saturating_mul(2)),
            3 => n / 2,
            _ => self.lowest.saturating_add(within),
        };
        // Numbers that are never negative are counts or sizes; those that are never zero divide.
        match self.lowest {
            1.. => new.max(1),
            0 => new.max(0),
            i64::MIN..0 => new,
        }
    }

    fn float(&self, f: f64, dice: &mut Dice) -> f64 {
        let new = match dice.below(6) {
            0 => f + 0.5,
            1 => f - 0.5,
            2 => f * 2.0,
            3 => f / 2.0,
            4 => f + 1.0,
            _ => f.round(),
        };
        if self.lowest_float > 0.0 && new <= 0.0 {
            f + 0.25
        } else if self.lowest_float >= 0.0 {
            new.abs()
        } else {
            new
        }
    }

    fn string(&self, text: &str, words: &Words, dice: &mut Dice) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        let room = !self.has(Habit::OneLength) && chars.len() < LENGTH_MAX * 4;
        for _ in 0..=dice.below(2) {
            let at = dice.below(chars.len());
            match dice.below(8) {
                7 if room && !words.chars.is_empty() => {
                    chars.splice(at..at, dice.of(&words.chars).copied());
                }
                0 if chars.len() > self.shortest.max(1) && !self.has(Habit::OneLength) => {
                    chars.remove(at);
                }
                1 if room && !chars.is_empty() => chars.insert(at, chars[at]),
                2 if chars.len() > 1 => {
                    let next = (at + 1) % chars.len();
                    chars.swap(at, next);
                }
                3 if chars.len() > 1 => chars.reverse(),
                4 if room => {
                    if let Some(Value::Str(other)) = dice.of(&self.values) {
                        chars.extend(other.chars().take(LENGTH_MAX));
                    }
                }
                _ => {
                    // A digit stays a digit, a letter a letter: much text has a form.
                    let Some(old) = chars.get(at).copied() else {
                        continue;
                    };
                    let like: Vec<char> = self
                        .alphabet
                        .iter()
                        .copied()
                        .filter(|c| class(*c) == class(old))
                        .collect();
                    let fresh = match class(old) {
                        Class::Digit => {
                            char::from(b'0' + u8::try_from(dice.below(10)).unwrap_or(0))
                        }
                        Class::Lower => {
                            char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or(0))
                        }
                        Class::Upper => {
                            char::from(b'A' + u8::try_from(dice.below(26)).unwrap_or(0))
                        }
                        Class::Other => dice.of(&like).copied().unwrap_or(old),
                    };
                    chars[at] = if dice.below(3) > 0 {
                        dice.of(&like).copied().unwrap_or(fresh)
                    } else {
                        fresh
                    };
                }
            }
        }
        chars.into_iter().collect()
    }

    fn items(&self, old: &[Value], words: &Words, dice: &mut Dice) -> Vec<Value> {
        let mut items = old.to_vec();
        let room = !self.has(Habit::OneLength) && items.len() < LENGTH_MAX;
        for _ in 0..=dice.below(2) {
            let at = dice.below(items.len());
            match dice.below(7) {
                0 if items.len() > self.shortest.max(1) && !self.has(Habit::OneLength) => {
                    items.remove(at);
                }
                1 if room && !items.is_empty() => items.insert(at, items[at].clone()),
                2 if room => {
                    if let Some(new) = self.inner.as_ref().and_then(|kin| dice.of(&kin.values)) {
                        items.insert(dice.below(items.len() + 1), new.clone());
                    }
                }
                3 if items.len() > 1 && self.is_of_one_type() => {
                    let next = (at + 1) % items.len();
                    items.swap(at, next);
                }
                4 if items.len() > 1 && self.is_of_one_type() => items.reverse(),
                _ => {
                    if let (Some(kin), Some(item)) = (&self.inner, items.get(at)) {
                        let new = kin.near(item, words, dice);
                        items[at] = new;
                    }
                }
            }
        }
        if self.has(Habit::Distinct) {
            items = unique(items);
        }
        if self.has(Habit::Sorted) {
            items.sort_by(|a, b| order(a, b).unwrap_or(Ordering::Equal));
        }
        items
    }

    fn pairs(&self, old: &[(Value, Value)], words: &Words, dice: &mut Dice) -> Vec<(Value, Value)> {
        let mut pairs = old.to_vec();
        let at = dice.below(pairs.len());
        let record = self.has(Habit::SameKeys);
        match dice.below(5) {
            0 if !record && pairs.len() > self.shortest.max(1) => {
                pairs.remove(at);
            }
            1 if !record && !pairs.is_empty() && pairs.len() < LENGTH_MAX => {
                let key = self
                    .keys
                    .as_ref()
                    .map(|kin| kin.near(&pairs[at].0, words, dice));
                if let Some(key) = key
                    && pairs.iter().all(|(k, _)| !k.equals(&key))
                {
                    pairs.push((key, pairs[at].1.clone()));
                }
            }
            2 if !record && pairs.len() > 1 => pairs.reverse(),
            _ => {
                if let (Some(kin), Some((_, value))) = (&self.inner, pairs.get(at)) {
                    let new = kin.near(value, words, dice);
                    pairs[at].1 = new;
                }
            }
        }
        pairs
    }

    /// Elements of several types are a record: their places have a meaning.
    fn is_of_one_type(&self) -> bool {
        self.inner.as_ref().is_some_and(|kin| {
            kin.values
                .windows(2)
                .all(|w| w[0].type_name() == w[1].type_name())
        })
    }
}

fn inside(values: &[Value], depth: u32) -> (Option<Box<Kin>>, Option<Box<Kin>>) {
    let (mut inner, mut keys) = (Vec::new(), Vec::new());
    for value in values {
        if let Value::Dict(pairs) = value {
            inner.extend(pairs.iter().map(|(_, v)| v.clone()));
            keys.extend(pairs.iter().map(|(k, _)| k.clone()));
        } else if let Some(items) = items(value) {
            inner.extend(items.iter().cloned());
        }
    }
    let kin =
        |values: Vec<Value>| (!values.is_empty()).then(|| Box::new(Kin::at(values, depth + 1)));
    (kin(inner), kin(keys))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Lower,
    Upper,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digit,
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        _ => Class::Other,
    }
}

fn small_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::Frozenset(items) => {
            Some(items)
        }
        _ => None,
    }
}

fn string(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// Numbers by value, strings by their characters, tuples and lists element by element; nothing else has an order.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(_), Value::Int(_)) => Some(small_int(a)?.cmp(&small_int(b)?)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Tuple(a), Value::Tuple(b)) | (Value::List(a), Value::List(b)) => {
            for (a, b) in a.iter().zip(b) {
                match order(a, b)? {
                    Ordering::Equal => {}
                    other => return Some(other),
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => None,
    }
}

fn is_sorted(items: &[Value]) -> bool {
    items
        .windows(2)
        .all(|w| order(&w[0], &w[1]).is_some_and(Ordering::is_le))
}

fn is_distinct(items: &[Value]) -> bool {
    let as_text: std::collections::HashSet<String> = items.iter().map(Value::to_literal).collect();
    as_text.len() == items.len()
}

fn unique(items: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.iter().any(|k| k.equals(&item)) {
            kept.push(item);
        }
    }
    kept
}

fn key_sets_match(values: &[Value]) -> bool {
    let mut sets = values.iter().filter_map(|v| match v {
        Value::Dict(pairs) => {
            let mut keys: Vec<String> = pairs.iter().map(|(k, _)| k.to_literal()).collect();
            keys.sort();
            Some(keys)
        }
        _ => None,
    });
    let Some(first) = sets.next() else {
        return false;
    };
    let mut more = false;
    let same = sets.all(|set| {
        more = true;
        set == first
    });
    same && more
}

#[cfg(test)]
mod tests;
