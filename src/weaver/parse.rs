//! Lifts the checks out of what a model wrote: `assert f(x) == literal` lines and their relatives. Pure; called by the
//! weaver on hostile text. Never evaluates anything beyond arithmetic on small constants, and never lifts a check whose
//! call does not name the entry point.

use tree_sitter::Parser;

use crate::dream::Check;

mod claims;
mod domain;
mod names;
mod reader;
mod stated;

pub use domain::Domain;
use reader::Reader;
pub(super) use reader::{bare, children};
pub use stated::{named_errors, stated};

/// Longer calls and expectations are not "worked out by hand"; a person must be able to read them.
const MAX_CALL: usize = 300;
const MAX_EXPECT: usize = 600;

/// Statements that are looked at: an answer has about ten.
const MAX_STATEMENTS: usize = 200;

/// Of a text that is read at all: an answer of 1,200 tokens has about 5,000 bytes.
const MAX_TEXT: usize = 64 << 10;

/// The checks in `text` on `entry_point`, in order, without doubles; where two contradict each other both are dropped.
#[must_use]
pub fn checks(text: &str, entry_point: &str) -> Vec<Check> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let code = fenced(text);
    let mut lifted = Vec::new();
    if !lift_all(&code, entry_point, &mut lifted) {
        // One broken line must not take the others with it.
        lifted.clear();
        for statement in statements(&code) {
            lift_all(&statement, entry_point, &mut lifted);
        }
    }
    without_doubles(lifted)
}

/// The calls of `entry_point` in `text`, one a line, without doubles: their results are for somebody else to tell.
#[must_use]
pub fn calls(text: &str, entry_point: &str) -> Vec<Call> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    let code = fenced(text);
    let mut lifted = Vec::new();
    for line in code.lines().take(MAX_STATEMENTS) {
        let line = line.trim().trim_start_matches(">>>").trim_start();
        let shown = line
            .strip_prefix("print(")
            .and_then(|l| l.strip_suffix(')'));
        let line = shown.unwrap_or(line);
        // The same walk as for checks, so that the same calls are refused; the claim is only there to carry the call.
        for call in [line, line.split(" #").next().unwrap_or(line)] {
            if lift_all(
                &format!("assert ({call}) is None"),
                entry_point,
                &mut lifted,
            ) {
                break;
            }
        }
    }
    let calls = without_doubles(lifted).into_iter();
    calls
        .map(|Check { setup, call, .. }| Call { setup, call })
        .collect()
}

/// A call without a claim about its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub setup: String,
    pub call: String,
}

/// The same check for the purpose of finding doubles: spaces do not count.
pub(super) fn key(check: &Check) -> String {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    format!("{}\n{}", bare(&check.setup), bare(&check.call))
}

fn without_doubles(lifted: Vec<Check>) -> Vec<Check> {
    let mut kept: Vec<Check> = Vec::new();
    let mut contradicted = Vec::new();
    for check in lifted {
        match kept.iter().find(|k| key(k) == key(&check)) {
            None => kept.push(check),
            Some(before) if before.kind != check.kind => contradicted.push(key(&check)),
            Some(_) => {}
        }
    }
    kept.retain(|check| !contradicted.contains(&key(check)));
    kept
}

/// All fenced blocks one after the other; the whole text where there is no fence.
fn fenced(text: &str) -> String {
    let mut inside = false;
    let mut any = false;
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            any = true;
        } else if inside {
            code.push_str(line);
            code.push('\n');
        }
    }
    if any { code } else { text.to_owned() }
}

/// Runs of lines that may each be a statement: a line and what follows until its brackets are closed.
fn statements(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if !["assert", "with ", "self.assert", "pytest.raises", "raises("]
            .iter()
            .any(|s| line.starts_with(s))
        {
            continue;
        }
        let mut statement = line.to_owned();
        // Brackets inside strings are miscounted; such a statement does not parse and is left out.
        let open =
            |s: &str| s.matches(['(', '[', '{']).count() > s.matches([')', ']', '}']).count();
        while open(&statement) && statement.len() < MAX_CALL + MAX_EXPECT {
            let starts_anew = lines
                .peek()
                .is_none_or(|next| next.trim_start().starts_with("assert"));
            if starts_anew {
                break;
            }
            statement.push('\n');
            statement.push_str(lines.next().unwrap_or_default());
        }
        if statement.starts_with("with ") && statement.ends_with(':') {
            statement.push_str("\n    ");
            statement.push_str(lines.next().unwrap_or_default().trim());
        }
        found.push(statement);
        if found.len() == MAX_STATEMENTS {
            break;
        }
    }
    found
}

/// Lifts every check of `code`; false where it is not Python.
fn lift_all(code: &str, entry_point: &str, lifted: &mut Vec<Check>) -> bool {
    let mut parser = Parser::new();
    if parser
        .set_language(&tree_sitter_python::LANGUAGE.into())
        .is_err()
    {
        return false;
    }
    let Some(tree) = parser.parse(code, None) else {
        return false;
    };
    if tree.root_node().has_error() {
        return false;
    }
    let reader = Reader { code, entry_point };
    reader.block(tree.root_node(), 0, lifted);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dream::CheckKind;

    /// One line a check: `setup | call -> kind`.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let show = |c: &Check| {
            let setup = if c.setup.is_empty() {
                String::new()
            } else {
                format!("{} | ", c.setup.replace('\n', "; "))
            };
            match &c.kind {
                CheckKind::Example { expect } => format!("{setup}{} -> {expect}", c.call),
                CheckKind::Raises { error } => format!("{setup}{} raises {error}", c.call),
                CheckKind::Property { holds } => format!("{setup}{} holds {holds}", c.call),
            }
        };
        let shown: Vec<String> = checks(text, "f").iter().map(show).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn equalities_on_either_side_are_lifted() {
        check(
            "```python\nassert f([1, 2]) == [2, 1]\nassert (3) == f(1, k=2)\n```",
            &["f([1, 2]) -> [2, 1]", "f(1, k=2) -> 3"],
        );
        check("assert f(1) == -1, 'message'", &["f(1) -> -1"]);
        check("assert len(f(1)) == 2", &["len(f(1)) -> 2"]);
    }

    #[test]
    fn truth_and_none_are_lifted() {
        check(
            "assert f(1)\nassert not f(2)\nassert f(3) is None\nassert f(4) is False\nassert f(5) is True",
            &[
                "f(1) -> True",
                "f(2) -> False",
                "f(3) -> None",
                "f(4) -> False",
                "f(5) -> True",
            ],
        );
    }

    #[test]
    fn calls_are_lifted_without_their_results() {
        let text = "```python\nf(1)\n>>> f([2, 3], k='x')  # gives 5\nprint(f(4))\nlist(f(5))\nf(1)\ng(6)\nf(\nf(open('x'))\n```";
        let found: Vec<String> = calls(text, "f").into_iter().map(|c| c.call).collect();
        assert_eq!(found[..2], ["f(1)", "f([2, 3], k='x')"]);
        assert!(found.contains(&"list(f(5))".to_owned()));
        assert!(found.contains(&"f(4)".to_owned()));
        assert!(
            !found
                .iter()
                .any(|c| c.contains("g(6)") || c.contains("open")),
            "{found:?}"
        );
    }

    #[test]
    fn errors_are_lifted_in_every_usual_form() {
        check(
            "with pytest.raises(ValueError):\n    f(-1)",
            &["f(-1) raises ValueError"],
        );
        check(
            "with raises(KeyError): f({}, 'a')",
            &["f({}, 'a') raises KeyError"],
        );
        check(
            "pytest.raises(TypeError, f, None, 2)",
            &["f(None, 2) raises TypeError"],
        );
        check(
            "with pytest.raises(ValueError, match='x') as e:\n    y = f(-1)",
            &["f(-1) raises ValueError"],
        );
        check(
            "try:\n    f(0)\n    assert False\nexcept ZeroDivisionError:\n    pass",
            &["f(0) raises ZeroDivisionError"],
        );
        check("with raises(Exception): f(0)", &[]);
        check("try:\n    f(0)\nexcept ValueError:\n    pass", &[]);
    }

    #[test]
    fn constants_are_folded_and_everything_else_is_dropped() {
        check("assert f(1) == [0] * 3", &["f(1) -> [0, 0, 0]"]);
        check("assert f(1) == 2 ** 10", &["f(1) -> 1024"]);
        check("assert f(1) == [1 + 1, -2 * 3]", &["f(1) -> [2, -6]"]);
        check("assert f(1) == 'ab' * 2", &["f(1) -> 'abab'"]);
        check(
            "assert f(1) == sum([1, 2])\nassert f(2) == g(3)\nassert f(3) == f(4)\nassert f(5) == 2 ** 99999",
            &[],
        );
    }

    #[test]
    fn an_expected_dict_that_names_a_key_twice_is_dropped() {
        check(
            "assert f(1) == {'a': 0, 'a': 1}\nassert f(2) == [{'a': 0}, {'a': 1}]",
            &["f(2) -> [{'a': 0}, {'a': 1}]"],
        );
    }

    #[test]
    fn floats_become_nearness() {
        check(
            "assert f(1) == pytest.approx(0.5)",
            &["f(1) holds abs(result - (0.5)) <= 5e-7"],
        );
        check(
            "assert math.isclose(f(1), 2.0)",
            &["f(1) holds abs(result - (2.0)) <= 2e-6"],
        );
        check(
            "assert abs(f(1) - 0.33) < 0.01",
            &["f(1) holds abs(result - (0.33)) <= 1e-2"],
        );
        check("assert f(1) == 0.25", &["f(1) -> 0.25"]);
        check("assert abs(f(1) - 0.33) < 100", &[]);
    }

    #[test]
    fn what_stands_before_a_check_becomes_its_setup() {
        check(
            "def test_it():\n    items = [1, 2]\n    expected = [2]\n    assert f(items) == expected\n    assert f(3) == 1",
            &["items = [1, 2] | f(items) -> [2]", "f(3) -> 1"],
        );
        check(
            "from datetime import date\nassert f(date(2024, 1, 1)) == 1",
            &["from datetime import date | f(date(2024, 1, 1)) -> 1"],
        );
        check("assert f(math.pi) == 3", &["import math | f(math.pi) -> 3"]);
        check("assert f(unknown) == 3", &[]);
        check("x = f(1)\nassert f(x) == 3", &[]);
        check(
            "assert f([x * 2 for x in range(3)], key=lambda y: -y) == 3",
            &["f([x * 2 for x in range(3)], key=lambda y: -y) -> 3"],
        );
    }

    #[test]
    fn checks_that_decide_inside_or_miss_the_entry_point_are_dropped() {
        check(
            "assert f(1) != 2\nassert f(1) > 2\nassert isinstance(f(1), list)\nassert g(1) == 2\nassert 1 == 1",
            &[],
        );
        check(
            "assert (f(1) == 2) == True\nassert f(1) == 2 and f(2) == 3\nassert 'a' in f(1)",
            &[],
        );
    }

    #[test]
    fn doubles_go_and_contradictions_take_both() {
        check(
            "assert f(1) == 2\nassert f( 1 ) == 2\nassert f(3) == 4\nassert f(3) == 5",
            &["f(1) -> 2"],
        );
    }

    #[test]
    fn a_broken_line_does_not_take_the_others_with_it() {
        check(
            "assert f(1) == 2\nassert f([[1]]]) == 3\nassert f(\n    2,\n) == [\n    3]\nwith raises(ValueError):\n    f(9)\nassert f(4) == (",
            &[
                "f(1) -> 2",
                "f( 2, ) -> [\n    3]",
                "f(9) raises ValueError",
            ],
        );
    }

    #[test]
    fn long_checks_are_dropped() {
        check(&format!("assert f('{}') == 1", "x".repeat(400)), &[]);
        check(&format!("assert f(1) == '{}'", "x".repeat(700)), &[]);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = checks(&text, "f");
        }

        #[test]
        fn arbitrary_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(vec![
            "assert ", "f(1)", "f(", ")", " == ", "2", "[", "]", "* 3", "\n", "with raises(E): ", "try:\n    ", "not ",
            "except E:\n    pass\n", "abs(", " - ", " < ", "x = ", "is None", "```", "def t():\n    ", "self.assertEqual(", ", ",
        ]), 0..40)) {
            for check in checks(&pieces.concat(), "f") {
                prop_assert!(check.call.contains('f'));
            }
        }

        #[test]
        fn integers_come_back_as_written(n in any::<i32>()) {
            let lifted = checks(&format!("assert f({n}) == {n}"), "f");
            let expect = n.to_string();
            prop_assert_eq!(&lifted[0].kind, &CheckKind::Example { expect });
        }
    }
}
