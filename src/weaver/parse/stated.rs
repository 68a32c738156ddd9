//! What a task's own text says of single calls, as checks: "An empty list gives 0.", "Raise ValueError if `n` is less
//! than 1." Pure; the text is hostile data.
//!
//! Only for functions whose signature stands in the text and that need one argument, and only sentences that say nothing
//! else: half of a rule is another rule. A solution that misses one of these is wrong by the task's own words, so nobody's
//! agreement overrules them.

use crate::dream::{Check, CheckKind, parse_literal};

/// Sentences that are looked at; a task has about six.
const MAX_SENTENCES: usize = 40;
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

/// The one argument that a function cannot do without.
struct Argument<'a> {
    name: &'a str,
    kind: &'a str,
}

/// Checks that the text of the task states, in its order.
#[must_use]
pub fn stated(task: &str, entry_point: &str) -> Vec<Check> {
    let Some(argument) = argument(task, entry_point) else {
        return Vec::new();
    };
    let mut checks: Vec<Check> = Vec::new();
    for sentence in sentences(task).take(MAX_SENTENCES) {
        let Some((value, kind)) = claim(sentence, &argument) else {
            continue;
        };
        let call = format!("{entry_point}({value})");
        if checks.len() < MAX_STATED && checks.iter().all(|check| check.call != call) {
            checks.push(Check::new(call, kind));
        }
    }
    checks
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

fn argument<'a>(task: &'a str, entry_point: &str) -> Option<Argument<'a>> {
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
    let mut needed = parameters.map(str::trim).filter(|p| !p.contains('='));
    let (name, kind) = needed.next()?.split_once(':')?;
    if needed.next().is_some() || name.starts_with('*') {
        return None;
    }
    let kind = kind.trim().split('[').next().unwrap_or_default();
    Some(Argument {
        name: name.trim(),
        kind,
    })
}

/// Sentences without their full stops. A full stop inside of a quotation or a number is followed by no space.
fn sentences(task: &str) -> impl Iterator<Item = &str> {
    task.split(['\n', ';'])
        .flat_map(|line| line.split(". "))
        .map(|sentence| sentence.trim().trim_end_matches('.'))
        .filter(|sentence| !sentence.is_empty())
}

/// The argument's value and what comes of it.
fn claim(sentence: &str, argument: &Argument<'_>) -> Option<(String, CheckKind)> {
    let lower = sentence.to_ascii_lowercase();
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let example =
        |value: &str, expect: String| Some((value.to_owned(), CheckKind::Example { expect }));
    if lower.starts_with("an empty ") || lower.starts_with("a empty ") {
        let value = empty(words.get(2)?, argument)?;
        return match *words.get(3)? {
            "gives" | "returns" | "yields" => example(value, written(&words[4..])?),
            "raises" => raises(value.to_owned(), &words[4..]),
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
            [error, "for", "an", "empty", noun] => {
                raises(empty(noun, argument)?.to_owned(), &[error])
            }
            [error, "if", name, "is", "empty"] if bare(name) == argument.name => {
                raises(empty(name, argument)?.to_owned(), &[error])
            }
            [error, "if", name, "is", "negative"] if of_numbers(name, argument) => {
                raises("-1".to_owned(), &[error])
            }
            [error, "if", name, "is", "less", "than", least] if of_numbers(name, argument) => {
                let below = bare(least).parse::<i64>().ok()?.checked_sub(1)?;
                raises(below.to_string(), &[error])
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

fn bare(word: &str) -> &str {
    word.trim_matches('`')
}

/// How the empty argument is written, where the noun means it.
fn empty(noun: &str, argument: &Argument<'_>) -> Option<&'static str> {
    let noun = bare(noun);
    let (nouns, _, value) = EMPTY.iter().find(|(_, kind, _)| *kind == argument.kind)?;
    (nouns.contains(&noun) || noun == argument.name).then_some(*value)
}

fn raises(value: String, words: &[&str]) -> Option<(String, CheckKind)> {
    let [error] = words else { return None };
    let error = bare(error);
    let is_name = error.len() < 60
        && error.ends_with("Error")
        && error.chars().all(|c| c.is_ascii_alphabetic());
    is_name.then(|| {
        let error = error.to_owned();
        (value, CheckKind::Raises { error })
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
mod tests {
    use super::*;

    fn told(signature: &str, text: &str) -> Vec<String> {
        let task = format!("Write a function `f({signature}) -> object` that does it. {text}");
        let checks = stated(&task, "f").into_iter();
        checks
            .map(|check| match check.kind {
                CheckKind::Example { expect } => format!("{} = {expect}", check.call),
                CheckKind::Raises { error } => format!("{} ! {error}", check.call),
                CheckKind::Property { holds } => format!("{} : {holds}", check.call),
            })
            .collect()
    }

    #[test]
    fn sentences_about_one_call_become_checks() {
        let cases = [
            ("numbers: list", "An empty list gives 0.", "f([]) = 0"),
            (
                "items: list[str]",
                "An empty list gives an empty string.",
                "f([]) = ''",
            ),
            (
                "text: str",
                "An empty text gives an empty dict.",
                "f('') = {}",
            ),
            (
                "phrase: str",
                "An empty phrase returns 'none.at all'.",
                "f('') = 'none.at all'",
            ),
            (
                "mapping: dict, deep: bool = False",
                "An empty mapping gives True.",
                "f({}) = True",
            ),
            (
                "number: str",
                "Return False for an empty string.",
                "f('') = False",
            ),
            (
                "numbers: list",
                "Raise ValueError for an empty list.",
                "f([]) ! ValueError",
            ),
            (
                "numbers: list",
                "An empty list raises `ValueError`.",
                "f([]) ! ValueError",
            ),
            (
                "items: list",
                "Raise TypeError if `items` is empty.",
                "f([]) ! TypeError",
            ),
            ("n: int", "0 gives '0:00:00'.", "f(0) = '0:00:00'"),
            (
                "n: int",
                "Raise ValueError if `n` is less than 1.",
                "f(0) ! ValueError",
            ),
            (
                "n: int",
                "Raise ValueError if `n` is negative.",
                "f(-1) ! ValueError",
            ),
            (
                "rows: list[dict[str, int]]",
                "An empty list gives `[]`.",
                "f([]) = []",
            ),
        ];
        for (signature, text, expected) in cases {
            assert_eq!(told(signature, text), [expected], "{signature}: {text}");
        }
    }

    #[test]
    fn what_says_more_or_is_about_something_else_is_left_alone() {
        let cases = [
            // Two arguments: nobody knows the other.
            ("items: list, n: int", "An empty list gives an empty list."),
            // A part of the argument.
            ("lines: list", "An empty line gives nothing."),
            ("text: str", "An empty line gives 0."),
            ("text: str", "An empty list gives 0."),
            (
                "numbers: list",
                "An empty list gives 0 unless it was given twice.",
            ),
            ("numbers: list", "An empty list gives the default."),
            ("n: int", "Raise ValueError if `m` is less than 1."),
            ("n: int", "Raise ValueError if `n` is less than 1 and odd."),
            ("n: float", "0 gives 0."),
            ("text", "An empty text gives 0."),
            ("*numbers: list", "An empty list gives 0."),
            ("numbers: list", "An empty list gives __import__('os')."),
            (
                "numbers: list",
                "An empty list raises a ValueError or nothing.",
            ),
        ];
        for (signature, text) in cases {
            assert_eq!(
                told(signature, text),
                <[String; 0]>::default(),
                "{signature}: {text}"
            );
        }
        assert!(
            stated("An empty list gives 0.", "f").is_empty(),
            "no signature"
        );
    }

    #[test]
    fn no_text_breaks_it() {
        for text in [
            "",
            "`f(",
            "`f()`",
            "`f(a: list",
            "`f(a: list)` an empty",
            "`f(a: list)`. An empty",
            "`f(a: list)`. Raise",
            "`f(n: int)`. 0",
            "`f(ä: str)`. An empty ä gives .",
        ] {
            let _ = stated(text, "f");
        }
        let many = "An empty list gives 0. ".repeat(10_000);
        assert_eq!(told("a: list", &many).len(), 1);
    }

    #[test]
    fn an_error_is_named_where_the_function_is_to_raise_it() {
        for (task, errors) in [
            ("Raise ValueError if `n` is odd.", "ValueError"),
            ("If `n` is odd, raise ValueError.", "ValueError"),
            ("If `n` is odd raise ValueError.", "ValueError"),
            ("Raise KeyError if a name is not there.", "KeyError"),
            ("ValueError is raised for an odd `n`.", "ValueError"),
            (
                "Returns 0. A negative `n` raises a `ValueError`; text raises TypeError.",
                "ValueError TypeError",
            ),
            (
                "Raise InvalidNameError (a ValueError) for it.",
                "InvalidNameError|ValueError",
            ),
            ("Do not raise ValueError for an empty list.", ""),
            ("It doesn't raise KeyError for a missing name.", ""),
            ("Return None rather than raise KeyError.", ""),
            ("Never let a KeyError be raised.", ""),
            ("No ValueError is raised for it.", ""),
            ("If `fn` raises ValueError, try again.", ""),
            ("Skip lines whose conversion raises ValueError.", ""),
            ("Raise NameError for an unknown name.", ""),
            ("A line such as 'ValueError: x' counts as an error.", ""),
            ("Raise the sum to the power `Error`.", ""),
        ] {
            let named: Vec<_> = named_errors(task)
                .iter()
                .map(|clause| clause.join("|"))
                .collect();
            assert_eq!(named.join(" "), errors, "{task}");
        }
    }
}
