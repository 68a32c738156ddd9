//! Turns a model's answer into a scenario, or says why it is none. Pure; called by the weaver. Nothing in an answer is
//! believed: names are checked, lengths are bounded, and tasks that no sandbox could judge are refused.

use serde::Deserialize;
use serde_json::Value as Json;

use super::libraries;
use crate::dream::{Difficulty, Scenario};

/// Shorter task texts leave open what is asked for.
const MIN_TASK: usize = 60;
/// Longer ones are rambling, and every later prompt carries them.
const MAX_TASK: usize = 2_000;
const MAX_LINE: usize = 300;
const MAX_TEST_CASES: usize = 8;

/// A task with the thought that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) scenario: Scenario,
    pub(super) thought: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The model found nothing in the text.
    Rejected(String),
    Malformed(String),
    /// A task that cannot be judged by its results.
    Unusable(String),
    /// A task for a library that is not there.
    Wants(&'static str),
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    reject: Option<Json>,
    #[serde(default)]
    thought: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    entry_point: String,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    task_prompt: String,
    #[serde(default)]
    test_cases: Vec<Json>,
}

pub(super) fn read(json: Json, difficulty: Difficulty, present: &[String]) -> Result<Told, Unfit> {
    let answer: Answer =
        serde_json::from_value(json).map_err(|e| Unfit::Malformed(e.to_string()))?;
    let task = answer.task_prompt.trim();
    if let Some(reason) = answer.reject.as_ref().and_then(rejection)
        && task.len() < MIN_TASK
    {
        return Err(Unfit::Rejected(line(&reason)));
    }
    let entry_point = name_in(&answer.entry_point)
        .or_else(|| name_in(&answer.signature))
        .or_else(|| entry_point_in(task))
        .ok_or_else(|| Unfit::Malformed("no usable function name".to_owned()))?;
    let task_prompt = with_signature(task, &entry_point, &answer.signature);
    if !(MIN_TASK..=MAX_TASK).contains(&task_prompt.len()) {
        return Err(Unfit::Unusable(format!(
            "a task text of {} bytes",
            task_prompt.len()
        )));
    }
    if let Some(word) = impure_word(&task_prompt) {
        return Err(Unfit::Unusable(format!(
            "it asks for more than a result: {word:?}"
        )));
    }
    if let Some(mark) = copied_mark(&task_prompt) {
        return Err(Unfit::Unusable(format!(
            "it was copied from documentation: {mark:?}"
        )));
    }
    if let Some(module) = libraries::absent(&task_prompt, present) {
        return Err(Unfit::Wants(module));
    }
    let spoken_of = libraries::spoken_of(&task_prompt);
    let text = |json: &Json| json.as_str().map(line).filter(|l| !l.is_empty());
    let lower = task_prompt.to_lowercase();
    let scenario = Scenario {
        title: if answer.title.trim().is_empty() {
            entry_point.replace('_', " ")
        } else {
            line(&answer.title)
        },
        description: line(&answer.description),
        difficulty,
        libraries: present
            .iter()
            .filter(|l| lower.contains(&l.to_lowercase()) || spoken_of.contains(&l.as_str()))
            .cloned()
            .collect(),
        test_cases: answer
            .test_cases
            .iter()
            .filter_map(text)
            .take(MAX_TEST_CASES)
            .collect(),
        entry_point,
        task_prompt,
        in_place: Vec::new(),
    };
    Ok(Told {
        scenario,
        thought: line(&answer.thought),
    })
}

/// The reason in `reject`: a sentence; small models also write "no", "false" or "none" for "I do not reject".
fn rejection(reject: &Json) -> Option<String> {
    let text = match reject {
        Json::Bool(true) => "no reason given".to_owned(),
        Json::String(text) => text.trim().to_owned(),
        Json::Null | Json::Bool(false) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            String::new()
        }
    };
    let no = ["", "no", "none", "false", "empty", "n/a", "null"]
        .contains(&text.to_lowercase().trim_end_matches('.'));
    (!no).then_some(text)
}

/// The name of the function that a task text asks for, where it writes one with brackets: "`merge(a, b)`", "def merge(".
pub(super) fn entry_point_in(task: &str) -> Option<String> {
    let quoted = task.split('`').skip(1).step_by(2);
    let defined = task.split("def ").skip(1);
    let spoken = task.split("function ").skip(1);
    quoted
        .chain(defined)
        .chain(spoken)
        .filter(|text| text.contains('('))
        .find_map(name_in)
        // "a function called merge", "named `merge`"
        .or_else(|| {
            let after = |word: &str| {
                task.split(word)
                    .nth(1)
                    .map(|t| t.trim_start_matches(['`', '"', '\'', ' ']))
            };
            [" called ", " named "]
                .into_iter()
                .filter_map(after)
                .find_map(name_in)
        })
}

/// The Python name at the start of a text, where it may be a function's.
pub(super) fn name_in(text: &str) -> Option<String> {
    const KEYWORDS: [&str; 38] = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield", "that", "which", "to",
    ];
    let text = text.trim().trim_start_matches("def ").trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let name = &text[..end];
    let first = name.chars().next()?;
    let ok = (first.is_ascii_alphabetic() || first == '_')
        && !name.starts_with("__")
        && (2..=60).contains(&name.len())
        && !KEYWORDS.contains(&name);
    ok.then(|| name.to_owned())
}

/// The task text, with the signature before it where it does not name the function with its arguments.
fn with_signature(task: &str, entry_point: &str, signature: &str) -> String {
    if task.contains(&format!("{entry_point}(")) {
        return task.to_owned();
    }
    let signature = signature
        .trim()
        .trim_start_matches("def ")
        .trim_end_matches(':')
        .trim();
    let good = signature.starts_with(&format!("{entry_point}("))
        && signature.len() <= MAX_LINE
        && !signature.contains('\n');
    if good {
        format!("Write a function `{signature}`. {task}")
    } else if task.contains(entry_point) {
        task.to_owned()
    } else {
        format!("Write a function named `{entry_point}`. {task}")
    }
}

/// A word that asks for something that shows in no return value.
fn impure_word(task: &str) -> Option<&'static str> {
    const WORDS: [&str; 20] = [
        "print the",
        "prints the",
        "print out",
        "standard output",
        "stdout",
        "stdin",
        "user input",
        "prompt the user",
        "random",
        "current time",
        "current date",
        "today's date",
        "sleep",
        "download",
        "http request",
        "open the file",
        "reads the file",
        "writes to a file",
        "from a file",
        "database",
    ];
    let lower = task.to_lowercase();
    WORDS.into_iter().find(|word| lower.contains(word))
}

/// A sign that the task's text is somebody's documentation and makes no sense without it.
fn copied_mark(task: &str) -> Option<&'static str> {
    const MARKS: [&str; 14] = [
        ":class:",
        ":meth:",
        ":func:",
        ":attr:",
        ":mod:",
        ":ref:",
        ":keyword:",
        "\n.. ",
        "::\n",
        "documented below",
        "see below",
        "the text above",
        "this module",
        "changed in version",
    ];
    let lower = task.to_lowercase();
    MARKS.into_iter().find(|mark| lower.contains(mark))
}

/// One bounded line without control characters.
fn line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    line[..line.floor_char_boundary(MAX_LINE)].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const TASK: &str =
        "Return the sum of the squares of all even numbers in the list; an empty list gives 0.";

    fn told(json: Json) -> Result<Told, Unfit> {
        read(json, Difficulty::Simple, &["numpy".to_owned()])
    }

    #[test]
    fn a_task_without_its_signature_gets_it() {
        let told = told(
            json!({"entry_point": "square_evens", "signature": "def square_evens(xs: list) -> int:",
            "task_prompt": TASK, "test_cases": ["one", 2, " "]}),
        )
        .unwrap();
        assert!(
            told.scenario
                .task_prompt
                .starts_with("Write a function `square_evens(xs: list) -> int`. Return")
        );
        assert_eq!(told.scenario.test_cases, ["one"]);
        assert_eq!(told.scenario.title, "square evens");
        assert!(told.scenario.libraries.is_empty(), "numpy is not spoken of");
    }

    #[test]
    fn the_model_may_reject_but_not_while_giving_a_task() {
        assert_eq!(
            told(json!({"reject": "only a licence text"})),
            Err(Unfit::Rejected("only a licence text".to_owned()))
        );
        for not in [
            json!(""),
            json!("None"),
            json!(false),
            json!("no."),
            json!("seldom"),
        ] {
            assert!(
                told(json!({"reject": not, "entry_point": "f2", "task_prompt": TASK})).is_ok(),
                "{not}"
            );
        }
    }

    #[test]
    fn tasks_that_show_nothing_in_their_result_are_refused() {
        for bad in [
            "and print the result of it all on the screen so that people can see it",
            "of random numbers that are drawn again each time it is called",
        ] {
            let task = format!("Write a function `total(xs)` that takes the sum {bad}.");
            assert!(
                matches!(
                    told(json!({"entry_point": "total", "task_prompt": task})),
                    Err(Unfit::Unusable(_))
                ),
                "{bad}"
            );
        }
        assert!(matches!(
            told(json!({"entry_point": "total", "task_prompt": "Sum."})),
            Err(Unfit::Unusable(_))
        ));
    }

    #[test]
    fn names_that_python_would_refuse_are_refused() {
        for bad in ["", "1st", "class", "__init__", "a", "über"] {
            assert_eq!(name_in(bad), None, "{bad}");
        }
        assert_eq!(name_in("def merge(a, b):").as_deref(), Some("merge"));
    }

    #[track_caller]
    fn check_name(task: &str, expected: Option<&str>) {
        assert_eq!(entry_point_in(task).as_deref(), expected, "{task}");
    }

    #[test]
    fn a_given_task_names_its_function_in_many_ways() {
        check_name("Write `merge(a, b)` that…", Some("merge"));
        check_name("Complete: def merge(a, b):", Some("merge"));
        check_name("Write a Python function merge(a, b).", Some("merge"));
        check_name("Write a function called merge which…", Some("merge"));
        check_name("Write a function named `merge` that…", Some("merge"));
        check_name("Write a function that takes `items` (a list).", None);
        check_name("Sort a list.", None);
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(a in any::<String>(), b in any::<String>(), c in any::<String>()) {
            let _ = told(json!({"entry_point": a, "task_prompt": b, "signature": c, "title": a, "reject": c}));
            let _ = entry_point_in(&b);
        }
    }
}
