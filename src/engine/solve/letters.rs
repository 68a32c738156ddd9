//! Whether a solution takes letters and digits beyond those that its task names. `str.isalpha` says yes to "\u{e9}", `isdigit`
//! to "\u{b2}": where a task speaks of "the letters a-z" and of all others, solutions that ask these overlook it together, and
//! no model's check holds such a letter.

use crate::dream::{Check, CheckKind, Suite};
use crate::engine::draft::Draft;
use crate::engine::settle::{Answer, told};
use crate::engine::{EngineError, Scene};
use crate::guardian::syntax::{Source, named};

/// What a task calls the letters or digits that it means.
const RANGES: [&str; 5] = ["a-z", "A-Z", "0-9", "ASCII letters", "ASCII digits"];
/// What it says of all others with: without it they may lie outside of the task.
const OTHERS: [&str; 6] = ["other", "others", "else", "ignore", "ignored", "ignores"];
/// Methods that know every script.
const METHODS: [&str; 7] = [
    "isalpha",
    "isalnum",
    "isdigit",
    "isdecimal",
    "isnumeric",
    "isupper",
    "islower",
];
type IsOne = fn(&char) -> bool;
/// What stands for a letter or a digit of another script.
const FOREIGN: [(IsOne, char); 3] = [
    (char::is_ascii_lowercase, '\u{e9}'),
    (char::is_ascii_uppercase, '\u{c9}'),
    (char::is_ascii_digit, '\u{b2}'),
];
/// Calls that are asked at most.
const QUESTIONS: usize = 6;

impl Scene<'_> {
    /// What `code` does with a foreign letter that it would not do if it took those of ASCII alone, in words. Nothing where
    /// its task names none, and where the real thing is there to be asked.
    pub(super) async fn foreign_letters(
        &self,
        draft: &Draft,
        code: &str,
        checks: &[(Suite, Check)],
    ) -> Result<Option<String>, EngineError> {
        let bounded =
            draft.reference.is_none() && names_a_range(&draft.candidate.scenario.task_prompt);
        let Some(twin) = bounded.then(|| twin(code)).flatten() else {
            return Ok(None);
        };
        let questions = foreign(checks);
        let (own, narrow) = (
            self.observe(code, &questions).await?,
            self.observe(&twin, &questions).await?,
        );
        // A fall may mean that the letter lies outside of the task.
        let values =
            |a: &Answer, b: &Answer| matches!((a, b), (Answer::Value(_), Answer::Value(_)));
        let mut answered = own.iter().zip(&narrow).zip(&questions);
        let apart = answered.find(|((own, narrow), _)| values(own, narrow) && own != narrow);
        Ok(apart.map(|((own, _), (_, question))| {
            let gave = told(own);
            format!(
                "it takes letters or digits beyond those that the task names: {} gave {gave}",
                question.call
            )
        }))
    }
}

/// Whether the task names its letters or digits, and speaks of all others.
fn names_a_range(task: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '-';
    let stands = |range: &str| {
        task.match_indices(range).any(|(at, _)| {
            let before = task[..at].chars().next_back();
            let after = task[at + range.len()..].chars().next();
            !before.is_some_and(joins) && !after.is_some_and(joins)
        })
    };
    let mut words = task.split(|c: char| !c.is_alphanumeric());
    RANGES.iter().any(|range| stands(range))
        && words.any(|word| OTHERS.contains(&word.to_ascii_lowercase().as_str()))
}

/// The code with each method that knows every script narrowed to ASCII; `None` where there is none.
fn twin(code: &str) -> Option<String> {
    let source = Source::parse(code)?;
    let mut narrowed = code.to_owned();
    let mut found = false;
    // From the end: what stands before keeps its place. What stands for the text holds no call, so none lies in another.
    for (node, _) in source.nodes().into_iter().rev() {
        let function = node
            .child_by_field_name("function")
            .filter(|f| node.kind() == "call" && f.kind() == "attribute");
        let bare = node
            .child_by_field_name("arguments")
            .is_some_and(|list| named(list).is_empty());
        let Some(function) = function.filter(|_| bare) else {
            continue;
        };
        let (object, method) = (
            function.child_by_field_name("object")?,
            function.child_by_field_name("attribute")?,
        );
        let object = source.text_of(object);
        if METHODS.contains(&source.text_of(method)) && !object.contains('(') {
            narrowed.replace_range(
                node.byte_range(),
                &format!("({object}.isascii() and {})", source.text_of(node)),
            );
            found = true;
        }
    }
    found.then_some(narrowed)
}

/// The calls of examples, each with one of its letters or digits in another script.
fn foreign(checks: &[(Suite, Check)]) -> Vec<(Suite, Check)> {
    let mut found: Vec<(Suite, Check)> = Vec::new();
    for (suite, check) in checks {
        if !matches!(check.kind, CheckKind::Example { .. }) {
            continue;
        }
        for (is_one, stranger) in FOREIGN {
            if let Some(call) = with(&check.call, is_one, stranger)
                && found.len() < QUESTIONS
            {
                found.push((
                    *suite,
                    Check {
                        call,
                        ..check.clone()
                    },
                ));
            }
        }
    }
    found
}

/// The call with the first such character of its first text that has one replaced.
fn with(call: &str, is_one: IsOne, stranger: char) -> Option<String> {
    let source = Source::parse(call)?;
    let texts = source
        .nodes()
        .into_iter()
        .filter(|(node, _)| node.kind() == "string_content");
    let places = texts
        .filter(|(node, _)| node.named_child_count() == 0)
        .map(|(node, _)| node.byte_range());
    let mut places = places.filter_map(|range| {
        let at = call[range.clone()]
            .char_indices()
            .find(|(_, c)| is_one(c))?
            .0;
        Some(range.start + at)
    });
    let at = places.next()?;
    Some(format!("{}{stranger}{}", &call[..at], &call[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_names_its_letters_where_it_speaks_of_the_others_too() {
        for (task, named) in [
            ("Shift the letters a-z. All other characters stay.", true),
            ("Keep `A-Z`; everything else is a space.", true),
            ("Digits (0-9) count, and others are ignored.", true),
            (
                "Each letter a-z is followed by a count of digits 0-9.",
                false,
            ),
            ("Marks of 90-95 are 'A', all others 'B'.", false),
            ("Since 2024-10-9, other days do not count.", false),
            ("Non-ASCII letters count, other characters do not.", false),
        ] {
            assert_eq!(names_a_range(task), named, "{task}");
        }
    }

    #[test]
    fn hostile_code_is_narrowed_or_left() {
        for (code, narrow) in [
            (
                "t[ch.isalpha(), '\u{e9}\u{e9}\u{e9}'].islower()",
                Some("t[(ch.isascii() and ch.isalpha()), '\u{e9}\u{e9}\u{e9}'].islower()"),
            ),
            (
                "s[i - s[i - 1].isdigit()].isalpha()",
                Some("s[i - (s[i - 1].isascii() and s[i - 1].isdigit())].isalpha()"),
            ),
            ("s[next(it)].isalpha()", None),
            ("f''.isalpha(", None),
        ] {
            assert_eq!(twin(code).as_deref(), narrow);
        }
    }

    #[test]
    fn every_method_that_knows_other_scripts_is_narrowed() {
        let code = "def f(s):\n    return [c for c in s if c.isalpha() or s[0].isdigit() and s.upper().islower()]\n";
        let narrow = twin(code).expect("two are narrowed");
        assert!(
            narrow.contains("(c.isascii() and c.isalpha()) or (s[0].isascii() and s[0].isdigit())"),
            "{narrow}"
        );
        assert!(narrow.contains("and s.upper().islower()"), "{narrow}");
        assert_eq!(
            twin("def f(s):\n    return s.upper() if 'a' <= s <= 'z' else s\n"),
            None
        );
    }

    #[test]
    fn one_letter_of_a_call_is_foreign_and_its_names_are_not() {
        let asked = |call: &str| {
            let checks = [(Suite::Visible, Check::example(call, "0"))];
            let calls = foreign(&checks).into_iter().map(|(_, check)| check.call);
            calls.collect::<Vec<_>>()
        };
        assert_eq!(
            asked("f('Xyz-1', a=4)"),
            [
                "f('X\u{e9}z-1', a=4)",
                "f('\u{c9}yz-1', a=4)",
                "f('Xyz-\u{b2}', a=4)"
            ]
        );
        assert_eq!(asked("f([1, 2], x)"), Vec::<String>::new());
        assert_eq!(asked(r"f('\n')"), Vec::<String>::new());
    }
}
