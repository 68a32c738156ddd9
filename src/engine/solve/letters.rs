//! Whether a solution takes letters and digits beyond those that its task names. `str.isalpha` says yes to "\u{e9}", `isdigit`
//! to "\u{b2}": where a task speaks of "the letters a-z", solutions that ask these overlook it together, and no model's
//! check holds such a letter.

use crate::dream::{Check, CheckKind, Suite};
use crate::engine::settle::told;
use crate::engine::{EngineError, Scene};
use crate::guardian::syntax::{Source, named};

/// What a task calls the letters or digits that it means.
const RANGES: [&str; 4] = ["a-z", "A-Z", "0-9", "ASCII"];
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
/// What stands for a letter or a digit of another script.
const FOREIGN: [(IsOne, char); 3] = [
    (char::is_ascii_lowercase, '\u{e9}'),
    (char::is_ascii_uppercase, '\u{c9}'),
    (char::is_ascii_digit, '\u{b2}'),
];
type IsOne = fn(&char) -> bool;

/// Calls that are asked at most.
const QUESTIONS: usize = 6;

impl Scene<'_> {
    /// Whether `code` answers calls with foreign letters as it would if it took those of ASCII alone. True where its task
    /// names none, and where it asks no method that knows others.
    pub(super) async fn keeps_to_the_letters(
        &self,
        task: &str,
        code: &str,
        checks: &[(Suite, Check)],
    ) -> Result<bool, EngineError> {
        let Some(twin) = RANGES
            .iter()
            .any(|range| task.contains(range))
            .then(|| twin(code))
            .flatten()
        else {
            return Ok(true);
        };
        let questions = foreign(checks);
        let (own, narrow) = (
            self.observe(code, &questions).await?,
            self.observe(&twin, &questions).await?,
        );
        let apart = own
            .iter()
            .zip(&narrow)
            .zip(&questions)
            .find(|((own, narrow), _)| own != narrow);
        if let Some(((own, _), (_, question))) = apart {
            tracing::debug!(
                scenario = self.number,
                call = question.call,
                gave = told(own),
                "a solution takes foreign letters"
            );
        }
        Ok(apart.is_none())
    }
}

/// The code with each method that knows every script narrowed to ASCII; `None` where there is none.
fn twin(code: &str) -> Option<String> {
    let source = Source::parse(code)?;
    let mut narrowed = code.to_owned();
    let mut found = false;
    // From the end: what stands before keeps its place.
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
        if METHODS.contains(&source.text_of(method))
            && matches!(object.kind(), "identifier" | "subscript" | "attribute")
        {
            let object = source.text_of(object);
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
