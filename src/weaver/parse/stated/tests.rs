//! Tests of the room around.

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
fn of_several_arguments_the_others_are_those_of_an_example() {
    let shown = "\n\n>>> f([1, 2, 3], 1)\n[3, 1, 2]\n>>> f([5], 2)\n[5]";
    for (signature, text, expected) in [
        (
            "items: list, n: int",
            "An empty list gives an empty list.",
            "f([], 1) = []",
        ),
        (
            "items: list, n: int",
            "Raise ValueError if `n` is less than 1.",
            "f([1, 2, 3], 0) ! ValueError",
        ),
        (
            "items: list, n: int",
            "An empty list gives an empty list. Raise ValueError if `n` is negative.",
            "f([1, 2, 3], -1) ! ValueError",
        ),
    ] {
        assert_eq!(told(signature, &format!("{text}{shown}")), [expected]);
    }
    for (signature, text) in [
        ("a: list, b: list", "An empty list gives an empty list."),
        ("items: list, n: int, m: int", "An empty list gives 0."),
        ("items: list, *rest: int", "An empty list gives 0."),
    ] {
        let told = told(signature, &format!("{text}{shown}"));
        assert_eq!(told, <[String; 0]>::default(), "{signature}");
    }
}

#[test]
fn not_positive_is_zero_and_below() {
    let of_one = "Raise ValueError if `n` is not positive.";
    assert_eq!(
        told("n: int", of_one),
        ["f(0) ! ValueError", "f(-1) ! ValueError"]
    );
    let of_many = "Raise ValueError if a number is not positive.";
    assert_eq!(
        told("numbers: list", of_many),
        ["f([0]) ! ValueError", "f([-1]) ! ValueError"]
    );
    assert_eq!(told("words: list", of_many), <[String; 0]>::default());
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
