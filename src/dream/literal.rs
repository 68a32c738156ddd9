//! Python literals, read without Python. Called wherever an expected value or a given argument is read.
//!
//! Accepts what `ast.literal_eval` accepts and the forms in which `repr` shows built-in data: `nan`, `inf`, `set()`,
//! `frozenset(...)`, `bytearray(...)`, `range(...)`, `complex(...)`, `float('nan')`. Never evaluates anything, never
//! panics, never nests deeper than its limit.

mod number;
mod string;

use std::collections::HashSet;

use super::Value;
use number::special_float;

/// As deep as a value that leaves a sandbox may nest.
const DEPTH_MAX: usize = 100;
/// Ten times what any expected value of a readable check needs; parsing stays under 10 ms.
const BYTES_MAX: usize = 1 << 20;
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Python literal at byte {at}: {what}")]
pub struct LiteralError {
    pub at: usize,
    pub what: &'static str,
}

/// Reads one Python literal.
///
/// # Errors
/// Anything that is not a literal, nests deeper than 100 levels or is longer than 1 MiB.
pub fn parse_literal(text: &str) -> Result<Value, LiteralError> {
    let mut reader = Reader {
        text,
        at: 0,
        brackets: 0,
    };
    if text.len() > BYTES_MAX {
        return Err(reader.error("longer than 1 MiB"));
    }
    // Space before a top-level expression is forgiven: the texts come from JSON, not from files.
    reader.brackets = 1;
    reader.skip_space();
    reader.brackets = 0;
    let value = reader.top_level()?;
    reader.brackets = 1;
    reader.skip_space();
    if reader.at == text.len() {
        Ok(value)
    } else {
        Err(reader.error("something follows the literal"))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Open brackets: line breaks and comments count as space only inside them.
    brackets: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: &'static str) -> LiteralError {
        LiteralError { at: self.at, what }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_space(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\u{c}' => self.at += 1,
                '\n' | '\r' if self.brackets > 0 => self.at += 1,
                '#' if self.brackets > 0 => {
                    let line = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.at += line;
                }
                '\\' if self.rest().starts_with("\\\n") => self.at += 2,
                _ => return,
            }
        }
    }

    /// A literal, or a tuple without parentheses.
    fn top_level(&mut self) -> Result<Value, LiteralError> {
        let first = self.literal(0)?;
        self.skip_space();
        if self.peek() != Some(',') {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat(",") {
            self.skip_space();
            if matches!(self.peek(), None | Some('\n' | '\r' | '#')) {
                break;
            }
            items.push(self.literal(0)?);
            self.skip_space();
        }
        Ok(Value::Tuple(items))
    }

    fn literal(&mut self, depth: usize) -> Result<Value, LiteralError> {
        if depth > DEPTH_MAX {
            return Err(self.error("nested too deeply"));
        }
        self.skip_space();
        let first = self.operand(depth)?;
        self.skip_space();
        // `1 + 2j`: the only operator that a literal may hold.
        let sign = match self.peek() {
            Some('+') => 1.0,
            Some('-') => -1.0,
            _ => return Ok(first),
        };
        let real = match &first {
            Value::Int(i) => i.parse().unwrap_or(f64::NAN),
            Value::Float(f) => *f,
            _ => return Err(self.error("an operator between what are not numbers")),
        };
        self.at += 1;
        self.skip_space();
        match self.operand(depth)? {
            Value::Complex(_, im) => Ok(Value::Complex(real, sign * im)),
            _ => Err(self.error("an operation is not a literal")),
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let mut minus = false;
        let mut signed = false;
        while let Some(c @ ('-' | '+')) = self.peek() {
            minus ^= c == '-';
            signed = true;
            self.at += 1;
            self.skip_space();
        }
        let value = self.atom(depth)?;
        match value {
            Value::Int(i) if minus && i != "0" => Ok(Value::Int(match i.strip_prefix('-') {
                Some(digits) => digits.to_owned(),
                None => format!("-{i}"),
            })),
            Value::Float(f) if minus => Ok(Value::Float(-f)),
            Value::Complex(re, im) if minus => Ok(Value::Complex(-re, -im)),
            Value::Int(_) | Value::Float(_) | Value::Complex(..) => Ok(value),
            _ if signed => Err(self.error("a sign before what is not a number")),
            other => Ok(other),
        }
    }

    fn atom(&mut self, depth: usize) -> Result<Value, LiteralError> {
        match self.peek() {
            None => Err(self.error("the text ends")),
            Some('(') => self.parenthesised(depth),
            Some('[') => {
                self.open();
                Ok(Value::List(self.items(']', depth)?))
            }
            Some('{') => self.braces(depth),
            Some('\'' | '"') => self.strings(),
            Some('0'..='9') => self.number(),
            Some('.') if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.number()
            }
            Some('.') if self.eat("...") => Ok(Value::Ellipsis),
            Some(c) if c.is_alphabetic() || c == '_' => self.word(depth),
            Some(_) => Err(self.error("unexpected character")),
        }
    }

    fn open(&mut self) {
        self.at += 1;
        self.brackets += 1;
    }

    fn close(&mut self, bracket: char) -> Result<(), LiteralError> {
        self.skip_space();
        if self.peek() != Some(bracket) {
            return Err(self.error("a bracket is not closed"));
        }
        self.at += 1;
        self.brackets -= 1;
        Ok(())
    }

    /// Comma-separated literals up to `bracket`, which is consumed.
    fn items(&mut self, bracket: char, depth: usize) -> Result<Vec<Value>, LiteralError> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.peek() == Some(bracket) {
                break;
            }
            items.push(self.literal(depth + 1)?);
            self.skip_space();
            if !self.eat(",") {
                break;
            }
        }
        self.close(bracket)?;
        Ok(items)
    }

    fn parenthesised(&mut self, depth: usize) -> Result<Value, LiteralError> {
        self.open();
        self.skip_space();
        if self.peek() == Some(')') {
            self.close(')')?;
            return Ok(Value::Tuple(Vec::new()));
        }
        let first = self.literal(depth + 1)?;
        self.skip_space();
        if !self.eat(",") {
            self.close(')')?;
            return Ok(first);
        }
        let mut items = vec![first];
        items.extend(self.items(')', depth)?);
        Ok(Value::Tuple(items))
    }

    fn braces(&mut self, depth: usize) -> Result<Value, LiteralError> {
        self.open();
        self.skip_space();
        if self.peek() == Some('}') {
            self.close('}')?;
            return Ok(Value::Dict(Vec::new()));
        }
        let start = self.at;
        let first = self.literal(depth + 1)?;
        self.skip_space();
        if self.peek() != Some(':') {
            self.at = start;
            let items = self.items('}', depth)?;
            return self.distinct(items).map(Value::Set);
        }
        let mut entries = Vec::new();
        let mut key = first;
        loop {
            self.skip_space();
            if !self.eat(":") {
                return Err(self.error("a key without a value"));
            }
            if !key.is_hashable() {
                return Err(self.error("a key that cannot be hashed"));
            }
            entries.push((key, self.literal(depth + 1)?));
            self.skip_space();
            let more = self.eat(",");
            self.skip_space();
            if !more || self.peek() == Some('}') {
                break;
            }
            key = self.literal(depth + 1)?;
        }
        self.close('}')?;
        Ok(Value::Dict(last_of_each_key(entries)))
    }

    fn distinct(&self, items: Vec<Value>) -> Result<Vec<Value>, LiteralError> {
        if !items.iter().all(Value::is_hashable) {
            return Err(self.error("a set's member that cannot be hashed"));
        }
        let mut seen = HashSet::new();
        Ok(items
            .into_iter()
            .filter(|item| seen.insert(item.key(false)))
            .collect())
    }

    fn word(&mut self, depth: usize) -> Result<Value, LiteralError> {
        let start = self.at;
        let len = self
            .rest()
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(self.rest().len());
        let word = &self.rest()[..len];
        if matches!(self.text.as_bytes().get(start + len), Some(b'\'' | b'"')) {
            return self.strings();
        }
        self.at += len;
        match word {
            "None" => Ok(Value::None),
            "True" => Ok(Value::Bool(true)),
            "False" => Ok(Value::Bool(false)),
            "Ellipsis" => Ok(Value::Ellipsis),
            "nan" | "math.nan" => Ok(Value::Float(f64::NAN)),
            "inf" | "math.inf" => Ok(Value::Float(f64::INFINITY)),
            "nanj" => Ok(Value::Complex(0.0, f64::NAN)),
            "infj" => Ok(Value::Complex(0.0, f64::INFINITY)),
            "set" | "frozenset" | "float" | "complex" | "bytearray" | "range" => {
                self.skip_space();
                if self.peek() != Some('(') {
                    return Err(self.error("a name is not a literal"));
                }
                self.open();
                let arguments = self.items(')', depth)?;
                let built = self.build(word, &arguments)?;
                built.ok_or(LiteralError {
                    at: start,
                    what: "these arguments do not make built-in data",
                })
            }
            _ => Err(LiteralError {
                at: start,
                what: "a name is not a literal",
            }),
        }
    }

    /// The few constructors in which `repr` shows built-in data.
    fn build(&self, name: &str, arguments: &[Value]) -> Result<Option<Value>, LiteralError> {
        let number = |v: &Value| match v {
            Value::Int(i) => i.parse().ok(),
            Value::Float(f) => Some(*f),
            _ => None,
        };
        Ok(match (name, arguments) {
            ("set", []) => Some(Value::Set(Vec::new())),
            ("frozenset", []) => Some(Value::Frozenset(Vec::new())),
            ("bytearray", []) => Some(Value::Bytearray(String::new())),
            (
                "set" | "frozenset",
                [Value::Set(v) | Value::Frozenset(v) | Value::List(v) | Value::Tuple(v)],
            ) => {
                let items = self.distinct(v.clone())?;
                Some(if name == "set" {
                    Value::Set(items)
                } else {
                    Value::Frozenset(items)
                })
            }
            ("bytearray", [Value::Bytes(hex)]) => Some(Value::Bytearray(hex.clone())),
            ("float", [Value::Str(s)]) => special_float(s),
            ("float", [v]) => number(v).map(Value::Float),
            ("complex", [re, im]) => number(re)
                .zip(number(im))
                .map(|(re, im)| Value::Complex(re, im)),
            ("range", [Value::Int(b)]) => Some(Value::Range("0".into(), b.clone(), "1".into())),
            ("range", [Value::Int(a), Value::Int(b)]) => {
                Some(Value::Range(a.clone(), b.clone(), "1".into()))
            }
            ("range", [Value::Int(a), Value::Int(b), Value::Int(c)]) if c != "0" => {
                Some(Value::Range(a.clone(), b.clone(), c.clone()))
            }
            _ => None,
        })
    }
}

/// As Python: the first key stays, the last value wins.
fn last_of_each_key(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places = std::collections::HashMap::new();
    let mut kept: Vec<(Value, Value)> = Vec::new();
    for (key, value) in entries {
        match places.entry(key.key(false)) {
            std::collections::hash_map::Entry::Occupied(place) => {
                let at: usize = *place.get();
                kept[at].1 = value;
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests;
