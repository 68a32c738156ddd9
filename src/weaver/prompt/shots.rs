//! Finished examples that a model is shown before it is asked: a task for each difficulty. Plain data; a
//! weaver that gets one of these tasks back has woven nothing.

use serde_json::Value as Json;

use super::CALLS_ASKED;
use crate::preface::{CHECK_SHOT, SHOT_TASK};

/// The built-in examples' task texts: a model that copies one has woven nothing.
pub(in crate::weaver) fn own_tasks() -> impl Iterator<Item = String> {
    let answers = [SIMPLE_SHOT.answer, MEDIUM_SHOT.answer, COMPLEX_SHOT.answer].into_iter();
    let text = |answer| {
        Some(
            serde_json::from_str::<Json>(answer).ok()?["task_prompt"]
                .as_str()?
                .to_owned(),
        )
    };
    answers
        .filter_map(text)
        .chain([CHECK_SHOT.task, SHOT_TASK].map(str::to_owned))
}

/// A text, what was asked about it, and a finished task.
pub(super) struct TaskShot {
    pub(super) data: &'static str,
    pub(super) shape: &'static str,
    pub(super) setting: &'static str,
    pub(super) answer: &'static str,
}

pub(super) const SIMPLE_SHOT: TaskShot = TaskShot {
    data: "Topic: str, title\nWords: str, capitalize, words\n\nstr.title\nReturn a titlecased version of the string where \
           words start with an uppercase character and the remaining characters are lowercase.",
    shape: "takes a string and returns a string",
    setting: "names of people",
    answer: r#"{"reject": "", "thought": "The text is about the case of words. One idea for names: their first letters in upper case. Extra spaces and the empty name must be settled.", "concepts": ["splitting words"], "title": "Initials of a name", "description": "Build upper-case initials from the words of a name.", "entry_point": "initials", "signature": "initials(name: str) -> str", "task_prompt": "Write a function `initials(name: str) -> str` that returns the first character of each word in `name`, joined without spaces and in upper case. Words are separated by one or more spaces. Spaces at the beginning and the end are ignored. An empty string gives an empty string.", "test_cases": ["Two words give two upper-case letters.", "Extra spaces between words change nothing.", "An empty string gives an empty string."]}"#,
};

pub(super) const MEDIUM_SHOT: TaskShot = TaskShot {
    data: "Topic: Counter, most_common\nWords: Counter, elements, update\n\ncollections.Counter\nA Counter is a dict subclass \
           for counting hashable objects. most_common(n) returns a list of the n most common elements and their counts.",
    shape: "takes a list of tuples and returns a dict",
    setting: "votes in several towns",
    answer: r#"{"reject": "", "thought": "The text is about counting. Counting votes in towns joins counting for each town with choosing a winner. A tie and the empty list must be settled, so that every correct function gives the same answer.", "concepts": ["counting", "grouping", "tie-breaking"], "title": "Winner of each town", "description": "Count the votes of each town and name its winner.", "entry_point": "town_winners", "signature": "town_winners(votes: list) -> dict", "task_prompt": "Write a function `town_winners(votes: list) -> dict` where `votes` is a list of `(town, name)` tuples of strings. Return a dict that maps each town to the name with the most votes in that town. If several names in a town have equally many votes, the alphabetically smallest of them wins. Towns and names are compared exactly as they are written. An empty list gives an empty dict.", "test_cases": ["The most frequent name of a town wins.", "A tie goes to the alphabetically smallest name.", "Towns are counted apart from each other.", "An empty list gives an empty dict."]}"#,
};

pub(super) const COMPLEX_SHOT: TaskShot = TaskShot {
    data: "Topic: shlex, split\nWords: quotes, tokens, escape\n\nshlex.split\nSplit the string using shell-like syntax. \
           Quoted parts are kept together, and errors are raised for quotes that are not closed.",
    shape: "takes a string and returns a dict",
    setting: "settings of a lamp",
    answer: r#"{"reject": "", "thought": "The text is about splitting a line into parts. Reading settings joins splitting, pairs, conversion of values, repeated keys and errors. The order of the rules must be fixed and each edge case named.", "concepts": ["splitting", "pairs", "conversion", "repeated keys", "errors"], "title": "Read settings from one line", "description": "Parse key=value pairs, convert numbers, keep the last of repeated keys, refuse broken parts.", "entry_point": "read_settings", "signature": "read_settings(line: str) -> dict", "task_prompt": "Write a function `read_settings(line: str) -> dict` that reads pairs such as 'level=3; colour=red'. Parts are separated by semicolons; spaces around parts, keys and values are removed, and empty parts are skipped. Each part is split at its first '='; the key is turned to lower case. A value that consists only of digits becomes an int, every other value stays a string. If a key occurs more than once, the last value counts. Raise ValueError if a part has no '=' or an empty key. An empty line gives an empty dict.", "test_cases": ["Two pairs give two keys.", "Digits become an integer and other values stay strings.", "The last of two equal keys counts.", "A part without an equals sign raises ValueError.", "An empty line gives an empty dict."]}"#,
};

/// A documented function and calls that try it.
pub(super) struct CallShot {
    pub(super) name: &'static str,
    pub(super) documentation: &'static str,
    pub(super) calls: [&'static str; CALLS_ASKED],
}

/// Without an example a small model writes the function, or one call again and again.
pub(super) const CALL_SHOT: CallShot = CallShot {
    name: "clamp_all",
    documentation: "```\nclamp_all(values, low, high=10)\n```\n\nReturn a list of the numbers in *values*, each moved into the \
                    range from *low* to *high*. ValueError is raised if *low* is greater than *high*.",
    calls: [
        "clamp_all([1, 5, 20], 2)",
        "clamp_all([3, 4, 5], 0)",
        "clamp_all([1, 5, 20], 2, 7)",
        "clamp_all([-3, 0, 3], -1, high=1)",
        "clamp_all((8, 9, 12), 9)",
        "clamp_all([2.5, 11.5], 3)",
        "clamp_all([5], 5, 5)",
        "clamp_all([7, 7, 7], 1, 6)",
        "clamp_all([], 0)",
        "clamp_all([-100, 100], -50, 50)",
        "clamp_all([10 ** 9], 0)",
        "clamp_all([1, 2], 5, 4)",
    ],
};
