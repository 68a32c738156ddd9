//! Finished examples that a model is shown before it is asked: a task for each difficulty, and checks for two tasks. Plain
//! data; a weaver that gets one of these tasks back has woven nothing.

use serde_json::Value as Json;

use super::{HIDDEN_ASKED, VISIBLE_ASKED};

/// The built-in examples' task texts: a model that copies one has woven nothing.
pub(in crate::weaver) fn own_tasks() -> impl Iterator<Item = String> {
    let answers = [SIMPLE_SHOT.2, MEDIUM_SHOT.2, COMPLEX_SHOT.2].into_iter();
    let text = |answer| {
        Some(
            serde_json::from_str::<Json>(answer).ok()?["task_prompt"]
                .as_str()?
                .to_owned(),
        )
    };
    answers
        .filter_map(text)
        .chain(CHECK_SHOTS.iter().map(|shot| shot.task.to_owned()))
}

pub(super) const SIMPLE_SHOT: (&str, &str, &str) = (
    "Topic: str, title\nWords: str, capitalize, words\n\nstr.title\nReturn a titlecased version of the string where words \
     start with an uppercase character and the remaining characters are lowercase.",
    "takes a string and returns a string",
    r#"{"reject": "", "thought": "The text is about changing the case of words. One idea: the first letters of words. Empty text and extra spaces must be settled.", "title": "Initials of a name", "description": "Build upper-case initials from the words of a name.", "entry_point": "initials", "signature": "initials(name: str) -> str", "task_prompt": "Write a function `initials(name: str) -> str` that returns the first character of each word in `name`, joined without spaces and in upper case. Words are separated by one or more spaces. Spaces at the beginning and the end are ignored. An empty string, or one of spaces only, gives an empty string.", "concepts": ["splitting words"], "test_cases": ["Two words give two upper-case letters.", "Extra spaces between words change nothing.", "An empty string gives an empty string."]}"#,
);

pub(super) const MEDIUM_SHOT: (&str, &str, &str) = (
    "Topic: Counter, most_common\nWords: Counter, elements, update\n\ncollections.Counter\nA Counter is a dict subclass for \
     counting hashable objects. most_common(n) returns a list of the n most common elements and their counts.",
    "takes a list of tuples and returns a dict",
    r#"{"reject": "", "thought": "Counting votes joins two ideas: counting, and choosing a winner by a rule for ties. The tie and the empty list must be settled, so that every correct function gives the same answer.", "title": "Winner of each group", "description": "Count votes in each group and name the winner, ties going to the alphabetically first.", "entry_point": "group_winners", "signature": "group_winners(votes: list) -> dict", "task_prompt": "Write a function `group_winners(votes: list) -> dict` where `votes` is a list of `(group, name)` tuples of strings. Return a dict that maps each group to the name with the most votes in that group. If several names in a group have equally many votes, the alphabetically smallest of them wins. Names are compared exactly, with upper and lower case being different. An empty list gives an empty dict.", "concepts": ["counting", "grouping", "tie-breaking"], "test_cases": ["The most frequent name of a group wins.", "A tie goes to the alphabetically smallest name.", "Groups are counted apart from each other.", "An empty list gives an empty dict."]}"#,
);

pub(super) const COMPLEX_SHOT: (&str, &str, &str) = (
    "Topic: shlex, split\nWords: quotes, tokens, escape\n\nshlex.split\nSplit the string using shell-like syntax. Quoted \
     parts are kept together, and errors are raised for quotes that are not closed.",
    "takes a string and returns a dict",
    r#"{"reject": "", "thought": "Reading settings from one line joins splitting, pairs, conversion of values, and errors. The order of the rules must be fixed and each edge case named.", "title": "Read settings from one line", "description": "Parse key=value pairs separated by semicolons, convert numbers, keep the last of repeated keys, refuse broken parts.", "entry_point": "read_settings", "signature": "read_settings(line: str) -> dict", "task_prompt": "Write a function `read_settings(line: str) -> dict` that reads pairs such as 'a=1; b=two'. Parts are separated by semicolons; spaces around parts, keys and values are removed, and empty parts are skipped. Each part is split at its first '='; the key is turned to lower case. A value that consists only of digits becomes an int, every other value stays a string. If a key occurs more than once, the last value counts. Raise ValueError if a part has no '=' or an empty key. An empty line gives an empty dict.", "concepts": ["splitting", "conversion", "repeated keys", "errors"], "test_cases": ["Two pairs give two keys.", "Digits become an integer and other values stay strings.", "The last of two equal keys counts.", "A part without an equals sign raises ValueError.", "An empty line gives an empty dict."]}"#,
);

pub(super) struct CheckShot {
    pub(super) task: &'static str,
    pub(super) name: &'static str,
    pub(super) visible: [&'static str; VISIBLE_ASKED],
    pub(super) hidden: [&'static str; HIDDEN_ASKED],
}

/// One task with an error and one without.
pub(super) const CHECK_SHOTS: [CheckShot; 2] = [
    CheckShot {
        task: "Write a function `clamp_all(numbers: list, low: int, high: int) -> list` that returns a new list in which \
               every number below `low` is replaced by `low` and every number above `high` by `high`. Raise ValueError \
               if `low` is greater than `high`.",
        name: "clamp_all",
        visible: [
            "assert clamp_all([1, 3, 9], 2, 5) == [2, 3, 5]",
            "assert clamp_all([7, 8], 0, 4) == [4, 4]",
            "assert clamp_all([0, 1], 5, 6) == [5, 5]",
            "assert clamp_all([4, 3, 2], 1, 9) == [4, 3, 2]",
            "assert clamp_all([-7, 0, 7], -3, 3) == [-3, 0, 3]",
            "with raises(ValueError): clamp_all([1], 5, 2)",
        ],
        hidden: [
            "assert clamp_all([], 0, 1) == []",
            "assert clamp_all([5], 5, 5) == [5]",
            "assert clamp_all([2, 5], 2, 5) == [2, 5]",
            "assert clamp_all([9, 9], 1, 3) == [3, 3]",
            "with raises(ValueError): clamp_all([], 1, 0)",
        ],
    },
    CheckShot {
        task: "Write a function `initials(name: str) -> str` that returns the first character of each word in `name`, \
               joined without spaces and in upper case. An empty string gives an empty string.",
        name: "initials",
        visible: [
            "assert initials(\"ada lovelace\") == \"AL\"",
            "assert initials(\"bob\") == \"B\"",
            "assert initials(\"X y Z\") == \"XYZ\"",
            "assert initials(\"Tim Lee\") == \"TL\"",
            "assert initials(\"a1 b2\") == \"AB\"",
            "assert initials(\"no way\") == \"NW\"",
        ],
        hidden: [
            "assert initials(\"\") == \"\"",
            "assert initials(\"q\") == \"Q\"",
            "assert initials(\"  tim  \") == \"T\"",
            "assert initials(\"a a a\") == \"AAA\"",
            "assert initials(\"7 up\") == \"7U\"",
        ],
    },
];
