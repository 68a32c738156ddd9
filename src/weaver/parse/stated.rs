//! What a task's own text says of single calls, as checks: "An empty list gives 0.", "Raise ValueError if `n` is less
//! than 1." Pure; the text is hostile data.
//!
//! Only for functions whose signature stands in the text, and only sentences that say nothing else: half of a rule is
//! another rule. Of several arguments the others are those of an example that the text shows. A solution that misses one of
//! these is wrong by the task's own words, so nobody's agreement overrules them.

use crate::dream::{Check, CheckKind, Value, parse_literal};

/// Sentences that are looked at; a task has about six.
pub(super) const MAX_SENTENCES: usize = 40;
/// Calls that are told at most.
const MAX_STATED: usize = 6;
/// What a value is called, and how it is written.
const EMPTY: [(&[&str], &str, &str); 5] = [
    (&["list"], "list", "[]"),
    (&["string", "text"], "str", "''"),
    (&["dict", "dictionary", "mapping"], "dict", "{}"),
    (&["tuple"], "tuple", "()"),
    (&["set"], "set", "set()"),
];

/// Before "raise" in its clause they turn it round.
const DENIALS: [&str; 17] = [
    "no", "not", "never", "cannot", "can", "don", "doesn", "won", "shouldn", "mustn", "wouldn",
    "than", "instead", "without", "avoid", "nor", "neither",
];
/// Before "raises" in its clause they make it a condition, or somebody else's doing.
const CONDITIONS: [&str; 13] = [
    "if", "when", "whenever", "whose", "that", "which", "where", "unless", "until", "except",
    "catch", "catches", "it",
];
/// Errors that no check is read of: a misspelt name and a failed assertion raise them too.
const AMBIGUOUS: [&str; 2] = ["NameError", "AssertionError"];

/// An argument that a function cannot do without.
pub(super) struct Argument<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
}

/// Checks that the text of the task states, in its order.
#[must_use]
pub fn stated(task: &str, entry_point: &str) -> Vec<Check> {
    let arguments = arguments(task, entry_point).unwrap_or_default();
    let several = arguments.len() > 1;
    let shown = if several {
        shown(task, entry_point, arguments.len())
    } else {
        Some(vec![String::new()])
    };
    let Some(shown) = shown.filter(|_| !arguments.is_empty()) else {
        return Vec::new();
    };
    // Beside an argument that may be refused nobody knows whether an empty one is.
    let refuses = several && task.to_ascii_lowercase().contains("raise");
    let mut checks: Vec<Check> = Vec::new();
    for sentence in sentences(task).take(MAX_SENTENCES) {
        let claims = arguments.iter().enumerate();
        let mut claims = claims.filter_map(|(at, argument)| Some((at, claim(sentence, argument)?)));
        // What may be said of two arguments is said of neither.
        let (Some((at, (values, kind))), None) = (claims.next(), claims.next()) else {
            continue;
        };
        if refuses && matches!(kind, CheckKind::Example { .. }) {
            continue;
        }
        for value in values {
            let mut given = shown.clone();
            given[at] = value;
            let call = format!("{entry_point}({})", given.join(", "));
            if checks.len() < MAX_STATED && checks.iter().all(|check| check.call != call) {
                checks.push(Check::new(call, kind.clone()));
            }
        }
    }
    checks
}

/// The arguments of the first example that the text shows, where they are that many literals.
fn shown(task: &str, entry_point: &str, count: usize) -> Option<Vec<String>> {
    let mut lines = task.lines().map(str::trim);
    lines.find_map(|line| {
        let call = line.strip_prefix(">>>")?.trim().strip_prefix(entry_point)?;
        let inside = call.strip_prefix('(')?.strip_suffix(')')?;
        match parse_literal(&format!("[{inside}]")) {
            Ok(Value::List(items)) if items.len() == count => {
                Some(items.iter().map(Value::to_literal).collect())
            }
            _ => None,
        }
    })
}

/// Errors that the task says its function raises, in its order: a solution of which none was seen that one clause names
/// proves nothing of that clause. A clause ends with a comma, so what stands before it is no condition of what follows.
#[must_use]
pub fn named_errors(task: &str) -> Vec<Vec<String>> {
    let mut named: Vec<Vec<String>> = Vec::new();
    for clause in sentences(task)
        .take(MAX_SENTENCES)
        .flat_map(|sentence| sentence.split(", "))
    {
        let words = || {
            clause
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty())
        };
        let lower: Vec<String> = words().map(str::to_ascii_lowercase).collect();
        let among = |before: &[String], list: &[&str]| {
            before.iter().any(|word| list.contains(&word.as_str()))
        };
        let asked = lower
            .iter()
            .enumerate()
            .any(|(at, word)| match word.as_str() {
                "raise" => !among(&lower[..at], &DENIALS),
                "raises" | "raised" => {
                    !among(&lower[..at], &DENIALS) && !among(&lower[..at], &CONDITIONS)
                }
                _ => false,
            });
        let errors = words().filter(|word| word.len() > "Error".len() && word.ends_with("Error"));
        let errors: Vec<String> = errors
            .filter(|word| !AMBIGUOUS.contains(word))
            .map(str::to_owned)
            .collect();
        if asked && !errors.is_empty() && !named.contains(&errors) {
            named.push(errors);
        }
    }
    named
}

/// `None` where one of them is written in a way that says too little.
pub(super) fn arguments<'a>(task: &'a str, entry_point: &str) -> Option<Vec<Argument<'a>>> {
    let at = task.find(&format!("`{entry_point}("))?;
    let rest = task[at..].split_once('(')?.1;
    // Up to the bracket that closes the first.
    let mut depth = 0_i32;
    let end = rest.find(|c| {
        depth += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth < 0
    })?;
    let mut inside = 0_i32;
    let parameters = rest[..end].split(|c| {
        inside += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        c == ',' && inside == 0
    });
    let needed = parameters.map(str::trim).filter(|p| !p.contains('='));
    let argument = |parameter: &'a str| {
        let (name, kind) = parameter.split_once(':')?;
        let kind = kind.trim().split('[').next().unwrap_or_default();
        let name = name.trim();
        (!name.starts_with('*')).then_some(Argument { name, kind })
    };
    needed.map(argument).collect()
}

/// Sentences without their full stops. A full stop inside of a quotation or a number is followed by no space.
fn sentences(task: &str) -> impl Iterator<Item = &str> {
    task.split(['\n', ';'])
        .flat_map(|line| line.split(". "))
        .map(|sentence| sentence.trim().trim_end_matches('.'))
        .filter(|sentence| !sentence.is_empty())
}

/// Values of the argument and what comes of each.
fn claim(sentence: &str, argument: &Argument<'_>) -> Option<(Vec<String>, CheckKind)> {
    let lower = sentence.to_ascii_lowercase();
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let example =
        |value: &str, expect: String| Some((vec![value.to_owned()], CheckKind::Example { expect }));
    let raises = |values: &[&str], words: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Some((values, error(words)?))
    };
    if lower.starts_with("an empty ") || lower.starts_with("a empty ") {
        let value = empty(words.get(2)?, argument)?;
        return match *words.get(3)? {
            "gives" | "returns" | "yields" => example(value, written(&words[4..])?),
            "raises" => raises(&[value], &words[4..]),
            _ => None,
        };
    }
    let first = lower.split_whitespace().next()?;
    if (first == "return" || first == "returns") && words.len() > 4 {
        let tail = words.len() - 4;
        let ends = [words[tail], words[tail + 1], words[tail + 2]];
        let value = empty(words[tail + 3], argument)?;
        return (ends == ["for", "an", "empty"])
            .then(|| written(&words[1..tail]))
            .flatten()
            .and_then(|expect| example(value, expect));
    }
    if first == "raise" || first == "raises" {
        return match words[1..] {
            [error, "for", "an", "empty", noun] => raises(&[empty(noun, argument)?], &[error]),
            [error, "if", name, "is", "empty"] if bare(name) == argument.name => {
                raises(&[empty(name, argument)?], &[error])
            }
            [error, "if", name, "is", "negative"] if of_numbers(name, argument) => {
                raises(&["-1"], &[error])
            }
            [error, "if", name, "is", "not", "positive"] if of_numbers(name, argument) => {
                raises(&["0", "-1"], &[error])
            }
            [error, "if", "a" | "any", noun, "is", "negative"] if one_of(noun, argument) => {
                raises(&["[-1]"], &[error])
            }
            [error, "if", "a" | "any", noun, "is", "not", "positive"] if one_of(noun, argument) => {
                raises(&["[0]", "[-1]"], &[error])
            }
            [error, "if", name, "is", "less", "than", least] if of_numbers(name, argument) => {
                let below = bare(least).parse::<i64>().ok()?.checked_sub(1)?;
                raises(&[&below.to_string()], &[error])
            }
            _ => None,
        };
    }
    // "0 gives 0": a number alone, for a function of numbers.
    let number = bare(words.first()?).parse::<i64>().ok()?;
    match *words.get(1)? {
        "gives" | "returns" | "yields" if argument.kind == "int" => {
            example(&number.to_string(), written(&words[2..])?)
        }
        _ => None,
    }
}

fn of_numbers(name: &str, argument: &Argument<'_>) -> bool {
    argument.kind == "int" && bare(name) == argument.name
}

/// Whether the noun means an item of a list of numbers.
fn one_of(noun: &str, argument: &Argument<'_>) -> bool {
    let noun = bare(noun);
    argument.kind == "list" && noun == "number" && argument.name.strip_suffix('s') == Some(noun)
}

pub(super) fn bare(word: &str) -> &str {
    word.trim_matches('`')
}

/// How the empty argument is written, where the noun means it.
fn empty(noun: &str, argument: &Argument<'_>) -> Option<&'static str> {
    let noun = bare(noun);
    let (nouns, _, value) = EMPTY.iter().find(|(_, kind, _)| *kind == argument.kind)?;
    (nouns.contains(&noun) || noun == argument.name).then_some(*value)
}

fn error(words: &[&str]) -> Option<CheckKind> {
    let [error] = words else { return None };
    let error = bare(error);
    let is_name = error.len() < 60
        && error.ends_with("Error")
        && error.chars().all(|c| c.is_ascii_alphabetic());
    is_name.then(|| CheckKind::Raises {
        error: error.to_owned(),
    })
}

/// The value that the words name, as a literal; `None` where they say anything else.
fn written(words: &[&str]) -> Option<String> {
    if let ["an" | "a", "empty", noun] = words {
        let (_, _, value) = EMPTY
            .iter()
            .find(|(nouns, ..)| nouns.contains(&bare(noun)))?;
        return Some((*value).to_owned());
    }
    let text = words.join(" ");
    let text = text.trim_matches('`');
    parse_literal(text).ok().map(|value| value.to_literal())
}

#[cfg(test)]
mod tests;
